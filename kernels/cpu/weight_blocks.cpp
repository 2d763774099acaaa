#include "kernels/cpu/weight_blocks.h"

#include <algorithm>
#include <cstring>

#include "kernels/cpu/gemm.h"

namespace perfmamba::kernels::cpu {
namespace {

// Blocks may be larger than the rows by this part: a decode reads the zeros, too.
constexpr double kMostFilling = 0.125;
// Elements that a task copies as they are.
constexpr std::int64_t kCopiedElements = std::int64_t{1} << 18;

std::int64_t roundedUp(std::int64_t count, std::int64_t step) {
    return (count + step - 1) / step * step;
}

/// `count` elements of the tensor from `first`, as `type`.
void convertPart(const HostTensor& tensor, std::int64_t first, std::int64_t count, Elements target) {
    const std::byte* source = tensor.data + static_cast<std::size_t>(first) * sizeOf(tensor.dtype);
    auto* to = static_cast<std::byte*>(target.data);
    if (tensor.dtype == target.type) {
        std::memcpy(to, source, static_cast<std::size_t>(count) * sizeOf(target.type));
        return;
    }
    constexpr std::size_t kStretch = 4096;
    float values[kStretch];
    const auto all = static_cast<std::size_t>(count);
    for (std::size_t begin = 0; begin < all; begin += kStretch) {
        const std::size_t part = std::min(kStretch, all - begin);
        convertToFloat(tensor.dtype, source + begin * sizeOf(tensor.dtype), part, values);
        convertFromFloat(target.type, values, part, to + begin * sizeOf(target.type));
    }
}

/// Puts `count` of an output's weights, those of input `first` and after, into its block.
/// @param grouped  inputs that lie side by side
template <class Element>
void scatter(const Element* weights, std::int64_t first, std::int64_t count, std::int64_t grouped, std::int64_t output,
             Element* block) {
    Element* to = block + output % kBlockOutputs * grouped;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t input = first + i;
        to[input / grouped * grouped * kBlockOutputs + input % grouped] = weights[i];
    }
}

template <class Element>
void putBlock(const HostTensor& tensor, WeightOrder order, std::int64_t first, Elements target) {
    constexpr std::int64_t kStretch = 4096;
    const std::int64_t inputs = tensor.elements() / tensor.shape[0];
    const std::int64_t end = std::min(first + kBlockOutputs, tensor.shape[0]);
    const std::int64_t elements = kBlockOutputs * outputStride(order, inputs);
    auto* block = static_cast<Element*>((target + first * outputStride(order, inputs)).data);
    // Zeros where no weight goes.
    std::memset(block, 0, static_cast<std::size_t>(elements) * sizeof(Element));
    Element weights[kStretch];
    for (std::int64_t output = first; output < end; ++output) {
        for (std::int64_t input = 0; input < inputs; input += kStretch) {
            const std::int64_t count = std::min(kStretch, inputs - input);
            convertPart(tensor, output * inputs + input, count, {weights, target.type});
            scatter(weights, input, count, order == WeightOrder::PairedBlocks ? 2 : 1, output, block);
        }
    }
}

}  // namespace

WeightOrder bestOrder(DType type, std::int64_t outputs, std::int64_t inputs) {
    if (!libraryIsBest() || outputs * inputs == 0) return WeightOrder::Rows;
    const WeightOrder order =
        type == DType::BF16 && multipliesBfloat16() ? WeightOrder::PairedBlocks : WeightOrder::Blocks;
    const auto rows = static_cast<double>(outputs * inputs);
    const auto blocks = static_cast<double>(orderedElements(order, outputs, inputs));
    return blocks <= rows * (1 + kMostFilling) ? order : WeightOrder::Rows;
}

std::int64_t outputStride(WeightOrder order, std::int64_t inputs) {
    if (order == WeightOrder::Rows) return inputs;
    return roundedUp(inputs, order == WeightOrder::PairedBlocks ? 32 : 16);
}

std::int64_t orderedElements(WeightOrder order, std::int64_t outputs, std::int64_t inputs) {
    return (order == WeightOrder::Rows ? outputs : roundedUp(outputs, kBlockOutputs)) * outputStride(order, inputs);
}

void putInOrder(ThreadPool& pool, const HostTensor& tensor, WeightOrder order, Elements target) {
    if (order == WeightOrder::Rows) {
        const std::int64_t all = tensor.elements();
        pool.run((all + kCopiedElements - 1) / kCopiedElements, [&](std::int64_t i) {
            const std::int64_t first = i * kCopiedElements;
            convertPart(tensor, first, std::min(kCopiedElements, all - first), target + first);
        });
        return;
    }
    pool.run((tensor.shape[0] + kBlockOutputs - 1) / kBlockOutputs, [&](std::int64_t i) {
        if (target.type == DType::F32) {
            putBlock<float>(tensor, order, i * kBlockOutputs, target);
        } else {
            putBlock<std::uint16_t>(tensor, order, i * kBlockOutputs, target);
        }
    });
}

}  // namespace perfmamba::kernels::cpu
