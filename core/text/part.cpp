#include "core/text/part.h"

#include <limits>

#include <fmt/format.h>

#include "core/report/utf8.h"
#include "core/text/token_advice.h"
#include "kernels/error.h"

namespace perfmamba::text {

bool Part::has(const std::string& key) const {
    if (!m_value->is_object()) return false;
    const auto found = m_value->find(key);
    return found != m_value->end() && !found->is_null();
}

Part Part::at(const std::string& key) const {
    if (!m_value->is_object()) fail("is not an object");
    const auto found = m_value->find(key);
    if (found == m_value->end()) fail(fmt::format("lacks \"{}\"", key));
    return {*found, m_file, m_place.empty() ? key : m_place + "." + key};
}

std::vector<Part> Part::list(const std::string& key) const {
    const Part whole = at(key);
    if (!whole.m_value->is_array()) whole.fail("is not a list");
    std::vector<Part> parts;
    for (std::size_t i = 0; i < whole.m_value->size(); ++i) {
        parts.emplace_back((*whole.m_value)[i], m_file, fmt::format("{}[{}]", whole.m_place, i));
    }
    return parts;
}

std::string Part::text(const std::string& key) const {
    const Part part = at(key);
    if (!part.m_value->is_string()) part.fail("is not a text");
    return part.m_value->get<std::string>();
}

std::string Part::text(const std::string& key, const std::string& fallback) const {
    return has(key) ? text(key) : fallback;
}

bool Part::flag(const std::string& key, bool fallback) const {
    if (!has(key)) return fallback;
    const Part part = at(key);
    if (!part.m_value->is_boolean()) part.fail("is neither true nor false");
    return part.m_value->get<bool>();
}

std::int32_t Part::id(const std::string& key) const {
    return at(key).asId();
}

std::int32_t Part::asId() const {
    constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();
    // Beyond 2⁶³ an unsigned number would come out negative, and is refused as well.
    if (!m_value->is_number_integer() || m_value->get<std::int64_t>() < 0 || m_value->get<std::int64_t>() > kLargest) {
        fail(fmt::format("is {}, not a token's id", report::toPlainUtf8(m_value->dump().substr(0, 40))));
    }
    return m_value->get<std::int32_t>();
}

void Part::fail(const std::string& reason) const {
    throw Error(subject(), reason);
}

void Part::unknown(const std::string& what) const {
    throw Error(subject(), fmt::format("{}, which this program does not know", report::toPlainUtf8(what)), kGiveTokens);
}

}  // namespace perfmamba::text
