// The Prune page on a fabricated model: plans at once, undo, layers of their own, studies, estimates and measurements.
#undef QT_NO_KEYWORDS  // QCustomPlot's header uses them
#include <QAbstractButton>
#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QScrollBar>
#include <QSignalSpy>
#include <QSlider>
#include <QSpinBox>
#include <QSplitter>
#include <QStandardItemModel>
#include <QTest>
#include <QToolButton>
#include <QUndoStack>

#include "fabricated_pruning.h"
#include "gui_test.h"
#include "widgets/elided_boxes.h"
#include "widgets/fitting_area.h"
#include "widgets/kept_bars.h"
#include "widgets/plan_panel.h"
#include "widgets/plot_style.h"
#include "widgets/price_card.h"
#include "widgets/prune_page.h"
#include "widgets/score_histogram.h"
#include "widgets/sensitivity_plot.h"
#include "widgets/study_form.h"
#include "widgets/theme.h"
#include "widgets/tradeoff_plot.h"

using namespace perfmamba;
using namespace perfmamba::widgets;

namespace {

constexpr auto kRefusal = "ranks the states of Mamba-1 only";

std::vector<CriterionChoice> someCriteria() {
    return {{QStringLiteral("magnitude"), QStringLiteral("Magnitude"), QStringLiteral("Σ|A|"), {}, false},
            {QStringLiteral("output-energy"), QStringLiteral("Output energy"), QStringLiteral("Σ(C·h)²"), {}, true},
            {QStringLiteral("ghost"), QStringLiteral("GHOST"), QStringLiteral("layer by layer"), {}, true},
            {QStringLiteral("sparsessm"), QStringLiteral("SparseSSM"), {}, QString::fromLatin1(kRefusal), true}};
}

/// A page with a model whose states are scored by magnitude.
struct Scored {
    explicit Scored(const profile::ModelSummary& of = test::prunedModel()) : model(of), page(selection) {
        page.resize(1040, 620);
        page.show();
        page.setModel(model);
        page.setCriteria(someCriteria());
        page.setScores(test::scoresBy(model, "magnitude"));
    }
    /// States of a layer that stay.
    [[nodiscard]] std::int64_t kept(std::int64_t layer) const { return page.plan()->kept(layer); }
    [[nodiscard]] QString card(const QString& row) const {
        for (const QString& line : page.card()->text().split(QLatin1Char('\n'))) {
            if (line.startsWith(row + QStringLiteral(": "))) return line.mid(row.size() + 2);
        }
        return {};
    }
    void press(const QString& text) {
        for (QAbstractButton* button : page.findChildren<QAbstractButton*>()) {
            if (button->text() == text) button->click();
        }
    }

    profile::ModelSummary model;
    Selection selection;
    PrunePage page;
};

}  // namespace

class TestGuiPrune : public QObject {
    Q_OBJECT

    test::OwnPlace m_place;

private Q_SLOTS:
    void init() { test::failOnAnyWarning(); }

    void thresholdsAndSharesAgree() {
        const std::vector<double> sorted = {1, 2, 2, 3, 5, 8, 9, 10};
        QCOMPARE(thresholdKeeping(sorted, 1), 1.0);
        QCOMPARE(thresholdKeeping(sorted, 0.5), 5.0);
        QCOMPARE(thresholdKeeping(sorted, 0), 10.0);  // one always stays
        QCOMPARE(shareKeptBy(sorted, 5), 0.5);
        QCOMPARE(shareKeptBy(sorted, 2), 0.875);  // of equal scores none goes
        QCOMPARE(shareKeptBy(sorted, 11), 0.0);
        QVERIFY(std::isnan(thresholdKeeping({}, 0.5)));
        const prune::Choice keep{prune::PlanKind::Keep, 0.5, 1, {}, {}};
        QCOMPARE(asKind(keep, prune::PlanKind::Threshold, 0.5, sorted).value, 5.0);
        QCOMPARE(asKind(keep, prune::PlanKind::Budget, 0.5, sorted).value, 0.5);
    }

    void sharesAreReadAsWritten() {
        QCOMPARE(sharesFrom(QStringLiteral("0, 25 50,75")), (std::vector<double>{0, 0.25, 0.5, 0.75}));
        QCOMPARE(sharesFrom(QStringLiteral("90 %, 12.5")), (std::vector<double>{0.125, 0.9}));
        QCOMPARE(sharesFrom(QStringLiteral("50, 50")), (std::vector<double>{0.5}));
        QCOMPARE(sharesText({0, 0.125, 0.9}), QStringLiteral("0, 12.5, 90"));
        for (const char* bad : {"", "100", "-1", "half", "1; x", "nan"}) {
            QVERIFY2(sharesFrom(QString::fromLatin1(bad)).empty(), bad);
        }
    }

    void qualityIsReadOffBetweenPoints() {
        const auto model = test::prunedModel();
        const auto study = test::tradeoffStudy(model, {"magnitude", "ghost"});
        const auto at = [&](double share) { return test::accuracyOf("ghost", share).correct.value; };
        const Figure between = qualityBetween(*study, QStringLiteral("ghost"), 0.6);
        QCOMPARE(between.standing, Standing::Estimated);
        QVERIFY(std::abs(between.value - (0.6 * at(0.5) + 0.4 * at(0.75))) < 1e-12);
        // Where nothing is removed every criterion begins.
        QCOMPARE(qualityBetween(*study, QStringLiteral("ghost"), 0.1).standing, Standing::Estimated);
        QCOMPARE(qualityBetween(*study, QStringLiteral("ghost"), 0.95).standing, Standing::Missing);
        QCOMPARE(qualityBetween(*study, QStringLiteral("decay"), 0.5).standing, Standing::Missing);
    }

    void tradeoffHoldsEveryMeasuredPoint() {
        const auto model = test::prunedModel();
        const auto study = test::tradeoffStudy(model, {"magnitude", "ghost"});
        const WorthAxis decode{WorthAxis::Kind::SpeedUp, {profile::Mode::Decode, 16, 256}};
        const auto series = tradeoffOf(*study, decode, nullptr);
        QCOMPARE(series.size(), std::size_t{3});
        QCOMPARE(series[0].criterion, kNothingRemoved);
        QCOMPARE(series[2].criterion, QStringLiteral("ghost"));
        QCOMPARE(series[2].points.size(), std::size_t{4});
        // The better criterion is on the frontier, the worse one is not where both cost the same.
        QVERIFY(series[2].points[2].frontier);
        QVERIFY(!series[1].points[2].frontier);
        // What the noise could have made wins nothing.
        auto noisy = std::make_shared<study::Study>(*study);
        for (study::Cell& cell : noisy->cells) {
            for (study::Speed& speed : cell.measured.speeds) speed.speed_up.ci_low = 0.9;
        }
        const auto by_noise = tradeoffOf(*noisy, decode, nullptr);
        QVERIFY(by_noise[0].points[0].frontier);
        QVERIFY(!by_noise[2].points[2].frontier);
        // Without times the cost curves say where a point lies, and it is no member of the frontier.
        auto untimed = std::make_shared<study::Study>(*study);
        for (study::Cell& cell : untimed->cells) cell.measured.speeds.clear();
        QVERIFY(tradeoffOf(*untimed, decode, nullptr).empty());
        const auto cost = test::costOfStates(model);
        const auto estimated = tradeoffOf(*untimed, decode, cost.get());
        QCOMPARE(estimated[2].points[1].worth.standing, Standing::Estimated);
        QVERIFY(!estimated[2].points[1].frontier);
        const auto memory = tradeoffOf(*untimed, {WorthAxis::Kind::StateMemory, {}}, nullptr);
        QCOMPARE(memory[2].points[1].worth.standing, Standing::Counted);
        QVERIFY(memory[2].points[1].frontier);
    }

    void layersAloneAreCompared() {
        const auto study = test::tradeoffStudy(test::prunedModel(), {"magnitude"});
        const std::vector<LayerDelta> deltas = sensitivityOf(*study);
        QCOMPARE(deltas.size(), std::size_t{6});
        QVERIFY(deltas[1].delta < 0);
        QVERIFY(std::abs(deltas[1].error - std::hypot(0.004, 0.01)) < 1e-12);
    }

    void sliderChangesThePlanAtOnce() {
        Scored scored;
        QCOMPARE(scored.page.plan()->kept(), std::int64_t{96});
        QSignalSpy changed(&scored.page, &PrunePage::planChanged);
        scored.page.panel()->slider()->setValue(500);
        QCOMPARE(changed.count(), 1);
        QCOMPARE(scored.page.plan()->kept(), std::int64_t{48});
        QVERIFY(scored.page.plan()->uniform());
        QCOMPARE(changed[0][0].value<prune::PlanPtr>(), scored.page.plan());
        // The same plan again is not said again.
        scored.page.panel()->slider()->setValue(499);
        scored.page.panel()->slider()->setValue(500);
        QVERIFY(changed.count() <= 3);
        // A handle on the histogram takes the score itself.
        scored.press(QStringLiteral("threshold"));
        QCOMPARE(scored.page.chosen().choice.kind, prune::PlanKind::Threshold);
        QCOMPARE(scored.page.plan()->kept(), std::int64_t{48});
        ScoreHistogram* histogram = scored.page.panel()->histogram();
        QCOMPARE(histogram->threshold(), scored.page.chosen().choice.value);
        Q_EMIT histogram->thresholdRequested(0);
        QCOMPARE(scored.page.plan()->kept(), std::int64_t{96});
        QCOMPARE(scored.page.panel()->slider()->value(), 1000);
    }

    void undoRestoresTheEarlierPlan() {
        Scored scored;
        QSlider* slider = scored.page.panel()->slider();
        QUndoStack* undo = scored.page.undoStack();
        const prune::PlanPtr full = scored.page.plan();
        // A drag is one step.
        slider->setSliderDown(true);
        for (int value = 990; value >= 250; value -= 20) slider->setValue(value);
        slider->setSliderDown(false);
        slider->setValue(250);
        QCOMPARE(undo->count(), 1);
        const prune::PlanPtr quarter = scored.page.plan();
        QCOMPARE(quarter->kept(), std::int64_t{24});
        scored.press(QStringLiteral("budget"));
        QCOMPARE(undo->count(), 2);
        QVERIFY(!scored.page.plan()->uniform());
        undo->undo();
        QVERIFY(samePlan(*scored.page.plan(), *quarter));
        undo->undo();
        QVERIFY(samePlan(*scored.page.plan(), *full));
        QCOMPARE(slider->value(), 1000);
        undo->redo();
        QVERIFY(samePlan(*scored.page.plan(), *quarter));
        QCOMPARE(slider->value(), 250);
    }

    void layersHaveCountsAndLocksOfTheirOwn() {
        Scored scored;
        scored.page.panel()->slider()->setValue(500);
        KeptBars* bars = scored.page.panel()->bars();
        QTest::mouseClick(bars->viewport(), Qt::LeftButton, {}, bars->pointAt(1, 4));
        QCOMPARE(scored.kept(1), std::int64_t{4});
        QCOMPARE(scored.kept(0), std::int64_t{8});
        QVERIFY(bars->rows()[1].overridden);
        QCOMPARE(scored.selection.focus().layer, std::optional<std::int32_t>(1));
        QTest::mouseClick(bars->viewport(), Qt::LeftButton, {}, bars->lockAt(2));
        QCOMPARE(scored.kept(2), std::int64_t{16});
        QVERIFY(bars->rows()[2].locked);
        // Locking a layer that has a count of its own gives the count up, for it cannot have both.
        QTest::mouseClick(bars->viewport(), Qt::LeftButton, {}, bars->lockAt(1));
        QCOMPARE(scored.kept(1), std::int64_t{16});
        QTest::keyClick(bars, Qt::Key_Space);
        QCOMPARE(scored.kept(1), std::int64_t{8});
        // Typed, with the keyboard alone.
        QTest::keyClick(bars, Qt::Key_Down);
        QTest::keyClick(bars, Qt::Key_Delete);
        QCOMPARE(scored.kept(2), std::int64_t{8});
        QTest::keyClick(bars, '1');
        auto* editor = bars->viewport()->findChild<QSpinBox*>();
        QVERIFY(editor->isVisibleTo(bars));
        QTest::keyClick(editor, '2');
        QTest::keyClick(editor, Qt::Key_Return);
        QCOMPARE(scored.kept(2), std::int64_t{12});
        QTest::keyClick(bars, Qt::Key_Left);
        QCOMPARE(scored.kept(2), std::int64_t{11});
        scored.press(QStringLiteral("Reset"));
        QCOMPARE(scored.page.plan()->kept(), std::int64_t{48});
        QVERIFY(bars->csv().contains(QStringLiteral("\n2,16,8,8,8,0,0,")));
    }

    void whatLeavesNothingIsRefusedInWords() {
        Scored scored;
        scored.page.panel()->slider()->setValue(500);
        scored.press(QStringLiteral("threshold"));
        const prune::PlanPtr half = scored.page.plan();
        Q_EMIT scored.page.panel()->histogram()->thresholdRequested(1e9);
        QVERIFY(samePlan(*scored.page.plan(), *half));
        bool said = false;
        for (const QLabel* label : scored.page.panel()->findChildren<QLabel*>()) {
            said = said || label->text().contains(QStringLiteral("would remove every state"));
        }
        QVERIFY(said);
        scored.page.undoStack()->undo();
        QVERIFY(samePlan(*scored.page.plan(), *half));
    }

    void anotherCriterionIsScoredFirst() {
        Scored scored;
        scored.page.panel()->slider()->setValue(250);
        const prune::PlanPtr before = scored.page.plan();
        QSignalSpy asked(&scored.page, &PrunePage::scoresRequested);
        QComboBox* box = scored.page.panel()->criterionBox();
        box->setCurrentIndex(box->findData(QStringLiteral("ghost")));
        Q_EMIT box->activated(box->currentIndex());
        QCOMPARE(asked.count(), 1);
        QCOMPARE(asked[0][0].toString(), QStringLiteral("ghost"));
        QCOMPARE(asked[0][1].toDouble(), 0.75);
        QCOMPARE(scored.page.plan(), before);  // stays until the scores are there
        scored.page.setScores(test::scoresBy(scored.model, "ghost"));
        QCOMPARE(scored.page.plan()->criterion, std::string("ghost"));
        // It was ranked with half removed: the page offers to rank again.
        scored.press(QStringLiteral("Ranked at 50.0 % removed: rank at 75.0 %"));
        QCOMPARE(asked.count(), 2);
        // Going back needs nothing scored again.
        scored.page.undoStack()->undo();
        QVERIFY(samePlan(*scored.page.plan(), *before));
        QCOMPARE(asked.count(), 2);
        // Other tokens, other scores: but not of what looks at the weights only.
        QSignalSpy sources(&scored.page, &PrunePage::sourcesChanged);
        scored.page.undoStack()->redo();
        auto* line = scored.page.panel()->findChildren<QComboBox*>()[1]->lineEdit();
        line->setFocus();
        line->selectAll();
        QTest::keyClicks(line, QStringLiteral("random"));
        QTest::keyClick(line, Qt::Key_Return);
        QVERIFY(sources.count() >= 1);
        QCOMPARE(sources[0][0].value<TokenSources>().calibrate, QStringLiteral("random"));
        QCOMPARE(asked.count(), 3);
    }

    /// A field is asked for where a file has fields; last words are judged, not calibrated on.
    void textsAreChosenAsTheirFilesAre() {
        Scored scored;
        auto* panel = scored.page.panel();
        auto* field = panel->findChild<QLineEdit*>(QStringLiteral("field"));
        auto* last_word = panel->findChild<QCheckBox*>(QStringLiteral("lastWord"));
        scored.page.setSources({QStringLiteral("a.txt"), QStringLiteral("b.txt"), 128, {}, false});
        QVERIFY(!field->isVisibleTo(panel));
        scored.page.setSources({QStringLiteral("a.txt"), QStringLiteral("b.jsonl"), 128, {}, false});
        QVERIFY(field->isVisibleTo(panel));
        QSignalSpy said(&scored.page, &PrunePage::sourcesChanged);
        field->setText(QStringLiteral("body"));
        Q_EMIT field->editingFinished();
        last_word->click();
        QCOMPARE(said.count(), 2);
        const TokenSources sources{QStringLiteral("a.txt"), QStringLiteral("b.jsonl"), 128, QStringLiteral("body"),
                                   true};
        QVERIFY(said[1][0].value<TokenSources>() == sources);
        const evaluate::TokenRequest calibration = calibrationOf(sources);
        const evaluate::TokenRequest evaluation = evaluationOf(sources);
        QVERIFY(calibration.length == 128 && calibration.field.empty() && !calibration.last_word);
        QVERIFY(evaluation.length == 0 && evaluation.field == "body" && evaluation.last_word);
        QCOMPARE(calibrationOf({QStringLiteral("task"), {}, 128, {}, false}).length, 0);
        QVERIFY(!evaluationOf({{}, QStringLiteral("task"), 128, {}, true}).last_word);
    }

    void aFailureIsSaidAndNotAskedForAgain() {
        Scored scored;
        QSignalSpy asked(&scored.page, &PrunePage::scoresRequested);
        QComboBox* box = scored.page.panel()->criterionBox();
        box->setCurrentIndex(box->findData(QStringLiteral("ghost")));
        Q_EMIT box->activated(box->currentIndex());
        scored.page.setScoresFailed(QStringLiteral("ghost"), QStringLiteral("the text is too short"));
        const auto said = [&] {
            const auto labels = scored.page.panel()->findChildren<QLabel*>();
            return std::any_of(labels.begin(), labels.end(), [](const QLabel* label) {
                return label->text().startsWith(QStringLiteral("Not scored")) && !label->isHidden();
            });
        };
        QVERIFY(said());
        scored.page.panel()->slider()->setValue(500);
        QCOMPARE(asked.count(), 1);
        QVERIFY(said());
        Q_EMIT box->activated(box->currentIndex());
        QCOMPARE(asked.count(), 2);
        QVERIFY(!said());
        scored.page.undoStack()->undo();
        scored.page.undoStack()->undo();
        QVERIFY(!said());
    }

    void refusedCriteriaAreListedWithTheReason() {
        Scored scored;
        QComboBox* box = scored.page.panel()->criterionBox();
        const int row = box->findData(QStringLiteral("sparsessm"));
        QVERIFY(!qobject_cast<QStandardItemModel*>(box->model())->item(row)->isEnabled());
        QCOMPARE(box->itemData(row, Qt::ToolTipRole).toString(), QString::fromLatin1(kRefusal));
        auto* check = scored.page.studyForm()->findChild<QCheckBox*>(QStringLiteral("sparsessm"));
        QVERIFY(!check->isEnabled());
        QVERIFY(!check->isChecked());
    }

    void labelsHaveTheDecimalsOfTheirDistance() {
        const auto labels = [](double from, double to) {
            QVector<double> ticks;
            QVector<QString> texts;
            plainTicker()->generate({from, to}, QLocale::c(), QLatin1Char('g'), 3, ticks, nullptr, &texts);
            for (qsizetype i = 0; i < ticks.size(); ++i) {
                const bool right = std::abs(texts[i].toDouble() - ticks[i]) < 1e-6 * (to - from);
                if (!right) return QStringList{QStringLiteral("%1 for %2").arg(texts[i]).arg(ticks[i], 0, 'g', 10)};
            }
            return QStringList(texts.begin(), texts.end());
        };
        QVERIFY(labels(2.94, 3.11).contains(QStringLiteral("2.975")));
        QVERIFY(labels(0, 100).contains(QStringLiteral("20")));
        QVERIFY(labels(-0.3, 0.3).contains(QStringLiteral("0.0")));
        QVERIFY(labels(0.00012, 0.00019).size() > 2);
    }

    /// Without a study the plan at hand is in sight, whatever the quality's unit.
    void thePlanIsSeenAlone() {
        TradeoffPlot plot;
        Price price;
        price.quality.value = 3.057;  // nats
        price.higher_is_better = false;
        SpeedFigure decode;
        decode.workload = workloadsOf(nullptr, nullptr).back();
        decode.speed_up.value = 1.1;
        price.speeds.push_back(decode);
        plot.setCurrent(price);
        const auto* canvas = plot.findChild<QCustomPlot*>(QStringLiteral("tradeoffPlot"));
        QVERIFY(canvas->yAxis->range().contains(3.057));
    }

    void aPointOfTheStudySetsThePlan() {
        Scored scored;
        const auto study = test::tradeoffStudy(scored.model, {"magnitude", "ghost"});
        scored.page.setStudy(study);
        TradeoffPlot* plot = scored.page.tradeoff();
        plot->grab();
        QSignalSpy asked(&scored.page, &PrunePage::scoresRequested);
        const std::size_t cell = 6;  // ghost, half removed
        QCOMPARE(study->cells[cell].criterion, std::string("ghost"));
        const QPoint at = plot->cellAt(cell);
        QVERIFY(at.x() > 0);
        QTest::mouseClick(plot->findChild<QWidget*>(QStringLiteral("tradeoffPlot")), Qt::LeftButton, {}, at);
        QVERIFY(samePlan(*scored.page.plan(), study->cells[cell].plan));
        QCOMPARE(scored.page.chosen().criterion, QStringLiteral("ghost"));
        // It was measured: the card says so at once.
        QVERIFY(scored.card(QStringLiteral("decode × 16")).endsWith(QStringLiteral("[measured]")));
        QVERIFY(scored.card(QStringLiteral("accuracy, %")).endsWith(QStringLiteral("[measured]")));
        QCOMPARE(asked.count(), 1);
        // Scores that rank otherwise do not change a plan that was taken as it was made.
        auto others = std::make_shared<prune::Scores>(*test::scoresBy(scored.model, "ghost"));
        for (auto& layer : others->layers) std::reverse(layer.begin(), layer.end());
        scored.page.setScores(others);
        QVERIFY(samePlan(*scored.page.plan(), study->cells[cell].plan));
        scored.page.undoStack()->undo();
        QCOMPARE(scored.page.chosen().criterion, QStringLiteral("magnitude"));
        // By keyboard.
        QWidget* canvas = plot->findChild<QWidget*>(QStringLiteral("tradeoffPlot"));
        QTest::keyClick(canvas, Qt::Key_Up);
        QTest::keyClick(canvas, Qt::Key_Right);
        QTest::keyClick(canvas, Qt::Key_Return);
        QCOMPARE(scored.page.chosen().criterion, QStringLiteral("magnitude"));
        QVERIFY(scored.page.plan()->kept() < 96);
        QVERIFY(plot->csv().contains(QStringLiteral("ghost")));
        // In per cent, as in the card, and by the names that the panel has; the file has shares and ids.
        const auto* picture = plot->findChild<QCustomPlot*>(QStringLiteral("tradeoffPlot"));
        QCOMPARE(picture->yAxis->label(), QStringLiteral("accuracy, %"));
        QVERIFY(picture->yAxis->range().upper > 50);
        QStringList named;
        for (int i = 0; i < picture->legend->itemCount(); ++i) {
            auto* item = qobject_cast<QCPPlottableLegendItem*>(picture->legend->item(i));
            if (item != nullptr) named << item->plottable()->name();  // none in the rest of a last row
        }
        QVERIFY2(named.contains(QStringLiteral("GHOST, layer by layer")), qPrintable(named.join(u';')));
        QVERIFY(plot->csv().contains(QStringLiteral("accuracy [1]")));
    }

    void whatStaysIsSaid() {
        Scored scored;
        const auto* stays = scored.page.findChild<QLabel*>(QStringLiteral("stays"));
        scored.page.panel()->slider()->setValue(498);
        const prune::PlanPtr plan = scored.page.plan();
        QVERIFY2(stays->text().startsWith(QStringLiteral("%1 of %2 states stay").arg(plan->kept()).arg(plan->states())),
                 qPrintable(stays->text()));
    }

    void emptyPlotsHaveNoNumbers() {
        Scored scored;
        const auto* tradeoff = scored.page.tradeoff()->findChild<QCustomPlot*>(QStringLiteral("tradeoffPlot"));
        QVERIFY(!tradeoff->yAxis->tickLabels() && !tradeoff->xAxis->tickLabels());
        Selection selection;
        SensitivityPlot alone(selection);
        QVERIFY(!alone.findChild<QCustomPlot*>()->yAxis->tickLabels());
        scored.page.setStudy(test::tradeoffStudy(scored.model, {"magnitude"}));
        QVERIFY(tradeoff->yAxis->tickLabels() && tradeoff->xAxis->tickLabels());
    }

    void estimatesNeverLookMeasured() {
        Scored scored;
        scored.page.panel()->slider()->setValue(500);
        QVERIFY(scored.card(QStringLiteral("decode × 16")).endsWith(QStringLiteral("[not known]")));
        scored.page.setCost(test::costOfStates(scored.model));
        QVERIFY(scored.card(QStringLiteral("decode × 16")).endsWith(QStringLiteral("[estimated]")));
        QVERIFY(scored.card(QStringLiteral("states")).endsWith(QStringLiteral("[counted]")));
        QVERIFY(scored.card(QStringLiteral("accuracy, %")).endsWith(QStringLiteral("[not known]")));
        const prune::PlanPtr half = scored.page.plan();
        const auto scores = test::scoresBy(scored.model, "magnitude");
        scored.page.setMeasurement(half, test::measurementOf(scored.model, *half, *scores, false), true);
        QVERIFY(scored.card(QStringLiteral("accuracy, %")).endsWith(QStringLiteral("[measured]")));
        QVERIFY(scored.card(QStringLiteral("decode × 16")).endsWith(QStringLiteral("[estimated]")));
        scored.page.setMeasurement(half, test::measurementOf(scored.model, *half, *scores, true), false);
        QVERIFY(scored.card(QStringLiteral("decode × 16")).endsWith(QStringLiteral("[measured]")));
        QVERIFY(scored.card(QStringLiteral("KL, nats")).endsWith(QStringLiteral("[measured]")));
        // Another plan: what was measured is no longer its own. The first again: it is.
        scored.page.panel()->slider()->setValue(250);
        QVERIFY(scored.card(QStringLiteral("decode × 16")).endsWith(QStringLiteral("[estimated]")));
        QVERIFY(scored.card(QStringLiteral("accuracy, %")).endsWith(QStringLiteral("[not known]")));
        scored.page.panel()->slider()->setValue(500);
        QVERIFY(scored.card(QStringLiteral("decode × 16")).endsWith(QStringLiteral("[measured]")));
    }

    /// At the width of a small window, with every number there: nothing is cut off, nor painted over something else. At
    /// less than that the page scrolls across.
    void nothingIsCutOff() {
        Scored scored;
        for (const int width : {806, 500}) {
            scored.page.resize(width, 608);
            scored.page.panel()->slider()->setValue(500);
            const prune::PlanPtr half = scored.page.plan();
            const auto scores = test::scoresBy(scored.model, "magnitude");
            auto measured = test::measurementOf(scored.model, *half, *scores, true);
            for (study::Speed& speed : measured.speeds) speed.speed_up = {0.934, 0.759, 0.963, 20};
            scored.page.setMeasurement(half, measured, false);
            QTest::qWait(30);
            for (FittingArea* area : scored.page.findChildren<FittingArea*>()) {
                if (!area->isVisible()) continue;
                const QWidget* content = area->widget();
                QVERIFY(content->width() >= content->minimumSizeHint().width());
                QVERIFY(content->width() <= area->viewport()->width());
            }
            auto* across =
                qobject_cast<QScrollArea*>(scored.page.findChild<QSplitter*>()->parentWidget()->parentWidget());
            QVERIFY(across != nullptr);
            QCOMPARE(across->horizontalScrollBar()->maximum() > 0, width < 806);
            QVERIFY(!scored.page.grab().isNull());
        }
    }

    /// A path's file, not the end of the path; of a name that is too long both ends.
    void sourcesAreNamedByTheirFile() {
        PathEdit edit;
        edit.setText(QStringLiteral("/a/long/way/to/how-we-measure.md"));
        QCOMPARE(edit.shortened(1000), QStringLiteral("how-we-measure.md"));
        const QString shortened = edit.shortened(edit.fontMetrics().horizontalAdvance(QStringLiteral("how-we-mea.md")));
        QVERIFY2(shortened.startsWith(QStringLiteral("how-")) && shortened.endsWith(QStringLiteral(".md")) &&
                     shortened.contains(QChar(0x2026)),
                 qPrintable(shortened));
        edit.setText(QStringLiteral("task"));
        QCOMPARE(edit.shortened(1000), QStringLiteral("task"));
    }

    void itIsMeasuredAsOneGoes() {
        Scored scored;
        QSignalSpy measure(&scored.page, &PrunePage::measureRequested);
        QTRY_COMPARE(measure.count(), 1);  // of the whole model
        scored.page.panel()->slider()->setValue(700);
        scored.page.panel()->slider()->setValue(500);
        QTRY_COMPARE(measure.count(), 2);
        QCOMPARE(measure[1][0].value<prune::PlanPtr>(), scored.page.plan());
        QCOMPARE(measure[1][1].toBool(), false);
        scored.press(QStringLiteral("Measure now"));
        QCOMPARE(measure.count(), 3);
        QCOMPARE(measure[2][1].toBool(), true);
        scored.press(QStringLiteral("measure accuracy as I go"));
        scored.page.panel()->slider()->setValue(300);
        QTest::qWait(400);
        QCOMPARE(measure.count(), 3);
        scored.page.setMeasuring(QStringLiteral("measuring: decode × 16"));
        scored.page.setMeasuring({});
    }

    void aStudyIsAskedForAsSet() {
        Scored scored;
        scored.page.setSources({QStringLiteral("task"), QStringLiteral("random"), 128, {}, false});
        QSignalSpy asked(&scored.page, &PrunePage::studyRequested);
        StudyForm* form = scored.page.studyForm();
        QVERIFY(form->problem().isEmpty());
        study::Options wanted;
        wanted.criteria = {"ghost"};
        wanted.shares = {0, 0.125, 0.5};
        wanted.kind = prune::PlanKind::Budget;
        wanted.multiple_of = 8;
        wanted.workloads = {{profile::Mode::Prefill, 16, 512}, {profile::Mode::Decode, 16, 512}};
        wanted.sensitivity_share = 0.25;
        wanted.pairs = 9;
        wanted.budget_s = 2.5;
        form->setOptions(wanted);
        Q_EMIT form->runRequested();
        QCOMPARE(asked.count(), 1);
        const auto got = asked[0][0].value<study::Options>();
        QCOMPARE(got.criteria, wanted.criteria);
        QCOMPARE(got.shares, wanted.shares);
        QCOMPARE(got.kind, wanted.kind);
        QCOMPARE(got.multiple_of, wanted.multiple_of);
        QVERIFY(got.workloads == wanted.workloads);
        QCOMPARE(got.sensitivity_share, 0.25);
        QCOMPARE(got.pairs, 9);
        QCOMPARE(got.budget_s, 2.5);
        QCOMPARE(got.calibration.source, std::string("task"));
        QCOMPARE(got.evaluation.source, std::string("random"));
        QCOMPARE(got.evaluation.length, std::int64_t{128});
        QVERIFY(got.calibration.seed != got.evaluation.seed);
        wanted.criteria.clear();
        form->setOptions(wanted);
        QVERIFY(!form->problem().isEmpty());
    }

    void plansAreSavedLoadedAndExported() {
        Scored scored;
        QSignalSpy exported(&scored.page, &PrunePage::exportRequested);
        QSignalSpy saved(&scored.page, &PrunePage::planSaveRequested);
        QSignalSpy load(&scored.page, &PrunePage::planLoadRequested);
        scored.page.panel()->slider()->setValue(500);
        scored.press(QStringLiteral("Save plan…"));
        scored.press(QStringLiteral("Load plan…"));
        QCOMPARE(saved.count(), 1);
        QCOMPARE(load.count(), 1);
        for (QAction* action : scored.page.findChildren<QAction*>()) {
            if (action->text().startsWith(QStringLiteral("Uniform"))) action->trigger();
        }
        QCOMPARE(exported.count(), 1);
        QCOMPARE(exported[0][1].toString(), QStringLiteral("uniform"));
        // A loaded plan is shown; one of another model is refused in words.
        const auto scores = test::scoresBy(scored.model, "magnitude");
        prune::Choice choice{prune::PlanKind::Budget, 0.3, 4, {1}, {{0, 2}}};
        const auto plan =
            std::make_shared<prune::Plan>(prune::makePlan(scored.model.config, scored.model.name, *scores, choice));
        scored.page.setPlan(plan);
        QCOMPARE(scored.page.plan(), plan);
        QCOMPARE(scored.page.chosen().choice, choice);
        auto foreign = std::make_shared<prune::Plan>(*plan);
        foreign->model_hash = "ffffffffffffffff";
        scored.page.setPlan(foreign);
        QCOMPARE(scored.page.plan(), plan);
        // Another model starts over.
        auto other = scored.model;
        other.hash = "another";
        scored.page.setModel(other);
        QVERIFY(!scored.page.plan());
        QVERIFY(!scored.page.undoStack()->canUndo());
        scored.page.setModel(std::nullopt);
    }

    void everythingCanBeReached() {
        Scored scored;
        for (QWidget* widget : scored.page.findChildren<QWidget*>()) {
            const bool own = qobject_cast<QComboBox*>(widget) != nullptr ||
                             qobject_cast<QAbstractButton*>(widget) != nullptr ||
                             qobject_cast<QSlider*>(widget) != nullptr || qobject_cast<KeptBars*>(widget) != nullptr;
            if (!own || widget->isHidden() || widget->objectName().startsWith(QStringLiteral("qt_"))) continue;
            const auto* button = qobject_cast<QAbstractButton*>(widget);
            const bool named = !widget->accessibleName().isEmpty() || (button != nullptr && !button->text().isEmpty());
            const bool labelled = scored.page.studyForm()->isAncestorOf(widget);
            QVERIFY2(named || labelled, widget->metaObject()->className());
        }
        for (const ThemeChoice choice : {ThemeChoice::Light, ThemeChoice::Dark, ThemeChoice::System}) {
            theme().setChoice(choice);
            scored.page.resize(780, 540);
            QVERIFY(!scored.page.grab().isNull());
        }
    }

    void aLargeModelFollowsTheSlider() {
        Scored scored(test::prunedModel(64, 128));
        scored.page.setCost(test::costOfStates(scored.model));
        scored.page.setStudy(test::tradeoffStudy(scored.model, {"magnitude", "ghost"}));
        QElapsedTimer clock;
        clock.start();
        constexpr int kTimes = 40;
        for (int i = 0; i < kTimes; ++i) scored.page.panel()->slider()->setValue(900 - 20 * i);
        qInfo("%.2f ms a step of the slider, 64 layers of 128 states", static_cast<double>(clock.elapsed()) / kTimes);
        QVERIFY(scored.page.plan()->kept() < 64 * 128);
    }
};

QTEST_MAIN(TestGuiPrune)
#include "test_gui_prune.moc"
