// The documents of a file: the whole text, its lines, or a field of each of its lines' records.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "core/model/mapped_file.h"

namespace perfmamba::evaluate {

/// From front to back. What was passed is taken out of memory again.
class Documents {
public:
    enum class Kind { Whole, Lines, Records };
    /// @param field of records
    /// Throws Error: no such file, or an empty one.
    Documents(const std::string& file, Kind kind, std::string field);

    /// The next document; false: there is none. Lines and records that hold nothing are passed over. The view holds
    /// until the next call. Throws Error naming the line for a record that is no JSON object or lacks the field.
    bool next(std::string_view& document);
    /// Of the document, from 1.
    [[nodiscard]] std::size_t line() const { return m_line; }
    /// Takes out of memory what lies before `at`, a place in the file.
    void release(const char* at);

private:
    std::string_view nextLine();
    std::string_view textOf(std::string_view record);
    [[noreturn]] void refuse(const std::string& reason) const;

    std::string m_file;
    Kind m_kind;
    std::string m_field;
    std::shared_ptr<const model::MappedFile> m_mapped;
    std::string_view m_rest;
    const char* m_released = nullptr;
    std::size_t m_line = 0;
    std::string m_text;  // of a record
};

}  // namespace perfmamba::evaluate
