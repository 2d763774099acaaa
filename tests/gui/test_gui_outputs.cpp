// What a profile says, beside it, and the files that are made of it for others.
#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QDir>
#include <QDockWidget>
#include <QFileDialog>
#include <QListWidget>
#include <QMessageBox>
#include <QSignalSpy>
#include <QTest>
#include <QTimer>

#include "app/gui/main_window.h"
#include "core/report/chrome_trace.h"
#include "core/report/report.h"
#include "gui_test.h"
#include "tests/unit/fabricated_profile.h"
#include "widgets/advice_panel.h"
#include "widgets/background.h"
#include "widgets/messages_panel.h"
#include "widgets/plot_menu.h"
#include "widgets/save_dialog.h"

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

    void endings() {
        const QStringList html = {QStringLiteral("html"), QStringLiteral("htm")};
        QCOMPARE(widgets::withSuffix(QStringLiteral("mamba-2.8b"), html), QStringLiteral("mamba-2.8b.html"));
        QCOMPARE(widgets::withSuffix(QStringLiteral("run.HTM"), html), QStringLiteral("run.HTM"));
    }

    /// A file that a name without its ending would replace is asked about.
    void nothingIsReplacedUnasked() {
        const QString kept = m_place->path(QStringLiteral("kept.csv"));
        QVERIFY(widgets::writeText(QStringLiteral("old"), kept));
        for (const auto answer : {QMessageBox::No, QMessageBox::Yes}) {
            QWidget view;
            view.show();
            bool asked = false;
            // The first is the dialog; the second, while that is left, the question.
            QTimer::singleShot(0, &view, [&] {
                auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
                QVERIFY(dialog != nullptr);
                dialog->setDefaultSuffix(QString());
                dialog->selectFile(m_place->path(QStringLiteral("kept")));
                QTimer::singleShot(0, dialog, &QDialog::accept);
                auto* poll = new QTimer(&view);
                connect(poll, &QTimer::timeout, &view, [&asked, poll, answer] {
                    auto* question = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
                    if (!question) return;
                    asked = true;
                    poll->stop();
                    question->button(answer)->click();
                });
                poll->start(10);
            });
            widgets::saveAs(view, QStringLiteral("plot"), QStringLiteral("csv"),
                            [](const QString& path) { return widgets::writeText(QStringLiteral("new"), path); });
            QVERIFY(asked);
            QCOMPARE(contentOf(kept), answer == QMessageBox::Yes ? QByteArray("new") : QByteArray("old"));
        }
    }

    /// The newest study of a model is not that of a longer name, nor the other way round.
    void keptStudiesAreOfThatName() {
        const QDir folder(app::keptStudiesFolder());
        for (const char* name : {"mamba2-20260102-030405-678.h5", "mamba2-130m-20260102-030405-678.h5"}) {
            QFile file(folder.filePath(QLatin1String(name)));
            QVERIFY(file.open(QIODevice::WriteOnly));
        }
        const QStringList found = app::keptStudies(QStringLiteral("mamba2"));
        QCOMPARE(found.size(), 1);
        QVERIFY(found.front().endsWith(QStringLiteral("/mamba2-20260102-030405-678.h5")));
        QCOMPARE(app::keptStudies(QStringLiteral("mamba2-130m")).size(), 1);
        QVERIFY(app::keptStudies(QStringLiteral("mamba")).isEmpty());
    }

    /// A job that throws has no answer, and the next one is answered.
    void backgroundSurvivesAJobThatThrows() {
        Background background;
        background.ask([]() -> Background::Answer { throw std::bad_alloc(); });
        QTRY_VERIFY_WITH_TIMEOUT(!background.busy(), kPatience);
        bool answered = false;
        background.ask([&answered] { return [&answered] { answered = true; }; });
        QTRY_VERIFY_WITH_TIMEOUT(answered, kPatience);
    }

    /// What is saved is what was shown when it was asked for.
    void aModelThatOpensBehindTheDialogIsNotSaved() {
        const QString report = m_place->path(QStringLiteral("behind.h5"));
        report::write(report.toStdString(), *test::fabricatedProfile());
        MainWindow window;
        window.show();
        window.openPath(report);
        QTRY_VERIFY_WITH_TIMEOUT(window.shown() != nullptr, kPatience);
        const QString trace = m_place->path(QStringLiteral("behind.json"));
        QSignalSpy saved(&window.session(), &app::Session::textSaved);
        connect(&window.session(), &app::Session::modelOpened, &window, [&] {
            auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
            QVERIFY(dialog != nullptr);
            dialog->selectFile(trace);
            QMetaObject::invokeMethod(dialog, "accept", Qt::QueuedConnection);
        });
        window.openPath(QStringLiteral(PERFMAMBA_SOURCE_DIR "/resources/demo/mamba2-recall"));
        window.action(QStringLiteral("saveTrace"))->trigger();
        QTRY_COMPARE_WITH_TIMEOUT(saved.count(), 1, kPatience);
        QVERIFY(window.session().model());
        QVERIFY(contentOf(trace).startsWith("{\"traceEvents\":["));
        QCOMPARE(window.messages()->count(), 0);
    }

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
        // The same again, as during a run, leaves what is marked; the numbers behind it are the new ones.
        auto newer = advice;
        newer[0].evidence[0].text = "another number";
        panel.setAdvice(newer);
        QCOMPARE(list.selectedItems().size(), 1);
        QVERIFY(list.item(0)->toolTip().contains(QStringLiteral("another number")));
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
        window.saveSummary(m_place->path(QStringLiteral("of-nothing.html")));  // nothing happens
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
