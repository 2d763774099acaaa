// JSON as Python writes it, read with errors that name the file.
#pragma once

#include <filesystem>
#include <string_view>

#include <nlohmann/json.hpp>

namespace perfmamba::model {

/// Parses a JSON object. `Infinity`, `-Infinity` and `NaN`, which Python writes and JSON does not know, become strings
/// of that name. Throws Error naming `file` for malformed text, a duplicate key, or anything but an object.
nlohmann::json parseJsonObject(std::string_view text, const std::filesystem::path& file);

}  // namespace perfmamba::model
