#include "core/model/checkpoint.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/model/raw_model.h"
#include "core/model/weight_file.h"
#include "kernels/error.h"

namespace perfmamba::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPruningFile = "pruning.json";
// Of each tensor: a page of a mapped file, so that opening stays as fast as it is.
constexpr std::size_t kHashedBytes = 1024;

constexpr const char* kEmbeddings = "backbone.embeddings.weight";
constexpr const char* kHead = "lm_head.weight";

}  // namespace

std::string shapeText(const std::vector<std::int64_t>& shape) {
    return fmt::format("({})", fmt::join(shape, ", "));
}

std::shared_ptr<const Checkpoint> Checkpoint::open(const fs::path& given) {
    RawModel raw = readModel(given);

    const std::shared_ptr<Checkpoint> result(new Checkpoint);
    result->m_file_bytes = raw.fileBytes();
    result->m_folder = std::move(raw.folder);
    result->m_name = std::move(raw.name);
    result->m_owns_folder = raw.owns_folder;
    result->m_config = std::move(raw.config);
    result->m_config_file = std::move(raw.config_file);
    result->m_tensors = std::move(raw.tensors);
    result->m_stored = std::move(raw.stored);
    result->m_files = std::move(raw.files);
    // Two trainings of one shape differ in their weights, a masked export perhaps only in what its plan says.
    for (const auto& [name, tensor] : result->m_tensors) {
        raw.hash.add({tensor.data, std::min(tensor.bytes(), kHashedBytes)});
    }
    if (const fs::path plan = result->m_folder / kPruningFile; result->m_owns_folder && fs::is_regular_file(plan)) {
        std::ifstream stream(plan, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(stream), {}};
        raw.hash.add(std::as_bytes(std::span(text)));
    }
    result->m_hash = raw.hash.text();
    result->checkShapes();
    result->dropSharedHead();
    result->m_config_text = raw.config_text.empty() ? huggingFaceText(result->m_config) : std::move(raw.config_text);
    for (const auto& [name, tensor] : result->m_tensors) result->m_parameters += tensor.elements();
    return result;
}

/// A PyTorch file names the embedding twice where the head is tied to it.
void Checkpoint::dropSharedHead() {
    if (!m_config.tie_embeddings || !has(kHead)) return;
    if (tensor(kHead).data == tensor(kEmbeddings).data) m_tensors.erase(kHead);
}

std::shared_ptr<const Checkpoint> Checkpoint::derive(const std::shared_ptr<const Checkpoint>& source, Config config,
                                                     std::map<std::string, HostTensor> replaced) {
    const std::shared_ptr<Checkpoint> result(new Checkpoint(*source));
    result->m_config = std::move(config);
    for (auto& [name, tensor] : replaced) result->m_tensors[name] = std::move(tensor);
    result->checkShapes();
    result->m_parameters = 0;
    for (const auto& [name, tensor] : result->m_tensors) result->m_parameters += tensor.elements();
    return result;
}

void Checkpoint::checkShapes() {
    Config& c = m_config;
    const HostTensor& embeddings = tensor(kEmbeddings);
    if (embeddings.shape.size() != 2 || embeddings.shape[1] != c.d_model || embeddings.shape[0] < c.vocab_size) {
        throw Error(
            m_folder.string(),
            fmt::format("tensor {} has shape {}, but {} says vocab_size {} and hidden_size {}", kEmbeddings,
                        shapeText(embeddings.shape), m_config_file.filename().string(), c.vocab_size, c.d_model));
    }
    c.vocab_padded = embeddings.shape[0];
    if (!c.tie_stated) c.tie_embeddings = !has(kHead);
    if (!c.tie_embeddings) require(kHead, {c.vocab_padded, c.d_model});
    require("backbone.norm_f.weight", {c.d_model});

    for (std::int64_t i = 0; i < c.n_layer; ++i) {
        const std::string layer = fmt::format("backbone.layers.{}.", i);
        const std::string mixer = layer + "mixer.";
        require(layer + "norm.weight", {c.d_model});
        require(mixer + "in_proj.weight", {c.inProjRows(i), c.d_model});
        require(mixer + "conv1d.weight", {c.convWidth(i), 1, c.d_conv});
        require(mixer + "out_proj.weight", {c.d_model, c.d_inner});
        if (c.use_bias) {
            require(mixer + "in_proj.bias", {c.inProjRows(i)});
            require(mixer + "out_proj.bias", {c.d_model});
        }
        if (c.use_conv_bias) require(mixer + "conv1d.bias", {c.convWidth(i)});
        for (const auto& [key, used] :
             {std::pair{"in_proj.bias", c.use_bias}, {"out_proj.bias", c.use_bias}, {"conv1d.bias", c.use_conv_bias}}) {
            if (!used && has(mixer + key)) {
                throw Error(m_folder.string(), fmt::format("tensor {}{} contradicts {}, which says that there is none",
                                                           mixer, key, m_config_file.filename().string()));
            }
        }
        if (c.architecture == Architecture::Mamba1) {
            require(mixer + "x_proj.weight", {c.dt_rank + 2 * c.states(i), c.d_inner});
            require(mixer + "dt_proj.weight", {c.d_inner, c.dt_rank});
            require(mixer + "dt_proj.bias", {c.d_inner});
            require(mixer + "A_log", {c.d_inner, c.states(i)});
            require(mixer + "D", {c.d_inner});
        } else {
            require(mixer + "dt_bias", {c.n_heads});
            require(mixer + "A_log", {c.n_heads});
            const HostTensor& d = tensor(mixer + "D");
            if (d.shape != std::vector{c.d_inner}) require(mixer + "D", {c.n_heads});
            require(mixer + "norm.weight", {c.d_inner});
        }
    }
    if (const std::string beyond = fmt::format("backbone.layers.{}.norm.weight", c.n_layer); has(beyond)) {
        throw Error(m_folder.string(), fmt::format("{} says num_hidden_layers {}, but there is a tensor {}",
                                                   m_config_file.filename().string(), c.n_layer, beyond));
    }
}

void Checkpoint::releasePages() const {
    for (const auto& file : m_files) file->releasePages();
}

std::string Checkpoint::storedType() const {
    if (m_stored.empty()) return "none";
    constexpr double kNearlyAll = 0.9;
    std::int64_t all = 0;
    for (const auto& [type, count] : m_stored) all += count;
    const auto& [type, count] = *std::ranges::max_element(m_stored, {}, [](const auto& each) { return each.second; });
    if (static_cast<double>(count) < kNearlyAll * static_cast<double>(all)) return "mixed";
    if (type == "F64") return "float64";
    const std::optional<DType> computed = computeType(type);
    return computed ? std::string(perfmamba::name(*computed)) : type;
}

const HostTensor& Checkpoint::tensor(const std::string& name) const {
    const auto found = m_tensors.find(name);
    if (found == m_tensors.end()) throw Error(m_folder.string(), "tensor " + name + " is missing");
    return found->second;
}

const HostTensor& Checkpoint::require(const std::string& name, const std::vector<std::int64_t>& shape) const {
    const HostTensor& found = tensor(name);
    if (found.shape != shape) {
        throw Error(m_folder.string(),
                    fmt::format("tensor {} has shape {}, but {} makes it {}", name, shapeText(found.shape),
                                m_config_file.filename().string(), shapeText(shape)));
    }
    return found;
}

}  // namespace perfmamba::model
