// The command line program as its users meet it: what it prints where, its exit codes, and what it leaves behind.
#include <QDir>
#include <QFile>
#include <QFloat16>  // asked for where JSON is compared
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

#include <hdf5.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/profile/measure_ceilings.h"
#include "core/report/ceilings_file.h"
#include "core/report/report.h"
#include "kernels/devices.h"
#include "tests/cli/run_cli.h"
#include "tests/unit/fabricated_activity.h"
#include "tests/unit/fabricated_profile.h"

using namespace perfmamba;
using namespace perfmamba::tests;

namespace {

/// Waits until the program has said that on standard error.
bool says(QProcess& process, const QByteArray& text) {
    process.setReadChannel(QProcess::StandardError);
    while (!process.peek(1 << 20).contains(text)) {
        if (!process.waitForReadyRead(kPatience)) return false;
    }
    return true;
}

std::vector<float> logitsIn(const QString& path, std::vector<hsize_t>& shape) {
    const hid_t file = H5Fopen(path.toUtf8().constData(), H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t dataset = H5Dopen2(file, "logits", H5P_DEFAULT);
    const hid_t space = H5Dget_space(dataset);
    shape.assign(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)), 0);
    H5Sget_simple_extent_dims(space, shape.data(), nullptr);
    std::vector<float> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
    H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
    return values;
}

}  // namespace

class TestCli : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
    }

    void helpAndVersion() {
        QCOMPARE(runCli({"--version"}).out, QString("perfmamba-cli " PERFMAMBA_VERSION "\n"));
        for (const QStringList& arguments : {QStringList{"--help"},
                                             {"profile", "--help"},
                                             {"show", "--help"},
                                             {"compare", "--help"},
                                             {"summary", "--help"},
                                             {"info", "--help"},
                                             {"logits", "--help"},
                                             {"devices", "--help"},
                                             {"ceilings", "--help"}}) {
            const Outcome outcome = runCli(arguments);
            QCOMPARE(outcome.code, 0);
            QVERIFY2(outcome.out.contains("Example"), qPrintable(arguments.join(' ')));
            QVERIFY(outcome.err.isEmpty());
        }
    }

    void devices() {
        const Outcome outcome = runCli({"devices"});
        QCOMPARE(outcome.code, 0);
        QVERIFY(outcome.out.startsWith("cpu"));
        QVERIFY(outcome.out.split('\n').first().endsWith("; f32, bf16, f16"));
    }

    void compareAndItsExitCodes() {
        const auto write = [this](const char* name, const profile::Profile& run) {
            report::write(m_folder->filePath(name).toStdString(), run);
            return m_folder->filePath(name);
        };
        const QString before = write("before.h5", *test::fabricatedProfile());
        const QString after = write("after.h5", *test::scaledProfile(1.1));
        const Outcome plain = runCli({"compare", before, after});
        QCOMPARE(plain.code, 0);
        QVERIFY(plain.err.isEmpty());
        QVERIFY2(plain.out.contains("slower, ratio 1.100 (95 % interval"), qPrintable(plain.out));
        QVERIFY(runCli({"compare", before, after, "--layers"}).out.size() > plain.out.size());

        // Only where the whole interval lies beyond the limit.
        const QStringList asked = {"compare", before, after, "--fail-if-slower"};
        const Outcome slower = runCli(asked + QStringList{"5%"});
        QCOMPARE(slower.code, 3);
        QVERIFY2(slower.err.contains("slower by more than 5 %: prefill 64 takes 1.100 times as long"),
                 qPrintable(slower.err));
        QCOMPARE(slower.err.count('\n'), 1);
        QCOMPARE(slower.out, plain.out);
        QCOMPARE(runCli(asked + QStringList{"10"}).code, 0);
        QCOMPARE(runCli(asked + QStringList{"20%"}).code, 0);
        QCOMPARE(runCli({"compare", after, before, "--fail-if-slower", "0"}).code, 0);
        QCOMPARE(runCli({"compare", before, before, "--fail-if-slower", "0"}).code, 0);
        for (const char* wrong : {"five", "-1%", "%", "nan", "5%%"}) {
            QCOMPARE(runCli(asked + QStringList{wrong}).code, 2);
        }

        const QString csv = m_folder->filePath("changes.csv");
        const Outcome json = runCli({"compare", before, after, "--json", "-", "--csv", csv, "--fail-if-slower", "5"});
        QCOMPARE(json.code, 3);
        QCOMPARE(nlohmann::json::parse(json.out.toStdString())["points"][0]["changes"][0]["verdict"], "slower");
        QFile file(csv);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QVERIFY(file.readLine().startsWith("mode,batch,length,subject,"));
    }

    void compareWhatCannotBe() {
        const auto path = [this](const char* name) { return m_folder->filePath(name); };
        report::write(path("run.h5").toStdString(), *test::fabricatedProfile());
        auto few = test::fabricatedProfile();
        for (profile::Point& point : few->points) point.total = profile::summarise({9e6, 9e6});
        report::write(path("few.h5").toStdString(), *few);
        auto decode = test::fabricatedProfile();
        decode->options.mode = profile::Mode::Decode;
        report::write(path("decode.h5").toStdString(), *decode);
        report::writeActivity(path("states.h5").toStdString(), *test::fabricatedActivity());

        // What cannot be told is said, and is no failure.
        const Outcome untold = runCli({"compare", path("run.h5"), path("few.h5"), "--fail-if-slower", "5%"});
        QCOMPARE(untold.code, 0);
        QCOMPARE(untold.err.count("too few passes to tell whether it is slower"), 3);
        const Outcome none = runCli({"compare", path("run.h5"), path("decode.h5")});
        QCOMPARE(none.code, 1);
        QVERIFY(none.out.isEmpty());
        QVERIFY2(none.err.contains(
                     "decode.h5: have no workload in common: prefill of 64, 256, 1024 tokens at batch 2 before"),
                 qPrintable(none.err));
        const Outcome states = runCli({"compare", path("run.h5"), path("states.h5")});
        QCOMPARE(states.code, 1);
        QVERIFY2(states.err.contains("states.h5: is of what a model's states did"), qPrintable(states.err));
        QCOMPARE(runCli({"compare", path("run.h5"), path("missing.h5")}).code, 1);
        QCOMPARE(runCli({"compare", path("run.h5")}).code, 2);
    }

    void precisions() {
        const QStringList asked = {"profile", demo("mamba2-bytes"), "--lengths", "8", "--repeat", "1", "--precision"};
        for (const char* known : {"f32", "bf16", "f16"}) QCOMPARE(runCli(asked + QStringList{known}).code, 0);
        QCOMPARE(runCli(asked + QStringList{"f64"}).code, 2);
    }

    void chunk() {
        const QStringList asked = {"profile", demo("mamba2-bytes"), "--lengths", "8", "--repeat", "1", "--chunk"};
        QCOMPARE(runCli(asked + QStringList{"4"}).code, 0);
        QCOMPARE(runCli(asked + QStringList{"-1"}).code, 2);
    }

    void info() {
        const Outcome text = runCli({"info", demo("mamba2-bytes")});
        QCOMPARE(text.code, 0);
        QVERIFY(text.out.contains("Mamba-2"));
        QVERIFY(text.out.contains("mixer.in_proj.weight"));
        const Outcome json = runCli({"info", demo("mamba1-recall"), "--json", "-"});
        QCOMPARE(json.code, 0);
        const auto object = nlohmann::json::parse(json.out.toStdString());
        QCOMPARE(object["architecture"].get<std::string>(), std::string("Mamba-1"));
        QCOMPARE(object["d_model"].get<int>(), 64);
        QVERIFY(object["state_bytes"]["total"].get<int>() > 0);
    }

    void profileAndShow_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("mode");
        QTest::newRow("Mamba-1, prefill") << "mamba1-bytes"
                                          << "prefill";
        QTest::newRow("Mamba-2, decode") << "mamba2-bytes"
                                         << "decode";
    }
    void profileAndShow() {
        QFETCH(QString, model);
        QFETCH(QString, mode);
        const QString report = path("run.h5");
        const Outcome profile = runCli({"profile", demo(qPrintable(model)), "--mode", mode, "--batch", "2", "--lengths",
                                        "5,16", "--repeat", "7", "--threads", "1", "--report", report});
        QVERIFY2(profile.code == 0, qPrintable(profile.err));
        QVERIFY(profile.out.contains("in_proj"));
        QVERIFY(profile.out.contains("total"));
        QCOMPARE(profile.err.count('\n'), 2);  // a line a length, for it is no terminal
        QVERIFY(!profile.err.contains('\r'));
        QCOMPARE(files(), QStringList{"run.h5"});

        const auto read = report::read(report.toStdString());
        QVERIFY(read->complete);
        QCOMPARE(read->points.size(), std::size_t{2});
        QCOMPARE(read->points[1].length, std::int64_t{16});
        QCOMPARE(read->points[0].total.n(), std::size_t{7});
        QVERIFY(read->provenance.command.find("--repeat 7") != std::string::npos);

        const Outcome show = runCli({"show", report});
        QCOMPARE(show.code, 0);
        QCOMPARE(show.out, profile.out);  // the same numbers, whoever prints them
        QVERIFY(show.err.isEmpty());
        const Outcome one = runCli({"show", report, "--length", "16", "--layers"});
        QCOMPARE(one.code, 0);
        QVERIFY(one.out.contains("0 in_proj"));
        QVERIFY(!one.out.contains("of 5 tokens"));
        QVERIFY(runCli({"show", report, "--csv", "-"}).out.startsWith("mode,batch,length,layer,component,"));
    }

    /// Kept ceilings are what the command shows, and what a profile's floors stand on.
    void floorsByKeptCeilings() {
        const QString file = m_folder->filePath("kept/ceilings.json");
        qputenv("PERFMAMBA_CEILINGS", file.toUtf8());
        const auto off = qScopeGuard([] { qputenv("PERFMAMBA_CEILINGS", "off"); });
        profile::Ceilings ceilings = profile::ceilingsOf(*kernels::makeBackend("cpu", {.threads = 1}));
        ceilings.bytes_per_s = 10e9;
        ceilings.flops_per_s = 50e9;
        ceilings.exponentials_per_s = 1e9;
        ceilings.taken = "2026-01-02T03:04:05Z";
        report::keepCeilings(file.toStdString(), ceilings);

        const Outcome shown = runCli({"ceilings", "--threads", "1"});
        QCOMPARE(shown.code, 0);
        for (const char* part : {"10.0 GB/s", "50.0 GFLOP/s", "1.00 G/s", "2026-01-02T03:04:05Z", "--again"}) {
            QVERIFY2(shown.out.contains(part), part);
        }
        const auto json =
            nlohmann::json::parse(runCli({"ceilings", "--threads", "1", "--json", "-"}).out.toStdString());
        QCOMPARE(json["flops_per_s"].get<double>(), 50e9);

        const QString report = m_folder->filePath("run.h5");
        const QStringList run = {"profile", demo("mamba2-bytes"), "--lengths", "64", "--repeat", "3", "--threads", "1"};
        const Outcome profiled = runCli(run + QStringList{"--report", report});
        QCOMPARE(profiled.code, 0);
        QVERIFY(profiled.out.contains("floors: by 10.0 GB/s of memory, 50.0 GFLOP/s in float32, 1.00 G exp/s"));
        const auto read = report::read(report.toStdString());
        const profile::ComponentCost* in_proj = read->points[0].find(Component::InProj);
        QVERIFY(std::abs(in_proj->floor_us - in_proj->flops / 50e9 * 1e6) < 1e-9);
        QCOMPARE(in_proj->bound, profile::Bound::Work);
        const auto exported = nlohmann::json::parse(runCli({"show", report, "--json", "-"}).out.toStdString());
        QCOMPARE(exported["points"][0]["components"][2]["floor_us"].get<double>(), in_proj->floor_us);
        const QStringList rows = runCli({"show", report, "--csv", "-"}).out.split("\r\n");
        QVERIFY(rows[0].endsWith(",exponentials,floor_us,of_floor,floor_bound,in_cache,tokens_per_second"));
        QVERIFY(rows[rows.size() - 2].startsWith("prefill,1,64,pass,total,"));
        QVERIFY(std::ranges::any_of(
            rows, [](const QString& row) { return row.contains(",all,in_proj,") && row.contains(",work,"); }));

        const Outcome without = runCli(run + QStringList{"--no-ceilings"});
        QCOMPARE(without.code, 0);
        QVERIFY(without.out.contains("floors: n/a"));
        QVERIFY(runCli({"ceilings", "--device", "cuda:9"}).code == 1);
    }

    /// What an option cannot do is said, not ignored in silence.
    void notesOnOptions() {
        const QStringList run = {"profile", demo("mamba1-recall"), "--lengths", "4", "--repeat", "3", "--no-ceilings"};
        const Outcome threads = runCli(run + QStringList{"--threads", "500"});
        QVERIFY2(threads.err.contains("note: 500 threads are more than the "), qPrintable(threads.err));
        const Outcome chunk = runCli(run + QStringList{"--chunk", "8"});
        QVERIFY2(chunk.err.contains("note: --chunk is of Mamba-2's SSD"), qPrintable(chunk.err));
        QVERIFY(!runCli(run).err.contains("note: "));
    }

    void jsonOnly() {
        const Outcome outcome =
            runCli({"profile", demo("mamba1-recall"), "--lengths", "4", "--repeat", "3", "--json", "-"});
        QVERIFY2(outcome.code == 0, qPrintable(outcome.err));
        const auto object = nlohmann::json::parse(outcome.out.toStdString());
        QVERIFY(object["complete"].get<bool>());
        QCOMPARE(object["points"][0]["total"]["n"].get<int>(), 3);
    }

    void aTraceOfTheTimeline() {
        const QString file = path("trace.json");
        const Outcome outcome = runCli({"profile", demo("mamba1-recall"), "--lengths", "4", "--repeat", "3", "--report",
                                        path("run.h5"), "--chrome-trace", file});
        QVERIFY2(outcome.code == 0, qPrintable(outcome.err));
        QVERIFY(outcome.out.contains("total"));
        QFile written(file);
        QVERIFY(written.open(QIODevice::ReadOnly));
        const QByteArray trace = written.readAll();
        QVERIFY(nlohmann::json::parse(trace.toStdString())["traceEvents"].size() > 20);
        const Outcome shown = runCli({"show", path("run.h5"), "--chrome-trace", "-"});
        QCOMPARE(shown.code, 0);
        QCOMPARE(shown.out.toUtf8(), trace);

        QCOMPARE(runCli({"show", path("run.h5"), "--chrome-trace", "-", "--json", "-"}).code, 2);
        QCOMPARE(runCli({"show", path("run.h5"), "--chrome-trace", path("nowhere/trace.json")}).code, 1);
        QCOMPARE(runCli({"profile", demo("mamba1-recall"), "--trace", "off", "--chrome-trace", "-"}).code, 2);
        report::writeActivity(path("states.h5").toStdString(), *test::fabricatedActivity());
        const Outcome activity = runCli({"show", path("states.h5"), "--chrome-trace", "-"});
        QCOMPARE(activity.code, 1);
        QVERIFY2(activity.err.contains("has no timeline"), qPrintable(activity.err));
    }

    /// A trace that cannot be written does not cost the report.
    void reportBeforeTrace() {
        const Outcome outcome = runCli({"profile", demo("mamba1-recall"), "--lengths", "8", "--repeat", "3", "--report",
                                        path("kept.h5"), "--chrome-trace", "/dev/full"});
        QCOMPARE(outcome.code, 1);
        QVERIFY2(outcome.err.contains("/dev/full"), qPrintable(outcome.err));
        QVERIFY(report::read(path("kept.h5").toStdString())->complete);
    }

    void onePage() {
        report::write(path("before.h5").toStdString(), *test::fabricatedProfile());
        report::write(path("after.h5").toStdString(), *test::scaledProfile(0.8));
        const Outcome page = runCli({"summary", path("after.h5"), "--html", "-"});
        QCOMPARE(page.code, 0);
        QVERIFY(page.out.startsWith("<!DOCTYPE html>"));
        QVERIFY(page.out.contains("What this says"));
        QVERIFY(runCli({"show", path("after.h5")}).out.contains("\nWhat this says:\n- ssm takes the largest part"));
        const QString file = path("page.html");
        QCOMPARE(runCli({"summary", path("after.h5"), "--baseline", path("before.h5"), "--html", file}).code, 0);
        QFile written(file);
        QVERIFY(written.open(QIODevice::ReadOnly));
        QVERIFY(written.readAll().contains("Against the baseline"));

        QCOMPARE(runCli({"summary", path("after.h5")}).code, 2);
        QCOMPARE(runCli({"summary", path("after.h5"), "--html", path("nowhere/page.html")}).code, 1);
        report::writeActivity(path("states.h5").toStdString(), *test::fabricatedActivity());
        for (const QStringList& wrong : {QStringList{path("states.h5")},
                                         {path("after.h5"), "--baseline", path("states.h5")},
                                         {path("after.h5"), "--study", path("before.h5")}}) {
            const Outcome refused = runCli(QStringList{"summary"} + wrong + QStringList{"--html", "-"});
            QCOMPARE(refused.code, 1);
            QCOMPARE(refused.err.count('\n'), 1);
            QVERIFY(refused.out.isEmpty());
        }
    }

    void logits() {
        const QString all = path("all.h5");
        const QString last = path("last.h5");
        const QString one = path("one.h5");
        QFile tokens(path("ids.txt"));
        QVERIFY(tokens.open(QIODevice::WriteOnly));
        tokens.write("1 2, 3\n\n4\t5 , 6\n");
        tokens.close();
        const Outcome outcome =
            runCli({"logits", demo("mamba1-recall"), "--tokens", "@" + tokens.fileName(), "--all", "--out", all});
        QVERIFY2(outcome.code == 0, qPrintable(outcome.err));
        QCOMPARE(runCli({"logits", demo("mamba1-recall"), "--tokens", "1,2,3;4,5, 6;", "--out", last}).code, 0);
        QCOMPARE(runCli({"logits", demo("mamba1-recall"), "--tokens", "4 5 6", "--out", one}).code, 0);

        std::vector<hsize_t> shape;
        const std::vector<float> every = logitsIn(all, shape);
        QCOMPARE(shape, (std::vector<hsize_t>{2, 3, 65}));
        const std::vector<float> ends = logitsIn(last, shape);
        QCOMPARE(shape, (std::vector<hsize_t>{2, 1, 65}));
        const std::vector<float> second = logitsIn(one, shape);
        for (std::size_t v = 0; v < 65; ++v) {
            QVERIFY(qAbs(every[5 * 65 + v] - ends[65 + v]) < 1e-4F);
            QVERIFY(qAbs(every[5 * 65 + v] - second[v]) < 1e-4F);
        }
        QCOMPARE(files(), (QStringList{"all.h5", "ids.txt", "last.h5", "one.h5"}));
    }

    // More tokens than are computed at once.
    void logitsInPieces() {
        QStringList ids;
        for (int i = 0; i < 1100; ++i) ids << QString::number(i % 65);
        const QString all = path("all.h5");
        const QString last = path("last.h5");
        QCOMPARE(runCli({"logits", demo("mamba2-recall"), "--tokens", ids.join(','), "--all", "--out", all}).code, 0);
        QCOMPARE(runCli({"logits", demo("mamba2-recall"), "--tokens", ids.join(','), "--out", last}).code, 0);
        std::vector<hsize_t> shape;
        const std::vector<float> end = logitsIn(last, shape);
        const std::vector<float> every = logitsIn(all, shape);
        QCOMPARE(shape[1], hsize_t{1100});
        for (std::size_t v = 0; v < shape[2]; ++v) QVERIFY(qAbs(every[1099 * shape[2] + v] - end[v]) < 1e-4F);
    }

    void refuses_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<int>("code");
        QTest::addColumn<QString>("said");  // TMP is the test's folder
        const QString model = demo("mamba2-bytes");
        const auto row = [](const char* name, const QStringList& arguments, int code, const QString& said) {
            QTest::newRow(name) << arguments << code << said;
        };
        const QString out = "TMP/out.h5";
        row("no command", {}, 2, "subcommand");
        row("unknown command", {"frobnicate"}, 2, "perfmamba-cli --help");
        row("its name", {"frobnicate"}, 2, "'frobnicate' is not a command");
        row("a length twice", {"profile", model, "--lengths", "64,8,64"}, 2, "--lengths: 64 is given twice");
        row("a seed below 0", {"profile", model, "--seed", "-1"}, 2, "--seed: -1 is negative");
        row("a seed below 0 in hex", {"profile", model, "--seed", "-0x5"}, 2, "--seed: -0x5 is negative");
        row("tokens of 0", {"tradeoff", model, "--prefill", "0"}, 2, "--prefill: 0 is not positive");
        row("a budget without end", {"tradeoff", model, "--budget", "inf"}, 2, "--budget: inf is not finite");
        row("a profile's budget without end", {"profile", model, "--budget", "inf"}, 2, "--budget: inf is not finite");
        row("more threads than there may be", {"profile", model, "--threads", "1000000"}, 2,
            "--threads: 1000000 is more than 1024");
        row("so for ceilings", {"ceilings", "--threads", "1025"}, 2, "--threads: 1025 is more than 1024");
        // What does not fit is named as it was typed.
        row("a seed too large", {"profile", model, "--seed", "18446744073709551616"}, 2,
            "--seed: 18446744073709551616 is too large");
        row("a length too large", {"profile", model, "--lengths", "64,99999999999999999999"}, 2,
            "--lengths: 99999999999999999999 is too large");
        row("a batch too large", {"profile", model, "--batch", "99999999999999999999"}, 2,
            "--batch: 99999999999999999999 is too large");
        row("threads too large", {"profile", model, "--threads", "99999999999"}, 2,
            "--threads: 99999999999 is too large");
        row("pairs too large", {"tradeoff", model, "--pairs", "99999999999"}, 2, "--pairs: 99999999999 is too large");
        row("a number far below 0", {"profile", model, "--chunk", "-99999999999999999999"}, 2,
            "--chunk: -99999999999999999999 is negative");
        row("a repeat too large", {"profile", model, "--repeat", "99999999999"}, 2, "from 1 to 2147483647");
        row("an empty value", {"compare", "TMP/text.h5", "TMP/text.h5", "--fail-if-slower", ""}, 2,
            "--fail-if-slower is empty");
        row("an empty report", {"profile", model, "--report", ""}, 2, "--report is empty");
        row("an empty item", {"profile", model, "--lengths", "64,,128"}, 2, "'64,,128' has an empty item");
        row("an empty item at the end", {"profile", model, "--lengths=64,"}, 2, "'64,' has an empty item");
        row("a report to standard output", {"profile", model, "--report", "-"}, 2, "--report: an HDF5 file");
        row("logits to standard output", {"logits", model, "--tokens", "1", "--out", "-"}, 2, "--out: an HDF5 file");
        row("one file twice", {"profile", model, "--json", "TMP/x", "--csv", "TMP/./x"}, 2, "is where --json goes");
        row("JSON over the report", {"profile", model, "--report", out, "--json", out}, 2, "is where --json goes");
        row("over what is shown", {"show", "TMP/text.h5", "--csv", "TMP/./text.h5"}, 2, "is a file that is read");
        row("over what is summarised", {"summary", "TMP/text.h5", "--html", "TMP/text.h5"}, 2,
            "is a file that is read");
        row("over what is compared", {"compare", "TMP/none", "TMP/text.h5", "--json", "TMP/text.h5"}, 2,
            "is a file that is read");
        row("over the tokens", {"logits", model, "--tokens", "@TMP/text.h5", "--out", "TMP/text.h5"}, 2,
            "is a file that is read");
        row("over the weights", {"info", model, "--json", model + "/model.safetensors"}, 2, "belongs to the model");
        row("a report over the weights", {"profile", model, "--report", model + "/model.safetensors"}, 2,
            "belongs to the model");
        row("over the task", {"evaluate", model, "--json", model + "/task.json"}, 2, "belongs to the model");
        row("over the other model",
            {"evaluate", model, "--against", demo("mamba1-bytes"), "--json", demo("mamba1-bytes") + "/config.json"}, 2,
            "belongs to the model");
        row("unknown option", {"profile", model, "--colour"}, 2, "--colour");
        row("no model", {"profile"}, 2, "MODEL");
        row("no such folder", {"profile", "TMP/none", "--report", out}, 1, "TMP/none: no such");
        row("not a model", {"profile", "TMP", "--report", out}, 1, "TMP: is not a checkpoint");
        row("info of nothing", {"info", "TMP/none"}, 1, "TMP/none");
        row("length 0", {"profile", model, "--lengths", "0", "--report", out}, 2, "lengths: 0");
        row("length of letters", {"profile", model, "--lengths", "64,x"}, 2, "--lengths");
        row("negative batch", {"profile", model, "--batch", "-1"}, 2, "batch: -1");
        row("unknown mode", {"profile", model, "--mode", "train"}, 2, "'train'");
        row("no repeats", {"profile", model, "--repeat", "0"}, 2, "'0'");
        row("bound of 0", {"profile", model, "--bound", "0"}, 2, "bound");
        row("negative threads", {"profile", model, "--threads", "-2"}, 2, "--threads: -2 is negative");
        row("unknown device", {"profile", model, "--device", "abacus", "--report", out}, 1, "device abacus");
        row("report without folder", {"profile", model, "--report", "TMP/none/out.h5"}, 1, "TMP/none/out.h5");
        row("report over something else", {"profile", model, "--report", "TMP/text.h5"}, 1, "TMP/text.h5: exists");
        row("two things to standard output", {"profile", model, "--json", "-", "--csv", "-"}, 2, "standard output");
        row("token outside", {"logits", model, "--tokens", "1,256", "--out", out}, 1,
            "id 256 at position 1 of sequence 0 is outside the vocabulary of 256");
        row("negative token", {"logits", model, "--tokens", "-1", "--out", out}, 1, "id -1");
        row("no number", {"logits", model, "--tokens", "1,two", "--out", out}, 2, "'two' is not a token id");
        for (const char* tokens : {"1,,2", "1,2,", ",1", "1, ,2", "1,;2", "1;;2", ";1"}) {
            row(qPrintable(QString("an empty item in '%1'").arg(tokens)),
                {"logits", model, "--tokens", tokens, "--out", out}, 2, " has an empty item");
        }
        row("no task", {"evaluate", model}, 1, "to generate tokens for (give a --text)");
        row("no tokens", {"logits", model, "--tokens", " ", "--out", out}, 2, "no token ids");
        row("ragged", {"logits", model, "--tokens", "1;2 3", "--out", out}, 2, "equally long");
        row("no token file", {"logits", model, "--tokens", "@TMP/none", "--out", out}, 1, "TMP/none");
        row("bad token file", {"logits", model, "--tokens", "@TMP/text.h5", "--out", out}, 1, "TMP/text.h5");
        row("logits without folder", {"logits", model, "--tokens", "1", "--out", "TMP/none/x.h5"}, 1, "TMP/none/x.h5");
        row("no report", {"show", "TMP/none.h5"}, 1, "TMP/none.h5: cannot be opened");
        row("not a report", {"show", "TMP/text.h5"}, 1, "TMP/text.h5: is not an HDF5 file");
        row("a folder as report", {"show", "TMP"}, 1, "TMP: is not a file");
        row("a file beside no model", {"info", "/dev/null"}, 1, "/dev/null: is not a checkpoint: there is no config");
        row("ceilings that are off", {"ceilings"}, 1, "PERFMAMBA_CEILINGS: is off");  // as all tests run
    }
    void refuses() {
        QFETCH(QStringList, arguments);
        QFETCH(int, code);
        QFETCH(QString, said);
        QFile text(path("text.h5"));
        QVERIFY(text.open(QIODevice::WriteOnly));
        text.write("some text");
        text.close();
        arguments.replaceInStrings("TMP", m_folder->path());
        said.replace("TMP", m_folder->path());

        const Outcome outcome = runCli(arguments);
        QVERIFY2(outcome.code == code, qPrintable(outcome.err));
        QVERIFY2(outcome.err.startsWith("perfmamba-cli: "), qPrintable(outcome.err));
        QVERIFY2(outcome.err.contains(said), qPrintable(outcome.err));
        QCOMPARE(outcome.err.count('\n'), 1);
        QVERIFY(outcome.out.isEmpty());
        QCOMPARE(files(), QStringList{"text.h5"});
    }

    /// What is asked of a link is asked of what it leads to, and a device takes what two write.
    void linksAndDevicesAsTargets() {
        const QString link = path("link");
        QVERIFY(QFile::link(demo("mamba2-bytes") + "/model.safetensors", link));
        QCOMPARE(runCli({"info", demo("mamba2-bytes"), "--json", link}).code, 2);
        report::write(path("run.h5").toStdString(), *test::fabricatedProfile());
        QVERIFY(QFile::link(path("run.h5"), path("other.h5")));
        QCOMPARE(runCli({"show", path("run.h5"), "--json", path("other.h5")}).code, 2);
        QVERIFY(report::read(path("run.h5").toStdString())->complete);
        QCOMPARE(runCli({"show", path("run.h5"), "--json", "/dev/null", "--csv", "/dev/null"}).code, 0);
    }

    /// A standard error that is full or closed costs neither the run nor the exit code.
    void unwritableStandardError() {
        const QStringList run = {"profile",  demo("mamba1-recall"), "--lengths", "4", "--repeat", "3",
                                 "--report", path("run.h5")};
        for (const char* redirection : {"exec 2>/dev/full", "exec 2>&-", "exec <&- 2>&-"}) {
            const Outcome outcome = runCliAfter(redirection, run);
            QCOMPARE(outcome.code, 0);
            QVERIFY(outcome.out.contains("total"));
            QVERIFY(report::read(path("run.h5").toStdString())->complete);
            QCOMPARE(runCliAfter(redirection, {"show", path("none.h5")}).code, 1);
            QVERIFY(QFile::remove(path("run.h5")));
        }
        // Pipes whose readers are gone.
        const QString pipe = path("pipe");
        const QString broken = QString("mkfifo %1; : < %1 & exec %2> %1; wait; rm %1");
        QCOMPARE(runCliAfter(broken.arg(pipe, "2"), run).code, 0);
        QVERIFY(report::read(path("run.h5").toStdString())->complete);
        const Outcome unread = runCliAfter(broken.arg(pipe, "1"), {"show", path("run.h5")});
        QCOMPARE(unread.code, -1);  // by SIGPIPE, as every filter
        QVERIFY(unread.err.isEmpty());
        const Outcome outcome = runCliAfter("exec >&-", run);
        QCOMPARE(outcome.code, 1);
        QVERIFY2(outcome.err.contains("standard output: cannot be written"), qPrintable(outcome.err));
        QVERIFY(report::read(path("run.h5").toStdString())->complete);
    }

    /// What was measured is shown, whatever becomes of its files.
    void outputsThatFail() {
        const QStringList run = {"profile", demo("mamba1-recall"), "--lengths", "4", "--repeat", "3"};
        for (const QStringList& outputs : {QStringList{"--json", "/dev/full", "--csv", path("run.csv")},
                                           {"--csv", "/dev/full"},
                                           {"--chrome-trace", "/dev/full"}}) {
            const Outcome outcome = runCli(run + outputs);
            QCOMPARE(outcome.code, 1);
            QVERIFY2(outcome.err.contains("perfmamba-cli: /dev/full: cannot be written"), qPrintable(outcome.err));
            QVERIFY(outcome.out.contains("total"));
        }
        QVERIFY(QFile(path("run.csv")).size() > 0);
        const Outcome shown = runCli({"info", demo("mamba1-recall"), "--json", "/dev/full"});
        QCOMPARE(shown.code, 1);
        QVERIFY(shown.out.contains("architecture"));
    }

    void textsReplaceTextsOnly() {
        report::write(path("run.h5").toStdString(), *test::fabricatedProfile());
        const Outcome refused = runCli({"info", demo("mamba1-recall"), "--json", path("run.h5")});
        QCOMPARE(refused.code, 1);
        QVERIFY2(refused.err.contains("exists and is no text"), qPrintable(refused.err));
        QVERIFY(report::read(path("run.h5").toStdString())->complete);
        for (int i = 0; i < 2; ++i) QCOMPARE(runCli({"info", demo("mamba1-recall"), "--json", path("a.json")}).code, 0);
    }

    /// Two runs into one report would cost the one or the other its measurements.
    void oneWriterOfAReport() {
        const QString report = path("run.h5");
        QProcess process;
        process.start(PERFMAMBA_CLI, longRun(report));
        QVERIFY(says(process, "prefill 4, batch 1"));
        const QStringList run = {"profile", demo("mamba1-recall"), "--lengths", "4", "--repeat", "3", "--report",
                                 report};
        const Outcome second = runCli(run);
        QCOMPARE(second.code, 1);
        QVERIFY2(second.err.contains(report + ": is being written by another process"), qPrintable(second.err));
        process.kill();  // which leaves the lock's file
        QVERIFY(process.waitForFinished(kPatience));
        QCOMPARE(runCli(run).code, 0);
        QVERIFY(QDir(m_folder->path()).entryList(QDir::Files | QDir::Hidden).filter(".lock").isEmpty());
    }

    void noReportReplacesOneOfAnotherKind() {
        report::writeActivity(path("states.h5").toStdString(), *test::fabricatedActivity());
        report::write(path("run.h5").toStdString(), *test::fabricatedProfile());
        const QString model = demo("mamba1-recall");
        for (const QStringList& arguments :
             {QStringList{"profile", model, "--lengths", "4", "--repeat", "3", "--report", path("states.h5")},
              {"activity", model, "--report", path("run.h5")},
              {"tradeoff", model, "--accuracy-only", "--report", path("run.h5")},
              {"scaling", model, "--lengths", "4", "--report", path("run.h5")}}) {
            const Outcome outcome = runCli(arguments);
            QCOMPARE(outcome.code, 1);
            QVERIFY2(outcome.err.contains("is a report, but not of "), qPrintable(outcome.err));
        }
        QVERIFY(report::readContents(path("states.h5").toStdString()).activity);
        QVERIFY(report::read(path("run.h5").toStdString())->complete);
    }

    /// What an option says nothing of in this report.
    void showRefusesWhatHasNoEffect() {
        report::write(path("run.h5").toStdString(), *test::fabricatedProfile());
        report::writeActivity(path("states.h5").toStdString(), *test::fabricatedActivity());
        for (const QStringList& arguments : {QStringList{path("states.h5"), "--length", "64"},
                                             {path("states.h5"), "--layers"},
                                             {path("states.h5"), "--statistic", "foo"},
                                             {path("run.h5"), "--statistic", "state"}}) {
            const Outcome outcome = runCli(QStringList{"show"} + arguments);
            QCOMPARE(outcome.code, 2);
            QVERIFY2(outcome.err.contains(arguments[1]), qPrintable(outcome.err));
        }
        QCOMPARE(runCli({"show", path("states.h5"), "--statistic", "decay"}).code, 0);
        QVERIFY(!runCli({"evaluate", "--help"}).out.contains("with \n"));
        const Outcome no_model = runCli({"profile", path("run.h5")});
        QCOMPARE(no_model.code, 1);
        QVERIFY2(no_model.err.contains("is opened by 'perfmamba-cli show'"), qPrintable(no_model.err));
    }

    void damagedReport() {
        const QString report = path("run.h5");
        QCOMPARE(runCli({"profile", demo("mamba1-recall"), "--lengths", "4", "--repeat", "3", "--report", report}).code,
                 0);
        QFile file(report);
        QVERIFY(file.open(QIODevice::ReadWrite));
        QVERIFY(file.resize(file.size() / 2));
        file.close();
        const Outcome outcome = runCli({"show", report});
        QCOMPARE(outcome.code, 1);
        QVERIFY2(outcome.err.startsWith("perfmamba-cli: " + report + ": is not a report"), qPrintable(outcome.err));
    }

    // The second length asks for more memory than there is.
    void failedRunKeepsWhatWasMeasured() {
        const QString report = path("run.h5");
        const Outcome outcome = runCli({"profile", demo("mamba2-bytes"), "--lengths", "4,1000000000", "--threads", "1",
                                        "--repeat", "3", "--report", report});
        QCOMPARE(outcome.code, 1);
        QVERIFY2(outcome.err.contains("is kept in " + report), qPrintable(outcome.err));
        QVERIFY2(outcome.err.contains("memory"), qPrintable(outcome.err));
        QCOMPARE(outcome.err.count("perfmamba-cli: "), 1);
        QVERIFY(outcome.out.contains("incomplete"));
        QCOMPARE(files(), QStringList{"run.h5"});
        const auto read = report::read(report.toStdString());
        QVERIFY(!read->complete);
        QCOMPARE(read->points.size(), std::size_t{1});
        QCOMPARE(read->points[0].length, std::int64_t{4});

        const Outcome nothing = runCli({"profile", demo("mamba2-bytes"), "--lengths", "1000000000", "--threads", "1",
                                        "--repeat", "3", "--report", path("none.h5")});
        QCOMPARE(nothing.code, 1);
        QCOMPARE(files(), QStringList{"run.h5"});
    }

    void interrupted() {
        const QString report = path("run.h5");
        QProcess process;
        process.start(PERFMAMBA_CLI, longRun(report));
        // The first length is said when it is done.
        QVERIFY(says(process, "prefill 4, batch 1"));
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QVERIFY(process.waitForFinished(kPatience));
        QCOMPARE(process.exitStatus(), QProcess::NormalExit);
        QCOMPARE(process.exitCode(), 1);
        const QString err = QString::fromUtf8(process.readAllStandardError());
        QVERIFY2(err.contains("perfmamba-cli: interrupted: "), qPrintable(err));
        QCOMPARE(files(), QStringList{"run.h5"});
        const auto read = report::read(report.toStdString());
        QVERIFY(!read->complete);
        QVERIFY(!read->points.empty());
        QCOMPARE(read->points[0].length, std::int64_t{4});
        QVERIFY(runCli({"show", report}).out.contains("incomplete"));
    }

    /// What is not complete replaces nothing that is.
    void incompleteBesideComplete() {
        const QString report = path("run.h5");
        report::write(report.toStdString(), *test::fabricatedProfile());
        QProcess process;
        process.start(PERFMAMBA_CLI, longRun(report));
        QVERIFY(says(process, "prefill 4, batch 1"));
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QVERIFY(process.waitForFinished(kPatience));
        QCOMPARE(process.exitCode(), 1);
        const QString err = QString::fromUtf8(process.readAllStandardError());
        QVERIFY2(err.contains("kept in " + report + ".part, for " + report + " is complete"), qPrintable(err));
        QCOMPARE(files(), (QStringList{"run.h5", "run.h5.part"}));
        QCOMPARE(report::read(report.toStdString())->points.size(), test::fabricatedProfile()->points.size());
        QVERIFY(!report::read((report + ".part").toStdString())->complete);

        // The same where a length fails.
        const Outcome failed = runCli({"profile", demo("mamba2-bytes"), "--lengths", "4,1000000000", "--threads", "1",
                                       "--repeat", "3", "--report", report});
        QCOMPARE(failed.code, 1);
        QVERIFY2(failed.err.contains("is kept in " + report + ".part"), qPrintable(failed.err));
        QVERIFY(report::read(report.toStdString())->complete);
        QCOMPARE(report::read((report + ".part").toStdString())->points.size(), std::size_t{1});
    }

    /// In the middle of what no stop ends: here a pipe that nobody reads.
    void endedBySecondSignal() {
        QCOMPARE(::mkfifo(qPrintable(path("pipe")), 0600), 0);
        QProcess process;
        process.start(PERFMAMBA_CLI, {"profile", demo("mamba1-recall"), "--mode", "decode", "--lengths", "4",
                                      "--repeat", "3", "--threads", "1", "--json", path("pipe")});
        QVERIFY(says(process, " a token, n = 3"));
        do {
            ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        } while (!process.waitForFinished(50));
        QCOMPARE(process.exitStatus(), QProcess::NormalExit);
        QCOMPARE(process.exitCode(), 128 + SIGINT);
    }

    // As nohup and scripts' background jobs have it: what was ignored from the begin stays so.
    void ignoredSignal() {
        QProcess process;
        process.start("/bin/sh", {"-c", "trap '' INT HUP; exec \"$@\"", "sh", PERFMAMBA_CLI, "profile",
                                  demo("mamba1-recall"), "--lengths", "4,256", "--threads", "1", "--repeat", "20"});
        QVERIFY(says(process, "prefill 4, batch 1"));
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        ::kill(static_cast<pid_t>(process.processId()), SIGHUP);
        QVERIFY(process.waitForFinished(kPatience));
        QCOMPARE(process.exitStatus(), QProcess::NormalExit);
        QCOMPARE(process.exitCode(), 0);
    }

    void killed() {
        const QString report = path("run.h5");
        QProcess process;
        process.start(PERFMAMBA_CLI, longRun(report));
        QVERIFY(says(process, "prefill 4, batch 1"));
        process.kill();
        QVERIFY(process.waitForFinished(kPatience));
        QCOMPARE(files(), QStringList{"run.h5.part"});
        QVERIFY(runCli({"show", report + ".part"}).out.contains("incomplete"));
    }

private:
    /// Done with its first length at once, and with its second, of short passes, long after every test.
    [[nodiscard]] static QStringList longRun(const QString& report) {
        return {"profile", demo("mamba2-bytes"), "--lengths", "4,1024",   "--threads",
                "1",       "--repeat",           "300",       "--report", report};
    }
    [[nodiscard]] QString path(const char* name) const { return m_folder->filePath(QString::fromLatin1(name)); }
    [[nodiscard]] QStringList files() const { return QDir(m_folder->path()).entryList(QDir::Files, QDir::Name); }

    std::unique_ptr<QTemporaryDir> m_folder;
};

QTEST_GUILESS_MAIN(TestCli)
#include "test_cli.moc"
