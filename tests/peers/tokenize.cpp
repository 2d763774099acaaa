// tokenize TOKENIZER.json RECORDS: prints the token ids of each text, a line each, for make_tokenizers.py. RECORDS
// holds for each text its length (u32, little-endian) and its bytes.
// tokenize TOKENIZER.json --time TEXT: how fast the text is tokenized, piece by piece.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>

#include "core/model/mapped_file.h"
#include "core/text/tokenizer.h"

using namespace perfmamba;

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

void printIds(text::Tokenizer& tokenizer, std::string_view records) {
    while (records.size() >= 4) {
        std::uint32_t size = 0;
        std::memcpy(&size, records.data(), sizeof(size));
        for (const std::int32_t id : tokenizer.encode(records.substr(4, size))) std::printf("%d ", id);
        std::printf("\n");
        records.remove_prefix(4 + size);
    }
}

void time(text::Tokenizer& tokenizer, std::string_view text) {
    constexpr std::size_t kPiece = std::size_t{256} << 10U;
    const std::size_t all = text.size();
    std::size_t tokens = 0;
    const Clock::time_point begin = Clock::now();
    while (!text.empty()) {
        const std::size_t cut = text.size() > kPiece ? tokenizer.cut(text.substr(0, kPiece)) : text.size();
        if (cut == 0) throw std::runtime_error("the text cannot be cut");
        std::vector<std::int32_t> ids;
        tokenizer.append(text.substr(0, cut), ids, text.size() < all);
        tokens += ids.size();
        text.remove_prefix(cut);
    }
    const double seconds = secondsSince(begin);
    std::printf("%zu bytes, %zu tokens, %.3f s, %.1f MB/s\n", all, tokens, seconds,
                static_cast<double>(all) / seconds / 1e6);
}

}  // namespace

int main(int argc, char** argv) {
    const bool timed = argc == 4 && std::strcmp(argv[2], "--time") == 0;
    if (argc != 3 && !timed) {
        std::fprintf(stderr, "usage: tokenize TOKENIZER.json RECORDS | TOKENIZER.json --time TEXT\n");
        return 2;
    }
    try {
        const Clock::time_point begin = Clock::now();
        const auto tokenizer = text::Tokenizer::open(argv[1]);
        if (timed) std::printf("opened in %.3f s\n", secondsSince(begin));
        const auto file = model::MappedFile::open(argv[argc - 1]);
        const std::string_view bytes(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
        if (timed) {
            time(*tokenizer, bytes);
        } else {
            printIds(*tokenizer, bytes);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
