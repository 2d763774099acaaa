// scaling and merge as their users meet them: what is printed, what is written, what is kept after a kill, what is
// refused; and the Slurm job array, without Slurm.
#include <QProcess>
#include <QProcessEnvironment>
#include <QTemporaryDir>
#include <QTest>

#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/report/report.h"
#include "tests/cli/run_cli.h"
#include "tests/unit/report_editing.h"

using namespace perfmamba;
using namespace perfmamba::tests;

namespace {

/// Fails, in one line on standard error, with that text in it, and prints nothing else.
void fails(const QStringList& arguments, int code, const QString& with) {
    const Outcome outcome = runCli(arguments);
    QVERIFY2(outcome.code == code, qPrintable(arguments.join(' ') + ": " + outcome.err));
    QVERIFY2(outcome.err.contains(with), qPrintable(outcome.err));
    QCOMPARE(outcome.err.count('\n'), 1);
}

study::ScalingPtr studyIn(const QString& report) {
    return report::readContents(report.toStdString()).scaling;
}

}  // namespace

class TestScalingCli : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
        qputenv("PERFMAMBA_CEILINGS", "off");
    }

    void explained() {
        for (const char* command : {"scaling", "merge"}) {
            const Outcome outcome = runCli({command, "--help"});
            QCOMPARE(outcome.code, 0);
            QVERIFY2(outcome.out.contains("Examples"), command);
        }
    }

    void shardsAndMerge() {
        QStringList parts;
        for (const char* shard : {"1/3", "2/3", "3/3"}) {
            parts << path("part-%1.h5").arg(shard[0]);
            const Outcome outcome = runCli(tiny({"--shard", shard, "--states", "0,4", "--report", parts.back()}));
            QVERIFY2(outcome.code == 0, qPrintable(outcome.err));
            QVERIFY(outcome.out.contains(QString("shard %1 of 3").arg(shard[0])));
            QCOMPARE(studyIn(parts.back())->done(), std::size_t{8});
        }
        for (const char* other : {"1/3", "3/4", "1/1"}) {
            fails(tiny({"--shard", other, "--states", "0,4", "--report", parts.back()}), 1,
                  QString("is of shard 3/3, and %1 is asked for").arg(other));
        }
        const QString all = path("all.h5");
        const Outcome partial = runCli({"merge", parts[0], parts[2], "--report", all});
        QVERIFY2(partial.code == 0, qPrintable(partial.err));
        QCOMPARE(partial.err, all +
                                  ": 8 of 24 cells are missing, of shard 2 of 3; merge it with what is still to come, "
                                  "or let 'scaling' go on with it\n");
        QVERIFY(!studyIn(all)->complete);
        const Outcome whole = runCli({"merge", all, parts[1], "--report", all});
        QVERIFY2(whole.code == 0 && whole.err.isEmpty(), qPrintable(whole.err));
        QVERIFY(studyIn(all)->complete);
        for (const char* text : {"mamba1-recall, cpu, f32, prefill, batch 1", "time ∝ length^", "what d_state costs"}) {
            QVERIFY2(whole.out.contains(text), qPrintable(whole.out));
        }
        QCOMPARE(runCli({"show", all}).out, whole.out);
        QCOMPARE(runCli({"show", all, "--csv", "-"}).out.count("\r\n"), 1 + 24);
        const auto json = nlohmann::json::parse(runCli({"show", all, "--json", "-"}).out.toStdString());
        QCOMPARE(json["cells"].size(), std::size_t{24});
        QVERIFY(json["complete"].get<bool>());
        // Nothing is left to do.
        const Outcome again = runCli(tiny({"--states", "0,4", "--report", all}));
        QVERIFY2(again.code == 0, qPrintable(again.err));
        QCOMPARE(again.err, QString("24 of 24 cells are there from before\n"));
    }

    void killedAndGoneOnWith() {
        const QString report = path("study.h5");
        const QStringList arguments = tiny({"--repeat", "40", "--report", report});
        QProcess process;
        process.start(PERFMAMBA_CLI, arguments);
        process.setReadChannel(QProcess::StandardError);
        QByteArray said;
        while (!said.contains("3 of 12 cells")) {
            QVERIFY2(process.waitForReadyRead(kPatience), said.constData());
            said += process.readAllStandardError();
        }
        ::kill(static_cast<pid_t>(process.processId()), SIGKILL);
        QVERIFY(process.waitForFinished(kPatience));
        const auto before = studyIn(report);
        QVERIFY(before->done() >= 2);

        const Outcome resumed = runCli(arguments);
        QVERIFY2(resumed.code == 0, qPrintable(resumed.err));
        QVERIFY(resumed.err.contains("of 12 cells are there from before"));
        const auto after = studyIn(report);
        QVERIFY(after->complete);
        for (std::size_t i = 0; i < before->done(); ++i) {
            QCOMPARE(after->cells[i].point.total.samples, before->cells[i].point.total.samples);
        }
        fails(tiny({"--repeat", "41", "--report", report}), 1, "another study (repeat: '40' there, '41' here)");
    }

    void interrupted() {
        const QString report = path("study.h5");
        QProcess process;
        process.start(PERFMAMBA_CLI, tiny({"--repeat", "40", "--report", report}));
        process.setReadChannel(QProcess::StandardError);
        QByteArray said;
        while (!said.contains("1 of 12 cells")) {
            QVERIFY2(process.waitForReadyRead(kPatience), said.constData());
            said += process.readAllStandardError();
        }
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QVERIFY(process.waitForFinished(kPatience));
        QCOMPARE(process.exitCode(), 1);
        said += process.readAllStandardError();
        QVERIFY2(said.contains("cells were measured; the same command goes on"), said.constData());
        QVERIFY(studyIn(report)->done() >= 1);
        QVERIFY(!studyIn(report)->complete);
    }

    void refusals() {
        const QString first = path("first.h5");
        const QString second = path("second.h5");
        QCOMPARE(runCli(tiny({"--lengths", "8", "--report", first})).code, 0);
        QCOMPARE(runCli(tiny({"--lengths", "8", "--report", second})).code, 0);
        const QString out = path("out.h5");
        fails({"merge", first, second, "--report", out}, 1, "holds another measurement of 'mamba1-recall, cpu, f32");
        QCOMPARE(runCli(tiny({"--lengths", "16", "--report", path("other.h5")})).code, 0);
        fails({"merge", first, path("other.h5"), "--report", out}, 1, "lengths: '8' there, '16' here");
        test::putBytes(path("weights.h5").toStdString(), "weights");
        fails({"merge", first, path("weights.h5"), "--report", out}, 1, "is not an HDF5 file");
        fails({"merge", first, path("missing.h5"), "--report", out}, 1, "cannot be opened");
        fails({"merge", first, "--report", path("weights.h5")}, 1, "exists and cannot be read as a report");
        fails({"merge", first}, 2, "--report");
        fails({"merge", first, "--report", path("no/such/folder.h5")}, 1, "no folder");
        QCOMPARE(runCli({"profile", demo("mamba1-recall"), "--lengths", "8", "--repeat", "3", "--report",
                         path("profile.h5")})
                     .code,
                 0);
        fails({"merge", first, path("profile.h5"), "--report", out}, 1, "not of a scaling study");
        fails(tiny({"--report", path("profile.h5")}), 1, "not of a scaling study");
        fails({"compare", first, path("profile.h5")}, 1, "is a scaling study");
        fails({"summary", first, "--baseline", path("profile.h5"), "--html", "-"}, 1,
              "is a scaling study, which is not compared");
        QVERIFY(runCli({"summary", first, "--html", "-"}).out.contains("Time of a pass by length"));
        QVERIFY(!std::filesystem::exists(out.toStdString()));
        // A newer program's report is not replaced.
        test::edit(second.toStdString(), [](hid_t file) { test::replaceNumberAttribute(file, "format_version", 99); });
        fails({"merge", first, second, "--report", out}, 1, "is of format version 99");
        fails(tiny({"--lengths", "8", "--report", second}), 1,
              "exists and cannot be read as a report: is of format version 99");

        fails(tiny({"--shard", "4/3"}), 2, "--shard");
        fails(tiny({"--shard", "x"}), 2, "--shard");
        fails(tiny({"--modes", "sideways"}), 2, "--modes");
        fails(tiny({"--repeat", "0"}), 2, "--repeat");
        fails(tiny({"--lengths", "8,8"}), 2, "--lengths: one is given twice");
        fails(tiny({"--lengths", "9999999999"}), 2, "--lengths: 9999999999 tokens × batch 1 are too many");
        fails(tiny({"--states", "9999999"}), 2, "--states: 9999999 is not in 1 to 4096");
        fails(tiny({"--states", "-3"}), 2, "--states");
        fails(tiny({"--batches", "0"}), 2, "--batches");
        fails(tiny({"--threads", "1000000"}), 2, "--threads: 1000000 is more than 1024");
        fails(tiny({"--states", "99999999999999999999"}), 2, "--states: 99999999999999999999 is too large");
        fails({"scaling"}, 2, "MODEL");
    }

    // A device that is not there: its cells fail, the others are measured, and the program says so.
    void failedCells() {
        const Outcome outcome = runCli(tiny({"--devices", "nowhere,cpu", "--lengths", "8"}));
        QCOMPARE(outcome.code, 1);
        QVERIFY2(outcome.out.contains("8 failed: "), qPrintable(outcome.out));
        QVERIFY2(outcome.out.contains("4 of 8 measured, 4 failed"), qPrintable(outcome.out));
        QVERIFY(outcome.err.contains("study: 4 of 8 cells could not be measured"));
    }

    // The body of the job array, with the variables that Slurm sets.
    void slurmJobArray() {
        const auto task = [&](const char* number, const char* count = "2") {
            QProcess process;
            QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
            environment.insert("PERFMAMBA_CLI", PERFMAMBA_CLI);
            environment.insert("PERFMAMBA_STUDY", path("study"));
            environment.insert("SLURM_ARRAY_TASK_ID", number);
            environment.insert("SLURM_ARRAY_TASK_COUNT", count);
            process.setProcessEnvironment(environment);
            process.start("/bin/bash",
                          QStringList{PERFMAMBA_SOURCE_DIR "/resources/slurm/scaling.sbatch"} + tiny({}).mid(1));
            if (!process.waitForFinished(kPatience)) return QString("did not end");
            return QString::fromUtf8(process.exitCode() == 0 ? "" : process.readAllStandardError());
        };
        QCOMPARE(task("2"), QString());
        QCOMPARE(studyIn(path("study/scaling.h5"))->done(), std::size_t{6});
        QCOMPARE(task("1"), QString());
        QVERIFY(studyIn(path("study/scaling.h5"))->complete);
        QCOMPARE(task("1"), QString());  // again: nothing is measured twice, and nothing is lost
        QVERIFY(studyIn(path("study/scaling.h5"))->complete);
        // In another number of parts it begins anew, beside the old ones.
        QCOMPARE(task("2", "3"), QString());
        QCOMPARE(studyIn(path("study/scaling.h5"))->done(), std::size_t{4});
        QCOMPARE(studyIn(path("study/part-2-of-2.h5"))->done(), std::size_t{6});
    }

private:
    [[nodiscard]] QString path(const char* name) const { return m_folder->filePath(name); }
    /// A study of both architectures that takes a second.
    static QStringList tiny(const QStringList& more) {
        QStringList arguments = {"scaling", demo("mamba1-recall"), demo("mamba2-recall")};
        const auto unlessGiven = [&](const char* option, const char* value) {
            if (!more.contains(option)) arguments << option << value;
        };
        unlessGiven("--lengths", "8,16,32");
        unlessGiven("--repeat", "3");
        unlessGiven("--threads", "2");
        return arguments + more;
    }

    std::unique_ptr<QTemporaryDir> m_folder;
};

QTEST_GUILESS_MAIN(TestScalingCli)
#include "test_scaling_cli.moc"
