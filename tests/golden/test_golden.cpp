// Every golden case: the engine's logits against those of the float64 reference, and against themselves when the same
// tokens come in pieces, alone or on another number of threads.
#include <hwy/highway.h>

#include <QScopeGuard>
#include <QTest>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "core/engine/engine.h"
#include "core/model/safetensors.h"
#include "kernels/cpu/gemm.h"
#include "kernels/devices.h"
#include "tests/support/relative_error.h"

using namespace perfmamba;
using tests::relativeError;
namespace fs = std::filesystem;

namespace {

const fs::path kCases = fs::path(PERFMAMBA_SOURCE_DIR) / "tests/golden/cases";
const fs::path kDemos = fs::path(PERFMAMBA_SOURCE_DIR) / "resources/demo";

// The promise is 1e-4. What float32 arithmetic itself loses on these models is 1e-6, and 1e-5 where the steps are
// large (README.md): a mistake in the fourth digit must not hide behind the promise.
constexpr double kTolerance = 3e-6;
constexpr double kLargeStepTolerance = 2e-5;
// Where x is rounded to bfloat16 beside the matrices: by up to 2⁻⁹ of each number.
constexpr double kBfloat16Tolerance = 1e-2;

struct Sequence {
    std::int64_t batch = 0;
    std::int64_t length = 0;
    std::vector<std::int32_t> tokens;
    std::vector<float> logits;  // (batch, length, vocab)
};

std::vector<Sequence> readExpected(const std::string& name) {
    const auto file = model::readSafetensors(kCases / name / "expected.safetensors");
    std::vector<Sequence> result;
    for (const auto& [key, entry] : file.tensors) {
        if (!key.starts_with("tokens_")) continue;
        Sequence sequence;
        sequence.batch = entry.shape.at(0);
        sequence.length = entry.shape.at(1);
        sequence.tokens.resize(entry.data.size() / sizeof(std::int32_t));
        std::memcpy(sequence.tokens.data(), entry.data.data(), entry.data.size());
        const auto& logits = file.tensors.at("logits_" + key.substr(7)).data;
        sequence.logits.resize(logits.size() / sizeof(float));
        std::memcpy(sequence.logits.data(), logits.data(), logits.size());
        result.push_back(std::move(sequence));
    }
    return result;
}

fs::path checkpointOf(const std::string& name) {
    return name.starts_with("demo-") ? kDemos / name.substr(5) : kCases / name;
}

double toleranceOf(const std::string& name) {
    return name.find("large-dt") != std::string::npos ? kLargeStepTolerance : kTolerance;
}

engine::Engine open(const std::string& name, int threads, DType precision = DType::F32) {
    return {model::Checkpoint::open(checkpointOf(name)),
            kernels::makeBackend("cpu", {.threads = threads, .precision = precision})};
}

/// (batch, length) tokens of `sequence`, columns [begin, begin + count).
std::vector<std::int32_t> columns(const Sequence& sequence, std::int64_t begin, std::int64_t count) {
    std::vector<std::int32_t> result;
    for (std::int64_t b = 0; b < sequence.batch; ++b) {
        const auto from = sequence.tokens.begin() + b * sequence.length + begin;
        result.insert(result.end(), from, from + count);
    }
    return result;
}

/// The expected logits of columns [begin, begin + count).
std::vector<float> expectedColumns(const Sequence& sequence, std::int64_t begin, std::int64_t count) {
    const auto vocab = static_cast<std::int64_t>(sequence.logits.size()) / (sequence.batch * sequence.length);
    std::vector<float> result;
    for (std::int64_t b = 0; b < sequence.batch; ++b) {
        const auto from = sequence.logits.begin() + (b * sequence.length + begin) * vocab;
        result.insert(result.end(), from, from + count * vocab);
    }
    return result;
}

}  // namespace

class TestGolden : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void prefill_data() { addCases(); }
    void prefill() {
        QFETCH(QString, name);
        engine::Engine engine = open(name.toStdString(), 2);
        for (const Sequence& sequence : readExpected(name.toStdString())) {
            engine::State state = engine.newState(sequence.batch);
            const std::vector<float> logits = engine.logits(sequence.tokens, state, engine::LogitsFor::EveryToken);
            QCOMPARE(logits.size(), sequence.logits.size());
            const double error = relativeError(logits, sequence.logits);
            qInfo("T %lld: %.1e", static_cast<long long>(sequence.length), error);
            QVERIFY2(error < toleranceOf(name.toStdString()), qPrintable(QString::number(error)));
            QCOMPARE(state.position, sequence.length);
        }
    }

    void lastTokenOnly_data() { addCases(); }
    void lastTokenOnly() {
        QFETCH(QString, name);
        engine::Engine engine = open(name.toStdString(), 2);
        for (const Sequence& sequence : readExpected(name.toStdString())) {
            engine::State state = engine.newState(sequence.batch);
            const std::vector<float> last = engine.logits(sequence.tokens, state, engine::LogitsFor::LastToken);
            const double error = relativeError(last, expectedColumns(sequence, sequence.length - 1, 1));
            QVERIFY2(error < toleranceOf(name.toStdString()), qPrintable(QString::number(error)));
        }
    }

    /// Prefill in pieces of odd sizes, then single tokens: the logits of one prefill.
    void pieces_data() { addCases(); }
    void pieces() {
        QFETCH(QString, name);
        engine::Engine engine = open(name.toStdString(), 2);
        for (const Sequence& sequence : readExpected(name.toStdString())) {
            engine::State state = engine.newState(sequence.batch);
            std::int64_t done = 0;
            const auto take = [&](std::int64_t count) {
                count = std::min(count, sequence.length - done);
                if (count == 0) return;
                const std::vector<float> logits =
                    engine.logits(columns(sequence, done, count), state, engine::LogitsFor::EveryToken);
                const double error = relativeError(logits, expectedColumns(sequence, done, count));
                // A piece may hold few logits, all of them small: twice the tolerance of the whole.
                QVERIFY2(error < 2 * toleranceOf(name.toStdString()),
                         qPrintable(QStringLiteral("at %1: %2").arg(done).arg(error)));
                done += count;
            };
            for (const std::int64_t count : {2, 1, 17, 1, 1, 300}) take(count);
            for (int i = 0; i < 40; ++i) take(1);
            take(sequence.length);
        }
    }

    /// Bit for bit the same on 1, 2, 3 and 7 threads.
    void threads_data() { addCases(); }
    void threads() {
        QFETCH(QString, name);
        const std::vector<Sequence> sequences = readExpected(name.toStdString());
        std::vector<std::vector<float>> first;
        for (const int threads : {1, 2, 3, 7}) {
            engine::Engine engine = open(name.toStdString(), threads);
            for (std::size_t i = 0; i < sequences.size(); ++i) {
                engine::State state = engine.newState(sequences[i].batch);
                std::vector<float> logits = engine.logits(sequences[i].tokens, state, engine::LogitsFor::EveryToken);
                if (threads == 1) {
                    first.push_back(std::move(logits));
                } else {
                    QVERIFY(std::memcmp(first[i].data(), logits.data(), logits.size() * sizeof(float)) == 0);
                }
            }
        }
    }

    /// Matrices of 16 bits, used as they are stored, give what they give when they are widened; on any number of
    /// threads the same, bit for bit. In bfloat16's own products, where there are any, x is rounded, too.
    void sixteenBits_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<int>("type");
        QTest::addColumn<bool>("widened");
        for (const bool widened : {false, true}) {
            for (const char* architecture : {"mamba1", "mamba2"}) {
                for (const auto& [name, type] : {std::pair{"f16", DType::F16}, std::pair{"bf16", DType::BF16}}) {
                    QTest::addRow("%s-%s%s", architecture, name, widened ? ", widened" : "")
                        << QStringLiteral("%1-%2").arg(QLatin1String(architecture), QLatin1String(name))
                        << static_cast<int>(type) << widened;
                }
            }
        }
    }
    void sixteenBits() {
        QFETCH(QString, model);
        QFETCH(int, type);
        QFETCH(bool, widened);
        const std::string name = model.toStdString();
        // Without AVX-512 nothing but widened matrices is multiplied.
        if (widened) hwy::SetSupportedTargetsForTest(hwy::SupportedTargets() & ~(HWY_AVX3 | HWY_AVX3_DL));
        const auto all_again = qScopeGuard([] { hwy::SetSupportedTargetsForTest(0); });
        const bool rounded = static_cast<DType>(type) == DType::BF16 && kernels::cpu::multipliesBfloat16();
        QVERIFY(!widened || !rounded);
        for (const Sequence& sequence : readExpected(name)) {
            std::vector<float> first;
            for (const int threads : {1, 2, 7}) {
                engine::Engine engine = open(name, threads, static_cast<DType>(type));
                engine::State state = engine.newState(sequence.batch);
                const std::vector<float> logits = engine.logits(sequence.tokens, state, engine::LogitsFor::EveryToken);
                const double error = relativeError(logits, sequence.logits);
                if (threads == 1) qInfo("T %d: %.1e", static_cast<int>(sequence.length), error);
                QVERIFY2(error < (rounded ? kBfloat16Tolerance : toleranceOf(name)),
                         qPrintable(QString::number(error)));
                if (threads == 1) first = logits;
                QVERIFY(std::memcmp(first.data(), logits.data(), logits.size() * sizeof(float)) == 0);
            }
        }
    }

    /// What a batch gives is what its rows give alone.
    void batchRows_data() { addCases(); }
    void batchRows() {
        QFETCH(QString, name);
        engine::Engine engine = open(name.toStdString(), 2);
        for (const Sequence& sequence : readExpected(name.toStdString())) {
            const auto row_size = static_cast<std::ptrdiff_t>(sequence.logits.size()) / sequence.batch;
            for (std::int64_t b = 0; b < sequence.batch; ++b) {
                engine::State state = engine.newState(1);
                const std::span row(sequence.tokens.data() + b * sequence.length,
                                    static_cast<std::size_t>(sequence.length));
                const std::vector<float> logits = engine.logits(row, state, engine::LogitsFor::EveryToken);
                const std::span expected(sequence.logits.data() + b * row_size, static_cast<std::size_t>(row_size));
                const double error = relativeError(logits, expected);
                QVERIFY2(error < toleranceOf(name.toStdString()), qPrintable(QString::number(error)));
            }
        }
    }

private:
    static void addCases() {
        QTest::addColumn<QString>("name");
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(kCases)) names.push_back(entry.path().filename().string());
        std::ranges::sort(names);
        QVERIFY(names.size() >= 31);
        for (const std::string& name : names) QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
};

QTEST_GUILESS_MAIN(TestGolden)
#include "test_golden.moc"
