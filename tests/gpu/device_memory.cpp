#include "tests/gpu/device_memory.h"

#include <bit>
#include <cmath>

namespace perfmamba::tests {
namespace {

using kernels::Buffer;
using kernels::Elements;
using kernels::Weight;
using kernels::WeightUse;

/// To nearest, ties to even, at so many bits after the first one; for numbers that are neither tiny nor huge.
double roundTo(double value, int bits) {
    int exponent = 0;
    const double mantissa = std::frexp(value, &exponent);
    return std::ldexp(std::nearbyint(std::ldexp(mantissa, bits)), exponent - bits);
}

HostTensor tensorOf(const Values& values, std::int64_t rows) {
    const std::int64_t width = rows > 0 ? static_cast<std::int64_t>(values.size()) / rows : 0;
    return HostTensor::fromFloat("values", {rows, width}, std::vector<float>(values.begin(), values.end()));
}

}  // namespace

Values DeviceMemory::rounded(const Values& values) const {
    const DType type = m_backend.device().precision;
    const int bits = type == DType::F32 ? 24 : type == DType::F16 ? 11 : 8;
    Values result;
    for (const double value : values) result.push_back(roundTo(value, bits));
    return result;
}

Weight DeviceMemory::weight(const Values& values, std::int64_t rows) {
    m_weights.push_back(m_backend.load(tensorOf(values, rows), WeightUse::Matrix));
    return m_weights.back();
}

/// A matrix that nobody else has: it may be written.
Elements DeviceMemory::matrix(const Values& values) {
    const kernels::ConstElements begin = weight(values, 1).data;
    return {const_cast<void*>(begin.data), begin.type};
}

Weight DeviceMemory::parameter(const Values& values) {
    m_weights.push_back(m_backend.load(tensorOf(values, 1), WeightUse::Parameter));
    return m_weights.back();
}

/// The embedding gives float32, whatever its table is of.
float* DeviceMemory::state(const Values& values) {
    m_buffers.push_back(m_backend.allocate(MemoryKind::Activations, values.size()));
    const std::vector<std::int32_t> first = {0};
    if (!values.empty()) m_backend.embed(first, weight(values, 1), m_buffers.back().data());
    return m_buffers.back().data();
}

Elements DeviceMemory::result(std::size_t count) {
    m_buffers.push_back(m_backend.allocate(MemoryKind::Activations, count, m_backend.device().precision));
    return m_buffers.back().view();
}

/// What is no float32 goes through the embedding, too: of a table of one row.
Values DeviceMemory::read(kernels::ConstElements from, std::size_t count) {
    std::vector<float> floats(count);
    if (count == 0) return {};
    const Buffer wide = m_backend.allocate(MemoryKind::Activations, count);
    const float* source = from.type == DType::F32 ? from.f32() : wide.data();
    if (from.type != DType::F32) {
        const std::vector<std::int32_t> first = {0};
        m_backend.embed(first, {from, 1, static_cast<std::int64_t>(count), kernels::WeightOrder::Rows, nullptr},
                        wide.data());
    }
    m_backend.toHost(source, floats);
    return {floats.begin(), floats.end()};
}

}  // namespace perfmamba::tests
