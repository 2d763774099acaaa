#include "core/evaluate/last_words.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/evaluate/documents.h"
#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::evaluate {
namespace {

using Tokens = std::vector<std::int32_t>;

constexpr std::size_t kLongestPassage = std::size_t{1} << 16U;

/// Where the last word's space stands; npos: there is but one word.
std::size_t lastSpace(std::string_view& passage) {
    while (!passage.empty() && std::string_view(" \t\r\n").find(passage.back()) != std::string_view::npos) {
        passage.remove_suffix(1);
    }
    const std::size_t space = passage.rfind(' ');
    return space == 0 ? std::string_view::npos : space;
}

}  // namespace

void readLastWords(const TokenRequest& request, const Encoding& encoding, std::int64_t vocab, TokenSet& set) {
    const bool records = holdsRecords(request);
    const std::string field = request.field.empty() ? "text" : request.field;
    Documents documents(request.source, records ? Documents::Kind::Records : Documents::Kind::Lines, field);
    std::size_t longest = 0;
    std::string_view passage;
    while ((request.sequences == 0 || std::ssize(set.sequences) < request.sequences) && documents.next(passage)) {
        const auto refuse = [&](const std::string& reason) {
            throw Error(request.source, fmt::format("line {} {}", documents.line(), reason),
                        "each line is a passage, and its last word is what is predicted");
        };
        const std::size_t space = lastSpace(passage);
        if (space == std::string_view::npos) refuse("has no word before its last");
        if (passage.size() > 8 * kLongestPassage) refuse("is too long");
        Tokens tokens = encoding.opened(passage);
        const std::size_t known = encoding.opened(passage.substr(0, space)).size();
        if (known == 0 || tokens.size() <= known) refuse("has a last word that is no token of its own");
        if (tokens.size() > kLongestPassage) refuse(fmt::format("has {} tokens", tokens.size()));
        const auto strange = std::ranges::find_if(tokens, [vocab](std::int32_t id) { return id >= vocab; });
        if (strange != tokens.end()) {
            refuse(fmt::format("makes the token {}, and the model's vocabulary has {}", *strange, vocab));
        }
        Tokens wanted(tokens.size(), -1);
        for (std::size_t i = known; i < tokens.size(); ++i) wanted[i - 1] = tokens[i];
        longest = std::max(longest, tokens.size());
        set.sequences.push_back(std::move(tokens));
        set.targets.push_back(std::move(wanted));
        if (static_cast<std::int64_t>(longest * set.sequences.size()) > kMostTokens) {
            refuse(fmt::format("is more than the {} tokens that are held; ask for fewer sequences", kMostTokens));
        }
    }
    if (set.sequences.empty()) throw Error(request.source, "holds no passages");
    set.length = static_cast<std::int64_t>(longest);
    for (Tokens& tokens : set.sequences) tokens.resize(longest, 0);
    for (Tokens& wanted : set.targets) wanted.resize(longest, -1);
    set.last_word = true;
    set.description += fmt::format("the last words of {} lines of up to {} tokens", set.sequences.size(), set.length);
    set.made = fmt::format(
        "{}; each line{} a document{}; scored: the last word's tokens, given all before them; "
        "shorter lines are filled up behind",
        encoding.inWords(), records ? fmt::format("'s field \"{}\"", report::toPlainUtf8(field)) : "",
        encoding.tokenizer && !encoding.tokenizer->begin().empty() ? ", with the tokenizer's special tokens before it"
                                                                   : "");
}

}  // namespace perfmamba::evaluate
