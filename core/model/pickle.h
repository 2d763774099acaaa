// Reads the pickle in a PyTorch file, as far as it takes to know its tensors, and runs nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace perfmamba::model {

/// What the pickle says of one tensor of a state dict. Its numbers lie elsewhere, in a record named after the storage.
struct PickledTensor {
    std::string name;
    std::string dtype;    // as safetensors names types
    std::string storage;  // the key of its storage; tensors may share one
    std::int64_t storage_elements = 0;
    std::int64_t offset = 0;  // of the first element in the storage
    std::vector<std::int64_t> shape;
    std::vector<std::int64_t> strides;  // in elements; as many as extents
};

/// The tensors of a pickled dictionary, in its order. A pickle is a program for a small machine with a stack. Here that
/// machine has only the instructions which torch.save writes for a state dict, and knows only the functions which build
/// tensors and ordered dictionaries: nothing is imported or called. Throws Error naming `file`, and the instruction or
/// function, for anything else, and for a pickle that is broken, or builds more objects than a model has use for.
/// Numbers are not checked against each other; a shape's extents are not negative.
std::vector<PickledTensor> readTensorPickle(std::span<const std::byte> pickle, const std::filesystem::path& file);

}  // namespace perfmamba::model
