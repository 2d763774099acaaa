// The shape of a model: what config.json says, in the field's terms.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace perfmamba::model {

/// model_type of a FalconMamba, and of one that was compacted: stock code would load it, and divide by the wrong N.
inline constexpr std::string_view kFalconType = "falcon_mamba";
inline constexpr std::string_view kPrunedFalconType = "pruned_falcon_mamba";

enum class Architecture : std::uint8_t { Mamba1, Mamba2 };
/// "Mamba-1", "Mamba-2".
std::string_view name(Architecture architecture);

/// Hyper-parameters of a Mamba-1 or Mamba-2 language model. Fields that an architecture lacks are 0.
struct Config {
    Architecture architecture = Architecture::Mamba1;
    std::int64_t vocab_size = 0;    // as config.json has it; token ids are below it
    std::int64_t vocab_padded = 0;  // rows of the embedding; known once the weights are open
    std::int64_t d_model = 0;
    std::int64_t n_layer = 0;
    std::int64_t d_inner = 0;
    std::int64_t d_state = 0;  // N; where it differs from layer to layer, the largest
    std::int64_t d_conv = 0;
    std::int64_t dt_rank = 0;     // Mamba-1
    std::int64_t n_heads = 0;     // Mamba-2
    std::int64_t head_dim = 0;    // Mamba-2
    std::int64_t n_groups = 0;    // Mamba-2
    std::int64_t chunk_size = 0;  // Mamba-2
    double dt_min = 0;            // Mamba-2: time_step_limit
    double dt_max = 0;            // may be infinite
    double norm_eps = 1e-5;
    /// FalconMamba: δ, B and C go through RMS norms without weights after x_proj, with this eps; 0: there are none.
    double mixer_norm_eps = 0;
    /// What the norms of B and C divide the sum of squares by: N before pruning, so that pruning scales nothing.
    std::int64_t norm_states = 0;
    bool tie_embeddings = true;  // where config.json is silent, true unless the weights hold lm_head
    bool tie_stated = false;     // config.json has the key
    bool use_bias = false;       // in_proj and out_proj
    bool use_conv_bias = true;
    /// N of each group of each layer (Mamba-1: one group); empty where it is d_state everywhere. May be 0.
    std::vector<std::vector<std::int64_t>> state_sizes;

    [[nodiscard]] bool isFalcon() const { return mixer_norm_eps > 0; }
    /// Groups that share B and C: n_groups in Mamba-2, 1 in Mamba-1.
    [[nodiscard]] std::int64_t groups() const { return architecture == Architecture::Mamba1 ? 1 : n_groups; }
    /// All groups of that layer have the same N.
    [[nodiscard]] bool evenGroups(std::int64_t layer) const;
    /// N of a group of a layer.
    [[nodiscard]] std::int64_t states(std::int64_t layer, std::int64_t group) const {
        if (state_sizes.empty()) return d_state;
        return state_sizes[static_cast<std::size_t>(layer)][static_cast<std::size_t>(group)];
    }
    /// N summed over the groups of a layer: columns of B, and of C.
    [[nodiscard]] std::int64_t states(std::int64_t layer) const;
    /// Floats of h of one sequence in a layer: Di/G channels for each group's N.
    [[nodiscard]] std::int64_t ssmState(std::int64_t layer) const { return d_inner / groups() * states(layer); }
    /// Channels of a layer's convolution: Di, and in Mamba-2 B and C too.
    [[nodiscard]] std::int64_t convWidth(std::int64_t layer) const {
        return architecture == Architecture::Mamba1 ? d_inner : d_inner + 2 * states(layer);
    }
    /// Rows of a layer's in_proj.
    [[nodiscard]] std::int64_t inProjRows(std::int64_t layer) const {
        return architecture == Architecture::Mamba1 ? 2 * d_inner : d_inner + convWidth(layer) + n_heads;
    }
};

/// d_state for people: "64", or "16 … 48" where it differs from layer to layer.
std::string stateSizeText(const Config& config);

/// Reads config.json of a Hugging Face folder (`MambaForCausalLM`, `Mamba2ForCausalLM`, `FalconMambaForCausalLM`), of
/// state-spaces' own, or of a pruned one of ours, where `state_size_per_layer` gives each layer (with several groups: a
/// list a layer) its own N. Throws Error naming the file and the key for anything that is missing, not of its type, out
/// of range, contradictory, or a kind of model that is not supported.
Config readConfig(const std::filesystem::path& file);
Config parseConfig(std::string_view text, const std::filesystem::path& file);

/// A config.json as Hugging Face has it, for a model that came with another. state_sizes are left out.
std::string huggingFaceText(const Config& config);

}  // namespace perfmamba::model
