#include "core/model/keys.h"

#include <limits>
#include <utility>

#include <fmt/format.h>

#include "kernels/error.h"

namespace perfmamba::model {
namespace {

/// A value as far as an error has room for it.
std::string shown(const nlohmann::json& value) {
    constexpr std::size_t kRoom = 60;
    if (value.is_structured() && value.size() > kRoom) return value.is_array() ? "a long list" : "a large object";
    const std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    return text.size() <= kRoom ? text : text.substr(0, kRoom) + "…";
}

}  // namespace

void Keys::fail(const std::string& reason, const std::string& advice) const {
    throw Error(m_file.string(), reason, advice);
}

std::int64_t Keys::extent(const char* key) const {
    if (!has(key)) fail(fmt::format("lacks the key \"{}\"", key));
    return integer(key, m_json[key], 1);
}

std::int64_t Keys::extent(const char* key, std::int64_t otherwise) const {
    return has(key) ? extent(key) : otherwise;
}

bool Keys::flag(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!m_json[key].is_boolean()) fail(fmt::format("\"{}\" is {}, not true or false", key, shown(m_json[key])));
    return m_json[key].get<bool>();
}

std::string Keys::text(const char* key, const std::string& otherwise) const {
    if (!has(key)) return otherwise;
    if (!m_json[key].is_string()) fail(fmt::format("\"{}\" is {}, not a string", key, shown(m_json[key])));
    return m_json[key].get<std::string>();
}

double Keys::number(const char* key, double otherwise) const {
    return has(key) ? number(key, m_json[key]) : otherwise;
}

double Keys::number(const char* key, const nlohmann::json& value) const {
    // transformers 5 writes {"__float__": "Infinity"} where Python's json writes Infinity.
    const bool tagged = value.is_object() && value.size() == 1 && value.contains("__float__");
    if ((tagged ? value["__float__"] : value) == "Infinity") return std::numeric_limits<double>::infinity();
    if (!value.is_number()) fail(fmt::format("\"{}\" holds {}, not a number", key, shown(value)));
    return value.get<double>();
}

std::vector<std::vector<std::int64_t>> Keys::sizes(const char* key, std::int64_t count, std::int64_t inner,
                                                   bool flat) const {
    const auto& list = m_json[key];
    requireList(key, list, count);
    std::vector<std::vector<std::int64_t>> result;
    for (const auto& entry : list) {
        std::vector<std::int64_t>& row = result.emplace_back();
        if (flat) {
            row.push_back(integer(key, entry, 0));
            continue;
        }
        requireList(key, entry, inner);
        for (const auto& value : entry) row.push_back(integer(key, value, 0));
    }
    return result;
}

std::int64_t Keys::integer(const char* key, const nlohmann::json& value, std::int64_t least) const {
    if (!value.is_number_integer()) fail(fmt::format("\"{}\" is {}, not an integer", key, shown(value)));
    const auto number = value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t(kMaxExtent)
                            ? kMaxExtent + 1
                            : value.get<std::int64_t>();
    if (number < least || number > kMaxExtent) fail(fmt::format("\"{}\" is {}, out of range", key, shown(value)));
    return number;
}

void Keys::requireList(const char* key, const nlohmann::json& value, std::int64_t count) const {
    if (!value.is_array()) fail(fmt::format("\"{}\" holds {}, not a list of {}", key, shown(value), count));
    if (std::cmp_not_equal(value.size(), count)) {
        fail(fmt::format("\"{}\" has a list of {} where {} belong", key, value.size(), count));
    }
}

}  // namespace perfmamba::model
