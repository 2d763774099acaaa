#include "core/model/weight_file.h"

#include <cstring>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "kernels/error.h"

namespace perfmamba::model {
namespace {

constexpr std::string_view kLfsPointer = "version https://git-lfs.github.com/spec/";

// GGUF's Q8_0: blocks of 32 numbers, a float16 scale and 32 signed bytes.
constexpr std::size_t kBlockNumbers = 32;
constexpr std::size_t kBlockBytes = 2 + kBlockNumbers;

std::vector<float> fromF64(std::span<const std::byte> data) {
    std::vector<float> values(data.size() / sizeof(double));
    for (std::size_t i = 0; i < values.size(); ++i) {
        double value = 0;
        std::memcpy(&value, data.data() + i * sizeof value, sizeof value);
        values[i] = static_cast<float>(value);
    }
    return values;
}

std::vector<float> fromQ8(std::span<const std::byte> data) {
    std::vector<float> values(data.size() / kBlockBytes * kBlockNumbers);
    for (std::size_t block = 0; block * kBlockBytes < data.size(); ++block) {
        const std::byte* const from = data.data() + block * kBlockBytes;
        float scale = 0;
        convertToFloat(DType::F16, from, 1, &scale);
        for (std::size_t i = 0; i < kBlockNumbers; ++i) {
            values[block * kBlockNumbers + i] = scale * static_cast<float>(static_cast<std::int8_t>(from[2 + i]));
        }
    }
    return values;
}

}  // namespace

std::optional<DType> computeType(const std::string& dtype) {
    if (dtype == "F32") return DType::F32;
    if (dtype == "F16") return DType::F16;
    if (dtype == "BF16") return DType::BF16;
    return std::nullopt;
}

HostTensor hostTensor(const std::string& name, const StoredTensor& tensor, const std::filesystem::path& file) {
    if (const std::optional<DType> dtype = computeType(tensor.dtype)) {
        return {name, *dtype, tensor.shape, tensor.data.data(), tensor.owner};
    }
    if (tensor.dtype == "F64") return HostTensor::fromFloat(name, tensor.shape, fromF64(tensor.data));
    if (tensor.dtype == "Q8_0") return HostTensor::fromFloat(name, tensor.shape, fromQ8(tensor.data));
    throw Error(
        file.string(),
        fmt::format("tensor {} is of type {}; F64, F32, F16, BF16 and GGUF's Q8_0 are supported", name, tensor.dtype),
        "a quantized model has to be converted back first");
}

void checkDownloaded(std::span<const std::byte> bytes, const std::filesystem::path& file) {
    if (bytes.size() < kLfsPointer.size() || std::memcmp(bytes.data(), kLfsPointer.data(), kLfsPointer.size()) != 0) {
        return;
    }
    throw Error(file.string(), "is a pointer of Git LFS, not the weights themselves",
                "download them, for example with 'git lfs pull' in that folder");
}

}  // namespace perfmamba::model
