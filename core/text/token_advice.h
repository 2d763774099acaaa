// What is always left to do where a tokenizer cannot be read.
#pragma once

namespace perfmamba::text {

inline constexpr const char* kGiveTokens =
    "tokenize the text with the tokenizers package and give its ids: a file .npy, .bin, .h5 or .ids";

}  // namespace perfmamba::text
