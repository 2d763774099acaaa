// Changes config.json and nothing but what pruning changes.
#pragma once

#include <filesystem>
#include <string>

#include "core/model/config.h"

namespace perfmamba::prune {

/// The text of a config.json with `state_size`, and `state_size_per_layer` where N differs, set to `result`'s. Every
/// other byte stays as it is: Python's Infinity, the order, the indentation. Throws Error naming `file` for what is no
/// JSON object.
std::string withStateSizes(std::string text, const model::Config& result, const std::filesystem::path& file);

}  // namespace perfmamba::prune
