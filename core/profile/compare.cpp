#include "core/profile/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>

#include "kernels/error.h"

namespace perfmamba::profile {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Verdict verdictOf(const Summary& before, const Summary& after, const Ratio& ratio) {
    if (!ratio.known()) return Verdict::TooFew;
    if (ratio.differs()) return ratio.ci_low > 1 ? Verdict::More : Verdict::Less;
    if (std::isfinite(ratio.median)) return Verdict::Same;
    // Without a ratio, for a median is 0: intervals that do not touch differ all the same.
    if (after.ci_low > before.ci_high) return Verdict::More;
    return after.ci_high < before.ci_low ? Verdict::Less : Verdict::Same;
}

/// Correlation times (statistics.h) of both runs.
struct Correlation {
    double before = 1;
    double after = 1;
};

Ratio widenedRatio(const Summary& after, const Summary& before, const Correlation& correlation) {
    Ratio ratio;
    ratio.pairs = std::min(after.n(), before.n());
    if (!(after.median > 0) || !(before.median > 0)) {
        ratio.median = ratio.ci_low = ratio.ci_high = kNaN;
        return ratio;
    }
    // An interval that reaches down to 0 has no lower end in the logarithm: the ratio's is then 0, or infinite.
    const auto below = [](const Summary& of, double time) {
        return (std::log(of.median) - std::log(std::max(of.ci_low, 0.0))) * std::sqrt(time);
    };
    const auto above = [](const Summary& of, double time) {
        return (std::log(of.ci_high) - std::log(of.median)) * std::sqrt(time);
    };
    const auto [before_time, after_time] = correlation;
    const double difference = std::log(after.median) - std::log(before.median);
    ratio.median = after.median / before.median;
    ratio.ci_low = std::exp(difference - std::hypot(below(after, after_time), above(before, before_time)));
    ratio.ci_high = std::exp(difference + std::hypot(above(after, after_time), below(before, before_time)));
    return ratio;
}

Correlation correlationOf(const Summary* before, const Summary* after) {
    if (!before || !after) return {};
    return {correlationTime(*before), correlationTime(*after)};
}

/// A null pointer: that run lacks it.
Change timeChange(Change of, const Summary* before, const Summary* after, const Correlation& correlation) {
    of.before = before ? before->median : kNaN;
    of.after = after ? after->median : kNaN;
    if (before && after) {
        of.ratio = widenedRatio(*after, *before, correlation);
        of.verdict = verdictOf(*before, *after, of.ratio);
    } else {
        of.ratio = {kNaN, kNaN, kNaN, 0};
        of.verdict = Verdict::Unmatched;
    }
    return of;
}

template <class Row>
Change rowChange(Change of, const Row* before, const Row* after, const Correlation& correlation) {
    of.share_before = before ? before->share : kNaN;
    of.share_after = after ? after->share : kNaN;
    return timeChange(of, before ? &before->time : nullptr, after ? &after->time : nullptr, correlation);
}

template <class Row>
Correlation correlationOfRows(const Row* before, const Row* after) {
    return correlationOf(before ? &before->time : nullptr, after ? &after->time : nullptr);
}

Change bytesChange(Change of, std::int64_t before, std::int64_t after) {
    of.before = static_cast<double>(before);
    of.after = static_cast<double>(after);
    of.share_before = of.share_after = kNaN;
    const double ratio = before > 0 ? of.after / of.before : kNaN;
    of.ratio = {ratio, ratio, ratio, 0};
    of.verdict = after > before ? Verdict::More : after < before ? Verdict::Less : Verdict::Same;
    return of;
}

const StageCost* stageOf(const Point& point, Stage stage) {
    const auto found = std::ranges::find(point.stages, stage, &StageCost::stage);
    return found == point.stages.end() ? nullptr : &*found;
}

bool sameLayers(const model::Config& a, const model::Config& b) {
    return a.architecture == b.architecture && a.n_layer == b.n_layer && a.d_model == b.d_model &&
           a.d_inner == b.d_inner;
}

bool recorded(const Profile& profile) {
    return profile.options.trace != TraceMode::Off;
}

/// Returns the components' correlation, for their layers.
std::array<Correlation, kComponentCount> addComponents(PointComparison& to, const Point& before, const Point& after) {
    std::array<Correlation, kComponentCount> correlation;
    for (const Component component : kComponents) {
        const ComponentCost* old_row = before.find(component);
        const ComponentCost* new_row = after.find(component);
        if (!old_row && !new_row) continue;
        Correlation& own = correlation[static_cast<std::size_t>(component)];
        own = correlationOfRows(old_row, new_row);
        to.changes.push_back(rowChange({.subject = Subject::Component, .component = component}, old_row, new_row, own));
    }
    for (std::size_t i = 1; i < kStageCount; ++i) {
        const auto stage = static_cast<Stage>(i);
        const StageCost* old_row = stageOf(before, stage);
        const StageCost* new_row = stageOf(after, stage);
        if (!old_row && !new_row) continue;
        const Component component = (new_row ? new_row : old_row)->component;
        to.changes.push_back(rowChange({.subject = Subject::Stage, .component = component, .stage = stage}, old_row,
                                       new_row, correlationOfRows(old_row, new_row)));
    }
    return correlation;
}

/// A layer's passes resemble their neighbours as those of its component do; there are many layers, and a live run is
/// compared five times a second.
void addLayers(PointComparison& to, const Point& before, const Point& after,
               const std::array<Correlation, kComponentCount>& correlation) {
    const auto add = [&](const ComponentCost& row, const ComponentCost* old_row, const ComponentCost* new_row) {
        to.changes.push_back(rowChange({.subject = Subject::Layer, .component = row.component, .layer = row.layer},
                                       old_row, new_row, correlation[static_cast<std::size_t>(row.component)]));
    };
    for (const ComponentCost& row : after.layers) {
        // Those of no layer are among the components.
        if (row.layer != kNoLayer) add(row, before.find(row.component, row.layer), &row);
    }
    for (const ComponentCost& row : before.layers) {
        if (row.layer != kNoLayer && !after.find(row.component, row.layer)) add(row, &row, nullptr);
    }
}

void addMemory(PointComparison& to, const MemoryProfile& before, const MemoryProfile& after) {
    for (const MemoryKind kind : kMemoryKinds) {
        to.changes.push_back(
            bytesChange({.subject = Subject::MemoryKind, .kind = kind}, before.peak[kind], after.peak[kind]));
    }
    to.changes.push_back(bytesChange({.subject = Subject::MemoryPeak}, before.peak.total(), after.peak.total()));
    if (before.reserved_bytes > 0 && after.reserved_bytes > 0) {  // 0: not known
        to.changes.push_back(bytesChange({.subject = Subject::Reserved}, before.reserved_bytes, after.reserved_bytes));
    }
}

PointComparison comparePoints(const Comparison& of, const Point& before, const Point& after) {
    PointComparison result;
    result.length = after.length;
    const Change pass{.subject = Subject::Pass, .share_before = 1, .share_after = 1};
    result.changes.push_back(timeChange(pass, &before.total, &after.total, correlationOf(&before.total, &after.total)));
    if (before.untraced.n() > 0 && after.untraced.n() > 0) {
        const Change unrecorded{.subject = Subject::Unrecorded, .share_before = kNaN, .share_after = kNaN};
        result.changes.push_back(timeChange(unrecorded, &before.untraced, &after.untraced,
                                            correlationOf(&before.untraced, &after.untraced)));
    }
    if (recorded(*of.before) && recorded(*of.after)) {
        const auto correlation = addComponents(result, before, after);
        if (sameLayers(of.before->model.config, of.after->model.config)) addLayers(result, before, after, correlation);
    }
    addMemory(result, before.memory, after.memory);
    return result;
}

const Point* pointAt(const Profile& profile, std::int64_t length) {
    const auto found = std::ranges::find(profile.points, length, &Point::length);
    return found == profile.points.end() ? nullptr : &*found;
}

std::vector<std::int64_t> lengthsOnlyIn(const Profile& profile, const Profile& other) {
    std::vector<std::int64_t> lengths;
    for (const Point& point : profile.points) {
        if (!pointAt(other, point.length)) lengths.push_back(point.length);
    }
    return lengths;
}

/// The same tracer at the same detail, wherever both say.
bool recordedAlike(const Profile& a, const Profile& b) {
    return a.provenance.tracer == b.provenance.tracer || a.provenance.tracer.empty() || b.provenance.tracer.empty();
}

/// Of one architecture, and still not the same components: on GPUs one kernel may run several.
bool runsInsideOthers(const Comparison& of) {
    if (of.before->model.config.architecture != of.after->model.config.architecture) return false;
    return std::ranges::any_of(of.points, [](const PointComparison& point) {
        return std::ranges::any_of(point.changes, [](const Change& change) {
            return change.subject == Subject::Component && change.verdict == Verdict::Unmatched;
        });
    });
}

std::vector<std::string> notesOn(const Comparison& of) {
    const Profile& before = *of.before;
    const Profile& after = *of.after;
    std::vector<std::string> notes;
    const auto only = [&](const std::vector<std::int64_t>& lengths, const char* where) {
        if (lengths.empty()) return;
        notes.push_back(fmt::format("length{} {}: only in the run {}", lengths.size() == 1 ? "" : "s",
                                    fmt::join(lengths, ", "), where));
    };
    only(lengthsOnlyIn(before, after), "before");
    only(lengthsOnlyIn(after, before), "after");
    if (!recorded(before) || !recorded(after)) {
        notes.push_back(
            fmt::format("components are not compared: recording was off in {}", recorded(after)    ? "the run before"
                                                                                : recorded(before) ? "the run after"
                                                                                                   : "both runs"));
    } else {
        const model::Config& a = before.model.config;
        const model::Config& b = after.model.config;
        if (!sameLayers(a, b)) {
            notes.push_back(
                fmt::format("single layers are not compared: {} of {} with d_model {} before, {} of {} "
                            "with d_model {} after",
                            a.n_layer, name(a.architecture), a.d_model, b.n_layer, name(b.architecture), b.d_model));
        }
        if (!recordedAlike(before, after)) {
            notes.push_back(
                "the runs were recorded in different ways, which cost differently: look at the passes that were not "
                "recorded");
        }
    }
    if (runsInsideOthers(of)) {
        notes.push_back(
            "a component that only one run has is run there by itself, and in the other inside another's kernel: "
            "compare their sum");
    }
    if (!before.complete) notes.push_back("the run before is incomplete");
    if (!after.complete) notes.push_back("the run after is incomplete");
    return notes;
}

int rankOf(const Change& change) {
    if (change.differs()) return 0;
    switch (change.verdict) {
        case Verdict::Unmatched: return 1;
        case Verdict::Same: return 2;
        default: return 3;
    }
}

}  // namespace

Ratio ratioOfMedians(const Summary& after, const Summary& before) {
    return widenedRatio(after, before, correlationOf(&before, &after));
}

const Change* PointComparison::find(Subject subject) const {
    const auto found = std::ranges::find(changes, subject, &Change::subject);
    return found == changes.end() ? nullptr : &*found;
}

const Change* PointComparison::find(Component component, std::int32_t layer) const {
    const Subject subject = layer == kNoLayer ? Subject::Component : Subject::Layer;
    const auto found = std::ranges::find_if(changes, [&](const Change& change) {
        return change.subject == subject && change.component == component && change.layer == layer;
    });
    return found == changes.end() ? nullptr : &*found;
}

const Change* PointComparison::find(Stage stage) const {
    const auto found = std::ranges::find_if(
        changes, [&](const Change& change) { return change.subject == Subject::Stage && change.stage == stage; });
    return found == changes.end() ? nullptr : &*found;
}

const Change* PointComparison::find(MemoryKind kind) const {
    const auto found = std::ranges::find_if(
        changes, [&](const Change& change) { return change.subject == Subject::MemoryKind && change.kind == kind; });
    return found == changes.end() ? nullptr : &*found;
}

const PointComparison* Comparison::at(std::int64_t length) const {
    const auto found = std::ranges::find(points, length, &PointComparison::length);
    return found == points.end() ? nullptr : &*found;
}

Comparison compare(const ProfilePtr& before, const ProfilePtr& after, const std::string& named) {
    Comparison result;
    result.before = before;
    result.after = after;
    const bool same_kind = before->options.mode == after->options.mode && before->options.batch == after->options.batch;
    for (const Point& point : after->points) {
        const Point* old_point = same_kind ? pointAt(*before, point.length) : nullptr;
        if (old_point) result.points.push_back(comparePoints(result, *old_point, point));
    }
    if (result.points.empty()) {
        throw Error(
            named,
            fmt::format("have no workload in common: {} before, {} after", workloadsOf(*before), workloadsOf(*after)),
            "measure one of them with the mode, batch and a length of the other");
    }
    result.differences = differencesOf(*before, *after);
    result.notes = notesOn(result);
    return result;
}

bool changedMore(const Change& a, const Change& b) {
    const auto key = [](const Change& change) {
        const double size = std::abs(change.delta());
        return std::tuple(rankOf(change), !change.isTime(), std::isfinite(size) ? -size : 0);
    };
    return key(a) < key(b);
}

std::string workloadsOf(const Profile& profile) {
    if (profile.points.empty()) return "no length";
    std::vector<std::int64_t> lengths;
    for (const Point& point : profile.points) lengths.push_back(point.length);
    return fmt::format("{} {} tokens at batch {}",
                       profile.options.mode == Mode::Prefill ? "prefill of" : "decode after", fmt::join(lengths, ", "),
                       profile.options.batch);
}

}  // namespace perfmamba::profile
