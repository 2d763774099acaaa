// Models, plans and logits for tests of what pruning leaves.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/prune/plan.h"
#include "kernels/devices.h"

namespace perfmamba::tests {

using CheckpointPtr = std::shared_ptr<const model::Checkpoint>;

/// "mamba2-bytes" is a demo; "cases/mamba2-groups2" one of the golden cases.
inline CheckpointPtr openModel(const std::string& name) {
    const std::string root = PERFMAMBA_SOURCE_DIR;
    return model::Checkpoint::open(name.starts_with("cases/") ? root + "/tests/golden/" + name
                                                              : root + "/resources/demo/" + name);
}

inline engine::Engine engineOf(const CheckpointPtr& checkpoint, int threads = 2) {
    return {checkpoint, kernels::makeBackend("cpu", {.threads = threads})};
}

inline std::vector<std::int32_t> someTokens(const model::Config& config, std::int64_t count, std::uint64_t seed = 5) {
    std::mt19937_64 generator(seed);
    std::vector<std::int32_t> tokens;
    for (std::int64_t i = 0; i < count; ++i) {
        tokens.push_back(static_cast<std::int32_t>(generator() % static_cast<std::uint64_t>(config.vocab_size)));
    }
    return tokens;
}

/// The logits of every token: most in one pass, the last three one by one.
inline std::vector<float> logitsOf(engine::Engine& engine, const std::vector<std::int32_t>& tokens) {
    engine::State state = engine.newState(1);
    const std::size_t first = tokens.size() - 3;
    const auto all = std::span(tokens);
    std::vector<float> logits = engine.logits(all.subspan(0, first), state, engine::LogitsFor::EveryToken);
    for (std::size_t i = first; i < tokens.size(); ++i) {
        const std::vector<float> next = engine.logits(all.subspan(i, 1), state, engine::LogitsFor::EveryToken);
        logits.insert(logits.end(), next.begin(), next.end());
    }
    return logits;
}

/// Largest difference over the largest logit; infinite where the sizes differ or something is not a number.
inline double relativeDifference(const std::vector<float>& got, const std::vector<float>& expected) {
    if (got.size() != expected.size()) return HUGE_VAL;
    double difference = 0;
    double largest = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double off = std::abs(double{got[i]} - double{expected[i]});
        difference = std::isfinite(off) ? std::max(difference, off) : HUGE_VAL;
        largest = std::max(largest, std::abs(double{expected[i]}));
    }
    return difference / largest;
}

inline prune::Plan fullPlan(const CheckpointPtr& checkpoint) {
    return prune::fullPlan(checkpoint->config(), checkpoint->name(), checkpoint->hash());
}

/// Each state stays with the chance `share`: other numbers, other states in every layer and group.
inline prune::Plan randomPlan(const CheckpointPtr& checkpoint, double share, std::uint64_t seed = 1) {
    prune::Plan plan = fullPlan(checkpoint);
    std::mt19937_64 generator(seed);
    for (prune::Kept& flags : plan.layers) {
        for (std::uint8_t& flag : flags) flag = static_cast<double>(generator() >> 11U) * 0x1p-53 < share ? 1 : 0;
    }
    return plan;
}

}  // namespace perfmamba::tests
