// A part of a tokenizer.json, with errors that name the file and the place in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace perfmamba::text {

/// A value of the file and where it stands ("pre_tokenizer.pretokenizers[1]"). The file's JSON must outlive it.
class Part {
public:
    Part(const nlohmann::json& value, std::string file, std::string place)
        : m_value(&value), m_file(std::move(file)), m_place(std::move(place)) {}

    [[nodiscard]] const nlohmann::json& json() const { return *m_value; }
    /// "FILE: PLACE": what errors are about.
    [[nodiscard]] std::string subject() const { return m_file + ": " + m_place; }

    /// Whether the member is there and not null.
    [[nodiscard]] bool has(const std::string& key) const;
    /// A member; throws Error where it is not there.
    [[nodiscard]] Part at(const std::string& key) const;
    /// The elements of a member that is a list.
    [[nodiscard]] std::vector<Part> list(const std::string& key) const;

    /// Throw Error where the member is of another kind; without a fallback, where it is not there.
    [[nodiscard]] std::string text(const std::string& key) const;
    [[nodiscard]] std::string text(const std::string& key, const std::string& fallback) const;
    [[nodiscard]] bool flag(const std::string& key, bool fallback) const;
    /// A token's id: 0 … 2³¹ − 1.
    [[nodiscard]] std::int32_t id(const std::string& key) const;
    [[nodiscard]] std::int32_t asId() const;

    /// Throws Error: what is wrong with this part.
    [[noreturn]] void fail(const std::string& reason) const;
    /// Throws Error: this program does not know that kind of part, and what to do.
    [[noreturn]] void unknown(const std::string& what) const;

private:
    const nlohmann::json* m_value;
    std::string m_file;
    std::string m_place;
};

}  // namespace perfmamba::text
