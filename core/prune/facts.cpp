#include <algorithm>
#include <limits>

#include "core/prune/apply.h"

namespace perfmamba::prune {
namespace {

/// float32, from shapes.
std::int64_t weightBytes(const model::Config& c) {
    const std::int64_t vocab = std::max(c.vocab_size, c.vocab_padded);
    std::int64_t elements = vocab * c.d_model * (c.tie_embeddings ? 1 : 2) + c.d_model;
    for (std::int64_t layer = 0; layer < c.n_layer; ++layer) {
        const std::int64_t in_proj = c.inProjRows(layer);
        const std::int64_t conv = c.convWidth(layer);
        elements += c.d_model + in_proj * c.d_model + conv * c.d_conv + c.d_model * c.d_inner;
        if (c.use_conv_bias) elements += conv;
        if (c.use_bias) elements += in_proj + c.d_model;
        if (c.architecture == model::Architecture::Mamba1) {
            const std::int64_t n = c.states(layer);
            elements += (c.dt_rank + 2 * n) * c.d_inner + c.d_inner * (c.dt_rank + 1) + c.d_inner * n + c.d_inner;
        } else {
            elements += 3 * c.n_heads + c.d_inner;  // dt_bias, A_log, D; norm
        }
    }
    return elements * std::int64_t{sizeof(float)};
}

std::int64_t stateBytes(const model::Config& c) {
    std::int64_t elements = 0;
    for (std::int64_t layer = 0; layer < c.n_layer; ++layer) {
        elements += c.ssmState(layer) + (c.d_conv - 1) * c.convWidth(layer);
    }
    return elements * std::int64_t{sizeof(float)};
}

double scoreLost(const Plan& plan, const Scores& scores) {
    double lost = 0;
    for (std::size_t layer = 0; layer < scores.layers.size(); ++layer) {
        double all = 0;
        double gone = 0;
        for (std::size_t i = 0; i < scores.layers[layer].size(); ++i) {
            all += scores.layers[layer][i];
            if (plan.layers[layer][i] == 0) gone += scores.layers[layer][i];
        }
        if (all > 0) lost += gone / all;
    }
    return lost / static_cast<double>(scores.layers.size());
}

}  // namespace

Facts factsOf(const model::Config& config, const Plan& plan, const Scores& scores, Form form) {
    const model::Config result = configOf(config, plan, form);
    Facts facts;
    facts.states = plan.states();
    facts.states_kept = plan.kept();
    facts.state_bytes = stateBytes(config);
    facts.state_bytes_kept = stateBytes(result);
    facts.weight_bytes = weightBytes(config);
    facts.weight_bytes_kept = weightBytes(result);
    if (!scores.layers.empty()) {
        facts.score_lost = scoreLost(plan, scores);
    } else if (facts.states_kept < facts.states) {
        facts.score_lost = std::numeric_limits<double>::quiet_NaN();
    }
    return facts;
}

Facts factsOf(const model::Config& config, const Plan& plan, const Scores& scores) {
    return factsOf(config, plan, scores, Form::Ragged);
}

}  // namespace perfmamba::prune
