#include "core/text/byte_characters.h"

#include <array>

#include "core/text/utf8.h"

namespace perfmamba::text {
namespace {

std::array<std::string, 256> makeTable() {
    std::array<std::string, 256> table;
    char32_t next = 0x100;
    for (char32_t byte = 0; byte < 256; ++byte) {
        const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
        append(table[byte], printable ? byte : next++);
    }
    return table;
}

}  // namespace

std::string byteCharacters(std::string_view bytes) {
    static const std::array<std::string, 256> table = makeTable();
    std::string result;
    result.reserve(2 * bytes.size());
    for (const char c : bytes) result += table[static_cast<unsigned char>(c)];
    return result;
}

}  // namespace perfmamba::text
