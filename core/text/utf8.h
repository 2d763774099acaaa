// UTF-8 as the tokenizers package gets it from Python: whole characters, whatever the file holds.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace perfmamba::text {

/// Bytes of the well-formed character (RFC 3629) at the begin of `text`, which is not empty; 0 where there is none.
std::size_t characterLength(std::string_view text);

/// Whether all of it is well-formed.
bool isUtf8(std::string_view text);

/// The text with each maximal part of a character that is not whole replaced by U+FFFD, as Python's
/// bytes.decode(errors="replace") does it (The Unicode Standard, 3.9, "Constraints on Conversion Processes").
std::string replaceInvalid(std::string_view text);

/// The character at the begin of `text`, which is well-formed and not empty.
char32_t characterAt(std::string_view text);

void append(std::string& text, char32_t character);

}  // namespace perfmamba::text
