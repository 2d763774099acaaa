// A little fuzzing in every run of the tests: good files with a few changes, the same ones each time, for some seconds.
// No crash, no hang, nothing thrown but Error, no allocation beyond a file's size class. tests/fuzz/run does it in
// earnest.
#include <sys/resource.h>
#include <QElapsedTimer>
#include <QTest>

#include <filesystem>
#include <random>

#include "core/profile/system_info.h"
#include "tests/fuzz/readers.h"
#include "tests/support/checkpoint_folder.h"
#include "tests/support/zip_file.h"

using namespace perfmamba;
namespace fs = std::filesystem;
namespace pk = tests::pickle;

namespace {

const fs::path kRoot = PERFMAMBA_SOURCE_DIR;
// Of a reader. Long enough for some thousand files.
constexpr qint64 kMilliseconds = 1500;
// What a file of some hundred kilobytes may take; in one mistake a length is believed that is not there.
constexpr rlim_t kMostBytes = rlim_t{768} << 20U;
constexpr qint64 kSlowestMilliseconds = 1000;

std::string demo(const char* name, const char* file) {
    return tests::readFile(kRoot / "resources/demo" / name / file);
}

/// A safetensors file small enough that changes meet its header.
std::string smallSafetensors() {
    return tests::safetensors(
        R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
        R"("b":{"dtype":"F64","shape":[2],"data_offsets":[16,32]}})",
        std::string(32, '\1'));
}

/// Good files to begin with, and what earlier fuzzing found.
std::vector<std::string> corpusOf(std::string_view reader) {
    const fs::path formats = kRoot / "tests/golden/formats";
    std::vector<std::string> files = tests::filesIn(kRoot / "tests/fuzz/corpus" / reader);
    const auto add = [&](std::vector<std::string> more) { files.insert(files.end(), more.begin(), more.end()); };
    const std::string pickle = "\x80\x02}q\x01(" + pk::text("a") + pk::tensor(4, 0, {2, 2}, {1, 2}) + pk::text("b") +
                               pk::global("torch._utils", "_rebuild_parameter") +
                               pk::tuple({pk::tensor(4, 0, {4}, {1}), "\x88", "N"}) + "Ru.";
    if (reader == "safetensors") add({smallSafetensors(), demo("mamba2-recall", "model.safetensors")});
    if (reader == "torch") {
        add({tests::torchFile(pickle)});
        add(tests::filesIn(formats / "torch-refused", ".bin"));
        add(tests::filesIn(formats / "torch-awkward", ".bin"));
    }
    if (reader == "pickle") add({pickle});
    if (reader == "gguf") add(tests::filesIn(formats / "gguf", ".gguf"));
    if (reader == "config") {
        add({demo("mamba1-bytes", "config.json"), demo("mamba2-bytes", "config.json")});
        add(tests::filesIn(formats, "config.json"));
        add({tests::readFile(kRoot / "tests/golden/cases/falcon-lengths/config.json")});
    }
    if (reader == "report") add(tests::filesIn(kRoot / "tests/unit/reports", ".h5"));
    return files;
}

/// A few changes: bytes, lengths, pieces cut out, doubled, or taken from elsewhere. Most of them where headers are.
std::string changed(std::string bytes, std::mt19937_64& random) {
    constexpr std::size_t kHeader = 4096;
    const auto below = [&](std::size_t bound) { return bound == 0 ? 0 : static_cast<std::size_t>(random() % bound); };
    const auto place = [&] {
        const std::size_t part = std::min(bytes.size(), kHeader);
        switch (random() % 4) {
            case 0: return below(bytes.size());
            case 1: return bytes.size() - part + below(part);
            default: return below(part);
        }
    };
    const std::size_t changes = 1 + below(6);
    for (std::size_t i = 0; i < changes && !bytes.empty(); ++i) {
        const std::size_t at = place();
        const std::size_t length = std::min(bytes.size() - at, std::size_t{1} << below(8));
        switch (random() % 8) {
            case 0: bytes.resize(at); break;
            case 1: bytes.erase(at, length); break;
            case 2: bytes.insert(at, bytes.substr(at, length)); break;
            case 3:
                bytes.replace(at, std::min<std::size_t>(length, 8), std::min<std::size_t>(length, 8), '\xff');
                break;
            case 4: bytes.replace(at, std::min<std::size_t>(length, 8), std::min<std::size_t>(length, 8), '\0'); break;
            case 5: bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8))); break;
            case 6: bytes.replace(at, length, bytes.substr(place(), length)); break;
            default: bytes[at] = static_cast<char>(random()); break;
        }
    }
    return bytes;
}

/// The process may not grow by more while this lives.
class LittleMemory {
public:
    LittleMemory() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        ::getrlimit(RLIMIT_AS, &m_before);
        std::ifstream statm("/proc/self/statm");
        rlim_t pages = 0;
        statm >> pages;
        const rlimit now{pages * 4096 + kMostBytes, m_before.rlim_max};
        ::setrlimit(RLIMIT_AS, &now);
#endif
    }
    ~LittleMemory() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        ::setrlimit(RLIMIT_AS, &m_before);
#endif
    }

private:
    rlimit m_before{};
};

}  // namespace

class TestFuzz : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void survives_data() {
        QTest::addColumn<std::size_t>("index");
        for (std::size_t i = 0; i < fuzz::readers().size(); ++i) {
            QTest::newRow(std::string(fuzz::readers()[i].name).c_str()) << i;
        }
    }
    void survives() {
        QFETCH(std::size_t, index);
        const fuzz::NamedReader& reader = fuzz::readers()[index];
        const std::vector<std::string> corpus = corpusOf(reader.name);
        QVERIFY(!corpus.empty());
        const LittleMemory limit;
        const auto read = [&](const std::string& bytes) {
            QElapsedTimer timer;
            timer.start();
            reader.read({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
            return timer.elapsed();
        };
        for (const std::string& bytes : corpus) QVERIFY(read(bytes) < kSlowestMilliseconds);
        std::mt19937_64 random(1);
        QElapsedTimer timer;
        timer.start();
        int files = 0;
        while (timer.elapsed() < kMilliseconds) {
            const std::string bytes = changed(corpus[random() % corpus.size()], random);
            // The last one is kept, for the case that it ends the process.
            if (qEnvironmentVariableIsSet("PERFMAMBA_KEEP_FUZZED")) tests::writeFile("fuzzed", bytes);
            QVERIFY(read(bytes) < kSlowestMilliseconds);
            ++files;
        }
        qInfo("%d files", files);
    }
};

QTEST_GUILESS_MAIN(TestFuzz)
#include "test_fuzz.moc"
