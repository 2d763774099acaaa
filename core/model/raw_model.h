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
    std::string name;
    std::filesystem::path config_file;  // for messages: where `config` was read
    Config config;
    std::string config_text;  // config.json of Hugging Face, as it stands in the folder; empty where there is none
    std::map<std::string, HostTensor> tensors;  // by Hugging Face's names
    std::vector<std::shared_ptr<const MappedFile>> files;
    Hash hash;  // over what describes the model and its tensors; not over their numbers

    [[nodiscard]] std::int64_t fileBytes() const;
};

/// The model in a folder, or in the folder of the file named: config.json with safetensors or PyTorch files, in one
/// file or in shards with an index; or Mistral's params.json with consolidated.safetensors. Throws Error naming the
/// file and the reason.
RawModel readFolder(const std::filesystem::path& given);

}  // namespace perfmamba::model
