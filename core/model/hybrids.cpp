#include "core/model/hybrids.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace perfmamba::model {
namespace {

struct Hybrid {
    std::string_view type;   // model_type of Hugging Face, or general.architecture of GGUF
    std::string_view other;  // what is beside Mamba, for a configuration that lists no layers
};
constexpr std::array kHybrids = {
    Hybrid{"jamba", "attention and mixtures of experts"},
    Hybrid{"zamba", "shared attention"},
    Hybrid{"zamba2", "shared attention"},
    Hybrid{"bamba", "attention"},
    Hybrid{"nemotron_h", "attention and MLPs"},
    Hybrid{"nemotron_h_moe", "attention and mixtures of experts"},
    Hybrid{"falcon_h1", "attention in every layer"},
    Hybrid{"falcon-h1", "attention in every layer"},
    Hybrid{"granitemoehybrid", "attention and mixtures of experts"},
    Hybrid{"granitehybrid", "attention and mixtures of experts"},
    Hybrid{"plamo2", "attention"},
    Hybrid{"hymba", "attention in every layer"},
    Hybrid{"samba", "attention"},
    Hybrid{"phi4flash", "attention"},
    Hybrid{"recurrent_gemma", "attention and linear recurrent units"},
};

struct OtherLayer {
    std::int64_t index = 0;
    std::string kind;
};

/// A list of a name for each layer.
std::optional<OtherLayer> fromNames(const nlohmann::json& list) {
    for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
        if (!list[i].is_string()) continue;
        const auto kind = list[i].get<std::string>();
        if (kind != "mamba" && kind != "mamba2" && kind != "m") return OtherLayer{static_cast<std::int64_t>(i), kind};
    }
    return std::nullopt;
}

/// A letter for each layer, as Nemotron-H writes them.
std::optional<OtherLayer> fromPattern(const std::string& pattern) {
    const std::size_t at = pattern.find_first_not_of('M');
    if (at == std::string::npos) return std::nullopt;
    const char letter = pattern[at];
    const char* const kind = letter == '*' ? "attention" : letter == '-' ? "an MLP" : "a mixture of experts";
    return OtherLayer{static_cast<std::int64_t>(at), kind};
}

/// The numbers of the layers with attention.
std::optional<OtherLayer> fromNumbers(const nlohmann::json& list) {
    if (!list.is_array() || list.empty() || !list[0].is_number_integer()) return std::nullopt;
    return OtherLayer{list[0].get<std::int64_t>(), "attention"};
}

std::optional<OtherLayer> otherLayer(const Keys& keys) {
    for (const char* key : {"layers_block_type", "layer_types"}) {
        if (!keys.has(key)) continue;
        if (auto found = fromNames(keys[key])) return found;
    }
    if (keys.has("hybrid_override_pattern") && keys["hybrid_override_pattern"].is_string()) {
        return fromPattern(keys["hybrid_override_pattern"].get<std::string>());
    }
    for (const char* key : {"attn_layer_indices", "hybrid_layer_ids"}) {
        if (!keys.has(key)) continue;
        if (auto found = fromNumbers(keys[key])) return found;
    }
    if (keys.has("attn_layer_offset") && keys["attn_layer_offset"].is_number_integer()) {
        return OtherLayer{keys["attn_layer_offset"].get<std::int64_t>(), "attention"};
    }
    return std::nullopt;
}

}  // namespace

void refuseHybrid(const Keys& keys, const std::string& type) {
    const auto* const hybrid = std::ranges::find(kHybrids, type, &Hybrid::type);
    if (hybrid == kHybrids.end()) return;
    const std::string begin = fmt::format("is for a hybrid model of type \"{}\": ", type);
    constexpr std::string_view kEnd = ", and only Mamba layers are supported";
    if (const std::optional<OtherLayer> other = otherLayer(keys)) {
        keys.fail(fmt::format("{}layer {} is {}{}", begin, other->index, other->kind, kEnd));
    }
    keys.fail(fmt::format("{}it has {}{}", begin, hybrid->other, kEnd));
}

}  // namespace perfmamba::model
