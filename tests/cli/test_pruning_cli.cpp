// activity, evaluate, prune and tradeoff as their users meet them: what is printed, what is written, what is refused.
#include <QFile>
#include <QFloat16>  // asked for where JSON is compared
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/report/report.h"
#include "tests/cli/run_cli.h"
#include "tests/support/checkpoint_folder.h"
#include "tests/support/small_tokenizer.h"

using namespace perfmamba;
using namespace perfmamba::tests;

namespace {

nlohmann::json parsed(const QString& text) {
    return nlohmann::json::parse(text.toStdString());
}

/// Fails, in one line on standard error, with that text in it, and prints nothing else.
void fails(const QStringList& arguments, int code, const QString& with) {
    const Outcome outcome = runCli(arguments);
    QVERIFY2(outcome.code == code, qPrintable(arguments.join(' ') + ": " + outcome.err));
    QVERIFY2(outcome.err.contains(with), qPrintable(outcome.err));
    QCOMPARE(outcome.err.count('\n'), 1);
}

}  // namespace

class TestPruningCli : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
        // Two texts of more than one window, neither a part of the other.
        QByteArray first;
        QByteArray second;
        for (int i = 0; i < 300; ++i) {
            first += "line " + QByteArray::number(i * 7919) + " of the text that calibrates\n";
            second += "row " + QByteArray::number(i * 104729) + " is what gets evaluated\n";
        }
        write("a.txt", first);
        write("b.txt", second);
    }

    void everyCommandExplainsItself() {
        for (const char* command : {"activity", "evaluate", "prune", "export", "tradeoff"}) {
            const Outcome outcome = runCli({command, "--help"});
            QCOMPARE(outcome.code, 0);
            QVERIFY2(outcome.out.contains("Examples"), command);
        }
    }

    void activityOfATask() {
        const QString report = path("activity.h5");
        const Outcome outcome = runCli(
            {"activity", demo("mamba2-recall"), "--calibrate-sequences", "16", "--json", "-", "--report", report});
        QVERIFY2(outcome.code == 0, qPrintable(outcome.err));
        const nlohmann::json activity = parsed(outcome.out);
        QCOMPARE(activity["layers"].size(), 2U);
        QCOMPARE(activity["layers"][1]["output_energy"]["mean"].size(), 64U);
        QCOMPARE(activity["sequences"].get<int>(), 16);

        // The report holds the same, and show prints it.
        const report::Contents contents = report::readContents(report.toStdString());
        QVERIFY(contents.activity);
        const double mean = contents.activity->layers[1].stateMeans(activity::Statistic::State)[5];
        QCOMPARE(mean, activity["layers"][1]["state"]["mean"][5].get<double>());
        const Outcome shown = runCli({"show", report});
        QCOMPARE(shown.code, 0);
        QVERIFY(shown.out.contains("states for 90 %"));
    }

    /// What is not complete replaces nothing that is.
    void incompleteActivityBesideComplete() {
        const QString report = path("activity.h5");
        QCOMPARE(runCli({"activity", demo("mamba2-recall"), "--calibrate-sequences", "4", "--report", report}).code, 0);
        QProcess process;
        process.start(PERFMAMBA_CLI, {"activity", demo("mamba2-recall"), "--calibrate-sequences", "8192", "--threads",
                                      "1", "--report", report});
        QVERIFY(!process.waitForFinished(1500));  // in the middle
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QVERIFY(process.waitForFinished(kPatience));
        QCOMPARE(process.exitCode(), 1);
        const QString err = QString::fromUtf8(process.readAllStandardError());
        QVERIFY2(err.contains("kept in " + report + ".part, for " + report + " is complete"), qPrintable(err));
        const auto kept = report::readContents(report.toStdString()).activity;
        QVERIFY(kept->complete);
        QCOMPARE(kept->sequences, 4);
        QVERIFY(!report::readContents((report + ".part").toStdString()).activity->complete);
    }

    /// A report that cannot be written does not cost the table.
    void activityWithoutRoomForItsReport() {
        const Outcome outcome = runCliWithin(
            100, {"activity", demo("mamba2-recall"), "--calibrate-sequences", "2", "--report", path("activity.h5")});
        QCOMPARE(outcome.code, 1);
        QVERIFY2(outcome.err.contains("activity.h5: cannot be written"), qPrintable(outcome.err));
        QVERIFY(outcome.out.contains("states for 90 %"));
        const Outcome study =
            runCliWithin(20, {"tradeoff", demo("mamba2-recall"), "--criteria", "random", "--shares", "0,50",
                              "--accuracy-only", "--evaluate-sequences", "4", "--report", path("study.h5")});
        QCOMPARE(study.code, 1);
        QVERIFY2(study.err.contains("study.h5: cannot be written"), qPrintable(study.err));
        QVERIFY2(study.out.contains("random"), qPrintable(study.out));
    }

    void evaluateOnATaskAndAText() {
        const Outcome recall =
            runCli({"evaluate", demo("mamba2-recall"), "--task", "recall", "--sequences", "64", "--json", "-"});
        QVERIFY2(recall.code == 0, qPrintable(recall.err));
        QVERIFY(parsed(recall.out)["correct"]["value"].get<double>() > 0.99);
        QCOMPARE(parsed(recall.out)["model"]["name"], "mamba2-recall");
        QCOMPARE(parsed(recall.out)["precision"], "f32");
        QVERIFY(!parsed(recall.out)["device"].get<std::string>().empty() && !parsed(recall.out).contains("against"));
        const Outcome text = runCli({"evaluate", demo("mamba2-bytes"), "--text", path("b.txt"), "--window", "128",
                                     "--against", demo("mamba1-bytes")});
        QVERIFY2(text.code == 0, qPrintable(text.err));
        QVERIFY(text.out.contains("bits per byte"));
        QVERIFY(text.out.contains("KL from the other"));
        const Outcome other = runCli({"evaluate", demo("mamba2-bytes"), "--text", path("b.txt"), "--window", "128",
                                      "--sequences", "1", "--against", demo("mamba1-bytes"), "--json", "-"});
        QCOMPARE(parsed(other.out)["against"]["name"], "mamba1-bytes");
    }

    /// A folder's own tokenizer is used by itself; lines of JSON, and last words.
    /// Whoever measures a pruned model on what it was pruned by is told so.
    void evaluateOnWhatCalibrated() {
        const Outcome pruned =
            runCli({"prune", demo("mamba2-bytes"), "--criterion", "output-energy", "--keep", "0.5", "--calibrate",
                    path("a.txt"), "--calibrate-length", "256", "--calibrate-sequences", "2", "--out", path("pruned")});
        QVERIFY2(pruned.code == 0, qPrintable(pruned.err));
        const auto evaluated = [this](const char* text) {
            return runCli({"evaluate", path("pruned"), "--text", path(text), "--window", "256", "--sequences", "2"});
        };
        const QString note = "note: these are the tokens that the model was pruned by";
        QVERIFY2(evaluated("a.txt").err.contains(note), qPrintable(evaluated("a.txt").err));
        QVERIFY(!evaluated("b.txt").err.contains(note));
    }

    void textsThroughTheTokenizer() {
        const CheckpointFolder folder;
        const QString model = QString::fromStdString(folder.path().string());
        const QString lines = path("lines.jsonl");
        writeFile(lines.toStdString(), "{\"body\": \"the cat the cat\"}\n{\"body\": \"a the\"}\n");
        const QStringList arguments = {"evaluate", model, "--text", lines, "--field", "body", "--json", "-"};
        const Outcome without = runCli(arguments);
        QVERIFY2(without.code == 1 && without.err.contains("put the model's tokenizer.json into its folder"),
                 qPrintable(without.err));
        writeFile(folder.path() / "tokenizer.json", smallTokenizer().dump());
        const Outcome windows = runCli(arguments + QStringList{"--window", "3"});
        QVERIFY2(windows.code == 0, qPrintable(windows.err));
        const nlohmann::json of_windows = parsed(windows.out);
        QCOMPARE(of_windows["sequences"].get<int>(), 2);
        const std::string made = of_windows["made"];
        QVERIFY2(made.find("joined by the token 0 <|endoftext|>; windows of 3 tokens") != std::string::npos,
                 made.c_str());
        QVERIFY(of_windows["bits_per_byte"]["value"].get<double>() > 0);
        const Outcome words = runCli(arguments + QStringList{"--last-word"});
        QVERIFY2(words.code == 0, qPrintable(words.err));
        QCOMPARE(parsed(words.out)["predictions"].get<int>(), 2);
        QVERIFY(parsed(words.out)["last_word"].get<bool>());
        const Outcome task = runCli({"evaluate", demo("mamba2-recall"), "--last-word"});
        QVERIFY2(task.code == 2 && task.err.contains("are about a --text"), qPrintable(task.err));
    }

    void pruneWritesWhatTheDryRunSaid_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("form");
        for (const char* model : {"mamba2-recall", "mamba1-recall"}) {
            for (const char* form : {"uniform", "ragged", "masked"}) {
                QTest::addRow("%s %s", model, form) << model << form;
            }
        }
    }
    void pruneWritesWhatTheDryRunSaid() {
        QFETCH(QString, model);
        QFETCH(QString, form);
        const QString out = path("pruned");
        const QStringList arguments = {"prune",
                                       demo(qPrintable(model)),
                                       "--criterion",
                                       "output-energy",
                                       "--calibrate-sequences",
                                       "32",
                                       "--budget",
                                       "0.5",
                                       "--form",
                                       form,
                                       "--layer",
                                       "1=3",
                                       "--json",
                                       "-"};
        const Outcome dry = runCli(arguments + QStringList{"--dry-run"});
        QVERIFY2(dry.code == 0, qPrintable(dry.err));
        QVERIFY(!std::filesystem::exists(out.toStdString()));
        const Outcome done = runCli(arguments + QStringList{"--out", out, "--evaluate", "task"});
        QVERIFY2(done.code == 0, qPrintable(done.err));
        const nlohmann::json result = parsed(done.out);
        QCOMPARE(result["plan"], parsed(dry.out)["plan"]);
        QVERIFY(result["exported"]["largest_difference"].get<double>() <= 1e-4);

        const Outcome info = runCli({"info", out, "--json", "-"});
        QVERIFY2(info.code == 0, qPrintable(info.err));
        const nlohmann::json of_model = parsed(info.out);
        for (const nlohmann::json& tensor : of_model["tensors"]) {
            const auto& changes = result["tensors"];
            const auto change = std::find_if(changes.begin(), changes.end(),
                                             [&](const auto& each) { return each["name"] == tensor["name"]; });
            QVERIFY(change != changes.end());
            QCOMPARE(tensor["shape"], (*change)["after"]);
        }
        // What it says of its accuracy is what the written model shows.
        const Outcome evaluated = runCli({"evaluate", out, "--task", "recall", "--json", "-"});
        QVERIFY2(evaluated.code == 0, qPrintable(evaluated.err));
        QCOMPARE(parsed(evaluated.out)["correct"]["value"].get<double>(),
                 result["accuracy"]["correct"]["value"].get<double>());
        const nlohmann::json noted = parsed(QString::fromStdString(readFile(out.toStdString() + "/pruning.json")));
        QCOMPARE(noted["results"]["accuracy"], result["accuracy"]);
    }

    /// Pruned for llama.cpp, and back to a folder: each step compares its logits.
    void exportsGgufAndBack() {
        const QString pruned = path("gguf");
        const Outcome written = runCli({"prune", demo("mamba2-recall"), "--criterion", "magnitude", "--keep", "0.5",
                                        "--form", "uniform", "--format", "gguf", "--type", "f16", "--out", pruned});
        QVERIFY2(written.code == 0, qPrintable(written.err));
        QVERIFY2(written.out.contains("note: "), qPrintable(written.out));
        QVERIFY(runCli({"info", pruned}).out.contains("as float16"));  // whatever the norms are
        const Outcome back = runCli({"export", pruned + "/model.gguf", "--out", path("folder"), "--json", "-"});
        QVERIFY2(back.code == 0, qPrintable(back.err));
        QVERIFY(parsed(back.out)["largest_difference"].get<double>() <= 1e-5);
        const Outcome info = runCli({"info", path("folder"), "--json", "-"});
        QCOMPARE(parsed(info.out)["d_state"].get<int>(), 32);

        const QString ragged = path("ragged");
        QCOMPARE(runCli({"prune", demo("mamba2-recall"), "--criterion", "magnitude", "--budget", "0.5", "--layer",
                         "0=5", "--out", ragged})
                     .code,
                 0);
        fails({"export", ragged, "--format", "gguf", "--out", path("g")}, 1, "different numbers of states");
        QCOMPARE(runCli({"export", ragged, "--format", "gguf", "--uniform", "--out", path("g")}).code, 0);
        QVERIFY(QFile::exists(path("g") + "/pruning.json"));  // the source's own
        fails({"export", ragged, "--out", path("g")}, 1, "is there already");
        fails({"export", ragged, "--type", "f16", "--out", path("h")}, 2, "--format gguf");
    }

    void aSavedPlanGivesTheSameModel() {
        const QString plan = path("plan.json");
        const Outcome saved = runCli({"prune", demo("mamba1-recall"), "--criterion", "magnitude", "--keep", "0.5",
                                      "--save-plan", plan, "--out", path("first")});
        QVERIFY2(saved.code == 0, qPrintable(saved.err));
        const Outcome again = runCli({"prune", demo("mamba1-recall"), "--plan", plan, "--out", path("second")});
        QVERIFY2(again.out.contains("score lost n/a: the plan does not hold"), qPrintable(again.out));
        QVERIFY2(again.code == 0, qPrintable(again.err));
        QCOMPARE(readFile(path("first/model.safetensors").toStdString()),
                 readFile(path("second/model.safetensors").toStdString()));
        fails({"prune", demo("mamba2-recall"), "--plan", plan, "--out", path("third")}, 1, "made for the model");
        // Out of a pruned model's folder, too.
        const Outcome noted =
            runCli({"prune", demo("mamba1-recall"), "--plan", path("first/pruning.json"), "--out", path("fourth")});
        QVERIFY2(noted.code == 0, qPrintable(noted.err));
        QCOMPARE(readFile(path("fourth/model.safetensors").toStdString()),
                 readFile(path("first/model.safetensors").toStdString()));
    }

    void aStudyGoesOnWhereItWasEnded() {
        const QString report = path("study.h5");
        const QStringList arguments = {"tradeoff",   demo("mamba2-recall"),
                                       "--criteria", "random,magnitude",
                                       "--shares",   "0,50,90",
                                       "--report",   report,
                                       "--batches",  "1",
                                       "--prefill",  "32",
                                       "--pairs",    "6",
                                       "--budget",   "0.2",
                                       "--csv",      "-"};
        QProcess process;
        process.start(PERFMAMBA_CLI, arguments);
        process.setReadChannel(QProcess::StandardError);
        QByteArray said;
        while (!said.contains("of 5 cells")) {
            QVERIFY2(process.waitForReadyRead(kPatience), said.constData());
            said += process.readAllStandardError();
        }
        ::kill(static_cast<pid_t>(process.processId()), SIGKILL);
        QVERIFY(process.waitForFinished(kPatience));
        const auto before = report::readContents(report.toStdString()).study;
        QVERIFY(before->done() >= 1);

        const Outcome resumed = runCli(arguments);
        QVERIFY2(resumed.code == 0, qPrintable(resumed.err));
        QVERIFY(resumed.err.contains("are there from before"));
        const auto after = report::readContents(report.toStdString()).study;
        QVERIFY(after->complete);
        for (std::size_t i = 0; i < before->done(); ++i) {
            QCOMPARE(after->cells[i].measured.speeds.front().before.samples,
                     before->cells[i].measured.speeds.front().before.samples);
        }
        QCOMPARE(resumed.out.count("\r\n"), 1 + 2 * 5);  // prefill and decode of each cell
        // Another study does not replace it.
        QStringList other = arguments;
        other[5] = "0,25";
        fails(other, 1, "study.h5: is another study");
        // Nor is it gone on with in another precision.
        fails(arguments + QStringList{"--precision", "bf16"}, 1, "precision: 'float32' there, 'bfloat16' here");
        // And says nothing of another model's profile.
        QCOMPARE(runCli({"profile", demo("mamba1-recall"), "--lengths", "8", "--repeat", "3", "--report",
                         path("profile.h5")})
                     .code,
                 0);
        fails({"summary", path("profile.h5"), "--study", report, "--html", "-"}, 1, "does not fit");
    }

    /// Each form saves something else.
    void whatIsSavedIsOfTheForm() {
        const auto weights = [](const QString& form) {
            const QString out = runCli({"prune", demo("mamba2-recall"), "--criterion", "magnitude", "--keep", "0.5",
                                        "--layer", "1=48", "--form", form, "--dry-run"})
                                    .out;
            return out.mid(out.indexOf("weights ")).section('\n', 0, 0);
        };
        QVERIFY2(weights("masked").endsWith("(+0.0 %) in float32, masked"), qPrintable(weights("masked")));
        QVERIFY(weights("uniform").endsWith("in float32, uniform"));
        QVERIFY(weights("ragged").endsWith("in float32, ragged"));
        QVERIFY(weights("ragged").section(' ', 0, 12) != weights("uniform").section(' ', 0, 12));
    }

    /// Standard output takes one thing, and a dry run refuses what the run would.
    void planOnStandardOutputAndDryRun() {
        const QStringList prune = {"prune", demo("mamba2-recall"), "--criterion", "magnitude", "--keep", "0.5"};
        const Outcome plan = runCli(prune + QStringList{"--dry-run", "--save-plan", "-"});
        QCOMPARE(plan.code, 0);
        QVERIFY(parsed(plan.out).contains("kept"));
        fails(prune + QStringList{"--dry-run", "--save-plan", "-", "--json", "-"}, 2, "standard output");
        fails(prune + QStringList{"--dry-run", "--layer", "0=5", "--format", "gguf", "--save-plan", path("p.json")}, 1,
              "different numbers of states");
        QVERIFY(!QFile::exists(path("p.json")));
        fails(prune + QStringList{"--dry-run", "--save-plan", demo("mamba2-recall") + "/config.json"}, 2,
              "belongs to the model");
    }

    void whatHasNoEffectIsRefused() {
        const QString plan = path("plan.json");
        const QStringList prune = {"prune",    demo("mamba2-recall"), "--criterion", "magnitude", "--keep", "0.5",
                                   "--dry-run"};
        QCOMPARE(runCli(prune + QStringList{"--save-plan", plan}).code, 0);
        const QStringList planned = {"prune", demo("mamba2-recall"), "--plan", plan, "--dry-run"};
        QCOMPARE(runCli(planned).code, 0);
        for (const QStringList& option : {QStringList{"--protect", "0"},
                                          {"--layer", "1=24"},
                                          {"--multiple-of", "8"},
                                          {"--calibrate", "random"},
                                          {"--calibrate-length", "64"},
                                          {"--calibrate-sequences", "3"},
                                          {"--seed", "2"}}) {
            fails(planned + option, 2, option.front());
        }
        for (const QStringList& option :
             {QStringList{"--calibrate", path("missing.txt")}, {"--calibrate-length", "64"}}) {
            fails(prune + option, 2, option.front() + ": magnitude needs no calibration tokens");
            fails(QStringList{"tradeoff", demo("mamba2-recall"), "--criteria", "random,magnitude"} + option, 2,
                  option.front() + ": random and magnitude need no calibration tokens");
        }
        fails(planned + QStringList{"--save-plan", plan}, 2, "is a file that is read");
        fails(prune + QStringList{"--layer", "1=24", "--layer", "1=10"}, 2, "layer 1 is given twice");
        fails(prune + QStringList{"--evaluate-last-word"}, 2, "--evaluate-last-word");
        fails(prune + QStringList{"--evaluate-length", "64"}, 2, "--evaluate-length");
        fails(prune + QStringList{"--seed", "-1"}, 2, "--seed");
        fails(prune + QStringList{"--seed", "99999999999999999999"}, 2, "--seed: 99999999999999999999 is too large");
        fails({"activity", demo("mamba2-recall"), "--calibrate", "random", "--calibrate-length", "1"}, 2,
              "--calibrate-length: a window has at least 2 tokens");
        fails({"evaluate", demo("mamba2-bytes"), "--text", path("a.txt"), "--window", "1"}, 2, "--window");
    }

    /// Where nothing else chooses, layers are pruned alone by chance, too.
    void sensitivityByRandomAlone() {
        const QStringList one = {"tradeoff", demo("mamba2-recall"), "--criteria",           "random", "--shares",
                                 "50",       "--accuracy-only",     "--evaluate-sequences", "4"};
        const Outcome trade_off = runCli(one);
        QCOMPARE(trade_off.err, QString("1 of 1 cell: random 50 %\n"));
        const Outcome layers = runCli(one + QStringList{"--sensitivity", "50"});
        QVERIFY2(layers.err.contains("3 of 3 cells: random 50 % of layer 1"), qPrintable(layers.err));
    }

    /// What no model could take is wrong use; what this one cannot take is a failure.
    void wrongUseNeedsNoModel() {
        const QStringList prune = {"prune", demo("mamba2-recall"), "--criterion", "magnitude", "--dry-run"};
        for (const char* value : {"nan", "inf", "-inf"}) {
            fails(prune + QStringList{"--threshold", value}, 2,
                  QString("--threshold: %1 is not finite").arg(QLatin1String(value)));
        }
        fails(prune + QStringList{"--keep", "0"}, 2, "--keep: 0 would remove every state of every layer");
        fails(prune + QStringList{"--keep", "0", "--layer", "1=0"}, 2, "--keep: 0 would remove every state");
        QCOMPARE(runCli(prune + QStringList{"--keep", "0", "--layer", "1=8"}).code, 0);
        QCOMPARE(runCli(prune + QStringList{"--budget", "0", "--protect", "0"}).code, 0);
        fails(prune + QStringList{"--keep", "0.001", "--layer", "0=65"}, 1, "layer 0: cannot keep 65 of 64 states");
        const QStringList half = prune + QStringList{"--keep", "0.5"};
        fails(half + QStringList{"--multiple-of", "0"}, 2, "--multiple-of: 0 is not positive");
        fails(half + QStringList{"--multiple-of", "-8"}, 2, "--multiple-of: -8 is not positive");
        fails(half + QStringList{"--multiple-of", "65"}, 1, "multiple of: 65 is not in 1 to 64");
        for (const char* text : {"1=-1", "-1=1", "1", "1=99999999999999999999"}) {
            fails(half + QStringList{QString("--layer=%1").arg(QLatin1String(text))}, 2,
                  QString("--layer: '%1' is not LAYER=STATES, two numbers from 0").arg(QLatin1String(text)));
        }
        fails(half + QStringList{"--layer", "7=1"}, 1, "the model has layers 0 to 1");
        fails(half + QStringList{"--protect", "-1"}, 2, "--protect: -1 is negative");
        fails(half + QStringList{"--protect", "1", "--layer", "1=4"}, 2, "--layer 1: is protected and also given");

        const QStringList tradeoff = {"tradeoff", demo("mamba1-recall")};
        fails(tradeoff + QStringList{"--batches", "0"}, 2, "--batches: 0 is not positive");
        fails(tradeoff + QStringList{"--batches", "1,1"}, 2, "--batches: 1 is given twice");
        for (const char* share : {"101", "-1", "nan"}) {
            fails(tradeoff + QStringList{"--shares", share}, 2,
                  QString("--shares: %1 % is not a share of 0 to 99 % to remove").arg(QLatin1String(share)));
        }
        fails(tradeoff + QStringList{"--shares", "98"}, 1, "shares: 98 % would remove every state of every layer");
        fails(tradeoff + QStringList{"--sensitivity", "200"}, 2, "--sensitivity: 200 % is not a share of 0 to 99 %");
        fails(tradeoff + QStringList{"--pairs", "3"}, 2, "--pairs: 3 are too few for an interval");
        fails(tradeoff + QStringList{"--criteria", "ghost,ghost"}, 2, "--criteria: one is given twice");
        fails(tradeoff + QStringList{"--multiple-of", "0"}, 2, "--multiple-of: 0 is not positive");
        fails(tradeoff + QStringList{"--multiple-of", "17"}, 1, "multiple of: 17 is not in 1 to 16");
    }

    void whatCannotBeIsSaidInOneLine() {
        const QString model = demo("mamba2-recall");
        const QString bytes = demo("mamba2-bytes");
        write("empty.txt", "");
        write("short.txt", "a few words");
        write("bad.ids", "1 2 3 99999 5\n");
        const QString out = path("out");
        fails({"prune", model, "--criterion", "decay", "--keep", "0.5", "--out", out}, 1, "Mamba-2");
        fails({"prune", model, "--criterion", "nonsense", "--keep", "0.5", "--out", out}, 2, "magnitude");
        fails({"prune", model, "--criterion", "magnitude", "--out", out}, 2, "--threshold");
        fails({"prune", model, "--criterion", "magnitude", "--keep", "0.5"}, 2, "--out");
        fails({"prune", model, "--criterion", "magnitude", "--threshold", "1e9", "--out", out}, 1, "every state");
        fails({"prune", model, "--criterion", "magnitude", "--budget", "0", "--out", out}, 2, "every state");
        fails({"prune", model, "--criterion", "magnitude", "--keep", "1.5", "--out", out}, 2, "1.5");
        fails({"prune", model, "--criterion", "magnitude", "--keep", "0.5", "--out", m_folder->path()}, 1,
              "is there already");
        fails(
            {"prune", bytes, "--criterion", "ghost", "--keep", "0.5", "--calibrate", path("missing.txt"), "--out", out},
            1, "missing.txt");
        fails({"prune", bytes, "--criterion", "ghost", "--keep", "0.5", "--calibrate", path("empty.txt"), "--out", out},
              1, "empty");
        fails({"prune", bytes, "--criterion", "ghost", "--keep", "0.5", "--calibrate", path("short.txt"), "--out", out},
              1, "window");
        fails({"prune", bytes, "--criterion", "ghost", "--keep", "0.5", "--calibrate", path("bad.ids"),
               "--calibrate-length", "4", "--out", out},
              1, "99999");
        fails({"evaluate", bytes, "--task", "recall"}, 1, "task");
        fails({"evaluate", bytes, "--task", "recall", "--text", path("a.txt")}, 2, "exclude");
        fails({"tradeoff", bytes, "--calibrate", path("a.txt"), "--calibrate-length", "128", "--evaluate",
               path("a.txt"), "--evaluate-length", "128"},
              1, "a.txt");
        fails({"tradeoff", model, "--shares", "0,120"}, 2, "--shares: 120 % is not a share of 0 to 99 % to remove");
        write("not-a-report.h5", "weights");
        fails({"tradeoff", model, "--report", path("not-a-report.h5")}, 1, "cannot be read as a report");
        QVERIFY(!std::filesystem::exists(out.toStdString()));
    }

private:
    QString path(const char* name) const { return m_folder->filePath(name); }
    void write(const char* name, const QByteArray& bytes) const {
        writeFile(path(name).toStdString(), bytes.toStdString());
    }

    std::unique_ptr<QTemporaryDir> m_folder;
};

QTEST_GUILESS_MAIN(TestPruningCli)
#include "test_pruning_cli.moc"
