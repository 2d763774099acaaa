#include "tests/fuzz/tokenizer_targets.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/evaluate/last_words.h"
#include "core/evaluate/token_source.h"
#include "kernels/error.h"
#include "tests/support/small_tokenizer.h"

namespace perfmamba::fuzz {
namespace {

constexpr std::int64_t kVocab = 65;

constexpr std::string_view kTexts[] = {"",
                                       " ",
                                       "the cat the cat.",
                                       "it's 12345 x\u00b2\u0301 \u6f22\u5b57\u3000\n\n\t a  b",
                                       "<|endoftext|><s> word\xff\xe2\x82",
                                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"};

/// A file of the process's own, written anew for every input.
class ScratchFile {
public:
    explicit ScratchFile(const char* ending) {
        m_path = std::filesystem::temp_directory_path() / ("perfmamba-fuzz-" + std::to_string(::getpid()) + ending);
    }
    ~ScratchFile() { std::filesystem::remove(m_path); }
    ScratchFile(const ScratchFile&) = delete;
    ScratchFile& operator=(const ScratchFile&) = delete;

    evaluate::TokenRequest write(std::string_view bytes) const {
        std::ofstream(m_path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        evaluate::TokenRequest request;
        request.source = m_path.string();
        return request;
    }

private:
    std::filesystem::path m_path;
};

evaluate::Encoding& small() {
    static evaluate::Encoding encoding{text::Tokenizer::parse(tests::smallTokenizer().dump(), "small"), false};
    return encoding;
}

/// Reads all tokens, which must be ids of the vocabulary.
void readAll(const evaluate::TokenRequest& request) {
    try {
        const auto source = evaluate::openSource(request, small(), kVocab);
        std::vector<std::int32_t> tokens;
        while (source->read(tokens)) {
        }
        (void)source->made();
        for (const std::int32_t id : tokens) {
            if (id < 0 || id >= kVocab) std::abort();
        }
    } catch (const Error&) {
        // As it should be.
    }
}

}  // namespace

void readTokenizer(std::string_view bytes) {
    try {
        const auto tokenizer = text::Tokenizer::parse(bytes, "fuzzed");
        for (const std::string_view text : kTexts) {
            for (const std::int32_t id : tokenizer->encode(text)) {
                if (id < 0) std::abort();
            }
            if (tokenizer->cut(text) > text.size()) std::abort();
        }
    } catch (const Error&) {
        // As it should be.
    }
}

void readRecords(std::string_view bytes) {
    static const ScratchFile file(".jsonl");
    evaluate::TokenRequest request = file.write(bytes);
    readAll(request);
    request.join = " and ";
    readAll(request);
}

void readPassages(std::string_view bytes) {
    static const ScratchFile file(".txt");
    try {
        evaluate::TokenSet set;
        evaluate::readLastWords(file.write(bytes), small(), kVocab, set);
        if (set.sequences.size() != set.targets.size()) std::abort();
    } catch (const Error&) {
        // As it should be.
    }
}

void readNpy(std::string_view bytes) {
    static const ScratchFile file(".npy");
    readAll(file.write(bytes));
}

void readBin(std::string_view bytes) {
    static const ScratchFile file(".bin");
    readAll(file.write(bytes));
}

void readDecimal(std::string_view bytes) {
    static const ScratchFile file(".ids");
    readAll(file.write(bytes));
}

}  // namespace perfmamba::fuzz
