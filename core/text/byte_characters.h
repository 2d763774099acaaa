// The characters that byte-level tokenizers write bytes as (Radford et al. 2019, GPT-2's encoder.py): printable bytes
// of Latin-1 as themselves, the others as U+0100 and on.
#pragma once

#include <string>
#include <string_view>

namespace perfmamba::text {

/// The text with each byte written as its character.
std::string byteCharacters(std::string_view bytes);

}  // namespace perfmamba::text
