// Floors where times stand, and the roofline: one selection, honest about caches and about what is not known.
#include <QHeaderView>
#include <QTableView>
#include <QTest>

#include "core/profile/floors.h"
#include "gui_test.h"
#include "tests/unit/fabricated_profile.h"
#include "widgets/component_model.h"
#include "widgets/component_table.h"
#include "widgets/derive.h"
#include "widgets/details_panel.h"
#include "widgets/layer_map.h"
#include "widgets/roofline_plot.h"
#include "widgets/studies_page.h"
#include "widgets/theme.h"

using namespace perfmamba;
using namespace perfmamba::widgets;

namespace {

ProfilePtr withoutCeilings() {
    auto profile = test::fabricatedProfile();
    profile->provenance.ceilings.reset();
    for (profile::Point& point : profile->points) {
        for (auto* rows : {&point.components, &point.layers}) {
            for (profile::ComponentCost& cost : *rows) {
                cost.floor_us = profile::Ceilings::kUnknown;
                cost.bound = profile::Bound::None;
            }
        }
    }
    return profile;
}

QString cell(const ComponentTable& table, const QString& component, int column, int role = Qt::DisplayRole) {
    const QAbstractItemModel* model = table.view()->model();
    for (int row = 0; row < model->rowCount(); ++row) {
        if (model->index(row, ComponentModel::Name).data().toString() == component) {
            return model->index(row, column).data(role).toString();
        }
    }
    return QStringLiteral("no such row");
}

}  // namespace

class TestGuiRoofline : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() { test::failOnAnyWarning(); }

    void dotsByHand() {
        const auto profile = test::fabricatedProfile();
        const profile::Point& point = profile->points.back();
        const std::vector<RooflineDot> dots = rooflineOf(point, std::nullopt);
        QCOMPARE(dots.size(), point.components.size() - 2);  // embedding computes nothing, other is not counted
        QVERIFY(std::ranges::is_sorted(dots, {}, &RooflineDot::flops_per_byte));
        const auto ssm = std::ranges::find(dots, Component::Ssm, [](const auto& dot) { return dot.cost->component; });
        QCOMPARE(ssm->flops_per_byte, ssm->cost->flops / ssm->cost->bytes);
        QCOMPARE(ssm->flops_per_s, ssm->cost->flops / ssm->cost->time.median * 1e6);
        QVERIFY(ssm->slowest_flops_per_s <= ssm->flops_per_s && ssm->flops_per_s <= ssm->fastest_flops_per_s);
        QCOMPARE(ssm->cost->bound, profile::Bound::Exponentials);
        // The exponentials' floor lies below both roofs.
        const profile::Ceilings& ceilings = *profile->provenance.ceilings;
        QVERIFY(ssm->floor_flops_per_s < std::min(ceilings.flops_per_s, ssm->flops_per_byte * ceilings.bytes_per_s));
        QCOMPARE(rooflineOf(point, 3).size(), std::size_t{6});
        QCOMPARE(rooflineOf(point, 3).front().cost->layer, 3);
        QVERIFY(rooflineOf(profile::Point{}, std::nullopt).empty());
    }

    void oneSelection() {
        Selection selection;
        StudiesPage page(selection);
        page.resize(900, 500);
        page.setProfile(test::fabricatedProfile());
        page.show();
        QVERIFY(QTest::qWaitForWindowExposed(&page));
        RooflinePlot* roofline = page.roofline();
        auto* plot = roofline->findChild<QWidget*>("rooflinePlot");
        QCoreApplication::processEvents();  // the plot is laid out when it is drawn
        for (const Component component : {Component::InProj, Component::Ssm, Component::Gate}) {
            QTest::mouseClick(plot, Qt::LeftButton, {}, roofline->dotCentre(component));
            QCOMPARE(selection.focus().component, std::optional(component));
        }
        QCOMPARE(page.table()->view()->currentIndex().siblingAtColumn(0).data().toString(), QString("gate"));
        QTest::mouseClick(plot, Qt::LeftButton, {}, {60, 20});
        QVERIFY(!selection.focus().component);
        // From dot to dot, in the order of their work a byte.
        plot->setFocus();
        QTest::keyClick(plot, Qt::Key_Right);
        QCOMPARE(*selection.focus().component, roofline->dots().front().cost->component);
        QTest::keyClick(plot, Qt::Key_Right);
        QCOMPARE(*selection.focus().component, roofline->dots()[1].cost->component);
        for (std::size_t i = 0; i < 20; ++i) QTest::keyClick(plot, Qt::Key_Right);
        QCOMPARE(*selection.focus().component, roofline->dots().back().cost->component);
        selection.setCell(2, Component::Ssm);
        QCOMPARE(roofline->dots().size(), std::size_t{6});
        QCOMPARE(roofline->dots().front().cost->layer, 2);
    }

    void columnsSayWhatLimits() {
        Selection selection;
        ComponentTable table(selection);
        table.setProfile(test::fabricatedProfile());
        const profile::ComponentCost& gate = *test::fabricatedProfile()->points.back().find(Component::Gate);
        QVERIFY(profile::ofFloor(gate) > 1);
        QCOMPARE(cell(table, "gate", ComponentModel::Limit), QString("in cache"));
        QVERIFY(cell(table, "gate", ComponentModel::OfFloor).toDouble() > 100);
        QVERIFY(cell(table, "gate", ComponentModel::OfFloor, Qt::ToolTipRole).contains("caches"));
        QCOMPARE(cell(table, "ssm", ComponentModel::Limit), QString("exp"));
        QCOMPARE(cell(table, "in_proj", ComponentModel::Limit), QString("work"));
        QCOMPARE(cell(table, "other", ComponentModel::Floor), QString("n/a"));
        QVERIFY(cell(table, "other", ComponentModel::Floor, Qt::ToolTipRole).contains("between components"));
        QVERIFY(table.csv().contains(",floor_us,of_floor,limit,"));
    }

    void withoutCeilingsNothingIsKnown() {
        Selection selection;
        ComponentTable table(selection);
        DetailsPanel details(selection);
        RooflinePlot roofline(selection);
        const ProfilePtr profile = withoutCeilings();
        table.setProfile(profile);
        details.setProfile(profile);
        roofline.setProfile(profile);
        for (const int column : {ComponentModel::Floor, ComponentModel::OfFloor, ComponentModel::Limit}) {
            QCOMPARE(cell(table, "ssm", column), QString("n/a"));
            QVERIFY(cell(table, "ssm", column, Qt::ToolTipRole).startsWith("n/a: the report holds no ceilings"));
        }
        QVERIFY(details.text().contains("floor: n/a\n"));
        QVERIFY(roofline.note().startsWith("n/a: the report holds no ceilings"));
        QVERIFY(!roofline.dots().empty());  // what was measured is still there
        selection.setComponent(Component::Ssm);
        QVERIFY(details.text().contains("of floor: n/a\n"));
        selection.setCell(1, std::nullopt);
        QVERIFY(details.text().contains("floor: n/a\n"));
    }

    void detailsAndMapHaveThem() {
        Selection selection;
        DetailsPanel details(selection);
        LayerMap map(selection);
        const ProfilePtr profile = test::fabricatedProfile();
        details.setProfile(profile);
        map.setProfile(profile);
        const profile::Point& point = profile->points.back();
        QVERIFY(details.text().contains("floor: " + timeText(profile::floorOfPass(point))));
        QVERIFY(details.text().contains("ceilings: 20.0 GB/s, 150 GFLOP/s in float32, 2.50 Gexp/s"));
        selection.setComponent(Component::Gate);
        QVERIFY(details.text().contains(" · in cache\n"));
        map.setMetric(MapMetric::OfFloor);
        const profile::ComponentCost* cost = point.find(Component::Conv1d, 4);
        QCOMPARE(metricOf(*cost, MapMetric::OfFloor), cost->floor_us / cost->time.median);
        const QStringList lines = map.csv().split('\n');
        QVERIFY(lines[0].contains("conv1d [%]"));
        const auto column = lines[0].split(',').indexOf("conv1d [%]");
        QVERIFY(std::abs(lines[5].split(',')[column].toDouble() - 100 * profile::ofFloor(*cost)) < 1e-3);
    }

    void picturesAndThemes() {
        QTemporaryDir folder;
        Selection selection;
        RooflinePlot roofline(selection);
        roofline.resize(640, 420);
        roofline.setProfile(test::fabricatedProfile());
        for (const ThemeChoice choice : {ThemeChoice::Light, ThemeChoice::Dark}) {
            theme().setChoice(choice);
            const QString png = folder.filePath("roofline.png");
            QVERIFY(writePng(roofline.picture(), png));
            const QImage image(png);
            QVERIFY(!image.isNull());
            QCOMPARE(image.pixelColor(2, 2), theme().colours().surface);
            const QPoint dot = roofline.dotCentre(Component::Ssm) * 2;
            QCOMPARE(image.pixelColor(dot), theme().of(Component::Ssm));
        }
        theme().setChoice(ThemeChoice::System);
        QVERIFY(writeSvg(roofline.picture(), folder.filePath("roofline.svg")));
        QVERIFY(writePdf(roofline.picture(), folder.filePath("roofline.pdf")));
        const QStringList lines = roofline.csv().split('\n', Qt::SkipEmptyParts);
        QCOMPARE(lines.size(), static_cast<qsizetype>(roofline.dots().size()) + 1);
        QVERIFY(std::ranges::any_of(
            lines, [](const QString& line) { return line.startsWith("ssm,") && line.endsWith(",exp"); }));
    }

    void nothingToShow() {
        Selection selection;
        StudiesPage page(selection);
        page.setProfile(nullptr);
        auto empty = std::make_shared<profile::Profile>();
        page.setProfile(empty);
        empty = std::make_shared<profile::Profile>();
        empty->points.resize(1);
        page.setProfile(empty);
        (void)page.grab();
        QVERIFY(page.roofline()->dots().empty());
    }
};

QTEST_MAIN(TestGuiRoofline)
#include "test_gui_roofline.moc"
