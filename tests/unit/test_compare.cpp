// Two runs beside each other: the interval of a ratio against simulations, what is compared, what is not and why.
#include <QTest>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "core/profile/compare.h"
#include "core/report/compare_text.h"
#include "kernels/error.h"
#include "tests/unit/fabricated_profile.h"

using namespace perfmamba;
using namespace perfmamba::profile;

namespace {

using Samples = std::vector<double>;
using Draw = double (*)(std::mt19937&);

/// A pass has a floor and a long tail.
double skewed(std::mt19937& random) {
    return 1 + 0.1 * std::exponential_distribution<double>(1.0)(random);
}
const double kSkewedMedian = 1 + 0.1 * std::log(2.0);

/// Mostly calm, now and then disturbed for long.
double symmetric(std::mt19937& random) {
    return std::exp(0.02 * std::cauchy_distribution<double>()(random));
}
constexpr double kSymmetricMedian = 1;

Summary draw(Draw one, std::size_t n, double factor, std::mt19937& random) {
    Samples samples(n);
    for (double& sample : samples) sample = factor * one(random);
    return summarise(std::move(samples));
}

QString errorOf(const ProfilePtr& before, const ProfilePtr& after) {
    try {
        (void)compare(before, after);
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

QString valuesOf(const Comparison& comparison, const char* what) {
    for (const Difference& difference : comparison.differences) {
        if (difference.what == what) return QString::fromStdString(difference.before + "|" + difference.after);
    }
    return {};
}

bool notes(const Comparison& comparison, const char* part) {
    return std::ranges::any_of(comparison.notes,
                               [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

}  // namespace

class TestCompare : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void ratioByHand() {
        // Medians 8 and 4; with six samples the intervals are the ranges, here a factor 2 and 4 to each side.
        const Summary after = summarise({4, 8, 8, 8, 8, 16});
        const Summary before = summarise({1, 4, 4, 4, 4, 16});
        const Ratio ratio = ratioOfMedians(after, before);
        QCOMPARE(ratio.median, 2.0);
        const double width = std::hypot(std::log(2.0), std::log(4.0));
        QVERIFY(std::abs(ratio.ci_low - 2 * std::exp(-width)) < 1e-12);
        QVERIFY(std::abs(ratio.ci_high - 2 * std::exp(width)) < 1e-12);
        QCOMPARE(ratio.pairs, std::size_t{6});
        // Without any spread the ratio is exact.
        const Ratio exact = ratioOfMedians(summarise(Samples(9, 3.0)), summarise(Samples(7, 2.0)));
        QCOMPARE(exact.ci_low, 1.5);
        QCOMPARE(exact.ci_high, 1.5);
        QCOMPARE(exact.pairs, std::size_t{7});
        // The other way round it is the reciprocal.
        const Ratio back = ratioOfMedians(before, after);
        QVERIFY(std::abs(back.ci_low * ratio.ci_high - 1) < 1e-12);
    }

    void ratioOfWhatHasNone() {
        const Summary some = summarise({1, 2, 3, 4, 5, 6});
        QVERIFY(std::isnan(ratioOfMedians(some, summarise(Samples(8, 0.0))).median));
        QVERIFY(std::isnan(ratioOfMedians(summarise({}), some).ci_low));
        // An interval that reaches 0 leaves one end open, and nothing is NaN.
        const Ratio open = ratioOfMedians(some, summarise({0, 1, 1, 1, 1, 2}));
        QCOMPARE(open.ci_high, std::numeric_limits<double>::infinity());
        QVERIFY(open.ci_low > 0);
        QVERIFY(!open.differs());
    }

    // In 95 of 100 repetitions at least the interval must hold the true ratio, whatever the samples look like.
    void coverage_data() {
        QTest::addColumn<int>("n_before");
        QTest::addColumn<int>("n_after");
        for (const auto& [before, after] : {std::pair{6, 6}, {9, 15}, {15, 15}, {6, 100}, {40, 40}, {200, 200}}) {
            QTest::addRow("%d and %d", before, after) << before << after;
        }
    }
    void coverage() {
        QFETCH(int, n_before);
        QFETCH(int, n_after);
        std::mt19937 random(11);
        constexpr int kTrials = 2000;
        int covered_skewed = 0;
        int covered_mixed = 0;
        for (int trial = 0; trial < kTrials; ++trial) {
            const auto n1 = static_cast<std::size_t>(n_before);
            const auto n2 = static_cast<std::size_t>(n_after);
            const auto covers = [](const Ratio& r, double truth) { return r.ci_low <= truth && truth <= r.ci_high; };
            const Ratio same_kind = ratioOfMedians(draw(skewed, n2, 1.3, random), draw(skewed, n1, 1, random));
            covered_skewed += covers(same_kind, 1.3) ? 1 : 0;
            const Ratio mixed = ratioOfMedians(draw(symmetric, n2, 2, random), draw(skewed, n1, 1, random));
            covered_mixed += covers(mixed, 2 * kSymmetricMedian / kSkewedMedian) ? 1 : 0;
        }
        // One standard error of the simulation is 0.5 %.
        QVERIFY2(covered_skewed > 0.94 * kTrials, qPrintable(QString::number(covered_skewed)));
        QVERIFY2(covered_mixed > 0.94 * kTrials, qPrintable(QString::number(covered_mixed)));
    }

    // Passes resemble their neighbours: intervals that took them for independent would hold the ratio three times in
    // four.
    void coverageOfPassesThatResembleTheirNeighbours() {
        std::mt19937 random(17);
        const auto run = [&](double factor) {
            std::normal_distribution<double> normal;
            Samples samples(120);
            constexpr double kKept = 0.6;  // of what a pass was off, by the next one
            double off = normal(random);
            for (double& sample : samples) {
                off = kKept * off + std::sqrt(1 - kKept * kKept) * normal(random);
                sample = factor * std::exp(0.02 * off);
            }
            return summarise(std::move(samples));
        };
        int covered = 0;
        constexpr int kTrials = 1000;
        for (int trial = 0; trial < kTrials; ++trial) {
            const Ratio ratio = ratioOfMedians(run(1.3), run(1));
            covered += ratio.ci_low <= 1.3 && 1.3 <= ratio.ci_high ? 1 : 0;
        }
        QVERIFY2(covered > 0.92 * kTrials, qPrintable(QString::number(covered)));
    }

    // And it must be narrow enough to find something: 5 % among passes that vary by 2 %.
    void findsWhatIsThere() {
        std::mt19937 random(5);
        const auto calm = [](std::mt19937& r) { return std::exp(0.02 * std::normal_distribution<double>()(r)); };
        int found = 0;
        int false_alarms = 0;
        constexpr int kTrials = 500;
        for (int trial = 0; trial < kTrials; ++trial) {
            const Summary before = draw(calm, 24, 1, random);
            found += ratioOfMedians(draw(calm, 24, 1.05, random), before).differs() ? 1 : 0;
            false_alarms += ratioOfMedians(draw(calm, 24, 1, random), before).differs() ? 1 : 0;
        }
        QVERIFY2(found > 0.95 * kTrials, qPrintable(QString::number(found)));
        QVERIFY2(false_alarms <= 0.06 * kTrials, qPrintable(QString::number(false_alarms)));
    }

    void aRunWithItself() {
        const ProfilePtr run = test::fabricatedProfile();
        const Comparison comparison = compare(run, run);
        QCOMPARE(comparison.points.size(), run->points.size());
        QVERIFY(comparison.differences.empty());
        QVERIFY(comparison.notes.empty());
        for (const PointComparison& point : comparison.points) {
            for (const Change& change : point.changes) {
                QCOMPARE(change.verdict, Verdict::Same);
                QCOMPARE(change.delta(), 0.0);
            }
        }
    }

    void slowerAndFaster() {
        const Comparison comparison = compare(test::fabricatedProfile(), test::scaledProfile(1.25));
        QCOMPARE(comparison.points[1].length, std::int64_t{256});
        const PointComparison& point = *comparison.at(256);
        const Change* pass = point.find(Subject::Pass);
        QVERIFY(pass->verdict == Verdict::More);
        QVERIFY(std::abs(pass->ratio.median - 1.25) < 1e-9);
        QVERIFY(pass->ratio.ci_low > 1.2 && pass->ratio.ci_high < 1.3);
        QVERIFY(point.find(Subject::Unrecorded)->verdict == Verdict::More);
        for (const Component component : {Component::Ssm, Component::Embedding}) {
            QVERIFY(point.find(component)->verdict == Verdict::More);
            QVERIFY(std::isfinite(point.find(component)->share_after));
        }
        QVERIFY(point.find(Component::Ssm, 3)->verdict == Verdict::More);
        QVERIFY(point.find(Stage::ChunkScan)->verdict == Verdict::More);
        QVERIFY(!point.find(Component::XProj));
        QVERIFY(!point.find(Component::Embedding, 0));
        QVERIFY(point.find(MemoryKind::State)->verdict == Verdict::Same);
        QVERIFY(compare(test::scaledProfile(1.25), test::fabricatedProfile()).at(64)->find(Component::Ssm)->verdict ==
                Verdict::Less);
        QVERIFY(!comparison.at(65));
    }

    void tooFewPasses() {
        auto run = test::fabricatedProfile();
        Point& point = run->points[0];
        point.total = summarise({900, 910, 905});
        const Comparison comparison = compare(test::fabricatedProfile(), run);
        const Change* pass = comparison.at(64)->find(Subject::Pass);
        QVERIFY(pass->verdict == Verdict::TooFew);
        QVERIFY(!pass->differs());
        QCOMPARE(pass->ratio.pairs, std::size_t{3});
    }

    void zeroTimes() {
        auto before = test::fabricatedProfile();
        auto after = test::fabricatedProfile();
        before->points[0].components.back().time = summarise(Samples(10, 0.0));  // 'other'
        after->points[0].components.back().time = summarise(Samples(10, 4.0));
        QVERIFY(compare(before, after).at(64)->find(Component::Other)->verdict == Verdict::More);
        QVERIFY(compare(before, before).at(64)->find(Component::Other)->verdict == Verdict::Same);
    }

    void memory() {
        auto after = test::fabricatedProfile();
        after->points[0].memory.peak[MemoryKind::State] /= 2;
        after->points[0].memory.reserved_bytes += 100;
        const Comparison comparison = compare(test::fabricatedProfile(), after);
        const PointComparison& point = *comparison.at(64);
        QVERIFY(point.find(MemoryKind::State)->verdict == Verdict::Less);
        QCOMPARE(point.find(MemoryKind::State)->ratio.median, 0.5);
        QVERIFY(point.find(MemoryKind::Weights)->verdict == Verdict::Same);
        QVERIFY(point.find(Subject::MemoryPeak)->verdict == Verdict::Less);
        QCOMPARE(point.find(Subject::Reserved)->delta(), 100.0);
        QVERIFY(!point.find(Subject::Reserved)->isTime());
    }

    void anotherModel() {
        auto after = test::fabricatedProfile();
        after->model.name = "mamba-other";
        after->model.hash = "fedcba9876543210";
        model::Config& config = after->model.config;
        config.architecture = model::Architecture::Mamba1;
        config.d_model = 256;
        config.dt_rank = 16;
        for (Point& point : after->points) {
            point.components.erase(point.components.begin());  // embedding
            ComponentCost extra = point.components[1];
            extra.component = Component::DtProj;
            point.components.push_back(extra);
        }
        const Comparison comparison = compare(test::fabricatedProfile(), after);
        const PointComparison& point = *comparison.at(64);
        QVERIFY(point.find(Component::Ssm)->verdict == Verdict::Same);
        QVERIFY(point.find(Component::DtProj)->verdict == Verdict::Unmatched);
        QVERIFY(std::isnan(point.find(Component::DtProj)->before));
        QVERIFY(std::isnan(point.find(Component::Embedding)->after));
        QVERIFY(!point.find(Component::Ssm, 0));
        QVERIFY(notes(comparison, "single layers are not compared"));
        QCOMPARE(valuesOf(comparison, "model"), QString("mamba2-fabricated|mamba-other"));
        QCOMPARE(valuesOf(comparison, "architecture"), QString("Mamba-2|Mamba-1"));
        QCOMPARE(valuesOf(comparison, "d_model"), QString("128|256"));
        QCOMPARE(valuesOf(comparison, "dt_rank"), QString("n/a|16"));
    }

    void prunedModelKeepsItsLayers() {
        auto after = test::fabricatedProfile();
        after->model.hash = "fedcba9876543210";
        after->model.config.d_state = 32;
        const Comparison comparison = compare(test::fabricatedProfile(), after);
        QVERIFY(comparison.at(64)->find(Component::Ssm, 5));
        QCOMPARE(valuesOf(comparison, "d_state"), QString("64|32"));
        // Of one name, and so told apart by what is in them.
        QVERIFY(valuesOf(comparison, "model").contains("0123456789abcdef"));
    }

    void howItWasMeasured() {
        auto after = test::fabricatedProfile();
        after->provenance.device = "NVIDIA H100";
        after->provenance.threads = 2;
        after->provenance.clock_end_mhz = 1400;
        after->provenance.tracer = "host clock";
        after->provenance.sensors = "";  // not known is no difference
        after->model.compute_type = "bfloat16";
        after->model.compute_chunk = 8;
        after->options.trace = TraceMode::Events;
        const Comparison comparison = compare(test::fabricatedProfile(), after);
        QCOMPARE(valuesOf(comparison, "threads"), QString("4|2"));
        QCOMPARE(valuesOf(comparison, "precision"), QString("float32|bfloat16"));
        QCOMPARE(valuesOf(comparison, "run in chunks of"), QString("32|8"));
        after->model.compute_chunk = 0;  // of a report that does not know it
        QCOMPARE(valuesOf(compare(test::fabricatedProfile(), after), "run in chunks of"), QString());
        QCOMPARE(valuesOf(comparison, "clock at the end"), QString("2850 MHz|1400 MHz"));
        QCOMPARE(valuesOf(comparison, "recording"), QString("cupti|events"));
        QCOMPARE(valuesOf(comparison, "sensors"), QString());
        QVERIFY(valuesOf(comparison, "device").contains("H100"));
        QVERIFY(notes(comparison, "recorded in different ways"));
    }

    void whatOnlyOneRunHas() {
        auto after = test::fabricatedProfile();
        after->points.erase(after->points.begin());
        after->complete = false;
        const Comparison comparison = compare(test::fabricatedProfile(), after);
        QCOMPARE(comparison.points.size(), std::size_t{2});
        QVERIFY(notes(comparison, "length 64: only in the run before"));
        QVERIFY(notes(comparison, "the run after is incomplete"));
        QVERIFY(!notes(comparison, "compare their sum"));

        auto fused = test::fabricatedProfile();
        std::erase_if(fused->points[1].components,
                      [](const ComponentCost& row) { return row.component == Component::Gate; });
        const Comparison with_fused = compare(test::fabricatedProfile(), fused);
        QVERIFY(with_fused.at(256)->find(Component::Gate)->verdict == Verdict::Unmatched);
        QVERIFY(notes(with_fused, "compare their sum"));

        after->options.trace = TraceMode::Off;
        const Comparison passes = compare(after, test::fabricatedProfile());
        QVERIFY(notes(passes, "recording was off in the run before"));
        QVERIFY(passes.at(256)->find(Subject::Pass));
        QVERIFY(!passes.at(256)->find(Component::Ssm));
    }

    void nothingInCommon() {
        auto after = test::fabricatedProfile();
        after->options.mode = Mode::Decode;
        QCOMPARE(errorOf(test::fabricatedProfile(), after),
                 QString("the two runs: have no workload in common: prefill of 64, 256, 1024 tokens at batch 2 before, "
                         "decode after 64, 256, 1024 tokens at batch 2 after (measure one of them with the mode, batch "
                         "and a length of the other)"));
        after = test::fabricatedProfile();
        after->options.batch = 1;
        QVERIFY(errorOf(after, test::fabricatedProfile()).contains("at batch 1 before"));
        after = test::fabricatedProfile();
        after->points.clear();
        QVERIFY(errorOf(test::fabricatedProfile(), after).contains("no length after"));
    }

    void whatChangedComesFirst() {
        auto after = test::fabricatedProfile();
        const auto change = [&](std::size_t row, double factor) {
            Summary& time = after->points[0].components[row].time;
            Samples samples = time.samples;
            for (double& sample : samples) sample *= factor;
            time = summarise(std::move(samples));
        };
        const std::size_t last = after->points[0].components.size() - 2;
        change(last, 1.5);
        change(2, 3);
        after->points[0].memory.peak[MemoryKind::Logits] += 1;
        std::vector<Change> rows = compare(test::fabricatedProfile(), after).at(64)->changes;
        std::ranges::stable_sort(rows, changedMore);
        QVERIFY(rows[0].component == after->points[0].components[2].component);
        QVERIFY(rows[1].component == after->points[0].components[last].component);
        QVERIFY(rows[0].differs() && rows[1].differs());
        QVERIFY(rows[2].subject == Subject::MemoryKind && rows[2].kind == MemoryKind::Logits);
        QVERIFY(std::is_partitioned(rows.begin(), rows.end(), [](const Change& c) { return c.differs(); }));
    }

    void text() {
        auto after = test::scaledProfile(1.25);
        after->provenance.threads = 2;
        after->points[0].memory.peak[MemoryKind::State] /= 2;
        const Comparison comparison = compare(test::fabricatedProfile(), after);
        const QString text =
            QString::fromStdString(report::comparisonText(comparison, "a.h5", "b.h5", true)).simplified();
        for (const char* part :
             {"before a.h5: mamba2-fabricated", "after b.h5", "differs threads: 4 before, 2 after",
              "the runs were not taken in turn", "prefill of 64 tokens, batch 2", "slower, ratio 1.250 (95 % interval ",
              "ssm: chunk_scan", "3 out_proj", "225 kB −225 kB 0.500 less", "1 in 20 would by chance alone"}) {
            QVERIFY2(text.contains(QString::fromUtf8(part)), qPrintable(QString(part) + "\n" + text));
        }
        QVERIFY(!QString::fromStdString(report::comparisonText(comparison, "a", "b", false)).contains("3 out_proj"));
        Comparison one = comparison;
        one.points.resize(1);
        one.points[0].changes.resize(1);
        const QString of_one = QString::fromStdString(report::comparisonText(one, "a", "b", false));
        QVERIFY2(of_one.contains("\nof 1 time compared 1 differs; 1 in 20"), qPrintable(of_one));
    }

    void csvAndJson() {
        const Comparison comparison = compare(test::fabricatedProfile(), test::scaledProfile(0.5));
        std::size_t changes = 0;
        for (const PointComparison& point : comparison.points) changes += point.changes.size();
        const QStringList lines =
            QString::fromStdString(report::comparisonCsv(comparison)).split("\r\n", Qt::SkipEmptyParts);
        QCOMPARE(static_cast<std::size_t>(lines.size()), changes + 1);
        for (const QString& line : lines) QCOMPARE(line.count(','), lines[0].count(','));
        QVERIFY(lines[1].startsWith("prefill,2,64,pass,,,,,us,"));
        QVERIFY(lines[1].endsWith(",faster"));

        const nlohmann::json json = report::comparisonJson(comparison);
        QCOMPARE(json["points"].size(), std::size_t{3});
        QCOMPARE(json["points"][0]["changes"].size(), comparison.points[0].changes.size());
        QCOMPARE(json["points"][0]["changes"][0]["ratio"].get<double>(), 0.5);
        QCOMPARE(json["points"][0]["changes"][0]["verdict"].get<std::string>(), std::string("faster"));
        QCOMPARE(json["before"]["model"].get<std::string>(), std::string("mamba2-fabricated"));
    }
};

QTEST_GUILESS_MAIN(TestCompare)
#include "test_compare.moc"
