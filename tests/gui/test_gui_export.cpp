// Any plot as PNG, SVG and PDF, any table as CSV: every one in the window, through its own menu, as a user does it.
#include <QAction>
#include <QClipboard>
#include <QFileDialog>
#include <QHeaderView>
#include <QLineEdit>
#include <QMenu>
#include <QTableView>
#include <QTest>
#include <QTimer>

#include "app/gui/export_dialog.h"
#include "app/gui/key_table.h"
#include "app/gui/main_window.h"
#include "core/report/report.h"
#include "fabricated_pruning.h"
#include "gui_test.h"
#include "tests/unit/fabricated_scaling.h"
#include "widgets/compare_page.h"
#include "widgets/heatmap.h"
#include "widgets/layer_map.h"
#include "widgets/prune_page.h"
#include "widgets/scaling_view.h"
#include "widgets/studies_page.h"
#include "widgets/table_menu.h"
#include "widgets/timeline.h"

using namespace perfmamba;
using app::MainWindow;

namespace {

constexpr int kPatience = 60'000;  // ms; sanitizers and busy machines
constexpr std::array kPages = {"pageProfile", "pageMemory", "pageStates", "pagePrune", "pageStudies", "pageCompare"};

QString nameOf(const QWidget& widget) {
    const QString name = widget.accessibleName().isEmpty() && widget.parentWidget() != nullptr
                             ? widget.parentWidget()->accessibleName()
                             : widget.accessibleName();
    return name.isEmpty() ? QString::fromLatin1(widget.metaObject()->className()) : name;
}

/// Everything that draws numbers.
QList<QWidget*> plotsIn(const QWidget& window) {
    QList<QWidget*> plots;
    for (QWidget* plot : window.findChildren<QWidget*>()) {
        if (plot->inherits("QCustomPlot")) plots << plot;  // by name: its header is not made for QT_NO_KEYWORDS
    }
    for (widgets::Heatmap* plot : window.findChildren<widgets::Heatmap*>()) plots << plot;
    for (widgets::LayerMap* plot : window.findChildren<widgets::LayerMap*>()) plots << plot;
    for (widgets::Timeline* plot : window.findChildren<widgets::Timeline*>()) plots << plot;
    return plots;
}

/// Answers the next file dialog with that name.
void answerDialog(const QString& path) {
    QTimer::singleShot(0, qApp, [path] {
        auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
        if (dialog == nullptr) return;
        auto* name = dialog->findChild<QLineEdit*>(QStringLiteral("fileNameEdit"));
        name->setText(path);
        QMetaObject::invokeMethod(dialog, "accept");
    });
}

QAction* actionIn(const QList<QAction*>& actions, const QString& text) {
    for (QAction* action : actions) {
        if (action->text().remove(QLatin1Char('&')).startsWith(text)) return action;
    }
    return nullptr;
}

/// Opens the plot's menu, chooses that action and gives `path` to the dialog that it may open.
bool chooseInMenu(QWidget& plot, const QString& text, const QString& path) {
    bool found = false;
    QTimer::singleShot(0, qApp, [&] {
        auto* menu = qobject_cast<QMenu*>(QApplication::activePopupWidget());
        if (menu == nullptr) return;
        if (QAction* action = actionIn(menu->actions(), text)) {
            found = true;
            answerDialog(path);
            action->trigger();
        }
        menu->close();
    });
    Q_EMIT plot.customContextMenuRequested(plot.rect().center());
    return found;
}

QByteArray contentOf(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

bool isBlank(const QImage& image) {
    const QImage plain = image.convertToFormat(QImage::Format_RGB32);
    const QRgb first = plain.pixel(0, 0);
    for (int y = 0; y < plain.height(); ++y) {
        const auto* line = reinterpret_cast<const QRgb*>(plain.constScanLine(y));
        if (std::any_of(line, line + plain.width(), [first](QRgb colour) { return colour != first; })) return false;
    }
    return true;
}

/// "µs", "[B]", "…": in the header, or with every value where a column has several units.
bool hasUnits(const QByteArray& csv) {
    static const QRegularExpression unit(
        QStringLiteral("\\[[^\\]]+\\]|\\d[ \u00A0]?(ns|µs|ms|s|B|KiB|MiB|GiB)\\b|_(us|bytes|per_s)\\b"));
    return unit.match(QString::fromUtf8(csv)).hasMatch();
}

}  // namespace

class TestGuiExport : public QObject {
    Q_OBJECT

    std::unique_ptr<test::OwnPlace> m_place;
    std::unique_ptr<MainWindow> m_window;

    /// A table's menu, sorting and filter.
    void checkTable(QTableView& table, const QString& name, bool of_records) {
        QCOMPARE(table.contextMenuPolicy(), Qt::ActionsContextMenu);
        QVERIFY2(table.model()->rowCount() > 0, qPrintable(name));
        table.selectRow(0);
        for (const char* text : {"Copy rows", "Copy all as CSV"}) {
            QAction* action = actionIn(table.actions(), QString::fromLatin1(text));
            QVERIFY2(action != nullptr, qPrintable(name));
            QApplication::clipboard()->clear();
            action->trigger();
            QVERIFY2(QApplication::clipboard()->text().count(QLatin1Char('\n')) >= 2, qPrintable(name));
        }
        const QString path = m_place->path(QStringLiteral("table.csv"));
        QFile::remove(path);
        answerDialog(path);
        QAction* save = actionIn(table.actions(), QStringLiteral("Save CSV"));
        QVERIFY2(save != nullptr, qPrintable(name));
        save->trigger();
        const QByteArray csv = contentOf(path);
        QCOMPARE(QString::fromUtf8(csv), QApplication::clipboard()->text());
        if (!of_records) return;
        QVERIFY2(table.isSortingEnabled(), qPrintable(name));
        auto* filter = table.parentWidget()->findChild<QLineEdit*>();
        QVERIFY2(filter != nullptr && filter->accessibleName().startsWith(QStringLiteral("Filter")), qPrintable(name));
        const auto shown = [&] { return widgetsText(table).count(QLatin1Char('\n')) - 1; };
        const qsizetype all = shown();
        QCOMPARE(all, csv.count('\n') - 1);
        const QString word = table.model()->index(0, 0).data().toString();
        filter->setText(word.toUpper());
        QVERIFY2(shown() >= 1 && shown() <= all, qPrintable(name));
        filter->setText(QStringLiteral("no row has this"));
        QCOMPARE(shown(), qsizetype{0});
        filter->clear();
        QCOMPARE(shown(), all);
        // Down and up again: the first is the last.
        table.sortByColumn(0, Qt::AscendingOrder);
        const QString first = table.model()->index(0, 0).data().toString();
        table.sortByColumn(0, Qt::DescendingOrder);
        QCOMPARE(table.model()->index(table.model()->rowCount() - 1, 0).data().toString(), first);
    }
    static QString widgetsText(const QTableView& table) { return widgets::tableText(table, QLatin1Char(',')); }

private Q_SLOTS:
    void initTestCase() {
        m_place = std::make_unique<test::OwnPlace>();
        m_window = std::make_unique<MainWindow>();
        m_window->resize(1600, 1000);
        m_window->show();
        // Something on every page.
        const QString before = m_place->path(QStringLiteral("before.h5"));
        report::write(before.toStdString(), *test::scaledProfile(1.3));
        Q_EMIT m_window->session().finished(test::fabricatedProfile());
        m_window->openBaseline(before);
        QTRY_VERIFY_WITH_TIMEOUT(m_window->comparison() != nullptr, kPatience);
        Q_EMIT m_window->pruning().activityChanged(test::fabricatedActivity(), true);
        const profile::ModelSummary model = test::prunedModel();
        widgets::PrunePage& page = *m_window->prunePage();
        page.setModel(model);
        page.setCriteria({{QStringLiteral("output-energy"), QStringLiteral("Output energy"), {}, {}, true}});
        page.setScores(test::scoresBy(model, "output-energy"));
        page.setCost(test::costOfStates(model));
        Q_EMIT m_window->pruning().studyChanged(test::tradeoffStudy(model, {"magnitude", "output-energy"}), true);
        Q_EMIT m_window->scaling().studyChanged(test::fabricatedScaling(), true);
        // Each side is filled when it is shown.
        widgets::StudiesPage& studies = *m_window->studiesPage();
        for (const auto tab : {widgets::StudiesPage::Tab::States, widgets::StudiesPage::Tab::Scaling}) {
            studies.showTab(tab);
        }
        m_window->findChild<widgets::ScalingView*>()->setShown(widgets::ScalingShown::Components);
        for (const char* id : kPages) {
            m_window->action(QString::fromLatin1(id))->trigger();
            QTest::qWait(30);
        }
    }
    void init() { test::failOnAnyWarning(); }
    void cleanupTestCase() { m_window.reset(); }

    void everyPlotIsSavedAsAPicture() {
        const QList<QWidget*> plots = plotsIn(*m_window);
        int with_numbers = 0;
        for (QWidget* plot : plots) {
            const QString name = nameOf(*plot);
            QCOMPARE(plot->contextMenuPolicy(), Qt::CustomContextMenu);
            for (const char* text : {"Copy picture", "Copy numbers"}) {
                QVERIFY2(chooseInMenu(*plot, QString::fromLatin1(text), {}), qPrintable(name + QLatin1String(text)));
            }
            for (const auto& [text, suffix, begins] :
                 {std::tuple{"Save PNG", "png", "\x89PNG\r\n"}, std::tuple{"Save SVG", "svg", "<?xml"},
                  std::tuple{"Save PDF", "pdf", "%PDF-"}, std::tuple{"Save CSV", "csv", ""}}) {
                const QString path = m_place->path(QStringLiteral("plot.") + QLatin1String(suffix));
                QFile::remove(path);
                QVERIFY2(chooseInMenu(*plot, QString::fromLatin1(text), path), qPrintable(name + QLatin1String(text)));
                const QByteArray content = contentOf(path);
                QVERIFY2(!content.isEmpty() && content.startsWith(begins), qPrintable(name + QLatin1String(text)));
            }
            const QImage image(m_place->path(QStringLiteral("plot.png")));
            QVERIFY2(!isBlank(image), qPrintable(name));
            const QByteArray svg = contentOf(m_place->path(QStringLiteral("plot.svg")));
            QVERIFY2(svg.contains("<path") || svg.contains("<rect") || svg.contains("<image"), qPrintable(name));
            const QByteArray csv = contentOf(m_place->path(QStringLiteral("plot.csv")));
            if (csv.count('\n') < 2) continue;  // of a study that was not made
            ++with_numbers;
            const QByteArray header = csv.left(csv.indexOf('\n'));
            QVERIFY2(header.count(',') >= 1 && hasUnits(header), qPrintable(name + QString::fromUtf8(header)));
        }
        QVERIFY2(with_numbers >= 15, qPrintable(QString::number(with_numbers)));
    }

    void everyTableIsSavedAsText() {
        int tables = 0;
        for (auto* table : m_window->findChildren<QTableView*>()) {
            if (table->model()->rowCount() == 0) continue;  // of a study that was not made
            ++tables;
            // Memory's has a row a kind, those of studies a row a series or number of states: that order is their
            // meaning.
            const QString table_name = table->accessibleName();
            const bool of_records = table_name != QLatin1String("Memory by kind and length") &&
                                    !table_name.startsWith(QLatin1String("Every cell of the study")) &&
                                    table_name != QLatin1String("Time by number of states");
            checkTable(*table, nameOf(*table), of_records);
            const QByteArray csv = contentOf(m_place->path(QStringLiteral("table.csv")));
            QVERIFY2(hasUnits(csv), qPrintable(nameOf(*table) + QLatin1Char('\n') + QString::fromUtf8(csv)));
        }
        QVERIFY(tables >= 6);
    }

    void theTablesOfDialogsToo() {
        app::ExportDialog dialog(std::make_shared<prune::Plan>(), m_place->path(QStringLiteral("new")));
        std::vector<prune::TensorChange> changes(3);
        for (std::size_t i = 0; i < changes.size(); ++i) {
            changes[i].name = "layers." + std::to_string(i) + ".A_log";
            changes[i].before = {8, 16};
            changes[i].after = {8, 8};
            changes[i].bytes_before = 1000 * static_cast<std::int64_t>(3 - i);
            changes[i].bytes_after = 9;
        }
        dialog.setChanges(changes);
        auto* tensors = dialog.findChild<QTableView*>();
        checkTable(*tensors, QStringLiteral("tensors"), true);
        QVERIFY(widgetsText(*tensors).startsWith(QStringLiteral("tensor,before,after,zeroed,before [B],after [B]\n")));
        // Numbers by their size, and still as a filter leaves them when others come.
        tensors->sortByColumn(4, Qt::AscendingOrder);
        QCOMPARE(tensors->model()->index(0, 0).data().toString(), QStringLiteral("layers.2.A_log"));
        changes.pop_back();
        dialog.setChanges(changes);
        QCOMPARE(widgetsText(*tensors).count(QLatin1Char('\n')), qsizetype{3});

        auto* keys = new app::KeyTable(
            {m_window->action(QStringLiteral("run")), m_window->action(QStringLiteral("find"))}, m_window.get());
        auto* shortcuts = keys->findChild<QTableView*>();
        QCOMPARE(shortcuts->model()->index(0, 0).data().toString(), QStringLiteral("F5"));  // as in the menus
        checkTable(*shortcuts, QStringLiteral("keys"), true);
        delete keys;
    }
};

QTEST_MAIN(TestGuiExport)
#include "test_gui_export.moc"
