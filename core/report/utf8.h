// Whether bytes are UTF-8, and making them so. Names come from file systems, texts from files: neither is checked.
#pragma once

#include <string>
#include <string_view>

namespace perfmamba::report {

/// True for well-formed UTF-8 without control characters other than tab and newline, which a terminal would obey.
bool isPlainUtf8(std::string_view text);

/// The text with what isPlainUtf8 objects to replaced by U+FFFD.
std::string toPlainUtf8(std::string_view text);

/// Columns that the text takes on a terminal: its code points. Our own tables need no more.
std::size_t columns(std::string_view text);

}  // namespace perfmamba::report
