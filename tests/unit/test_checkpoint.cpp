// Opening checkpoints: what is read, and one clear message for everything that can be wrong.
#include <QElapsedTimer>
#include <QTest>

#include "core/model/checkpoint.h"
#include "core/profile/system_info.h"
#include "kernels/error.h"
#include "tests/support/checkpoint_folder.h"

using namespace perfmamba;
using model::Checkpoint;
using tests::CheckpointFolder;
using tests::readFile;
using tests::writeFile;
namespace fs = std::filesystem;

namespace {

using Spoil = std::function<void(const CheckpointFolder&)>;
using Header = nlohmann::ordered_json;

constexpr const char* kTensor = "backbone.layers.1.mixer.A_log";

/// What opening `path` complains about; empty when it opens.
std::string complaint(const fs::path& path) {
    try {
        (void)Checkpoint::open(path);
        return {};
    } catch (const Error& error) {
        return error.what();
    }
}

Spoil header(std::function<void(Header&)> edit) {
    return [edit = std::move(edit)](const CheckpointFolder& folder) { folder.editHeader(edit); };
}

Spoil config(std::string from, std::string to) {
    return
        [from = std::move(from), to = std::move(to)](const CheckpointFolder& folder) { folder.editConfig(from, to); };
}

Spoil weights(std::function<std::string(std::string)> edit) {
    return [edit = std::move(edit)](const CheckpointFolder& folder) {
        const fs::path file = folder.path() / "model.safetensors";
        writeFile(file, edit(readFile(file)));
    };
}

/// Splits the checkpoint in two shards with an index, which `edit` may spoil.
void shard(const CheckpointFolder& folder, const std::function<void(nlohmann::json&)>& edit) {
    const fs::path whole = folder.path() / "model.safetensors";
    const std::string bytes = readFile(whole);
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    const auto all = Header::parse(bytes.substr(8, length));
    const std::string data = bytes.substr(8 + length);
    nlohmann::json index{{"metadata", nlohmann::json::object()}, {"weight_map", nlohmann::json::object()}};
    std::array<Header, 2> headers{Header::object(), Header::object()};
    std::array<std::string, 2> parts;
    const std::array<std::string, 2> names{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"};
    std::size_t i = 0;
    for (const auto& [name, value] : all.items()) {
        if (name == "__metadata__") continue;
        const std::size_t which = i++ % 2;
        const auto begin = value["data_offsets"][0].get<std::size_t>();
        const auto end = value["data_offsets"][1].get<std::size_t>();
        Header entry = value;
        entry["data_offsets"] = {parts[which].size(), parts[which].size() + end - begin};
        headers[which][name] = entry;
        parts[which] += data.substr(begin, end - begin);
        index["weight_map"][name] = names[which];
    }
    edit(index);
    for (std::size_t which = 0; which < 2; ++which) {
        writeFile(folder.path() / names[which], tests::safetensors(headers[which].dump(), parts[which]));
    }
    writeFile(folder.path() / "model.safetensors.index.json", index.dump());
    fs::remove(whole);
}

}  // namespace

class TestCheckpoint : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void opensDemos() {
        const fs::path demos = fs::path(PERFMAMBA_SOURCE_DIR) / "resources/demo";
        const auto mamba1 = Checkpoint::open(demos / "mamba1-bytes");
        QCOMPARE(mamba1->config().architecture, model::Architecture::Mamba1);
        QCOMPARE(mamba1->config().dt_rank, 8);
        QCOMPARE(mamba1->parameters(), 732544);  // training.json
        const auto mamba2 = Checkpoint::open(demos / "mamba2-recall");
        QCOMPARE(mamba2->config().architecture, model::Architecture::Mamba2);
        QCOMPARE(mamba2->config().n_heads, 8);
        QCOMPARE(mamba2->parameters(), 73776);
        QCOMPARE(mamba2->storedType(), std::string("float32"));
        QVERIFY(mamba1->hash() != mamba2->hash());
        // A file in the folder means the folder.
        QCOMPARE(Checkpoint::open(demos / "mamba2-recall" / "config.json")->hash(), mamba2->hash());
        QCOMPARE(mamba2->name(), std::string("mamba2-recall"));
    }

    void opensShards() {
        const CheckpointFolder folder;
        const auto whole = Checkpoint::open(folder.path());
        shard(folder, [](auto&) {});
        const auto sharded = Checkpoint::open(folder.path());
        QCOMPARE(sharded->tensors().size(), whole->tensors().size());
        for (const auto& [name, tensor] : whole->tensors()) {
            QVERIFY(sharded->tensor(name).toFloat() == tensor.toFloat());
        }
    }

    void opensTransformers5Config() {
        const CheckpointFolder folder;
        folder.editConfig("Infinity", R"({"__float__": "Infinity"})");
        QVERIFY(std::isinf(Checkpoint::open(folder.path())->config().dt_max));
    }

    void refuses_data() {
        QTest::addColumn<Spoil>("spoil");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* what, const Spoil& spoil, const char* says) {
            QTest::newRow(what) << spoil << QString::fromUtf8(says);
        };
        row(
            "no config", [](const auto& f) { fs::remove(f.path() / "config.json"); }, "no config.json");
        row(
            "no weights", [](const auto& f) { fs::remove(f.path() / "model.safetensors"); },
            "neither model.safetensors nor pytorch_model.bin");
        row(
            "weights are a folder",
            [](const auto& f) {
                fs::remove(f.path() / "model.safetensors");
                fs::create_directory(f.path() / "model.safetensors");
            },
            "not a regular file");
        row(
            "pickle only",
            [](const auto& f) { fs::rename(f.path() / "model.safetensors", f.path() / "pytorch_model.bin"); },
            "not a PyTorch file");

        row("config is not JSON", config("{", "["), "config.json: is not valid JSON: parse error at line");
        row(
            "config is cut", [](const auto& f) { writeFile(f.path() / "config.json", "{\"model_type\": \"mam"); },
            "not valid JSON");
        row(
            "config is empty", [](const auto& f) { writeFile(f.path() / "config.json", ""); }, "not valid JSON");
        row(
            "config is a list", [](const auto& f) { writeFile(f.path() / "config.json", "[]"); }, "not a JSON object");
        row("config is nested deeply",
            config("\"hidden_size\": 64", "\"hidden_size\": " + std::string(300'000, '[') + std::string(300'000, ']')),
            "nested too deeply");
        row("key twice", config("\"head_dim\": 16", "\"head_dim\": 16, \"head_dim\": 16"), "\"head_dim\" twice");
        row("another kind of model", config("\"model_type\": \"mamba2\"", "\"model_type\": \"llama\""), "\"llama\"");
        row("a hybrid", config("\"model_type\": \"mamba2\"", "\"model_type\": \"bamba\""), "\"bamba\"");
        row("no hidden_size", config("\"hidden_size\"", "\"hidden\""), "lacks the key \"hidden_size\"");
        row("text for a number", config("\"hidden_size\": 64", "\"hidden_size\": \"64\""), "not an integer");
        row("a negative number", config("\"hidden_size\": 64", "\"hidden_size\": -64"), "out of range");
        row("a huge number", config("\"hidden_size\": 64", "\"hidden_size\": 18446744073709551615"), "out of range");
        row("a fraction", config("\"hidden_size\": 64", "\"hidden_size\": 64.5"), "not an integer");
        row("zero", config("\"state_size\": 64", "\"state_size\": 0"), "out of range");
        row("heads do not fit", config("\"head_dim\": 16", "\"head_dim\": 15"), "head_dim 15 is not d_inner 128");
        row("groups do not fit", config("\"n_groups\": 1", "\"n_groups\": 3"), "not a multiple of n_groups 3");
        row("limits turned round", config("0.0,\n    Infinity", "2.0, 1.0"), "not an interval");
        row("limits not numbers", config("0.0,\n    Infinity", "\"a\", 1.0"), "not a number");
        row("another activation", config("\"silu\"", "\"gelu\""), "only silu");

        row("config: fewer layers", config("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1"),
            "num_hidden_layers 1, but there is a tensor backbone.layers.1");
        row("config: more layers", config("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"),
            "backbone.layers.2.norm.weight is missing");
        row("config: more states", config("\"state_size\": 64", "\"state_size\": 65"), "config.json makes it");
        row("config: larger vocabulary", config("\"vocab_size\": 65", "\"vocab_size\": 66"), "vocab_size 66");
        row("config: biases", config("\"use_bias\": false", "\"use_bias\": true"), "in_proj.bias is missing");
        row("config: no conv bias", config("\"use_conv_bias\": true", "\"use_conv_bias\": false"), "contradicts");
        row("config: untied", config("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false"),
            "lm_head.weight is missing");

        row("missing tensor", header([](Header& h) {
                h["renamed"] = h[kTensor];
                h.erase(kTensor);
            }),
            "A_log is missing");
        row("misshapen tensor", header([](Header& h) { h[kTensor]["shape"] = {2, 4}; }), "has shape (2, 4)");
        row("offsets overlap", header([](Header& h) {
                const auto begin = h[kTensor]["data_offsets"][0].get<std::uint64_t>() - 4;
                h[kTensor]["data_offsets"] = {begin, begin + 32};
            }),
            "overlaps");
        row("offsets leave a hole", header([](Header& h) { h.erase(kTensor); }), "hole");
        row("offsets beyond the end", header([](Header& h) {
                h[kTensor]["data_offsets"] = {1ULL << 40U, (1ULL << 40U) + 32};
            }),
            "truncated");
        row("offsets turned round", header([](Header& h) { h[kTensor]["data_offsets"] = {32, 0}; }), "not a range");
        row("offsets negative", header([](Header& h) { h[kTensor]["data_offsets"] = {-32, 0}; }), "data_offsets");
        row("one offset", header([](Header& h) { h[kTensor]["data_offsets"] = {0}; }), "not a range");
        row("shape too large", header([](Header& h) {
                h[kTensor]["shape"] = {1ULL << 62U, 1ULL << 62U};
            }),
            "too large to exist");
        row("shape and bytes disagree", header([](Header& h) { h[kTensor]["shape"] = {7}; }), "need 28");
        row("shape nested deeply", weights([](const std::string& b) {
                std::uint64_t length = 0;
                std::memcpy(&length, b.data(), sizeof length);
                const std::string deep = std::string(300'000, '[') + std::string(300'000, ']');
                return tests::safetensors(R"({"a":{"dtype":"F32","shape":)" + deep + "}}", b.substr(8 + length));
            }),
            "nested too deeply");
        row("unknown type", header([](Header& h) { h[kTensor]["dtype"] = "F13"; }), "unknown type F13");
        row("integers", header([](Header& h) { h[kTensor]["dtype"] = "I32"; }), "is of type I32");
        row("no dtype", header([](Header& h) { h[kTensor].erase("dtype"); }), "lacks dtype");
        row("tensor is a number", header([](Header& h) { h[kTensor] = 3; }), "lacks dtype");

        row("empty file", weights([](const std::string&) { return ""; }), "too short");
        row("five bytes", weights([](const std::string& b) { return b.substr(0, 5); }), "too short");
        row("header cut", weights([](const std::string& b) { return b.substr(0, 300); }), "claims a header");
        row("data cut", weights([](const std::string& b) { return b.substr(0, b.size() - 1); }), "truncated");
        row("bytes after the data", weights([](const std::string& b) { return b + "x"; }), "after its last tensor");
        row("header length lies", weights([](std::string b) { return b.replace(0, 8, 8, '\xff'); }), "claims a header");
        row("header is not JSON", weights([](std::string b) { return b.replace(8, 1, "["); }), "not valid JSON");
        row("tensor twice", weights([](const std::string& b) {
                std::uint64_t length = 0;
                std::memcpy(&length, b.data(), sizeof length);
                std::string text = b.substr(8, length);
                text.insert(1, R"("__metadata__": {},)");
                return tests::safetensors(text, b.substr(8 + length));
            }),
            "twice");

        const auto index = [](std::function<void(nlohmann::json&)> edit) {
            return [edit = std::move(edit)](const CheckpointFolder& f) { shard(f, edit); };
        };
        row("index: no map", index([](auto& i) { i.erase("weight_map"); }), "no \"weight_map\"");
        row("index: leaves the folder", index([](auto& i) { i["weight_map"][kTensor] = "../x.safetensors"; }),
            "outside the folder");
        row("index: absolute", index([](auto& i) { i["weight_map"][kTensor] = "/etc/passwd"; }), "outside the folder");
        row("index: shard missing", index([](auto& i) { i["weight_map"][kTensor] = "none.safetensors"; }),
            "none.safetensors");
        row("index: wrong shard",
            index([](auto& i) { i["weight_map"]["backbone.layers.7"] = "model-00001-of-00002.safetensors"; }),
            "which the index places there");
    }
    void refuses() {
        QFETCH(Spoil, spoil);
        QFETCH(QString, says);
        const CheckpointFolder folder;
        QCOMPARE(complaint(folder.path()), std::string());
        spoil(folder);
        const QString message = QString::fromStdString(complaint(folder.path()));
        QVERIFY2(message.contains(says), qPrintable(message));
        QVERIFY2(message.contains(QString::fromStdString(folder.path().string())), qPrintable(message));
        QVERIFY2(!message.contains(u'\n'), qPrintable(message));
    }

    void noSuchFolder() { QVERIFY(complaint("/nowhere/at-all").find("no such folder") != std::string::npos); }

    void tensorInTwoShards() {
        const CheckpointFolder folder;
        const std::string whole = readFile(folder.path() / "model.safetensors");
        shard(folder, [](auto&) {});
        writeFile(folder.path() / "model-00002-of-00002.safetensors", whole);
        QVERIFY(complaint(folder.path()).find("also in another shard") != std::string::npos);
    }

    /// Random damage gives an Error or a checkpoint, and nothing else.
    void survivesRandomBytes() {
        const CheckpointFolder folder;
        std::srand(1);
        for (const char* name : {"config.json", "model.safetensors"}) {
            const fs::path file = folder.path() / name;
            const std::string good = readFile(file);
            const std::size_t reach = std::min<std::size_t>(good.size(), 4000);
            for (int round = 0; round < 400; ++round) {
                std::string bad = good;
                for (int i = 0; i < 1 + round % 5; ++i) {
                    bad[static_cast<std::size_t>(std::rand()) % reach] = static_cast<char>(std::rand());
                }
                if (round % 7 == 0) bad.resize(static_cast<std::size_t>(std::rand()) % bad.size());
                writeFile(file, bad);
                (void)complaint(folder.path());
            }
            writeFile(file, good);
        }
    }

    /// Ten gigabytes, of which opening touches the header only. The file is sparse.
    void opensTenGigabytes() {
        const CheckpointFolder folder("mamba1-bytes");
        const std::int64_t rows = 20'000'000;
        folder.editConfig("\"vocab_size\": 256", "\"vocab_size\": " + std::to_string(rows));
        std::int64_t end = 0;
        folder.editHeader([&](Header& h) {
            for (auto& [name, value] : h.items()) {
                if (name == "__metadata__") continue;
                std::int64_t bytes = 4;
                if (name == "backbone.embeddings.weight") value["shape"][0] = rows;
                for (const auto& extent : value["shape"]) bytes *= extent.get<std::int64_t>();
                value["data_offsets"] = {end, end + bytes};
                end += bytes;
            }
        });
        const fs::path file = folder.path() / "model.safetensors";
        std::uint64_t header_bytes = 0;
        std::memcpy(&header_bytes, readFile(file).data(), sizeof header_bytes);
        fs::resize_file(file, 8 + header_bytes + static_cast<std::uint64_t>(end));
        QVERIFY(fs::file_size(file) > 10'000'000'000ULL);

        const std::int64_t before = profile::residentBytes();
        QElapsedTimer timer;
        timer.start();
        const auto checkpoint = Checkpoint::open(folder.path());
        qInfo("opened in %lld ms", static_cast<long long>(timer.elapsed()));
        QVERIFY(timer.elapsed() < 1000);
        QVERIFY(profile::residentBytes() - before < 20'000'000);
        QCOMPARE(checkpoint->fileBytes(), static_cast<std::int64_t>(fs::file_size(file)));
    }
};

QTEST_GUILESS_MAIN(TestCheckpoint)
#include "test_checkpoint.moc"
