#include "core/model/json_file.h"

#include <fmt/format.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/error.h"

namespace perfmamba::model {
namespace {

// Far more than any configuration or header has; deeper values would exhaust the stack of whoever walks them.
constexpr int kMaxDepth = 64;

/// Quotes Python's three non-JSON numbers wherever they stand outside a string.
std::string quotePythonNumbers(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    bool inside = false;
    for (std::size_t i = 0; i < text.size();) {
        if (!inside) {
            bool replaced = false;
            for (const std::string_view word : {"-Infinity", "Infinity", "NaN"}) {
                if (text.substr(i, word.size()) == word) {
                    out.append("\"").append(word).append("\"");
                    i += word.size();
                    replaced = true;
                    break;
                }
            }
            if (replaced) continue;
        }
        const char c = text[i];
        if (inside && c == '\\' && i + 1 < text.size()) {
            out.append(text.substr(i, 2));
            i += 2;
            continue;
        }
        if (c == '"') inside = !inside;
        out.push_back(c);
        ++i;
    }
    return out;
}

}  // namespace

nlohmann::json parseJsonObject(std::string_view text, const std::filesystem::path& file) {
    using nlohmann::json;
    std::vector<std::set<std::string>> open_objects;
    std::string duplicate;
    const auto watchKeys = [&](int depth, json::parse_event_t event, json& value) {
        if (depth > kMaxDepth) throw Error(file.string(), "is nested too deeply to be what it should be");
        if (event == json::parse_event_t::object_start) open_objects.emplace_back();
        if (event == json::parse_event_t::object_end) open_objects.pop_back();
        if (event == json::parse_event_t::key && !open_objects.back().insert(value.get<std::string>()).second) {
            duplicate = value.get<std::string>();
        }
        return true;
    };
    json result;
    try {
        result = json::parse(quotePythonNumbers(text), watchKeys);
    } catch (const json::exception& e) {
        // Behind the library's own name for it.
        const std::string_view what = e.what();
        const std::size_t end = what.find("] ");
        throw Error(file.string(),
                    fmt::format("is not valid JSON: {}", end < what.size() ? what.substr(end + 2) : what));
    }
    if (!duplicate.empty()) throw Error(file.string(), "holds the key \"" + duplicate + "\" twice");
    if (!result.is_object()) throw Error(file.string(), "is not a JSON object");
    return result;
}

}  // namespace perfmamba::model
