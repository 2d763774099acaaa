#include "kernels/component.h"

namespace perfmamba {
namespace {

constexpr std::array<std::string_view, kComponentCount> kNames = {"embedding", "norm",    "in_proj", "conv1d",
                                                                  "x_proj",    "dt_proj", "ssm",     "gate",
                                                                  "out_proj",  "norm_f",  "lm_head", "other"};

constexpr std::array<std::string_view, kStageCount> kStageNames = {"whole",         "cumsum",     "chunk_state",
                                                                   "state_passing", "chunk_scan", "observation"};

template <class Enum, std::size_t Count>
std::optional<Enum> find(const std::array<std::string_view, Count>& names, std::string_view name) {
    for (std::size_t i = 0; i < Count; ++i) {
        if (names[i] == name) return static_cast<Enum>(i);
    }
    return std::nullopt;
}

}  // namespace

std::string_view name(Component component) {
    return kNames[static_cast<std::size_t>(component)];
}
std::string_view name(Stage stage) {
    return kStageNames[static_cast<std::size_t>(stage)];
}

std::optional<Component> componentFromName(std::string_view name) {
    return find<Component>(kNames, name);
}
std::optional<Stage> stageFromName(std::string_view name) {
    return find<Stage>(kStageNames, name);
}

bool isInLayers(Component component) {
    switch (component) {
        case Component::Embedding:
        case Component::NormF:
        case Component::LmHead:
        case Component::Other: return false;
        default: return true;
    }
}

}  // namespace perfmamba
