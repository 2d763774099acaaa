// A baseline in every view, the page Compare, and the window that pins, keeps, replaces and removes it.
#include <QAction>
#include <QCheckBox>
#include <QComboBox>
#include <QDragEnterEvent>
#include <QLineEdit>
#include <QMimeData>
#include <QSignalSpy>
#include <QTabBar>
#include <QTableView>
#include <QTableWidget>
#include <QTest>

#include "app/gui/main_window.h"
#include "core/report/report.h"
#include "gui_test.h"
#include "tests/unit/fabricated_activity.h"
#include "tests/unit/fabricated_profile.h"
#include "widgets/change_model.h"
#include "widgets/change_plot.h"
#include "widgets/compare_page.h"
#include "widgets/component_model.h"
#include "widgets/component_table.h"
#include "widgets/details_panel.h"
#include "widgets/elided_button.h"
#include "widgets/layer_map.h"
#include "widgets/memory_page.h"
#include "widgets/messages_panel.h"
#include "widgets/profile_page.h"
#include "widgets/share_plot.h"
#include "widgets/theme.h"

using namespace perfmamba;
using namespace perfmamba::widgets;
using app::MainWindow;

namespace {

constexpr int kPatience = 60'000;  // ms

/// The fabricated run with in_proj half again as slow, taken later and with other threads.
std::shared_ptr<profile::Profile> slowerProjection() {
    auto profile = test::fabricatedProfile();
    profile->provenance.created = "2026-01-03T03:04:05Z";
    profile->provenance.threads = 8;
    const ProfilePtr slower = test::scaledProfile(1.5);
    for (std::size_t i = 0; i < profile->points.size(); ++i) {
        const auto take = [](std::vector<profile::ComponentCost>& rows,
                             const std::vector<profile::ComponentCost>& from) {
            for (std::size_t row = 0; row < rows.size(); ++row) {
                if (rows[row].component == Component::InProj) rows[row].time = from[row].time;
            }
        };
        take(profile->points[i].components, slower->points[i].components);
        take(profile->points[i].layers, slower->points[i].layers);
        profile->points[i].memory.peak[MemoryKind::State] /= 2;
    }
    return profile;
}

ComparisonPtr compared(const ProfilePtr& before, const ProfilePtr& after) {
    return std::make_shared<const profile::Comparison>(profile::compare(before, after));
}

int visible(const QTableView& view) {
    int count = 0;
    for (int column = 0; column < view.model()->columnCount(); ++column) count += view.isColumnHidden(column) ? 0 : 1;
    return count;
}

}  // namespace

class TestGuiCompare : public QObject {
    Q_OBJECT

    std::unique_ptr<test::OwnPlace> m_place;

    QString written(const char* name, const profile::Profile& profile) {
        const QString path = m_place->path(QString::fromLatin1(name));
        report::write(path.toStdString(), profile);
        return path;
    }

private Q_SLOTS:
    void initTestCase() { m_place = std::make_unique<test::OwnPlace>(); }
    void init() { test::failOnAnyWarning(); }

    void theTableGainsColumns() {
        Selection selection;
        ComponentTable table(selection);
        table.resize(800, 300);
        const ProfilePtr after = slowerProjection();
        table.setProfile(after);
        const int alone = visible(*table.view());
        QVERIFY(!table.csv().contains(QStringLiteral("ratio,")));
        table.setProfile(after, compared(test::fabricatedProfile(), after));
        QCOMPARE(visible(*table.view()), alone + 3);
        const QAbstractItemModel& model = *table.view()->model();
        const QModelIndex slow = model.index(2, ComponentModel::Ratio);
        QCOMPARE(slow.siblingAtColumn(0).data().toString(), QStringLiteral("in_proj"));
        QCOMPARE(slow.data().toString(), QStringLiteral("1.500"));
        QVERIFY(slow.siblingAtColumn(ComponentModel::Delta).data().toString().startsWith(QLatin1Char('+')));
        QVERIFY(slow.siblingAtColumn(ComponentModel::Interval).data().toString().contains(QStringLiteral(" – ")));
        QVERIFY(slow.data(Qt::ToolTipRole).toString().contains(QStringLiteral("slower")));
        QCOMPARE(slow.data(Qt::ForegroundRole).value<QColor>(), theme().difference(true));
        const QModelIndex same = model.index(4, ComponentModel::Ratio);
        QCOMPARE(same.siblingAtColumn(0).data().toString(), QStringLiteral("ssm"));
        QCOMPARE(same.data(Qt::ForegroundRole).value<QColor>(), theme().colours().muted);
        QVERIFY(table.csv().contains(QStringLiteral(",delta_us,ratio,ratio_ci_low,ratio_ci_high\n")));
        QVERIFY(table.csv().contains(QStringLiteral(",1.5,")));
        // A layer's row is compared with the same layer's.
        selection.setLayer(3);
        QCOMPARE(model.index(1, ComponentModel::Ratio).data().toString(), QStringLiteral("1.500"));
        table.grab();
        table.setProfile(after);
        QCOMPARE(visible(*table.view()), alone);
    }

    void mapDetailsBarsAndMemory() {
        Selection selection;
        LayerMap map(selection);
        DetailsPanel details(selection);
        SharePlot bars(selection);
        MemoryPage memory(selection);
        map.resize(240, 420);
        bars.resize(500, 300);
        memory.resize(900, 600);
        map.setMetric(MapMetric::Change);
        const ProfilePtr after = slowerProjection();
        const ComparisonPtr comparison = compared(test::fabricatedProfile(), after);
        // Without a baseline, with one, and one of another shape.
        auto other = test::fabricatedProfile();
        other->model.config.d_model = 64;
        for (const ComparisonPtr& each : {ComparisonPtr(), comparison, compared(other, after), comparison}) {
            map.setProfile(after, each);
            details.setProfile(after, each);
            bars.setProfile(after, each);
            memory.setProfile(after, each);
            for (const Measure measure : {Measure::Time, Measure::Share}) {
                bars.setMeasure(measure);
                bars.grab();
            }
            map.grab();
            memory.grab();
            details.grab();
        }
        // White is no difference, red more, and what lies inside the noise is neither.
        map.show();
        const QImage image = map.grab().toImage();
        const auto near = [&](Component component) {
            return image.pixelColor(map.cellCentre(2, component) - QPoint(10, 5));
        };
        QVERIFY(near(Component::InProj).red() > near(Component::InProj).blue() + 60);
        QCOMPARE(near(Component::Ssm), theme().colours().raised);
        QVERIFY(map.csv().split(QLatin1Char('\n'))[1].contains(QStringLiteral(",0,")));

        selection.setCell(2, Component::InProj);
        QVERIFY2(details.text().contains(QStringLiteral("ratio: 1.500 (")), qPrintable(details.text()));
        QVERIFY(details.text().contains(QStringLiteral("since then: slower")));
        selection.clear();
        QVERIFY(details.text().contains(QStringLiteral("no difference measured")));
        QVERIFY(details.text().contains(
            QStringLiteral("peak's Δ: −225 kB").replace(QLatin1String("225 kB"), bytesText(225'000))));
        QVERIFY(memory.explanation().contains(QStringLiteral("baseline")));
        const auto* table = memory.findChild<QTableWidget*>();
        QCOMPARE(table->columnCount(), 6);
        QCOMPARE(table->item(1, 1)->text(), QChar(0x2212) + bytesText(225'000));
        QCOMPARE(table->item(0, 1)->foreground().color(), theme().colours().muted);
        QCOMPARE(table->item(7, 1)->text(), QStringLiteral("n/a"));
        QVERIFY(!table->item(7, 1)->toolTip().isEmpty());
    }

    void thePage() {
        Selection selection;
        ComparePage page(selection);
        page.resize(1000, 600);
        page.show();
        const ProfilePtr after = slowerProjection();
        page.setComparison(compared(test::fabricatedProfile(), after), QStringLiteral("a.h5"), QStringLiteral("b.h5"));
        QVERIFY2(page.text().contains(QStringLiteral("threads: 4 → 8")), qPrintable(page.text()));
        QVERIFY(page.text().contains(QStringLiteral("not taken in turn")));
        const QAbstractItemModel& model = *page.table()->model();
        // What changed stands on top, the largest time first, then memory.
        QCOMPARE(model.index(0, ChangeModel::Subject).data().toString(), QStringLiteral("in_proj"));
        QCOMPARE(model.index(0, ChangeModel::Length).data().toString(), QStringLiteral("1k"));
        QCOMPARE(model.index(2, ChangeModel::Length).data().toString(), QStringLiteral("64"));
        QCOMPARE(model.index(3, ChangeModel::Subject).data().toString(), QStringLiteral("memory: state"));
        QCOMPARE(model.index(0, ChangeModel::Verdict).data().toString(), QStringLiteral("slower"));
        const int all = model.rowCount();
        page.lengths()->setCurrentIndex(2);
        Q_EMIT page.lengths()->activated(2);
        QCOMPARE(model.rowCount(), all / 3);
        page.layers()->setChecked(true);
        QVERIFY(model.rowCount() > all / 3);
        page.filter()->setText(QStringLiteral("layer 3"));
        QCOMPARE(model.rowCount(), 6);
        QCOMPARE(page.csv().split(QLatin1Char('\n'), Qt::SkipEmptyParts).size(), qsizetype{7});

        // A row selects what it is about; the plot follows.
        const QModelIndex row = model.index(0, 0);
        QTest::mouseClick(page.table()->viewport(), Qt::LeftButton, {}, page.table()->visualRect(row).center());
        QCOMPARE(selection.focus().layer, std::optional<std::int32_t>(3));
        QCOMPARE(selection.focus().length, std::optional<std::int64_t>(256));
        QVERIFY(selection.focus().component.has_value());
        QTest::qWait(50);  // the queued replot lays the axes out
        ChangePlot& plot = *page.plot();
        QVERIFY(plot.rows().front().subject == profile::Subject::Pass);
        QTest::mouseClick(reinterpret_cast<QWidget*>(plot.plot()), Qt::LeftButton, {}, plot.markOf(3));
        QCOMPARE(selection.focus().component, std::optional(plot.rows()[3].component));
        QTest::keyClick(reinterpret_cast<QWidget*>(plot.plot()), Qt::Key_Down);
        QCOMPARE(selection.focus().component, std::optional(plot.rows()[4].component));
        QCOMPARE(static_cast<std::size_t>(plot.csv().count(QLatin1Char('\n'))), plot.rows().size() + 1);
        page.table()->sortByColumn(ChangeModel::Ratio, Qt::DescendingOrder);
        page.grab();
        theme().setChoice(ThemeChoice::Dark);
        page.grab();
        theme().setChoice(ThemeChoice::System);
    }

    void ticksOfRatios() {
        using Ticks = std::vector<double>;
        // As near to each other as the labels can stand, the same step everywhere.
        QCOMPARE(ratioTicks(1.0 / 16, 16, 400, 40), (Ticks{1.0 / 16, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16}));
        QCOMPARE(ratioTicks(1.0 / 16, 16, 200, 40), (Ticks{1.0 / 16, 0.25, 1, 4, 16}));
        QCOMPARE(ratioTicks(1.0 / 12, 12, 180, 60), (Ticks{0.125, 1, 8}));
        QCOMPARE(ratioTicks(1.0 / 3, 3, 180, 40), (Ticks{0.5, 1, 2}));
        QCOMPARE(ratioTicks(1 / 1.9, 1.9, 180, 40), (Ticks{1 / 1.5, 1, 1.5}));
        QCOMPARE(ratioTicks(1 / 1.02, 1.02, 180, 40), (Ticks{1 / 1.02, 1, 1.02}));
        // Nothing that would stand on something else, and nothing out of a range that has no 1.
        QVERIFY(ratioTicks(1 / 1.02, 1.02, 60, 40).empty());
        QVERIFY(ratioTicks(0.55, 0.6, 180, 40).empty());
        QVERIFY(ratioTicks(0, 2, 180, 40).empty());
    }

    void extremesAreDrawn() {
        Selection selection;
        ComparePage page(selection);
        page.resize(900, 500);
        auto before = test::fabricatedProfile();
        auto after = test::fabricatedProfile();
        before->points[2].components[0].time = profile::summarise(std::vector<double>(9, 0.0));
        before->points[2].components[1].time = profile::summarise({0, 1e-9, 1, 1, 1, 1, 1, 2});
        after->points[2].components[2].time = profile::summarise({1e9});
        after->points[2].components.pop_back();
        page.setComparison(compared(before, after), QStringLiteral("a"), QStringLiteral("b"));
        page.grab();
        page.plot()->grab();
        QVERIFY(page.csv().contains(QStringLiteral("only before")));
        QVERIFY(page.csv().contains(QStringLiteral("too few passes to tell")));
    }

    void pinOpenRemove() {
        const QString before = written("before.h5", *test::fabricatedProfile());
        const QString after = written("after.h5", *slowerProjection());
        MainWindow window;
        window.show();
        window.action(QStringLiteral("pageCompare"))->trigger();
        QCOMPARE(window.action(QStringLiteral("pageCompare"))->shortcut(), QKeySequence(QStringLiteral("Ctrl+6")));
        QVERIFY(!window.action(QStringLiteral("pinBaseline"))->isEnabled());
        QVERIFY(!window.baselineChip()->isVisible());
        window.openPath(before);
        QTRY_VERIFY_WITH_TIMEOUT(window.shown() != nullptr, kPatience);
        window.action(QStringLiteral("pinBaseline"))->trigger();
        QVERIFY(window.baselineChip()->isVisible());
        QVERIFY(!window.comparison());  // not with itself
        window.openPath(after);
        QTRY_VERIFY_WITH_TIMEOUT(window.comparison() != nullptr, kPatience);
        QVERIFY(window.baselineChip()->text().contains(QStringLiteral("compared with: before.h5")));
        QVERIFY(window.comparePage()->isVisible());
        QVERIFY(window.comparePage()->text().contains(QStringLiteral("after.h5")));
        window.action(QStringLiteral("pageProfile"))->trigger();
        QVERIFY(window.profilePage()->table()->csv().contains(QStringLiteral(",1.5,")));
        // The same file again is the baseline itself.
        window.openPath(before);
        QTRY_VERIFY_WITH_TIMEOUT(!window.comparison(), kPatience);
        QVERIFY(window.baselineChip()->text().startsWith(QStringLiteral("baseline")));
        window.action(QStringLiteral("removeBaseline"))->trigger();
        QVERIFY(!window.baselineChip()->isVisible());
        QVERIFY(!window.action(QStringLiteral("removeBaseline"))->isEnabled());
        // What was shown before is offered.
        window.action(QStringLiteral("comparePrevious"))->trigger();
        QVERIFY(window.comparison() != nullptr);
        QCOMPARE(window.comparison()->before->provenance.threads, 8);
        QCOMPARE(window.messages()->count(), 0);
        window.action(QStringLiteral("removeBaseline"))->trigger();
    }

    void isKeptUntilRemoved() {
        const QString before = written("kept.h5", *test::fabricatedProfile());
        const QString after = written("later.h5", *slowerProjection());
        {
            MainWindow window;
            window.show();
            window.openBaseline(before);
            QTRY_VERIFY_WITH_TIMEOUT(window.baselineChip()->isVisible(), kPatience);
            window.close();
        }
        {
            MainWindow window;
            window.show();
            window.openPath(after);
            QTRY_VERIFY_WITH_TIMEOUT(window.comparison() != nullptr, kPatience);
            window.close();
        }
        QVERIFY(QFile::remove(before));
        {
            MainWindow window;
            window.show();
            QCOMPARE(window.messages()->count(), 1);
            QVERIFY(window.messages()->text().contains(QStringLiteral("kept.h5: the baseline is not there any more")));
            window.close();
        }
        MainWindow window;
        QCOMPARE(window.messages()->count(), 0);
    }

    /// However long the baseline's name is: the chip gives way, and only its name is shortened while that can be.
    void theChipLeavesTheTabsTheirRoom() {
        auto decode = test::fabricatedProfile();
        decode->options.mode = profile::Mode::Decode;
        const QString shown = written("one.h5", *test::fabricatedProfile());
        const QString other = written("a model of a rather long name, 2026-11-27 11:21:25.h5", *decode);
        MainWindow window;
        window.resize(1280, 720);
        window.show();
        window.openPath(shown);
        QTRY_VERIFY_WITH_TIMEOUT(window.shown() != nullptr, kPatience);
        window.openBaseline(other);
        QTRY_VERIFY_WITH_TIMEOUT(window.baselineChip()->isVisible(), kPatience);
        const auto* tabs = window.findChild<QTabBar*>(QStringLiteral("pages"));
        const ElidedButton& chip = *window.baselineChip();
        for (const QSize size : {QSize(1024, 640), QSize(1280, 720)}) {
            window.resize(size);
            QTest::qWait(30);  // the layout
            QVERIFY(tabs->rect().contains(tabs->tabRect(0)));
            QVERIFY(tabs->rect().contains(tabs->tabRect(tabs->count() - 1)));
            QVERIFY(chip.mapTo(&window, QPoint()).x() >= tabs->mapTo(&window, tabs->rect().topRight()).x());
            QVERIFY2(chip.shown().startsWith(QStringLiteral("not compared")), qPrintable(chip.shown()));
            QVERIFY2(chip.shown().contains(QChar(0x2026)), qPrintable(chip.shown()));
            QVERIFY(chip.text().contains(QStringLiteral("rather long")));
            QVERIFY(chip.fontMetrics().horizontalAdvance(chip.shown()) < chip.width());
        }
        QVERIFY2(chip.shown().startsWith(QStringLiteral("not compared with: a ")), qPrintable(chip.shown()));
        QVERIFY2(chip.shown().endsWith(QStringLiteral(".h5")), qPrintable(chip.shown()));
        window.grab();
    }

    /// What a small window takes from the docks a larger one gives back.
    void docksComeBack() {
        MainWindow window;
        window.resize(1280, 720);
        window.show();
        QTest::qWait(30);
        const int before = window.details()->width();
        QVERIFY(before > 200);
        for (int i = 0; i < 2; ++i) {
            window.resize(1000, 640);
            QTest::qWait(30);
            window.resize(1600, 980);
            QTest::qWait(30);
            QCOMPARE(window.details()->width(), before);
        }
    }

    void refusals() {
        auto decode = test::fabricatedProfile();
        decode->options.mode = profile::Mode::Decode;
        const QString shown = written("shown.h5", *test::fabricatedProfile());
        const QString other = written("decode.h5", *decode);
        const QString states = m_place->path(QStringLiteral("states.h5"));
        report::writeActivity(states.toStdString(), *test::fabricatedActivity());
        QFile fake(m_place->path(QStringLiteral("fake.h5")));
        QVERIFY(fake.open(QIODevice::WriteOnly));
        fake.write("not HDF5");
        fake.close();

        MainWindow window;
        window.show();
        window.openPath(shown);
        QTRY_VERIFY_WITH_TIMEOUT(window.shown() != nullptr, kPatience);
        // Each says why, and changes nothing that is shown.
        window.openBaseline(fake.fileName());
        QTRY_COMPARE_WITH_TIMEOUT(window.messages()->count(), 1, kPatience);
        window.openBaseline(states);
        QTRY_COMPARE_WITH_TIMEOUT(window.messages()->count(), 2, kPatience);
        QVERIFY(window.messages()->text().contains(QStringLiteral("states.h5: cannot be the baseline")));
        QVERIFY(!window.baselineChip()->isVisible());
        window.openBaseline(other);
        QTRY_COMPARE_WITH_TIMEOUT(window.messages()->count(), 3, kPatience);
        QVERIFY2(window.messages()->text().contains(QStringLiteral("have no workload in common")),
                 qPrintable(window.messages()->text()));
        QVERIFY(!window.comparison());
        QVERIFY(window.baselineChip()->text().startsWith(QStringLiteral("not compared with: decode.h5")));
        window.action(QStringLiteral("pageCompare"))->trigger();
        window.grab();
        QCOMPARE(window.shown()->points.size(), std::size_t{3});
        window.action(QStringLiteral("removeBaseline"))->trigger();
    }

    void drops() {
        const QString older = written("older.h5", *test::fabricatedProfile());
        QTest::qWait(20);  // files of the same moment have no older one
        const QString newer = written("newer.h5", *slowerProjection());
        MainWindow window;
        window.show();
        const auto drop = [&](const QList<QUrl>& urls) {
            QMimeData data;
            data.setUrls(urls);
            QDragEnterEvent enter(QPoint(100, 100), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
            QCoreApplication::sendEvent(&window, &enter);
            QDropEvent event(QPointF(100, 100), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
            QCoreApplication::sendEvent(&window, &event);
            return enter.isAccepted();
        };
        // Two reports at once: the newer compared with the older, however they lie in the drag.
        QVERIFY(drop({QUrl::fromLocalFile(newer), QUrl::fromLocalFile(older)}));
        QTRY_VERIFY_WITH_TIMEOUT(window.comparison() != nullptr, kPatience);
        QCOMPARE(window.comparison()->before->provenance.threads, 4);
        QVERIFY(!drop({QUrl::fromLocalFile(newer), QUrl::fromLocalFile(m_place->path(QString()))}));
        window.action(QStringLiteral("removeBaseline"))->trigger();
        // On the page Compare one report becomes the baseline.
        window.action(QStringLiteral("pageCompare"))->trigger();
        QVERIFY(drop({QUrl::fromLocalFile(older)}));
        QTRY_VERIFY_WITH_TIMEOUT(window.comparison() != nullptr, kPatience);
        QCOMPARE(window.shown()->provenance.threads, 8);
        window.action(QStringLiteral("removeBaseline"))->trigger();
    }
};

QTEST_MAIN(TestGuiCompare)
#include "test_gui_compare.moc"
