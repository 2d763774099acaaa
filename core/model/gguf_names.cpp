#include "core/model/gguf_names.h"

#include <algorithm>
#include <span>

namespace perfmamba::model {
namespace {

using Member = std::string_view GgufName::*;

std::span<const GgufName> layerNames(Architecture architecture) {
    if (architecture == Architecture::Mamba1) return kGgufMamba1Names;
    return kGgufMamba2Names;
}

struct Side {
    Member member;
    std::string_view layers;  // what a layer's tensors begin with, before its number
};
constexpr Side kGguf = {&GgufName::gguf, "blk."};
constexpr Side kHuggingFace = {&GgufName::hugging_face, "backbone.layers."};

std::optional<TranslatedName> translate(Architecture architecture, std::string_view name, const Side& from,
                                        const Side& to) {
    if (!name.starts_with(from.layers)) {
        const auto* const found = std::ranges::find(kGgufModelNames, name, from.member);
        if (found == kGgufModelNames.end()) return std::nullopt;
        return TranslatedName{std::string((*found).*to.member), found->change};
    }
    const std::size_t dot = name.find('.', from.layers.size());
    if (dot == std::string_view::npos) return std::nullopt;
    const std::string_view number = name.substr(from.layers.size(), dot - from.layers.size());
    const std::span<const GgufName> names = layerNames(architecture);
    const auto found = std::ranges::find(names, name.substr(dot + 1), from.member);
    if (found == names.end()) return std::nullopt;
    std::string result(to.layers);
    result.append(number).append(".").append((*found).*to.member);
    return TranslatedName{std::move(result), found->change};
}

}  // namespace

std::optional<TranslatedName> toHuggingFace(Architecture architecture, std::string_view gguf) {
    return translate(architecture, gguf, kGguf, kHuggingFace);
}

std::optional<TranslatedName> toGguf(Architecture architecture, std::string_view hugging_face) {
    return translate(architecture, hugging_face, kHuggingFace, kGguf);
}

}  // namespace perfmamba::model
