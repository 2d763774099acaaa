// Where the tokens of a file come from: read a little at a time, whatever the file's size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/evaluate/tokens.h"
#include "core/text/tokenizer.h"

namespace perfmamba::evaluate {

/// Tokens of one file, from front to back.
class TokenSource {
public:
    TokenSource() = default;
    TokenSource(const TokenSource&) = delete;
    TokenSource& operator=(const TokenSource&) = delete;
    virtual ~TokenSource() = default;

    /// Appends some more. False: there were none left.
    virtual bool read(std::vector<std::int32_t>& tokens) = 0;
    /// How what was read until now became tokens, in words: "token ids, u16".
    [[nodiscard]] virtual std::string made() const = 0;
    /// Bytes of text a token stands for, the mean of what was read; 0: not known.
    [[nodiscard]] virtual double bytesPerToken() const { return 0; }
    /// Tokens of a sequence by the file itself; 0: it does not say.
    [[nodiscard]] virtual std::int64_t length() const { return 0; }
};

/// What turns a model's texts into tokens.
struct Encoding {
    std::unique_ptr<text::Tokenizer> tokenizer;  // null: a token is a byte, or nothing does (neither)
    bool bytes = false;

    [[nodiscard]] bool reads() const { return bytes || tokenizer != nullptr; }
    /// "tokenizer.json, 50277 tokens, hash 0123456789abcdef" or "bytes".
    [[nodiscard]] std::string inWords() const;
    /// Appends a text's own tokens. @param continues as of Tokenizer::append()
    void append(std::string_view text, std::vector<std::int32_t>& tokens, bool continues) const;
    /// As Tokenizer::cut(); bytes may be cut everywhere.
    [[nodiscard]] std::size_t cut(std::string_view text) const;
    /// A whole text's, with what the tokenizer puts before it, and without what it puts behind.
    [[nodiscard]] std::vector<std::int32_t> opened(std::string_view text) const;
};

/// Bytes where the model's tokens are bytes, otherwise the tokenizer.json in its folder. Throws Error for one that
/// cannot be used.
Encoding encodingOf(const model::Checkpoint& checkpoint);

/// Opens the file of a request. Its name says what it holds: token ids (.ids in decimal, .npy, .bin, .h5, .hdf5),
/// records (.jsonl, .ndjson, or where the request names a field), or text. The encoding must outlive it. Throws Error.
std::unique_ptr<TokenSource> openSource(const TokenRequest& request, const Encoding& encoding, std::int64_t vocab);

// The parts of openSource() -----------------------------------------------------------------------------------------

std::unique_ptr<TokenSource> openDecimal(const TokenRequest& request, bool text_was_meant, std::int64_t vocab);
/// .npy, .bin, .h5 or .hdf5.
std::unique_ptr<TokenSource> openArray(const TokenRequest& request, std::int64_t vocab);
std::unique_ptr<TokenSource> openText(const TokenRequest& request, const Encoding& encoding, std::int64_t vocab);

/// Whether the name, or a field asked for, says that the file's lines are JSON objects.
bool holdsRecords(const TokenRequest& request);
/// Whether the file's name says that it holds token ids.
bool holdsIds(const std::filesystem::path& path);

/// The Error of an id that the model does not know.
[[noreturn]] void refuseId(const std::string& file, std::uint64_t id, const std::string& place, std::int64_t vocab);

}  // namespace perfmamba::evaluate
