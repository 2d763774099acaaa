// Models as other programs write them: state-spaces' folders, PyTorch's files, GGUF; and those that are refused.
#include <QTemporaryDir>
#include <QTest>

#include <cmath>

#include "core/model/checkpoint.h"
#include "core/model/gguf.h"
#include "core/model/gguf_writer.h"
#include "core/model/torch_file.h"
#include "core/prune/export.h"
#include "kernels/error.h"
#include "tests/support/checkpoint_folder.h"
#include "tests/support/pruning.h"
#include "tests/support/zip_file.h"

using namespace perfmamba;
using model::Checkpoint;
using tests::CheckpointPtr;
using tests::readFile;
using tests::writeFile;
namespace fs = std::filesystem;
namespace pk = tests::pickle;

namespace {

const fs::path kFormats = fs::path(PERFMAMBA_SOURCE_DIR) / "tests/golden/formats";
const fs::path kCases = fs::path(PERFMAMBA_SOURCE_DIR) / "tests/golden/cases";

std::string whatOf(const std::function<void()>& run) {
    try {
        run();
    } catch (const Error& error) {
        return error.what();
    }
    return "nothing thrown";
}

QString refusal(const fs::path& path) {
    return QString::fromStdString(whatOf([&] { (void)Checkpoint::open(path); }));
}

/// The largest difference of two tensors' numbers, over the largest number.
double difference(const HostTensor& a, const HostTensor& b) {
    const std::vector<float> x = a.toFloat();
    const std::vector<float> y = b.toFloat();
    if (a.shape != b.shape) return HUGE_VAL;
    double most = 0;
    double largest = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        most = std::max(most, std::abs(double{x[i]} - double{y[i]}));
        largest = std::max(largest, std::abs(double{y[i]}));
    }
    return largest > 0 ? most / largest : most;
}

void compare(const Checkpoint& got, const Checkpoint& expected, double tolerance) {
    for (const auto& [name, tensor] : expected.tensors()) {
        if (name == "lm_head.weight" && expected.config().tie_embeddings) continue;
        QVERIFY2(got.has(name), name.c_str());
        const double off = difference(got.tensor(name), tensor);
        QVERIFY2(off <= tolerance, qPrintable(QString("%1: %2").arg(name.c_str()).arg(off)));
    }
    const model::Config& a = got.config();
    const model::Config& b = expected.config();
    QCOMPARE(a.architecture, b.architecture);
    QCOMPARE(a.d_model, b.d_model);
    QCOMPARE(a.n_layer, b.n_layer);
    QCOMPARE(a.d_inner, b.d_inner);
    QCOMPARE(a.d_state, b.d_state);
    QCOMPARE(a.d_conv, b.d_conv);
    QCOMPARE(a.dt_rank, b.dt_rank);
    QCOMPARE(a.n_heads, b.n_heads);
    QCOMPARE(a.n_groups, b.n_groups);
    QCOMPARE(a.tie_embeddings, b.tie_embeddings);
    QCOMPARE(a.vocab_padded, b.vocab_padded);
    // What it says in Hugging Face's words means the same.
    const model::Config again = model::parseConfig(got.configText(), "config.json");
    QCOMPARE(again.d_inner, a.d_inner);
    QCOMPARE(again.dt_rank, a.dt_rank);
    QCOMPARE(again.n_groups, a.n_groups);
    QCOMPARE(again.vocab_size, a.vocab_size);
    QCOMPARE(again.dt_max, a.dt_max);
    QCOMPARE(again.tie_embeddings, a.tie_embeddings);
}

class Folder {
public:
    Folder() = default;
    /// With a copy of these files.
    explicit Folder(const fs::path& source) { fs::copy(source, path()); }
    [[nodiscard]] fs::path path() const { return m_folder.path().toStdString(); }
    fs::path write(const std::string& name, const std::string& bytes) const {
        writeFile(path() / name, bytes);
        return path() / name;
    }

private:
    QTemporaryDir m_folder;
};

QString torchRefusal(const std::string& bytes) {
    const Folder folder;
    const fs::path file = folder.write("pytorch_model.bin", bytes);
    return QString::fromStdString(whatOf([&] { (void)model::readTorchFile(file); }));
}

std::unique_ptr<kernels::Backend> makeCpu() {
    return kernels::makeBackend("cpu", {.threads = 2});
}

}  // namespace

class TestFormats : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // State-spaces and PyTorch ------------------------------------------------------------------------------------

    void opensStateSpaces_data() {
        QTest::addColumn<QString>("folder");
        QTest::addColumn<QString>("original");
        QTest::newRow("Mamba-1, padded, tied") << "state-spaces-mamba1"
                                               << "mamba1-padded-vocab";
        QTest::newRow("Mamba-2, two types, shards") << "state-spaces-mamba2"
                                                    << "mamba2-bf16";
        QTest::newRow("views, parameters, doubles") << "torch-awkward"
                                                    << "mamba2-state5";
    }
    void opensStateSpaces() {
        QFETCH(QString, folder);
        QFETCH(QString, original);
        const CheckpointPtr got = Checkpoint::open(kFormats / folder.toStdString());
        const CheckpointPtr expected = Checkpoint::open(kCases / original.toStdString());
        // Doubles that came from floats are the same floats.
        compare(*got, *expected, 0);
        QCOMPARE(got->parameters(), [&] {
            std::int64_t count = 0;
            for (const auto& [name, tensor] : expected->tensors()) {
                if (name != "lm_head.weight") count += tensor.elements();
            }
            return count;
        }());
        QVERIFY(!got->has("backbone.embedding.weight"));
        // Tokens may be of the rows that were added.
        QCOMPARE(got->config().vocab_size, got->config().vocab_padded);
    }

    void namesShardsThatAreMissingOrDoubled() {
        const Folder folder(kFormats / "state-spaces-mamba2");
        const fs::path second = folder.path() / "pytorch_model-00002-of-00002.bin";
        const std::string bytes = readFile(second);
        fs::remove(second);
        const QString missing = refusal(folder.path());
        QVERIFY2(missing.contains("pytorch_model-00002-of-00002.bin: is missing"), qPrintable(missing));
        writeFile(second, readFile(folder.path() / "pytorch_model-00001-of-00002.bin"));
        QVERIFY2(refusal(folder.path()).contains("which the index places there"), qPrintable(refusal(folder.path())));
        writeFile(second, bytes.substr(0, bytes.size() / 2));
        QVERIFY2(refusal(folder.path()).contains("damaged zip file"), qPrintable(refusal(folder.path())));
    }

    void refusesPickles_data() {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("says");
        QTest::newRow("old") << "old-format"
                             << "before version 1.6";
        QTest::newRow("runs code") << "runs-code"
                                   << "asks for posix.system";
        QTest::newRow("a module") << "module"
                                  << "asks for torch.nn.modules.linear.Linear";
        QTest::newRow("a list") << "list"
                                << "no state dict";
        QTest::newRow("a number") << "number"
                                  << "\"step\", which is no tensor";
        QTest::newRow("a stride of 0") << "repeated"
                                       << "tensor x repeats";
        QTest::newRow("big-endian") << "big-endian"
                                    << "big-endian numbers";
        QTest::newRow("compressed") << "compressed"
                                    << "compressed or encrypted";
        QTest::newRow("good") << "good"
                              << "nothing thrown";
        QTest::newRow("int8") << "int8"
                              << "nothing thrown";
    }
    void refusesPickles() {
        QFETCH(QString, file);
        QFETCH(QString, says);
        const QString message = torchRefusal(readFile(kFormats / "torch-refused" / (file.toStdString() + ".bin")));
        QVERIFY2(message.contains(says), qPrintable(message));
        QVERIFY(!message.contains(u'\n'));
    }

    /// A pickle of a few bytes each.
    void refusesInstructions_data() {
        QTest::addColumn<QByteArray>("pickle");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* what, const std::string& bytes, const char* says) {
            QTest::newRow(what) << QByteArray::fromStdString(bytes) << says;
        };
        const auto with = [](const std::string& value) { return pk::dict("x", value); };
        row("good", with(pk::tensor(4, 0, {2, 2}, {2, 1})), "nothing thrown");
        row("nothing", "", "broken pickle");
        row("stop", ".", "broken pickle");
        row("no stop", "\x80\x02}", "broken pickle");
        row("protocol 9", "\x80\x09}.", "broken pickle");
        row("inst", "(ios\nsystem\n.", "instruction INST");
        row("obj", "(o.", "instruction OBJ");
        row("newobj", "\x80\x02}\x81.", "instruction NEWOBJ");
        row("ext", "\x82\x01.", "instruction EXT1");
        row("persid", "P0\n.", "instruction PERSID");
        row("dup", "}2.", "instruction DUP");
        row("unknown", "\xff.", "instruction 0xff");
        row("eval", with(pk::global("builtins", "eval") + pk::tuple({pk::text("1")}) + "R"), "builtins.eval");
        row("stack global", with(pk::text("os") + pk::text("system") + "\x93" + ")R"), "os.system");
        row("code of torch", with(pk::global("torch", "load") + ")R"), "torch.load");
        row("a storage called", with(pk::global("torch", "FloatStorage") + ")R"), "broken pickle");
        row("a dictionary with items", with(pk::global("collections", "OrderedDict") + pk::tuple({")"}) + "R"),
            "broken");
        row("build of a tensor", with(pk::tensor(4, 0, {4}, {1}) + "}b"), "sets attributes");
        row("beyond the storage", with(pk::tensor(4, 1, {4}, {1})), "beyond its storage");
        row("before the storage", with(pk::tensor(4, -1, {4}, {1})), "beyond its storage");
        row("beyond by a stride", with(pk::tensor(4, 0, {2, 2}, {3, 1})), "beyond its storage");
        row("overflow", with(pk::tensor(4, 0, {2147483647, 2147483647, 2147483647}, {2147483647, 2147483647, 1})),
            "beyond its storage");
        row("a large stride of one", with(pk::tensor(4, 0, {1, 4}, {2147483647, 1})), "nothing thrown");
        row("negative extent", with(pk::tensor(4, 0, {-1}, {1})), "broken pickle");
        row("negative stride", with(pk::tensor(4, 3, {4}, {-1})), "broken pickle");
        row("shape and strides differ", with(pk::tensor(4, 0, {2, 2}, {1})), "broken pickle");
        row("nine axes", with(pk::tensor(4, 0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1})), "broken");
        row("more than the record", with(pk::tensor(5, 0, {4}, {1})), "truncated or damaged");
        row("a negative storage", with(pk::tensor(-4, 0, {4}, {1})), "truncated or damaged");
        row("empty", with(pk::tensor(4, 9, {0, 3}, {7, 7})), "nothing thrown");
        row("twice",
            "\x80\x02}(" + pk::text("x") + pk::tensor(4, 0, {4}, {1}) + pk::text("x") + pk::tensor(4, 0, {4}, {1}) +
                "u.",
            "is there twice");
        row("a million and more", std::string(1'100'000, '}') + ".", "more than a million objects");
        row("remembered far away", "\x80\x02}r\xff\xff\xff\x7f.", "broken pickle");
        row("never remembered", "\x80\x02h\x05.", "broken pickle");
        row("mark on top", "(.", "broken pickle");
        row("tuple without mark", "\x80\x02}t.", "broken pickle");
        row("items without mark", "\x80\x02}u.", "broken pickle");
        row("key without value", "\x80\x02}(" + pk::text("x") + "u.", "broken pickle");
        row("number as key", "\x80\x02}K\x01K\x02s.", "not names of tensors");
        row("a text beyond the end", "\x80\x02}X\xff\xff\xff\xff", "broken pickle");
        row("a long number", std::string("\x8a\xff\x01.", 4), "broken pickle");
    }
    void refusesInstructions() {
        QFETCH(QByteArray, pickle);
        QFETCH(QString, says);
        const QString message = torchRefusal(tests::torchFile(pickle.toStdString()));
        QVERIFY2(message.contains(says), qPrintable(message));
    }

    void refusesOtherFiles() {
        QVERIFY(torchRefusal("").contains("not a PyTorch file"));
        QVERIFY(torchRefusal("hello").contains("not a PyTorch file"));
        QVERIFY(torchRefusal(tests::zipFile({{"a.txt", "b"}})).contains("holds no data.pkl"));
        const std::string lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n";
        QVERIFY(torchRefusal(lfs).contains("pointer of Git LFS"));
        const std::string pickle = pk::dict("x", pk::tensor(4, 0, {4}, {1}));
        QVERIFY(torchRefusal(tests::zipFile({{"m/data.pkl", pickle}})).contains("data/0, which is missing"));
        // A directory that promises four billion members.
        std::string many = tests::torchFile(pickle);
        for (const std::size_t from_end : {14U, 12U}) many.replace(many.size() - from_end, 2, "\xff\xff");
        QVERIFY(torchRefusal(many).contains("damaged zip file"));
    }

    /// Five gigabytes, of which opening touches the ends only. The file is sparse.
    void readsHugeFiles() {
        const Folder folder;
        constexpr std::int32_t kElements = 1'300'000'000;
        constexpr std::uint64_t kBytes = std::uint64_t{kElements} * 4;
        const fs::path file = folder.path() / "pytorch_model.bin";
        tests::writeHugeTorchFile(file, pk::dict("x", pk::tensor(kElements, kElements - 6, {2, 3}, {3, 1})), kBytes, 7);
        const model::WeightFile weights = model::readTorchFile(file);
        const std::vector<float> values = model::hostTensor("x", weights.tensors.at("x"), file).toFloat();
        QCOMPARE(values, std::vector<float>({0, 0, 0, 0, 0, 7}));
    }

    void namesTypesItCannotComputeWith() {
        const Folder folder(kFormats / "state-spaces-mamba1");
        fs::copy_file(kFormats / "torch-refused/int8.bin", folder.path() / "pytorch_model.bin",
                      fs::copy_options::overwrite_existing);
        const QString message = refusal(folder.path());
        QVERIFY2(message.contains("tensor x is of type I8; F64, F32, F16, BF16"), qPrintable(message));
    }

    void exportsBecomeHuggingFaceFolders() {
        const CheckpointPtr source = Checkpoint::open(kFormats / "state-spaces-mamba1");
        const Folder folder;
        engine::Engine live = tests::engineOf(source);
        const prune::Plan all = prune::fullPlan(source->config(), source->name(), source->hash());
        prune::exportModel(live, makeCpu, all, prune::Form::Ragged, folder.path() / "hf", {},
                           tests::someTokens(source->config(), 20));
        QVERIFY(!fs::exists(folder.path() / "hf/pruning.json"));
        const CheckpointPtr reopened = Checkpoint::open(folder.path() / "hf");
        compare(*reopened, *source, 0);
        const auto config = nlohmann::json::parse(readFile(folder.path() / "hf/config.json"));
        QCOMPARE(config.at("model_type").get<std::string>(), std::string("mamba"));
        QCOMPARE(config.at("vocab_size").get<int>(), 40);
    }

    // Kinds of models ---------------------------------------------------------------------------------------------

    void refusesOtherModels_data() {
        QTest::addColumn<QString>("config");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* what, const char* text, const char* says) {
            QTest::newRow(what) << text << says;
        };
        row("jamba", R"({"model_type": "jamba", "attn_layer_offset": 4, "attn_layer_period": 8})",
            "layer 4 is attention");
        row("zamba2", R"({"model_type": "zamba2", "layers_block_type": ["mamba", "hybrid"]})", "layer 1 is hybrid");
        row("bamba", R"({"model_type": "bamba", "attn_layer_indices": [9, 18]})", "layer 9 is attention");
        row("nemotron", R"({"model_type": "nemotron_h", "hybrid_override_pattern": "MM-M*"})", "layer 2 is an MLP");
        row("granite", R"({"model_type": "granitemoehybrid", "layer_types": ["mamba", "attention"]})",
            "layer 1 is attention");
        row("falcon h1", R"({"model_type": "falcon_h1"})", "attention in every layer");
        row("zamba", R"({"model_type": "zamba"})", "shared attention");
        row("llama", R"({"model_type": "llama"})", "type \"llama\", not a Mamba model");
        row("nothing", R"({"a": 1})", "names no model_type");
        row("state-spaces with attention", R"({"d_model": 8, "n_layer": 4, "vocab_size": 8, "attn_layer_idx": [2, 3]})",
            "layer 2 is attention");
        row("state-spaces with MLPs", R"({"d_model": 8, "n_layer": 4, "vocab_size": 8, "d_intermediate": 64})",
            "every layer has an MLP");
        row("LayerNorm", R"({"d_model": 8, "n_layer": 4, "vocab_size": 8, "rms_norm": false})", "LayerNorm");
        row("Mamba3", R"({"d_model": 8, "n_layer": 4, "vocab_size": 8, "ssm_cfg": {"layer": "Mamba3"}})", "\"Mamba3\"");
        row("norm before the gate",
            R"({"d_model": 64, "n_layer": 4, "vocab_size": 8, "ssm_cfg": {"layer": "Mamba2", "norm_before_gate": true}})",
            "norm_before_gate");
        row("heads", R"({"d_model": 33, "n_layer": 4, "vocab_size": 8, "ssm_cfg": {"layer": "Mamba2"}})",
            "not a multiple of headdim 64");
        row("no layers", R"({"d_model": 33, "vocab_size": 8})", "lacks the key \"n_layer\"");
        row("ssm_cfg", R"({"d_model": 33, "n_layer": 1, "vocab_size": 8, "ssm_cfg": []})", "not an object");
        row("a long value",
            R"({"d_model": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})",
            "…, not an integer");
    }
    void refusesOtherModels() {
        QFETCH(QString, config);
        QFETCH(QString, says);
        const Folder folder;
        folder.write("config.json", config.toStdString());
        const QString message = refusal(folder.path());
        QVERIFY2(message.contains(says), qPrintable(message));
        QVERIFY2(message.contains("config.json"), qPrintable(message));
    }

    /// transformers gates first whatever the key says; Codestral-Mamba's config.json says true.
    void normBeforeGateMeansNothingInHuggingFace() {
        const tests::CheckpointFolder folder;
        folder.editConfig("\"norm_before_gate\": false", "\"norm_before_gate\": true");
        (void)Checkpoint::open(folder.path());
    }

    void opensMistralsLayout() {
        const CheckpointPtr original = Checkpoint::open(kCases / "mamba2-state128");
        const Folder folder;
        const std::string bytes = readFile(kCases / "mamba2-state128/model.safetensors");
        std::uint64_t length = 0;
        std::memcpy(&length, bytes.data(), sizeof length);
        auto header = nlohmann::ordered_json::parse(bytes.substr(8, length));
        nlohmann::ordered_json renamed;
        for (const auto& [name, value] : header.items()) {
            std::string other = name == "__metadata__" ? name : "model." + name;
            if (const std::size_t at = other.find("embeddings"); at != std::string::npos) other.erase(at + 9, 1);
            renamed[other] = value;
        }
        folder.write("consolidated.safetensors", tests::safetensors(renamed.dump(), bytes.substr(8 + length)));
        folder.write("params.json",
                     R"({"dim": 32, "n_layers": 2, "vocab_size": 29, "n_groups": 1, "model_type": "mamba",
                         "rms_norm": true, "tie_embeddings": true, "pad_vocab_size_multiple": 1})");
        compare(*Checkpoint::open(folder.path()), *original, 0);
    }

    // GGUF --------------------------------------------------------------------------------------------------------

    void opensGguf_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<double>("tolerance");
        QTest::newRow("F32") << "mamba1-lengths" << 3e-7;
        QTest::newRow("F16, groups") << "mamba2-groups2" << 5e-4;
        QTest::newRow("BF16") << "mamba1-bf16" << 3e-7;
        QTest::newRow("Q8_0") << "mamba2-lengths" << 5e-3;
    }
    void opensGguf() {
        QFETCH(QString, name);
        QFETCH(double, tolerance);
        const CheckpointPtr expected = Checkpoint::open(kCases / name.toStdString());
        const Folder folder;
        const fs::path file = folder.path() / (name.toStdString() + ".gguf");
        fs::copy_file(kFormats / "gguf" / file.filename(), file);
        const CheckpointPtr got = Checkpoint::open(file);
        compare(*got, *expected, tolerance);
        QCOMPARE(got->name(), name.toStdString());
        QVERIFY(!got->ownsFolder());
        QCOMPARE(Checkpoint::open(folder.path())->hash(), got->hash());  // the only one in its folder
        // Of the same layout.
        std::string bytes = readFile(file);
        bytes[4] = 2;
        writeFile(file, bytes);
        compare(*Checkpoint::open(file), *expected, tolerance);
    }

    void refusesGguf_data() {
        QTest::addColumn<QString>("from");
        QTest::addColumn<QString>("to");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* what, const QString& from, const QString& to, const char* says) {
            QTest::newRow(what) << from << to << says;
        };
        const auto word = [](int number) { return QString(QChar(number)) + QString(3, QChar(0)); };
        row("version", "GGUF" + word(3), "GGUF" + word(1), "version 1; 2 and 3");
        row("big-endian", "GGUF" + word(3), "GGUF" + QString(3, QChar(0)) + QChar(3), "big-endian");
        row("another", "GGUF", "GGML", "does not begin with");
        row("architecture", word(8) + word(5) + word(0) + "mamba", word(8) + word(5) + word(0) + "jamba", "hybrid");
        row("unknown architecture", word(8) + word(5) + word(0) + "mamba", word(8) + word(5) + word(0) + "llama",
            "\"llama\"; mamba and mamba2");
        row("key", "ssm.state_size", "ssm.state_sise", "lacks the key mamba.ssm.state_size");
        row("tensor", "output_norm.weight", "output_nurm.weight", "norm_f.weight is missing");
        row("key twice", "mamba.ssm.inner_size" + word(4), "mamba.block_count\0\0\0", "");
    }
    void refusesGguf() {
        QFETCH(QString, from);
        QFETCH(QString, to);
        QFETCH(QString, says);
        std::string bytes = readFile(kFormats / "gguf/mamba1-lengths.gguf");
        const std::string before = from.toLatin1().toStdString();
        const std::size_t at = bytes.find(before);
        QVERIFY(at != std::string::npos);
        bytes.replace(at, before.size(), to.toLatin1().toStdString());
        const Folder folder;
        const QString message = refusal(folder.write("x.gguf", bytes));
        QVERIFY2(message.contains(says), qPrintable(message));
        QVERIFY(message != "nothing thrown");
    }

    /// Cut anywhere, it is refused.
    void refusesCutGguf() {
        const std::string bytes = readFile(kFormats / "gguf/mamba1-lengths.gguf");
        const Folder folder;
        for (std::size_t length = 4; length < bytes.size() - 32; length += length < 4000 ? 13 : 1009) {
            QVERIFY(refusal(folder.write("x.gguf", bytes.substr(0, length))) != "nothing thrown");
        }
    }

    void namesGgufTypesItDoesNotRead() {
        const Folder folder;
        model::GgufMetadata metadata;
        metadata.add("general.architecture", "mamba");
        model::writeGguf(folder.path() / "x.gguf", metadata, {{"token_embd.weight", DType::F32, {4, 256}}},
                         [](const model::TensorOutline& outline) {
                             return HostTensor::fromFloat(outline.name, outline.shape, std::vector<float>(1024));
                         });
        std::string bytes = readFile(folder.path() / "x.gguf");
        const std::size_t type = bytes.find("token_embd.weight") + 17 + 4 + 16;
        bytes[type] = 12;
        const QString message = refusal(folder.write("x.gguf", bytes));
        QVERIFY2(message.contains("tensor token_embd.weight is of type Q4_K"), qPrintable(message));
        folder.write("y.gguf", bytes);
        QVERIFY2(refusal(folder.path()).contains("holds 2 GGUF files"), qPrintable(refusal(folder.path())));
    }

    void exportsGguf_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("type");
        for (const char* name : {"mamba1-recall", "mamba2-bytes", "cases/mamba2-groups2", "cases/mamba1-no-conv-bias",
                                 "cases/mamba2-bf16", "cases/mamba1-batch3", "cases/falcon-lengths"}) {
            for (const char* type : {"", "f32", "f16", "bf16"}) QTest::addRow("%s %s", name, type) << name << type;
        }
    }
    void exportsGguf() {
        QFETCH(QString, name);
        QFETCH(QString, type);
        const CheckpointPtr source = tests::openModel(name.toStdString());
        const Folder folder;
        const fs::path target = folder.path() / "pruned";
        const bool falcon = source->config().isFalcon();
        const prune::Plan plan = tests::randomPlan(source, 0.5);
        prune::Format format{true, {}};
        if (!type.isEmpty()) format.matrices = kernels::precisionFromName(type.toStdString());
        engine::Engine live = tests::engineOf(source);
        const prune::Exported done =
            prune::exportModel(live, makeCpu, plan, falcon ? prune::Form::Masked : prune::Form::Uniform,
                               {target, format}, {}, tests::someTokens(source->config(), 50));
        const double rounding = type == "f16" ? 5e-3 : type == "bf16" ? 5e-2 : 1e-5;
        QVERIFY2(done.largest_difference <= rounding, qPrintable(QString::number(done.largest_difference)));
        QVERIFY(QString::fromStdString(done.note).contains("no tokenizer.json"));
        QVERIFY(fs::exists(target / "pruning.json") && fs::exists(target / "model.gguf"));
        const CheckpointPtr reloaded = Checkpoint::open(target);
        QCOMPARE(reloaded->name(), std::string("pruned"));
        QCOMPARE(reloaded->config().mixer_norm_eps > 0, falcon);
        const model::GgufFile file = model::readGguf(target / "model.gguf");
        const std::string stored = file.weights.tensors.at("blk.0.ssm_in.weight").dtype;
        if (!type.isEmpty()) QCOMPARE(stored, type.toUpper().toStdString());
        QCOMPARE(file.weights.tensors.at("blk.0.ssm_a").dtype, std::string("F32"));
        QVERIFY(file.weights.tensors.contains("blk.1.ssm_conv1d.bias"));
    }

    void refusesToExportWhatLlamaCppCannotRun_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<prune::Form>("form");
        QTest::addColumn<QString>("says");
        QTest::newRow("ragged") << "mamba2-bytes" << prune::Form::Ragged << "different numbers of states";
        QTest::newRow("bias") << "cases/mamba1-use-bias" << prune::Form::Uniform << "no biases of in_proj";
        QTest::newRow("limits") << "cases/mamba2-dt-limit" << prune::Form::Uniform << "it limits Δ to 0.01 … 0.05";
    }
    void refusesToExportWhatLlamaCppCannotRun() {
        QFETCH(QString, name);
        QFETCH(prune::Form, form);
        QFETCH(QString, says);
        const CheckpointPtr source = tests::openModel(name.toStdString());
        prune::Plan plan = tests::randomPlan(source, 0.5);
        plan.layers[0].assign(plan.layers[0].size(), 1);
        const Folder folder;
        const prune::Target target(folder.path() / "x", {true, {}});
        const QString message =
            QString::fromStdString(whatOf([&] { prune::checkTarget(*source, plan, form, target); }));
        QVERIFY2(message.contains(says), qPrintable(message));
    }

    void carriesTheTokenizerOver() {
        const Folder source(kCases / "mamba1-lengths");
        source.write("tokenizer.json", R"({
            "model": {"type": "BPE", "vocab": {"a": 1, "b": 2, "ab": 3}, "merges": ["a b", ["ab", "a"]]},
            "added_tokens": [{"id": 0, "content": "<end>", "special": true}, {"id": 4, "content": "  ", "special": false}],
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}})");
        const CheckpointPtr checkpoint = Checkpoint::open(source.path());
        engine::Engine live = tests::engineOf(checkpoint);
        const Folder folder;
        const prune::Plan all = prune::fullPlan(checkpoint->config(), checkpoint->name(), checkpoint->hash());
        const auto write = [&](const char* name) {
            return prune::exportModel(live, makeCpu, all, prune::Form::Ragged, {folder.path() / name, {true, {}}}, {},
                                      tests::someTokens(checkpoint->config(), 5));
        };
        QCOMPARE(write("a").note, std::string());  // N 16, which CUDA takes
        const model::GgufFile file = model::readGguf(folder.path() / "a/model.gguf");
        QCOMPARE(*file.text("tokenizer.ggml.model"), std::string("gpt2"));
        QCOMPARE(*file.text("tokenizer.ggml.pre"), std::string("mpt"));
        QCOMPARE(*file.integer("tokenizer.ggml.eos_token_id"), 0);
        const auto list = [&](const char* key) { return file.metadata.at(key).bytes; };
        model::GgufMetadata expected;
        std::vector<std::string> tokens = {"<end>", "a", "b", "ab", "  "};
        std::vector<std::int32_t> types = {3, 1, 1, 1, 4};
        while (tokens.size() < 29) {
            tokens.push_back("[PAD" + std::to_string(tokens.size()) + "]");
            types.push_back(5);
        }
        expected.add("t", tokens);
        QVERIFY(
            expected.bytes().ends_with(std::string(reinterpret_cast<const char*>(list("tokenizer.ggml.tokens").data()),
                                                   list("tokenizer.ggml.tokens").size())));
        expected.add("t", types);
        QVERIFY(expected.bytes().ends_with(
            std::string(reinterpret_cast<const char*>(list("tokenizer.ggml.token_type").data()),
                        list("tokenizer.ggml.token_type").size())));
        expected.add("t", std::vector<std::string>{"a b", "ab a"});
        QVERIFY(
            expected.bytes().ends_with(std::string(reinterpret_cast<const char*>(list("tokenizer.ggml.merges").data()),
                                                   list("tokenizer.ggml.merges").size())));

        source.write("tokenizer.json", R"({"model": {"type": "Unigram"}})");
        QVERIFY(QString::fromStdString(write("b").note).contains("is of a kind that is not carried over"));
        source.write("tokenizer.json",
                     R"({"model": {"type": "BPE", "vocab": {"a": 99}}, "pre_tokenizer": {"type": "ByteLevel"}})");
        QVERIFY(QString::fromStdString(whatOf([&] { write("c"); })).contains("token of number 99"));
    }

    // FalconMamba -------------------------------------------------------------------------------------------------

    void falconMambaIsPrunedAsStockCodeSeesIt() {
        const CheckpointPtr source = tests::openModel("cases/falcon-lengths");
        const prune::Plan plan = tests::randomPlan(source, 0.5);
        const std::vector<std::int32_t> tokens = tests::someTokens(source->config(), 60);
        engine::Engine live = tests::engineOf(source);
        const Folder folder;
        for (const prune::Form form : {prune::Form::Ragged, prune::Form::Masked}) {
            const fs::path target = folder.path() / name(form);
            const prune::Exported done = prune::exportModel(live, makeCpu, plan, form, target, {}, tokens);
            QVERIFY2(done.largest_difference <= 1e-5, qPrintable(QString::number(done.largest_difference)));
            const auto config = nlohmann::json::parse(readFile(target / "config.json"));
            const bool ragged = form == prune::Form::Ragged;
            QCOMPARE(config.at("model_type").get<std::string>(), ragged ? "pruned_falcon_mamba" : "falcon_mamba");
            if (ragged) QCOMPARE(config.at("norm_state_size").get<int>(), 16);
            // Pruned once more, it still divides by what the original had.
            const CheckpointPtr again = Checkpoint::open(target);
            QCOMPARE(again->config().norm_states, 16);
        }
        const QString uniform = QString::fromStdString(
            whatOf([&] { prune::checkTarget(*source, plan, prune::Form::Uniform, folder.path() / "u"); }));
        QVERIFY2(uniform.contains("norms of B and C"), qPrintable(uniform));
    }
};

QTEST_GUILESS_MAIN(TestFormats)
#include "test_formats.moc"
