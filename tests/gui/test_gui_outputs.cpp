// What a profile says, beside it, and the files that are made of it for others.
#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QDockWidget>
#include <QListWidget>
#include <QSignalSpy>
#include <QTest>

#include "app/gui/main_window.h"
#include "core/report/chrome_trace.h"
#include "core/report/report.h"
#include "gui_test.h"
#include "tests/unit/fabricated_profile.h"
#include "widgets/advice_panel.h"
#include "widgets/messages_panel.h"

using namespace perfmamba;
using namespace perfmamba::widgets;
using app::MainWindow;

namespace {

constexpr int kPatience = 60'000;  // ms

QByteArray contentOf(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

}  // namespace

class TestGuiOutputs : public QObject {
    Q_OBJECT

    std::unique_ptr<test::OwnPlace> m_place;

private Q_SLOTS:
    void initTestCase() { m_place = std::make_unique<test::OwnPlace>(); }
    void init() { test::failOnAnyWarning(); }

    /// A click, or Enter, selects what the sentence is about.
    void adviceLeadsThere() {
        Selection selection;
        AdvicePanel panel(selection);
        panel.resize(236, 400);
        panel.show();
        QCOMPARE(panel.text(), QString());
        QVERIFY(!(panel.list()->item(0)->flags() & Qt::ItemIsEnabled));
        const auto advice = study::adviseOn(*test::fabricatedProfile());
        QVERIFY(advice.size() >= 2);
        panel.setAdvice(advice);
        QCOMPARE(panel.list()->count(), static_cast<int>(advice.size()));
        QCOMPARE(panel.text().split(QLatin1Char('\n')).front(), QString::fromStdString(advice[0].sentence));
        QVERIFY(panel.list()->item(0)->toolTip().contains(QStringLiteral("measured")));

        selection.setCell(3, Component::Gate);
        QListWidget& list = *panel.list();
        QTest::mouseClick(list.viewport(), Qt::LeftButton, {}, list.visualItemRect(list.item(0)).center());
        QCOMPARE(selection.focus().component, advice[0].component);
        QCOMPARE(selection.focus().length, std::optional(advice[0].length));
        QVERIFY(!selection.focus().layer);
        // The sentence reads in the panel's width: it is wrapped, not cut off.
        QVERIFY(list.visualItemRect(list.item(0)).height() > 3 * list.fontMetrics().height());

        list.actions().front()->trigger();
        QCOMPARE(QApplication::clipboard()->text(), QString::fromStdString(advice[0].sentence));
        // The same again, as during a run, leaves what is marked.
        panel.setAdvice(advice);
        QCOMPARE(list.selectedItems().size(), 1);
        list.clearSelection();
        list.actions().front()->trigger();
        QCOMPARE(QApplication::clipboard()->text(), panel.text());
    }

    void theWindowAdvisesAndSaves() {
        const QString report = m_place->path(QStringLiteral("run.h5"));
        report::write(report.toStdString(), *test::fabricatedProfile());
        MainWindow window;
        window.show();
        const auto action = [&](const char* id) { return window.action(QString::fromLatin1(id)); };
        QVERIFY(!action("saveSummary")->isEnabled());
        QVERIFY(!action("saveTrace")->isEnabled());
        window.openPath(report);
        QTRY_VERIFY_WITH_TIMEOUT(window.shown() != nullptr, kPatience);
        QVERIFY(action("saveSummary")->isEnabled());
        QVERIFY(action("saveTrace")->isEnabled());

        // Behind Details until it is asked for.
        auto* dock = window.findChild<QDockWidget*>(QStringLiteral("adviceDock"));
        dock->raise();
        QTRY_VERIFY(window.advice()->text().startsWith(QStringLiteral("ssm takes the largest part")));

        QSignalSpy saved(&window.session(), &app::Session::textSaved);
        const QString summary = m_place->path(QStringLiteral("summary.html"));
        window.saveSummary(summary);
        QTRY_COMPARE_WITH_TIMEOUT(saved.count(), 1, kPatience);
        QVERIFY(contentOf(summary).contains("ssm takes the largest part"));
        const QString trace = m_place->path(QStringLiteral("trace.json"));
        window.session().saveText(
            trace, [profile = window.shown()](const report::Sink& sink) { report::chromeTrace(*profile, sink); });
        QTRY_COMPARE_WITH_TIMEOUT(saved.count(), 2, kPatience);
        QVERIFY(contentOf(trace).startsWith("{\"traceEvents\":["));
        QCOMPARE(window.messages()->count(), 0);

        // A place that is none is said, and leaves nothing behind.
        window.saveSummary(m_place->path(QStringLiteral("nowhere/summary.html")));
        QTRY_COMPARE_WITH_TIMEOUT(window.messages()->count(), 1, kPatience);
        QCOMPARE(saved.count(), 2);
    }
};

QTEST_MAIN(TestGuiOutputs)
#include "test_gui_outputs.moc"
