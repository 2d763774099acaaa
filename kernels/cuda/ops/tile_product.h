// The matrix product of a block: c (64, 64) += a (64, depth) · b (64, depth)ᵀ, a and b in shared memory, c in the
// registers of four warps.
//
// For 16-bit types on tensor cores (mma.m16n8k16), a warp taking a quarter of 32 × 32; for float, and on devices
// without them, by multiply-adds in float, a thread taking 4 × 8 elements. Both operands have `depth` contiguous, and
// rows of 144 bytes: whichever rows a warp reads together begin in different banks.
#pragma once

#include "kernels/cuda/ops/common.h"
#include "kernels/cuda/simt/mma.h"

namespace perfmamba::kernels::cuda {

inline constexpr int kTile = 64;  // rows and columns of c
inline constexpr int kTileThreads = 128;
/// Elements of depth that are staged together: 128 bytes.
template <class T>
inline constexpr int kDepth = 128 / static_cast<int>(sizeof(T));

template <class T>
struct alignas(16) Operand {
    T rows[kTile][kDepth<T> + kWidest<T>];
};

template <class T>
class TileProduct {
public:
    SIMT_DEVICE TileProduct() {
        SIMT_UNROLL
        for (auto& four : m_values) {
            for (float& value : four) value = 0;
        }
    }

    /// c += a · bᵀ. The caller's barriers stand before and after.
    SIMT_DEVICE void add(const Operand<T>& a, const Operand<T>& b) {
        if constexpr (kTensorCores) {
            SIMT_UNROLL
            for (int k = 0; k < kDepth<T>; k += 16) addByMma(a, b, k);
        } else {
            for (int k = 0; k < kDepth<T>; k += kAtOnce) addByFma(a, b, k);
        }
    }

    /// Calls work(row, column, value) for every element that this thread holds; value may be changed.
    template <class Work>
    SIMT_DEVICE void each(const Work& work) {
        SIMT_UNROLL
        for (int i = 0; i < kValues; ++i) work(rowOf(i), columnOf(i), m_values[i / 4][i % 4]);
    }

private:
    static constexpr bool kTensorCores = sizeof(T) == 2 && simt::kHasMma;
    static constexpr int kValues = kTile * kTile / kTileThreads;

    // On tensor cores: value (m-tile of 16, n-tile of 8, register).
    static constexpr int kHalf = kTile / 2;
    static constexpr int kAcross = kHalf / 8;
    // By multiply-adds: a thread's rows are 16 apart and its columns 8 apart.
    static constexpr int kRows = 4;
    static constexpr int kColumns = 8;
    static constexpr int kAtOnce = 4;

    [[nodiscard]] SIMT_DEVICE static int rowOf(int i) {
        if constexpr (kTensorCores) {
            return simt::warp() / 2 * kHalf + i / (4 * kAcross) * 16 + i % 4 / 2 * 8 + simt::lane() / 4;
        } else {
            return simt::threadIndex() / kColumns + i / kColumns * (kTile / kRows);
        }
    }
    [[nodiscard]] SIMT_DEVICE static int columnOf(int i) {
        if constexpr (kTensorCores) {
            return simt::warp() % 2 * kHalf + i / 4 % kAcross * 8 + simt::lane() % 4 * 2 + i % 2;
        } else {
            return simt::threadIndex() % kColumns + i % kColumns * (kTile / kColumns);
        }
    }

    /// Two neighbours of a row.
    [[nodiscard]] SIMT_DEVICE static std::uint32_t pair(const Operand<T>& from, int row, int k) {
        return simt::loadAs<std::uint32_t>(&from.rows[row][k]);
    }

    SIMT_DEVICE void addByMma(const Operand<T>& a, const Operand<T>& b, int k) {
        const int row = simt::warp() / 2 * kHalf + simt::lane() / 4;
        const int column = simt::warp() % 2 * kHalf + simt::lane() / 4;
        const int at = k + simt::lane() % 4 * 2;
        std::uint32_t right[kAcross][2];
        SIMT_UNROLL
        for (int j = 0; j < kAcross; ++j) {
            right[j][0] = pair(b, column + j * 8, at);
            right[j][1] = pair(b, column + j * 8, at + 8);
        }
        SIMT_UNROLL
        for (int i = 0; i < kHalf / 16; ++i) {
            const int top = row + i * 16;
            const std::uint32_t left[4] = {pair(a, top, at), pair(a, top + 8, at), pair(a, top, at + 8),
                                           pair(a, top + 8, at + 8)};
            SIMT_UNROLL
            for (int j = 0; j < kAcross; ++j) simt::mma<T>(m_values[i * kAcross + j], left, right[j]);
        }
    }

    SIMT_DEVICE void addByFma(const Operand<T>& a, const Operand<T>& b, int k) {
        float left[kRows][kAtOnce];
        SIMT_UNROLL
        for (int i = 0; i < kRows; ++i) load(&a.rows[rowOf(i * kColumns)][k], left[i]);
        SIMT_UNROLL
        for (int j = 0; j < kColumns; ++j) {
            float right[kAtOnce];
            load(&b.rows[columnOf(j)][k], right);
            SIMT_UNROLL
            for (int i = 0; i < kRows; ++i) {
                SIMT_UNROLL
                for (int l = 0; l < kAtOnce; ++l) m_values[(i * kColumns + j) / 4][j % 4] += left[i][l] * right[l];
            }
        }
    }

    float m_values[kValues / 4][4];
};

// Staging: a block fills an operand --------------------------------------------------------------------------------

/// From a matrix with `depth` contiguous: read(row, k, v) gives n neighbours from k on.
template <int n, class T, class Read>
SIMT_DEVICE void stage(Operand<T>& to, const Read& read) {
    constexpr int kAcross = kDepth<T> / n;
    for (int i = simt::threadIndex(); i < kTile * kAcross; i += kTileThreads) {
        const int row = i / kAcross;
        const int k = i % kAcross * n;
        float values[n];
        read(row, k, values);
        store(&to.rows[row][k], values);
    }
}

/// From a matrix with the rows contiguous: read(k, row, v) gives n neighbours from `row` on. A thread moves one word of
/// each of n rows; 16 lanes take neighbouring words, which lie in different banks, and two neighbouring vectors, which
/// make a sector.
template <int n, class T, class Read>
SIMT_DEVICE void stageTransposed(Operand<T>& to, const Read& read) {
    constexpr int kPacked = 4 / static_cast<int>(sizeof(T));
    constexpr int kWords = kDepth<T> / kPacked;
    constexpr int kSide = 16;
    constexpr int kVectors = kTile / n;
    for (int i = simt::threadIndex(); i < kWords * kVectors; i += kTileThreads) {
        const int k = (i % kSide + i / (kSide * kVectors) * kSide) * kPacked;
        const int row = i / kSide % kVectors * n;
        float values[kPacked][n];
        SIMT_UNROLL
        for (int j = 0; j < kPacked; ++j) read(k + j, row, values[j]);
        SIMT_UNROLL
        for (int r = 0; r < n; ++r) {
            float word[kPacked];
            SIMT_UNROLL
            for (int j = 0; j < kPacked; ++j) word[j] = values[j][r];
            store(&to.rows[row + r][k], word);
        }
    }
}

/// n zeros.
template <int n>
SIMT_DEVICE void clear(float (&values)[n]) {
    SIMT_UNROLL
    for (int i = 0; i < n; ++i) values[i] = 0;
}

}  // namespace perfmamba::kernels::cuda
