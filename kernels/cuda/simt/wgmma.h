// The matrix product of a warpgroup, four neighbouring warps: wgmma.mma_async of compute capability 9.0 (code for
// sm_90a only). d (64, n) += a (64, 16) · b (16, n), a and b of 16 bits, d in float; b lies in shared memory, a there
// or in registers.
//
// Warp w of the four has rows 16·w to 16·w + 15 of a and d, in registers laid out as mma.h says: of d, (row, column) of
// lane (g, t) is [column / 8 · 4 + half · 2 + i] for row half · 8 + g and column 8·(column / 8) + 2t + i.
//
// The products run beside the threads. wgmmaBegin() stands before the first of a group and after the last change of
// their registers, wgmmaEnd() behind the last; the results may be touched once wgmmaWait() has returned and keep() has
// told the compiler. What a thread wrote into shared memory is there for another's product once a barrier lies between,
// and before or behind it a call of showToWgmma() by a thread on the way. On the host a product is done at once.
//
// PERFMAMBA_SIMT_NO_WGMMA lets the host test what other devices do.
#pragma once

#include "kernels/cuda/simt/mma.h"

#ifndef __CUDACC__
#include <algorithm>
#endif

namespace perfmamba::simt {

#if defined(PERFMAMBA_SIMT_NO_MMA) || defined(PERFMAMBA_SIMT_NO_WGMMA) || \
    (defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL))
inline constexpr bool kHasWgmma = false;
#else
inline constexpr bool kHasWgmma = true;
#endif

inline constexpr int kWarpgroup = 128;  // threads
inline constexpr int kTileExtent = 64;  // rows and columns of a tile

/// An operand in shared memory: 64 rows of 64 elements of 16 bits, 128 bytes a row. Of these, the 16 that begin at
/// column c lie at 16 · (c / 8 ^ row % 8), so that neither rows nor columns meet in a bank (the layout "128 byte
/// swizzle" of the PTX ISA).
struct alignas(1024) WgmmaTile {
    std::uint16_t bits[kTileExtent * kTileExtent];

    /// Where the elements (row, column) to (row, column + 7) lie; column is a multiple of 8.
    [[nodiscard]] SIMT_DEVICE std::uint16_t* at(int row, int column) {
        return bits + row * kTileExtent + (column / 8 ^ row % 8) * 8;
    }
    [[nodiscard]] SIMT_DEVICE const std::uint16_t* at(int row, int column) const {
        return bits + row * kTileExtent + (column / 8 ^ row % 8) * 8;
    }
};

#ifdef __CUDACC__

/// A tile, or the first of some side by side, as an operand: its address is made ready once, and what lies a constant
/// further on costs an addition.
class WgmmaOperand {
public:
    SIMT_DEVICE WgmmaOperand(const WgmmaTile* first)  // NOLINT(google-explicit-constructor)
        : m_at(static_cast<std::uint32_t>(sizeof(WgmmaTile) / 16) << 16 |
               (static_cast<std::uint32_t>(__cvta_generic_to_shared(first->bits)) & 0x3ffffU) >> 4) {}
    SIMT_DEVICE WgmmaOperand(const WgmmaTile& tile) : WgmmaOperand(&tile) {}  // NOLINT(google-explicit-constructor)
    /// So many tiles further on.
    [[nodiscard]] SIMT_DEVICE WgmmaOperand ahead(int tiles) const {
        WgmmaOperand result = *this;
        result.m_at += static_cast<std::uint32_t>(tiles) * static_cast<std::uint32_t>(sizeof(WgmmaTile) / 16);
        return result;
    }
    /// What the instruction is told: address, bytes from one 64 columns to the next where b's columns lie side by side,
    /// and from 8 rows of a tile to the next 8; all in units of 16 bytes.
    [[nodiscard]] SIMT_DEVICE std::uint64_t describe(int row, int column) const {
        constexpr std::uint64_t k128ByteSwizzle = std::uint64_t{1} << 62;
        return k128ByteSwizzle | std::uint64_t{8 * kTileExtent * 2 / 16} << 32 |
               (m_at + static_cast<std::uint32_t>(row * kTileExtent + column) * 2 / 16);
    }

private:
    std::uint32_t m_at;
};

namespace wgmma {

/// The registers of d as operands of asm with the constraint c: "+f", or "=f" where the sum begins.
#define PERFMAMBA_D8(c, d, i) \
    c(d[i]), c(d[i + 1]), c(d[i + 2]), c(d[i + 3]), c(d[i + 4]), c(d[i + 5]), c(d[i + 6]), c(d[i + 7])
#define PERFMAMBA_D16(c, d, i) PERFMAMBA_D8(c, d, i), PERFMAMBA_D8(c, d, i + 8)
#define PERFMAMBA_D32(c, d, i) PERFMAMBA_D16(c, d, i), PERFMAMBA_D16(c, d, i + 16)
#define PERFMAMBA_D64(c, d, i) PERFMAMBA_D32(c, d, i), PERFMAMBA_D32(c, d, i + 32)
#define PERFMAMBA_D32_NAMES                                                                                            \
    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%" \
    "30,%31}"
#define PERFMAMBA_D32_A "{%32,%33,%34,%35}, %36"
#define PERFMAMBA_D32_TILES "%32, %33"
#define PERFMAMBA_D64_NAMES                                                                                            \
    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%" \
    "30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%" \
    "58,%59,%60,%61,%62,%63}"
#define PERFMAMBA_D64_A "{%64,%65,%66,%67}, %68"
/// Of n columns in r registers, a in registers or not; `sum`: whether d is added to.
#define PERFMAMBA_PRODUCT(type, n, r, left, sum, constraint, transposed, ...)                                     \
    asm volatile("{.reg .pred p; setp.ne.b32 p, " sum ", 0; wgmma.mma_async.sync.aligned.m64n" #n "k16.f32." type \
                 "." type " " PERFMAMBA_D##r##_NAMES ", " PERFMAMBA_D##r##_##left ", p, 1, 1, " transposed ";}"   \
                 : PERFMAMBA_D##r(constraint, d, 0)                                                               \
                 : __VA_ARGS__)
#define PERFMAMBA_PRODUCT_SUM(type, n, r, left, transposed, ...)                 \
    if constexpr (first) {                                                       \
        PERFMAMBA_PRODUCT(type, n, r, left, "0", "=f", transposed, __VA_ARGS__); \
    } else {                                                                     \
        PERFMAMBA_PRODUCT(type, n, r, left, "1", "+f", transposed, __VA_ARGS__); \
    }
#define PERFMAMBA_PRODUCT_TYPE(n, r, left, transposed, ...)                \
    if constexpr (std::is_same_v<T, Half>) {                               \
        PERFMAMBA_PRODUCT_SUM("f16", n, r, left, transposed, __VA_ARGS__)  \
    } else {                                                               \
        PERFMAMBA_PRODUCT_SUM("bf16", n, r, left, transposed, __VA_ARGS__) \
    }
#define PERFMAMBA_PRODUCT_REGISTERS(n, r, transposed) \
    PERFMAMBA_PRODUCT_TYPE(n, r, A, transposed, "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(right))

}  // namespace wgmma

/// n = 64; b[k][j] = tile (j, column + k). `first`: d begins with this product, whatever it was.
template <class T, bool first = false>
SIMT_DEVICE void wgmmaRows(float (&d)[kTileExtent / 2], const std::uint32_t (&a)[4], WgmmaOperand b, int column) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    const std::uint64_t right = b.describe(0, column);
    PERFMAMBA_PRODUCT_REGISTERS(64, 32, "0")
#endif
}
/// n = 64 or 128; b[k][j] = tile (row + k, j), of two tiles side by side.
template <class T, int n, bool first = false>
SIMT_DEVICE void wgmmaColumns(float (&d)[n / 2], const std::uint32_t (&a)[4], WgmmaOperand b, int row) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    const std::uint64_t right = b.describe(row, 0);
    if constexpr (n == 64) {
        PERFMAMBA_PRODUCT_REGISTERS(64, 32, "1")
    } else {
        static_assert(n == 128);
        PERFMAMBA_PRODUCT_REGISTERS(128, 64, "1")
    }
#endif
}
/// n = 64; a[i][k] = tile a (i, column + k), b[k][j] = tile b (j, column + k).
template <class T, bool first = false>
SIMT_DEVICE void wgmmaTiles(float (&d)[kTileExtent / 2], WgmmaOperand a, WgmmaOperand b, int column) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    const std::uint64_t left = a.describe(0, column);
    const std::uint64_t right = b.describe(0, column);
    PERFMAMBA_PRODUCT_TYPE(64, 32, TILES, "0, 0", "l"(left), "l"(right))
#endif
}

#undef PERFMAMBA_D8
#undef PERFMAMBA_D16
#undef PERFMAMBA_D32
#undef PERFMAMBA_D64
#undef PERFMAMBA_D32_NAMES
#undef PERFMAMBA_D32_A
#undef PERFMAMBA_D32_TILES
#undef PERFMAMBA_D64_NAMES
#undef PERFMAMBA_D64_A
#undef PERFMAMBA_PRODUCT
#undef PERFMAMBA_PRODUCT_SUM
#undef PERFMAMBA_PRODUCT_TYPE
#undef PERFMAMBA_PRODUCT_REGISTERS

SIMT_DEVICE void wgmmaBegin() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}
SIMT_DEVICE void wgmmaEnd() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}
/// Until all but the last `left` groups are done.
template <int left>
SIMT_DEVICE void wgmmaWait() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(left) : "memory");
#endif
}
/// Keeps the compiler from using the values, or their registers, before.
template <int n>
SIMT_DEVICE void keep(float (&values)[n]) {
    SIMT_UNROLL
    for (float& value : values) asm volatile("" : "+f"(value)::"memory");
}
template <int n>
SIMT_DEVICE void keep(std::uint32_t (&values)[n]) {
    SIMT_UNROLL
    for (std::uint32_t& value : values) asm volatile("" : "+r"(value)::"memory");
}
SIMT_DEVICE void showToWgmma() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

/// A warpgroup of a block of many asks for n registers a thread, or is content with n.
template <int n>
SIMT_DEVICE void takeRegisters() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(n));
#endif
}
template <int n>
SIMT_DEVICE void leaveRegisters() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(n));
#endif
}

/// The counterparts of loadMatrices() and loadMatricesTransposed() of tiles.h.
SIMT_DEVICE void storeMatrices(void* row, const std::uint32_t (&from)[4]) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1,%2,%3,%4};" ::"r"(
                     static_cast<std::uint32_t>(__cvta_generic_to_shared(row))),
                 "r"(from[0]), "r"(from[1]), "r"(from[2]), "r"(from[3])
                 : "memory");
#endif
}
SIMT_DEVICE void storeMatricesTransposed(void* row, const std::uint32_t (&from)[4]) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1,%2,%3,%4};" ::"r"(
                     static_cast<std::uint32_t>(__cvta_generic_to_shared(row))),
                 "r"(from[0]), "r"(from[1]), "r"(from[2]), "r"(from[3])
                 : "memory");
#endif
}

#else

class WgmmaOperand {
public:
    WgmmaOperand(const WgmmaTile* first) : m_first(first) {}  // NOLINT(google-explicit-constructor)
    WgmmaOperand(const WgmmaTile& tile) : m_first(&tile) {}   // NOLINT(google-explicit-constructor)
    [[nodiscard]] WgmmaOperand ahead(int tiles) const { return m_first + tiles; }
    /// Of tiles side by side.
    [[nodiscard]] std::uint16_t element(int row, int column) const {
        return m_first[column / kTileExtent].at(row, column % kTileExtent / 8 * 8)[column % 8];
    }

private:
    const WgmmaTile* m_first;
};

namespace host {
/// d (64, n) += a (64, 16) · b (16, n) of one warp, its own rows: left(half, k) of this lane's two rows, right(k, j).
template <class T, class Left, class Right>
void wgmma(float* d, int n, const Left& left, const Right& right) {
    for (int half = 0; half < 2; ++half) {
        float row[16];
        for (int k = 0; k < 16; ++k) row[k] = toFloat(T{left(half, k)});
        for (int j = 0; j < n / 8; ++j) {
            for (int i = 0; i < 2; ++i) {
                const int column = j * 8 + lane() % 4 * 2 + i;
                float sum = 0;
                for (int k = 0; k < 16; ++k) sum += row[k] * toFloat(T{right(k, column)});
                d[j * 4 + half * 2 + i] += sum;
            }
        }
    }
}
template <class T, class Right>
void wgmmaRegisters(float* d, int n, const std::uint32_t (&a)[4], const Right& right, const Site& site) {
    std::memcpy(show(), a, sizeof a);
    waitForWarp(site);
    wgmma<T>(
        d, n,
        [](int half, int k) {
            std::uint32_t of[4];
            std::memcpy(of, shown(lane() / 4 * 4 + k % 8 / 2), sizeof of);
            return static_cast<std::uint16_t>(of[half + k / 8 * 2] >> 16 * (k % 2));
        },
        right);
}
}  // namespace host

template <class T, bool first = false>
void wgmmaRows(float (&d)[kTileExtent / 2], const std::uint32_t (&a)[4], WgmmaOperand b, int column,
               std::source_location at = std::source_location::current()) {
    if (first) std::fill_n(d, kTileExtent / 2, 0.0F);
    host::wgmmaRegisters<T>(d, kTileExtent, a, [&](int k, int j) { return b.element(j, column + k); },
                            {"wgmmaRows", at});
}
template <class T, int n, bool first = false>
void wgmmaColumns(float (&d)[n / 2], const std::uint32_t (&a)[4], WgmmaOperand b, int row,
                  std::source_location at = std::source_location::current()) {
    if (first) std::fill_n(d, n / 2, 0.0F);
    host::wgmmaRegisters<T>(d, n, a, [&](int k, int j) { return b.element(row + k, j); }, {"wgmmaColumns", at});
}
template <class T, bool first = false>
void wgmmaTiles(float (&d)[kTileExtent / 2], WgmmaOperand a, WgmmaOperand b, int column) {
    if (first) std::fill_n(d, kTileExtent / 2, 0.0F);
    const int row = warp() % (kWarpgroup / kWarp) * 16 + lane() / 4;
    host::wgmma<T>(
        d, kTileExtent, [&](int half, int k) { return a.element(row + half * 8, column + k); },
        [&](int k, int j) { return b.element(j, column + k); });
}
inline void wgmmaBegin() {}
inline void wgmmaEnd() {}
template <int left>
void wgmmaWait() {}
template <int n>
void keep(float (&/*values*/)[n]) {}
template <int n>
void keep(std::uint32_t (&/*values*/)[n]) {}
inline void showToWgmma() {}
template <int n>
void takeRegisters() {}
template <int n>
void leaveRegisters() {}

namespace host {
inline void storeMatrices(void* row, const std::uint32_t (&from)[4], bool transposed, const Site& site) {
    struct Shown {
        void* row;
        std::uint32_t from[4];
    };
    checkAligned(row, 16);
    Shown own{row, {from[0], from[1], from[2], from[3]}};
    std::memcpy(show(), &own, sizeof own);
    waitForWarp(site);
    // This lane writes the row that it named: row lane % 8 of matrix lane / 8.
    auto* to = static_cast<std::uint16_t*>(row);
    for (int column = 0; column < 8; ++column) {
        const int g = transposed ? column : lane() % 8;
        const int t = transposed ? lane() % 8 : column;
        Shown other;
        std::memcpy(&other, shown(g * 4 + t / 2), sizeof other);
        to[column] = static_cast<std::uint16_t>(other.from[lane() / 8] >> 16 * (t % 2));
    }
}
}  // namespace host

inline void storeMatrices(void* row, const std::uint32_t (&from)[4],
                          std::source_location at = std::source_location::current()) {
    host::storeMatrices(row, from, false, {"storeMatrices", at});
}
inline void storeMatricesTransposed(void* row, const std::uint32_t (&from)[4],
                                    std::source_location at = std::source_location::current()) {
    host::storeMatrices(row, from, true, {"storeMatricesTransposed", at});
}

#endif

}  // namespace perfmamba::simt
