// The views on a fabricated profile: one selection, numbers where they belong, exports, both themes, 64 layers.
#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QContextMenuEvent>
#include <QElapsedTimer>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QSignalSpy>
#include <QStyleOptionHeader>
#include <QTableView>
#include <QTest>
#include <QTimer>
#include <QWheelEvent>

#include "gui_test.h"
#include "tests/unit/fabricated_profile.h"
#include "widgets/component_model.h"
#include "widgets/component_table.h"
#include "widgets/details_panel.h"
#include "widgets/empty_page.h"
#include "widgets/format.h"
#include "widgets/layer_map.h"
#include "widgets/memory_page.h"
#include "widgets/messages_panel.h"
#include "widgets/model_card.h"
#include "widgets/profile_page.h"
#include "widgets/share_plot.h"
#include "widgets/status_bar.h"
#include "widgets/table_menu.h"
#include "widgets/theme.h"
#include "widgets/timeline.h"
#include "widgets/workload_bar.h"

using namespace perfmamba;
using namespace perfmamba::widgets;

namespace {

/// A 64-layer pass of many spans, as a large model's.
ProfilePtr largeProfile() {
    auto profile = std::make_shared<profile::Profile>(*test::fabricatedProfile());
    profile->model.config.n_layer = 64;
    for (profile::Point& point : profile->points) {
        const profile::Point small = point;
        point.layers.clear();
        point.last_pass.clear();
        double offset = 0;
        for (std::int32_t layer = 0; layer < 64; ++layer) {
            for (profile::ComponentCost cost : small.layers) {
                if (cost.layer != layer % static_cast<std::int32_t>(test::kFabricatedLayers)) continue;
                cost.layer = layer;
                point.layers.push_back(cost);
            }
            double end = offset;
            for (Span span : small.last_pass) {
                if (span.layer != 0) continue;
                span.layer = layer;
                span.begin_us += offset;
                span.end_us += offset;
                end = std::max(end, span.end_us);
                point.last_pass.push_back(span);
            }
            offset = end;
        }
        point.last_pass_us = offset;
    }
    return profile;
}

}  // namespace

class TestGuiViews : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { test::failOnAnyWarning(); }

    void selectingInOneViewMarksTheOthers() {
        Selection selection;
        ProfilePage page(selection);
        LayerMap map(selection);
        DetailsPanel details(selection);
        const ProfilePtr profile = test::fabricatedProfile();
        page.resize(900, 640);
        map.resize(240, 420);
        page.show();
        map.show();
        page.setProfile(profile);
        map.setProfile(profile);
        details.setProfile(profile);
        QVERIFY(details.text().contains(QStringLiteral("whole pass")));

        // The map's cell: table, timeline and details follow.
        QTest::mouseClick(map.viewport(), Qt::LeftButton, {}, map.cellCentre(2, Component::Ssm));
        QCOMPARE(selection.focus().layer, std::optional<std::int32_t>(2));
        QCOMPARE(selection.focus().component, std::optional(Component::Ssm));
        QVERIFY(details.text().contains(QStringLiteral("layer 2")));
        const QModelIndex current = page.table()->view()->currentIndex();
        QCOMPARE(current.siblingAtColumn(0).data().toString(), QStringLiteral("ssm"));
        // The same cell again: everything.
        QTest::mouseClick(map.viewport(), Qt::LeftButton, {}, map.cellCentre(2, Component::Ssm));
        QVERIFY(!selection.focus().component);

        // The bars: component and length.
        QTest::qWait(50);  // the queued replot lays the axes out
        const QPoint segment = page.sharePlot()->segmentCentre(0, Component::InProj);
        QVERIFY(segment.x() > 0);
        QTest::mouseClick(reinterpret_cast<QWidget*>(page.sharePlot()->focusProxy()), Qt::LeftButton, {}, segment);
        QCOMPARE(selection.focus().component, std::optional(Component::InProj));
        QCOMPARE(selection.focus().length, std::optional(profile->points[0].length));
        QVERIFY(details.text().contains(QStringLiteral("in_proj")));

        // The table: the component only.
        const QModelIndex conv = page.table()->view()->model()->index(3, 0);
        QTest::mouseClick(page.table()->view()->viewport(), Qt::LeftButton, {},
                          page.table()->view()->visualRect(conv).center());
        QCOMPARE(selection.focus().component, std::optional(Component::Conv1d));

        // The timeline: layer and component.
        const QPoint span = page.timeline()->spanCentre(4, Component::OutProj);
        QTest::mouseClick(page.timeline()->viewport(), Qt::LeftButton, {}, span);
        QCOMPARE(selection.focus().layer, std::optional<std::int32_t>(4));
        QCOMPARE(selection.focus().component, std::optional(Component::OutProj));
    }

    void keysMoveTheSelection() {
        Selection selection;
        LayerMap map(selection);
        Timeline timeline(selection);
        const ProfilePtr profile = test::fabricatedProfile();
        map.resize(240, 420);
        timeline.resize(800, 260);
        map.show();
        timeline.show();
        map.setProfile(profile);
        timeline.setProfile(profile);
        QTest::keyClick(&map, Qt::Key_Down);
        QTest::keyClick(&map, Qt::Key_Right);
        QTest::keyClick(&map, Qt::Key_Right);
        QCOMPARE(selection.focus().layer, std::optional<std::int32_t>(0));
        QCOMPARE(selection.focus().component, std::optional(Component::InProj));
        QTest::keyClick(&timeline, Qt::Key_Right);
        QCOMPARE(selection.focus().component, std::optional(Component::Conv1d));
        QTest::keyClick(&timeline, Qt::Key_Down);
        QCOMPARE(selection.focus().layer, std::optional<std::int32_t>(1));
        QCOMPARE(selection.focus().component, std::optional(Component::Conv1d));
        const double before = timeline.view().end_us - timeline.view().begin_us;
        QTest::keyClick(&timeline, Qt::Key_F);
        QVERIFY(timeline.view().end_us - timeline.view().begin_us < before / 10);
        QTest::keyClick(&timeline, Qt::Key_Home);
        QCOMPARE(timeline.view().end_us - timeline.view().begin_us, before);
        QTest::keyClick(&map, Qt::Key_Escape);
        QVERIFY(!selection.focus().component);
    }

    void rangeByCtrlDrag() {
        Selection selection;
        Timeline timeline(selection);
        DetailsPanel details(selection);
        timeline.resize(800, 260);
        timeline.show();
        timeline.setProfile(test::fabricatedProfile());
        details.setProfile(test::fabricatedProfile());
        QTest::mousePress(timeline.viewport(), Qt::LeftButton, Qt::ControlModifier, QPoint(200, 100));
        QMouseEvent move(QEvent::MouseMove, QPointF(400, 100), timeline.viewport()->mapToGlobal(QPointF(400, 100)),
                         Qt::NoButton, Qt::LeftButton, Qt::ControlModifier);
        QCoreApplication::sendEvent(timeline.viewport(), &move);
        QTest::mouseRelease(timeline.viewport(), Qt::LeftButton, Qt::ControlModifier, QPoint(400, 100));
        QVERIFY(selection.focus().range_us.has_value());
        QVERIFY(selection.focus().range_us->second > selection.focus().range_us->first);
        QVERIFY(details.text().contains(QStringLiteral("range")));
    }

    void tableSortsFiltersAndCopies() {
        Selection selection;
        ComponentTable table(selection);
        table.resize(700, 300);
        table.setProfile(test::fabricatedProfile());
        QTableView* view = table.view();
        QCOMPARE(view->model()->index(0, 0).data().toString(), QStringLiteral("embedding"));
        view->sortByColumn(ComponentModel::Share, Qt::DescendingOrder);
        QCOMPARE(view->model()->index(0, 0).data().toString(), QStringLiteral("ssm"));
        QCOMPARE(view->model()->index(1, 0).data().toString(), QStringLiteral("in_proj"));
        table.filter()->setText(QStringLiteral("PROJ"));
        QCOMPARE(view->model()->rowCount(), 2);
        const QStringList lines = table.csv().split(QLatin1Char('\n'), Qt::SkipEmptyParts);
        QCOMPARE(lines.size(), qsizetype{3});
        // As programs read it: names without units in brackets, plain numbers in every column but two.
        const QStringList names = lines[0].split(QLatin1Char(','));
        QCOMPARE(names.mid(0, 4), QStringList({QStringLiteral("length"), QStringLiteral("layer"),
                                               QStringLiteral("component"), QStringLiteral("median_us")}));
        const QStringList fields = lines[1].split(QLatin1Char(','));
        QCOMPARE(fields.size(), names.size());
        for (qsizetype i = 0; i < fields.size(); ++i) {
            bool number = fields[i].isEmpty();
            if (!number) (void)fields[i].toDouble(&number);
            QCOMPARE(number, names[i] != QLatin1String("component") && names[i] != QLatin1String("limit"));
        }
        QTest::mouseClick(view->viewport(), Qt::LeftButton, {}, view->visualRect(view->model()->index(0, 1)).center());
        const QStringList copied =
            tableText(*view, QLatin1Char('\t'), true).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
        QCOMPARE(copied.size(), qsizetype{2});
        QVERIFY(copied[1].startsWith(QStringLiteral("in_proj\t")));
        table.filter()->clear();
        // What has no value says why.
        for (int row = 0; row < view->model()->rowCount(); ++row) {
            for (int column = 1; column < ComponentModel::kColumns; ++column) {
                const QModelIndex index = view->model()->index(row, column);
                if (index.data().toString() == QLatin1String("n/a"))
                    QVERIFY(!index.data(Qt::ToolTipRole).toString().isEmpty());
            }
        }
    }

    /// The focus alone chooses nothing.
    void tableIsPassedByTab() {
        Selection selection;
        ComponentTable table(selection);
        table.setProfile(test::fabricatedProfile());
        table.show();
        QVERIFY(QTest::qWaitForWindowExposed(&table));
        table.view()->setFocus(Qt::TabFocusReason);
        QTRY_VERIFY(table.view()->hasFocus());
        QVERIFY(!selection.focus().component);
        QTest::keyClick(table.view(), Qt::Key_Down);
        QVERIFY(selection.focus().component);
    }

    void pictures() {
        QTemporaryDir folder;
        Selection selection;
        ProfilePage page(selection);
        MemoryPage memory(selection);
        LayerMap map(selection);
        page.resize(900, 600);
        memory.resize(900, 600);
        map.resize(240, 400);
        page.setProfile(test::fabricatedProfile());
        memory.setProfile(test::fabricatedProfile());
        map.setProfile(test::fabricatedProfile());
        page.grab();
        memory.grab();
        map.grab();
        const std::vector<const Picture*> all = {&page.sharePlot()->picture(), &page.timeline()->picture(),
                                                 &memory.overPassPicture(), &map.picture()};
        for (const Picture* picture : all) {
            const QString base = folder.filePath(picture->name);
            QVERIFY(writePng(*picture, base + QStringLiteral(".png")));
            QVERIFY(writeSvg(*picture, base + QStringLiteral(".svg")));
            QVERIFY(writePdf(*picture, base + QStringLiteral(".pdf")));
            QVERIFY(writeText(picture->csv(), base + QStringLiteral(".csv")));
            const QImage image(base + QStringLiteral(".png"));
            QCOMPARE(image.size(), picture->size() * 2);
            QFile svg(base + QStringLiteral(".svg"));
            QVERIFY(svg.open(QIODevice::ReadOnly));
            const QByteArray text = svg.readAll();
            QVERIFY(text.contains("<svg") && text.contains("<text"));
            QFile csv(base + QStringLiteral(".csv"));
            QVERIFY(csv.open(QIODevice::ReadOnly));
            QVERIFY(csv.readAll().count('\n') >= 2);
            // Colours of components are really in the picture.
            if (picture == &page.sharePlot()->picture()) QVERIFY(text.toLower().contains("#d55e00"));
        }
        QVERIFY(!writePng(*all.front(), QStringLiteral("/nowhere/at/all.png")));
    }

    /// The mouse is over a viewport, whose requests for a menu go to the scroll area around it.
    void rightClickOpensTheMenu() {
        Selection selection;
        ProfilePage page(selection);
        LayerMap map(selection);
        page.resize(900, 600);
        map.resize(240, 400);
        page.show();
        map.show();
        page.setProfile(test::fabricatedProfile());
        map.setProfile(test::fabricatedProfile());
        for (QWidget* under :
             {page.timeline()->viewport(), map.viewport(), static_cast<QWidget*>(page.sharePlot()->focusProxy())}) {
            QStringList texts;
            QPoint opened;
            QTimer::singleShot(0, this, [&] {
                auto* menu = qobject_cast<QMenu*>(QApplication::activePopupWidget());
                if (menu == nullptr) return;
                for (const QAction* action : menu->actions()) texts << action->text();
                opened = menu->pos();
                menu->close();
            });
            const QPoint at(60, 80);
            QContextMenuEvent event(QContextMenuEvent::Mouse, at, under->mapToGlobal(at));
            QCoreApplication::sendEvent(under, &event);
            QVERIFY(texts.contains(QStringLiteral("Save SVG…")));
            QCOMPARE(opened, under->mapToGlobal(at));
        }
    }

    void emptyProfilesAreNotDrawnFrom() {
        Selection selection;
        ProfilePage page(selection);
        MemoryPage memory(selection);
        LayerMap map(selection);
        DetailsPanel details(selection);
        ModelCard card;
        auto empty = std::make_shared<profile::Profile>();
        auto started = std::make_shared<profile::Profile>(*test::fabricatedProfile());
        started->points.resize(1);
        started->points[0] = profile::Point();  // a length whose first pass is not over
        started->points[0].length = 64;
        for (const ProfilePtr& profile : {ProfilePtr(), ProfilePtr(empty), ProfilePtr(started),
                                          ProfilePtr(test::fabricatedProfile()), ProfilePtr()}) {
            page.setProfile(profile);
            memory.setProfile(profile);
            map.setProfile(profile);
            details.setProfile(profile);
            page.grab();
            memory.grab();
            map.grab();
            details.grab();
            selection.setCell(3, Component::XProj);
            selection.clear();
        }
        card.setModel(std::nullopt);
        card.grab();
    }

    void memoryByComponent() {
        Selection selection;
        MemoryPage memory(selection);
        memory.resize(900, 600);
        const ProfilePtr profile = test::fabricatedProfile();
        memory.setProfile(profile);
        const double middle = profile->points.back().last_pass_us / 2;
        QVERIFY(memory.overPassTip(middle, 0).contains(QStringLiteral("state: ")));
        QVERIFY(memory.csv().startsWith(QStringLiteral("time [µs],weights [B],state [B]")));
        memory.setByComponent(true);
        const QString tip = memory.overPassTip(middle, 0);
        QVERIFY(tip.contains(QStringLiteral("<b>before the pass: ")));
        QVERIFY(!tip.contains(QStringLiteral("state: ")));
        QVERIFY(memory.overPassTip(-1, 0).isEmpty());
        QVERIFY(memory.csv().startsWith(QStringLiteral("time [µs],weights [B],before the pass [B],embedding [B]")));
        // What is not selected steps back.
        memory.grab();
        selection.setComponent(Component::Ssm);
        memory.grab();
        QCOMPARE(memory.overPassTip(middle, 0), tip);
        memory.setByComponent(false);
        memory.setProfile(nullptr);
        QVERIFY(memory.overPassTip(middle, 0).isEmpty());
    }

    void longMessagesAreShortened() {
        StatusBar bar;
        bar.resize(400, 24);
        auto* permanent = new QLabel(QStringLiteral("12 min left"));
        bar.addPermanentWidget(permanent);
        bar.show();
        QTest::qWait(30);  // the layout
        bar.showMessage(QStringLiteral("Opened"));
        QCOMPARE(bar.shown(), QStringLiteral("Opened"));
        const QString path = QStringLiteral("Run kept in /home/someone/.local/share/a/rather/long/way/run-20261127.h5");
        bar.showMessage(path);
        QVERIFY2(bar.shown().contains(QChar(0x2026)) && bar.shown().endsWith(QStringLiteral("1127.h5")),
                 qPrintable(bar.shown()));
        QVERIFY(bar.fontMetrics().horizontalAdvance(bar.shown()) < permanent->x());
        QCOMPARE(bar.toolTip(), path);
        QVERIFY(!bar.grab().isNull());
        bar.clearMessage();
        QVERIFY(bar.toolTip().isEmpty());
    }

    /// The arrow of a sorted column stands beside the text, at the end where that does not begin.
    void theSortArrowCoversNoText() {
        theme().setChoice(ThemeChoice::System);
        Selection selection;
        ComponentTable table(selection);
        table.resize(700, 300);
        table.setProfile(test::fabricatedProfile());
        table.show();
        const QHeaderView& header = *table.view()->horizontalHeader();
        const QFontMetrics metrics(header.font());
        for (const int column : {ComponentModel::Name, ComponentModel::Share}) {
            QStyleOptionHeader option;
            option.rect = QRect(0, 0, header.sectionSize(column), header.height());
            option.textAlignment = column == ComponentModel::Name ? Qt::AlignLeft : Qt::AlignRight;
            option.sortIndicator = QStyleOptionHeader::SortDown;
            const QRect arrow = header.style()->subElementRect(QStyle::SE_HeaderArrow, &option, &header);
            int text = 0;
            for (const QString& line :
                 table.view()->model()->headerData(column, Qt::Horizontal).toString().split(QLatin1Char('\n'))) {
                text = std::max(text, metrics.horizontalAdvance(line));
            }
            constexpr int kPadding = 6;  // the style sheet's
            QVERIFY(option.rect.contains(arrow));
            if (column == ComponentModel::Name) {
                QVERIFY(arrow.left() > kPadding + text);
            } else {
                QVERIFY(arrow.right() < option.rect.right() - kPadding - text);
            }
        }
        table.view()->sortByColumn(ComponentModel::Share, Qt::DescendingOrder);
        QVERIFY(!table.grab().isNull());
    }

    /// One pass that the machine held up takes a bin of its own, which says what it holds.
    void outliersInTheHistogram() {
        auto profile = std::make_shared<profile::Profile>(*test::fabricatedProfile());
        std::vector<double> samples;
        for (int i = 0; i < 100; ++i) samples.push_back(70 + i % 10);
        samples.push_back(4200);
        for (profile::Point& point : profile->points) point.total = profile::summarise(samples);
        Selection selection;
        DetailsPanel details(selection);
        details.resize(236, 600);
        details.show();
        details.setProfile(profile);
        QTest::qWait(50);  // the queued replot lays the axes out
        QStringList tips;
        for (int x = 0; x < details.width(); ++x) {
            if (const QString tip = details.binTip(x); !tip.isEmpty() && !tips.contains(tip)) tips << tip;
        }
        QVERIFY2(tips.size() >= 6, qPrintable(tips.join(QLatin1Char('\n'))));
        QVERIFY2(tips.last().startsWith(QStringLiteral("1 of 101 samples took longer than ")) &&
                     tips.last().endsWith(timeText(4200)),
                 qPrintable(tips.last()));
        QVERIFY2(tips.first().contains(QStringLiteral(" of 101 samples: 70.0")), qPrintable(tips.first()));
    }

    /// An empty page wraps its text and its buttons: nothing of it is cut off where it is narrow.
    void emptyPagesWrap() {
        QAction first(QStringLiteral("Run study"));
        QAction second(QStringLiteral("Open a report"));
        first.setShortcut(QKeySequence(Qt::Key_F9));
        EmptyPage page;
        page.setTexts(QStringLiteral("A title"), QStringLiteral("word ").repeated(40));
        page.setActions({&first, &second});
        for (const int width : {700, 260}) {
            page.resize(width, 400);
            page.show();
            QTest::qWait(30);
            for (const QWidget* part : page.findChildren<QWidget*>()) {
                const QRect place(part->mapTo(&page, QPoint()), part->size());
                QVERIFY(page.rect().contains(place));
            }
            const auto* body = page.findChildren<QLabel*>().last();
            QVERIFY(body->height() >= body->heightForWidth(body->width()));
        }
        QVERIFY(page.minimumSizeHint().width() <= 260);
    }

    void theCardKeepsItsNumbers() {
        ModelCard card;
        card.resize(240, 160);
        card.show();
        const profile::ModelSummary model = test::fabricatedProfile()->model;
        card.setModel(model);
        const auto labels = [&] {
            QList<QLabel*> found = card.findChildren<QLabel*>();
            found.removeIf([](const QLabel* label) { return !label->isVisible() || label->text().isEmpty(); });
            return found;
        };
        // At once, without a turn of the event loop; and the same ones with every snapshot of a run.
        const QList<QLabel*> first = labels();
        QVERIFY(first.size() > 12);
        card.setModel(model);
        QCOMPARE(labels(), first);
        card.setModel(std::nullopt);
        QCOMPARE(labels().size(), qsizetype{2});
    }

    void themesChangeEveryView() {
        Selection selection;
        ProfilePage page(selection);
        page.resize(800, 600);
        page.setProfile(test::fabricatedProfile());
        theme().setChoice(ThemeChoice::Light);
        QVERIFY(!theme().dark());
        page.grab();
        const QColor light = page.grab().toImage().pixelColor(400, 590);
        theme().setChoice(ThemeChoice::Dark);
        QVERIFY(theme().dark());
        QTest::qWait(30);
        page.grab();
        const QColor dark = page.grab().toImage().pixelColor(400, 590);
        QVERIFY(light.lightness() > 200);
        QVERIFY(dark.lightness() < 60);
        // Components keep their colours.
        QCOMPARE(theme().of(Component::Ssm), QColor(0xD55E00));
        QVERIFY(!theme().icon(QStringLiteral("run")).isNull());
        theme().setChoice(ThemeChoice::System);
    }

    void sixtyFourLayersAreFast() {
        Selection selection;
        Timeline timeline(selection);
        LayerMap map(selection);
        timeline.resize(1600, 400);
        map.resize(240, 600);
        const ProfilePtr large = largeProfile();
        timeline.setProfile(large);
        map.setProfile(large);
        QElapsedTimer clock;
        clock.start();
        constexpr int kTimes = 10;
        for (int i = 0; i < kTimes; ++i) timeline.grab();
        const double timeline_ms = static_cast<double>(clock.elapsed()) / kTimes;
        clock.restart();
        for (int i = 0; i < kTimes; ++i) map.grab();
        qInfo("timeline %.1f ms, map %.1f ms a picture", timeline_ms, static_cast<double>(clock.elapsed()) / kTimes);
        QVERIFY(timeline_ms < 250);  // far above what it takes: sanitizers and busy machines
        // A layer out of view is scrolled to when it is selected elsewhere.
        timeline.show();
        map.show();
        selection.setLayer(63);
        QVERIFY(timeline.viewport()->rect().contains(timeline.spanCentre(63, Component::Ssm)));
        QVERIFY(map.viewport()->rect().contains(map.cellCentre(63, Component::Ssm)));
    }

    void workloadIsWhatIsShown() {
        WorkloadBar bar;
        bar.setDevices({{QStringLiteral("cpu"), QStringLiteral("A CPU"), {}},
                        {QStringLiteral("cuda"), QStringLiteral("NVIDIA GPUs"), QStringLiteral("no driver")},
                        {QStringLiteral("cuda:1"), QStringLiteral("A GPU"), {}, {DType::F32, DType::BF16}}});
        QCOMPARE(bar.device(), QStringLiteral("cpu"));
        profile::Options options;
        options.mode = profile::Mode::Decode;
        options.batch = 7;
        options.lengths = {128, 16384};
        options.repeat = 5;
        options.bound = 0.05;
        options.budget_s = 2;
        options.threads = 3;
        bar.setOptions(options);
        const profile::Options back = bar.options();
        QCOMPARE(back.mode, options.mode);
        QCOMPARE(back.batch, options.batch);
        QCOMPARE(back.lengths, options.lengths);
        QCOMPARE(back.repeat, options.repeat);
        QCOMPARE(back.bound, options.bound);
        QCOMPARE(back.budget_s, options.budget_s);
        QCOMPARE(back.threads, options.threads);
        auto* precision = bar.findChild<QComboBox*>(QStringLiteral("precision"));
        QVERIFY(precision != nullptr);
        bar.setStoredType(QStringLiteral("float16"));
        QVERIFY(precision->toolTip().contains(QStringLiteral("stored as float16")));
        // The choice is kept for the devices that offer it.
        bar.setPrecision(DType::BF16);
        QCOMPARE(precision->currentText(), QStringLiteral("float32"));
        QCOMPARE(precision->count(), 1);
        QCOMPARE(bar.precision(), DType::F32);
        bar.setDevice(QStringLiteral("cuda:1"));
        QCOMPARE(precision->currentText(), QStringLiteral("bfloat16"));
        QCOMPARE(bar.precision(), DType::BF16);
        bar.setDevice(QStringLiteral("cpu"));
        QCOMPARE(bar.precision(), DType::F32);
        QCOMPARE(bar.wantedPrecision(), DType::BF16);
        options.lengths = {};
        bar.setOptions(options);
        QVERIFY(!bar.options().lengths.empty());
    }
    // What the GPU counted of the selection, or why it did not.
    void counters() {
        Selection selection;
        DetailsPanel details(selection);
        const auto profile = test::fabricatedProfile();
        details.setProfile(profile);
        Focus focus;
        focus.length = profile->points.back().length;
        selection.set(focus);
        QVERIFY2(details.text().contains("counters: not all\n"), qPrintable(details.text()));
        focus.component = Component::Ssm;
        focus.layer = 2;
        selection.set(focus);
        QVERIFY2(details.text().contains("DRAM throughput: 62.5"), qPrintable(details.text()));
        QVERIFY(details.text().contains("occupancy: 50"));
        QVERIFY(details.text().contains("tensor pipe: 12.5"));
        focus = {};
        focus.length = profile->points.front().length;
        selection.set(focus);
        QVERIFY(details.text().contains("counters: none\n"));
        QVERIFY(!details.text().contains("occupancy"));
    }

    // Kernels lie inside their components in the timeline, and the details list them.
    void kernels() {
        const auto profile = test::fabricatedProfile();
        Selection selection;
        Focus focus;
        focus.length = 1024;
        selection.set(focus);
        Timeline timeline(selection);
        timeline.resize(1100, 420);
        QString caption;
        connect(&timeline, &Timeline::captionChanged, this, [&](const QString& text) { caption = text; });
        timeline.setProfile(profile);
        timeline.show();
        QVERIFY2(caption.contains("device was idle"), qPrintable(caption));
        auto slow = *profile;
        slow.points.back().last_pass_us = 3 * slow.points.back().total.median;
        timeline.setProfile(std::make_shared<const profile::Profile>(slow));
        QVERIFY2(caption.endsWith(QStringLiteral("an unusual one: 3.00 × the median")), qPrintable(caption));
        timeline.setProfile(profile);
        QVERIFY(!timeline.grab().isNull());
        QVERIFY(timeline.kernelCentre(0, Component::Ssm).x() > 0);
        const QString csv = timeline.picture().csv();
        const profile::Point& point = profile->points.back();
        QCOMPARE(csv.count('\n'), static_cast<qsizetype>(1 + point.last_pass.size() + point.last_kernels.size()));
        QVERIFY(csv.contains(QStringLiteral(",void perfmamba::ssm_kernel<float>(float*),")));

        DetailsPanel details(selection);
        details.setProfile(profile);
        auto* kernels = details.findChild<QLabel*>("kernels");
        QVERIFY(kernels->text().contains("ssm_kernel"));
        QVERIFY(details.text().contains("CUPTI 13.0"));
        QVERIFY(details.text().contains("records lost: 6"));
        focus.component = Component::Norm;
        selection.set(focus);
        QVERIFY(kernels->text().contains("norm_kernel"));
        QVERIFY(!kernels->text().contains("ssm_kernel"));
    }

    void recordingIsChosen() {
        WorkloadBar bar;
        profile::Options options;
        options.trace = TraceMode::Events;
        bar.setOptions(options);
        QCOMPARE(bar.options().trace, TraceMode::Events);
        bar.setTrace(TraceMode::Off);
        QCOMPARE(bar.options().trace, TraceMode::Off);
        auto* reason = bar.findChild<QLabel*>("traceReason");
        bar.setTraceStatus({"CUDA events", TraceDetail::Components, "there is no NVIDIA driver"});
        QCOMPARE(reason->text(), QStringLiteral("Not kernel by kernel: there is no NVIDIA driver."));
        bar.setTraceStatus({"CUPTI 13.0", TraceDetail::Kernels, ""});
        QVERIFY(reason->text().isEmpty());
    }

    void messagesCanBeClosedAndCleared() {
        MessagesPanel panel;
        panel.add(MessagesPanel::Kind::Error, QStringLiteral("something failed"));
        QSignalSpy closed(&panel, &MessagesPanel::closeRequested);
        QSignalSpy cleared(&panel, &MessagesPanel::cleared);
        const auto press = [&](const QString& text) {
            for (QAbstractButton* button : panel.findChildren<QAbstractButton*>()) {
                if (button->text() == text) button->click();
            }
        };
        press(QStringLiteral("Close"));
        QCOMPARE(closed.count(), 1);
        QCOMPARE(panel.count(), 1);
        press(QStringLiteral("Clear"));
        QCOMPARE(cleared.count(), 1);
        QCOMPARE(panel.count(), 0);
    }
};

QTEST_MAIN(TestGuiViews)
#include "test_gui_views.moc"
