#include "core/model/gguf_tokenizer.h"

#include <fstream>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "core/model/json_file.h"
#include "kernels/error.h"

namespace perfmamba::model {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uintmax_t kLargest = std::uintmax_t{64} << 20U;

/// llama.cpp's types of tokens.
enum TokenType : std::int32_t { kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5 };

json readJson(const fs::path& file) {
    std::error_code code;
    if (fs::file_size(file, code) > kLargest) throw Error(file.string(), "is too large for what it should be");
    std::ifstream stream(file, std::ios::binary);
    return parseJsonObject(std::string{std::istreambuf_iterator<char>(stream), {}}, file);
}

/// The value at that path of keys; null where there is none.
const json& at(const json& object, std::initializer_list<const char*> keys) {
    static const json kNull;
    const json* value = &object;
    for (const char* key : keys) {
        if (!value->is_object() || !value->contains(key)) return kNull;
        value = &(*value)[key];
    }
    return *value;
}

bool contains(const json& value, const char* key, std::string_view text) {
    if (value.is_object() && value.contains(key) && value[key] == text) return true;
    if (!value.is_structured()) return false;
    for (const json& member : value) {
        if (contains(member, key, text)) return true;
    }
    return false;
}

/// llama.cpp's name for how text is divided before the merges; nothing for a way it would have to be taught.
std::optional<std::string> preTokenizer(const json& tokenizer) {
    const json& pre = at(tokenizer, {"pre_tokenizer"});
    if (at(pre, {"type"}) == "ByteLevel" && at(pre, {"use_regex"}) != false) return "mpt";  // GPT-NeoX, as GPT-2
    if (at(pre, {"type"}) == "Sequence" && contains(pre, "type", "Punctuation") && contains(pre, "type", "Digits") &&
        contains(pre, "type", "ByteLevel")) {
        return "falcon";
    }
    return std::nullopt;
}

struct Vocabulary {
    std::vector<std::string> tokens;
    std::vector<std::int32_t> types;
    std::vector<std::string> merges;
};

class TokenizerFile {
public:
    TokenizerFile(const fs::path& file, const json& parsed, std::int64_t rows)
        : m_file(file), m_json(parsed), m_rows(rows) {}

    [[nodiscard]] Vocabulary read() const {
        Vocabulary result;
        result.tokens.resize(static_cast<std::size_t>(m_rows));
        result.types.assign(static_cast<std::size_t>(m_rows), kUnused);
        const json& vocab = at(m_json, {"model", "vocab"});
        if (!vocab.is_object()) fail("holds no model.vocab");
        for (const auto& [token, id] : vocab.items()) set(result, id, token, kNormal);
        for (const json& added : at(m_json, {"added_tokens"})) {
            const json& content = at(added, {"content"});
            if (!content.is_string()) fail("holds an added token without content");
            set(result, at(added, {"id"}), content.get<std::string>(),
                at(added, {"special"}) == true ? kControl : kUserDefined);
        }
        for (std::size_t i = 0; i < result.tokens.size(); ++i) {
            if (result.types[i] == kUnused) result.tokens[i] = fmt::format("[PAD{}]", i);
        }
        for (const json& merge : at(m_json, {"model", "merges"})) result.merges.push_back(mergeText(merge));
        return result;
    }

private:
    [[noreturn]] void fail(const std::string& reason) const { throw Error(m_file.string(), reason); }

    void set(Vocabulary& result, const json& id, const std::string& token, TokenType type) const {
        if (!id.is_number_integer() || id.get<std::int64_t>() < 0) fail("holds a token without a number");
        const auto index = id.get<std::int64_t>();
        if (index >= m_rows) {
            fail(fmt::format("holds a token of number {}, but the embedding has {} rows", index, m_rows));
        }
        result.tokens[static_cast<std::size_t>(index)] = token;
        result.types[static_cast<std::size_t>(index)] = type;
    }

    /// "a b", or ["a", "b"] as newer versions write it.
    [[nodiscard]] std::string mergeText(const json& merge) const {
        if (merge.is_string()) return merge.get<std::string>();
        if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string()) {
            fail("holds a merge that is not of two tokens");
        }
        return merge[0].get<std::string>() + " " + merge[1].get<std::string>();
    }

    const fs::path& m_file;
    const json& m_json;
    std::int64_t m_rows;
};

/// Numbers of the special tokens, from config.json.
void addSpecialTokens(GgufMetadata& metadata, const fs::path& folder, std::int64_t rows) {
    const fs::path file = folder / "config.json";
    if (!fs::exists(file)) return;
    const json config = readJson(file);
    for (const auto& [ours, theirs] : {std::pair{"bos_token_id", "tokenizer.ggml.bos_token_id"},
                                       {"eos_token_id", "tokenizer.ggml.eos_token_id"},
                                       {"pad_token_id", "tokenizer.ggml.padding_token_id"}}) {
        const json& id = at(config, {ours});
        if (id.is_number_unsigned() && id.get<std::uint64_t>() < static_cast<std::uint64_t>(rows)) {
            metadata.add(theirs, id.get<std::uint32_t>());
        }
    }
}

std::string addNone(GgufMetadata& metadata, const std::string& why) {
    metadata.add("tokenizer.ggml.model", "none");
    return why + ": llama.cpp can be given numbers of tokens, but no text";
}

}  // namespace

std::string addTokenizer(GgufMetadata& metadata, const fs::path& folder, std::int64_t rows) {
    const fs::path file = folder / "tokenizer.json";
    if (!fs::exists(file)) return addNone(metadata, "the model's folder holds no tokenizer.json");
    const json tokenizer = readJson(file);
    const std::optional<std::string> pre = preTokenizer(tokenizer);
    if (at(tokenizer, {"model", "type"}) != "BPE" || !pre) {
        return addNone(metadata, "the model's tokenizer.json is of a kind that is not carried over to GGUF");
    }
    const Vocabulary vocabulary = TokenizerFile(file, tokenizer, rows).read();
    metadata.add("tokenizer.ggml.model", "gpt2");
    metadata.add("tokenizer.ggml.pre", *pre);
    metadata.add("tokenizer.ggml.tokens", vocabulary.tokens);
    metadata.add("tokenizer.ggml.token_type", vocabulary.types);
    metadata.add("tokenizer.ggml.merges", vocabulary.merges);
    addSpecialTokens(metadata, folder, rows);
    metadata.add("tokenizer.ggml.add_bos_token", false);
    return {};
}

}  // namespace perfmamba::model
