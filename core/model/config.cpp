#include "core/model/config.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>

#include <fmt/format.h>

#include "core/model/config_keys.h"
#include "core/model/hybrids.h"
#include "core/model/json_file.h"
#include "core/model/state_spaces.h"
#include "kernels/error.h"

namespace perfmamba::model {
namespace {

Architecture architectureOf(const Keys& keys) {
    std::string type = keys.text("model_type", "");
    if (type.empty() && keys.has("architectures") && keys["architectures"].is_array() &&
        !keys["architectures"].empty()) {
        const auto& first = keys["architectures"][0];
        if (first == "MambaForCausalLM") type = "mamba";
        if (first == "Mamba2ForCausalLM") type = "mamba2";
        if (first == "FalconMambaForCausalLM") type = kFalconType;
    }
    if (type == "mamba" || type == kFalconType || type == kPrunedFalconType) return Architecture::Mamba1;
    if (type == "mamba2") return Architecture::Mamba2;
    refuseHybrid(keys, type);
    const std::string found = type.empty() ? "names no model_type" : "is for a model of type \"" + type + "\"";
    keys.fail(found + ", not a Mamba model that is supported",
              "Mamba, Mamba-2 and FalconMamba of Hugging Face are, and state-spaces' own");
}

void readMamba1(const Keys& keys, Config& config) {
    config.d_state = keys.extent("state_size", 16);
    config.dt_rank = dtRank(keys, "time_step_rank", config.d_model);
}

/// After the states' sizes. Only a FalconMamba has the norm; model_type may be missing.
void readMixerNorms(const Keys& keys, Config& config) {
    const std::string type = keys.text("model_type", "");
    const bool by_class =
        type.empty() && keys.has("architectures") && keys["architectures"][0] == "FalconMambaForCausalLM";
    if (type != kFalconType && type != kPrunedFalconType && !by_class) return;
    config.mixer_norm_eps = keys.number("mixer_rms_eps", 1e-6);
    if (!(config.mixer_norm_eps > 0 && config.mixer_norm_eps < 1)) keys.fail("\"mixer_rms_eps\" is out of range");
    config.norm_states = type == kPrunedFalconType ? keys.extent("norm_state_size") : config.d_state;
}

void readMamba2(const Keys& keys, Config& config) {
    config.d_state = keys.extent("state_size", 128);
    config.head_dim = keys.extent("head_dim", 64);
    config.n_heads = keys.extent("num_heads", config.d_inner / config.head_dim);
    config.n_groups = keys.extent("n_groups", 1);
    config.chunk_size = keys.extent("chunk_size", 256);
    if (config.n_heads * config.head_dim != config.d_inner) {
        keys.fail(fmt::format("num_heads {} × head_dim {} is not d_inner {} (expand × hidden_size)", config.n_heads,
                              config.head_dim, config.d_inner));
    }
    checkGroups(keys, config, "n_groups");
    readTimeLimit(keys, config, "time_step_limit");
    if (!keys.flag("rms_norm", true)) keys.fail("\"rms_norm\" is false: a mixer without its norm is not supported");
    // "norm_before_gate" is not looked at: transformers gates first whatever it says, and Codestral's says true.
}

/// N of each layer and group, of a pruned checkpoint of ours; after d_state.
void readStateSizes(const Keys& keys, Config& config) {
    constexpr const char* kKey = "state_size_per_layer";
    if (!keys.has(kKey)) return;
    config.state_sizes = keys.sizes(kKey, config.n_layer, config.groups(), config.groups() == 1);
    std::int64_t largest = 0;
    bool equal = true;
    for (const std::vector<std::int64_t>& layer : config.state_sizes) {
        largest = std::max(largest, std::ranges::max(layer));
        equal = equal && std::ranges::all_of(layer, [&](std::int64_t n) { return n == config.state_sizes[0][0]; });
    }
    if (largest == 0) keys.fail(fmt::format("\"{}\" leaves no layer a state", kKey));
    if (keys.has("state_size") && config.d_state != largest) {
        keys.fail(fmt::format("\"state_size\" is {}, but the largest in \"{}\" is {}", config.d_state, kKey, largest));
    }
    config.d_state = largest;
    if (equal) config.state_sizes.clear();
}

}  // namespace

std::string_view name(Architecture architecture) {
    return architecture == Architecture::Mamba1 ? "Mamba-1" : "Mamba-2";
}

std::int64_t Config::states(std::int64_t layer) const {
    std::int64_t sum = 0;
    for (std::int64_t group = 0; group < groups(); ++group) sum += states(layer, group);
    return sum;
}

bool Config::evenGroups(std::int64_t layer) const {
    for (std::int64_t group = 1; group < groups(); ++group) {
        if (states(layer, group) != states(layer, 0)) return false;
    }
    return true;
}

std::string stateSizeText(const Config& config) {
    std::int64_t least = config.d_state;
    for (const std::vector<std::int64_t>& layer : config.state_sizes) least = std::min(least, std::ranges::min(layer));
    return least == config.d_state ? fmt::format("{}", least) : fmt::format("{} … {}", least, config.d_state);
}

std::int64_t innerOf(const Keys& keys, std::int64_t d_model) {
    const double inner = keys.number("expand", 2) * static_cast<double>(d_model);
    if (!(inner >= 1 && inner <= static_cast<double>(Keys::kMaxExtent))) keys.fail("\"expand\" is out of range");
    return static_cast<std::int64_t>(inner);
}

std::int64_t dtRank(const Keys& keys, const char* key, std::int64_t d_model) {
    const std::int64_t automatic = (d_model + 15) / 16;
    if (!keys.has(key) || !keys[key].is_string()) return keys.extent(key, automatic);
    if (keys[key] != "auto") keys.fail(fmt::format("\"{}\" is neither a number nor \"auto\"", key));
    return automatic;
}

void checkGroups(const Keys& keys, const Config& config, const char* key) {
    if (config.n_heads % config.n_groups != 0) {
        keys.fail(fmt::format("num_heads {} is not a multiple of {} {}", config.n_heads, key, config.n_groups));
    }
}

void readTimeLimit(const Keys& keys, Config& config, const char* key) {
    config.dt_min = 0;
    config.dt_max = std::numeric_limits<double>::infinity();
    if (!keys.has(key)) return;
    const auto& limit = keys[key];
    if (!limit.is_array() || limit.size() != 2) keys.fail(fmt::format("\"{}\" is not a list of two numbers", key));
    config.dt_min = keys.number(key, limit[0]);
    config.dt_max = keys.number(key, limit[1]);
    if (!(config.dt_min >= 0 && config.dt_min <= config.dt_max)) {
        keys.fail(fmt::format("\"{}\" is not an interval of times", key));
    }
}

Config parseConfig(std::string_view text, const std::filesystem::path& file) {
    const nlohmann::json json = parseJsonObject(text, file);
    const Keys keys(json, file);
    if (isStateSpaces(keys)) return readStateSpaces(keys);

    Config config;
    config.architecture = architectureOf(keys);
    config.d_model = keys.extent("hidden_size");
    config.n_layer = keys.extent("num_hidden_layers");
    config.vocab_size = keys.extent("vocab_size");
    config.d_conv = keys.extent("conv_kernel", 4);
    config.d_inner = innerOf(keys, config.d_model);
    if (const std::int64_t said = keys.extent("intermediate_size", config.d_inner); said != config.d_inner) {
        if (keys.has("expand")) {
            keys.fail(fmt::format("\"intermediate_size\" is {}, but expand × hidden_size is {}", said, config.d_inner));
        }
        config.d_inner = said;
    }
    config.norm_eps = keys.number("layer_norm_epsilon", 1e-5);
    if (!(config.norm_eps > 0 && config.norm_eps < 1)) keys.fail("\"layer_norm_epsilon\" is out of range");
    config.tie_embeddings = keys.flag("tie_word_embeddings", true);
    config.tie_stated = keys.has("tie_word_embeddings");
    config.use_bias = keys.flag("use_bias", false);
    config.use_conv_bias = keys.flag("use_conv_bias", true);
    if (const std::string act = keys.text("hidden_act", "silu"); act != "silu" && act != "swish") {
        keys.fail("\"hidden_act\" is \"" + act + "\"; only silu is supported");
    }
    if (config.architecture == Architecture::Mamba1) {
        readMamba1(keys, config);
    } else {
        readMamba2(keys, config);
    }
    readStateSizes(keys, config);
    readMixerNorms(keys, config);
    return config;
}

Config readConfig(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw Error(file.string(), "cannot be read", "a checkpoint folder holds a config.json");
    return parseConfig(std::string{std::istreambuf_iterator<char>(stream), {}}, file);
}

std::string huggingFaceText(const Config& config) {
    const bool first = config.architecture == Architecture::Mamba1;
    nlohmann::ordered_json json = {
        {"architectures",
         {config.isFalcon() ? "FalconMambaForCausalLM"
          : first           ? "MambaForCausalLM"
                            : "Mamba2ForCausalLM"}},
        {"model_type", config.isFalcon() ? kFalconType
                       : first           ? "mamba"
                                         : "mamba2"},
        {"vocab_size", config.vocab_size},
        {"hidden_size", config.d_model},
        {"num_hidden_layers", config.n_layer},
        {"state_size", config.d_state},
        {"expand", static_cast<double>(config.d_inner) / static_cast<double>(config.d_model)},
        {"intermediate_size", config.d_inner},
        {"conv_kernel", config.d_conv},
        {"use_bias", config.use_bias},
        {"use_conv_bias", config.use_conv_bias},
        {"hidden_act", "silu"},
        {"layer_norm_epsilon", config.norm_eps},
        {"residual_in_fp32", true},
        {"tie_word_embeddings", config.tie_embeddings},
    };
    // An integer where it is one: transformers checks types.
    if (config.d_inner % config.d_model == 0) json["expand"] = config.d_inner / config.d_model;
    if (first) {
        json["time_step_rank"] = config.dt_rank;
        if (config.isFalcon()) json["mixer_rms_eps"] = config.mixer_norm_eps;
    } else {
        json["num_heads"] = config.n_heads;
        json["head_dim"] = config.head_dim;
        json["n_groups"] = config.n_groups;
        json["chunk_size"] = config.chunk_size;
        json["rms_norm"] = true;
        if (config.dt_min > 0 || std::isfinite(config.dt_max)) {
            json["time_step_limit"] = {config.dt_min, config.dt_max};
            if (!std::isfinite(config.dt_max)) json["time_step_limit"][1] = "Infinity";
        }
    }
    return json.dump(2) + "\n";
}

}  // namespace perfmamba::model
