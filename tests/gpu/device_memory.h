// Numbers on their way to a device and back, by what every Backend has.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/backend.h"
#include "kernels/reference/reference.h"

namespace perfmamba::tests {

using kernels::reference::Values;

/// Puts numbers into a backend's memory in its precision, and reads them back. The numbers of one test live as long as
/// this does.
class DeviceMemory {
public:
    explicit DeviceMemory(kernels::Backend& backend) : m_backend(backend) {}

    /// What the backend's precision makes of them: both sides start from the same numbers.
    [[nodiscard]] Values rounded(const Values& values) const;
    /// (rows, …), in the precision. The memory is ours to write, too.
    kernels::Elements matrix(const Values& values);
    kernels::Weight weight(const Values& values, std::int64_t rows);
    /// float32, as parameters are.
    kernels::Weight parameter(const Values& values);
    /// float32 that operations replace. `values` must be rounded().
    float* state(const Values& values);
    /// In the precision, undefined.
    kernels::Elements result(std::size_t count);
    [[nodiscard]] Values read(kernels::ConstElements from, std::size_t count);

private:
    kernels::Backend& m_backend;
    std::vector<kernels::Weight> m_weights;
    std::vector<kernels::Buffer> m_buffers;
};

}  // namespace perfmamba::tests
