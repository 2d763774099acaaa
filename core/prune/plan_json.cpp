#include <cmath>

#include <fmt/format.h>

#include "core/model/json_file.h"
#include "core/prune/plan.h"
#include "core/report/files.h"
#include "kernels/error.h"

namespace perfmamba::prune {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kFormatName = "PerfMamba pruning plan";
constexpr std::int64_t kFormatVersion = 1;
// Far more than any model's; a file that claims more shall not make us allocate it.
constexpr std::int64_t kMostStates = std::int64_t{1} << 24;
// A plan of the largest models has some hundred kilobytes.
constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 28;

/// Looks values up, with errors that name the file and the key.
class Reader {
public:
    Reader(const json& object, const std::filesystem::path& file, std::string where = {})
        : m_object(object), m_file(file), m_where(std::move(where)) {}

    [[noreturn]] void fail(const std::string& reason) const { throw Error(m_file.string(), reason); }

    [[nodiscard]] const json& value(const char* key) const {
        if (!m_object.contains(key)) fail(fmt::format("lacks \"{}{}\"", m_where, key));
        return m_object.at(key);
    }
    [[nodiscard]] std::string text(const char* key) const {
        if (!value(key).is_string()) fail(fmt::format("\"{}{}\" is not a text", m_where, key));
        return value(key).get<std::string>();
    }
    [[nodiscard]] double number(const char* key) const {
        if (!value(key).is_number()) fail(fmt::format("\"{}{}\" is not a number", m_where, key));
        return value(key).get<double>();
    }
    [[nodiscard]] std::uint64_t natural(const char* key) const {
        if (!value(key).is_number_unsigned()) fail(fmt::format("\"{}{}\" is not a whole number", m_where, key));
        return value(key).get<std::uint64_t>();
    }
    [[nodiscard]] Reader object(const char* key) const {
        if (!value(key).is_object()) fail(fmt::format("\"{}{}\" is not an object", m_where, key));
        return {value(key), m_file, m_where + key + "."};
    }
    [[nodiscard]] const json& list(const char* key) const { return listOf(value(key), key); }

    [[nodiscard]] const json& listOf(const json& element, const std::string& what) const {
        if (!element.is_array()) fail(fmt::format("\"{}{}\" is not a list", m_where, what));
        return element;
    }
    /// A whole number in 0 … most.
    [[nodiscard]] std::int64_t count(const json& element, const std::string& what, std::int64_t most) const {
        if (most < 0 || !element.is_number_unsigned() || element.get<std::uint64_t>() > std::uint64_t(most)) {
            fail(fmt::format("\"{}{}\" holds {}, not a whole number of 0 to {}", m_where, what, element.dump(), most));
        }
        return element.get<std::int64_t>();
    }

private:
    const json& m_object;
    const std::filesystem::path& m_file;
    std::string m_where;
};

ordered_json choiceToJson(const Choice& choice) {
    ordered_json overrides = ordered_json::array();
    for (const auto& [layer, states] : choice.overrides) overrides.push_back({{"layer", layer}, {"states", states}});
    return {{"kind", name(choice.kind)},
            {"value", choice.value},
            {"multiple_of", choice.multiple_of},
            {"protected_layers", choice.protected_layers},
            {"overrides", overrides}};
}

Choice choiceFromJson(const Reader& reader, std::int64_t layers) {
    Choice choice;
    const std::string kind = reader.text("kind");
    bool known = false;
    for (const PlanKind candidate : {PlanKind::Threshold, PlanKind::Keep, PlanKind::Budget}) {
        if (kind != name(candidate)) continue;
        choice.kind = candidate;
        known = true;
    }
    if (!known) reader.fail(fmt::format("\"choice.kind\" is \"{}\", not threshold, keep or budget", kind));
    choice.value = reader.number("value");
    const bool share = choice.kind != PlanKind::Threshold;
    if (!std::isfinite(choice.value) || (share && !(choice.value >= 0 && choice.value <= 1))) {
        reader.fail("\"choice.value\" is out of range");
    }
    choice.multiple_of = reader.count(reader.value("multiple_of"), "multiple_of", kMostStates);
    if (choice.multiple_of < 1) reader.fail("\"choice.multiple_of\" is below 1");
    for (const json& layer : reader.list("protected_layers")) {
        choice.protected_layers.insert(reader.count(layer, "protected_layers", layers - 1));
    }
    for (const json& entry : reader.list("overrides")) {
        if (!entry.is_object() || !entry.contains("layer") || !entry.contains("states")) {
            reader.fail("\"choice.overrides\" holds something without layer and states");
        }
        const std::int64_t layer = reader.count(entry["layer"], "overrides.layer", layers - 1);
        choice.overrides[layer] = reader.count(entry["states"], "overrides.states", kMostStates);
    }
    return choice;
}

std::vector<std::vector<std::int64_t>> groupStatesFromJson(const Reader& reader) {
    std::vector<std::vector<std::int64_t>> result;
    std::int64_t total = 0;
    for (const json& layer : reader.list("group_states")) {
        auto& groups = result.emplace_back();
        for (const json& states : reader.listOf(layer, "group_states")) {
            groups.push_back(reader.count(states, "group_states", kMostStates));
            total += groups.back();
            if (total > kMostStates) reader.fail("\"group_states\" adds up to more states than any model has");
        }
        if (groups.empty() || groups.size() != result.front().size()) {
            reader.fail("\"group_states\" does not have the same number of groups in every layer");
        }
    }
    if (result.empty()) reader.fail("\"group_states\" is empty");
    return result;
}

/// The flags of a layer from its groups' lists of indices.
Kept keptFromJson(const Reader& reader, const json& layer, const std::vector<std::int64_t>& groups) {
    if (reader.listOf(layer, "kept").size() != groups.size()) {
        reader.fail("\"kept\" has other groups than \"group_states\"");
    }
    Kept flags;
    for (std::size_t group = 0; group < groups.size(); ++group) {
        const std::size_t first = flags.size();
        flags.resize(first + static_cast<std::size_t>(groups[group]));
        std::int64_t last = -1;
        for (const json& element : reader.listOf(layer[group], "kept")) {
            const std::int64_t index = reader.count(element, "kept", groups[group] - 1);
            if (index <= last) reader.fail("\"kept\" holds indices that do not ascend");
            flags[first + static_cast<std::size_t>(index)] = 1;
            last = index;
        }
    }
    return flags;
}

ordered_json keptToJson(const Plan& plan) {
    ordered_json layers = ordered_json::array();
    for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
        ordered_json groups = ordered_json::array();
        std::size_t first = 0;
        for (const std::int64_t states : plan.group_states[layer]) {
            ordered_json indices = ordered_json::array();
            for (std::int64_t i = 0; i < states; ++i) {
                if (plan.layers[layer][first + static_cast<std::size_t>(i)] != 0) indices.push_back(i);
            }
            first += static_cast<std::size_t>(states);
            groups.push_back(std::move(indices));
        }
        layers.push_back(std::move(groups));
    }
    return layers;
}

}  // namespace

std::string toJson(const Plan& plan) {
    const ordered_json result = {
        {"format_name", kFormatName},
        {"format_version", kFormatVersion},
        {"model", {{"name", plan.model_name}, {"hash", plan.model_hash}}},
        {"criterion", plan.criterion},
        {"calibration", {{"description", plan.calibration}, {"hash", plan.calibration_hash}}},
        {"seed", plan.seed},
        {"choice", choiceToJson(plan.choice)},
        {"group_states", plan.group_states},
        {"kept", keptToJson(plan)},
    };
    // A folder's name need not be UTF-8.
    return result.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Plan planFromJson(std::string_view text, const std::filesystem::path& source) {
    const json file = model::parseJsonObject(text, source);
    const bool inside = !file.contains("format_name") && file.contains("plan") && file["plan"].is_object();
    const json& object = inside ? file["plan"] : file;
    const Reader reader(object, source);
    if (reader.text("format_name") != kFormatName) reader.fail("is not a pruning plan");
    if (const std::uint64_t version = reader.natural("format_version"); version != kFormatVersion) {
        reader.fail(fmt::format("is a plan of version {}; this program reads {}", version, kFormatVersion));
    }
    Plan plan;
    plan.model_name = reader.object("model").text("name");
    plan.model_hash = reader.object("model").text("hash");
    plan.criterion = reader.text("criterion");
    plan.calibration = reader.object("calibration").text("description");
    plan.calibration_hash = reader.object("calibration").text("hash");
    plan.seed = reader.natural("seed");
    plan.group_states = groupStatesFromJson(reader);
    const auto layers = std::ssize(plan.group_states);
    plan.choice = choiceFromJson(reader.object("choice"), layers);
    if (std::ssize(reader.list("kept")) != layers) reader.fail("\"kept\" has other layers than \"group_states\"");
    for (std::size_t layer = 0; layer < plan.group_states.size(); ++layer) {
        plan.layers.push_back(keptFromJson(reader, reader.list("kept")[layer], plan.group_states[layer]));
    }
    if (plan.kept() == 0) reader.fail("keeps no state of any layer");
    return plan;
}

Plan readPlan(const std::filesystem::path& file) {
    const std::vector<std::byte> bytes = report::readWholeFile(file, kLargestFile);
    return planFromJson({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file);
}

}  // namespace perfmamba::prune
