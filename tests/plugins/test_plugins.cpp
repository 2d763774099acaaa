// What the programs say of plugins that are there, that do not fit, and that are not there at all.
#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include "kernels/error.h"
#include "kernels/plugin_loader.h"
#include "run_cli.h"

using namespace perfmamba;
using namespace perfmamba::kernels;
using perfmamba::tests::demo;
using perfmamba::tests::Outcome;
using perfmamba::tests::runCli;

namespace {

const QString kFakes = PERFMAMBA_FAKE_PLUGINS;
const QString kHost = kFakes + "/host";
const QString kModel = PERFMAMBA_SOURCE_DIR "/tests/golden/cases/mamba2-lengths";

/// `perfmamba-cli`, which finds its plugins in `folder`.
Outcome runWith(const QString& folder, const QStringList& arguments) {
    qputenv("PERFMAMBA_PLUGIN_DIR", folder.toUtf8());
    Outcome outcome = runCli(arguments);
    qunsetenv("PERFMAMBA_PLUGIN_DIR");
    return outcome;
}

/// The device list's lines about NVIDIA's GPUs.
QString gpuLines(const QString& folder) {
    const Outcome outcome = runWith(folder, {"devices"});
    if (outcome.code != 0 || !outcome.err.isEmpty() || !outcome.out.startsWith("cpu")) return "failed: " + outcome.err;
    return outcome.out.mid(outcome.out.indexOf('\n') + 1).trimmed();
}

QStringList profileOn(const QString& device) {
    return {"profile", demo("mamba2-bytes"), "--lengths", "8", "--repeat", "1", "--device", device};
}

}  // namespace

class TestPlugins : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void fits() {
        const LoadedPlugin plugin = loadPlugin((kFakes + "/fits/perfmamba_cuda.so").toStdString());
        QVERIFY(plugin.missing.empty());
        QVERIFY(plugin.entry);
        QCOMPARE(gpuLines(kFakes + "/fits"), QString("cuda:0  Fake GPU, 8.0 GB; f32, bf16\n"
                                                     "cuda:1  Fake GPU, 8.0 GB; f32, bf16"));
    }

    void listedWhenNotUsable_data() {
        QTest::addColumn<QString>("folder");
        QTest::addColumn<QStringList>("said");
        QTest::newRow("none") << "/nowhere" << QStringList{"this build has no CUDA plugin", "nvcc"};
        QTest::newRow("old") << kFakes + "/old"
                             << QStringList{"is of version 0.0.1-0123456789ab, this program wants " PERFMAMBA_VERSION,
                                            "build both together"};
        QTest::newRow("other") << kFakes + "/other" << QStringList{"is no plugin of this program"};
        QTest::newRow("failing") << kFakes + "/failing"
                                 << QStringList{"CUDA: the driver does not answer (restart the machine)"};
    }
    void listedWhenNotUsable() {
        QFETCH(QString, folder);
        QFETCH(QStringList, said);
        const QString lines = gpuLines(folder);
        QVERIFY2(lines.startsWith("cuda  NVIDIA GPUs – not usable: "), qPrintable(lines));
        for (const QString& part : said) QVERIFY2(lines.contains(part), qPrintable(lines));
        // Asked for all the same: the reason, and what to do. The CPU serves as before.
        for (const QString& device : {QString("cuda"), QString("cuda:0")}) {
            const Outcome refused = runWith(folder, profileOn(device));
            QCOMPARE(refused.code, 1);
            for (const QString& part : said) QVERIFY2(refused.err.contains(part), qPrintable(refused.err));
            QVERIFY2(refused.err.contains("'cpu' runs everywhere"), qPrintable(refused.err));
        }
        QCOMPARE(runWith(folder, profileOn("cpu")).code, 0);
    }

    void notALibrary() {
        const QTemporaryDir folder;
        QFile file(folder.filePath("perfmamba_cuda.so"));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("#!/bin/sh\n");
        file.close();
        const QString lines = gpuLines(folder.path());
        QVERIFY2(lines.contains("its plugin cannot be loaded: "), qPrintable(lines));
    }

    void refusedByThePlugin() {
        const Outcome lost = runWith(kFakes + "/fits", profileOn("cuda"));
        QCOMPARE(lost.code, 1);
        QVERIFY2(lost.err.contains("device cuda:0: is lost: an uncorrectable memory error (start the program again)"),
                 qPrintable(lost.err));
        const Outcome precision = runWith(kFakes + "/fits", profileOn("cuda:1") + QStringList{"--precision", "f16"});
        QCOMPARE(precision.code, 1);
        QVERIFY2(precision.err.contains("device cuda:1: does not compute in f16 (it computes in f32, bf16)"),
                 qPrintable(precision.err));
        QVERIFY(runWith(kFakes + "/fits", profileOn("cuda:2")).err.contains("device cuda:2: is not known"));
    }
    // The whole backend, on the host, as the programs would use a GPU.

    void profiles() {
        for (const QString& mode : {QString("prefill"), QString("decode")}) {
            for (const QString& precision : {QString("f32"), QString("bf16")}) {
                const Outcome outcome =
                    runWith(kHost, {"profile", kModel, "--device", "cuda", "--mode", mode, "--precision", precision,
                                    "--lengths", "40", "--repeat", "3", "--budget", "0.5"});
                QVERIFY2(outcome.code == 0, qPrintable(outcome.err));
                for (const char* part : {"embedding", "in_proj", "ssm", "lm_head", "SIMT executor"}) {
                    QVERIFY2(outcome.out.contains(part), qPrintable(outcome.out));
                }
            }
        }
    }

    void goesOnAfterTooLittleMemory() {
        qputenv("PERFMAMBA_HOST_MEMORY", "3000000");
        const Outcome outcome = runWith(kHost, {"profile", kModel, "--device", "cuda", "--lengths", "20,100000",
                                                "--repeat", "1", "--budget", "0.1"});
        qunsetenv("PERFMAMBA_HOST_MEMORY");
        QCOMPARE(outcome.code, 1);
        QVERIFY2(outcome.err.contains("memory: ") && outcome.err.contains("are left"), qPrintable(outcome.err));
        QVERIFY2(outcome.out.contains("prefill of 20 tokens"), qPrintable(outcome.out));
    }

    void lostInTheMiddle() {
        qputenv("PERFMAMBA_HOST_LOST_AFTER", "400");
        const Outcome outcome =
            runWith(kHost, {"profile", kModel, "--device", "cuda", "--lengths", "20", "--repeat", "50"});
        qunsetenv("PERFMAMBA_HOST_LOST_AFTER");
        QCOMPARE(outcome.code, 1);
        QVERIFY2(outcome.err.contains("device cuda:0: is lost: an illegal memory access was met"),
                 qPrintable(outcome.err));
        QVERIFY2(outcome.err.contains("choose 'cpu'"), qPrintable(outcome.err));
    }
};

QTEST_GUILESS_MAIN(TestPlugins)
#include "test_plugins.moc"
