// An opened checkpoint folder: configuration and memory-mapped tensors.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/config.h"
#include "core/model/mapped_file.h"
#include "kernels/tensor.h"

namespace perfmamba::model {

/// A Hugging Face folder: config.json and model.safetensors, in one file or in shards with an index. Opening maps the
/// files and reads headers only; no weight is touched.
class Checkpoint {
public:
    /// `folder` may also be a file inside it (config.json, a .safetensors). Throws Error naming the file and the
    /// reason: no such folder, not a Mamba model, a broken header, a missing or misshapen tensor, a contradiction
    /// between config.json and the weights.
    static std::shared_ptr<const Checkpoint> open(const std::filesystem::path& folder);

    /// `source` with another configuration and some tensors replaced, in memory. The rest stays mapped. Throws Error
    /// when the shapes do not fit the configuration.
    static std::shared_ptr<const Checkpoint> derive(const std::shared_ptr<const Checkpoint>& source, Config config,
                                                    std::map<std::string, HostTensor> replaced);

    [[nodiscard]] const std::filesystem::path& folder() const { return m_folder; }
    /// The folder's own name: what the model is called on screen.
    [[nodiscard]] std::string name() const { return m_folder.filename().string(); }
    [[nodiscard]] const Config& config() const { return m_config; }
    [[nodiscard]] std::int64_t parameters() const { return m_parameters; }
    [[nodiscard]] std::int64_t fileBytes() const { return m_file_bytes; }
    /// "float32", "float16", "bfloat16", or "mixed".
    [[nodiscard]] std::string storedType() const;
    /// 16 hex digits over config.json, the safetensors headers, the begin of every tensor, and pruning.json.
    [[nodiscard]] const std::string& hash() const { return m_hash; }
    [[nodiscard]] const std::map<std::string, HostTensor>& tensors() const { return m_tensors; }

    /// The tensor of that name; throws Error when it is missing.
    [[nodiscard]] const HostTensor& tensor(const std::string& name) const;
    /// The tensor of that name and shape; throws Error when it has another.
    const HostTensor& require(const std::string& name, const std::vector<std::int64_t>& shape) const;
    /// Takes the files' pages out of this process's memory: for after the weights have been converted elsewhere.
    void releasePages() const;
    [[nodiscard]] bool has(const std::string& name) const { return m_tensors.contains(name); }

private:
    Checkpoint() = default;
    void checkShapes();

    std::filesystem::path m_folder;
    Config m_config;
    std::map<std::string, HostTensor> m_tensors;
    std::vector<std::shared_ptr<const MappedFile>> m_files;
    std::int64_t m_parameters = 0;
    std::int64_t m_file_bytes = 0;
    std::string m_hash;
};

/// "(128, 64)"
std::string shapeText(const std::vector<std::int64_t>& shape);

}  // namespace perfmamba::model
