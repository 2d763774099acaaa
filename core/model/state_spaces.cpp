#include "core/model/state_spaces.h"

#include <fmt/format.h>

#include "core/model/config_keys.h"

namespace perfmamba::model {
namespace {

/// The block's own settings, an object.
nlohmann::json blockOf(const Keys& keys) {
    if (!keys.has("ssm_cfg")) return nlohmann::json::object();
    if (!keys["ssm_cfg"].is_object()) keys.fail("\"ssm_cfg\" is not an object");
    return keys["ssm_cfg"];
}

void refuseHybrids(const Keys& keys) {
    if (keys.has("attn_layer_idx")) {
        const auto& attention = keys["attn_layer_idx"];
        if (!attention.is_array()) keys.fail("\"attn_layer_idx\" is not a list");
        if (!attention.empty()) {
            keys.fail(fmt::format("is for a hybrid: layer {} is attention, and only Mamba layers are supported",
                                  attention[0].is_number_integer() ? attention[0].dump() : "of attn_layer_idx"));
        }
    }
    if (keys.number("d_intermediate", 0) != 0) {
        keys.fail("is for a hybrid: every layer has an MLP (\"d_intermediate\"), and only Mamba layers are supported");
    }
}

/// Two projections' biases, and the convolution's.
void readBiases(const Keys& block, Config& config) {
    config.use_bias = block.flag("bias", false);
    config.use_conv_bias = block.flag("conv_bias", true);
}

void readMamba1Block(const Keys& block, Config& config) {
    config.architecture = Architecture::Mamba1;
    config.d_state = block.extent("d_state", 16);
    config.dt_rank = dtRank(block, "dt_rank", config.d_model);
}

void readMamba2Block(const Keys& block, Config& config, std::int64_t groups) {
    config.architecture = Architecture::Mamba2;
    config.d_state = block.extent("d_state", 128);
    config.head_dim = block.extent("headdim", 64);
    config.n_groups = block.extent("ngroups", groups);
    config.chunk_size = block.extent("chunk_size", 256);
    config.n_heads = config.d_inner / config.head_dim;
    if (config.n_heads * config.head_dim != config.d_inner) {
        block.fail(fmt::format("d_inner {} (expand × d_model) is not a multiple of headdim {}", config.d_inner,
                               config.head_dim));
    }
    checkGroups(block, config, "ngroups");
    readTimeLimit(block, config, "dt_limit");
    if (block.extent("d_ssm", config.d_inner) != config.d_inner) {
        block.fail("\"d_ssm\" is not d_inner: a mixer with an MLP beside its states is not supported");
    }
    if (!block.flag("rmsnorm", true)) block.fail("\"rmsnorm\" is false: a mixer without its norm is not supported");
    if (block.flag("norm_before_gate", false)) block.fail("\"norm_before_gate\" is true, which is not supported");
}

}  // namespace

bool isStateSpaces(const Keys& keys) {
    // Mistral's says model_type "mamba", of a Mamba-2.
    return (keys.has("d_model") && !keys.has("model_type")) || (keys.has("dim") && !keys.has("hidden_size"));
}

Config readStateSpaces(const Keys& keys) {
    const bool mistral = !keys.has("d_model");
    refuseHybrids(keys);
    if (!keys.flag("rms_norm", true)) keys.fail("\"rms_norm\" is false: layers with LayerNorm are not supported");
    Config config;
    config.d_model = keys.extent(mistral ? "dim" : "d_model");
    config.n_layer = keys.extent(mistral ? "n_layers" : "n_layer");
    const std::int64_t vocab = keys.extent("vocab_size");
    const std::int64_t multiple = keys.extent("pad_vocab_size_multiple", mistral ? 1 : 8);
    config.vocab_size = (vocab + multiple - 1) / multiple * multiple;
    config.tie_embeddings = keys.flag("tie_embeddings", true);
    config.tie_stated = keys.has("tie_embeddings");

    const nlohmann::json object = blockOf(keys);
    const Keys block(object, keys.file());
    config.d_conv = block.extent("d_conv", 4);
    config.d_inner = innerOf(block, config.d_model);
    readBiases(block, config);
    const std::string layer = block.text("layer", mistral ? "Mamba2" : "Mamba1");
    if (layer == "Mamba1") {
        readMamba1Block(block, config);
    } else if (layer == "Mamba2") {
        readMamba2Block(block, config, keys.extent("n_groups", 1));
    } else {
        keys.fail("\"ssm_cfg\" is for layers \"" + layer + "\"; Mamba1 and Mamba2 are supported");
    }
    return config;
}

}  // namespace perfmamba::model
