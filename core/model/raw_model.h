// A model as it was found, in Hugging Face's terms, before its parts are checked against each other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/model/config.h"
#include "core/model/hash.h"
#include "core/model/mapped_file.h"
#include "kernels/tensor.h"

namespace perfmamba::model {

struct RawModel {
    std::filesystem::path folder;
    bool owns_folder = true;  // what else is in it belongs to the model
    std::string name;
    std::filesystem::path config_file;  // for messages: where `config` was read
    Config config;
    std::string config_text;  // config.json of Hugging Face, as it stands in the folder; empty where there is none
    std::map<std::string, HostTensor> tensors;  // by Hugging Face's names
    /// Numbers by the type that they are stored in, as StoredTensor names it.
    std::map<std::string, std::int64_t> stored;
    std::vector<std::shared_ptr<const MappedFile>> files;
    Hash hash;  // over what describes the model and its tensors; not over their numbers

    [[nodiscard]] std::int64_t fileBytes() const;
};

/// The model in a folder, or in the folder of the file named: config.json with safetensors or PyTorch files, in one
/// file or in shards with an index; or Mistral's params.json with consolidated.safetensors. Throws Error naming the
/// file and the reason.
RawModel readFolder(const std::filesystem::path& given);

/// The model in a GGUF file of architecture mamba or mamba2. Throws Error naming the file, and key or tensor.
RawModel readGgufModel(const std::filesystem::path& path);

/// Any of them: `given` is a folder, a file in it, or a GGUF file; a folder without config.json may hold one GGUF file.
RawModel readModel(const std::filesystem::path& given);

}  // namespace perfmamba::model
