#include "core/model/checkpoint.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/model/hash.h"
#include "core/model/json_file.h"
#include "core/model/safetensors.h"
#include "kernels/error.h"

namespace perfmamba::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigFile = "config.json";
constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr const char* kPruningFile = "pruning.json";
// Of each tensor: a page of a mapped file, so that opening stays as fast as it is.
constexpr std::size_t kHashedBytes = 1024;

std::string readText(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw Error(file.string(), "cannot be read");
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// The folder a user means: itself, or the one that holds the file named.
fs::path folderOf(const fs::path& given) {
    std::error_code ignored;
    const fs::file_status status = fs::status(given, ignored);
    if (!fs::exists(status)) throw Error(given.string(), "no such folder");
    fs::path folder = fs::is_directory(status) ? given : given.parent_path();
    folder = fs::weakly_canonical(folder.empty() ? fs::path(".") : folder, ignored);
    if (!fs::exists(folder / kConfigFile)) {
        throw Error(given.string(), "is not a checkpoint: it holds no config.json",
                    "open the folder with config.json and model.safetensors");
    }
    return folder;
}

/// The shards an index names, each with the tensors it promises.
std::map<std::string, std::set<std::string>> readIndex(const fs::path& file) {
    const nlohmann::json index = parseJsonObject(readText(file), file);
    if (!index.contains("weight_map") || !index["weight_map"].is_object()) {
        throw Error(file.string(), "holds no \"weight_map\"");
    }
    std::map<std::string, std::set<std::string>> shards;
    for (const auto& [tensor, shard] : index["weight_map"].items()) {
        if (!shard.is_string()) throw Error(file.string(), "names no file for tensor " + tensor);
        const auto name = shard.get<std::string>();
        // A name that leaves the folder could make a checkpoint read any file of its user's.
        if (name.empty() || name == ".." || fs::path(name).filename() != fs::path(name)) {
            throw Error(file.string(), fmt::format("names the file \"{}\", which is outside the folder", name));
        }
        shards[name].insert(tensor);
    }
    if (shards.empty()) throw Error(file.string(), "names no tensors");
    return shards;
}

std::map<std::string, std::set<std::string>> findShards(const fs::path& folder) {
    if (fs::exists(folder / kSingleFile)) return {{kSingleFile, {}}};
    if (fs::exists(folder / kIndexFile)) return readIndex(folder / kIndexFile);
    for (const char* other : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
        if (fs::exists(folder / other)) {
            throw Error((folder / other).string(), "is a PyTorch pickle, which is not read yet",
                        "save the model with safe_serialization=True");
        }
    }
    throw Error(folder.string(), fmt::format("holds neither {} nor {}", kSingleFile, kIndexFile));
}

}  // namespace

std::string shapeText(const std::vector<std::int64_t>& shape) {
    return fmt::format("({})", fmt::join(shape, ", "));
}

std::shared_ptr<const Checkpoint> Checkpoint::open(const fs::path& given) {
    const std::shared_ptr<Checkpoint> result(new Checkpoint);
    result->m_folder = folderOf(given);
    result->m_config = readConfig(result->m_folder / kConfigFile);

    Hash hash;
    const std::string config_text = readText(result->m_folder / kConfigFile);
    hash.add(std::as_bytes(std::span(config_text)));
    for (const auto& [shard, promised] : findShards(result->m_folder)) {
        const fs::path path = result->m_folder / shard;
        const SafetensorsFile file = SafetensorsFile::open(path);
        hash.add(file.header());
        result->m_files.push_back(file.mapping());
        result->m_file_bytes += file.fileBytes();
        for (const std::string& tensor : promised) {
            if (!file.entries().contains(tensor)) {
                throw Error(path.string(), "lacks tensor " + tensor + ", which the index places there");
            }
        }
        for (const auto& [name, entry] : file.entries()) {
            const std::optional<DType> dtype = computeType(entry.dtype);
            if (!dtype) {
                throw Error(path.string(),
                            fmt::format("tensor {} is of type {}; F32, F16 and BF16 are supported", name, entry.dtype));
            }
            const bool added =
                result->m_tensors
                    .emplace(name, HostTensor{name, *dtype, entry.shape, entry.data.data(), file.mapping()})
                    .second;
            if (!added) throw Error(path.string(), "tensor " + name + " is also in another shard");
        }
    }
    // Two trainings of one shape differ in their weights, a masked export perhaps only in what its plan says.
    for (const auto& [name, tensor] : result->m_tensors) {
        hash.add({tensor.data, std::min(tensor.bytes(), kHashedBytes)});
    }
    if (const fs::path plan = result->m_folder / kPruningFile; fs::is_regular_file(plan)) {
        const std::string text = readText(plan);
        hash.add(std::as_bytes(std::span(text)));
    }
    result->m_hash = hash.text();
    result->checkShapes();
    for (const auto& [name, tensor] : result->m_tensors) result->m_parameters += tensor.elements();
    return result;
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
    const HostTensor& embeddings = tensor("backbone.embeddings.weight");
    if (embeddings.shape.size() != 2 || embeddings.shape[1] != c.d_model || embeddings.shape[0] < c.vocab_size) {
        throw Error(
            m_folder.string(),
            fmt::format("tensor backbone.embeddings.weight has shape {}, but config.json says vocab_size {} and "
                        "hidden_size {}",
                        shapeText(embeddings.shape), c.vocab_size, c.d_model));
    }
    c.vocab_padded = embeddings.shape[0];
    if (!c.tie_stated) c.tie_embeddings = !has("lm_head.weight");
    if (!c.tie_embeddings) require("lm_head.weight", {c.vocab_padded, c.d_model});
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
                throw Error(
                    m_folder.string(),
                    fmt::format("tensor {}{} contradicts config.json, which says that there is none", mixer, key));
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
        throw Error(m_folder.string(),
                    fmt::format("config.json says num_hidden_layers {}, but there is a tensor {}", c.n_layer, beyond));
    }
}

void Checkpoint::releasePages() const {
    for (const auto& file : m_files) file->releasePages();
}

std::string Checkpoint::storedType() const {
    std::optional<DType> first;
    for (const auto& [name, tensor] : m_tensors) {
        if (first && *first != tensor.dtype) return "mixed";
        first = tensor.dtype;
    }
    return first ? std::string(perfmamba::name(*first)) : "none";
}

const HostTensor& Checkpoint::tensor(const std::string& name) const {
    const auto found = m_tensors.find(name);
    if (found == m_tensors.end()) throw Error(m_folder.string(), "tensor " + name + " is missing");
    return found->second;
}

const HostTensor& Checkpoint::require(const std::string& name, const std::vector<std::int64_t>& shape) const {
    const HostTensor& found = tensor(name);
    if (found.shape != shape) {
        throw Error(m_folder.string(), fmt::format("tensor {} has shape {}, but config.json makes it {}", name,
                                                   shapeText(found.shape), shapeText(shape)));
    }
    return found;
}

}  // namespace perfmamba::model
