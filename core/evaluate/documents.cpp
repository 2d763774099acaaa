#include "core/evaluate/documents.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/report/utf8.h"
#include "core/text/utf8.h"
#include "core/text/white_space.h"
#include "kernels/error.h"

namespace perfmamba::evaluate {
namespace {

constexpr std::size_t kLongestRecord = std::size_t{1} << 28U;
// How much of the file may lie in memory behind the place that is read.
constexpr std::ptrdiff_t kKept = std::ptrdiff_t{64} << 20;

bool isBlank(std::string_view line) {
    return std::ranges::all_of(line, [](char c) { return text::isWhiteSpace(static_cast<unsigned char>(c)) && c > 0; });
}

}  // namespace

Documents::Documents(const std::string& file, Kind kind, std::string field)
    : m_file(file), m_kind(kind), m_field(std::move(field)), m_mapped(model::MappedFile::open(file)) {
    if (m_mapped->bytes().empty()) throw Error(file, "is empty");
    m_rest = {reinterpret_cast<const char*>(m_mapped->bytes().data()), m_mapped->bytes().size()};
    m_released = m_rest.data();
}

bool Documents::next(std::string_view& document) {
    if (m_kind == Kind::Whole) {
        document = std::exchange(m_rest, {});
        m_line = 1;
        return !document.empty();
    }
    while (!m_rest.empty()) {
        release(m_rest.data());
        const std::string_view line = nextLine();
        if (isBlank(line)) continue;
        document = m_kind == Kind::Records ? textOf(line) : line;
        if (!document.empty()) return true;
    }
    return false;
}

void Documents::release(const char* at) {
    if (at - m_released < kKept) return;
    m_mapped->releasePages();
    m_released = at;
}

std::string_view Documents::nextLine() {
    ++m_line;
    const std::size_t end = std::min(m_rest.find('\n'), m_rest.size());
    std::string_view line = m_rest.substr(0, end);
    m_rest.remove_prefix(std::min(end + 1, m_rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::string_view Documents::textOf(std::string_view record) {
    using nlohmann::json;
    if (record.size() > kLongestRecord) refuse(fmt::format("is longer than {} bytes", kLongestRecord));
    json object;
    try {
        object = json::parse(text::isUtf8(record) ? std::string(record) : text::replaceInvalid(record));
    } catch (const json::exception& error) {
        refuse(fmt::format("is not JSON: {}", report::toPlainUtf8(error.what())));
    }
    if (!object.is_object()) refuse("is not a JSON object");
    const auto value = object.find(m_field);
    if (value == object.end()) {
        std::string there;
        for (const auto& [key, ignored] : object.items()) {
            if (there.size() < 120) there += (there.empty() ? "" : ", ") + report::toPlainUtf8(key.substr(0, 40));
        }
        refuse(fmt::format("has no field \"{}\"; there are: {}", report::toPlainUtf8(m_field), there));
    }
    if (!value->is_string()) refuse(fmt::format("has a field \"{}\" that is not a text", report::toPlainUtf8(m_field)));
    m_text = value->get<std::string>();
    return m_text;
}

void Documents::refuse(const std::string& reason) const {
    throw Error(m_file, fmt::format("line {} {}", m_line, reason),
                "each line is a JSON object, and --field says which of its texts is read");
}

}  // namespace perfmamba::evaluate
