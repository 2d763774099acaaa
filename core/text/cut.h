// Where a long text is taken apart, to be tokenized piece by piece: between a letter and a space or line feed.
#pragma once

#include <cstddef>
#include <string_view>

namespace perfmamba::text {

/// Whether the text, UTF-8, ends in a letter (general category L).
bool endsInLetter(std::string_view text);

/// Whether a letter is followed by a space, a line feed, or by what tokenizers write a space as ("▁", "Ġ").
bool hasCut(std::string_view text);

/// The last place to cut at, before a space or, with `lines`, a line feed; 0: there is none.
std::size_t lastCut(std::string_view text, bool lines);

}  // namespace perfmamba::text
