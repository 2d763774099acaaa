// The views of a scaling study on a fabricated one, the form that asks for it, and a study in the window on demo
// models.
#include <QAction>
#include <QPushButton>
#include <QSignalSpy>
#include <QTableWidget>
#include <QTest>
#include <QToolButton>
#include <QWheelEvent>
#include <cmath>

#include "app/gui/main_window.h"
#include "core/profile/floors.h"
#include "core/report/report.h"
#include "gui_test.h"
#include "tests/unit/fabricated_scaling.h"
#include "widgets/chip_row.h"
#include "widgets/curve_plot.h"
#include "widgets/messages_panel.h"
#include "widgets/scaling_form.h"
#include "widgets/scaling_page.h"
#include "widgets/scaling_view.h"
#include "widgets/stack_plot.h"
#include "widgets/states_cost_view.h"
#include "widgets/studies_page.h"
#include "widgets/theme.h"

using namespace perfmamba;
using namespace perfmamba::widgets;
using app::MainWindow;
using app::ScalingSession;

namespace {

constexpr int kPatience = 120'000;  // ms; sanitizers and busy machines

QString demo(const char* name) {
    return QStringLiteral(PERFMAMBA_SOURCE_DIR "/resources/demo/") + QString::fromLatin1(name);
}

/// The fabricated study, its cells measured beside their floors.
std::shared_ptr<study::ScalingStudy> withFloors() {
    auto made = test::fabricatedScaling();
    for (study::ScalingCell& cell : made->cells) {
        if (cell.state == study::CellState::Measured) {
            profile::setFloors(cell.point, *made->provenances.front().ceilings);
        }
    }
    return made;
}

int rowOf(const QTableWidget& table, const QString& name) {
    for (int row = 0; row < table.rowCount(); ++row) {
        if (table.item(row, 0)->text() == name) return row;
    }
    return -1;
}

void zoomIn(QWidget& plot) {
    // In the left half, where the first panel is.
    const QPointF at(plot.width() * 0.3, plot.height() * 0.4);
    QWheelEvent turn(at, plot.mapToGlobal(at), {}, {0, 120}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
    QCoreApplication::sendEvent(&plot, &turn);
}

/// By the head without its unit.
int columnOf(const QTableWidget& table, const QString& name) {
    for (int column = 0; column < table.columnCount(); ++column) {
        const QString head = table.horizontalHeaderItem(column)->text();
        if (head.section(QLatin1Char('\n'), 0, 0) == name) return column;
    }
    return -1;
}

QString textAt(const QTableWidget& table, const QString& row, const QString& column) {
    const QTableWidgetItem* item = table.item(rowOf(table, row), columnOf(table, column));
    return item != nullptr ? item->text() : QStringLiteral("no such cell");
}

/// Few cells that take no time.
study::ScalingOptions smallStudy() {
    study::ScalingOptions options;
    options.lengths = {64, 128};
    options.repeat = 6;
    options.budget_s = 0.05;
    return options;
}

}  // namespace

class TestGuiScaling : public QObject {
    Q_OBJECT

    std::unique_ptr<test::OwnPlace> m_place;

private Q_SLOTS:
    void initTestCase() {
        qputenv("PERFMAMBA_CEILINGS", "off");
        m_place = std::make_unique<test::OwnPlace>();
    }
    void init() { test::failOnAnyWarning(); }

    void namesSayOnlyWhatDiffers() {
        const auto made = test::fabricatedScaling();
        const QString first = QString::fromStdString(made->models[0].name);
        const QStringList names = seriesNames(*made, seriesOf(*made));
        QCOMPARE(names.size(), 8);
        QCOMPARE(names[0], first + QStringLiteral(" · prefill · N = 64 (own)"));
        QCOMPARE(names[7], QStringLiteral("another-model · decode · N = 8"));
        QCOMPARE(commonText(*made, seriesOf(*made)), QStringLiteral("cpu · f32 · batch 1"));
        study::ScalingStudy one = *made;
        std::erase_if(one.cells, [&](const auto& cell) { return !(cell.series == made->cells.front().series); });
        QCOMPARE(seriesNames(one, seriesOf(one)), QStringList{first});
        QCOMPARE(seriesNames(study::ScalingStudy(), {}), QStringList());
    }

    void readingsByHand() {
        const auto made = withFloors();
        const study::ScalingCell& cell = made->cells[1];  // prefill of 256
        const profile::Summary& time = cell.point.total;
        const Reading whole = readingOf(ScalingMeasure::Time, cell);
        QCOMPARE(whole.value, time.median);
        QCOMPARE(whole.floor, profile::floorOfPass(cell.point));
        QCOMPARE(readingOf(ScalingMeasure::PerToken, cell).value, time.median / 256);
        // The slowest pass makes the lowest rate, and the floor is the highest that can be.
        const Reading rate = readingOf(ScalingMeasure::TokensPerSecond, cell);
        QCOMPARE(rate.low, 256e6 / time.ci_high);
        QVERIFY(rate.low <= rate.value && rate.value <= rate.high);
        // A decode step is one token, whatever its context.
        const study::ScalingCell& step = made->cells[5];
        QCOMPARE(step.series.mode, profile::Mode::Decode);
        QCOMPARE(readingOf(ScalingMeasure::PerToken, step).value, step.point.total.median);
    }

    void curvesAreTheStudys() {
        const auto made = withFloors();
        ScalingView view;
        view.resize(700, 500);
        view.setStudy(made);
        const auto& curves = view.curves()->curves();
        QCOMPARE(curves.size(), std::size_t{8});
        QCOMPARE(curves[0].points.size(), std::size_t{4});
        QCOMPARE(curves[7].points.size(), std::size_t{2});  // one cell failed, one waits
        const study::PowerLaw law = lawOf(*made, seriesOf(*made).front(), ScalingMeasure::Time);
        QVERIFY(law.exponent > 0.5 && law.exponent < 1.1);
        QCOMPARE(curves[0].law->exponent, law.exponent);
        QVERIFY2(view.curves()->legend()[0].contains(QStringLiteral("L^%1 ± ").arg(law.exponent, 0, 'f', 2)),
                 qPrintable(view.curves()->legend().join(QLatin1Char('\n'))));
        QVERIFY(view.curves()->legend().contains(QStringLiteral("floor")));
        // Nine entries and the two below do not stand in one row.
        QVERIFY(view.curves()->legendRows() >= 3);
        // Without its tick a series is not drawn; its colour and its marker stay its own.
        const QColor second = curves[1].style.colour;
        view.table()->item(0, 0)->setCheckState(Qt::Unchecked);
        QCOMPARE(view.curves()->curves().size(), std::size_t{7});
        QCOMPARE(view.curves()->curves()[0].style.colour, second);
        view.setShown(ScalingShown::PeakMemory);
        QVERIFY(!std::isfinite(view.curves()->curves()[0].points[0].reading.low));
        QVERIFY(!view.curves()->legend().contains(QStringLiteral("floor")));
        QVERIFY(
            view.curves()->csv().startsWith(QStringLiteral("series,length,peak memory [B],low,high,floor,exponent")));
        QCOMPARE(view.curves()->csv().count(QLatin1Char('\n')), 1 + 6 * 4 + 2);
    }

    void whatComesFromSeveralMachinesIsNoCurve() {
        const auto made = withFloors();
        profile::Provenance other = made->provenances.front();
        other.host = "another-host";
        other.device = "another processor";
        made->provenances.push_back(other);
        made->cells[1].provenance = 1;  // prefill of 256, N = 64 (own)
        const std::vector<SeriesCells> all = seriesOf(*made);
        QVERIFY(all[0].mixed && !all[1].mixed);
        QCOMPARE(all[0].mixed, study::mixesMachines(*made, all[0].series));
        QVERIFY(!std::isfinite(lawOf(*made, all[0], ScalingMeasure::Time).exponent));
        QVERIFY(seriesNames(*made, all)[0].endsWith(QStringLiteral("several machines")));
        ScalingView view;
        view.setStudy(made);
        QCOMPARE(view.table()->item(0, 1)->text(), QStringLiteral("n/a"));
        QVERIFY(view.table()->item(0, 1)->toolTip().contains(QStringLiteral("several machines")));
        QVERIFY(view.curves()->curves()[0].points[1].tip.contains(QStringLiteral("measured on another-host")));
        // The model's own N = 64 ran elsewhere: N = 8 is no multiple of it.
        StatesCostView states;
        states.setStudy(made);
        states.setShape({profile::Mode::Prefill, 1, 256});
        QVERIFY(states.curves()->curves()[0].name.endsWith(QStringLiteral("several machines")));
        QCOMPARE(states.table()->item(0, columnOf(*states.table(), QStringLiteral("× own")))->text(),
                 QStringLiteral("n/a"));
    }

    void aPartOfAStudyIsDoneWhenItsOwnCellsAre() {
        const auto made = test::fabricatedScaling();
        made->shards = 2;
        const std::size_t waits = made->cells.size() - 1, failed = waits - 1;
        made->shard = made->shardOf(waits, 2);
        QVERIFY(made->shardOf(failed, 2) != made->shard);
        QVERIFY(canGoOn(*made));
        QCOMPARE(progressText(*made), QStringLiteral("15 of 16 cells of part %1/2 measured").arg(made->shard));
        made->cells[waits].state = study::CellState::Measured;
        made->cells[waits].point = made->cells[waits - 4].point;
        QVERIFY(!canGoOn(*made));  // what failed is for another machine
        ScalingPage page;
        page.openStudy(made);
        QVERIFY(!page.resumes());
    }

    void fewPassesHaveNoInterval() {
        QVERIFY(intervalText(profile::summarise({1, 2, 3, 4, 5, 6})).startsWith(QStringLiteral("95 % interval")));
        QVERIFY(intervalText(profile::summarise({1, 2, 3})).startsWith(QStringLiteral("all passes within")));
    }

    void theTableSaysWhatBecameOfEachCell() {
        const auto made = test::fabricatedScaling();
        ScalingView view;
        view.setStudy(made);
        const QTableWidget& table = *view.table();
        QCOMPARE(table.rowCount(), 8);
        const QString last = QStringLiteral("another-model · decode · N = 8");
        QCOMPARE(textAt(table, last, QStringLiteral("1k")), QStringLiteral("failed"));
        QCOMPARE(table.item(7, columnOf(table, QStringLiteral("1k")))->toolTip(),
                 QStringLiteral("not enough memory: 3 GiB asked for, 1 free"));
        QCOMPARE(textAt(table, last, QStringLiteral("4k")), QStringLiteral("·"));
        const double ms = made->cells[3].point.total.median * 1e-3;
        QCOMPARE(table.item(0, columnOf(table, QStringLiteral("4k")))->text(), threeDigits(ms));
        view.setUnderWay(made->cells.size() - 1, QStringLiteral("pass 3"));
        QCOMPARE(textAt(table, last, QStringLiteral("4k")), QStringLiteral("…"));
        view.setUnderWay(std::nullopt, {});
        QCOMPARE(textAt(table, last, QStringLiteral("4k")), QStringLiteral("·"));
        QVERIFY(view.tableCsv().startsWith(QStringLiteral("series,exponent,64 [ms],256 [ms],1k [ms],4k [ms]\n")));
    }

    void barsStandBesideEachOther() {
        const auto made = test::fabricatedScaling();
        ScalingView view;
        view.resize(800, 600);
        view.setStudy(made);
        view.setShown(ScalingShown::Components);
        const auto& panels = view.stacks()->panels();
        QCOMPARE(panels.size(), std::size_t{2});
        QVERIFY(panels[0].title.startsWith(QString::fromStdString(made->models[0].name)));
        QVERIFY(panels[1].title.startsWith(QStringLiteral("another-model")));  // the other architecture, else the same
        QCOMPARE(panels[0].title.section(QStringLiteral(" · "), 1), panels[1].title.section(QStringLiteral(" · "), 1));
        QCOMPARE(panels[0].labels, QStringList({"64", "256", "1k", "4k"}));
        for (const auto& heights : panels[0].heights) {
            double sum = 0;
            for (const double height : heights) sum += height;
            QVERIFY(std::abs(sum - 100) < 1);
        }
        view.setShown(ScalingShown::MemoryKinds);
        QCOMPARE(view.stacks()->panels()[0].heights[0].size(), kMemoryKindCount);
        view.setPanels(3, -1);
        QCOMPARE(view.stacks()->panels().size(), std::size_t{1});
        QVERIFY(view.stacks()->csv().startsWith(QStringLiteral("series,length,weights [")));
        QVERIFY(view.stacks()->csv().contains(QStringLiteral(",4096,")));
    }

    void dotsAndBarsTellTheirNumbers() {
        ScalingView view;
        view.resize(800, 600);
        view.setStudy(test::fabricatedScaling());
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        QCoreApplication::processEvents();
        auto* plot = view.curves()->findChild<QWidget*>(QStringLiteral("scaling"));
        plot->setFocus();
        QTest::keyClick(plot, Qt::Key_Right);
        QTest::keyClick(plot, Qt::Key_Right);
        QVERIFY2(plot->accessibleDescription().contains(QStringLiteral("256 tokens")),
                 qPrintable(plot->accessibleDescription()));
        QTest::keyClick(plot, Qt::Key_Down);
        QVERIFY(plot->accessibleDescription().contains(QStringLiteral("decode")));
        view.setShown(ScalingShown::Components);
        QCoreApplication::processEvents();
        auto* stacks = view.stacks()->findChild<QWidget*>(QStringLiteral("scaling-stacked"));
        stacks->setFocus();
        QTest::keyClick(stacks, Qt::Key_Right);
        for (int i = 0; i < 10; ++i) QTest::keyClick(stacks, Qt::Key_Right);
        QVERIFY(stacks->accessibleDescription().startsWith(QStringLiteral("another-model")));
        QVERIFY(stacks->accessibleDescription().contains(QStringLiteral("4k tokens")));
    }

    void aCellMoreLeavesTheView() {
        const auto made = test::fabricatedScaling();
        ScalingView view;
        view.resize(800, 600);
        view.setStudy(made);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        QCoreApplication::processEvents();
        const auto fitted = view.curves()->view();
        zoomIn(*view.curves()->findChild<QWidget*>(QStringLiteral("scaling")));
        const auto zoomed = view.curves()->view();
        QVERIFY(zoomed != fitted);
        const auto more = std::make_shared<study::ScalingStudy>(*made);
        more->cells.back().state = study::CellState::Measured;
        more->cells.back().point = more->cells[3].point;
        view.setStudy(more);
        QCOMPARE(view.curves()->view()[0], zoomed[0]);
        QCOMPARE(view.curves()->view()[1], zoomed[1]);
        view.setShown(ScalingShown::PerToken);  // another axis
        QCOMPARE(view.curves()->view()[0], fitted[0]);
        view.setShown(ScalingShown::Components);
        QCoreApplication::processEvents();  // the bars' axes get their places
        const auto whole = view.stacks()->view();
        zoomIn(*view.stacks()->findChild<QWidget*>(QStringLiteral("scaling-stacked")));
        const auto part = view.stacks()->view();
        QVERIFY(part != whole);
        view.setStudy(made);
        QVERIFY(view.stacks()->view() == part);
        // Another study is seen whole.
        const auto other = std::make_shared<study::ScalingStudy>(*made);
        other->identity = "another";
        view.setStudy(other);
        QVERIFY(view.stacks()->view() == whole);
    }

    void whatStatesCost() {
        const auto made = withFloors();
        StatesCostView view;
        view.setStudy(made);
        // At 1k and 4k tokens the last decode cells are missing: of what is equal, decode and the longest.
        QCOMPARE(view.shape(), (StatesShape{profile::Mode::Decode, 1, 4096}));
        view.setShape({profile::Mode::Prefill, 1, 1024});
        const auto& curves = view.curves()->curves();
        QCOMPARE(curves.size(), std::size_t{2});
        QCOMPARE(curves[1].name, QStringLiteral("another-model"));
        QCOMPARE(curves[0].points.size(), std::size_t{2});
        QCOMPARE(curves[0].points[0].x, 8.0);
        QCOMPARE(curves[0].points[1].x, 64.0);
        const QTableWidget& table = *view.table();
        QCOMPARE(table.rowCount(), 4);
        QCOMPARE(table.item(1, columnOf(table, QStringLiteral("× own")))->text(), QStringLiteral("1.00"));
        QVERIFY(curves[0].points[0].tip.contains(QStringLiteral("its own N = 64")));
        QVERIFY(std::isfinite(curves[0].points[0].reading.floor));
        QVERIFY(view.curves()->legend().contains(QStringLiteral("floor")));
    }

    void theFormMakesOptions() {
        const auto made = test::fabricatedScaling();
        ScalingForm form;
        QVERIFY(!form.problem().isEmpty());
        QVERIFY(!form.runButton()->isEnabled());
        form.setDevices({{QStringLiteral("cpu"), QStringLiteral("A CPU"), {}, {DType::F32, DType::BF16}},
                         {QStringLiteral("cuda"), QStringLiteral("No GPU"), QStringLiteral("no driver"), {}}});
        form.setOpenModel(made->models[0]);
        form.addModel(made->models[1]);
        QCOMPARE(form.problem(), QString());
        QCOMPARE(form.models().size(), std::size_t{2});
        study::ScalingOptions wanted;
        wanted.lengths = {64, 1024, 16384};
        wanted.modes = {profile::Mode::Decode};
        wanted.batches = {1, 3, 16};
        wanted.precisions = {"f32", "bf16"};
        wanted.states = {0, 17, 64};
        wanted.bound = 0.02;
        wanted.budget_s = 0.5;
        wanted.threads = 2;
        form.setOptions(wanted);
        QCOMPARE(form.options() == wanted, true);
        QCOMPARE(form.countText(), QStringLiteral("108 cells, about 54.0\u00A0s, or longer where passes are slow"));
        // The last chip of a row stays; what no device can is not offered.
        form.setOptions(smallStudy());
        form.lengths()->chip(QStringLiteral("64"))->click();
        form.lengths()->chip(QStringLiteral("128"))->click();
        QCOMPARE(form.lengths()->chosen(), QStringList{QStringLiteral("128")});
        QVERIFY(!form.precisions()->chip(QStringLiteral("f16"))->isEnabled());
        form.chooseStatesSweep();
        QVERIFY(sweepsStates(form.options()));
        // A study's own order, and what the fields round, come back as they were: so it can be gone on with.
        study::ScalingStudy odd = *made;
        odd.options.lengths = {4096, 64, 256};
        odd.options.bound = 0.0123;
        form.setStudy(odd);
        QVERIFY(form.asksFor(odd));
        // So do devices and precisions that are not here, also when what is here is found only later.
        odd.options.devices = {"cpu", "cuda", "cuda:5"};
        odd.options.precisions = {"f32", "f16"};
        form.setStudy(odd);
        QVERIFY(form.asksFor(odd));
        form.setDevices({{QStringLiteral("cpu"), QStringLiteral("A CPU"), {}, {DType::F32}},
                         {QStringLiteral("cuda"), QStringLiteral("A GPU"), {}, {DType::F32, DType::F16}}});
        QVERIFY(form.asksFor(odd));
        QVERIFY(form.precisions()->chip(QStringLiteral("f16"))->isChecked());
        form.lengths()->chip(QStringLiteral("64"))->click();
        QVERIFY(!form.asksFor(odd));
    }

    void aStudyOpenedCanBeGoneOnWith() {
        Selection selection;
        StudiesPage page(selection);
        QVERIFY(page.scaling()->empty());
        page.scaling()->openStudy(test::fabricatedScaling());
        QVERIFY(!page.scaling()->empty());
        QVERIFY(page.scaling()->resumes());
        QCOMPARE(page.scaling()->form()->runButton()->text(), QStringLiteral("Resume"));
        QVERIFY(page.scaling()->form()->progress().contains(QStringLiteral("1 failed: not enough memory")));
        page.scaling()->setRunning(true);
        page.scaling()->setProgress(31, 0.5, 90.0, QStringLiteral("another-model: pass 2"));
        QVERIFY(page.scaling()->form()->progress().contains(QStringLiteral("90.0\u00a0s left")));
        QVERIFY(page.scaling()->form()->stopButton()->isEnabled());
        QVERIFY(!page.scaling()->form()->runButton()->isEnabled());
        page.scaling()->setRunning(false);
        QVERIFY(!page.scaling()->form()->stopButton()->isEnabled());
        // A study of one number of states has nothing to say of what they cost.
        auto plain = test::fabricatedScaling();
        plain->options.states = {0};
        std::erase_if(plain->cells, [](const auto& cell) { return cell.series.states != 0; });
        plain->identity = "fedcba9876543210";
        page.scaling()->openStudy(plain);
        page.showTab(StudiesPage::Tab::States);
        QVERIFY(page.scaling()->empty());
        page.showTab(StudiesPage::Tab::Scaling);
        QVERIFY(!page.scaling()->empty());
    }

    void longNamesFitIntoTheSmallWindow() {
        auto made = test::fabricatedScaling();
        made->models[0].name = std::string(80, 'm');
        Selection selection;
        StudiesPage page(selection);
        page.scaling()->openStudy(made);
        page.scaling()->setProgress(3, 0.1, {}, QString(120, QLatin1Char('p')));
        constexpr int kBetweenDocks = 1280 - 2 * 236 - 2;
        constexpr int kForm = 300;
        for (const auto tab : {StudiesPage::Tab::Scaling, StudiesPage::Tab::States}) {
            page.showTab(tab);
            QVERIFY2(page.minimumSizeHint().width() <= kBetweenDocks,
                     qPrintable(QString::number(page.minimumSizeHint().width())));
        }
        const int form = page.scaling()->form()->minimumSizeHint().width();
        QVERIFY2(form <= kForm, qPrintable(QString::number(form)));
    }

    void looksRightInBothThemes() {
        for (const ThemeChoice choice : {ThemeChoice::Dark, ThemeChoice::Light}) {
            theme().setChoice(choice);
            for (const auto shown : {ScalingShown::Time, ScalingShown::Components}) {
                ScalingView view;
                view.resize(600, 500);
                view.setStudy(test::fabricatedScaling());
                view.setShown(shown);
                const QImage image = view.grab().toImage();
                QCOMPARE(image.pixelColor(300, 200).alpha(), 255);
                const QString path = m_place->path(QStringLiteral("picture.svg"));
                QVERIFY(
                    writeSvg(shown == ScalingShown::Time ? view.curves()->picture() : view.stacks()->picture(), path));
            }
        }
        theme().setChoice(ThemeChoice::System);
    }

    void withoutAModelItCanBeOpenedHere() {
        MainWindow window;
        window.show();
        window.action(QStringLiteral("pageStudies"))->trigger();
        const auto offers = [&](const char* id) {
            const QString text = window.action(QString::fromLatin1(id))->iconText();
            for (const QPushButton* button : window.studiesPage()->scaling()->findChildren<QPushButton*>()) {
                const bool named = button->text() == text || button->text().startsWith(text + QStringLiteral("   "));
                if (named && button->isVisible() && button->isEnabled()) return true;
            }
            return false;
        };
        QVERIFY(offers("open") && offers("openReport"));
        if (window.action(QStringLiteral("demo"))) QVERIFY(offers("demo"));  // none beside the tests' program
        QVERIFY(!offers("sweepStates"));
        window.openPath(demo("mamba2-recall"));
        QTRY_VERIFY_WITH_TIMEOUT(window.session().model(), kPatience);
        QTRY_VERIFY_WITH_TIMEOUT(offers("runScaling") && offers("openReport"), kPatience);
        QVERIFY(!offers("open"));
    }

    void aStudyRunsStopsAndGoesOn() {
        MainWindow window;
        window.show();
        window.openPath(demo("mamba2-recall"));
        QTRY_VERIFY_WITH_TIMEOUT(window.session().model(), kPatience);
        window.action(QStringLiteral("pageStudies"))->trigger();
        ScalingPage* page = window.studiesPage()->scaling();
        QVERIFY(page->empty());
        window.scaling().addModel(demo("mamba1-recall"));
        QTRY_COMPARE_WITH_TIMEOUT(page->form()->models().size(), std::size_t{2}, kPatience);
        page->form()->setOptions(smallStudy());
        QSignalSpy changed(&window.scaling(), &ScalingSession::studyChanged);
        QSignalSpy kept(&window.scaling(), &ScalingSession::kept);
        // Stopped after its first cell: that one stays.
        const auto stop = connect(&window.scaling(), &ScalingSession::studyChanged, &window,
                                  [&window](const study::ScalingPtr& study, bool) {
                                      if (study->done() > 0) window.action(QStringLiteral("stop"))->trigger();
                                  });
        page->form()->runButton()->click();
        QVERIFY(window.scaling().busy());
        QTRY_VERIFY_WITH_TIMEOUT(!window.scaling().busy(), kPatience);
        disconnect(stop);
        const study::ScalingPtr stopped = page->study();
        QVERIFY(!stopped->complete);
        QVERIFY(stopped->done() >= 1 && stopped->done() < 8);
        QCOMPARE(page->form()->runButton()->text(), QStringLiteral("Resume"));
        const double first = stopped->cells.front().point.total.median;

        page->form()->runButton()->click();
        QTRY_VERIFY_WITH_TIMEOUT(!window.scaling().busy(), kPatience);
        const study::ScalingPtr complete = page->study();
        QVERIFY(complete->complete);
        QCOMPARE(complete->done(), std::size_t{8});
        QCOMPARE(complete->cells.front().point.total.median, first);  // not measured again
        QVERIFY(changed.size() > 8);                                  // it filled in cell by cell
        QTRY_VERIFY_WITH_TIMEOUT(!kept.isEmpty() && kept.last().front().value<study::ScalingPtr>() == complete,
                                 kPatience);  // said when it is written
        QCOMPARE(QString::fromStdString(complete->provenances.front().command).section(QLatin1Char(' '), 0, 1),
                 QStringLiteral("perfmamba-cli scaling"));
        QCOMPARE(page->lengths()->curves()->curves().size(), std::size_t{4});
        QVERIFY(!page->resumes());
        QCOMPARE(window.messages()->count(), 0);

        // It was kept, and opens as a report of its own.
        const QDir folder(app::keptStudiesFolder());
        const QStringList files = folder.entryList({QStringLiteral("scaling_of_*.h5")});
        QCOMPARE(files.size(), 1);
        MainWindow other;
        other.show();
        other.openPath(folder.filePath(files.front()));
        QTRY_VERIFY_WITH_TIMEOUT(other.studiesPage()->scaling()->study(), kPatience);
        QCOMPARE(other.studiesPage()->scaling()->study()->identity, complete->identity);
        QVERIFY(other.studiesPage()->isVisible());
        // And is gone on with, more lengths being another study.
        other.studiesPage()->scaling()->form()->lengths()->chip(QStringLiteral("256"))->click();
        QVERIFY(!other.studiesPage()->scaling()->resumes());
    }

    void aCellThatFailsSaysWhy() {
        MainWindow window;
        window.show();
        window.openPath(demo("mamba2-recall"));
        QTRY_VERIFY_WITH_TIMEOUT(window.session().model(), kPatience);
        ScalingPage* page = window.studiesPage()->scaling();
        study::ScalingOptions options = smallStudy();
        options.lengths = {64};
        options.modes = {profile::Mode::Prefill};
        page->form()->setOptions(options);
        page->form()->setDevices(
            {{QStringLiteral("cpu"), {}, {}, {DType::F32}}, {QStringLiteral("cuda:7"), {}, {}, {DType::F32}}});
        options.devices = {"cpu", "cuda:7"};
        page->form()->setOptions(options);
        page->form()->runButton()->click();
        QTRY_VERIFY_WITH_TIMEOUT(page->study() && page->study()->done() == 2, kPatience);
        QTRY_VERIFY_WITH_TIMEOUT(!window.scaling().busy(), kPatience);
        const QTableWidget& table = *page->lengths()->table();
        QCOMPARE(textAt(table, QStringLiteral("cuda:7"), QStringLiteral("64")), QStringLiteral("failed"));
        QVERIFY(!table.item(1, columnOf(table, QStringLiteral("64")))->toolTip().isEmpty());
        QVERIFY(page->resumes());  // another try
        QCOMPARE(window.messages()->count(), 0);
    }

    void aModelThatIsGoneIsSaid() {
        MainWindow window;
        window.show();
        auto made = test::fabricatedScaling();
        made->models[0].path = made->models[1].path = "/no/such/folder";
        const QString path = m_place->path(QStringLiteral("gone.h5"));
        report::writeScaling(path.toStdString(), *made);
        window.openPath(path);
        ScalingPage* page = window.studiesPage()->scaling();
        QTRY_VERIFY_WITH_TIMEOUT(page->study(), kPatience);
        QCOMPARE(window.studiesPage()->tab(), StudiesPage::Tab::States);
        page->form()->runButton()->click();
        QTRY_COMPARE_WITH_TIMEOUT(window.messages()->count(), 1, kPatience);
        QTRY_VERIFY_WITH_TIMEOUT(!window.scaling().busy(), kPatience);
        QCOMPARE(page->study()->done(), made->done());  // nothing of it is lost
    }
};

QTEST_MAIN(TestGuiScaling)
#include "test_gui_scaling.moc"
