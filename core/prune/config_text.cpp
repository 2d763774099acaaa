#include "core/prune/config_text.h"

#include <optional>
#include <string_view>

#include "core/model/json_file.h"

namespace perfmamba::prune {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr const char* kSize = "state_size";
constexpr const char* kSizes = "state_size_per_layer";

/// Where a member of the outermost object stands.
struct Member {
    std::size_t key = 0;    // its opening quote
    std::size_t value = 0;  // the value's first byte
    std::size_t end = 0;    // after its last
};

std::size_t endOfString(std::string_view text, std::size_t quote) {
    std::size_t at = quote + 1;
    while (text[at] != '"') at += text[at] == '\\' ? 2 : 1;
    return at + 1;
}

/// Text that has been parsed as a JSON object before: only where things are is asked here.
std::size_t endOfValue(std::string_view text, std::size_t begin) {
    int depth = 0;
    std::size_t at = begin;
    while (true) {
        const char c = text[at];
        if (c == '"') {
            at = endOfString(text, at);
            continue;
        }
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        if (depth < 0 || (depth == 0 && c == ',')) break;
        ++at;
    }
    return text.find_last_not_of(kSpace, at - 1) + 1;
}

std::optional<Member> find(std::string_view text, std::string_view name) {
    std::size_t at = text.find_first_not_of(kSpace, text.find('{') + 1);
    while (text[at] == '"') {
        Member member;
        member.key = at;
        const std::size_t key_end = endOfString(text, at);
        member.value = text.find_first_not_of(kSpace, text.find(':', key_end) + 1);
        member.end = endOfValue(text, member.value);
        if (nlohmann::json::parse(text.substr(at, key_end - at)) == name) return member;
        at = text.find_first_not_of(kSpace, member.end);
        if (text[at] == ',') at = text.find_first_not_of(kSpace, at + 1);
    }
    return std::nullopt;
}

void remove(std::string& text, std::string_view name) {
    const std::optional<Member> member = find(text, name);
    if (!member) return;
    const std::size_t before = text.find_last_not_of(kSpace, member->key - 1);
    if (text[before] == ',') {
        text.erase(before, member->end - before);
        return;
    }
    const std::size_t after = text.find_first_not_of(kSpace, member->end);
    text.erase(member->key, (text[after] == ',' ? text.find_first_not_of(kSpace, after + 1) : after) - member->key);
}

/// Replaces the value, or adds the member after `neighbour`, with the white space that stands before that; where there
/// is none either, as the first.
void set(std::string& text, const std::string& name, const std::string& value, std::string_view neighbour) {
    if (const std::optional<Member> member = find(text, name)) {
        text.replace(member->value, member->end - member->value, value);
        return;
    }
    const std::string entry = "\"" + name + "\": " + value;
    if (const std::optional<Member> beside = find(text, neighbour)) {
        const std::size_t before = text.find_last_not_of(kSpace, beside->key - 1) + 1;
        text.insert(beside->end, "," + text.substr(before, beside->key - before) + entry);
        return;
    }
    const std::size_t begin = text.find('{') + 1;
    const std::size_t first = text.find_first_not_of(kSpace, begin);
    text.insert(begin, text.substr(begin, first - begin) + entry + (text[first] == '}' ? "" : ","));
}

/// Mamba-1 or one group: a number a layer; else a list of its groups' numbers.
std::string sizesText(const model::Config& config) {
    nlohmann::ordered_json sizes = nlohmann::ordered_json::array();
    for (const auto& groups : config.state_sizes) {
        if (groups.size() == 1) {
            sizes.push_back(groups.front());
        } else {
            sizes.push_back(groups);
        }
    }
    return sizes.dump();
}

}  // namespace

std::string withStateSizes(std::string text, const model::Config& result, const std::filesystem::path& file) {
    model::parseJsonObject(text, file);
    set(text, kSize, std::to_string(result.d_state), {});
    if (result.state_sizes.empty()) {
        remove(text, kSizes);
    } else {
        set(text, kSizes, sizesText(result), kSize);
    }
    // By another name, so that no stock code loads it: it would divide by the wrong number.
    if (result.isFalcon() && result.norm_states != result.d_state) {
        set(text, "model_type", '"' + std::string(model::kPrunedFalconType) + '"', {});
        set(text, "norm_state_size", std::to_string(result.norm_states), kSize);
    }
    return text;
}

}  // namespace perfmamba::prune
