// What GGUF calls the tensors of a Mamba model. One list for reading and writing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/config.h"

namespace perfmamba::model {

/// Ours, beside llama.cpp's keys: the eps of FalconMamba's norms in the mixer, for which llama.cpp takes the layers'.
inline constexpr const char* kMixerNormEpsKey = "mamba.ssm.dt_b_c_rms_epsilon";

/// How a tensor's numbers differ between the two.
enum class GgufChange : std::uint8_t {
    None,
    Squeezed,  // conv1d: (C, K) for (C, 1, K)
    A,         // −exp(A_log) for A_log; in Mamba-2 (H, 1) for (H)
    Column,    // in Mamba-2 (H, 1) for (H)
    Groups,    // (G, Di/G) for (Di)
};

struct GgufName {
    std::string_view gguf;
    std::string_view hugging_face;
    GgufChange change = GgufChange::None;
};

/// Of the whole model.
inline constexpr std::array kGgufModelNames = {
    GgufName{"token_embd.weight", "backbone.embeddings.weight"},
    GgufName{"output_norm.weight", "backbone.norm_f.weight"},
    GgufName{"output.weight", "lm_head.weight"},
};
/// Of a layer, after "blk.N." and "backbone.layers.N.".
inline constexpr std::array kGgufMamba1Names = {
    GgufName{"attn_norm.weight", "norm.weight"},
    GgufName{"ssm_in.weight", "mixer.in_proj.weight"},
    GgufName{"ssm_conv1d.weight", "mixer.conv1d.weight", GgufChange::Squeezed},
    GgufName{"ssm_conv1d.bias", "mixer.conv1d.bias"},
    GgufName{"ssm_x.weight", "mixer.x_proj.weight"},
    GgufName{"ssm_dt.weight", "mixer.dt_proj.weight"},
    GgufName{"ssm_dt.bias", "mixer.dt_proj.bias"},
    GgufName{"ssm_a", "mixer.A_log", GgufChange::A},
    GgufName{"ssm_d", "mixer.D"},
    GgufName{"ssm_out.weight", "mixer.out_proj.weight"},
};
inline constexpr std::array kGgufMamba2Names = {
    GgufName{"attn_norm.weight", "norm.weight"},
    GgufName{"ssm_in.weight", "mixer.in_proj.weight"},
    GgufName{"ssm_conv1d.weight", "mixer.conv1d.weight", GgufChange::Squeezed},
    GgufName{"ssm_conv1d.bias", "mixer.conv1d.bias"},
    GgufName{"ssm_dt.bias", "mixer.dt_bias"},
    GgufName{"ssm_a", "mixer.A_log", GgufChange::A},
    GgufName{"ssm_d", "mixer.D", GgufChange::Column},
    GgufName{"ssm_norm.weight", "mixer.norm.weight", GgufChange::Groups},
    GgufName{"ssm_out.weight", "mixer.out_proj.weight"},
};

/// A name of one of the two, and the other's; nothing for a tensor that is not in the lists.
struct TranslatedName {
    std::string name;
    GgufChange change = GgufChange::None;
};
std::optional<TranslatedName> toHuggingFace(Architecture architecture, std::string_view gguf);
std::optional<TranslatedName> toGguf(Architecture architecture, std::string_view hugging_face);

}  // namespace perfmamba::model
