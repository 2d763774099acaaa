// The GGUF format of llama.cpp, versions 2 and 3: metadata, the tensors' descriptions, their bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "core/model/weight_file.h"

namespace perfmamba::model {

inline constexpr std::string_view kGgufMagic = "GGUF";

/// Types of metadata, by the format's numbers.
enum class GgufType : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, Text, List, U64, I64, F64 };

/// A value as it stands in the file: a number's bytes, a text's characters, a list from its items' type on.
struct GgufValue {
    GgufType type = GgufType::U8;
    std::span<const std::byte> bytes;
};

/// Number 8 and so on of a tensor's type. Names are llama.cpp's.
struct GgufTensorType {
    std::uint32_t number = 0;
    std::string_view name;
    std::uint32_t block_bytes = 0;    // 0: not read here
    std::uint32_t block_numbers = 1;  // along a row
};
/// Null for a number that no version known here has.
const GgufTensorType* ggufTensorType(std::uint32_t number);
/// By a name that is in the list.
const GgufTensorType& ggufTensorType(std::string_view name);

struct GgufFile {
    std::filesystem::path path;
    std::map<std::string, GgufValue> metadata;
    WeightFile weights;  // by GGUF's names, with row-major shapes: in the reverse of the file's order

    /// Empty where the key is absent. Throw Error naming the key where it is of another type.
    [[nodiscard]] std::optional<std::int64_t> integer(const std::string& key) const;
    [[nodiscard]] std::optional<double> number(const std::string& key) const;
    [[nodiscard]] std::optional<bool> flag(const std::string& key) const;
    [[nodiscard]] std::optional<std::string> text(const std::string& key) const;
};

/// Maps the file and reads all that stands before the numbers. Throws Error naming the file, and key or tensor, for
/// another version or byte order, types that are not read, and anything that does not fit into the file.
GgufFile readGguf(const std::filesystem::path& path);

}  // namespace perfmamba::model
