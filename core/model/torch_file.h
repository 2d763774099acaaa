// Files that torch.save wrote: a zip file with a pickle and the numbers.
#pragma once

#include <filesystem>

#include "core/model/weight_file.h"

namespace perfmamba::model {

/// Reads a state dict (pytorch_model.bin). Tensors are used where they lie in the file; one whose elements do not lie
/// in order (a transposed view) is copied. No code in the file is run (see pickle.h). Throws Error naming the file for
/// PyTorch's old format from before version 1.6, for what is not a state dict, numbers of the other byte order, and
/// anything broken.
WeightFile readTorchFile(const std::filesystem::path& path);

}  // namespace perfmamba::model
