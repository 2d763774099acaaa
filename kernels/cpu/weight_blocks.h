// How matrices lie in memory for products: copied once, when a model is loaded.
#pragma once

#include <cstdint>

#include "kernels/backend.h"
#include "kernels/cpu/thread_pool.h"
#include "kernels/tensor.h"

namespace perfmamba::kernels::cpu {

/// Outputs of a block; the last one is filled up with zeros.
inline constexpr std::int64_t kBlockOutputs = 64;

/// The order in which products want a matrix of that type and shape here.
WeightOrder bestOrder(DType type, std::int64_t outputs, std::int64_t inputs);

/// Elements of an output: the inputs, in blocks with zeros up to a multiple of what the library takes at a time. A
/// block begins every kBlockOutputs of them.
std::int64_t outputStride(WeightOrder order, std::int64_t inputs);

/// Elements of the whole matrix.
std::int64_t orderedElements(WeightOrder order, std::int64_t outputs, std::int64_t inputs);

/// Writes a matrix (outputs, inputs) in that order, or any tensor in rows, in the type of `target`.
void putInOrder(ThreadPool& pool, const HostTensor& tensor, WeightOrder order, Elements target);

}  // namespace perfmamba::kernels::cpu
