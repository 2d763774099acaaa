#include "core/study/advice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>

#include "core/profile/floors.h"
#include "core/profile/number_text.h"
#include "core/study/identity.h"
#include "core/study/scaling.h"

namespace perfmamba::study {
namespace {

using profile::ComponentCost;
using profile::formatBytes;
using profile::formatPercent;
using profile::formatRatio;
using profile::formatTime;
using profile::Point;
using profile::Profile;
using profile::Ratio;

// Below these nothing is said: they are what a person would do something about.
constexpr double kFar = 0.5;        // of the floor
constexpr double kReachable = 0.6;  // of the floor: what good kernels reach
constexpr const char* kReachableText = "60 %";
constexpr double kLeastShare = 0.1;     // of a component far from its floor, and of products that memory limits
constexpr double kLeastWin = 1.05;      // by which a pass would be faster
constexpr double kLeastGaps = 0.05;     // share of 'other'
constexpr double kLeastIdle = 0.1;      // of the device in the last pass
constexpr double kLeastHead = 0.15;     // share of lm_head
constexpr double kMostOverhead = 1.05;  // recorded over not recorded
constexpr double kLeastClock = 0.95;    // of the highest
constexpr std::int64_t kLeastReadings = 5;
constexpr double kMostExponentError = 0.25;  // half the interval
constexpr double kNearHalf = 0.05;           // of a study's share to one half

constexpr std::array<std::string_view, 11> kTopicNames = {
    "dominates", "baseline", "states", "floor", "gaps", "precision", "head", "clock", "memory", "recording", "noise"};

// Numbers as text ---------------------------------------------------------------------------------------------------

/// Of estimates.
std::string times(double factor) {
    return fmt::format("{:.2f}×", factor);
}

std::string workloadText(const Profile& profile, const Point& point) {
    const bool prefill = profile.options.mode == profile::Mode::Prefill;
    return fmt::format("{} {} token{} at batch {}", prefill ? "a prefill of" : "a decode step after", point.length,
                       point.length == 1 ? "" : "s", profile.options.batch);
}

// Measured numbers --------------------------------------------------------------------------------------------------

struct Share {
    double value = 0;  // as the tables have it
    double ci_low = 0;
    double ci_high = 0;
};

/// Of the pass, for components together: as the tables have it, their time over the passes' time in the calm passes.
/// The interval is of this ratio of sums, by its residuals in these passes and Student's t, widened where passes
/// resemble their neighbours. Empty where there are too few passes for one.
std::optional<Share> shareOf(const Point& point, std::span<const ComponentCost* const> costs) {
    const std::vector<double>& totals = point.total.samples;
    std::vector<double> parts(totals.size(), 0);
    Share share;
    for (const ComponentCost* cost : costs) {
        if (cost->time.n() != totals.size()) return std::nullopt;
        share.value += cost->share;
        for (std::size_t i = 0; i < parts.size(); ++i) parts[i] += cost->time.samples[i];
    }
    std::vector<double> shares(totals.size());
    for (std::size_t i = 0; i < shares.size(); ++i) shares[i] = parts[i] / totals[i];
    const profile::Summary summary = profile::summarise(std::move(shares));
    if (!std::isfinite(summary.relativeError())) return std::nullopt;

    const std::vector<std::size_t> calm = profile::calmPasses(totals);
    double whole = 0;
    double squares = 0;
    for (const std::size_t pass : calm) {
        const double residual = parts[pass] - share.value * totals[pass];
        whole += totals[pass];
        squares += residual * residual;
    }
    const auto count = static_cast<double>(calm.size());
    const double error = std::sqrt(squares * count / (count - 1)) / whole;
    const double half = profile::studentT(calm.size() - 1) * error * std::sqrt(profile::correlationTime(summary));
    share.ci_low = std::max(0.0, share.value - half);
    share.ci_high = std::min(1.0, share.value + half);
    return share;
}

std::optional<Share> shareOf(const Point& point, const ComponentCost* cost) {
    if (!cost) return std::nullopt;
    const std::array costs = {cost};
    return shareOf(point, costs);
}

std::string shareText(const Share& share) {
    return fmt::format("{} ({:.1f} … {:.1f} %)", formatPercent(share.value), share.ci_low * 100, share.ci_high * 100);
}

/// Of what was measured: as exactly as tables of comparisons have it.
std::string ratioText(const Ratio& ratio) {
    return formatRatio(ratio, "×");
}

Evidence evidenceOf(const Point& point, std::string what, const Share& share) {
    return {std::move(what), formatPercent(share.value), share.value, share.ci_low, share.ci_high, Basis::Measured,
            point.length};
}

Evidence evidenceOf(const Point& point, std::string what, const Ratio& ratio) {
    return {
        std::move(what), formatRatio(ratio.median) + "×", ratio.median, ratio.ci_low, ratio.ci_high, Basis::Measured,
        point.length};
}

Evidence evidenceOf(const Point& point, std::string what, const profile::Summary& time) {
    return {std::move(what), formatTime(time.median), time.median, time.ci_low,
            time.ci_high,    Basis::Measured,         point.length};
}

Evidence exactly(const Point& point, std::string what, std::string text, double value, Basis basis) {
    return {std::move(what), std::move(text), value, value, value, basis, point.length};
}

/// Amdahl's law: how many times as fast a pass is without that share of it.
double without(double share) {
    return 1 / (1 - std::min(share, 1.0));
}

/// Whether passes were told apart into components; else only their whole time is known.
bool recorded(const Profile& profile) {
    return profile.options.trace != TraceMode::Off;
}

const Point& longest(const Profile& profile) {
    return *std::ranges::max_element(profile.points, {}, &Point::length);
}

const Point& shortest(const Profile& profile) {
    return *std::ranges::min_element(profile.points, {}, &Point::length);
}

// The rules ---------------------------------------------------------------------------------------------------------

struct Ranked {
    const ComponentCost* cost;
    Share share;
};

/// ": its time grows as length^0.97 (0.95 … 0.99) over 64 … 1024 tokens".
std::string growthText(const Profile& profile, Component component, Advice& advice) {
    if (profile.options.mode != profile::Mode::Prefill) return {};
    std::vector<double> lengths, times_us;
    for (const Point& point : profile.points) {
        const ComponentCost* cost = point.find(component);
        if (!cost) return {};
        lengths.push_back(static_cast<double>(point.length));
        times_us.push_back(cost->time.median);
    }
    const PowerLaw law = fitPowerLaw(lengths, times_us);
    if (!(law.exponent_ci_high - law.exponent_ci_low < 2 * kMostExponentError)) return {};
    advice.evidence.push_back({fmt::format("exponent of {}'s time over length", name(component)),
                               fmt::format("{:.2f}", law.exponent), law.exponent, law.exponent_ci_low,
                               law.exponent_ci_high, Basis::Estimate, advice.length});
    return fmt::format("; its time grows as length^{:.2f} ({:.2f} … {:.2f}) over {} … {} tokens", law.exponent,
                       law.exponent_ci_low, law.exponent_ci_high, shortest(profile).length, longest(profile).length);
}

void adviseOnDominating(const Profile& profile, std::vector<Advice>& to) {
    const Point& point = longest(profile);
    std::vector<Ranked> ranked;
    for (const ComponentCost& cost : point.components) {
        const auto share = shareOf(point, &cost);
        if (share && cost.component != Component::Other) ranked.push_back({&cost, *share});
    }
    if (ranked.size() < 2) return;
    std::ranges::stable_sort(ranked, std::greater<>(), [](const Ranked& r) { return r.share.value; });
    const auto& [first, first_share] = ranked[0];
    const auto& [second, second_share] = ranked[1];
    Advice advice{.topic = Topic::Dominates, .length = point.length, .component = first->component};
    for (const auto& [cost, share] : {ranked[0], ranked[1]})
        advice.evidence.push_back(evidenceOf(point, fmt::format("share of {}", name(cost->component)), share));
    if (first_share.ci_low > second_share.ci_high) {
        advice.sentence = fmt::format("{} takes the largest part of {}: {}, before {} with {}", name(first->component),
                                      workloadText(profile, point), shareText(first_share), name(second->component),
                                      formatPercent(second_share.value));
        advice.sentence += growthText(profile, first->component, advice) + ".";
    } else {
        advice.sentence = fmt::format(
            "{} and {} take the largest parts of {}, {} and {}; which of the two takes more is within the "
            "noise.",
            name(first->component), name(second->component), workloadText(profile, point), shareText(first_share),
            shareText(second_share));
    }
    to.push_back(std::move(advice));
}

void adviseOnBaseline(const Profile& profile, const profile::Comparison* comparison, std::vector<Advice>& to) {
    if (!comparison) return;
    const profile::PointComparison* most = nullptr;
    bool all_known = !comparison->points.empty();
    const auto sizeOf = [](const profile::PointComparison& point) {
        return std::abs(std::log(point.find(profile::Subject::Pass)->ratio.median));
    };
    for (const profile::PointComparison& point : comparison->points) {
        const profile::Change& pass = *point.find(profile::Subject::Pass);
        all_known = all_known && pass.ratio.known() && std::isfinite(pass.ratio.median);
        if (pass.differs() && std::isfinite(pass.ratio.median) && (!most || sizeOf(point) > sizeOf(*most)))
            most = &point;
    }
    if (!most) {
        if (!all_known) return;
        Advice advice{.topic = Topic::Baseline, .length = longest(profile).length};
        for (const profile::PointComparison& each : comparison->points) {
            Evidence evidence = evidenceOf({}, "pass, after / before", each.find(profile::Subject::Pass)->ratio);
            evidence.length = each.length;
            advice.evidence.push_back(std::move(evidence));
        }
        advice.sentence = fmt::format("Against the baseline no difference was measured in a whole pass at {} length{}.",
                                      comparison->points.size(), comparison->points.size() == 1 ? "" : "s");
        to.push_back(std::move(advice));
        return;
    }
    const auto point = std::ranges::find(profile.points, most->length, &Point::length);
    if (point == profile.points.end()) return;
    const profile::Change& pass = *most->find(profile::Subject::Pass);
    Advice advice{.topic = Topic::Baseline, .length = most->length};
    advice.evidence.push_back(evidenceOf(*point, "pass, after / before", pass.ratio));
    advice.sentence =
        fmt::format("Against the baseline {} takes {} as long", workloadText(profile, *point), ratioText(pass.ratio));
    std::vector<profile::Change> changes = most->changes;
    std::erase_if(changes, [&](const profile::Change& change) {
        return change.subject != profile::Subject::Component || change.verdict != pass.verdict;
    });
    if (!changes.empty() && recorded(profile)) {
        const profile::Change& change = *std::ranges::min_element(changes, profile::changedMore);
        advice.component = change.component;
        advice.sentence += fmt::format("; most of it is {}, {} → {}", name(change.component), formatTime(change.before),
                                       formatTime(change.after));
        advice.evidence.push_back(
            evidenceOf(*point, fmt::format("{}, after / before", name(change.component)), change.ratio));
    }
    advice.sentence += ".";
    to.push_back(std::move(advice));
}

/// What is removed where half the states of each group go.
struct Half {
    std::int64_t kept = 0;  // in all layers and groups
    double removed = 0;     // share of the states
    double in_proj = 0;     // share of in_proj's rows
    double conv1d = 0;      // of the convolution's channels
    double x_proj = 0;      // of x_proj's rows
};

std::optional<Half> halfTheStates(const model::Config& config) {
    model::Config half = config;
    if (half.state_sizes.empty()) {
        half.state_sizes.assign(static_cast<std::size_t>(config.n_layer),
                                std::vector(static_cast<std::size_t>(config.groups()), config.d_state));
    }
    for (std::vector<std::int64_t>& layer : half.state_sizes) {
        for (std::int64_t& states : layer) states -= states / 2;
    }
    std::int64_t states = 0, rows = 0, channels = 0, x_rows = 0;
    Half result;
    std::int64_t rows_kept = 0, channels_kept = 0, x_rows_kept = 0;
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
        states += config.states(layer);
        result.kept += half.states(layer);
        rows += config.inProjRows(layer);
        rows_kept += half.inProjRows(layer);
        channels += config.convWidth(layer);
        channels_kept += half.convWidth(layer);
        x_rows += config.dt_rank + 2 * config.states(layer);
        x_rows_kept += half.dt_rank + 2 * half.states(layer);
    }
    if (result.kept >= states) return std::nullopt;
    const auto gone = [](std::int64_t kept, std::int64_t of) {
        return of > 0 ? 1 - static_cast<double>(kept) / static_cast<double>(of) : 0.0;
    };
    result.removed = gone(result.kept, states);
    result.in_proj = gone(rows_kept, rows);
    result.conv1d = gone(channels_kept, channels);
    result.x_proj = gone(x_rows_kept, x_rows);
    return result;
}

/// The share of a pass that goes where half the states go and every component's time with what it loses: an estimate,
/// for fewer states may also fit into caches, and a shorter loop may have its own cost. Of components that run inside
/// another's kernel the part that loses most speaks for all of it.
double savedBy(const Point& point, const Half& half) {
    double saved = 0;
    for (const ComponentCost& cost : point.components) {
        switch (cost.component) {
            case Component::Ssm: saved += cost.share * half.removed; break;
            case Component::InProj:
                saved +=
                    cost.share * (point.find(Component::Conv1d) ? half.in_proj : std::max(half.in_proj, half.conv1d));
                break;
            case Component::Conv1d: saved += cost.share * half.conv1d; break;
            case Component::XProj: saved += cost.share * half.x_proj; break;
            default: break;
        }
    }
    return saved;
}

struct MeasuredHalf {
    Ratio speed_up;
    std::string how;
};

bool sameWorkload(const Workload& workload, const Profile& profile, const Point& point) {
    return workload.mode == profile.options.mode && workload.batch == profile.options.batch &&
           (workload.mode == profile::Mode::Decode || workload.length == point.length);
}

/// By the cell nearest to a half.
std::optional<MeasuredHalf> measuredByStudy(const Study& study, const Profile& profile, const Point& point) {
    if (!misfit(study, profile).empty()) return std::nullopt;
    const auto fromHalf = [](const Cell& cell) { return std::abs(cell.share - 0.5); };
    const Cell* nearest = nullptr;
    Ratio speed_up;
    for (const Cell& cell : study.cells) {
        if (cell.state != CellState::Measured || cell.layer || fromHalf(cell) > kNearHalf) continue;
        if (nearest && fromHalf(cell) >= fromHalf(*nearest)) continue;
        const auto speed = std::ranges::find_if(cell.measured.speeds, [&](const Speed& each) {
            return sameWorkload(each.workload, profile, point) && each.speed_up.known();
        });
        if (speed == cell.measured.speeds.end()) continue;
        nearest = &cell;
        speed_up = speed->speed_up;
    }
    if (!nearest) return std::nullopt;
    return MeasuredHalf{
        speed_up, fmt::format("with {:.0f} % of the states removed by {}", nearest->share * 100, nearest->criterion)};
}

std::optional<MeasuredHalf> measuredByCost(const CostOfStates& cost, const Profile& profile, const Point& point,
                                           std::int64_t kept) {
    for (const CostOfStates::Curve& curve : cost.curves) {
        if (!sameWorkload(curve.workload, profile, point) || curve.samples.empty()) continue;
        const auto half = std::ranges::find(curve.samples, kept, &CostOfStates::Sample::states);
        if (half == curve.samples.end()) continue;
        const Ratio ratio = profile::ratioOfMedians(curve.samples.back().time, half->time);
        if (ratio.known() && std::isfinite(ratio.median)) return MeasuredHalf{ratio, "with the first half kept"};
    }
    return std::nullopt;
}

void adviseOnStates(const Profile& profile, const Known& known, std::vector<Advice>& to) {
    const Point& point = longest(profile);
    const auto share = shareOf(point, point.find(Component::Ssm));
    const auto half = halfTheStates(profile.model.config);
    if (!share || !half) return;
    const double estimate = without(savedBy(point, *half));
    Advice advice{.topic = Topic::States, .win = estimate, .length = point.length, .component = Component::Ssm};
    const bool decode = profile.options.mode == profile::Mode::Decode;
    advice.sentence =
        decode ? fmt::format("Decode at batch {} spends {} of a step in ssm, which reads and writes the states",
                             profile.options.batch, shareText(*share))
               : fmt::format("ssm takes {} of {}", shareText(*share), workloadText(profile, point));
    advice.evidence.push_back(evidenceOf(point, "share of ssm", *share));

    std::optional<MeasuredHalf> measured;
    if (known.study) measured = measuredByStudy(*known.study, profile, point);
    if (!measured && known.cost) measured = measuredByCost(*known.cost, profile, point, half->kept);
    if (!measured) {
        advice.sentence += fmt::format(
            "; half the states would win about {} (estimate: by the shares of what holds them)", times(estimate));
        advice.evidence.push_back(
            exactly(point, "speed-up by half the states, about", times(estimate), estimate, Basis::Estimate));
    } else {
        advice.win = measured->speed_up.differs() ? std::max(1.0, measured->speed_up.median) : 1;
        advice.sentence += fmt::format("; measured {} {}", ratioText(measured->speed_up), measured->how);
        if (!measured->speed_up.differs()) advice.sentence += ": no difference";
        advice.evidence.push_back(evidenceOf(point, "speed-up by half the states", measured->speed_up));
    }
    advice.sentence += ".";
    to.push_back(std::move(advice));
}

/// One for each component that is far from its floor, at the length where most is to be won.
void adviseOnFloors(const Profile& profile, std::vector<Advice>& to) {
    for (const Component component : kComponents) {
        Advice best;
        for (const Point& point : profile.points) {
            const ComponentCost* cost = point.find(component);
            const auto share = shareOf(point, cost);
            if (!share || share->ci_low < kLeastShare || !(cost->floor_us > 0) ||
                profile::inCache(profile, point, *cost))
                continue;
            const double of_floor = profile::ofFloor(*cost);
            // The fastest that it may be is too slow, too.
            if (!(cost->floor_us / cost->time.ci_low < kFar)) continue;
            const double win = without(share->value * (1 - of_floor / kReachable));
            if (win < std::max(kLeastWin, best.win)) continue;
            best = {.topic = Topic::Floor, .win = win, .length = point.length, .component = component};
            best.sentence = fmt::format(
                "{} reaches {} of its floor (by {}) and takes {} of {}; at {} of its floor the whole pass "
                "would be {} as fast (estimate).",
                name(component), formatPercent(of_floor), profile::name(cost->bound), shareText(*share),
                workloadText(profile, point), kReachableText, times(win));
            best.evidence = {evidenceOf(point, fmt::format("share of {}", name(component)), *share),
                             evidenceOf(point, fmt::format("time of {}", name(component)), cost->time),
                             exactly(point, "its floor", formatTime(cost->floor_us), cost->floor_us, Basis::Estimate),
                             exactly(point, fmt::format("speed-up at {} of the floor", kReachableText), times(win), win,
                                     Basis::Estimate)};
        }
        if (!best.sentence.empty()) to.push_back(std::move(best));
    }
}

/// What keeps the device from working most: "no kernel was launched yet".
std::pair<std::string_view, double> mainReason(const TraceCounts& counts) {
    const std::array<std::pair<std::string_view, double>, 4> reasons = {
        {{"the host had not launched the next kernel", counts.host_wait_us},
         {"the next kernel was launched and had not begun", counts.launch_us},
         {"kernels followed each other with gaps", counts.between_us},
         {"the pass began or ended", counts.before_first_us + counts.after_last_us}}};
    return *std::ranges::max_element(reasons, {}, [](const auto& reason) { return reason.second; });
}

void adviseOnGaps(const Profile& profile, std::vector<Advice>& to) {
    if (!recorded(profile)) return;  // all of it is 'other' then
    Advice best;
    for (const Point& point : profile.points) {
        const auto share = shareOf(point, point.find(Component::Other));
        if (!share || share->ci_low < kLeastGaps || without(share->value) <= best.win) continue;
        const bool traced =
            point.trace.detail == TraceDetail::Kernels && !point.counts.incomplete() && point.last_pass_us > 0;
        const double idle = traced ? point.counts.idle_us() / point.last_pass_us : 0;
        best = {
            .topic = Topic::Gaps, .win = without(share->value), .length = point.length, .component = Component::Other};
        best.evidence = {evidenceOf(point, "share of other", *share)};
        best.sentence = fmt::format("{} of {} lies in no component", shareText(*share), workloadText(profile, point));
        if (idle > kLeastIdle) {
            const auto [reason, us] = mainReason(point.counts);
            best.sentence += fmt::format("; in the last pass the device was idle for {}, {} of the pass because {}",
                                         formatPercent(idle), formatPercent(us / point.last_pass_us), reason);
            best.evidence.push_back(
                exactly(point, "device idle, of the last pass", formatPercent(idle), idle, Basis::Measured));
        }
        best.sentence += fmt::format("; without it a pass would be at most {} as fast (estimate).", times(best.win));
        best.evidence.push_back(
            exactly(point, "speed-up without other, at most", times(best.win), best.win, Basis::Estimate));
    }
    if (!best.sentence.empty()) to.push_back(std::move(best));
}

void adviseOnPrecision(const Profile& profile, std::vector<Advice>& to) {
    const profile::ModelSummary& model = profile.model;
    const bool narrow = model.stored_type == "bfloat16" || model.stored_type == "float16";
    if (!narrow || model.compute_type != "float32") return;
    const Point& point = longest(profile);
    std::vector<const ComponentCost*> products;
    std::vector<std::string_view> names;
    for (const Component component :
         {Component::InProj, Component::XProj, Component::DtProj, Component::OutProj, Component::LmHead}) {
        const ComponentCost* cost = point.find(component);
        if (!cost || cost->bound != profile::Bound::Memory || profile::inCache(profile, point, *cost)) continue;
        products.push_back(cost);
        names.push_back(name(component));
    }
    if (products.empty()) return;
    const auto share = shareOf(point, products);
    if (!share || share->ci_low < kLeastShare) return;
    const double win = without(share->value / 2);
    Advice advice{
        .topic = Topic::Precision, .win = win, .length = point.length, .component = products.front()->component};
    advice.sentence = fmt::format(
        "The weights are stored as {} and computed as {}: products that memory limits ({}) take {} of {}; of half the "
        "bytes a pass would be at most {} as fast (estimate; --precision {} measures it).",
        model.stored_type, model.compute_type, fmt::join(names, ", "), shareText(*share), workloadText(profile, point),
        times(win), model.stored_type == "bfloat16" ? "bf16" : "f16");
    advice.evidence = {evidenceOf(point, "share of products that memory limits", *share),
                       exactly(point, "speed-up with half the bytes, at most", times(win), win, Basis::Estimate)};
    to.push_back(std::move(advice));
}

void adviseOnHead(const Profile& profile, std::vector<Advice>& to) {
    const Point& point = shortest(profile);
    const auto share = shareOf(point, point.find(Component::LmHead));
    if (!share || share->ci_low < kLeastHead) return;
    Advice advice{.topic = Topic::Head, .length = point.length, .component = Component::LmHead};
    advice.evidence = {evidenceOf(point, "share of lm_head", *share)};
    advice.sentence = fmt::format("lm_head, a product over a vocabulary of {}, takes {} of {}",
                                  profile.model.config.vocab_padded, shareText(*share), workloadText(profile, point));
    const Point& other = longest(profile);
    const auto other_share = shareOf(other, other.find(Component::LmHead));
    if (other.length != point.length && other_share && other_share->ci_high < share->ci_low) {
        advice.sentence += fmt::format(", and {} at {} tokens", formatPercent(other_share->value), other.length);
        advice.evidence.push_back(evidenceOf(other, "share of lm_head", *other_share));
    }
    advice.sentence += ".";
    to.push_back(std::move(advice));
}

void adviseOnClock(const Profile& profile, std::vector<Advice>& to) {
    const Point* slowest = nullptr;
    double least = kLeastClock;
    for (const Point& point : profile.points) {
        const profile::DeviceUse& use = point.device_use;
        if (use.readings < kLeastReadings || !(use.clock_mhz / use.clock_max_mhz < least)) continue;
        least = use.clock_mhz / use.clock_max_mhz;
        slowest = &point;
    }
    Advice advice{.topic = Topic::Clock};
    if (slowest) {
        const profile::DeviceUse& use = slowest->device_use;
        advice.length = slowest->length;
        advice.win = use.clock_max_mhz / use.clock_mhz;
        advice.sentence = fmt::format(
            "The device's clock was {:.0f} MHz in the median and up to {:.0f} MHz while {} was "
            "measured",
            use.clock_mhz, use.clock_max_mhz, workloadText(profile, *slowest));
        if (std::isfinite(use.power_w) && std::isfinite(use.temperature_c))
            advice.sentence += fmt::format(", at {:.0f} W and at most {:.0f} °C", use.power_w, use.temperature_c);
        advice.sentence +=
            fmt::format("; at the higher clock a pass would be at most {} as fast (estimate).", times(advice.win));
        advice.evidence = {exactly(*slowest, "clock, median", fmt::format("{:.0f} MHz", use.clock_mhz), use.clock_mhz,
                                   Basis::Measured),
                           exactly(*slowest, "clock, highest", fmt::format("{:.0f} MHz", use.clock_max_mhz),
                                   use.clock_max_mhz, Basis::Measured)};
        to.push_back(std::move(advice));
        return;
    }
    const double begin = profile.provenance.clock_begin_mhz;
    const double end = profile.provenance.clock_end_mhz;
    if (!(begin > 0) || !(end > 0) || end >= kLeastClock * begin) return;
    const Point& last = profile.points.back();
    advice.length = last.length;
    advice.sentence = fmt::format(
        "The clock fell from {:.0f} MHz at the begin of the run to {:.0f} MHz at its end: what was "
        "measured later may be slower for that.",
        begin, end);
    advice.evidence = {exactly(last, "clock at the begin", fmt::format("{:.0f} MHz", begin), begin, Basis::Measured),
                       exactly(last, "clock at the end", fmt::format("{:.0f} MHz", end), end, Basis::Measured)};
    to.push_back(std::move(advice));
}

void adviseOnMemory(const Profile& profile, std::vector<Advice>& to) {
    const Point& point = longest(profile);
    const profile::MemoryProfile& memory = point.memory;
    if (memory.peak.total() <= 0) return;
    const auto total = static_cast<double>(memory.peak.total());
    std::vector<MemoryKind> kinds(kMemoryKinds.begin(), kMemoryKinds.end());
    std::ranges::stable_sort(kinds, std::greater<>(), [&](MemoryKind kind) { return memory.peak[kind]; });
    Advice advice{.topic = Topic::Memory, .length = point.length};
    if (recorded(profile)) advice.component = memory.peak_component;
    advice.evidence = {exactly(point, "in use at the peak", formatBytes(total), total, Basis::Counted)};
    std::vector<std::string> parts;
    for (const MemoryKind kind : {kinds[0], kinds[1]}) {
        const double share = static_cast<double>(memory.peak[kind]) / total;
        if (memory.peak[kind] == 0) continue;
        parts.push_back(fmt::format("{} {}", name(kind), formatPercent(share)));
        advice.evidence.push_back(
            exactly(point, fmt::format("{} at the peak", name(kind)), formatPercent(share), share, Basis::Counted));
    }
    const std::string layer = memory.peak_layer == kNoLayer ? "" : fmt::format(" of layer {}", memory.peak_layer);
    const std::string during =
        recorded(profile) ? fmt::format(" during {}{},", name(memory.peak_component), layer) : "";
    advice.sentence = fmt::format("At its peak,{} {} has {} in use: {}.", during, workloadText(profile, point),
                                  formatBytes(total), fmt::join(parts, ", "));
    to.push_back(std::move(advice));
}

void adviseOnRecording(const Profile& profile, std::vector<Advice>& to) {
    const Point* most = nullptr;
    for (const Point& point : profile.points) {
        if (point.overhead.known() && point.overhead.ci_low > kMostOverhead &&
            (!most || point.overhead.median > most->overhead.median))
            most = &point;
    }
    if (!most) return;
    Advice advice{.topic = Topic::Recording, .length = most->length};
    // The ratio is of pairs taken in turn. Medians of all passes would say something else where the machine changed.
    advice.sentence = fmt::format("Recording made {} {} as long; the shares are those of recorded passes.",
                                  workloadText(profile, *most), ratioText(most->overhead));
    advice.evidence = {evidenceOf(*most, "recorded / not recorded", most->overhead),
                       evidenceOf(*most, "pass without recording", most->untraced)};
    to.push_back(std::move(advice));
}

void adviseOnNoise(const Profile& profile, bool under_way, std::vector<Advice>& to) {
    if (profile.options.repeat > 0) return;
    const Point* widest = nullptr;
    std::vector<const Point*> loose;
    Advice advice{.topic = Topic::Noise};
    for (const Point& point : profile.points) {
        const bool measuring = under_way && point.cut_short;  // it is that until it is done
        if (point.converged || point.total.n() == 0 || measuring) continue;
        loose.push_back(&point);
        advice.evidence.push_back(evidenceOf(point, "pass", point.total));
        if (!widest || point.total.relativeError() > widest->total.relativeError()) widest = &point;
    }
    if (!widest) return;
    advice.length = widest->length;
    const double error = widest->total.relativeError();
    const bool out_of_time = std::ranges::any_of(loose, [](const Point* point) { return profile::outOfTime(*point); });
    advice.sentence =
        fmt::format("{} of {} length{} {} not within ±{:g} % {}, widest {} ({}){}.", loose.size(),
                    profile.points.size(), profile.points.size() == 1 ? "" : "s", loose.size() == 1 ? "is" : "are",
                    profile.options.bound * 100, profile::whyEnded(loose), workloadText(profile, *widest),
                    std::isfinite(error) ? fmt::format("±{:.1f} %", error * 100) : "too few passes to tell",
                    out_of_time ? "; a longer budget narrows the intervals" : "");
    to.push_back(std::move(advice));
}

}  // namespace

std::string_view name(Topic topic) {
    return kTopicNames[static_cast<std::size_t>(topic)];
}

std::string_view name(Basis basis) {
    switch (basis) {
        case Basis::Measured: return "measured";
        case Basis::Counted: return "counted";
        case Basis::Estimate: return "estimate";
    }
    return {};
}

std::string misfit(const Study& study, const profile::Profile& profile) {
    const auto fields = [](const profile::ModelSummary& model, const profile::Provenance& provenance) {
        return std::vector<Field>{{"model", fmt::format("{} ({})", model.name, model.hash)},
                                  {"device", provenance.device},
                                  {"precision", model.compute_type},
                                  {"threads", fmt::format("{}", provenance.threads)}};
    };
    std::vector<Field> there = fields(study.model, study.provenance);
    // A copy by another name is the same model.
    if (study.model.hash == profile.model.hash) there.front().value = fields(profile.model, {}).front().value;
    std::vector<Field> here = fields(profile.model, profile.provenance);
    if (study.model.compute_chunk > 0 && profile.model.compute_chunk > 0) {  // 0: not known, or there is none
        there.push_back({"chunk", fmt::format("{}", study.model.compute_chunk)});
        here.push_back({"chunk", fmt::format("{}", profile.model.compute_chunk)});
    }
    return difference(there, here);
}

std::vector<Advice> adviseOn(const profile::Profile& profile, const Known& known) {
    std::vector<Advice> advice;
    if (profile.points.empty()) return advice;
    adviseOnDominating(profile, advice);
    adviseOnBaseline(profile, known.comparison, advice);
    adviseOnStates(profile, known, advice);
    adviseOnFloors(profile, advice);
    adviseOnGaps(profile, advice);
    adviseOnPrecision(profile, advice);
    adviseOnHead(profile, advice);
    adviseOnClock(profile, advice);
    adviseOnMemory(profile, advice);
    adviseOnRecording(profile, advice);
    adviseOnNoise(profile, known.under_way, advice);
    std::ranges::stable_sort(advice, [](const Advice& a, const Advice& b) {
        const auto leads = [](const Advice& of) { return of.topic <= Topic::Baseline; };
        if (leads(a) || leads(b)) return leads(a) && !leads(b);
        return a.win > b.win;
    });
    return advice;
}

}  // namespace perfmamba::study
