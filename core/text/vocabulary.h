// A model's tokens and their ids.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace perfmamba::text {

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

using Vocabulary = std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>>;

}  // namespace perfmamba::text
