// Blocks of device memory: none overlap, neighbours join again, and memory goes back when it is asked for.
#include <QTest>
#include <cstring>
#include <map>
#include <random>

#include "kernels/cuda/plugin/arena.h"
#include "kernels/cuda/plugin/host_runtime.h"

using namespace perfmamba::kernels::cuda;

namespace {

constexpr std::size_t kSegment = 1U << 20U;

}  // namespace

class TestArena : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void blocksDoNotOverlap() {
        HostRuntime runtime({});
        Arena arena(runtime, kSegment);
        std::mt19937 random(1);
        std::map<std::byte*, std::size_t> out;
        for (int i = 0; i < 4000; ++i) {
            if (out.empty() || random() % 5 < 3) {
                const std::size_t bytes = random() % 50000;
                auto* block = static_cast<std::byte*>(arena.take(bytes));
                QVERIFY(block);
                QCOMPARE(reinterpret_cast<std::uintptr_t>(block) % 256, 0U);
                std::memset(block, 1, bytes);
                const auto [place, fresh] = out.emplace(block, bytes);
                QVERIFY(fresh);
                if (place != out.begin()) QVERIFY(std::prev(place)->first + std::prev(place)->second <= block);
                if (std::next(place) != out.end()) QVERIFY(block + bytes <= std::next(place)->first);
            } else {
                const auto place = std::next(out.begin(), static_cast<std::ptrdiff_t>(random() % out.size()));
                QVERIFY(arena.give(place->first));
                out.erase(place);
            }
        }
        for (const auto& [block, bytes] : out) QVERIFY(arena.give(block));
        QCOMPARE(arena.cached(), arena.reserved());
        arena.trim();
        QCOMPARE(arena.reserved(), 0);
    }

    void neighboursJoin() {
        HostRuntime runtime({});
        Arena arena(runtime, kSegment);
        void* first = arena.take(kSegment / 2);
        void* second = arena.take(kSegment / 4);
        void* third = arena.take(kSegment / 4);
        QCOMPARE(arena.reserved(), static_cast<std::int64_t>(kSegment));
        for (void* block : {second, first, third}) QVERIFY(arena.give(block));
        QCOMPARE(arena.take(kSegment), first);
        QCOMPARE(arena.reserved(), static_cast<std::int64_t>(kSegment));
    }

    void strangersAreRefused() {
        HostRuntime runtime({});
        Arena arena(runtime, kSegment);
        void* block = arena.take(100);
        QVERIFY(!arena.give(static_cast<std::byte*>(block) + 256));
        QVERIFY(arena.give(block));
        QVERIFY(!arena.give(block));
    }

    void whenMemoryRunsOut() {
        HostRuntime runtime({.memory_bytes = 3 * static_cast<std::int64_t>(kSegment)});
        Arena arena(runtime, kSegment);
        void* small = arena.take(1000);
        void* large = arena.take(2 * kSegment);  // all that is left
        QVERIFY(small && large);
        QVERIFY(!arena.take(2 * kSegment));
        QVERIFY(arena.give(large));
        QVERIFY(arena.take(2 * kSegment));  // it was kept
        QVERIFY(arena.give(small));
        QVERIFY(!arena.take(3 * kSegment));
    }

    void lessThanASegmentIsLeft() {
        HostRuntime runtime({.memory_bytes = 4096});
        Arena arena(runtime, kSegment);
        QVERIFY(arena.take(2000));
        QVERIFY(arena.take(2000));
        QVERIFY(!arena.take(1));
    }
};

QTEST_APPLESS_MAIN(TestArena)
#include "test_arena.moc"
