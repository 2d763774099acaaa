// What a hostile file may do to the readers of texts: be refused with an Error, nothing else. For libFuzzer
// (tokenizer_libfuzzer.cpp) and for the ordinary tests (test_tokenizer_fuzz.cpp).
#pragma once

#include <string>
#include <string_view>

namespace perfmamba::fuzz {

/// The bytes as a tokenizer.json, with some texts.
void readTokenizer(std::string_view bytes);
/// The bytes as lines of JSON.
void readRecords(std::string_view bytes);
/// The bytes as lines whose last words are asked for.
void readPassages(std::string_view bytes);
void readNpy(std::string_view bytes);
void readBin(std::string_view bytes);
void readDecimal(std::string_view bytes);

}  // namespace perfmamba::fuzz
