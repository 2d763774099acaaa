#include "core/model/config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "core/model/json_file.h"
#include "kernels/error.h"

namespace perfmamba::model {
namespace {

// Larger than any model's; small enough that products of two stay far from overflow.
constexpr std::int64_t kMaxExtent = std::int64_t{1} << 28;

/// Looks keys up in one config.json, with errors that name file and key.
class Keys {
public:
    Keys(const nlohmann::json& json, const std::filesystem::path& file) : m_json(json), m_file(file) {}

    [[noreturn]] void fail(const std::string& reason, const std::string& advice = {}) const {
        throw Error(m_file.string(), reason, advice);
    }

    [[nodiscard]] bool has(const char* key) const { return m_json.contains(key) && !m_json[key].is_null(); }

    [[nodiscard]] std::int64_t extent(const char* key) const {
        if (!has(key)) fail(fmt::format("lacks the key \"{}\"", key));
        return integer(key, m_json[key], 1);
    }
    [[nodiscard]] std::int64_t extent(const char* key, std::int64_t otherwise) const {
        return has(key) ? extent(key) : otherwise;
    }

    /// A list of `count` lists of `inner` extents that may be 0; with `flat` a list of `count` extents.
    [[nodiscard]] std::vector<std::vector<std::int64_t>> sizes(const char* key, std::int64_t count, std::int64_t inner,
                                                               bool flat) const {
        const auto& list = m_json[key];
        requireList(key, list, count);
        std::vector<std::vector<std::int64_t>> result;
        for (const auto& entry : list) {
            std::vector<std::int64_t>& row = result.emplace_back();
            if (flat) {
                row.push_back(integer(key, entry, 0));
                continue;
            }
            requireList(key, entry, inner);
            for (const auto& value : entry) row.push_back(integer(key, value, 0));
        }
        return result;
    }

    [[nodiscard]] bool flag(const char* key, bool otherwise) const {
        if (!has(key)) return otherwise;
        if (!m_json[key].is_boolean()) fail(fmt::format("\"{}\" is {}, not true or false", key, m_json[key].dump()));
        return m_json[key].get<bool>();
    }

    [[nodiscard]] std::string text(const char* key, const std::string& otherwise) const {
        if (!has(key)) return otherwise;
        if (!m_json[key].is_string()) fail(fmt::format("\"{}\" is {}, not a string", key, m_json[key].dump()));
        return m_json[key].get<std::string>();
    }

    [[nodiscard]] double number(const char* key, double otherwise) const {
        return has(key) ? number(key, m_json[key]) : otherwise;
    }
    [[nodiscard]] double number(const char* key, const nlohmann::json& value) const {
        // transformers 5 writes {"__float__": "Infinity"} where Python's json writes Infinity.
        const bool tagged = value.is_object() && value.size() == 1 && value.contains("__float__");
        if ((tagged ? value["__float__"] : value) == "Infinity") return std::numeric_limits<double>::infinity();
        if (!value.is_number()) fail(fmt::format("\"{}\" holds {}, not a number", key, value.dump()));
        return value.get<double>();
    }

    [[nodiscard]] const nlohmann::json& operator[](const char* key) const { return m_json[key]; }

private:
    [[nodiscard]] std::int64_t integer(const char* key, const nlohmann::json& value, std::int64_t least) const {
        if (!value.is_number_integer()) fail(fmt::format("\"{}\" is {}, not an integer", key, value.dump()));
        const auto number = value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t(kMaxExtent)
                                ? kMaxExtent + 1
                                : value.get<std::int64_t>();
        if (number < least || number > kMaxExtent) fail(fmt::format("\"{}\" is {}, out of range", key, value.dump()));
        return number;
    }
    void requireList(const char* key, const nlohmann::json& value, std::int64_t count) const {
        if (!value.is_array()) fail(fmt::format("\"{}\" holds {}, not a list of {}", key, value.dump(), count));
        if (std::cmp_not_equal(value.size(), count)) {
            fail(fmt::format("\"{}\" has a list of {} where {} belong", key, value.size(), count));
        }
    }

    const nlohmann::json& m_json;
    const std::filesystem::path& m_file;
};

Architecture architectureOf(const Keys& keys) {
    const std::string type = keys.text("model_type", "");
    if (type == "mamba") return Architecture::Mamba1;
    if (type == "mamba2") return Architecture::Mamba2;
    if (keys.has("architectures") && keys["architectures"].is_array() && !keys["architectures"].empty()) {
        const auto& first = keys["architectures"][0];
        if (type.empty() && first == "MambaForCausalLM") return Architecture::Mamba1;
        if (type.empty() && first == "Mamba2ForCausalLM") return Architecture::Mamba2;
    }
    const std::string found = type.empty() ? "names no model_type" : "is for a model of type \"" + type + "\"";
    keys.fail(found + ", not a Mamba model that is supported",
              "Hugging Face folders of MambaForCausalLM and Mamba2ForCausalLM are");
}

void readMamba1(const Keys& keys, Config& config) {
    config.d_state = keys.extent("state_size", 16);
    if (keys.has("time_step_rank") && keys["time_step_rank"].is_string()) {
        if (keys["time_step_rank"] != "auto") keys.fail("\"time_step_rank\" is neither a number nor \"auto\"");
        config.dt_rank = (config.d_model + 15) / 16;
    } else {
        config.dt_rank = keys.extent("time_step_rank", (config.d_model + 15) / 16);
    }
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
    if (config.n_heads % config.n_groups != 0) {
        keys.fail(fmt::format("num_heads {} is not a multiple of n_groups {}", config.n_heads, config.n_groups));
    }
    config.dt_min = 0;
    config.dt_max = std::numeric_limits<double>::infinity();
    if (keys.has("time_step_limit")) {
        const auto& limit = keys["time_step_limit"];
        if (!limit.is_array() || limit.size() != 2) keys.fail("\"time_step_limit\" is not a list of two numbers");
        config.dt_min = keys.number("time_step_limit", limit[0]);
        config.dt_max = keys.number("time_step_limit", limit[1]);
        if (!(config.dt_min >= 0 && config.dt_min <= config.dt_max)) {
            keys.fail("\"time_step_limit\" is not an interval of times");
        }
    }
    if (!keys.flag("rms_norm", true)) keys.fail("\"rms_norm\" is false: a mixer without its norm is not supported");
    if (keys.flag("norm_before_gate", false)) keys.fail("\"norm_before_gate\" is true, which is not supported");
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

Config readConfig(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw Error(file.string(), "cannot be read", "a checkpoint folder holds a config.json");
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    const nlohmann::json json = parseJsonObject(text, file);
    const Keys keys(json, file);

    Config config;
    config.architecture = architectureOf(keys);
    config.d_model = keys.extent("hidden_size");
    config.n_layer = keys.extent("num_hidden_layers");
    config.vocab_size = keys.extent("vocab_size");
    config.d_conv = keys.extent("conv_kernel", 4);
    const double inner = keys.number("expand", 2) * static_cast<double>(config.d_model);
    if (!(inner >= 1 && inner <= static_cast<double>(kMaxExtent))) keys.fail("\"expand\" is out of range");
    config.d_inner = static_cast<std::int64_t>(inner);
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
    return config;
}

}  // namespace perfmamba::model
