// Several sums over a warp at once.
#pragma once

#include "kernels/cuda/simt/simt.h"

namespace perfmamba::kernels::cuda {

/// The first step of warpSums() and those after it: with every exchange a lane gives half of its sums away, and gets
/// the other lane's share of those it keeps.
template <int count, int mask, int size>
SIMT_DEVICE float exchangeSums(float (&values)[size]) {
    if constexpr (mask == 0) {
        return values[0];
    } else if constexpr (count == 1) {
        values[0] += simt::shuffleXor(values[0], mask);
        return exchangeSums<1, mask / 2>(values);
    } else {
        const bool upper = (simt::lane() & mask) != 0;
        SIMT_UNROLL
        for (int i = 0; i < count / 2; ++i) {
            const float given = upper ? values[i] : values[i + count / 2];
            const float kept = upper ? values[i + count / 2] : values[i];
            values[i] = kept + simt::shuffleXor(given, mask);
        }
        return exchangeSums<count / 2, mask / 2>(values);
    }
}

/// In lane i the sum over the warp of value i, for the first `count` lanes, a power of two; the others hold some of
/// these again. About count exchanges, where sums one by one would take five each. Uses up `values`.
template <int count>
SIMT_DEVICE float warpSums(float (&values)[count]) {
    const float sum = exchangeSums<count, simt::kWarp / 2>(values);
    return simt::shuffle(sum, simt::lane() * (simt::kWarp / count) % simt::kWarp);
}

}  // namespace perfmamba::kernels::cuda
