// The window's States and Prune pages on demo models, with the real engine behind them: the slider, the plot's click,
// undo, the study that goes on, the export.
#include <QAction>
#include <QComboBox>
#include <QElapsedTimer>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QSlider>
#include <QTest>
#include <QUndoStack>

#include "app/gui/export_dialog.h"
#include "app/gui/main_window.h"
#include "core/model/checkpoint.h"
#include "core/report/report.h"

#include "gui_test.h"
#include "tests/unit/fabricated_profile.h"
#include "widgets/details_panel.h"
#include "widgets/heatmap.h"
#include "widgets/messages_panel.h"
#include "widgets/price_card.h"
#include "widgets/prune_page.h"
#include "widgets/states_page.h"
#include "widgets/study_form.h"
#include "widgets/tradeoff_plot.h"

using namespace perfmamba;
using app::MainWindow;
using app::PruningSession;

namespace {

constexpr int kPatience = 120'000;  // ms; sanitizers and busy machines

QString demo(const char* name) {
    return QStringLiteral(PERFMAMBA_SOURCE_DIR "/resources/demo/") + QString::fromLatin1(name);
}

/// Opens the model and shows the Prune page until its first plan is there and measured.
void openOnPrune(MainWindow& window, const char* name) {
    window.pruning().setPriceBudget(0.1);  // nothing here asks how exact the price is
    window.show();
    window.openPath(demo(name));
    QTRY_VERIFY_WITH_TIMEOUT(window.session().model() && window.session().model()->name == name, kPatience);
    window.action(QStringLiteral("pagePrune"))->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(window.prunePage()->plan() != nullptr, kPatience);
    QTest::qWait(400);  // the page's own pause before it measures
    QTRY_VERIFY_WITH_TIMEOUT(!window.pruning().busy(), kPatience);
}

study::Options smallStudy() {
    study::Options options;
    options.criteria = {"magnitude", "output-energy"};
    options.shares = {0, 0.5, 0.9};
    options.workloads = {{profile::Mode::Decode, 1, 0}};
    options.pairs = 6;
    options.budget_s = 0.05;
    options.sensitivity_share = 0.75;
    return options;
}

}  // namespace

class TestGuiPruning : public QObject {
    Q_OBJECT

    std::unique_ptr<test::OwnPlace> m_place;

private Q_SLOTS:
    void initTestCase() { m_place = std::make_unique<test::OwnPlace>(); }
    void init() { test::failOnAnyWarning(); }

    void activityShowsWhileTokensStream() {
        MainWindow window;
        window.show();
        window.openPath(demo("mamba1-recall"));
        QTRY_VERIFY_WITH_TIMEOUT(window.session().model(), kPatience);
        window.action(QStringLiteral("pageStates"))->trigger();
        QSignalSpy changed(&window.pruning(), &PruningSession::activityChanged);
        window.action(QStringLiteral("collect"))->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(!changed.isEmpty() && changed.last()[1].toBool(), kPatience);
        const auto activity = changed.last()[0].value<activity::ActivityPtr>();
        QVERIFY(activity->complete);
        QVERIFY(activity->cost.pairs > 0);
        widgets::Heatmap* overview = window.statesPage()->overview();
        QVERIFY(overview->isVisible());
        QVERIFY(window.statesPage()->origin().contains(QStringLiteral("recall")));
        // A click selects everywhere.
        QTest::mouseClick(overview, Qt::LeftButton, {}, overview->cellCentre(1, 5));
        QCOMPARE(window.selection().focus().layer, std::optional<std::int32_t>(1));
        QCOMPARE(window.selection().focus().state, std::optional<std::int64_t>(5));
        QCOMPARE(window.messages()->count(), 0);
    }

    /// A report of one model beside what was collected on another: each is named.
    void whatWasCollectedIsNamedAndSaved() {
        auto other = std::make_shared<profile::Profile>(*test::fabricatedProfile());
        other->model.name = "another-model";
        other->model.hash = "another";
        const QString of_another = m_place->path(QStringLiteral("another.h5"));
        report::write(of_another.toStdString(), *other);
        const QString kept = m_place->path(QStringLiteral("activity.h5"));

        MainWindow window;
        window.show();
        window.openPath(demo("mamba2-recall"));
        QTRY_VERIFY_WITH_TIMEOUT(window.session().model(), kPatience);
        QAction* save = window.action(QStringLiteral("save"));
        QVERIFY(!save->isEnabled());
        window.action(QStringLiteral("collect"))->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(!window.pruning().busy() && window.activity(), kPatience);
        QVERIFY(window.activity()->complete);
        QVERIFY(window.pageModelText().isEmpty());
        QVERIFY(save->isEnabled());
        QCOMPARE(save->text(), QStringLiteral("&Save activity as…"));

        window.openPath(of_another);
        QTRY_VERIFY_WITH_TIMEOUT(window.shown(), kPatience);
        for (const char* page : {"pageStates", "pagePrune"}) {
            window.action(QString::fromLatin1(page))->trigger();
            QCOMPARE(window.pageModelText(),
                     QStringLiteral("This page: mamba2-recall, the open model. Card, map and Details: another-model, "
                                    "of a report."));
        }
        QCOMPARE(save->text(), QStringLiteral("&Save report as…"));
        window.action(QStringLiteral("pageProfile"))->trigger();
        QVERIFY(window.pageModelText().isEmpty());
        // The state that is chosen there is not one of the report's model.
        window.selection().setCellState(1, 3);
        QVERIFY(window.details()->text().contains(QStringLiteral("mamba2-recall")));

        window.action(QStringLiteral("pageStates"))->trigger();
        QCOMPARE(save->text(), QStringLiteral("&Save activity as…"));
        QSignalSpy saved(&window.session(), &app::Session::activitySaved);
        window.session().saveActivity(window.activity(), kept);
        QTRY_COMPARE_WITH_TIMEOUT(saved.count(), 1, kPatience);

        // Without its model: the page says whose it is.
        MainWindow later;
        later.show();
        later.openPath(kept);
        QTRY_VERIFY_WITH_TIMEOUT(later.activity(), kPatience);
        QVERIFY(later.statesPage()->overview()->isVisible());
        QCOMPARE(later.pageModelText(),
                 QStringLiteral("This page: mamba2-recall, of a report. The model itself is not open."));
        QCOMPARE(later.activity()->tokens_hash, window.activity()->tokens_hash);
        QCOMPARE(later.messages()->count(), 0);
    }

    void theSliderIsPredictedAtOnceAndMeasuredAMomentLater() {
        MainWindow window;
        openOnPrune(window, "mamba2-recall");
        widgets::PrunePage* page = window.prunePage();
        QSignalSpy measured(&window.pruning(), &PruningSession::measured);
        QSlider* slider = page->panel()->slider();
        const int all = slider->value();
        // Twenty steps, as a drag makes them: each gives a plan at once, one is measured.
        QElapsedTimer clock;
        clock.start();
        for (int i = 1; i <= 20; ++i) {
            slider->setValue(all - i * 25);
            QVERIFY(page->plan());
        }
        qInfo("twenty plans in %lld ms", static_cast<long long>(clock.elapsed()));
        const prune::PlanPtr plan = page->plan();
        QCOMPARE(plan->kept(), plan->states() / 2);
        QVERIFY(page->card()->text().contains(QStringLiteral("64")));
        QTRY_VERIFY_WITH_TIMEOUT(!measured.isEmpty(), kPatience);
        QTRY_VERIFY_WITH_TIMEOUT(!window.pruning().busy(), kPatience);
        QCOMPARE(measured.last()[0].value<prune::PlanPtr>(), plan);
        const auto result = measured.last()[1].value<study::Measurement>();
        QVERIFY(result.accuracy.correct.value > 0.99);  // half of the states can go
        QVERIFY(page->card()->text().contains(QStringLiteral("[measured]")));

        page->undoStack()->undo();
        QCOMPARE(page->plan()->kept(), page->plan()->states());
        window.action(QStringLiteral("redo"))->trigger();
        QCOMPARE(page->plan()->kept(), plan->kept());
    }

    void aStudyIsEndedGoesOnAndSetsThePlan() {
        std::size_t before = 0;
        {
            MainWindow window;
            openOnPrune(window, "mamba2-recall");
            window.prunePage()->studyForm()->setOptions(smallStudy());
            QSignalSpy changed(&window.pruning(), &PruningSession::studyChanged);
            window.action(QStringLiteral("runStudy"))->trigger();
            QTRY_VERIFY_WITH_TIMEOUT(changed.count() >= 2, kPatience);
            before = changed.last()[0].value<study::StudyPtr>()->done();
            window.close();  // in the middle
        }
        QVERIFY(before >= 1);

        MainWindow window;
        QSignalSpy found(&window.pruning(), &PruningSession::studyFound);
        openOnPrune(window, "mamba2-recall");
        QTRY_COMPARE_WITH_TIMEOUT(found.count(), 1, kPatience);
        const auto kept = found.first()[0].value<study::StudyPtr>();
        QVERIFY(kept->done() >= before && !kept->complete);
        window.prunePage()->studyForm()->setOptions(smallStudy());
        QSignalSpy changed(&window.pruning(), &PruningSession::studyChanged);
        window.action(QStringLiteral("runStudy"))->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(!changed.isEmpty() && changed.last()[1].toBool(), kPatience);
        const auto study = changed.last()[0].value<study::StudyPtr>();
        QVERIFY(study->complete);
        QCOMPARE(study->cells.size(), std::size_t{7});
        // What was measured before the window was closed was not measured again.
        QCOMPARE(study->cells.front().measured.speeds.front().before.samples,
                 kept->cells.front().measured.speeds.front().before.samples);

        // A click on a point sets the plan.
        widgets::TradeoffPlot* plot = window.prunePage()->tradeoff();
        const std::size_t cell = 4;  // output-energy, 90 % removed
        QCOMPARE(study->cells[cell].criterion, std::string("output-energy"));
        const QPoint at = plot->cellAt(cell);
        QVERIFY(at.x() >= 0);
        QTest::mouseClick(plot->findChild<QWidget*>(QStringLiteral("tradeoffPlot")), Qt::LeftButton, {}, at);
        QCOMPARE(window.prunePage()->plan()->kept(), study->cells[cell].plan.kept());
        QCOMPARE(window.prunePage()->plan()->layers, study->cells[cell].plan.layers);
    }

    /// The study that the test before has finished.
    void aFinishedStudyIsFoundAndLookedAtWithoutItsModel() {
        MainWindow window;
        QSignalSpy found(&window.pruning(), &PruningSession::studyFound);
        openOnPrune(window, "mamba2-recall");
        QTRY_COMPARE_WITH_TIMEOUT(found.count(), 1, kPatience);
        QVERIFY(found.first()[0].value<study::StudyPtr>()->complete);
        const QString path = found.first()[1].toString();
        const auto seesStudy = [](MainWindow& in) {
            return in.prunePage()->tradeoff()->isVisible() && in.prunePage()->tradeoff()->cellAt(4).x() >= 0;
        };
        QTRY_VERIFY_WITH_TIMEOUT(seesStudy(window), kPatience);

        // Beside another model, whose plan is not the study's.
        openOnPrune(window, "mamba1-recall");
        window.action(QStringLiteral("pageProfile"))->trigger();
        window.openPath(path);
        QTRY_VERIFY_WITH_TIMEOUT(seesStudy(window), kPatience);
        QVERIFY(!window.prunePage()->plan());
        QVERIFY(!window.action(QStringLiteral("savePlan"))->isEnabled());
        QVERIFY(!window.prunePage()->panel()->isEnabled());
        // And back.
        openOnPrune(window, "mamba1-recall");
        QVERIFY(window.prunePage()->panel()->isEnabled());

        // With no model at all.
        MainWindow other;
        other.show();
        other.openPath(path);
        QTRY_VERIFY_WITH_TIMEOUT(seesStudy(other), kPatience);
        QCOMPARE(other.messages()->count(), 0);
    }

    /// Beside what a plan costs stands what there was before, on the same tokens.
    void aMeasuredPlanIsJudgedAgainstTheUnprunedModel() {
        MainWindow window;
        openOnPrune(window, "mamba2-bytes");
        window.prunePage()->panel()->slider()->setValue(500);
        QVERIFY(window.prunePage()->plan()->kept() < window.prunePage()->plan()->states());
        QSignalSpy measuring(&window.pruning(), &PruningSession::measuring);
        QSignalSpy measured(&window.pruning(), &PruningSession::measured);
        window.action(QStringLiteral("measurePlan"))->trigger();
        const auto unpruned = [&] {
            return std::any_of(measured.begin(), measured.end(), [](const QList<QVariant>& signal) {
                const auto plan = signal[0].value<prune::PlanPtr>();
                const std::string tokens = signal[1].value<study::Measurement>().accuracy.tokens_hash;
                return plan->kept() == plan->states() && tokens.find('-') == std::string::npos;  // of all of them
            });
        };
        QTRY_VERIFY_WITH_TIMEOUT(unpruned(), kPatience);
        // Speeds are still to come, and no measurement that follows the slider took its place.
        QTest::qWait(400);
        QVERIFY(measuring.last()[1].toBool());
        QVERIFY(window.pruning().busy());
        window.action(QStringLiteral("stop"))->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(!window.pruning().busy(), kPatience);
    }

    void exportSaysFirstAndWritesWhatItSaid() {
        MainWindow window;
        openOnPrune(window, "mamba1-recall");
        window.prunePage()->panel()->slider()->setValue(500);
        const prune::PlanPtr plan = window.prunePage()->plan();
        QSignalSpy dry(&window.pruning(), &PruningSession::dryRunReady);
        window.action(QStringLiteral("exportPlan"))->trigger();
        app::ExportDialog* dialog = window.exportDialog();
        QVERIFY(dialog && !dialog->isModal());
        QTRY_COMPARE_WITH_TIMEOUT(dry.count(), 1, kPatience);
        const QString folder = m_place->path(QStringLiteral("exported"));
        dialog->setFolder(folder);
        QSignalSpy exported(&window.pruning(), &PruningSession::exported);
        auto* button = dialog->findChild<QPushButton*>(QStringLiteral("export"));
        QVERIFY(button->isEnabled());
        QTest::mouseClick(button, Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(exported.count(), 1, kPatience);
        const auto written = model::Checkpoint::open(folder.toStdString());
        QCOMPARE(written->config().states(0), plan->kept(0));
        for (const prune::TensorChange& change : dry.first()[2].value<std::vector<prune::TensorChange>>()) {
            QCOMPARE(written->tensor(change.name).shape, change.after);
        }
        // Nothing is overwritten.
        QVERIFY(!button->isEnabled());
        QCOMPARE(window.messages()->count(), 0);
        auto* open = dialog->findChild<QPushButton*>(QStringLiteral("openExported"));
        QVERIFY(open->isVisible());
        QTest::mouseClick(open, Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(QString::fromStdString(window.session().model()->path), folder, kPatience);
    }

    void exportsGgufInAFormThatItHas() {
        MainWindow window;
        openOnPrune(window, "mamba1-recall");
        window.prunePage()->panel()->slider()->setValue(500);
        window.action(QStringLiteral("exportPlan"))->trigger();
        app::ExportDialog* dialog = window.exportDialog();
        QCOMPARE(dialog->form(), prune::Form::Ragged);
        QSignalSpy dry(&window.pruning(), &PruningSession::dryRunReady);
        dialog->setFormat({true, DType::F16});
        QCOMPARE(dialog->form(), prune::Form::Uniform);
        QTRY_VERIFY_WITH_TIMEOUT(!dry.isEmpty() && dry.last()[1].value<prune::Form>() == prune::Form::Uniform,
                                 kPatience);
        auto* button = dialog->findChild<QPushButton*>(QStringLiteral("export"));
        dialog->setFolder(m_place->path(QStringLiteral("gguf")));
        QSignalSpy exported(&window.pruning(), &PruningSession::exported);
        QTRY_VERIFY_WITH_TIMEOUT(button->isEnabled(), kPatience);
        QTest::mouseClick(button, Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(exported.count(), 1, kPatience);
        QVERIFY(QFile::exists(m_place->path(QStringLiteral("gguf/model.gguf"))));
        dialog->setForm(prune::Form::Ragged);
        QVERIFY(!button->isEnabled());
        QCOMPARE(window.messages()->count(), 0);
    }

    void whatCannotBeDoneIsSaidAndTheSessionLivesOn() {
        MainWindow window;
        openOnPrune(window, "mamba2-bytes");
        Q_EMIT window.prunePage()->sourcesChanged(
            {QStringLiteral("/no/such/text"), QStringLiteral("/no/such/text"), 256, {}, false});
        QSignalSpy failed(&window.pruning(), &PruningSession::scoringFailed);
        Q_EMIT window.prunePage()->scoresRequested(QStringLiteral("ghost"), 0.5);
        QTRY_COMPARE_WITH_TIMEOUT(failed.count(), 1, kPatience);
        QVERIFY(failed.first()[1].toString().contains(QStringLiteral("/no/such/text")));
        window.pruning().measure(window.prunePage()->plan(), nullptr, false);
        QTRY_VERIFY_WITH_TIMEOUT(window.messages()->count() == 1, kPatience);
        QTRY_VERIFY_WITH_TIMEOUT(!window.pruning().busy(), kPatience);
        // Another model: nothing of the first one is left.
        window.openPath(demo("mamba1-recall"));
        QTRY_VERIFY_WITH_TIMEOUT(window.session().model()->name == "mamba1-recall", kPatience);
        QTRY_VERIFY_WITH_TIMEOUT(
            window.prunePage()->plan() && window.prunePage()->plan()->model_name == "mamba1-recall", kPatience);
    }
};

QTEST_MAIN(TestGuiPruning)
#include "test_gui_pruning.moc"
