#include "kernels/tensor.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "kernels/half.h"

namespace perfmamba {
namespace {

template <class Convert>
void narrow16(const float* source, std::size_t count, std::byte* target, Convert&& one) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint16_t bits = one(source[i]);
        std::memcpy(target + 2 * i, &bits, sizeof bits);
    }
}

template <class Convert>
void convert16(const std::byte* source, std::size_t count, float* target, Convert&& one) {
    for (std::size_t i = 0; i < count; ++i) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, source + 2 * i, sizeof bits);
        target[i] = one(bits);
    }
}

}  // namespace

std::string_view name(DType dtype) {
    switch (dtype) {
        case DType::F32: return "float32";
        case DType::F16: return "float16";
        case DType::BF16: return "bfloat16";
    }
    return "?";
}

std::int64_t HostTensor::elements() const {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    return count;
}

std::vector<float> HostTensor::toFloat() const {
    std::vector<float> values(static_cast<std::size_t>(elements()));
    convertToFloat(dtype, data, values.size(), values.data());
    return values;
}

HostTensor HostTensor::fromFloat(std::string name, std::vector<std::int64_t> shape, std::vector<float> values) {
    auto owner = std::make_shared<const std::vector<float>>(std::move(values));
    HostTensor tensor{std::move(name), DType::F32, std::move(shape), std::as_bytes(std::span(*owner)).data(), owner};
    assert(static_cast<std::size_t>(tensor.elements()) == owner->size());
    return tensor;
}

HostTensor HostTensor::converted(DType to) const {
    if (to == dtype) return *this;
    std::vector<float> values = toFloat();
    if (to == DType::F32) return fromFloat(name, shape, std::move(values));
    auto bytes = std::make_shared<std::vector<std::byte>>(values.size() * sizeOf(to));
    convertFromFloat(to, values.data(), values.size(), bytes->data());
    const std::byte* const begin = bytes->data();
    return {name, to, shape, begin, std::move(bytes)};
}

void convertToFloat(DType dtype, const std::byte* source, std::size_t count, float* target) {
    switch (dtype) {
        case DType::F32:
            if (count > 0) std::memcpy(target, source, count * sizeof(float));
            return;
        case DType::F16: return convert16(source, count, target, fromHalf);
        case DType::BF16: return convert16(source, count, target, fromBFloat16);
    }
}

void convertFromFloat(DType dtype, const float* source, std::size_t count, std::byte* target) {
    switch (dtype) {
        case DType::F32:
            if (count > 0) std::memcpy(target, source, count * sizeof(float));
            return;
        case DType::F16: return narrow16(source, count, target, toHalf);
        case DType::BF16: return narrow16(source, count, target, toBFloat16);
    }
}

}  // namespace perfmamba
