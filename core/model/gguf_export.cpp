#include "core/model/gguf_export.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "core/model/gguf.h"
#include "core/model/gguf_names.h"
#include "core/model/gguf_tokenizer.h"
#include "core/model/gguf_writer.h"
#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::model {
namespace {

constexpr std::string_view kTokenizerKeys = "tokenizer.";
constexpr std::uint32_t kContext = std::uint32_t{1}
                                   << 20U;  // no length is trained for; what llama.cpp's converter says

/// One tensor of the file.
struct Item {
    TensorOutline outline;     // by GGUF's name
    std::string hugging_face;  // empty: zeros
    GgufChange change = GgufChange::None;
};

/// Matrices of products, which may be stored in 16 bits; llama.cpp wants all else in float32.
bool isMatrix(const TensorOutline& tensor, GgufChange change) {
    return tensor.shape.size() == 2 && change == GgufChange::None;
}

std::vector<std::int64_t> shapeOf(const Config& config, std::vector<std::int64_t> shape, GgufChange change) {
    switch (change) {
        case GgufChange::None: break;
        case GgufChange::Squeezed: shape.erase(shape.begin() + 1); break;
        case GgufChange::A:
        case GgufChange::Column:
            if (config.architecture == Architecture::Mamba2) shape.push_back(1);
            break;
        case GgufChange::Groups: return {config.n_groups, config.d_inner / config.n_groups};
    }
    return shape;
}

std::vector<Item> itemsOf(const GgufRequest& request) {
    const Config& config = request.config;
    std::vector<Item> items;
    for (const TensorOutline& tensor : request.tensors) {
        const std::optional<TranslatedName> known = toGguf(config.architecture, tensor.name);
        // What the engine does not look at, such as a head that is stored although it is tied.
        if (!known || (config.tie_embeddings && tensor.name == "lm_head.weight")) continue;
        Item item{{known->name, DType::F32, shapeOf(config, tensor.shape, known->change)}, tensor.name, known->change};
        if (isMatrix(tensor, known->change)) item.outline.dtype = request.matrices.value_or(tensor.dtype);
        items.push_back(std::move(item));
    }
    // llama.cpp adds the convolution's bias always.
    for (std::int64_t i = 0; !config.use_conv_bias && i < config.n_layer; ++i) {
        items.push_back({{fmt::format("blk.{}.ssm_conv1d.bias", i), DType::F32, {config.convWidth(i)}}, {}, {}});
    }
    return items;
}

HostTensor valuesOf(const Item& item, HostTensor tensor) {
    tensor.shape = item.outline.shape;
    if (item.change != GgufChange::A) return tensor.converted(item.outline.dtype);
    std::vector<float> values = tensor.toFloat();
    for (float& value : values) value = static_cast<float>(-std::exp(double{value}));
    return HostTensor::fromFloat(tensor.name, tensor.shape, std::move(values));
}

HostTensor zeros(const TensorOutline& outline) {
    std::size_t count = outline.bytes() / sizeof(float);
    return HostTensor::fromFloat(outline.name, outline.shape, std::vector<float>(count));
}

void addShape(GgufMetadata& metadata, const Config& config) {
    const bool first = config.architecture == Architecture::Mamba1;
    const std::string arch = first ? "mamba." : "mamba2.";
    const auto add = [&](const char* key, std::int64_t value) {
        metadata.add(arch + key, static_cast<std::uint32_t>(value));
    };
    add("context_length", kContext);
    add("embedding_length", config.d_model);
    add("feed_forward_length", 0);  // llama.cpp asks for these two
    add("attention.head_count", 0);
    add("block_count", config.n_layer);
    add("ssm.conv_kernel", config.d_conv);
    add("ssm.inner_size", config.d_inner);
    add("ssm.state_size", config.d_state);
    add("ssm.time_step_rank", first ? config.dt_rank : config.n_heads);
    if (!first) add("ssm.group_count", config.n_groups);
    metadata.add(arch + "attention.layer_norm_rms_epsilon", static_cast<float>(config.norm_eps));
    if (first) metadata.add(arch + "ssm.dt_b_c_rms", config.isFalcon());
    if (config.isFalcon()) metadata.add(kMixerNormEpsKey, static_cast<float>(config.mixer_norm_eps));
    add("vocab_size", config.vocab_padded);
}

/// llama.cpp's number for what most of the file is stored as.
std::uint32_t fileType(const std::vector<Item>& items) {
    constexpr std::uint32_t kF32 = 0;
    constexpr std::uint32_t kF16 = 1;
    constexpr std::uint32_t kBF16 = 32;
    for (const Item& item : items) {
        if (item.outline.dtype == DType::F16) return kF16;
        if (item.outline.dtype == DType::BF16) return kBF16;
    }
    return kF32;
}

/// The source's own vocabulary where it is a GGUF file itself; else that of its folder.
std::string addVocabulary(GgufMetadata& metadata, const GgufRequest& request) {
    const std::filesystem::path& file = request.source.configFile();
    if (file.extension() == ".json") {
        return addTokenizer(metadata, request.source.folder(), request.config.vocab_padded);
    }
    for (const auto& [key, value] : readGguf(file).metadata) {
        if (key.starts_with(kTokenizerKeys)) metadata.add(key, value);
    }
    return {};
}

std::string epsNote(const Config& config) {
    if (!config.isFalcon() || config.mixer_norm_eps == config.norm_eps) return {};
    return fmt::format("llama.cpp takes eps {:g} for the norms of Δ, B and C, which have {:g} here", config.norm_eps,
                       config.mixer_norm_eps);
}

std::string cudaNote(const Config& config) {
    const std::int64_t n = config.d_state;
    const bool first = config.architecture == Architecture::Mamba1;
    if (first ? n == 16 : n == 128 || n == 256) return {};
    return fmt::format("llama.cpp runs {} with {} states on the CPU only: its CUDA kernels take {}",
                       name(config.architecture), n, first ? "16" : "128 or 256");
}

}  // namespace

void checkGguf(const GgufRequest& request) {
    const Config& config = request.config;
    const auto fail = [&](const std::string& reason, const std::string& advice = {}) {
        throw Error(report::toPlainUtf8(request.source.name()), "cannot be written as GGUF: " + reason, advice);
    };
    if (!config.state_sizes.empty()) {
        fail("its layers have different numbers of states, and GGUF has one number for all",
             "choose the uniform form, where zeroed states fill up");
    }
    if (config.use_bias) fail("llama.cpp knows no biases of in_proj and out_proj");
    if (config.architecture == Architecture::Mamba1) {
        if (config.d_inner != 2 * config.d_model) {
            fail(fmt::format("its d_inner {} is not twice its d_model {}, and llama.cpp takes no other", config.d_inner,
                             config.d_model));
        }
        if (config.isFalcon() && config.norm_states != config.d_state) {
            fail("llama.cpp would divide the norms of B and C by the number of states that are left",
                 "choose the masked form");
        }
        return;
    }
    if (config.dt_min > 0 || std::isfinite(config.dt_max)) {
        fail(fmt::format("it limits Δ to {} … {}, and llama.cpp does not", config.dt_min, config.dt_max));
    }
    for (const TensorOutline& tensor : request.tensors) {
        if (tensor.name.ends_with(".mixer.D") && tensor.shape != std::vector{config.n_heads}) {
            fail("its D has a number for each channel, and llama.cpp takes one for each head");
        }
    }
}

std::int64_t ggufBytes(const GgufRequest& request) {
    std::size_t bytes = 0;
    for (const Item& item : itemsOf(request)) bytes += item.outline.bytes();
    return static_cast<std::int64_t>(bytes);
}

std::string writeGgufModel(const std::filesystem::path& path, const GgufRequest& request,
                           const std::function<HostTensor(const std::string& name)>& tensor) {
    checkGguf(request);
    const std::vector<Item> items = itemsOf(request);
    GgufMetadata metadata;
    metadata.add("general.architecture", request.config.architecture == Architecture::Mamba1 ? "mamba" : "mamba2");
    metadata.add("general.name", report::toPlainUtf8(request.source.name()));
    metadata.add("general.file_type", fileType(items));
    addShape(metadata, request.config);
    std::string note = addVocabulary(metadata, request);

    std::map<std::string, const Item*> by_name;
    std::vector<TensorOutline> outlines;
    for (const Item& item : items) {
        by_name[item.outline.name] = &item;
        outlines.push_back(item.outline);
    }
    writeGguf(path, metadata, outlines, [&](const TensorOutline& outline) {
        const Item& item = *by_name.at(outline.name);
        return item.hugging_face.empty() ? zeros(outline) : valuesOf(item, tensor(item.hugging_face));
    });
    for (const std::string& more : {epsNote(request.config), cudaNote(request.config)}) {
        note += (note.empty() || more.empty() ? "" : "; ") + more;
    }
    return note;
}

}  // namespace perfmamba::model
