// Each sentence stands on its numbers, and is silent without them.
#include <QTest>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/profile/floors.h"
#include "core/report/text.h"
#include "core/study/advice.h"
#include "tests/unit/fabricated_study.h"

using namespace perfmamba;
using study::Topic;

namespace {

/// What a component's passes take in the profiles made here, µs at a length of 1; at others `growth` as much.
struct Part {
    Component component;
    double us;
    double growth = 1;  // exponent over length
};

/// A pass's noise, ± 0.2 %: other at each pass, the same for all parts, so that shares are as exact.
std::vector<double> noisy(double us, std::size_t passes) {
    std::vector<double> samples(passes);
    for (std::size_t i = 0; i < passes; ++i) samples[i] = us * (1 + 0.002 * (static_cast<double>(i * 7 % 5) - 2) / 2);
    return samples;
}

profile::Point pointOf(std::int64_t length, const std::vector<Part>& parts, std::size_t passes = 20) {
    profile::Point point;
    point.length = length;
    std::vector<double> total(passes, 0);
    for (const Part& part : parts) {
        profile::ComponentCost cost;
        cost.component = part.component;
        cost.time = profile::summarise(noisy(part.us * std::pow(length, part.growth), passes));
        for (std::size_t i = 0; i < passes; ++i) total[i] += cost.time.samples[i];
        point.components.push_back(std::move(cost));
    }
    point.total = profile::summarise(total);
    for (profile::ComponentCost& cost : point.components) cost.share = cost.time.median / point.total.median;
    point.converged = true;
    return point;
}

/// A Mamba-2 of which nothing is known but the parts' times.
profile::Profile profileOf(const std::vector<std::int64_t>& lengths, const std::vector<Part>& parts,
                           profile::Mode mode = profile::Mode::Prefill, std::size_t passes = 20) {
    profile::Profile profile;
    profile.model = test::fabricatedProfile()->model;
    profile.model.stored_type = profile.model.compute_type = "float32";
    profile.options.mode = mode;
    profile.options.batch = 16;
    profile.options.lengths = lengths;
    for (const std::int64_t length : lengths) profile.points.push_back(pointOf(length, parts, passes));
    profile.complete = true;
    return profile;
}

const study::Advice* find(const std::vector<study::Advice>& advice, Topic topic) {
    const auto found = std::ranges::find(advice, topic, &study::Advice::topic);
    return found == advice.end() ? nullptr : &*found;
}

bool says(const study::Advice* advice, const char* text) {
    if (advice && advice->sentence.find(text) != std::string::npos) return true;
    qWarning("not in: %s", advice ? advice->sentence.c_str() : "(nothing was said)");
    return false;
}

bool silent(const profile::Profile& profile, Topic topic, const study::Known& known = {}) {
    return find(study::adviseOn(profile, known), topic) == nullptr;
}

const std::vector<Part> kDecode = {
    {Component::InProj, 45, 0}, {Component::Ssm, 41, 0}, {Component::Other, 2, 0}, {Component::OutProj, 12, 0}};

}  // namespace

class TestAdvice : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void nothingMeasured() {
        profile::Profile profile;
        QVERIFY(study::adviseOn(profile).empty());
        // Whole passes only, and of the memory nothing.
        profile = profileOf({64}, {});
        QVERIFY(study::adviseOn(profile).empty());
        // Too few passes for an interval.
        profile = profileOf({64}, kDecode, profile::Mode::Decode, 5);
        QVERIFY(study::adviseOn(profile).empty());
    }

    void dominates() {
        const auto profile = profileOf({64, 256, 1024}, {{Component::Ssm, 60}, {Component::InProj, 30}});
        const auto advice = study::adviseOn(profile);
        const study::Advice* said = find(advice, Topic::Dominates);
        QVERIFY(says(said, "ssm takes the largest part of a prefill of 1024 tokens at batch 16: 66.7 %"));
        QVERIFY(says(said, "before in_proj with 33.3 %"));
        QVERIFY(says(said, "grows as length^1.00"));
        QVERIFY(says(said, "over 64 … 1024 tokens"));
        QCOMPARE(said->component, Component::Ssm);
        QCOMPARE(said->length, 1024);
        QCOMPARE(said, &advice.front());
        QVERIFY(std::abs(said->evidence.front().value - 2.0 / 3) < 1e-6);
        // Two lengths have no interval of a slope, and decode does not grow.
        QVERIFY(find(study::adviseOn(profileOf({64, 1024}, {{Component::Ssm, 60}, {Component::InProj, 30}})),
                     Topic::Dominates)
                    ->sentence.find("grows") == std::string::npos);
        // Two that the noise does not tell apart.
        auto close = profileOf({64}, {{Component::Ssm, 50}, {Component::InProj, 50}});
        QVERIFY(says(find(study::adviseOn(close), Topic::Dominates), "within the noise"));
    }

    /// The interval is of the share that is named: it lies around it, whatever the passes that something disturbed.
    void sharesHaveTheirOwnInterval() {
        auto profile = profileOf({64}, {{Component::InProj, 60, 0}, {Component::Ssm, 40, 0}});
        profile::Point& point = profile.points.front();
        std::vector<double> ssm(point.total.n()), total(point.total.n());
        for (std::size_t i = 0; i < ssm.size(); ++i) {
            const bool disturbed = i % 5 < 2;  // ssm takes more of these passes
            ssm[i] = (disturbed ? 70 : 40) + 0.1 * static_cast<double>(i * 7 % 5);
            total[i] = point.components[0].time.samples[i] + ssm[i];
        }
        point.components[1].time = profile::summarise(ssm);
        point.total = profile::summarise(total);
        double part = 0, whole = 0;
        for (const std::size_t pass : profile::calmPasses(total)) {
            part += ssm[pass];
            whole += total[pass];
        }
        point.components[1].share = part / whole;
        const auto advice = study::adviseOn(profile);
        const study::Evidence& share = find(advice, Topic::States)->evidence.front();
        QCOMPARE(share.value, part / whole);
        QVERIFY(share.ci_low < share.value && share.value < share.ci_high);
        QVERIFY(std::abs((share.ci_low + share.ci_high) / 2 - share.value) < 1e-12);
        QVERIFY(share.ci_high - share.ci_low < 0.02);
    }

    /// The share of ssm, and what would be won: half of ssm, and of in_proj and conv1d what B and C take.
    void states() {
        const auto profile = profileOf({1024}, kDecode, profile::Mode::Decode);
        const auto advice = study::adviseOn(profile);
        const study::Advice* said = find(advice, Topic::States);
        QVERIFY(says(said, "Decode at batch 16 spends 41.0 %"));
        // d_inner 256, 64 states, 8 heads: 648 rows of in_proj, of which 64 go; of conv1d's 384 channels 64.
        const double bound = 1 / (1 - 0.41 * 0.5 - 0.45 * 64.0 / 384);
        QVERIFY(std::abs(said->win - bound) < 1e-6);
        QVERIFY(says(said, "half the states would win about 1.39× (estimate"));
        QVERIFY(said->sentence.find("measured") == std::string::npos);
        QCOMPARE(said->evidence.back().basis, study::Basis::Estimate);
        // With conv1d by itself, in_proj loses its own rows only.
        auto apart = kDecode;
        apart.push_back({Component::Conv1d, 10, 0});
        QVERIFY(std::abs(find(study::adviseOn(profileOf({1024}, apart, profile::Mode::Decode)), Topic::States)->win -
                         1 / (1 - (41 * 0.5 + 45 * 64.0 / 648 + 10 * 64.0 / 384) / 110)) < 1e-6);
        // One state has no half.
        auto one = profile;
        one.model.config.d_state = 1;
        QVERIFY(silent(one, Topic::States));
    }

    void statesMeasured() {
        const auto profile = profileOf({1024}, kDecode, profile::Mode::Decode);
        study::CostOfStates cost;
        auto& curve = cost.curves.emplace_back();
        curve.workload = {profile::Mode::Decode, 16, 256};
        curve.samples = {{6 * 32, profile::summarise(noisy(80, 20))}, {6 * 64, profile::summarise(noisy(100, 20))}};
        auto advice = study::adviseOn(profile, {&cost});
        const study::Advice* said = find(advice, Topic::States);
        QVERIFY(says(said, "measured 1.250× ("));
        QVERIFY(said->sentence.find("would win") == std::string::npos);  // an estimate is not said beside it
        QVERIFY(std::abs(said->win - 1.25) < 1e-9);

        // Of another batch: not of this.
        curve.workload.batch = 1;
        QVERIFY(find(study::adviseOn(profile, {&cost}), Topic::States)->sentence.find("measured") == std::string::npos);
        // More than the estimate.
        curve.workload.batch = 16;
        curve.samples[0].time = profile::summarise(noisy(50, 20));
        advice = study::adviseOn(profile, {&cost});
        said = find(advice, Topic::States);
        QVERIFY(says(said, "measured 2.000×"));
        QVERIFY(said->sentence.find("would win") == std::string::npos);
        // No difference: nothing is won.
        curve.samples[0].time = curve.samples[1].time;
        advice = study::adviseOn(profile, {&cost});
        QVERIFY(says(find(advice, Topic::States), ": no difference"));
        QCOMPARE(find(advice, Topic::States)->win, 1.0);
    }

    void statesByStudy() {
        auto profile = profileOf({1024}, kDecode, profile::Mode::Decode);
        const auto study = test::fabricatedStudy();
        profile.provenance = study->provenance;
        study->model = profile.model;
        const study::Known known{nullptr, study.get(), nullptr};
        const auto advice = study::adviseOn(profile, known);
        QVERIFY(says(find(advice, Topic::States), "with 50 % of the states removed by ghost"));
        QCOMPARE(study::misfit(*study, profile), std::string());
        // The cell nearest to a half.
        auto nearer = *study;
        const auto half = std::ranges::find_if(nearer.cells, [](const auto& cell) {
            return cell.share == 0.5 && !cell.layer && cell.criterion == "ghost";
        });
        QVERIFY(half != nearer.cells.end());
        auto further = *half;
        further.share = 0.46;
        further.criterion = "further";
        nearer.cells.insert(nearer.cells.begin(), further);
        QVERIFY(says(find(study::adviseOn(profile, {nullptr, &nearer, nullptr}), Topic::States), "removed by ghost"));

        nearer.model.compute_chunk = 8;
        QCOMPARE(study::misfit(nearer, profile), std::string("chunk: '8' there, '32' here"));
        nearer.model.compute_chunk = 0;  // not known
        QCOMPARE(study::misfit(nearer, profile), std::string());
        nearer.provenance.threads = 7;
        QCOMPARE(study::misfit(nearer, profile), std::string("threads: '7' there, '4' here"));
        nearer.model.compute_type = "bfloat16";
        QCOMPARE(study::misfit(nearer, profile), std::string("precision: 'bfloat16' there, 'float32' here"));
        study->model.hash = "another";
        QVERIFY(
            QString::fromStdString(study::misfit(*study, profile)).startsWith("model: 'mamba2-fabricated (another)"));
        QVERIFY(find(study::adviseOn(profile, known), Topic::States)->sentence.find("ghost") == std::string::npos);
    }

    void farFromItsFloor() {
        auto profile = profileOf({1024}, {{Component::InProj, 60}, {Component::Ssm, 40}});
        QVERIFY(silent(profile, Topic::Floor));  // no floor is known
        profile::ComponentCost& cost = profile.points.front().components.front();
        cost.bound = profile::Bound::Work;
        cost.floor_us = 0.3 * cost.time.median;
        const auto advice = study::adviseOn(profile);
        const study::Advice* said = find(advice, Topic::Floor);
        QVERIFY(says(said, "in_proj reaches 30.0 % of its floor (by work) and takes 60.0 %"));
        QVERIFY(std::abs(said->win - 1 / (1 - 0.6 * 0.5)) < 1e-6);
        QVERIFY(says(said, "at 60 % of its floor the whole pass would be 1.43× as fast (estimate)"));
        QCOMPARE(said->component, Component::InProj);
        cost.floor_us = 0.51 * cost.time.median;
        QVERIFY(silent(profile, Topic::Floor));
        // From caches: no floor by memory.
        cost.floor_us = 0.3 * cost.time.median;
        cost.bound = profile::Bound::Memory;
        profile.provenance.ceilings.emplace().cache_bytes = 1'000'000;
        QVERIFY(silent(profile, Topic::Floor));
    }

    void gaps() {
        auto profile = profileOf({64}, {{Component::Ssm, 70}, {Component::Other, 30}});
        QVERIFY(says(find(study::adviseOn(profile), Topic::Gaps), "lies in no component; without it"));
        profile::Point& point = profile.points.front();
        point.trace.detail = TraceDetail::Kernels;
        point.last_pass_us = 100;
        point.counts.host_wait_us = 20;
        point.counts.launch_us = 5;
        const auto advice = study::adviseOn(profile);
        const study::Advice* said = find(advice, Topic::Gaps);
        QVERIFY(says(said, "the device was idle for 25.0 %, 20.0 % of the pass because the host had not launched"));
        QVERIFY(says(said, "at most 1.43× as fast (estimate)"));
        QVERIFY(silent(profileOf({64}, {{Component::Ssm, 97}, {Component::Other, 3}}), Topic::Gaps));
        // A trace that lacks records does not know when the device was idle.
        point.counts.dropped = 1;
        QVERIFY(find(study::adviseOn(profile), Topic::Gaps)->sentence.find("idle") == std::string::npos);
    }

    /// Of passes that were not recorded only the whole is known: nothing is said of components.
    void notRecorded() {
        auto profile = profileOf({64}, {{Component::Other, 100}});
        profile.points.front().memory.peak[MemoryKind::Weights] = 700'000;
        profile.options.trace = TraceMode::Off;
        const auto advice = study::adviseOn(profile);
        QCOMPARE(advice.size(), std::size_t{1});
        QVERIFY(says(find(advice, Topic::Memory), "At its peak, a prefill of 64 tokens at batch 16 has 700 kB in use"));
        QVERIFY(!advice.front().component);

        const auto after = test::fabricatedProfile();
        after->options.trace = TraceMode::Off;
        const auto comparison = profile::compare(test::scaledProfile(1.25), after);
        const auto changed = study::adviseOn(*after, {nullptr, nullptr, &comparison});
        QVERIFY(find(changed, Topic::Baseline)->sentence.find("most of it") == std::string::npos);
    }

    void precision() {
        auto profile = profileOf({1024}, kDecode, profile::Mode::Decode);
        profile.model.stored_type = "bfloat16";
        QVERIFY(silent(profile, Topic::Precision));  // what limits the products is not known
        for (profile::ComponentCost& cost : profile.points.front().components) {
            cost.bound = profile::Bound::Memory;
            cost.floor_us = 0.8 * cost.time.median;
        }
        const auto advice = study::adviseOn(profile);
        const study::Advice* said = find(advice, Topic::Precision);
        QVERIFY(says(said,
                     "stored as bfloat16 and computed as float32: products that memory limits (in_proj, out_proj) "
                     "take 57.0 %"));
        QVERIFY(std::abs(said->win - 1 / (1 - 0.57 / 2)) < 1e-6);
        QVERIFY(says(said, "--precision bf16"));
        profile.model.compute_type = "bfloat16";
        QVERIFY(silent(profile, Topic::Precision));
        profile.model.compute_type = profile.model.stored_type = "float32";
        QVERIFY(silent(profile, Topic::Precision));
    }

    void head() {
        const auto profile = profileOf({64, 1024}, {{Component::Ssm, 1}, {Component::LmHead, 64, 0}});
        const auto advice = study::adviseOn(profile);
        const study::Advice* said = find(advice, Topic::Head);
        QVERIFY(says(said, "lm_head, a product over a vocabulary of 256, takes 50.0 %"));
        QVERIFY(says(said, "and 5.9 % at 1024 tokens"));
        QCOMPARE(said->length, 64);
        QVERIFY(silent(profileOf({1024}, {{Component::Ssm, 1}, {Component::LmHead, 64, 0}}), Topic::Head));
    }

    void clock() {
        auto profile = profileOf({64}, kDecode);
        QVERIFY(silent(profile, Topic::Clock));
        profile::DeviceUse& use = profile.points.front().device_use;
        use.clock_mhz = 1500;
        use.clock_max_mhz = 1800;
        use.readings = 40;
        const auto advice = study::adviseOn(profile);
        QVERIFY(says(find(advice, Topic::Clock), "1500 MHz in the median and up to 1800 MHz"));
        QVERIFY(std::abs(find(advice, Topic::Clock)->win - 1.2) < 1e-9);
        use.readings = 2;
        QVERIFY(silent(profile, Topic::Clock));
        profile.provenance.clock_begin_mhz = 2900;
        profile.provenance.clock_end_mhz = 2500;
        QVERIFY(says(find(study::adviseOn(profile), Topic::Clock), "fell from 2900 MHz"));
        profile.provenance.clock_end_mhz = 2850;
        QVERIFY(silent(profile, Topic::Clock));
    }

    void memory() {
        auto profile = profileOf({64}, kDecode);
        QVERIFY(silent(profile, Topic::Memory));
        profile::MemoryProfile& memory = profile.points.front().memory;
        memory.peak[MemoryKind::Weights] = 700'000;
        memory.peak[MemoryKind::Activations] = 300'000;
        memory.peak_component = Component::Ssm;
        memory.peak_layer = 3;
        const auto advice = study::adviseOn(profile);
        QVERIFY(says(find(advice, Topic::Memory),
                     "during ssm of layer 3, a prefill of 64 tokens at batch 16 has 1.00 MB "
                     "in use: weights 70.0 %, activations 30.0 %"));
        QCOMPARE(find(advice, Topic::Memory)->evidence.front().basis, study::Basis::Counted);
    }

    void recording() {
        auto profile = profileOf({64}, kDecode);
        profile::Point& point = profile.points.front();
        QVERIFY(silent(profile, Topic::Recording));
        point.untraced = profile::summarise(noisy(100, 20));
        point.overhead = profile::ratioOf(noisy(112, 20), noisy(100, 20));
        QVERIFY(says(find(study::adviseOn(profile), Topic::Recording), "1.120× (1.120 … 1.120) as long; the shares"));
        point.overhead = {1.06, 1.02, 1.10, 20};  // may be under 5 %
        QVERIFY(silent(profile, Topic::Recording));
    }

    void noise() {
        auto profile = profileOf({64, 256}, kDecode);
        QVERIFY(silent(profile, Topic::Noise));
        profile.points.back().converged = false;
        QVERIFY(
            says(find(study::adviseOn(profile), Topic::Noise),
                 "1 of 2 lengths is not within ±1 % when the time for it was spent, widest a prefill of 256 tokens at "
                 "batch 16 (±"));
        QVERIFY(says(find(study::adviseOn(profile), Topic::Noise), "; a longer budget narrows the intervals."));
        // The length that is being measured is not judged yet; one that was cut short is.
        auto live = profile;
        live.complete = false;
        live.points.back().cut_short = true;  // as in every snapshot of a run
        QVERIFY(silent(live, Topic::Noise, {.under_way = true}));
        QVERIFY(!silent(live, Topic::Noise));
        auto many = profileOf({64, 256}, kDecode, profile::Mode::Prefill, profile::kMostPasses);
        many.points.back().converged = false;
        const auto of_many = study::adviseOn(many);
        QVERIFY(says(find(of_many, Topic::Noise), "not within ±1 % when 1000 passes were taken, widest"));
        QVERIFY(find(of_many, Topic::Noise)->sentence.find("--budget") == std::string::npos);
        profile.points.back().cut_short = true;
        QVERIFY(says(find(study::adviseOn(profile), Topic::Noise), "when the run was ended, widest"));
        profile.options.repeat = 20;  // asked for so many
        QVERIFY(silent(profile, Topic::Noise));
    }

    void baseline() {
        const auto before = test::scaledProfile(1.25);
        const auto after = test::fabricatedProfile();
        auto comparison = profile::compare(before, after);
        QVERIFY(silent(*after, Topic::Baseline));
        const study::Known known{nullptr, nullptr, &comparison};
        const auto advice = study::adviseOn(*after, known);
        const study::Advice* said = find(advice, Topic::Baseline);
        QVERIFY(says(said, "takes 0.800× ("));
        QVERIFY(says(said, "; most of it is ssm, "));
        QCOMPARE(said->component, Component::Ssm);
        comparison = profile::compare(after, after);
        QVERIFY(says(find(study::adviseOn(*after, known), Topic::Baseline), "no difference was measured"));
    }

    /// What dominates leads; then what wins most; each with evidence, and a place to look at.
    void order() {
        const auto profile = test::fabricatedProfile();
        profile->options.repeat = 0;
        const auto advice = study::adviseOn(*profile);
        QVERIFY(advice.size() >= 4);
        QCOMPARE(advice.front().topic, Topic::Dominates);
        for (std::size_t i = 2; i < advice.size(); ++i) QVERIFY(advice[i - 1].win >= advice[i].win);
        for (const study::Advice& each : advice) {
            QVERIFY2(each.sentence.ends_with('.'), each.sentence.c_str());
            QVERIFY2(!each.evidence.empty(), each.sentence.c_str());
            QVERIFY2(each.sentence.find("nan") == std::string::npos && each.sentence.find("n/a") == std::string::npos,
                     each.sentence.c_str());
            QVERIFY(std::ranges::count(profile->points, each.length, &profile::Point::length) == 1);
            for (const study::Evidence& evidence : each.evidence) {
                QVERIFY(evidence.ci_low <= evidence.value && evidence.value <= evidence.ci_high);
            }
        }
    }

    /// In the text and in JSON.
    void reported() {
        const auto profile = test::fabricatedProfile();
        const auto advice = study::adviseOn(*profile);
        const std::string text = report::summary(*profile);
        QVERIFY(text.find("What this says:\n") != std::string::npos);
        const auto json = report::json(*profile)["advice"];
        QCOMPARE(json.size(), advice.size());
        for (std::size_t i = 0; i < advice.size(); ++i) {
            QVERIFY(text.find(advice[i].sentence) != std::string::npos);
            QCOMPARE(json[i]["sentence"].get<std::string>(), advice[i].sentence);
            QCOMPARE(json[i]["topic"].get<std::string>(), std::string(study::name(advice[i].topic)));
            QCOMPARE(json[i]["evidence"].size(), advice[i].evidence.size());
            QCOMPARE(json[i]["evidence"][0]["value"].get<double>(), advice[i].evidence[0].value);
        }
    }
};

QTEST_GUILESS_MAIN(TestAdvice)
#include "test_advice.moc"
