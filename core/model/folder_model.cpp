// The weights and the configuration in a folder.
#include <array>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "core/model/json_file.h"
#include "core/model/raw_model.h"
#include "core/model/safetensors.h"
#include "core/model/torch_file.h"
#include "kernels/error.h"

namespace perfmamba::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigFile = "config.json";
constexpr const char* kMistralConfig = "params.json";
constexpr const char* kIndexEnd = ".index.json";
/// Where weights are looked for, in this order: as one file, and in shards that NAME.index.json names. A safe format
/// comes before one that has to be read with care.
constexpr std::array kWeightFiles = {"model.safetensors", "pytorch_model.bin", "consolidated.safetensors"};

std::string readText(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw Error(file.string(), "cannot be read");
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// The folder a user means: itself, or the one that holds the file named.
fs::path folderOf(const fs::path& given) {
    std::error_code ignored;
    const fs::file_status status = fs::status(given, ignored);
    const fs::path folder = fs::is_directory(status) ? given : given.parent_path();
    return fs::weakly_canonical(folder.empty() ? fs::path(".") : folder, ignored);
}

/// `given` is what the user named.
fs::path configIn(const fs::path& folder, const fs::path& given) {
    std::error_code code;
    for (const char* name : {kConfigFile, kMistralConfig}) {
        if (fs::exists(folder / name, code)) return folder / name;
        if (code && code != std::errc::not_a_directory)
            throw Error(given.string(), "cannot be read: " + code.message());
    }
    const bool is_folder = fs::is_directory(given, code);
    throw Error(given.string(),
                is_folder ? "is not a checkpoint: it holds no config.json"
                          : "is not a checkpoint: there is no config.json beside it",
                "open the folder with config.json and the weights, or a .gguf file");
}

using Shards = std::map<std::string, std::set<std::string>>;

/// The shards an index names, each with the tensors it promises.
Shards readIndex(const fs::path& file) {
    const nlohmann::json index = parseJsonObject(readText(file), file);
    if (!index.contains("weight_map") || !index["weight_map"].is_object()) {
        throw Error(file.string(), "holds no \"weight_map\"");
    }
    Shards shards;
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
    for (const auto& [name, tensors] : shards) {
        std::error_code code;
        if (fs::exists(file.parent_path() / name, code)) continue;
        throw Error((file.parent_path() / name).string(),
                    fmt::format("is missing: {} places {} tensors there", file.filename().string(), tensors.size()),
                    "download it");
    }
    return shards;
}

Shards findShards(const fs::path& folder) {
    std::error_code code;
    for (const char* name : kWeightFiles) {
        if (fs::exists(folder / name, code)) return {{name, {}}};
        const fs::path index = folder / (std::string(name) + kIndexEnd);
        if (fs::exists(index, code)) return readIndex(index);
    }
    throw Error(folder.string(), "holds neither model.safetensors nor pytorch_model.bin, nor an index of their shards");
}

WeightFile readWeights(const fs::path& file) {
    return file.extension() == ".safetensors" ? readSafetensors(file) : readTorchFile(file);
}

/// state-spaces says embedding where Hugging Face says embeddings; Mistral puts "model." in front.
std::string huggingFaceName(std::string name) {
    constexpr std::string_view kMistral = "model.";
    constexpr std::string_view kEmbedding = "backbone.embedding.";
    const bool mistral = name.starts_with("model.backbone.") || name.starts_with("model.lm_head.");
    if (mistral) name.erase(0, kMistral.size());
    if (name.starts_with(kEmbedding)) name.insert(kEmbedding.size() - 1, "s");
    return name;
}

}  // namespace

RawModel readFolder(const fs::path& given) {
    RawModel model;
    model.folder = folderOf(given);
    model.name = model.folder.filename().string();
    model.config_file = configIn(model.folder, given);
    const std::string config_text = readText(model.config_file);
    model.config = parseConfig(config_text, model.config_file);
    if (parseJsonObject(config_text, model.config_file).contains("hidden_size")) model.config_text = config_text;
    model.hash.add(std::as_bytes(std::span(config_text)));

    std::map<std::string, std::string> shard_of;
    for (const auto& [shard, promised] : findShards(model.folder)) {
        const fs::path path = model.folder / shard;
        const WeightFile file = readWeights(path);
        model.hash.add(file.header);
        model.files.push_back(file.mapping);
        for (const std::string& tensor : promised) {
            if (!file.tensors.contains(tensor)) {
                throw Error(path.string(), "lacks tensor " + tensor + ", which the index places there");
            }
        }
        for (const auto& [stored_name, stored] : file.tensors) {
            const std::string name = huggingFaceName(stored_name);
            const auto [added, is_new] = model.tensors.emplace(name, hostTensor(name, stored, path));
            if (!is_new) {
                throw Error(path.string(), fmt::format("tensor {} is also in another shard, {}", name, shard_of[name]));
            }
            model.stored[stored.dtype] += added->second.elements();
            shard_of[name] = shard;
        }
    }
    return model;
}

}  // namespace perfmamba::model
