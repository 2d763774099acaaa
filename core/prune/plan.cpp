#include "core/prune/plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include <fmt/format.h>

#include "core/prune/ranking.h"
#include "kernels/error.h"

namespace perfmamba::prune {
namespace {

std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// One group of one layer: where its states lie among the layer's.
struct Group {
    std::int64_t layer = 0;
    std::int64_t first = 0;
    std::int64_t states = 0;
};

std::vector<Group> groupsOf(const model::Config& config) {
    std::vector<Group> groups;
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
        std::int64_t first = 0;
        for (std::int64_t group = 0; group < config.groups(); ++group) {
            groups.push_back({layer, first, config.states(layer, group)});
            first += groups.back().states;
        }
    }
    return groups;
}

void checkScores(const model::Config& config, const Scores& scores) {
    bool fits = static_cast<std::int64_t>(scores.layers.size()) == config.n_layer;
    for (std::int64_t layer = 0; fits && layer < config.n_layer; ++layer) {
        fits = static_cast<std::int64_t>(scores.layers[at(layer)].size()) == config.states(layer);
    }
    if (!fits) throw Error("scores", "are not of this model: it has other layers or states", "score the model again");
    for (const auto& layer : scores.layers) {
        if (!std::ranges::all_of(layer, [](double score) { return std::isfinite(score); })) {
            throw Error("scores", "hold a value that is not a number", "score the model again");
        }
    }
}

void checkLayer(const model::Config& config, std::int64_t layer) {
    if (layer >= 0 && layer < config.n_layer) return;
    throw Error(fmt::format("layer {}", layer),
                fmt::format("is not there: the model has layers 0 to {}", config.n_layer - 1));
}

[[noreturn]] void refuseToKeepNone(const Choice& choice) {
    throw Error(std::string(name(choice.kind)), fmt::format("{} would remove every state of every layer", choice.value),
                choice.kind == PlanKind::Threshold ? "choose a lower one" : "choose a larger share");
}

void checkFor(const model::Config& config, const Choice& choice) {
    if (choice.multiple_of < 1 || choice.multiple_of > config.d_state) {
        throw Error("multiple of",
                    fmt::format("{} is not in 1 to {}, the model's d_state", choice.multiple_of, config.d_state));
    }
    for (const std::int64_t layer : choice.protected_layers) checkLayer(config, layer);
    for (const auto& [layer, count] : choice.overrides) {
        checkLayer(config, layer);
        std::int64_t most = 0;
        for (std::int64_t group = 0; group < config.groups(); ++group) {
            most = std::max(most, config.states(layer, group));
        }
        if (count < 0 || count > most) {
            throw Error(fmt::format("layer {}", layer), fmt::format("cannot keep {} of {} states", count, most));
        }
    }
}

/// How many states of each group stay.
class Counts {
public:
    Counts(const Scores& scores, const Choice& choice, const std::vector<Group>& groups)
        : m_scores(scores), m_choice(choice), m_groups(groups) {}

    [[nodiscard]] std::vector<std::int64_t> all() const {
        std::vector<std::int64_t> counts;
        for (const Group& group : m_groups) counts.push_back(isFree(group) ? chosen(group) : fixed(group));
        if (m_choice.kind == PlanKind::Budget) spendBudget(counts);
        const std::int64_t step = m_choice.multiple_of;
        for (std::size_t i = 0; i < counts.size(); ++i) {
            counts[i] = std::min((counts[i] + step - 1) / step * step, m_groups[i].states);
        }
        return counts;
    }

    [[nodiscard]] std::span<const double> scoresOf(const Group& group) const {
        return std::span(m_scores.layers[at(group.layer)]).subspan(at(group.first), at(group.states));
    }

private:
    [[nodiscard]] bool isFree(const Group& group) const {
        return !m_choice.protected_layers.contains(group.layer) && !m_choice.overrides.contains(group.layer);
    }
    [[nodiscard]] std::int64_t fixed(const Group& group) const {
        const auto found = m_choice.overrides.find(group.layer);
        return found == m_choice.overrides.end() ? group.states : std::min(found->second, group.states);
    }
    [[nodiscard]] std::int64_t chosen(const Group& group) const {
        if (m_choice.kind == PlanKind::Keep) return countOf(m_choice.value, group.states);
        if (m_choice.kind == PlanKind::Budget) return 0;
        return std::ranges::count_if(scoresOf(group), [&](double score) { return score >= m_choice.value; });
    }

    /// The budget is a share of all states of the model. What protected and overridden layers keep comes out of it
    /// first; the best of the others share what is left.
    void spendBudget(std::vector<std::int64_t>& counts) const {
        std::int64_t total = 0;
        std::vector<double> scores;
        std::vector<std::size_t> owner;
        for (std::size_t i = 0; i < m_groups.size(); ++i) {
            total += m_groups[i].states;
            if (!isFree(m_groups[i])) continue;
            const auto own = scoresOf(m_groups[i]);
            scores.insert(scores.end(), own.begin(), own.end());
            owner.insert(owner.end(), own.size(), i);
        }
        std::int64_t left = countOf(m_choice.value, total) - std::reduce(counts.begin(), counts.end());
        for (const std::size_t state : bestFirst(scores)) {
            if (left-- <= 0) break;
            ++counts[owner[state]];
        }
    }

    const Scores& m_scores;
    const Choice& m_choice;
    const std::vector<Group>& m_groups;
};

std::vector<std::vector<std::int64_t>> groupStatesOf(const model::Config& config) {
    std::vector<std::vector<std::int64_t>> result(at(config.n_layer));
    for (const Group& group : groupsOf(config)) result[at(group.layer)].push_back(group.states);
    return result;
}

std::int64_t sumOf(const Kept& flags) {
    return std::reduce(flags.begin(), flags.end(), std::int64_t{0});
}

}  // namespace

std::string_view name(PlanKind kind) {
    switch (kind) {
        case PlanKind::Threshold: return "threshold";
        case PlanKind::Keep: return "keep";
        case PlanKind::Budget: return "budget";
    }
    return "";
}

std::int64_t Plan::kept(std::int64_t layer) const {
    return sumOf(layers[at(layer)]);
}

std::int64_t Plan::kept(std::int64_t layer, std::int64_t group) const {
    const auto& sizes = group_states[at(layer)];
    const auto first = layers[at(layer)].begin() + std::reduce(sizes.begin(), sizes.begin() + group);
    return std::reduce(first, first + sizes[at(group)], std::int64_t{0});
}

std::int64_t Plan::kept() const {
    std::int64_t sum = 0;
    for (const Kept& flags : layers) sum += sumOf(flags);
    return sum;
}

std::int64_t Plan::states() const {
    std::int64_t sum = 0;
    for (const Kept& flags : layers) sum += static_cast<std::int64_t>(flags.size());
    return sum;
}

bool Plan::uniform() const {
    for (std::int64_t layer = 0; layer < std::ssize(layers); ++layer) {
        for (std::int64_t group = 0; group < std::ssize(group_states[at(layer)]); ++group) {
            if (kept(layer, group) != kept(0, 0)) return false;
        }
    }
    return true;
}

void check(const Choice& choice) {
    const std::string option(name(choice.kind));
    if (choice.kind == PlanKind::Threshold) {
        if (!std::isfinite(choice.value)) throw Error(option, fmt::format("{} is not finite", choice.value));
    } else if (!(choice.value >= 0 && choice.value <= 1)) {
        throw Error(option, fmt::format("{} is not a share of 0 to 1", choice.value));
    }
    bool some_stay = choice.kind == PlanKind::Threshold || choice.value > 0 || !choice.protected_layers.empty();
    for (const auto& [layer, count] : choice.overrides) {
        if (choice.protected_layers.contains(layer)) {
            throw Error(fmt::format("layer {}", layer), "is protected and also given a number of states to keep",
                        "ask for one of the two");
        }
        some_stay = some_stay || count > 0;
    }
    if (!some_stay) refuseToKeepNone(choice);
}

Plan makePlan(const model::Config& config, const std::string& model_name, const Scores& scores, const Choice& choice) {
    checkScores(config, scores);
    check(choice);
    checkFor(config, choice);
    Plan plan = fullPlan(config, model_name, scores.model_hash);
    plan.criterion = scores.criterion;
    plan.calibration = scores.calibration;
    plan.calibration_hash = scores.calibration_hash;
    plan.seed = scores.seed;
    plan.choice = choice;

    const std::vector<Group> groups = groupsOf(config);
    const Counts counts(scores, choice, groups);
    const std::vector<std::int64_t> kept = counts.all();
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const std::span flags = std::span(plan.layers[at(groups[i].layer)]);
        keepBest(counts.scoresOf(groups[i]), kept[i], flags.subspan(at(groups[i].first), at(groups[i].states)));
    }
    if (plan.kept() == 0) refuseToKeepNone(choice);
    return plan;
}

Plan fullPlan(const model::Config& config, const std::string& model_name, const std::string& model_hash) {
    Plan plan;
    plan.model_name = model_name;
    plan.model_hash = model_hash;
    plan.group_states = groupStatesOf(config);
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
        plan.layers.emplace_back(at(config.states(layer)), std::uint8_t{1});
    }
    return plan;
}

model::Config compactConfig(const model::Config& config, const Plan& plan) {
    model::Config compact = config;
    compact.state_sizes.clear();
    compact.d_state = 0;
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
        auto& sizes = compact.state_sizes.emplace_back();
        for (std::int64_t group = 0; group < config.groups(); ++group) {
            sizes.push_back(plan.kept(layer, group));
            compact.d_state = std::max(compact.d_state, sizes.back());
        }
    }
    if (plan.uniform()) compact.state_sizes.clear();
    return compact;
}

void checkFor(const Plan& plan, const model::Config& config, const std::string& model_name,
              const std::string& model_hash) {
    if (plan.model_hash == model_hash && plan.group_states == groupStatesOf(config)) return;
    throw Error("plan",
                fmt::format("was made for the model {} ({}), not for {} ({})", plan.model_name, plan.model_hash,
                            model_name, model_hash),
                "make a plan for this model");
}

}  // namespace perfmamba::prune
