// Summaries of repeated measurements against numbers worked out by hand or taken from tables.
#include <QTest>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "core/profile/profile.h"
#include "core/profile/statistics.h"

using namespace perfmamba;
using namespace perfmamba::profile;

namespace {

std::vector<double> oneTo(int n) {
    std::vector<double> values(static_cast<std::size_t>(n));
    std::iota(values.begin(), values.end(), 1.0);
    return values;
}

}  // namespace

class TestStatistics : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void emptyIsNotKnown() {
        const Summary summary = summarise({});
        for (const double value :
             {summary.median, summary.mad, summary.p5, summary.p95, summary.ci_low, summary.ci_high}) {
            QVERIFY(std::isnan(value));
        }
        QVERIFY(std::isinf(summary.relativeError()));
        QVERIFY(std::isnan(quantile({}, 0.5)));
    }

    void summary() {
        const Summary summary = summarise({9, 1, 5, 3, 7});
        QCOMPARE(summary.median, 5.0);
        QCOMPARE(summary.mad, 2.0);
        QCOMPARE(summary.p5, 1.4);
        QCOMPARE(summary.p95, 8.6);
        QCOMPARE(summary.ci_low, 1.0);  // fewer than 6: the whole range
        QCOMPARE(summary.ci_high, 9.0);
        QVERIFY(std::isinf(summary.relativeError()));
        QCOMPARE(summary.samples, (std::vector<double>{9, 1, 5, 3, 7}));  // in the order they were taken
        QCOMPARE(summarise({4, 1, 3, 2}).median, 2.5);
        QCOMPARE(summarise({4}).median, 4.0);
    }

    void quantiles() {
        QCOMPARE(quantile(std::vector<double>{3, 1, 2}, 0.0), 1.0);
        QCOMPARE(quantile(std::vector<double>{3, 1, 2}, 1.0), 3.0);
        QCOMPARE(quantile(std::vector<double>{3, 1, 2}, 0.25), 1.5);
        QCOMPARE(quantile(std::vector<double>{7}, 0.9), 7.0);
    }

    // The ranks of the usual tables of the sign test's interval, for 95 %.
    void intervalRanks_data() {
        QTest::addColumn<int>("n");
        QTest::addColumn<double>("low");
        QTest::newRow("6") << 6 << 1.0;
        QTest::newRow("8") << 8 << 1.0;
        QTest::newRow("9") << 9 << 2.0;
        QTest::newRow("10") << 10 << 2.0;
        QTest::newRow("12") << 12 << 3.0;
        QTest::newRow("20") << 20 << 6.0;
        QTest::newRow("25") << 25 << 8.0;
        QTest::newRow("50") << 50 << 18.0;
        QTest::newRow("100") << 100 << 40.0;
    }
    void intervalRanks() {
        QFETCH(int, n);
        QFETCH(double, low);
        const Summary summary = summarise(oneTo(n));
        QCOMPARE(summary.ci_low, low);
        QCOMPARE(summary.ci_high, n + 1 - low);
        QCOMPARE(summary.relativeError(), (n + 1 - 2 * low) / 2 / ((n + 1) / 2.0));
    }

    // Beyond n = 1074 the probability of one tail is below the smallest double.
    void intervalOfMany() {
        const int n = 20'001;
        const Summary summary = summarise(oneTo(n));
        const double normal = n / 2.0 - 1.96 * std::sqrt(n) / 2;
        QVERIFY2(std::abs(summary.ci_low - normal) < 3, qPrintable(QString::number(summary.ci_low)));
    }

    void intervalCoversTheMedian() {
        std::mt19937 random(7);
        std::exponential_distribution<double> samples(1.0);
        int covered = 0;
        constexpr int kTrials = 2000;
        for (int trial = 0; trial < kTrials; ++trial) {
            std::vector<double> values(15);
            for (double& value : values) value = samples(random);
            const Summary summary = summarise(values);
            if (summary.ci_low <= std::log(2.0) && std::log(2.0) <= summary.ci_high) ++covered;
        }
        QVERIFY2(covered > 0.94 * kTrials, qPrintable(QString::number(covered)));
    }

    void ratios() {
        const Ratio none = ratioOf({}, {});
        QVERIFY(std::isnan(none.median));
        QCOMPARE(none.pairs, std::size_t{0});
        QVERIFY(!none.differs());

        const std::vector<double> slow = {2, 4, 6, 8, 10, 12, 99};  // the last has no partner
        const std::vector<double> fast = {1, 2, 3, 4, 5, 6};
        const Ratio twice = ratioOf(slow, fast);
        QCOMPARE(twice.median, 2.0);
        QCOMPARE(twice.ci_low, 2.0);
        QCOMPARE(twice.pairs, std::size_t{6});
        QVERIFY(twice.differs());
        QVERIFY(!ratioOf(fast, fast).differs());
        QVERIFY(!ratioOf(std::vector<double>{2, 2}, std::vector<double>{1, 1}).differs());  // too few to say
        QCOMPARE(ratioOf(std::vector<double>{0, 3}, std::vector<double>{0, 1}).pairs, std::size_t{1});
    }

    void correlationTimes() {
        QCOMPARE(correlationTime(summarise({})), 1.0);
        QCOMPARE(correlationTime(summarise(std::vector<double>(9, 2.0))), 1.0);
        // High and low in turn is not more than independent; four of each in turn count as few.
        QCOMPARE(correlationTime(summarise({1, 2, 1, 2, 1, 2, 1, 2})), 1.0);
        std::vector<double> in_fours;
        for (int i = 0; i < 64; ++i) in_fours.push_back(i / 4 % 2 == 0 ? 1 : 2);
        const double fours = correlationTime(summarise(in_fours));
        QVERIFY2(fours > 1.9 && fours < 4, qPrintable(QString::number(fours)));
        // One step in the middle of a run: there are hardly two samples in it.
        std::vector<double> step(100, 1.0);
        std::fill(step.begin() + 50, step.end(), 2.0);
        QVERIFY(correlationTime(summarise(step)) > 20);

        std::mt19937 random(3);
        std::exponential_distribution<double> samples(1.0);
        std::vector<double> independent(1000);
        for (double& sample : independent) sample = samples(random);
        const double one = correlationTime(summarise(independent));
        QVERIFY2(one < 1.5, qPrintable(QString::number(one)));
    }

    void modes() {
        for (const Mode mode : {Mode::Prefill, Mode::Decode}) QVERIFY(modeFromName(name(mode)) == mode);
        QVERIFY(!modeFromName("training"));
    }

    void findsRows() {
        Point point;
        point.components.resize(2);
        point.components[1].component = Component::Ssm;
        point.layers.resize(2);
        point.layers[0].component = Component::Ssm;
        point.layers[0].layer = 0;
        point.layers[1].component = Component::Ssm;
        point.layers[1].layer = 1;
        QCOMPARE(point.find(Component::Ssm), &point.components[1]);
        QCOMPARE(point.find(Component::Ssm, 1), &point.layers[1]);
        QVERIFY(!point.find(Component::Ssm, 2));
        QVERIFY(!point.find(Component::Gate));
    }
};

QTEST_GUILESS_MAIN(TestStatistics)
#include "test_statistics.moc"
