#include "core/text/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace perfmamba::text {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

unsigned byteAt(std::string_view text, std::size_t i) {
    return static_cast<unsigned char>(text[i]);
}

struct Sequence {
    std::size_t good = 0;   // bytes that are as they should be
    std::size_t whole = 0;  // bytes that the character has; 0: nothing begins so
};

Sequence sequenceAt(std::string_view text) {
    const unsigned first = byteAt(text, 0);
    if (first < 0x80) return {1, 1};
    if (first < 0xC2 || first > 0xF4) return {0, 0};
    const std::size_t whole = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    for (std::size_t i = 1; i < whole; ++i) {
        if (i == text.size()) return {i, whole};
        const unsigned byte = byteAt(text, i);
        // The second byte excludes what is longer than it need be, surrogates, and what lies above U+10FFFF.
        const unsigned low = i > 1 ? 0x80 : first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
        const unsigned high = i > 1 ? 0xBF : first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        if (byte < low || byte > high) return {i, whole};
    }
    return {whole, whole};
}

/// Bytes below 0x80 at the begin of `text`.
std::size_t asciiPrefix(std::string_view text) {
    std::size_t at = 0;
    for (std::uint64_t eight = 0; at + sizeof(eight) <= text.size(); at += sizeof(eight)) {
        std::memcpy(&eight, text.data() + at, sizeof(eight));
        if ((eight & 0x8080808080808080ULL) != 0) break;
    }
    while (at < text.size() && byteAt(text, at) < 0x80) ++at;
    return at;
}

}  // namespace

std::size_t characterLength(std::string_view text) {
    const Sequence sequence = sequenceAt(text);
    return sequence.good == sequence.whole ? sequence.whole : 0;
}

bool isUtf8(std::string_view text) {
    for (text.remove_prefix(asciiPrefix(text)); !text.empty(); text.remove_prefix(asciiPrefix(text))) {
        const std::size_t length = characterLength(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string replaceInvalid(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const Sequence sequence = sequenceAt(text);
        const bool whole = sequence.whole != 0 && sequence.good == sequence.whole;
        result += whole ? text.substr(0, sequence.whole) : kReplacement;
        text.remove_prefix(std::max<std::size_t>(sequence.good, 1));
    }
    return result;
}

char32_t characterAt(std::string_view text) {
    const unsigned first = byteAt(text, 0);
    if (first < 0x80) return first;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    char32_t character = first & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) character = (character << 6U) | (byteAt(text, i) & 0x3FU);
    return character;
}

void append(std::string& text, char32_t character) {
    const auto put = [&text](char32_t byte) { text.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
    if (character < 0x80) {
        put(character);
    } else if (character < 0x800) {
        put(0xC0 | (character >> 6U));
        put(0x80 | (character & 0x3FU));
    } else if (character < 0x10000) {
        put(0xE0 | (character >> 12U));
        put(0x80 | ((character >> 6U) & 0x3FU));
        put(0x80 | (character & 0x3FU));
    } else {
        put(0xF0 | (character >> 18U));
        put(0x80 | ((character >> 12U) & 0x3FU));
        put(0x80 | ((character >> 6U) & 0x3FU));
        put(0x80 | (character & 0x3FU));
    }
}

}  // namespace perfmamba::text
