#include "core/evaluate/tokens.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "core/evaluate/generate.h"
#include "core/evaluate/last_words.h"
#include "core/evaluate/token_source.h"
#include "core/model/hash.h"
#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::evaluate {
namespace {

using Tokens = std::vector<std::int32_t>;

bool isGenerated(const TokenSet& set) {
    return set.source == "task" || set.source == "random";
}

void checkNumbers(const TokenRequest& request) {
    // A window of one token predicts nothing.
    if (request.length < 0 || request.length == 1) {
        throw Error("window", fmt::format("{} tokens are too few", request.length), "a window has at least 2");
    }
    if (request.sequences < 0) throw Error("sequences", fmt::format("{} is below 0", request.sequences));
    if (request.last_word && (request.source == "task" || request.source == "random")) {
        throw Error("last words", "what is generated has no words", "give a text");
    }
}

void checkAmount(std::int64_t length, std::int64_t count) {
    if (count <= kMostTokens / length) return;
    throw Error("sequences", fmt::format("{} sequences of {} tokens are too many", count, length),
                fmt::format("at most {} tokens are generated", kMostTokens));
}

TokenSet loadTask(const TokenRequest& request, const model::Checkpoint& checkpoint) {
    const std::optional<RecallTask> task = recallTask(checkpoint);
    if (!task) throw Error(checkpoint.folder().string(), kNoTask, "give a text, or random");
    if (request.length != 0 && request.length != task->length) {
        throw Error("window", fmt::format("{} tokens, but the model's task has {}", request.length, task->length),
                    "leave it out");
    }
    const std::int64_t count = request.sequences == 0 ? kRecallSequences : request.sequences;
    checkAmount(task->length, count);
    return generateRecall(*task, count, request.seed);
}

TokenSet loadRandom(const TokenRequest& request, const model::Checkpoint& checkpoint) {
    const std::int64_t length = request.length == 0 ? kRandomLength : request.length;
    const std::int64_t count = request.sequences == 0 ? kRandomSequences : request.sequences;
    checkAmount(length, count);
    TokenSet set = generateRandom(checkpoint.config().vocab_size, length, count, request.seed);
    set.bytes_per_token = tokensAreBytes(checkpoint) ? 1 : 0;
    return set;
}

/// A set of sequences of a file, without any.
TokenSet fileSet(const TokenRequest& request) {
    TokenSet set;
    set.source = std::filesystem::canonical(request.source).string();
    set.description = report::toPlainUtf8(std::filesystem::path(request.source).filename().string()) + ": ";
    return set;
}

/// Cuts the file's tokens into windows.
TokenSet loadWindows(const TokenRequest& request, const Encoding& encoding, std::int64_t vocab) {
    const std::unique_ptr<TokenSource> source = openSource(request, encoding, vocab);
    TokenSet set = fileSet(request);
    set.length = request.length != 0 ? request.length : source->length() != 0 ? source->length() : kWindow;
    if (set.length > kMostTokens) throw Error("window", fmt::format("at most {} tokens are held", kMostTokens));
    const std::int64_t most = kMostTokens / set.length;
    const std::int64_t wanted = request.sequences == 0 ? most : std::min(most, request.sequences);
    Tokens tokens;
    std::int64_t have = 0;
    while (std::ssize(set.sequences) < wanted && source->read(tokens)) {
        auto at = tokens.begin();
        for (; tokens.end() - at >= set.length && std::ssize(set.sequences) < wanted; at += set.length) {
            set.sequences.emplace_back(at, at + set.length);
        }
        have += at - tokens.begin();
        tokens.erase(tokens.begin(), at);
    }
    have += std::ssize(tokens);
    if (have == 0) throw Error(request.source, "holds no tokens");
    const auto windows = std::ssize(set.sequences);
    if (windows == 0) {
        throw Error(request.source,
                    fmt::format("holds {} tokens, which is shorter than a window of {} tokens", have, set.length),
                    "give a longer text, or a smaller window");
    }
    set.description += fmt::format("{} window{} of {} tokens", windows, windows == 1 ? "" : "s", set.length);
    set.made = fmt::format(
        "{}; windows of {} tokens that do not overlap (stride {}), each from an empty state, its first "
        "token not predicted",
        source->made(), set.length, set.length);
    if (windows == most && request.sequences == 0)
        set.made += fmt::format("; at most {} tokens are taken", kMostTokens);
    set.bytes_per_token = encoding.bytes ? 1 : source->bytesPerToken();
    return set;
}

TokenSet loadLastWords(const TokenRequest& request, const Encoding& encoding, std::int64_t vocab) {
    if (holdsIds(request.source) || !encoding.reads()) {
        throw Error(request.source, "the last words of its lines can only be known of a text",
                    encoding.reads() ? "give a text, or records with --field"
                                     : "put the model's tokenizer.json into its folder");
    }
    if (request.length != 0) throw Error("window", "a line's last word is judged on the whole line", "leave it out");
    TokenSet set = fileSet(request);
    readLastWords(request, encoding, vocab, set);
    return set;
}

TokenSet loadFile(const TokenRequest& request, const model::Checkpoint& checkpoint) {
    const std::int64_t vocab = checkpoint.config().vocab_size;
    // Ids need no tokenizer, not even one that could be read.
    if (holdsIds(request.source) && !request.last_word) {
        Encoding none;
        none.bytes = tokensAreBytes(checkpoint);
        return loadWindows(request, none, vocab);
    }
    const Encoding encoding = encodingOf(checkpoint);
    return request.last_word ? loadLastWords(request, encoding, vocab) : loadWindows(request, encoding, vocab);
}

Tokens joined(const TokenSet& set) {
    Tokens all;
    for (const Tokens& sequence : set.sequences) all.insert(all.end(), sequence.begin(), sequence.end());
    return all;
}

/// A hash of `length` tokens that moves on by a token at a time (Karp and Rabin 1987), modulo 2⁶⁴.
class RollingHash {
public:
    explicit RollingHash(std::size_t length) : m_length(length) {
        for (std::size_t i = 0; i < length; ++i) m_leaving *= kBase;
    }
    /// Takes in `tokens[at]`, and lets go of the token `length` before it.
    std::uint64_t move(const Tokens& tokens, std::size_t at) {
        m_value = m_value * kBase + digit(tokens[at]);
        if (at >= m_length) m_value -= m_leaving * digit(tokens[at - m_length]);
        return m_value;
    }

private:
    static constexpr std::uint64_t kBase = 0x9e3779b97f4a7c15ULL;
    static std::uint64_t digit(std::int32_t token) { return static_cast<std::uint64_t>(token) + 1; }

    std::size_t m_length;
    std::uint64_t m_leaving = 1;
    std::uint64_t m_value = 0;
};

/// Whether a passage of `length` tokens of `a`, counted off from its beginning, stands anywhere in `b`.
bool sharePassage(const Tokens& a, const Tokens& b, std::size_t length) {
    std::unordered_map<std::uint64_t, std::size_t> passages;  // hash, end
    RollingHash hash(length);
    for (std::size_t i = 0; i < a.size(); ++i) {
        const std::uint64_t value = hash.move(a, i);
        if ((i + 1) % length == 0) passages.emplace(value, i + 1);
    }
    hash = RollingHash(length);
    for (std::size_t i = 0; i < b.size(); ++i) {
        const std::uint64_t value = hash.move(b, i);
        if (i + 1 < length) continue;
        const auto found = passages.find(value);
        if (found == passages.end()) continue;
        const auto passage = a.begin() + static_cast<std::ptrdiff_t>(found->second - length);
        if (std::equal(passage, passage + static_cast<std::ptrdiff_t>(length),
                       b.begin() + static_cast<std::ptrdiff_t>(i + 1 - length))) {
            return true;
        }
    }
    return false;
}

}  // namespace

TokenSet load(const TokenRequest& request, const model::Checkpoint& checkpoint) {
    checkNumbers(request);
    TokenSet set;
    if (request.source == "task") {
        set = loadTask(request, checkpoint);
    } else if (request.source == "random") {
        set = loadRandom(request, checkpoint);
    } else {
        set = loadFile(request, checkpoint);
    }
    model::Hash hash;
    for (const Tokens& sequence : set.sequences) hash.add(std::as_bytes(std::span(sequence)));
    if (set.last_word) {
        for (const Tokens& wanted : set.targets) hash.add(std::as_bytes(std::span(wanted)));
    }
    set.hash = hash.text();
    return set;
}

void checkApart(const TokenSet& calibration, const TokenSet& evaluation) {
    const auto refuse = [&](const std::string& reason, const std::string& advice) {
        throw Error("calibration",
                    fmt::format("{} ({} and {})", reason, calibration.description, evaluation.description), advice);
    };
    const bool generated = isGenerated(calibration) && calibration.source == evaluation.source;
    if (generated && calibration.seed == evaluation.seed) {
        refuse("has the seed of the evaluation", "choose another seed");
    }
    const char* another_text = "calibrate on another text";
    if (calibration.hash == evaluation.hash) refuse("has the tokens of the evaluation", "choose others");
    if (isGenerated(calibration) || isGenerated(evaluation)) return;
    if (calibration.source == evaluation.source) refuse("is the text of the evaluation", another_text);
    const std::int64_t window = std::min(calibration.length, evaluation.length);
    const auto passage = static_cast<std::size_t>(std::max(window, kPassage));
    if (sharePassage(joined(calibration), joined(evaluation), passage)) {
        refuse(fmt::format("shares a passage of {} tokens with the evaluation", passage), another_text);
    }
}

}  // namespace perfmamba::evaluate
