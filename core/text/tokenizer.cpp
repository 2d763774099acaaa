#include "core/text/tokenizer.h"

#include <algorithm>
#include <array>
#include <deque>

#include <fmt/format.h>

#include "core/model/hash.h"
#include "core/model/json_file.h"
#include "core/model/mapped_file.h"
#include "core/text/byte_characters.h"
#include "core/text/cut.h"
#include "core/text/utf8.h"

namespace perfmamba::text {

std::unique_ptr<Tokenizer> Tokenizer::open(const std::filesystem::path& file) {
    const auto mapped = model::MappedFile::open(file);
    return parse({reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size()}, file.string());
}

std::unique_ptr<Tokenizer> Tokenizer::parse(std::string_view json, const std::string& name) {
    const nlohmann::json parsed = model::parseJsonObject(json, name);
    model::Hash hash;
    hash.add(std::as_bytes(std::span(json)));
    return std::unique_ptr<Tokenizer>(new Tokenizer(Part(parsed, name, ""), hash.text()));
}

Tokenizer::Tokenizer(const Part& file, std::string hash)
    : m_normalizer(file.has("normalizer") ? Normalizer(file.at("normalizer")) : Normalizer()),
      m_bpe(file.at("model")),
      m_added(file, m_bpe.vocabulary(), m_normalizer),
      m_pre_tokenizer(file.has("pre_tokenizer") ? PreTokenizer(file.at("pre_tokenizer")) : PreTokenizer()),
      m_hash(std::move(hash)) {
    if (file.has("post_processor")) readPostProcessor(file.at("post_processor"));
    findWhetherCuts();
}

void Tokenizer::readPostProcessor(const Part& part) {
    const std::string type = part.text("type");
    if (type == "Sequence") {
        for (const Part& each : part.list("processors")) readPostProcessor(each);
    } else if (type == "TemplateProcessing") {
        readTemplate(part);
    } else if (type != "ByteLevel") {  // which is about offsets only
        part.unknown(fmt::format("is a post-processor \"{}\"", type));
    }
}

void Tokenizer::readTemplate(const Part& part) {
    std::vector<std::int32_t> before;
    std::vector<std::int32_t> behind;
    bool seen = false;
    for (const Part& piece : part.list("single")) {
        if (piece.has("Sequence")) {
            if (seen) piece.unknown("has the text twice");
            seen = true;
            continue;
        }
        const Part special = part.at("special_tokens").at(piece.at("SpecialToken").text("id"));
        for (const Part& id : special.list("ids")) (seen ? behind : before).push_back(id.asId());
    }
    if (!seen) part.unknown("has a template without the text");
    m_begin.insert(m_begin.begin(), before.begin(), before.end());
    m_end.insert(m_end.end(), behind.begin(), behind.end());
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text) {
    std::vector<std::int32_t> ids = m_begin;
    append(text, ids);
    ids.insert(ids.end(), m_end.begin(), m_end.end());
    return ids;
}

void Tokenizer::append(std::string_view text, std::vector<std::int32_t>& ids, bool continues) {
    std::string valid;
    if (!isUtf8(text)) text = valid = replaceInvalid(text);
    bool first = true;
    for (const Stretch& stretch : m_added.split(text, false)) {
        if (stretch.id >= 0) {
            ids.push_back(stretch.id);
        } else {
            appendStretch(stretch.text, ids, first && !continues, first && continues);
        }
        first = false;
    }
}

/// @param first     it stands at the begin of the whole text
/// @param continues it goes on from a text that was cut
void Tokenizer::appendStretch(std::string_view text, std::vector<std::int32_t>& ids, bool first, bool continues) {
    const std::string normalized = m_normalizer.normalized(std::string(text), continues);
    std::vector<Word> words;
    std::deque<std::string> made;
    for (const Stretch& stretch : m_added.split(normalized, true)) {
        if (stretch.id >= 0) {
            ids.push_back(stretch.id);
        } else {
            words.assign(1, {stretch.text, first});
            m_pre_tokenizer.split(words, made);
            splitAtBoundaries(words);
            for (const Word& word : words) appendWord(word.text, ids);
            made.clear();
        }
        first = false;
    }
}

void Tokenizer::appendWord(std::string_view word, std::vector<std::int32_t>& ids) {
    if (const auto* known = m_cache.find(word)) {
        ids.insert(ids.end(), known->begin(), known->end());
        return;
    }
    const std::size_t before = ids.size();
    if (m_pre_tokenizer.bytes()) {
        m_bpe.encode(byteCharacters(word), ids);
    } else {
        m_bpe.encode(word, ids);
    }
    m_cache.add(word, std::span(ids).subspan(before));
}

/// Where no token reaches across the begin of a space, shorter words have the same tokens, sooner.
void Tokenizer::splitAtBoundaries(std::vector<Word>& words) const {
    const std::string space = m_pre_tokenizer.bytes() ? (m_bpe.boundary() == "Ġ" ? " " : "") : m_bpe.boundary();
    if (space.empty() || m_bpe.ignoresMerges()) return;
    std::vector<Word> out;
    for (const Word& word : words) {
        std::size_t begin = 0;
        for (std::size_t at = word.text.find(space); at != std::string_view::npos;) {
            const bool after_space = at >= space.size() && word.text.substr(at - space.size()).starts_with(space);
            if (at > begin && !after_space) {
                out.push_back({word.text.substr(begin, at - begin), false});
                begin = at;
            }
            at = word.text.find(space, at + space.size());
        }
        out.push_back({word.text.substr(begin), false});
    }
    words = std::move(out);
}

std::vector<std::string> Tokenizer::wordsOf(std::string_view text, bool continues) const {
    const std::string normalized = m_normalizer.normalized(std::string(text), continues);
    std::vector<Word> words = {{normalized, !continues}};
    std::deque<std::string> made;
    m_pre_tokenizer.split(words, made);
    splitAtBoundaries(words);
    std::vector<std::string> result;
    for (const Word& word : words) result.emplace_back(word.text);
    return result;
}

/// Tries cuts between what texts have on either side of a letter and the space after it.
void Tokenizer::findWhetherCuts() {
    static constexpr std::array kLeft = {"a", "The end", "it's", "x = f", "日本語", "été", "a  b\n\nc", "12 km"};
    static constexpr std::array kRight = {"b",   " b", "  b", "\n",  "\n\nb", "1", ".",
                                          "(x)", "'s", "語",  "\tb", "12",    "",  "$"};
    const auto cutsBefore = [this](const std::string& space) {
        for (const std::string left : kLeft) {
            for (const std::string right : kRight) {
                std::vector<std::string> apart = wordsOf(left, false);
                std::ranges::copy(wordsOf(space + right, true), std::back_inserter(apart));
                if (wordsOf(left + space + right, false) != apart) return false;
            }
        }
        return true;
    };
    m_cuts = m_normalizer.cuts() && m_added.cuts(m_normalizer.prepends()) && cutsBefore(" ");
    m_cuts_lines = m_cuts && cutsBefore("\n");
}

std::size_t Tokenizer::cut(std::string_view text) const {
    return m_cuts ? lastCut(text, m_cuts_lines) : 0;
}

std::int32_t Tokenizer::find(std::string_view token) const {
    if (const std::int32_t added = m_added.find(token); added >= 0) return added;
    const auto found = m_bpe.vocabulary().find(token);
    return found == m_bpe.vocabulary().end() ? -1 : found->second;
}

std::int64_t Tokenizer::size() const {
    return static_cast<std::int64_t>(m_bpe.vocabulary().size()) + m_added.outside(m_bpe.vocabulary());
}

}  // namespace perfmamba::text
