// A model's vocabulary as llama.cpp wants to have it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/model/gguf_writer.h"

namespace perfmamba::model {

/// Adds the keys "tokenizer.ggml.…" for the folder's tokenizer.json: byte-level BPE with the pattern of GPT-2 or of
/// Falcon, filled up to `rows` tokens, the embedding's. Where there is no such tokenizer, llama.cpp is told that there
/// is none. Returns why the vocabulary is left out, for people; empty where it is not. Throws Error for a
/// tokenizer.json that is broken.
std::string addTokenizer(GgufMetadata& metadata, const std::filesystem::path& folder, std::int64_t rows);

}  // namespace perfmamba::model
