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

/// A model's folder: of Hugging Face, or as the models' authors publish them. Opening maps the files and reads headers
/// only; no weight is touched but those of types that nothing computes with (float64, GGUF's Q8_0), which are
/// converted.
class Checkpoint {
public:
    /// `folder` may also be a file inside it (config.json, a .safetensors), or a GGUF file. Throws Error naming the
    /// file and the reason: no such folder, not a Mamba model, a broken header, a missing or misshapen tensor, a
    /// contradiction between config.json and the weights.
    static std::shared_ptr<const Checkpoint> open(const std::filesystem::path& folder);

    /// `source` with another configuration and some tensors replaced, in memory. The rest stays mapped. Throws Error
    /// when the shapes do not fit the configuration.
    static std::shared_ptr<const Checkpoint> derive(const std::shared_ptr<const Checkpoint>& source, Config config,
                                                    std::map<std::string, HostTensor> replaced);

    [[nodiscard]] const std::filesystem::path& folder() const { return m_folder; }
    /// What the model is called on screen: the folder's own name, or the file's.
    [[nodiscard]] const std::string& name() const { return m_name; }
    [[nodiscard]] const Config& config() const { return m_config; }
    /// Where that was read: config.json, params.json, or the GGUF file.
    [[nodiscard]] const std::filesystem::path& configFile() const { return m_config_file; }
    /// The folder is this model's, with all that is in it: not one in which a GGUF file lies among others.
    [[nodiscard]] bool ownsFolder() const { return m_owns_folder; }
    /// config.json of Hugging Face: the folder's own text, or one that says the same as the configuration it has.
    [[nodiscard]] const std::string& configText() const { return m_config_text; }
    [[nodiscard]] std::int64_t parameters() const { return m_parameters; }
    [[nodiscard]] std::int64_t fileBytes() const { return m_file_bytes; }
    /// What nearly all of the parameters are stored in, whatever norms and the like are: "float32", "float16",
    /// "bfloat16", of files that are read as float32 "float64" or "Q8_0", or "mixed".
    [[nodiscard]] std::string storedType() const;
    /// 16 hex digits over config.json, the headers of the weights, the begin of every tensor, and pruning.json.
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
    void dropSharedHead();

    std::filesystem::path m_folder;
    std::filesystem::path m_config_file;
    std::string m_name;
    bool m_owns_folder = true;
    Config m_config;
    std::string m_config_text;
    std::map<std::string, HostTensor> m_tensors;
    std::map<std::string, std::int64_t> m_stored;  // see RawModel
    std::vector<std::shared_ptr<const MappedFile>> m_files;
    std::int64_t m_parameters = 0;
    std::int64_t m_file_bytes = 0;
    std::string m_hash;
};

/// "(128, 64)"
std::string shapeText(const std::vector<std::int64_t>& shape);

}  // namespace perfmamba::model
