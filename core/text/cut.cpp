#include "core/text/cut.h"

#include <utf8proc.h>

#include "core/text/utf8.h"

namespace perfmamba::text {

bool endsInLetter(std::string_view text) {
    if (text.empty()) return false;
    std::size_t at = text.size() - 1;
    while (at > 0 && text.size() - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80) --at;
    if (characterLength(text.substr(at)) != text.size() - at) return false;
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(characterAt(text.substr(at))))) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO: return true;
        default: return false;
    }
}

bool hasCut(std::string_view text) {
    for (const std::string_view space : {" ", "\n", "▁", "Ġ", "Ċ"}) {
        for (std::size_t at = text.find(space); at != std::string_view::npos; at = text.find(space, at + 1)) {
            if (endsInLetter(text.substr(0, at))) return true;
        }
    }
    return false;
}

std::size_t lastCut(std::string_view text, bool lines) {
    for (std::size_t at = text.size(); at-- > 1;) {
        const bool candidate = text[at] == ' ' || (lines && text[at] == '\n');
        if (candidate && endsInLetter(text.substr(0, at))) return at;
    }
    return 0;
}

}  // namespace perfmamba::text
