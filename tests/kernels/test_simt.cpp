// The SIMT executor: what a kernel may rely on, and that it catches what a device would hang on, or compute nonsense
// from.
#include <QTest>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/cuda/simt/gate.h"
#include "kernels/cuda/simt/mma.h"
#include "kernels/cuda/simt/simt.h"
#include "kernels/cuda/simt/tiles.h"
#include "kernels/tensor.h"

using namespace perfmamba;
using simt::host::Fault;
using simt::host::Order;

namespace {

struct Params {
    float* out;
    int count;
};

using Tile = float[4][simt::kWarp];
using Row = float[64];

SIMT_KERNEL(128) void places(Params p) {
    const int i = (simt::blockZ() * 3 + simt::blockY()) * 2 + simt::blockX();
    p.out[i * 128 + simt::threadIndex()] = static_cast<float>(1000 * i + simt::warp() * simt::kWarp + simt::lane());
}

/// Turns 128 numbers round by way of shared memory. It is right only with its barrier.
template <bool barrier>
SIMT_KERNEL(128)
void reverse(Params p) {
    SIMT_SHARED(Tile, tile);
    tile[simt::warp()][simt::lane()] = p.out[simt::threadIndex()];
    if constexpr (barrier) simt::syncBlock();
    p.out[simt::threadIndex()] = tile[3 - simt::warp()][31 - simt::lane()];
}

template <bool right>
SIMT_KERNEL(32)
void addToWhatIsThere(Params p) {
    const float early = p.out[simt::lane()];
    simt::awaitKernelsBefore();
    p.out[simt::lane()] = (right ? p.out[simt::lane()] : early) + static_cast<float>(p.count);
}
/// Its second warp waits for what is before; the first goes on to a gate behind that.
SIMT_KERNEL(64)
void warpsWaitApart(Params p) {
    SIMT_SHARED(simt::Gate, gate);
    if (simt::threadIndex() == 0) openGate(gate, 1);
    simt::syncBlock();
    if (simt::warp() == 0) {
        passGate(gate, 0);
        simt::awaitKernelsBefore();
    } else {
        simt::awaitKernelsBefore();
        p.out[simt::lane()] += static_cast<float>(p.count);
        arriveAsWarp(gate);
    }
}
SIMT_KERNEL(32) void waitsForNothing(Params p) {
    p.out[simt::lane()] = 0;
}

/// The same within a warp.
template <bool barrier>
SIMT_KERNEL(32)
void reverseWarp(Params p) {
    SIMT_SHARED(Row, row);
    row[simt::lane()] = p.out[simt::lane()];
    if constexpr (barrier) simt::syncWarp();
    p.out[simt::lane()] = row[31 - simt::lane()];
}

/// Four warps, each of which waits for the one before it, and the first for turn `first`.
template <int first>
SIMT_KERNEL(128)
void relay(Params p) {
    struct Word {
        float sum;
        int turn;
    };
    SIMT_SHARED(Word, shared);
    if (simt::threadIndex() == 0) simt::storeShared(&shared, Word{1, 0});
    simt::syncBlock();
    Word word = simt::loadShared(&shared);
    while (!simt::allLanes(word.turn == simt::warp() + first)) {
        simt::pause();
        word = simt::loadShared(&shared);
    }
    simt::syncWarp();
    word.sum = 2 * word.sum + static_cast<float>(simt::warp());
    if (simt::lane() == 0) simt::storeShared(&shared, Word{word.sum, word.turn + 1});
    p.out[simt::threadIndex()] = word.sum;
}

/// Two warps hand `count` numbers through a ring of two to two others, which sum them.
SIMT_KERNEL(128) void ring(Params p) {
    struct Ring {
        float values[2][simt::kWarp];
        simt::Gate full[2], empty[2];
    };
    SIMT_SHARED(Ring, shared);
    if (simt::threadIndex() == 0) {
        for (int i = 0; i < 2; ++i) {
            simt::openGate(shared.full[i], 2);
            simt::openGate(shared.empty[i], 2);
        }
    }
    simt::syncBlock();
    simt::RingPlace<2> place;
    float sum = 0;
    for (int i = 0; i < p.count; ++i, place.next()) {
        if (simt::warp() < 2) {
            simt::passGate(shared.empty[place.at], place.round + 1);
            if (simt::lane() / 16 == simt::warp()) {
                shared.values[place.at][simt::lane()] = static_cast<float>(i * simt::lane());
            }
            simt::arriveAsWarp(shared.full[place.at]);
        } else {
            simt::passGate(shared.full[place.at], place.round);
            sum += shared.values[place.at][31 - simt::lane()];
            simt::arriveAsWarp(shared.empty[place.at]);
        }
    }
    p.out[simt::threadIndex()] = sum;
}
/// A gate at which nobody arrives.
SIMT_KERNEL(32) void closedGate(Params /*p*/) {
    SIMT_SHARED(simt::Gate, gate);
    if (simt::lane() == 0) simt::openGate(gate, 1);
    simt::syncWarp();
    simt::passGate(gate, 0);
}

SIMT_KERNEL(64) void divergentBarrier(Params /*p*/) {
    if (simt::warp() == 0) {
        simt::syncBlock();
    } else {
        simt::syncBlock();
    }
}
SIMT_KERNEL(64) void leftBeforeBarrier(Params /*p*/) {
    if (simt::threadIndex() >= 40) return;
    simt::syncBlock();
}
SIMT_KERNEL(32) void divergentShuffle(Params p) {
    float value = 1;
    if (simt::lane() < 16) value = simt::shuffleXor(value, 1);
    p.out[simt::lane()] = value;
}
SIMT_KERNEL(32) void twoShuffles(Params p) {
    p.out[simt::lane()] = simt::lane() < 16 ? simt::shuffle(1.0F, 0) : simt::shuffleXor(2.0F, 1);
}
SIMT_KERNEL(32) void misaligned(Params p) {
    struct alignas(16) Four {
        float at[4];
    };
    simt::storeAs(p.out + 1, Four{});
}
SIMT_KERNEL(32) void tooMuchShared(Params p) {
    using Large = float[13000];
    SIMT_SHARED(Large, large);
    p.out[0] = large[0];
}

SIMT_KERNEL(64) void unwritten(Params p) {
    SIMT_SHARED(Row, row);
    p.out[simt::threadIndex()] =
        row[simt::threadIndex()] + reinterpret_cast<float*>(simt::dynamicShared())[p.count - 1];
}

SIMT_KERNEL(64) void shuffles(Params p) {
    const auto value = static_cast<float>(simt::threadIndex());
    float* out = p.out + simt::threadIndex();
    out[0] = simt::shuffle(value, 5);
    out[64] = simt::shuffleXor(value, 6);
    out[128] = simt::shuffleUp(value, 3);
    out[192] = simt::shuffleDown(value, 3);
    out[256] = simt::warpSum(value);
    using Partial = float[2];
    SIMT_SHARED(Partial, partial);
    out[320] = simt::blockSum<64>(value, partial);
    const double wide = simt::shuffleUp(1.0 / (1 + simt::lane()), 1);
    out[384] = static_cast<float>(1 / wide);
}

SIMT_KERNEL(64) void count(int* counter) {
    simt::atomicAdd(counter, 2);
}

template <class T>
struct ProductParams {
    const T* a;  // (16, 16)
    const T* b;  // (8, 16)
    float* c;    // (16, 8)
};

template <class T>
SIMT_KERNEL(32)
void product(ProductParams<T> p) {
    const int g = simt::lane() / 4;
    const int t = simt::lane() % 4 * 2;
    const auto pair = [](const T* from) { return simt::loadAs<std::uint32_t>(from); };
    const std::uint32_t a[4] = {pair(p.a + g * 16 + t), pair(p.a + (g + 8) * 16 + t), pair(p.a + g * 16 + t + 8),
                                pair(p.a + (g + 8) * 16 + t + 8)};
    const std::uint32_t b[2] = {pair(p.b + g * 16 + t), pair(p.b + g * 16 + t + 8)};
    float c[4] = {1, 1, 1, 1};
    simt::mma<T>(c, a, b);
    for (int i = 0; i < 4; ++i) p.c[(g + i / 2 * 8) * 8 + t + i % 2] = c[i];
}

/// A matrix of 16 × 16, copied and read as four of 8 × 8, by rows and by columns; the last row is outside.
struct TileParams {
    const std::uint16_t* from;
    std::uint32_t* rows;
    std::uint32_t* columns;
};
SIMT_KERNEL(32) void tiles(TileParams p) {
    using Matrix = std::uint16_t[16][24];
    SIMT_SHARED(Matrix, matrix);
    const int row = simt::lane() % 16;
    const int column = simt::lane() / 16 * 8;
    simt::copyAsync(&matrix[row][column], p.from + row * 16 + column, row < 15);
    simt::endCopies();
    simt::waitForCopies<0>();
    simt::syncBlock();
    std::uint32_t values[4];
    simt::loadMatrices(values, &matrix[row][column]);
    for (int m = 0; m < 4; ++m) p.rows[m * 32 + simt::lane()] = values[m];
    simt::loadMatricesTransposed(values, &matrix[row][column]);
    for (int m = 0; m < 4; ++m) p.columns[m * 32 + simt::lane()] = values[m];
}

std::vector<float> upTo(int n) {
    std::vector<float> values(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) values[static_cast<std::size_t>(i)] = static_cast<float>(i);
    return values;
}
std::vector<float> reversed(int n) {
    std::vector<float> values = upTo(n);
    std::ranges::reverse(values);
    return values;
}

template <class Kernel>
std::vector<float> run(Kernel kernel, int threads, std::vector<float> values, Order order) {
    simt::host::setOrder(order);
    simt::launch(nullptr, {{1}, threads, 64}, kernel, Params{values.data(), 16});
    return values;
}

/// What the fault says; empty where there is none.
template <class Kernel>
QString fault(Kernel kernel, int threads) {
    try {
        run(kernel, threads, upTo(128), Order::Forward);
    } catch (const Fault& fault) {
        return QString::fromUtf8(fault.what());
    }
    return {};
}

template <class T>
void checkProduct() {
    std::vector<T> a;
    std::vector<T> b;
    for (int i = 0; i < 256; ++i) a.push_back(simt::fromFloat<T>(static_cast<float>(i % 37 - 18) / 8));
    for (int i = 0; i < 128; ++i) b.push_back(simt::fromFloat<T>(static_cast<float>(i % 23 - 11) / 4));
    std::vector<float> c(128);
    simt::launch(nullptr, {}, product<T>, ProductParams<T>{a.data(), b.data(), c.data()});
    for (std::size_t m = 0; m < 16; ++m) {
        for (std::size_t n = 0; n < 8; ++n) {
            float expected = 1;
            for (std::size_t k = 0; k < 16; ++k)
                expected += simt::toFloat(a[m * 16 + k]) * simt::toFloat(b[n * 16 + k]);
            QCOMPARE(c[m * 8 + n], expected);
        }
    }
}

}  // namespace

class TestSimt : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void cleanup() { simt::host::setOrder(Order::Forward); }

    void everyThreadOfEveryBlock() {
        for (const Order order : {Order::Forward, Order::Backward}) {
            std::vector<float> out(12 * 128, -1);
            simt::host::setOrder(order);
            simt::launch(nullptr, {{2, 3, 2}, 128}, places, Params{out.data(), 0});
            for (int i = 0; i < 12 * 128; ++i) {
                QCOMPARE(out[static_cast<std::size_t>(i)], static_cast<float>(i / 128 * 1000 + i % 128));
            }
        }
    }

    void barriersHold() {
        for (const Order order : {Order::Forward, Order::Backward}) {
            QCOMPARE(run(reverse<true>, 128, upTo(128), order), reversed(128));
            QCOMPARE(run(reverseWarp<true>, 32, upTo(32), order), reversed(32));
        }
    }

    /// Where there is no barrier, but a word for which the next warp asks.
    void warpsWaitForEachOther() {
        for (const Order order : {Order::Forward, Order::Backward}) {
            const std::vector<float> out = run(relay<0>, 128, std::vector<float>(128), order);
            for (std::size_t i = 0; i < 128; ++i) QCOMPARE(out[i], std::vector<float>({2, 5, 12, 27})[i / 32]);
        }
        QVERIFY(fault(relay<1>, 128).contains(QLatin1String("waits at pause")));
    }

    /// Each sum is of 16 numbers, 0 to 15 times the lane that wrote them.
    void gatesLetThroughInTurn() {
        for (const Order order : {Order::Forward, Order::Backward}) {
            const std::vector<float> out = run(ring, 128, std::vector<float>(128), order);
            for (std::size_t i = 0; i < 128; ++i) QCOMPARE(out[i], i < 64 ? 0 : 120 * static_cast<float>(31 - i % 32));
        }
        QVERIFY(fault(closedGate, 32).contains(QLatin1String("waits at passGate")));
    }

    /// Without its barrier a kernel cannot be right in both orders.
    void missingBarriersShow() {
        QVERIFY(run(reverse<false>, 128, upTo(128), Order::Forward) != reversed(128) ||
                run(reverse<false>, 128, upTo(128), Order::Backward) != reversed(128));
        QVERIFY(run(reverseWarp<false>, 32, upTo(32), Order::Forward) != reversed(32) ||
                run(reverseWarp<false>, 32, upTo(32), Order::Backward) != reversed(32));
    }

    void divergenceIsAFault() {
        const QString barrier = fault(divergentBarrier, 64);
        QVERIFY2(barrier.contains(QLatin1String("syncBlock")) && barrier.contains(QLatin1String("test_simt.cpp")),
                 qPrintable(barrier));
        QVERIFY(fault(leftBeforeBarrier, 64).contains(QLatin1String("has left")));
        QVERIFY(fault(divergentShuffle, 32).contains(QLatin1String("shuffleXor")));
        QVERIFY(fault(twoShuffles, 32).contains(QLatin1String("went different ways")));
        // After a fault the executor runs on.
        QCOMPARE(run(reverse<true>, 128, upTo(128), Order::Forward), reversed(128));
    }

    void whatADeviceRefuses() {
        QVERIFY(fault(misaligned, 32).contains(QLatin1String("not aligned")));
        QVERIFY(fault(tooMuchShared, 32).contains(QLatin1String("shared memory")));
        QVERIFY(fault(places, 33).contains(QLatin1String("33 threads")));
        QVERIFY(fault(places, 2048).contains(QLatin1String("2048 threads")));
        std::vector<float> out(128);
        QVERIFY_EXCEPTION_THROWN(simt::launch(nullptr, {{1, 65536}, 128}, places, Params{out.data(), 0}), Fault);
        QVERIFY_EXCEPTION_THROWN(simt::launch(nullptr, {{1}, 128, 240000}, places, Params{out.data(), 0}), Fault);
    }

    /// A kernel that overlaps with the one before it reads before it waits what that one has not written yet.
    void overlap() {
        const simt::Shape shape{{2}, 32, 0, true};
        for (const bool first : {false, true}) {
            std::vector<float> right(32);
            std::vector<float> wrong(32);
            simt::host::Overlapping kernels(first);
            for (int i = 1; i <= 4; ++i) simt::launch(nullptr, shape, addToWhatIsThere<true>, Params{right.data(), i});
            kernels.end();
            for (int i = 1; i <= 4; ++i) simt::launch(nullptr, shape, addToWhatIsThere<false>, Params{wrong.data(), i});
            kernels.end();
            QCOMPARE(right[5], 20.0F);  // two blocks each
            QVERIFY(wrong[5] < 20);
            std::vector<float> apart(32);
            for (int i = 1; i <= 4; ++i)
                simt::launch(nullptr, {{1}, 64, 0, true}, warpsWaitApart, Params{apart.data(), i});
            kernels.end();
            QCOMPARE(apart[5], 10.0F);
        }
        std::vector<float> out(32);
        QVERIFY_EXCEPTION_THROWN(simt::launch(nullptr, shape, waitsForNothing, Params{out.data(), 0}), Fault);
    }

    void tilesFromSharedMemory() {
        std::vector<std::uint16_t> from(256);
        for (std::size_t i = 0; i < 256; ++i) from[i] = static_cast<std::uint16_t>(i + 1);
        std::vector<std::uint32_t> rows(128);
        std::vector<std::uint32_t> columns(128);
        simt::launch(nullptr, {}, tiles, TileParams{from.data(), rows.data(), columns.data()});
        const auto at = [](std::uint32_t row, std::uint32_t column) { return row < 15 ? row * 16 + column + 1 : 0; };
        for (std::uint32_t i = 0; i < 128; ++i) {
            const std::uint32_t row = i / 32 % 2 * 8;
            const std::uint32_t column = i / 64 * 8;
            const std::uint32_t g = i % 32 / 4;
            const std::uint32_t t = i % 4 * 2;
            QCOMPARE(rows[i], at(row + g, column + t) | at(row + g, column + t + 1) << 16);
            QCOMPARE(columns[i], at(row + t, column + g) | at(row + t + 1, column + g) << 16);
        }
    }

    void sharedMemoryStartsAsNaN() {
        for (const float value : run(unwritten, 64, upTo(64), Order::Forward)) QVERIFY(std::isnan(value));
    }

    void exchange() {
        for (const Order order : {Order::Forward, Order::Backward}) {
            const std::vector<float> out = run(shuffles, 64, std::vector<float>(448), order);
            for (int i = 0; i < 64; ++i) {
                const int lane = i % 32;
                const int first = i - lane;
                const auto at = [&](int row) { return static_cast<int>(out[static_cast<std::size_t>(row * 64 + i)]); };
                QCOMPARE(at(0), first + 5);
                QCOMPARE(at(1), first + (lane ^ 6));
                QCOMPARE(at(2), lane < 3 ? i : i - 3);
                QCOMPARE(at(3), lane > 28 ? i : i + 3);
                QCOMPARE(at(4), first * 32 + 496);
                QCOMPARE(at(5), 2016);
                QCOMPARE(at(6), lane == 0 ? 1 : lane);
            }
        }
    }

    void atomics() {
        int counter = 1;
        simt::launch(nullptr, {{3}, 64}, count, &counter);
        QCOMPARE(counter, 1 + 3 * 64 * 2);
    }

    void matrixProduct() {
        checkProduct<simt::Half>();
        checkProduct<simt::BFloat16>();
    }

    /// All 65536 of each, there and back; the reader of checkpoints agrees.
    void sixteenBits() {
        for (int bits = 0; bits < 65536; ++bits) {
            const auto raw = static_cast<std::uint16_t>(bits);
            const float half = simt::toFloat(simt::Half{raw});
            const float brain = simt::toFloat(simt::BFloat16{raw});
            for (const auto& [type, value] : {std::pair(DType::F16, half), std::pair(DType::BF16, brain)}) {
                float read = 0;
                convertToFloat(type, reinterpret_cast<const std::byte*>(&raw), 1, &read);
                QVERIFY(std::isnan(value) ? std::isnan(read) : value == read);
            }
            if (std::isnan(half)) {
                QVERIFY(std::isnan(simt::toFloat(simt::fromFloat<simt::Half>(half))));
            } else {
                QCOMPARE(simt::fromFloat<simt::Half>(half).bits, raw);
            }
            if (std::isnan(brain)) {
                QVERIFY(std::isnan(simt::toFloat(simt::fromFloat<simt::BFloat16>(brain))));
            } else {
                QCOMPARE(simt::fromFloat<simt::BFloat16>(brain).bits, raw);
            }
        }
    }

    /// What lies half-way goes to the even neighbour, and a little more to the nearer one.
    void rounding() {
        const auto check = [](auto round, float step) {
            QCOMPARE(round(1 + step / 2), 1.0F);
            QCOMPARE(round(1 + step * 3 / 2), 1 + step * 2);
            QCOMPARE(round(std::nextafter(1 + step / 2, 2.0F)), 1 + step);
            QCOMPARE(round(-(1 + step * 3 / 2)), -(1 + step * 2));
        };
        const auto half = [](float value) { return simt::toFloat(simt::fromFloat<simt::Half>(value)); };
        const auto brain = [](float value) { return simt::toFloat(simt::fromFloat<simt::BFloat16>(value)); };
        check(half, 0x1p-10F);
        check(brain, 0x1p-7F);
        QCOMPARE(half(65519.0F), 65504.0F);
        QVERIFY(std::isinf(half(65520.0F)));
        QCOMPARE(half(0x1p-24F), 0x1p-24F);    // the smallest
        QCOMPARE(half(0x1.8p-25F), 0x1p-24F);  // nearer to it than to 0
        QCOMPARE(half(0x1p-25F), 0.0F);        // half-way
        QVERIFY(std::isinf(brain(std::numeric_limits<float>::max())));
    }
};

QTEST_GUILESS_MAIN(TestSimt)
#include "test_simt.moc"
