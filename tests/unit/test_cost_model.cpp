// The cost model's formulas against counts: the reference's own loops run over a number that counts what is done with
// it, and against an enumeration of what every component reads and writes.
#include <QTest>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "core/profile/cost_model.h"
#include "kernels/reference/loops.h"

using namespace perfmamba;
using namespace perfmamba::profile;
namespace loops = perfmamba::kernels::reference::loops;

namespace {

/// A number that counts: every addition, subtraction, multiplication, division and elementary function is one.
struct Counted {
    inline static double operations = 0;
    inline static double exponentials = 0;
    double value = 0;

    Counted() = default;
    Counted(double v) : value(v) {}  // NOLINT(google-explicit-constructor): as double, it may be made of a literal

    static Counted did(double v) {
        ++operations;
        return v;
    }
    Counted& operator+=(const Counted& b) { return *this = did(value + b.value); }
    friend Counted operator+(const Counted& a, const Counted& b) { return did(a.value + b.value); }
    friend Counted operator-(const Counted& a, const Counted& b) { return did(a.value - b.value); }
    friend Counted operator*(const Counted& a, const Counted& b) { return did(a.value * b.value); }
    friend Counted operator/(const Counted& a, const Counted& b) { return did(a.value / b.value); }
    friend Counted operator-(const Counted& a) { return {-a.value}; }  // a sign is no operation
    friend bool operator<(const Counted& a, const Counted& b) { return a.value < b.value; }
    friend bool operator>(const Counted& a, const Counted& b) { return a.value > b.value; }
    friend Counted sqrt(const Counted& a) { return did(std::sqrt(a.value)); }
    friend Counted exp(const Counted& a) {
        ++exponentials;
        return did(std::exp(a.value));
    }
    friend Counted log1p(const Counted& a) {
        ++exponentials;
        return did(std::log1p(a.value));
    }
};
using Numbers = std::vector<Counted>;

Numbers numbers(std::int64_t count) {
    return Numbers(static_cast<std::size_t>(count), Counted(0.25));
}

/// What `work` does, without bytes.
template <class Work>
Cost countOf(const Work& work) {
    Counted::operations = Counted::exponentials = 0;
    work();
    return {Counted::operations, 0, Counted::exponentials};
}

/// One sequence over one chunk by the SSD, as `ssd()` of loops.h gives it: every exponential, product and sum of Dao &
/// Gu 2024, section 6, spelled out.
Numbers ssdOfChunk(const loops::Ssd<Counted>& a, Numbers& h) {
    const auto q = a.length;
    const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
    const std::int64_t width = a.heads * a.head_dim;
    Numbers cb(at(a.groups * q * q));  // C·B, the half that is not masked
    for (std::int64_t g = 0; g < a.groups; ++g) {
        for (std::int64_t t = 0; t < q; ++t) {
            for (std::int64_t s = 0; s <= t; ++s) {
                Counted& sum = cb[at((g * q + t) * q + s)];
                for (std::int64_t n = 0; n < a.states; ++n) {
                    sum += a.C[at((t * a.groups + g) * a.states + n)] * a.B[at((s * a.groups + g) * a.states + n)];
                }
            }
        }
    }
    Numbers y(a.x.size());
    for (std::int64_t i = 0; i < a.heads; ++i) {
        const std::int64_t g = i / (a.heads / a.groups);
        Numbers sums(at(q));  // of Δ·A
        Numbers inputs(at(q * a.head_dim));
        Counted sum = 0;
        for (std::int64_t t = 0; t < q; ++t) {
            const Counted step = loops::softplus(a.dt[at(t * a.heads + i)] + a.dt_bias[at(i)]);
            sums[at(t)] = sum += step * a.A[at(i)];
            for (std::int64_t p = 0; p < a.head_dim; ++p) {
                inputs[at(t * a.head_dim + p)] = step * a.x[at(t * width + i * a.head_dim + p)];
            }
        }
        for (std::int64_t t = 0; t < q; ++t) {
            const Counted carried = exp(sums[at(t)]);
            Numbers mask(at(t + 1));
            for (std::int64_t s = 0; s <= t; ++s)
                mask[at(s)] = cb[at((g * q + t) * q + s)] * exp(sums[at(t)] - sums[at(s)]);
            for (std::int64_t p = 0; p < a.head_dim; ++p) {
                const std::int64_t channel = i * a.head_dim + p;
                Counted within = 0;
                for (std::int64_t s = 0; s <= t; ++s) within += mask[at(s)] * inputs[at(s * a.head_dim + p)];
                Counted before = 0;
                for (std::int64_t n = 0; n < a.states; ++n) {
                    before += a.C[at((t * a.groups + g) * a.states + n)] * h[at(channel * a.states + n)];
                }
                y[at(t * width + channel)] =
                    within + before * carried + a.D[at(channel)] * a.x[at(t * width + channel)];
            }
        }
        const Counted decay = exp(sums[at(q - 1)]);
        for (std::int64_t k = i * a.head_dim * a.states; k < (i + 1) * a.head_dim * a.states; ++k) {
            h[at(k)] = h[at(k)] * decay;
        }
        for (std::int64_t s = 0; s < q; ++s) {
            const Counted left = exp(sums[at(q - 1)] - sums[at(s)]);
            for (std::int64_t p = 0; p < a.head_dim; ++p) {
                const Counted input = inputs[at(s * a.head_dim + p)] * left;
                for (std::int64_t n = 0; n < a.states; ++n) {
                    h[at((i * a.head_dim + p) * a.states + n)] += input * a.B[at((s * a.groups + g) * a.states + n)];
                }
            }
        }
    }
    return y;
}

model::Config config(model::Architecture architecture) {
    const bool mamba1 = architecture == model::Architecture::Mamba1;
    model::Config c;
    c.architecture = architecture;
    c.vocab_size = 37;
    c.vocab_padded = 40;
    c.d_model = 12;
    c.n_layer = 3;
    c.d_inner = 24;
    c.d_state = 5;
    c.d_conv = 4;
    if (mamba1) {
        c.dt_rank = 3;
    } else {
        c.n_heads = 6;
        c.head_dim = 4;
        c.n_groups = 2;
        c.chunk_size = 8;
        c.dt_max = INFINITY;
    }
    return c;
}

/// Bytes of so many values of the precision, and of float32.
double bytes(DType precision, double values, double floats) {
    return static_cast<double>(sizeOf(precision)) * values + 4 * floats;
}

}  // namespace

Q_DECLARE_METATYPE(perfmamba::model::Config)

class TestCostModel : public QObject {
    Q_OBJECT

private:
    static void cases() {
        QTest::addColumn<model::Config>("c");
        QTest::addColumn<int>("batch");
        QTest::addColumn<int>("length");
        for (const auto architecture : {model::Architecture::Mamba1, model::Architecture::Mamba2}) {
            model::Config plain = config(architecture);
            model::Config other = plain;
            other.use_bias = true;
            other.use_conv_bias = false;
            model::Config ragged = plain;
            ragged.state_sizes = {{5}, {2}, {0}};
            if (architecture == model::Architecture::Mamba2) ragged.state_sizes = {{5, 5}, {3, 3}, {0, 0}};
            const std::string title(name(architecture));
            for (const auto& [what, c] :
                 {std::pair{"plain", plain}, {"biases the other way", other}, {"ragged", ragged}}) {
                for (const auto& [batch, length] : {std::pair{1, 1}, {3, 1}, {1, 7}, {2, 8}, {2, 21}}) {
                    QTest::addRow("%s, %s, batch %d, length %d", title.c_str(), what, batch, length)
                        << c << batch << length;
                }
            }
        }
    }

    /// The counts of a component of a layer, by the reference; of the SSD over several tokens by its chunks.
    static Cost referenceCount(Component component, const model::Config& c, std::int32_t layer, std::int64_t B,
                               std::int64_t L) {
        const std::int64_t M = B * L;
        const bool mamba1 = c.architecture == model::Architecture::Mamba1;
        const std::int64_t N = layer < 0 ? 0 : c.states(layer, 0);
        const auto product = [](std::int64_t rows, std::int64_t inputs, std::int64_t outputs, bool bias) {
            return countOf([&] {
                (void)loops::linear(numbers(rows * inputs), numbers(inputs * outputs),
                                    bias ? numbers(outputs) : Numbers(), inputs, outputs);
            });
        };
        const auto norm = [&](std::int64_t rows, bool delta) {
            return countOf([&] {
                Numbers residual = numbers(rows * c.d_model);
                (void)loops::addRmsNorm(residual, delta ? numbers(rows * c.d_model) : Numbers(), numbers(c.d_model),
                                        1e-5);
            });
        };
        switch (component) {
            case Component::Norm: return norm(M, layer > 0);
            case Component::NormF: return norm(B, true);
            case Component::InProj: return product(M, c.d_model, c.inProjRows(layer), c.use_bias);
            case Component::XProj: return mamba1 ? product(M, c.d_inner, c.dt_rank + 2 * N, false) : Cost{};
            case Component::DtProj: return mamba1 ? product(M, c.dt_rank, c.d_inner, false) : Cost{};
            case Component::OutProj: return product(M, c.d_inner, c.d_model, c.use_bias);
            case Component::LmHead: return product(B, c.d_model, c.vocab_padded, false);
            case Component::Conv1d:
                return countOf([&] {
                    const std::int64_t width = c.convWidth(layer);
                    Numbers state = numbers(B * (c.d_conv - 1) * width);
                    (void)loops::conv1d<Counted>({B, L, width, c.d_conv, numbers(M * width), numbers(c.d_conv * width),
                                                  c.use_conv_bias ? numbers(width) : Numbers()},
                                                 state);
                });
            case Component::Gate:
                return countOf([&] {
                    const Numbers y = numbers(M * c.d_inner);
                    if (mamba1) {
                        (void)loops::gate(y, y);
                    } else {
                        (void)loops::gatedRmsNorm(y, y, numbers(c.d_inner), 1e-5, c.n_groups);
                    }
                });
            case Component::Ssm: break;
            default: return {};
        }
        if (mamba1) {
            return countOf([&] {
                Numbers h = numbers(B * N * c.d_inner);
                (void)loops::selectiveScan<Counted>(
                    {B, L, c.d_inner, N, numbers(M * c.d_inner), numbers(M * c.d_inner), numbers(c.d_inner),
                     numbers(N * c.d_inner), numbers(M * N), numbers(M * N), numbers(c.d_inner)},
                    h);
            });
        }
        const auto piece = [&](std::int64_t batch, std::int64_t tokens) {
            const std::int64_t rows = batch * tokens;
            return loops::Ssd<Counted>{batch,
                                       tokens,
                                       c.n_heads,
                                       c.head_dim,
                                       c.n_groups,
                                       N,
                                       numbers(rows * c.d_inner),
                                       numbers(rows * c.n_heads),
                                       numbers(c.n_heads),
                                       numbers(c.n_heads),
                                       numbers(rows * c.n_groups * N),
                                       numbers(rows * c.n_groups * N),
                                       numbers(c.d_inner),
                                       c.dt_min,
                                       c.dt_max};
        };
        return countOf([&] {
            Numbers h = numbers(B * c.d_inner * N);
            if (L == 1) {
                (void)loops::ssd(piece(B, 1), h);
                return;
            }
            for (std::int64_t b = 0; b < B; ++b) {
                for (std::int64_t begin = 0; begin < L; begin += c.chunk_size) {
                    (void)ssdOfChunk(piece(1, std::min(c.chunk_size, L - begin)), h);
                }
            }
        });
    }

    /// Every array that a component's operation is given or gives, an element a time, in kernels/backend.h's types.
    static double leastBytes(Component component, const model::Config& c, std::int32_t layer, std::int64_t batch,
                             std::int64_t length, DType type) {
        const auto B = static_cast<double>(batch);
        const double M = B * static_cast<double>(length);
        const auto D = static_cast<double>(c.d_model);
        const auto Di = static_cast<double>(c.d_inner);
        const auto V = static_cast<double>(c.vocab_padded);
        const bool mamba1 = c.architecture == model::Architecture::Mamba1;
        double N = 0, h = 0, C = 0, E = 0;
        if (layer >= 0) {
            for (std::int64_t g = 0; g < c.groups(); ++g) N += static_cast<double>(c.states(layer, g));
            h = B * Di / static_cast<double>(c.groups()) * N;
            C = mamba1 ? Di : Di + 2 * N;
            E = mamba1 ? 2 * Di : 2 * Di + 2 * N + static_cast<double>(c.n_heads);
        }
        const auto R = static_cast<double>(c.dt_rank);
        const auto H = static_cast<double>(c.n_heads);
        const auto K = static_cast<double>(c.d_conv);
        const double bias = c.use_bias ? 1 : 0;
        switch (component) {
            // ids; rows of the table, all of it at most; residual
            case Component::Embedding: return bytes(type, std::min(M, V) * D, M + M * D);
            // delta, out; residual, read and written, weight. The first has no delta, the last leaves no residual.
            case Component::Norm:
                return layer == 0 ? bytes(type, M * D, M * D + D) : bytes(type, 2 * M * D, 2 * M * D + D);
            case Component::NormF: return bytes(type, 2 * B * D, B * D + D);
            case Component::InProj: return bytes(type, M * D + D * E + M * E, bias * E);
            // x, y; weight, bias, inputs carried in and out
            case Component::Conv1d:
                return bytes(type, 2 * M * C, K * C + (c.use_conv_bias ? C : 0) + 2 * B * (K - 1) * C);
            case Component::XProj: return mamba1 ? bytes(type, M * Di + (Di + M) * (R + 2 * N), 0) : 0;
            case Component::DtProj: return mamba1 ? bytes(type, M * R + R * Di + M * Di, 0) : 0;
            // x, dt, B, C, y; h in and out, A, dt's bias, D
            case Component::Ssm:
                return mamba1 ? bytes(type, 3 * M * Di + 2 * M * N, 2 * h + Di * N + 2 * Di)
                              : bytes(type, 2 * M * Di + 2 * M * N + M * H, 2 * h + 2 * H + Di);
            // y in and out, z; the norm's weight
            case Component::Gate: return bytes(type, 3 * M * Di, mamba1 ? 0 : Di);
            case Component::OutProj: return bytes(type, M * Di + Di * D + M * D, bias * D);
            case Component::LmHead: return bytes(type, B * D + D * V, B * V);
            case Component::Other: return 0;
        }
        return 0;
    }

private Q_SLOTS:
    void operationsAreTheReferences_data() { cases(); }
    void operationsAreTheReferences() {
        QFETCH(model::Config, c);
        QFETCH(int, batch);
        QFETCH(int, length);
        for (const Component component : kComponents) {
            const bool layered = isInLayers(component);
            for (std::int32_t layer = layered ? 0 : kNoLayer; layer < (layered ? c.n_layer : 0); ++layer) {
                const Cost counted = referenceCount(component, c, layer, batch, length);
                const Cost cost = costOf(component, c, layer, {batch, length});
                const std::string where = std::string(name(component)) + " of layer " + std::to_string(layer);
                QVERIFY2(cost.flops == counted.flops, qPrintable(QString("%1: %2 operations, counted %3")
                                                                     .arg(where.c_str())
                                                                     .arg(cost.flops)
                                                                     .arg(counted.flops)));
                QVERIFY2(cost.exponentials == counted.exponentials,
                         qPrintable(QString("%1: %2 exponentials, counted %3")
                                        .arg(where.c_str())
                                        .arg(cost.exponentials)
                                        .arg(counted.exponentials)));
            }
        }
    }

    void bytesAreTheOperands_data() { cases(); }
    void bytesAreTheOperands() {
        QFETCH(model::Config, c);
        QFETCH(int, batch);
        QFETCH(int, length);
        for (const DType type : {DType::F32, DType::BF16}) {
            for (const Component component : kComponents) {
                const bool layered = isInLayers(component);
                for (std::int32_t layer = layered ? 0 : kNoLayer; layer < (layered ? c.n_layer : 0); ++layer) {
                    const double least = costOf(component, c, layer, {batch, length, type}).bytes;
                    QVERIFY2(least == leastBytes(component, c, layer, batch, length, type),
                             qPrintable(QString("%1 of layer %2: %3, enumerated %4")
                                            .arg(std::string(name(component)).c_str())
                                            .arg(layer)
                                            .arg(least)
                                            .arg(leastBytes(component, c, layer, batch, length, type))));
                }
            }
        }
    }

    /// The chunks compute what the recurrence does; else their count would be of something else.
    void chunksAreTheRecurrence() {
        const model::Config c = config(model::Architecture::Mamba2);
        loops::Ssd<Counted> a{1, 8, c.n_heads, c.head_dim, c.n_groups, 5, {}, {}, {}, {}, {}, {}, {}, 0, c.dt_max};
        auto drawn = [seed = 1](std::int64_t count, double low, double high) mutable {
            Numbers values(static_cast<std::size_t>(count));
            for (Counted& v : values) v = low + (high - low) * (seed++ * 37 % 101) / 101.0;
            return values;
        };
        a.x = drawn(8 * 24, -1, 1);
        a.dt = drawn(8 * 6, -2, 1);
        a.dt_bias = drawn(6, -1, 1);
        a.A = drawn(6, -2, -0.1);
        a.B = drawn(8 * 2 * 5, -1, 1);
        a.C = drawn(8 * 2 * 5, -1, 1);
        a.D = drawn(24, -1, 1);
        Numbers h = drawn(24 * 5, -1, 1);
        Numbers other_h = h;
        const Numbers y = loops::ssd(a, h);
        const Numbers other_y = ssdOfChunk(a, other_h);
        for (std::size_t i = 0; i < y.size(); ++i) QVERIFY(std::abs(y[i].value - other_y[i].value) < 1e-12);
        for (std::size_t i = 0; i < h.size(); ++i) QVERIFY(std::abs(h[i].value - other_h[i].value) < 1e-12);
    }

    /// A fused step does what its components do, but for what moves between them.
    void fusedStepsAddUp_data() {
        QTest::addColumn<model::Config>("c");
        QTest::newRow("Mamba-1") << config(model::Architecture::Mamba1);
        QTest::newRow("Mamba-2") << config(model::Architecture::Mamba2);
    }
    void fusedStepsAddUp() {
        QFETCH(model::Config, c);
        const bool mamba1 = c.architecture == model::Architecture::Mamba1;
        const PassShape plain{4, 1, DType::BF16};
        PassShape fused = plain;
        fused.fused = true;
        const Cost sum = costOfPass(c, plain);
        const Cost sum_fused = costOfPass(c, fused);
        QCOMPARE(sum_fused.flops, sum.flops);
        QCOMPARE(sum_fused.exponentials, sum.exponentials);
        QVERIFY(sum_fused.bytes < sum.bytes);
        for (const Component component : {Component::Norm, Component::Conv1d, Component::DtProj, Component::Gate,
                                          Component::NormF, Component::Other}) {
            QCOMPARE(costOf(component, c, isInLayers(component) ? 0 : kNoLayer, fused).bytes, 0.0);
        }
        // What a step is given and gives, by LinearStepArgs, Mamba1StepArgs and Mamba2StepArgs.
        const double C = static_cast<double>(c.convWidth(0));
        const double E = static_cast<double>(c.inProjRows(0));
        QCOMPARE(costOf(Component::InProj, c, 0, fused).bytes,
                 bytes(DType::BF16, 12 * E + 4 * E, 4 * 12 + 12 + 5 * C + 2 * 4 * 3 * C));
        if (mamba1) {
            QCOMPARE(costOf(Component::Ssm, c, 0, fused).bytes,
                     bytes(DType::BF16, 3 * 24 + 4 * (3 + 3 * 24 + 2 * 5), 2 * 4 * 24 * 5 + 24 * 5 + 2 * 24));
            QCOMPARE(costOf(Component::OutProj, c, 0, fused).bytes, bytes(DType::BF16, 24 * 12 + 4 * 24, 2 * 4 * 12));
        } else {
            QCOMPARE(costOf(Component::Ssm, c, 0, fused).bytes,
                     bytes(DType::BF16, 4 * (2 * 24 + 2 * 10 + 6), 4 * 24 + 2 * 4 * 24 * 5 + 2 * 6 + 24));
            QCOMPARE(costOf(Component::OutProj, c, 0, fused).bytes,
                     bytes(DType::BF16, 24 * 12, 4 * 24 + 24 + 2 * 4 * 12));
        }
        QCOMPARE(costOf(Component::LmHead, c, kNoLayer, fused).bytes,
                 bytes(DType::BF16, 12 * 40, 4 * 12 + 12 + 4 * 40));
    }

    void longPromptsReadTheTableOnce() {
        const model::Config c = config(model::Architecture::Mamba1);
        QCOMPARE(costOf(Component::Embedding, c, kNoLayer, {1, 1000}).bytes, 4.0 * (40 * 12 + 1000 * 12 + 1000));
    }
};

QTEST_GUILESS_MAIN(TestCostModel)
#include "test_cost_model.moc"
