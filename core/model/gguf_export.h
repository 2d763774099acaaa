// Writes a model as GGUF, for llama.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/model/checkpoint.h"
#include "core/model/safetensors_writer.h"

namespace perfmamba::model {

/// What is to be written.
struct GgufRequest {
    const Checkpoint& source;            // whose tokenizer, name and kind are taken
    Config config;                       // of what is written
    std::vector<TensorOutline> tensors;  // by Hugging Face's names
    std::optional<DType> matrices;       // as which they are stored; nothing: as they are. All else is float32
};

/// Throws Error, in the model's name, where llama.cpp could not run it: layers or groups that differ in N, no states at
/// all, biases of the projections, limits of Δ, a D for each channel in Mamba-2, d_inner other than 2·d_model in
/// Mamba-1.
void checkGguf(const GgufRequest& request);

/// Bytes of the tensors in the file.
std::int64_t ggufBytes(const GgufRequest& request);

/// Writes the file. `tensor` is asked for each of request.tensors, one at a time, in no particular order. Returns what
/// the user has to know of it: that llama.cpp's CUDA kernels do not take such an N, that the vocabulary is missing;
/// empty for nothing.
std::string writeGgufModel(const std::filesystem::path& path, const GgufRequest& request,
                           const std::function<HostTensor(const std::string& name)>& tensor);

}  // namespace perfmamba::model
