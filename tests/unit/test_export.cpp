// Exports: read back they compute the same, and whatever goes wrong leaves nothing behind.
#include <QTemporaryDir>
#include <QTest>

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "core/model/json_file.h"
#include "core/model/safetensors.h"
#include "core/prune/config_text.h"
#include "core/prune/export.h"
#include "core/prune/score.h"
#include "kernels/error.h"
#include "tests/support/checkpoint_folder.h"
#include "tests/support/pruning.h"

using namespace perfmamba;
using namespace perfmamba::prune;
using tests::CheckpointPtr;
namespace fs = std::filesystem;

namespace {

std::unique_ptr<kernels::Backend> makeCpu() {
    return kernels::makeBackend("cpu", {.threads = 2});
}

/// A model in a folder of its own, and room for exports.
class Workshop {
public:
    explicit Workshop(const std::string& model) : m_source(m_folder.path().toStdString() + "/model") {
        fs::copy(tests::openModel(model)->folder(), m_source);
        for (const char* name : {"tokenizer.json", "vocab.txt", "pytorch_model.bin", "model.safetensors.index.json"}) {
            tests::writeFile(m_source / name, std::string("{\"file\": \"") + name + "\"}");
        }
        tests::writeFile(m_source / "training.json", "{}");
        fs::create_directory(path());
    }
    [[nodiscard]] fs::path source() const { return m_source; }
    [[nodiscard]] fs::path path() const { return m_folder.path().toStdString() + "/exports"; }
    [[nodiscard]] fs::path target() const { return path() / "pruned"; }

    /// Names and bytes of all files of the source.
    [[nodiscard]] std::map<std::string, std::string> sourceFiles() const {
        std::map<std::string, std::string> files;
        for (const auto& entry : fs::directory_iterator(m_source)) {
            files[entry.path().filename()] = tests::readFile(entry.path());
        }
        return files;
    }
    [[nodiscard]] bool nothingLeft() const { return fs::is_empty(path()); }

private:
    QTemporaryDir m_folder;
    fs::path m_source;
};

std::string whatOf(const std::function<void()>& run) {
    try {
        run();
    } catch (const Error& error) {
        return error.what();
    }
    return "nothing thrown";
}

/// No file may grow beyond `bytes` while this lives: a disk that is full.
class SmallDisk {
public:
    explicit SmallDisk(rlim_t bytes) {
        ::getrlimit(RLIMIT_FSIZE, &m_before);
        rlimit now{bytes, m_before.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &now);
        m_handler = std::signal(SIGXFSZ, SIG_IGN);
    }
    ~SmallDisk() {
        ::setrlimit(RLIMIT_FSIZE, &m_before);
        std::signal(SIGXFSZ, m_handler);
    }

private:
    rlimit m_before{};
    void (*m_handler)(int) = SIG_DFL;
};

model::Config sizesOf(std::int64_t largest, std::vector<std::vector<std::int64_t>> sizes) {
    model::Config config;
    config.d_state = largest;
    config.state_sizes = std::move(sizes);
    return config;
}

}  // namespace

class TestExport : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void readsBackAsTheSameModel_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<Form>("form");
        for (const char* model : {"mamba1-recall", "mamba2-recall", "mamba2-bytes", "cases/mamba2-groups2",
                                  "cases/mamba2-sharded", "cases/mamba1-bf16"}) {
            for (const Form form : {Form::Uniform, Form::Ragged, Form::Masked}) {
                QTest::addRow("%s %s", model, name(form).data()) << model << form;
            }
        }
    }
    void readsBackAsTheSameModel() {
        QFETCH(QString, model);
        QFETCH(Form, form);
        const CheckpointPtr checkpoint = tests::openModel(model.toStdString());
        QTemporaryDir folder;
        const fs::path target = fs::path(folder.path().toStdString()) / "pruned";
        const Plan plan = tests::randomPlan(checkpoint, 0.5);
        const std::vector<std::int32_t> tokens = tests::someTokens(checkpoint->config(), 300);
        engine::Engine live = tests::engineOf(checkpoint);
        double done = 0;
        const Exported exported = exportModel(live, makeCpu, plan, form, target, R"({"accuracy": 0.5})", tokens,
                                              [&](const profile::Progress& progress) {
                                                  QVERIFY(progress.done >= done && progress.done <= 1);
                                                  done = progress.done;
                                              });
        QCOMPARE(done, 1.0);
        QCOMPARE(exported.folder, target);
        QCOMPARE(exported.positions, 300);
        QVERIFY2(exported.largest_difference <= 1e-5, qPrintable(QString::number(exported.largest_difference)));

        const CheckpointPtr reloaded = model::Checkpoint::open(target);
        QCOMPARE(reloaded->storedType(), checkpoint->storedType());
        QCOMPARE(reloaded->config().state_sizes, configOf(checkpoint->config(), plan, form).state_sizes);
        engine::Engine engine = tests::engineOf(reloaded);
        live.setMask(maskOf(plan));
        QVERIFY(tests::relativeDifference(tests::logitsOf(engine, tokens), tests::logitsOf(live, tokens)) <= 1e-5);

        const auto note = nlohmann::json::parse(tests::readFile(target / "pruning.json"));
        QCOMPARE(note.at("form").get<std::string>(), std::string(name(form)));
        QCOMPARE(note.at("source").at("hash").get<std::string>(), checkpoint->hash());
        QCOMPARE(note.at("results").at("accuracy").get<double>(), 0.5);
        QCOMPARE(planFromJson(note.at("plan").dump(), "pruning.json").layers, plan.layers);
    }

    /// The original's state numbers can be found again, however often it was pruned.
    void prunedAgainKeepsTheEarlierPlans() {
        QTemporaryDir folder;
        CheckpointPtr checkpoint = tests::openModel("mamba2-recall");
        std::vector<Plan> plans;
        fs::path target;
        for (const char* name : {"once", "twice", "thrice"}) {
            target = fs::path(folder.path().toStdString()) / name;
            plans.push_back(tests::randomPlan(checkpoint, 0.5));
            engine::Engine live = tests::engineOf(checkpoint);
            exportModel(live, makeCpu, plans.back(), Form::Uniform, target, "",
                        tests::someTokens(checkpoint->config(), 10));
            checkpoint = model::Checkpoint::open(target);
        }
        nlohmann::json note = nlohmann::json::parse(tests::readFile(target / "pruning.json"));
        for (std::size_t i = plans.size(); i-- > 0;) {
            QCOMPARE(planFromJson(note.dump(), "pruning.json").layers, plans[i].layers);
            QCOMPARE(note.contains("earlier"), i > 0);
            if (i > 0) note = note["earlier"];
        }
    }

    void takesWhatBelongsToTheModelAndLeavesTheSourceAlone() {
        const Workshop workshop("mamba2-recall");
        const auto before = workshop.sourceFiles();
        const CheckpointPtr checkpoint = model::Checkpoint::open(workshop.source());
        engine::Engine live = tests::engineOf(checkpoint);
        const std::vector<std::int32_t> tokens = tests::someTokens(live.config(), 10);
        const std::vector<float> logits = tests::logitsOf(live, tokens);
        const Exported exported = exportModel(live, makeCpu, tests::randomPlan(checkpoint, 0.5), Form::Uniform,
                                              fs::path(workshop.target().string() + "/"), {}, tokens);
        QVERIFY(workshop.sourceFiles() == before);
        QVERIFY(tests::logitsOf(live, tokens) == logits);  // no mask is left

        QStringList names;
        std::uintmax_t bytes = 0;
        for (const auto& entry : fs::directory_iterator(workshop.target())) {
            names << QString::fromStdString(entry.path().filename());
            bytes += entry.file_size();
        }
        names.sort();
        QCOMPARE(names, QStringList({"config.json", "model.safetensors", "pruning.json", "task.json", "tokenizer.json",
                                     "vocab.txt"}));
        QCOMPARE(exported.bytes, static_cast<std::int64_t>(bytes));
        QCOMPARE(tests::readFile(workshop.target() / "task.json"), before.at("task.json"));
        QCOMPARE(std::distance(fs::directory_iterator(workshop.path()), {}), 1);
    }

    void weightsLieAsTheReferenceWritesThem() {
        const Workshop workshop("cases/mamba1-bf16");
        const CheckpointPtr checkpoint = model::Checkpoint::open(workshop.source());
        engine::Engine live = tests::engineOf(checkpoint);
        exportModel(live, makeCpu, tests::randomPlan(checkpoint, 0.5), Form::Ragged, workshop.target(), {},
                    tests::someTokens(live.config(), 4));
        const std::string bytes = tests::readFile(workshop.target() / "model.safetensors");
        std::uint64_t length = 0;
        std::memcpy(&length, bytes.data(), sizeof length);
        QCOMPARE(length % 8, 0U);
        const auto header = nlohmann::ordered_json::parse(bytes.substr(8, length));
        QCOMPARE(header.begin().key(), std::string("__metadata__"));
        QCOMPARE(header.begin().value().at("format").get<std::string>(), std::string("pt"));
        // Larger types first, then by name; offsets follow.
        std::pair<int, std::string> last{0, ""};
        std::int64_t end = 0;
        for (auto entry = std::next(header.begin()); entry != header.end(); ++entry) {
            const std::pair<int, std::string> own{entry.value().at("dtype") == "F32" ? 0 : 1, entry.key()};
            QVERIFY(last < own);
            last = own;
            QCOMPARE(entry.value().at("data_offsets")[0].get<std::int64_t>(), end);
            end = entry.value().at("data_offsets")[1].get<std::int64_t>();
        }
    }

    void changesNothingElseInTheConfiguration() {
        const auto changed = [](const char* text, const model::Config& result) {
            return withStateSizes(text, result, "config.json");
        };
        const char* const python =
            "{\n  \"a\": \"state_size\",\n  \"state_size\": 64,\n"
            "  \"time_step_limit\": [\n    0.0,\n    Infinity\n  ],\n"
            "  \"nested\": {\"state_size\": 3}\n}\n";
        QCOMPARE(changed(python, sizesOf(7, {})), std::string("{\n  \"a\": \"state_size\",\n  \"state_size\": 7,\n"
                                                              "  \"time_step_limit\": [\n    0.0,\n    Infinity\n  ],\n"
                                                              "  \"nested\": {\"state_size\": 3}\n}\n"));
        QCOMPARE(changed("{\"x\":1,\"state_size\" : 64}", sizesOf(9, {{9}, {0}})),
                 std::string("{\"x\":1,\"state_size\" : 9,\"state_size_per_layer\": [9,0]}"));
        QCOMPARE(changed("{\n \"state_size\": 4, \"b\": [{\"}\": \"\\\"\"}]}", sizesOf(3, {{1, 3}, {2, 0}})),
                 std::string("{\n \"state_size\": 3,\n \"state_size_per_layer\": [[1,3],[2,0]], "
                             "\"b\": [{\"}\": \"\\\"\"}]}"));
        // Absent: the default meant.
        QCOMPARE(changed("{\n  \"b\": 1\n}", sizesOf(3, {{1}, {3}})),
                 std::string("{\n  \"state_size\": 3,\n  \"state_size_per_layer\": [1,3],\n  \"b\": 1\n}"));
        // Of a ragged source: replaced or gone.
        QCOMPARE(changed("{\"state_size_per_layer\": [1, 2], \"state_size\": 2}", sizesOf(1, {{1}, {0}})),
                 std::string("{\"state_size_per_layer\": [1,0], \"state_size\": 1}"));
        QCOMPARE(changed("{\"state_size_per_layer\": [1, 2], \"state_size\": 2}", sizesOf(2, {})),
                 std::string("{\"state_size\": 2}"));
        QCOMPARE(changed("{\"state_size\": 2,\n \"state_size_per_layer\": [1, 2]\n}", sizesOf(2, {})),
                 std::string("{\"state_size\": 2\n}"));
        QCOMPARE(changed("{\"state_size_per_layer\": [1]}", sizesOf(2, {})), std::string("{\"state_size\": 2}"));
        QCOMPARE(changed("{\"state\\u005fsize\": 2}", sizesOf(5, {})), std::string("{\"state\\u005fsize\": 5}"));
        QVERIFY_EXCEPTION_THROWN(changed("[1]", sizesOf(1, {})), Error);
    }

    void refusesTargetsBeforeAnyWork() {
        const Workshop workshop("mamba1-recall");
        const CheckpointPtr checkpoint = model::Checkpoint::open(workshop.source());
        const Plan plan = tests::randomPlan(checkpoint, 0.5);
        const auto refusal = [&](const fs::path& target) {
            return QString::fromStdString(whatOf([&] { checkTarget(*checkpoint, plan, Form::Ragged, target); }));
        };
        QCOMPARE(refusal(workshop.target()), QString("nothing thrown"));
        QVERIFY(refusal(workshop.path()).contains("is there already"));
        QVERIFY(refusal(workshop.source()).contains("is there already"));
        QVERIFY(refusal(workshop.source() / "pruned").contains("inside the model"));
        QVERIFY(refusal(workshop.path() / "../model/pruned").contains("inside the model"));
        QVERIFY(refusal(workshop.path() / "no/pruned").contains("no folder"));
        fs::create_directory_symlink(workshop.source(), workshop.path() / "link");
        QVERIFY(refusal(workshop.path() / "link/pruned").contains("inside the model"));
        fs::create_symlink("nowhere", workshop.path() / "dangling");
        QVERIFY(refusal(workshop.path() / "dangling").contains("is there already"));
        if (::geteuid() != 0) {  // root may write anywhere
            fs::permissions(workshop.path(), fs::perms::owner_read | fs::perms::owner_exec);
            QVERIFY(refusal(workshop.target()).contains("Permission denied"));
            fs::permissions(workshop.path(), fs::perms::owner_all);
        }
        const std::vector<std::int32_t> tokens = tests::someTokens(checkpoint->config(), 4);
        engine::Engine live = tests::engineOf(checkpoint);
        QVERIFY_EXCEPTION_THROWN(exportModel(live, makeCpu, plan, Form::Ragged, workshop.path(), {}, tokens), Error);
        QVERIFY_EXCEPTION_THROWN(exportModel(live, makeCpu, plan, Form::Ragged, workshop.target(), {}, {}), Error);
        QVERIFY_EXCEPTION_THROWN(exportModel(live, makeCpu, plan, Form::Ragged, workshop.target(), "[", tokens), Error);
        QVERIFY(!fs::exists(workshop.target()));
    }

    void aFullDiskLeavesNothing() {
        const Workshop workshop("mamba1-recall");
        const CheckpointPtr checkpoint = model::Checkpoint::open(workshop.source());
        const Plan plan = tests::randomPlan(checkpoint, 0.5);
        const std::vector<std::int32_t> tokens = tests::someTokens(checkpoint->config(), 4);
        engine::Engine live = tests::engineOf(checkpoint);
        // Into the header, the tensors, and after them.
        for (const rlim_t bytes : {rlim_t{100}, rlim_t{100'000}, rlim_t{1'000'000}}) {
            const SmallDisk disk(bytes);
            const std::string what =
                whatOf([&] { exportModel(live, makeCpu, plan, Form::Masked, workshop.target(), {}, tokens); });
            if (bytes < rlim_t{300'000}) {
                QVERIFY2(what.find("cannot be written: File too large") != std::string::npos, what.c_str());
                QVERIFY(workshop.nothingLeft());
            }
        }
    }

    void aModelThatComputesSomethingElseIsNotKept() {
        const Workshop workshop("cases/mamba2-bf16");
        const CheckpointPtr checkpoint = model::Checkpoint::open(workshop.source());
        engine::Engine live = tests::engineOf(checkpoint);
        // The live engine has converted its weights; the file changes under it.
        std::string bytes = tests::readFile(workshop.source() / "model.safetensors");
        const std::size_t middle = bytes.size() / 2;
        for (std::size_t i = middle; i < middle + 2000; ++i) bytes[i] = static_cast<char>(i % 63);
        std::fstream file(workshop.source() / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
        file << bytes << std::flush;
        const std::string what = whatOf([&] {
            exportModel(live, makeCpu, tests::randomPlan(checkpoint, 0.5), Form::Ragged, workshop.target(), {},
                        tests::someTokens(live.config(), 20));
        });
        QVERIFY2(what.find("was not kept") != std::string::npos, what.c_str());
        QVERIFY(workshop.nothingLeft());
    }

    void cancelledItLeavesNothing() {
        const Workshop workshop("mamba2-recall");
        const CheckpointPtr checkpoint = model::Checkpoint::open(workshop.source());
        engine::Engine live = tests::engineOf(checkpoint);
        const std::vector<std::int32_t> tokens = tests::someTokens(live.config(), 500);
        for (const double when : {0.0, 0.3, 0.7, 0.8, 1.0}) {
            std::stop_source stop;
            const auto progress = [&](const profile::Progress& now) {
                if (now.done >= when) stop.request_stop();
            };
            QVERIFY_EXCEPTION_THROWN(exportModel(live, makeCpu, tests::randomPlan(checkpoint, 0.5), Form::Ragged,
                                                 workshop.target(), {}, tokens, progress, stop.get_token()),
                                     Cancelled);
            QVERIFY(workshop.nothingLeft());
        }
    }

    void aBackendThatFailsLeavesNothing() {
        const Workshop workshop("mamba2-recall");
        const CheckpointPtr checkpoint = model::Checkpoint::open(workshop.source());
        engine::Engine live = tests::engineOf(checkpoint);
        const auto failing = []() -> std::unique_ptr<kernels::Backend> { throw Error("cpu", "out of memory"); };
        QVERIFY_EXCEPTION_THROWN(exportModel(live, failing, tests::randomPlan(checkpoint, 0.5), Form::Ragged,
                                             workshop.target(), {}, tests::someTokens(live.config(), 5)),
                                 Error);
        QVERIFY(workshop.nothingLeft());
    }
};

QTEST_GUILESS_MAIN(TestExport)
#include "test_export.moc"
