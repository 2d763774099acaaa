// Looks keys up in a model's JSON, with errors that name file and key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace perfmamba::model {

/// A view of an object and its file's name, which must outlive it. A key that is null counts as absent. Everything
/// throws Error for a value that is missing, not of its type, or out of range.
class Keys {
public:
    // Larger than any model's; small enough that products of two stay far from overflow.
    static constexpr std::int64_t kMaxExtent = std::int64_t{1} << 28;

    Keys(const nlohmann::json& json, const std::filesystem::path& file) : m_json(json), m_file(file) {}

    [[nodiscard]] const std::filesystem::path& file() const { return m_file; }
    [[noreturn]] void fail(const std::string& reason, const std::string& advice = {}) const;

    [[nodiscard]] bool has(const char* key) const { return m_json.contains(key) && !m_json[key].is_null(); }
    /// Of a key that is there.
    [[nodiscard]] const nlohmann::json& operator[](const char* key) const { return m_json[key]; }

    [[nodiscard]] std::int64_t extent(const char* key) const;
    [[nodiscard]] std::int64_t extent(const char* key, std::int64_t otherwise) const;
    [[nodiscard]] bool flag(const char* key, bool otherwise) const;
    [[nodiscard]] std::string text(const char* key, const std::string& otherwise) const;
    [[nodiscard]] double number(const char* key, double otherwise) const;
    [[nodiscard]] double number(const char* key, const nlohmann::json& value) const;
    /// A list of `count` lists of `inner` extents that may be 0; with `flat` a list of `count` extents.
    [[nodiscard]] std::vector<std::vector<std::int64_t>> sizes(const char* key, std::int64_t count, std::int64_t inner,
                                                               bool flat) const;

private:
    [[nodiscard]] std::int64_t integer(const char* key, const nlohmann::json& value, std::int64_t least) const;
    void requireList(const char* key, const nlohmann::json& value, std::int64_t count) const;

    const nlohmann::json& m_json;
    const std::filesystem::path& m_file;
};

}  // namespace perfmamba::model
