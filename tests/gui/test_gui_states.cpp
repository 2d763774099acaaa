// The States page on a fabricated activity, and the arithmetic behind it: cells, order, what is pruned, click and
// hover, numbers as CSV, and the histogram of the scores with its threshold.
#include <QElapsedTimer>
#include <QImage>
#include <QSignalSpy>
#include <QTest>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>
#include <limits>

#include "gui_test.h"
#include "tests/unit/fabricated_activity.h"
#include "widgets/details_panel.h"
#include "widgets/heatmap.h"
#include "widgets/score_histogram.h"
#include "widgets/states_page.h"
#include "widgets/theme.h"

using namespace perfmamba;
using namespace perfmamba::widgets;
using activity::Statistic;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

/// Two layers of two groups (1 and 2 states), two rows a group, two bins; only |h| differs from zero. The second layer
/// has lost a state.
std::shared_ptr<activity::Activity> smallActivity() {
    auto activity = test::fabricatedActivity({2, 4, 0, {1, 2}, 2, 7});
    activity->bin_tokens = 4;
    activity::LayerActivity& first = activity->layers[0];
    const auto at = static_cast<std::size_t>(Statistic::State);
    const std::vector<float> mean = {1, kMissing, 3, kMissing, 10, 20, 30, 60};
    const std::vector<float> most = {5, kMissing, 4, kMissing, 50, 70, 90, 60};
    std::copy(mean.begin(), mean.end(), first.mean.begin() + static_cast<std::ptrdiff_t>(at * mean.size()));
    std::copy(most.begin(), most.end(), first.most.begin() + static_cast<std::ptrdiff_t>(at * most.size()));
    const std::vector<float> binned = {1, 2, 3, 4, 5, 6};  // (bin, state)
    std::copy(binned.begin(), binned.end(), first.binned.begin() + static_cast<std::ptrdiff_t>(at * binned.size()));
    std::mt19937 random(1);
    activity->layers[1] = test::fabricatedLayerActivity({2, 4, 0, {1, 1}, 2, 7}, 1, random);
    return activity;
}

}  // namespace

class TestGuiStates : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { test::failOnAnyWarning(); }

    // Arithmetic ------------------------------------------------------------------------------------------------------

    void ordersAndRanks() {
        const std::vector<double> values = {2, kNaN, 5, 2, 7};
        QCOMPARE(descendingOrder(values), (std::vector<std::int32_t>{4, 2, 0, 3, 1}));
        QCOMPARE(rankOf(values, 4), 1);
        QCOMPARE(rankOf(values, 0), 3);
        QCOMPARE(rankOf(values, 3), 3);
        QCOMPARE(rankOf(values, 1), 0);
    }

    void scalesHoldTheirValues() {
        const std::vector<float> values = {0, 1e-9F, 0.01F, kMissing, 4};
        const ColourScale linear = scaleOf(values, false);
        QCOMPARE(linear, (ColourScale{0, 4, false}));
        QCOMPARE(linear.position(2), 0.5);
        QCOMPARE(linear.position(9), 1.0);
        QVERIFY(std::isnan(linear.position(kNaN)));
        const ColourScale log = scaleOf(values, true);
        QCOMPARE(log.least, 4e-6);  // one speck does not widen the scale beyond six decades
        QCOMPARE(log.position(0), 0.0);
        QVERIFY(std::abs(log.position(4e-3) - 0.5) < 1e-9);
        const ColourScale nothing = scaleOf(std::vector<float>{kMissing, 0}, true);
        QCOMPARE(nothing.position(0), 0.0);
        QVERIFY(ticksOf(nothing, 5).empty());
    }

    void ticksAreRound() {
        QCOMPARE(niceStep(0.03), 0.05);
        QCOMPARE(niceStep(1), 1.0);
        QCOMPARE(niceStep(21), 50.0);
        QCOMPARE(niceStep(51), 100.0);
        QCOMPARE(ticksOf({0, 4, false}, 4), (std::vector<double>{0, 1, 2, 3, 4}));
        QCOMPARE(ticksOf({0.02, 30, true}, 6), (std::vector<double>{0.1, 1, 10}));
        QCOMPARE(ticksOf({1e-6, 1, true}, 3).size(), std::size_t{4});
        QVERIFY(ticksOf({0.3, 12, true}, 5).size() >= 2);
    }

    void layersBecomeAGrid() {
        const auto activity = smallActivity();
        const StateGrid means = stateGridOf(*activity, {Statistic::State, false}, false);
        QCOMPARE(means.layers, 2);
        QCOMPARE(means.columns, 3);
        QCOMPARE(means.of_layer[0], (std::vector<double>{2, 20, 40}));
        QVERIFY(std::isnan(means.values[5]));  // the second layer has but two
        QVERIFY(!means.stateAt(1, 2));
        const StateGrid most = stateGridOf(*activity, {Statistic::State, true}, true);
        QCOMPARE(most.of_layer[0], (std::vector<double>{5, 90, 70}));
        QCOMPARE(most.orders[0], (std::vector<std::int32_t>{1, 2, 0}));
        QCOMPARE(most.values[0], 90.0F);
        QCOMPARE(most.columnOf(0, 0), std::optional<std::int64_t>(2));
        QCOMPARE(most.stateAt(0, 2), std::optional<std::int32_t>(0));

        const activity::LayerActivity& layer = activity->layers[0];
        QCOMPARE(inGroup(layer, 2), (StateInGroup{1, 1}));
        QCOMPARE(inLayer(layer, {1, 1}), 2);
        const std::vector<std::int32_t> order = {2, 0, 1};
        const auto groups = groupOrders(layer, order);
        QCOMPARE(groups, (std::vector<std::vector<std::int32_t>>{{0}, {1, 0}}));
        const std::vector<float> rows = rowGridOf(layer, {Statistic::State, false}, groups);
        QCOMPARE(rows[0], 1.0F);
        QVERIFY(std::isnan(rows[1]));
        QCOMPARE(rows[4], 20.0F);
        QCOMPARE(rows[5], 10.0F);
        QCOMPARE(timeGridOf(layer, Statistic::State, 2, order), (std::vector<float>{3, 6, 1, 4, 2, 5}));
    }

    void scoresFallIntoBins() {
        const std::vector<double> even = {0, 1, 2, 3, 4, 5, 6, 7, 8};
        const ScoreBins bins = scoreBinsOf(even, 4);
        QVERIFY(!bins.log);
        QCOMPARE(bins.edges, (std::vector<double>{0, 2, 4, 6, 8}));
        QCOMPARE(bins.counts, (std::vector<std::int64_t>{2, 2, 2, 3}));
        QCOMPARE(countUnder(even, 3), 3);  // what equals the threshold stays
        QCOMPARE(countUnder(even, 9), 9);

        const std::vector<double> wide = {0, 1e-3, 1e-2, 1e-1, 1, 10};
        const ScoreBins log = scoreBinsOf(wide, 4);
        QVERIFY(log.log);
        QCOMPARE(log.off_axis, 1);
        QCOMPARE(log.edges.front(), 1e-3);
        QCOMPARE(log.edges.back(), 10.0);
        std::int64_t all = log.off_axis;
        for (const std::int64_t count : log.counts) all += count;
        QCOMPARE(all, 6);

        const ScoreBins same = scoreBinsOf(std::vector<double>{3, 3, 3}, 5);
        QVERIFY(same.edges.front() < 3 && same.edges.back() > 3);
        QVERIFY(scoreBinsOf({}, 5).counts.empty());
        const ScoreBins nothing = scoreBinsOf(std::vector<double>{0, 0}, 3);
        QCOMPARE(nothing.counts.size(), std::size_t{3});
    }

    // Widgets ---------------------------------------------------------------------------------------------------------

    void largestUnderAPixelIsDrawn() {
        Heatmap map(QStringLiteral("map"));
        map.resize(300, 200);
        HeatmapData data;
        data.rows = 4000;
        data.columns = 8;
        data.values.assign(32'000, 0.0F);
        data.values[2000 * 8 + 4] = 1;
        data.scales = {{0, 1, false}};
        map.setData(data);
        const QImage image = map.grab().toImage();
        const QPoint centre = map.cellCentre(2000, 4);
        bool found = false;
        for (int y = centre.y() - 1; y <= centre.y() + 1; ++y) {
            found = found || image.pixelColor(centre.x(), y) == Theme::magnitude(1);
        }
        QVERIFY(found);
        QCOMPARE(image.pixelColor(map.cellCentre(1000, 4)), Theme::magnitude(0));
    }

    void clickSelectsEverywhere() {
        Selection selection;
        StatesPage page(selection);
        page.resize(1000, 700);
        page.show();
        const auto activity = test::fabricatedActivity({6, 8, 0, {24, 32}, 16, 512});
        page.setActivity(activity);
        QCOMPARE(page.overview()->data().rows, 6);
        QCOMPARE(page.overview()->data().columns, 56);
        QTest::mouseClick(page.overview(), Qt::LeftButton, {}, page.overview()->cellCentre(3, 30));
        QCOMPARE(selection.focus().layer, std::optional<std::int32_t>(3));
        QCOMPARE(selection.focus().state, std::optional<std::int64_t>(30));
        // State 30 is the seventh of the second group, whose heads are the lower four.
        QCOMPARE(page.rows()->framed(), (std::vector<QRect>{QRect(6, 4, 1, 4)}));
        QCOMPARE(page.overSequence()->framed(), (std::vector<QRect>{QRect(0, 30, 16, 1)}));
        QCOMPARE(page.rows()->data().rows, 8);
        QVERIFY(page.chosen().startsWith(QStringLiteral("Layer 3, state 30")));
        QVERIFY(page.overviewHeading().startsWith(QStringLiteral("All layers · Layer 3, state 30")));

        QTest::mouseClick(page.rows(), Qt::LeftButton, {}, page.rows()->cellCentre(5, 2));
        QCOMPARE(selection.focus().state, std::optional<std::int64_t>(26));
        QTest::mouseClick(page.overSequence(), Qt::LeftButton, {}, page.overSequence()->cellCentre(11, 3));
        QCOMPARE(selection.focus().state, std::optional<std::int64_t>(11));
        // A row of the first group has no state there.
        QTest::mouseClick(page.rows(), Qt::LeftButton, {}, page.rows()->cellCentre(0, 28));
        QCOMPARE(selection.focus().state, std::optional<std::int64_t>(11));

        QTest::keyClick(page.overview(), Qt::Key_Down);
        QTest::keyClick(page.overview(), Qt::Key_Right);
        QCOMPARE(selection.focus().layer, std::optional<std::int32_t>(4));
        QCOMPARE(selection.focus().state, std::optional<std::int64_t>(12));
        QTest::keyClick(page.overview(), Qt::Key_Escape);
        QVERIFY(!selection.focus().layer && !selection.focus().state);
        // A layer alone: the map above is still of all of them.
        selection.setCell(2, std::nullopt);
        QCOMPARE(page.overviewHeading(), QStringLiteral("All layers: |h|, mean"));
    }

    void whatIsOfAnotherModelIsNotDrawnOverIt() {
        const auto activity = smallActivity();
        activity->model.hash = "this";
        prune::Scores scores;
        for (const activity::LayerActivity& layer : activity->layers) {
            scores.layers.emplace_back(static_cast<std::size_t>(layer.states()), 1.0);
        }
        QVERIFY(fits(scores, *activity));  // of no known model
        scores.model_hash = "another";
        QVERIFY(!fits(scores, *activity));
        scores.model_hash = "this";
        QVERIFY(fits(scores, *activity));
    }

    void theDetailsTellOfTheSelectedState() {
        Selection selection;
        DetailsPanel details(selection);
        const auto activity = smallActivity();
        activity->tokens_seen = 1234;
        StateEvidence evidence{activity, nullptr, nullptr};
        details.setStates(evidence);
        selection.setCellState(0, 2);  // the second state of the second group, whose rows hold 20 and 60
        QVERIFY2(details.text().startsWith(QStringLiteral("state 2\nlayer 0 of 0 … 1")), qPrintable(details.text()));
        QVERIFY(details.text().contains(QStringLiteral("group: 1, its state 1")));
        QVERIFY(details.text().contains(QStringLiteral("|h|: 40.0")));
        QVERIFY(!details.text().contains(QStringLiteral("score")));

        auto plan = std::make_shared<prune::Plan>();
        plan->layers = {{1, 1, 0}, {1, 1}};
        evidence.plan = plan;
        auto scores = std::make_shared<prune::Scores>();
        scores->layers = {{0.5, 2, 1.25}, {1, 1}};
        evidence.scores = scores;
        details.setStates(evidence);
        QVERIFY(details.text().contains(QStringLiteral("score: 1.25")));
        QVERIFY(details.text().contains(QStringLiteral("plan: pruned")));

        QVERIFY(rowsOfState(evidence, 1, 2).empty());  // the second layer has two
        QVERIFY(rowsOfState(evidence, 2, 0).empty());
        QVERIFY(rowsOfState({}, 0, 0).empty());
    }

    void prunedStatesAreHatchedAndThoseUnderTheThresholdOutlined() {
        Selection selection;
        StatesPage page(selection);
        page.resize(1000, 700);
        const auto activity = test::fabricatedActivity();
        const auto scores = test::fabricatedScores(*activity);
        const auto plan = test::fabricatedPlan(*activity, *scores, 0.5);
        page.setActivity(activity);
        QVERIFY(page.overview()->data().hatched.empty());
        const QImage plain = page.overview()->grab().toImage();
        page.setPlan(plan);
        page.setScores(scores, 1.0);
        const HeatmapData& shown = page.overview()->data();
        for (std::size_t layer = 0; layer < plan->layers.size(); ++layer) {
            for (std::size_t state = 0; state < plan->layers[layer].size(); ++state) {
                QCOMPARE(shown.hatched[layer * 64 + state] == 0, plan->layers[layer][state] == 1);
                QCOMPARE(shown.outlined[layer * 64 + state] == 1, scores->layers[layer][state] < 1.0);
            }
        }
        QVERIFY(page.overview()->grab().toImage() != plain);
        QVERIFY(page.rows()->data().hatched.size() == page.rows()->data().values.size());
        QVERIFY(page.overSequence()->data().hatched.size() == page.overSequence()->data().values.size());
        // Without scores the plan's own border is drawn; a plan of another model is not.
        page.setScores(nullptr, {});
        QVERIFY(page.overview()->data().outlined == page.overview()->data().hatched);
        auto other = std::make_shared<prune::Plan>(*plan);
        other->layers.pop_back();
        page.setPlan(other);
        QVERIFY(page.overview()->data().hatched.empty());
    }

    void sortedLayersFallFromLeftToRight() {
        Selection selection;
        StatesPage page(selection);
        page.resize(1000, 700);
        page.setActivity(smallActivity());
        page.setSorted(true);
        page.setMeasure({Statistic::State, false});
        const HeatmapData& shown = page.overview()->data();
        QCOMPARE(shown.values[0], 40.0F);
        QCOMPARE(shown.values[1], 20.0F);
        QCOMPARE(shown.values[2], 2.0F);
        QCOMPARE(shown.x.first, 1.0);
        QVERIFY(page.overview()->tip(0, 0).contains(QStringLiteral("state 2")));
        QVERIFY(page.overview()->tip(0, 0).contains(QStringLiteral("rank 1 of 3")));
        QVERIFY(page.overview()->tip(1, 2).isEmpty());
        QVERIFY(page.overSequence()->tip(0, 1).contains(QStringLiteral("tokens 4 – 6")));
        QTest::mouseClick(page.overview(), Qt::LeftButton, {}, page.overview()->cellCentre(0, 0));
        QCOMPARE(selection.focus().state, std::optional<std::int64_t>(2));
        page.setScalePerLayer(true);
        QCOMPARE(page.overview()->data().scales.size(), std::size_t{2});
        page.setLogarithmic(false);
        QCOMPARE(page.overview()->data().scales[0], (ColourScale{0, 40, false}));
    }

    void hoverTellsTheNumbers() {
        Selection selection;
        StatesPage page(selection);
        page.resize(1000, 700);
        const auto activity = smallActivity();
        auto scores = test::fabricatedScores(*activity);
        scores->layers[0] = {0.25, 1, 2};
        page.setActivity(activity);
        page.setScores(scores, 0.5);
        page.setPlan(test::fabricatedPlan(*activity, *scores, 0.5));
        const QString tip = page.overview()->tip(0, 0);
        for (const char* part : {"layer 0, state 0", "group 0, its state 0", "|h|, mean: 2.00", "rank 3 of 3", "pruned",
                                 "score 0.250, under threshold"}) {
            QVERIFY2(tip.contains(QString::fromUtf8(part)), qPrintable(tip));
        }
        page.show();
        QTest::mouseMove(page.overview(), page.overview()->cellCentre(0, 1));
        QTRY_VERIFY(QToolTip::text().contains(QStringLiteral("layer 0, state 1")));
        QVERIFY(page.rows()->tip(3, 1).contains(QStringLiteral("head 3, state 2")));
        QVERIFY(page.rows()->tip(3, 1).contains(QStringLiteral("60.0")));
        QVERIFY(page.origin().contains(QStringLiteral("8 sequences × 7 tokens")));
        QVERIFY(page.origin().contains(QStringLiteral("1.12 times as long (1.10 – 1.15)")));
    }

    void numbersAsCsv() {
        Selection selection;
        StatesPage page(selection);
        page.resize(1000, 700);
        const auto activity = smallActivity();
        page.setActivity(activity);
        const QStringList lines = page.overview()->picture().csv().split(QLatin1Char('\n'), Qt::SkipEmptyParts);
        QCOMPARE(lines.size(), qsizetype{1 + 3 + 2});
        QCOMPARE(lines[0], QStringLiteral("layer,state,group,\"|h|, mean [1]\",rank in layer,kept,score"));
        QCOMPARE(lines[2], QStringLiteral("0,1,1,20,2,,"));
        page.setPlan(test::fabricatedPlan(*activity, *test::fabricatedScores(*activity), 1e9));
        QVERIFY(page.overview()->picture().csv().contains(QStringLiteral("\n0,1,1,20,2,0,\n")));
        QVERIFY(page.rows()->picture().csv().contains(QStringLiteral("\n0,3,2,60\n")));
        QCOMPARE(page.rows()->picture().csv().count(QLatin1Char('\n')), qsizetype{1 + 6});
        QVERIFY(page.overSequence()->picture().csv().contains(QStringLiteral("\n0,2,4,6\n")));
        QTemporaryDir folder;
        QVERIFY(writeSvg(page.overview()->picture(), folder.filePath(QStringLiteral("a.svg"))));
        QVERIFY(writePdf(page.rows()->picture(), folder.filePath(QStringLiteral("a.pdf"))));
        QVERIFY(writePng(page.overSequence()->picture(), folder.filePath(QStringLiteral("a.png"))));
    }

    void snapshotsKeepTheView() {
        Selection selection;
        StatesPage page(selection);
        page.resize(1000, 700);
        page.show();
        page.setActivity(test::fabricatedActivity());
        Heatmap& map = *page.overview();
        const QPoint centre = map.cellCentre(2, 20);
        const QRectF whole = map.view();
        QWheelEvent wheel(centre, map.mapToGlobal(centre), {}, QPoint(0, 240), Qt::NoButton, Qt::NoModifier,
                          Qt::NoScrollPhase, false);
        QCoreApplication::sendEvent(&map, &wheel);
        const QRectF zoomed = map.view();
        QVERIFY(zoomed.width() < whole.width());
        QVERIFY((map.cellCentre(2, 20) - centre).manhattanLength() <= 2);
        selection.setCellState(2, 20);
        auto next = test::fabricatedActivity();
        next->complete = false;
        page.setActivity(next);
        QCOMPARE(map.view(), zoomed);
        QCOMPARE(selection.focus().state, std::optional<std::int64_t>(20));
        QVERIFY(page.origin().startsWith(QStringLiteral("So far")));
        // A drag pans and chooses nothing.
        QTest::mousePress(&map, Qt::LeftButton, {}, centre);
        QMouseEvent move(QEvent::MouseMove, centre + QPointF(40, 0), map.mapToGlobal(centre + QPointF(40, 0)),
                         Qt::NoButton, Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(&map, &move);
        QTest::mouseRelease(&map, Qt::LeftButton, {}, centre + QPoint(40, 0));
        QVERIFY(map.view().left() < zoomed.left());
        QCOMPARE(selection.focus().state, std::optional<std::int64_t>(20));
        QTest::mouseDClick(&map, Qt::LeftButton, {}, centre);
        QCOMPARE(map.view(), whole);
    }

    void histogramAsksForThresholds() {
        ScoreHistogram histogram;
        histogram.resize(260, 220);
        histogram.show();
        const auto activity = test::fabricatedActivity();
        const auto scores = test::fabricatedScores(*activity);
        histogram.setScores(scores);
        histogram.grab();
        QCOMPARE(histogram.under(), 0);
        histogram.setThreshold(0.5);
        histogram.grab();
        std::int64_t under = 0;
        for (const auto& layer : scores->layers) {
            under += std::count_if(layer.begin(), layer.end(), [](double score) { return score < 0.5; });
        }
        QCOMPARE(histogram.under(), under);

        QSignalSpy asked(&histogram, &ScoreHistogram::thresholdRequested);
        connect(&histogram, &ScoreHistogram::thresholdRequested, &histogram,
                [&](double threshold) { histogram.setThreshold(threshold); });
        const QPoint from = histogram.pointOf(0.5);
        const QPoint to = histogram.pointOf(2);
        QTest::mousePress(histogram.plot(), Qt::LeftButton, {}, from);
        QMouseEvent move(QEvent::MouseMove, to, histogram.plot()->mapToGlobal(QPointF(to)), Qt::NoButton,
                         Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(histogram.plot(), &move);
        QTest::mouseRelease(histogram.plot(), Qt::LeftButton, {}, to);
        QCOMPARE(asked.count(), 1);
        QVERIFY(std::abs(std::log(*histogram.threshold() / 2)) < 0.1);
        const double before = *histogram.threshold();
        QTest::keyClick(histogram.plot(), Qt::Key_Left);
        QVERIFY(*histogram.threshold() < before);
        const double little = before - *histogram.threshold();
        histogram.setThreshold(before);
        QTest::keyClick(histogram.plot(), Qt::Key_Left, Qt::ShiftModifier);
        QVERIFY(before - *histogram.threshold() > 3 * little);
        // To the ends and not beyond: nothing goes, everything goes.
        for (int i = 0; i < 12; ++i) QTest::keyClick(histogram.plot(), Qt::Key_PageDown);
        QCOMPARE(histogram.under(), 0);
        for (int i = 0; i < 12; ++i) QTest::keyClick(histogram.plot(), Qt::Key_PageUp);
        QCOMPARE(histogram.under(), 6 * 64);
        QVERIFY(histogram.csv().count(QLatin1Char('\n')) > 10);
        histogram.setScores(nullptr);
        histogram.grab();
    }

    void nothingIsDrawnFromNothing() {
        Selection selection;
        StatesPage page(selection);
        page.resize(800, 560);
        page.show();
        auto none = std::make_shared<activity::Activity>();
        auto begun = test::fabricatedActivity();
        for (activity::LayerActivity& layer : begun->layers) {
            std::fill(layer.mean.begin(), layer.mean.end(), kMissing);
            std::fill(layer.binned.begin(), layer.binned.end(), kMissing);
        }
        const auto mamba1 = test::fabricatedActivity({4, 0, 192, {16}, 8, 100});
        for (const activity::ActivityPtr& activity :
             {activity::ActivityPtr(), activity::ActivityPtr(none), activity::ActivityPtr(begun),
              activity::ActivityPtr(mamba1), activity::ActivityPtr()}) {
            page.setActivity(activity);
            page.grab();
            selection.setCellState(99, 999);
            page.grab();
            selection.setCellState(1, 3);
            page.grab();
            selection.setCellState({}, 3);
            page.grab();
            for (Heatmap* map : {page.overview(), page.rows(), page.overSequence()}) {
                map->picture().csv();
                QTest::keyClick(map, Qt::Key_Right);
                QTest::keyClick(map, Qt::Key_Home);
            }
            selection.clear();
        }
        page.setActivity(mamba1);
        QVERIFY(page.rows()->tip(100, 3).contains(QStringLiteral("channel 100")));
    }

    void largeModelsStayFast() {
        const auto activity = test::fabricatedActivity({64, 80, 0, {128}, 64, 2048});
        Selection selection;
        StatesPage page(selection);
        page.resize(1600, 1000);
        page.show();
        page.setActivity(activity);
        page.grab();
        qint64 best = std::numeric_limits<qint64>::max();
        for (int i = 0; i < 5; ++i) {
            QElapsedTimer timer;
            timer.start();
            page.setActivity(activity);
            page.grab();
            best = std::min(best, timer.elapsed());
        }
        qInfo("64 layers of 80 heads and 128 states: %lld ms for numbers and picture", static_cast<long long>(best));
        QVERIFY(best < 500);  // about 15 on an idle machine; sanitizers and busy machines take longer
    }
};

QTEST_MAIN(TestGuiStates)
#include "test_gui_states.moc"
