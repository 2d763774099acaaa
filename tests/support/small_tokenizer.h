// A tokenizer.json small enough to be read, and to be spoilt.
#pragma once

#include <nlohmann/json.hpp>

namespace perfmamba::tests {

/// Byte-level: 0 "<|endoftext|>" (added), 1 … 26 the letters, 27 "Ġ", 28 "Ċ", 29 ".", 30 "th", 31 "Ġth", 32 "Ġthe",
/// 33 "Ġcat". Other bytes are left out.
inline nlohmann::json smallTokenizer() {
    nlohmann::json vocab;
    vocab["<|endoftext|>"] = 0;
    for (int i = 0; i < 26; ++i) vocab[std::string(1, static_cast<char>('a' + i))] = 1 + i;
    vocab["Ġ"] = 27;
    vocab["Ċ"] = 28;
    vocab["."] = 29;
    vocab["th"] = 30;
    vocab["Ġth"] = 31;
    vocab["Ġthe"] = 32;
    vocab["Ġc"] = 34;
    vocab["Ġca"] = 35;
    vocab["Ġcat"] = 33;
    nlohmann::json file;
    file["version"] = "1.0";
    file["added_tokens"] = {{{"id", 0}, {"content", "<|endoftext|>"}, {"special", true}, {"normalized", false}}};
    file["normalizer"] = {{"type", "NFC"}};
    file["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}};
    file["post_processor"] = {{"type", "ByteLevel"}};
    file["model"] = {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"t h", "Ġ th", "Ġth e", "Ġ c", "Ġc a", "Ġca t"}}};
    return file;
}

}  // namespace perfmamba::tests
