// The safetensors format: 8 bytes of header length, a JSON header, the tensors' bytes.
#pragma once

#include <filesystem>

#include "core/model/weight_file.h"

namespace perfmamba::model {

/// Reads one file. The whole header is checked as the reference implementation does: known types, sizes that agree with
/// shape and type, no overlap, no hole, data that end where the file ends. Throws Error naming the file (and tensor)
/// when anything in the header is wrong.
WeightFile readSafetensors(const std::filesystem::path& path);

}  // namespace perfmamba::model
