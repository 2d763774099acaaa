// A model in a GGUF file, in Hugging Face's terms.
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "core/model/gguf.h"
#include "core/model/gguf_names.h"
#include "core/model/hybrids.h"
#include "core/model/keys.h"
#include "core/model/raw_model.h"
#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOwnName = "model.gguf";
constexpr const char* kEmbeddings = "token_embd.weight";

class GgufModel {
public:
    explicit GgufModel(const fs::path& path) : m_path(path), m_file(readGguf(path)) {}

    RawModel read() {
        if (m_file.integer("split.count").value_or(1) > 1) {
            fail("is one of several parts of a model", "join them with 'llama-gguf-split --merge'");
        }
        RawModel model;
        model.config_file = m_path;
        model.folder = m_path.parent_path();
        // Exports of ours are called model.gguf, in a folder with the model's name.
        model.owns_folder = m_path.filename() == kOwnName;
        model.name = model.owns_folder ? model.folder.filename().string() : m_path.stem().string();
        model.config = config();
        model.files = {m_file.weights.mapping};
        model.hash.add(m_file.weights.header);
        for (const auto& [gguf, stored] : m_file.weights.tensors) {
            const std::optional<TranslatedName> known = toHuggingFace(model.config.architecture, gguf);
            const std::string name = known ? known->name : gguf;
            const auto added =
                model.tensors.emplace(name, tensor(name, gguf, stored, known ? known->change : GgufChange::None)).first;
            model.stored[stored.dtype] += added->second.elements();
        }
        return model;
    }

private:
    [[noreturn]] void fail(const std::string& reason, const std::string& advice = {}) const {
        throw Error(m_path.string(), reason, advice);
    }

    [[nodiscard]] std::int64_t extent(const std::string& key) const {
        const std::string whole = m_architecture + "." + key;
        const std::optional<std::int64_t> value = m_file.integer(whole);
        if (!value) fail("lacks the key " + whole);
        if (*value < 1 || *value > Keys::kMaxExtent) fail(fmt::format("key {} is {}, out of range", whole, *value));
        return *value;
    }

    Config config() {
        m_architecture = report::toPlainUtf8(m_file.text("general.architecture").value_or(""));
        const bool first = m_architecture == "mamba";
        if (!first && m_architecture != "mamba2") {
            const nlohmann::json nothing = nlohmann::json::object();
            refuseHybrid(Keys(nothing, m_path), m_architecture);
            fail("is for a model of architecture \"" + m_architecture + "\"; mamba and mamba2 are supported");
        }
        Config config;
        config.architecture = first ? Architecture::Mamba1 : Architecture::Mamba2;
        config.d_model = extent("embedding_length");
        config.n_layer = extent("block_count");
        config.d_inner = extent("ssm.inner_size");
        config.d_state = extent("ssm.state_size");
        config.d_conv = extent("ssm.conv_kernel");
        config.norm_eps = m_file.number(m_architecture + ".attention.layer_norm_rms_epsilon").value_or(1e-5);
        if (!(config.norm_eps > 0 && config.norm_eps < 1)) fail("has a layer_norm_rms_epsilon that is out of range");
        config.use_conv_bias = m_file.weights.tensors.contains("blk.0.ssm_conv1d.bias");
        config.vocab_size = vocabulary();
        if (first) {
            config.dt_rank = extent("ssm.time_step_rank");
            if (m_file.flag("mamba.ssm.dt_b_c_rms").value_or(false)) {
                config.mixer_norm_eps = m_file.number(kMixerNormEpsKey).value_or(config.norm_eps);
                if (!(config.mixer_norm_eps > 0 && config.mixer_norm_eps < 1))
                    fail("has an epsilon that is out of range");
                config.norm_states = config.d_state;
            }
        } else {
            config.n_heads = extent("ssm.time_step_rank");
            config.n_groups = extent("ssm.group_count");
            config.head_dim = config.d_inner / config.n_heads;
            config.chunk_size = kChunk;
            config.dt_max = std::numeric_limits<double>::infinity();
            if (config.head_dim * config.n_heads != config.d_inner || config.n_heads % config.n_groups != 0) {
                fail(fmt::format("has {} heads, which do not divide inner_size {}, or not among {} groups",
                                 config.n_heads, config.d_inner, config.n_groups));
            }
        }
        return config;
    }

    /// As many tokens as the embedding has rows: the list of tokens is as long.
    [[nodiscard]] std::int64_t vocabulary() const {
        const auto found = m_file.weights.tensors.find(kEmbeddings);
        if (found == m_file.weights.tensors.end() || found->second.shape.size() != 2) {
            fail(fmt::format("holds no matrix {}", kEmbeddings));
        }
        return found->second.shape[0];
    }

    [[nodiscard]] HostTensor tensor(const std::string& name, const std::string& gguf, const StoredTensor& stored,
                                    GgufChange change) const {
        HostTensor result = hostTensor(name, stored, m_path);
        std::vector<std::int64_t>& shape = result.shape;
        switch (change) {
            case GgufChange::None: break;
            case GgufChange::Squeezed:
                if (shape.size() == 2) shape.insert(shape.begin() + 1, 1);
                break;
            case GgufChange::Column: dropColumn(shape); break;
            case GgufChange::Groups: shape = {result.elements()}; break;
            case GgufChange::A: return logarithm(std::move(result), gguf);
        }
        return result;
    }

    void dropColumn(std::vector<std::int64_t>& shape) const {
        if (m_architecture == "mamba2" && shape.size() == 2 && shape[1] == 1) shape.pop_back();
    }

    /// A_log of A.
    [[nodiscard]] HostTensor logarithm(HostTensor a, const std::string& gguf) const {
        std::vector<float> values = a.toFloat();
        for (float& value : values) {
            if (!(value < 0)) fail("tensor " + gguf + " holds a number that is not negative: its states would grow");
            value = static_cast<float>(std::log(-double{value}));
        }
        dropColumn(a.shape);
        return HostTensor::fromFloat(a.name, a.shape, std::move(values));
    }

    // llama.cpp knows no chunks; this is what mamba_ssm takes where it is not told.
    static constexpr std::int64_t kChunk = 256;

    const fs::path& m_path;
    GgufFile m_file;
    std::string m_architecture;
};

}  // namespace

RawModel readGgufModel(const fs::path& path) {
    return GgufModel(path).read();
}

}  // namespace perfmamba::model
