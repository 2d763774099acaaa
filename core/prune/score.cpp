#include "core/prune/score.h"

#include <chrono>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "core/prune/ranking.h"
#include "core/prune/unmasked.h"
#include "kernels/error.h"

namespace perfmamba::prune {
namespace {

using engine::Engine;

/// What is the same for all layers.
struct Settings {
    double share = 0;
    std::uint64_t seed = 0;
};

void check(const Criterion& criterion, const model::Checkpoint& checkpoint, double share) {
    criterionFor(criterion.id(), checkpoint.config().architecture);
    if (!(share >= 0 && share <= 1)) throw Error("share", fmt::format("{} is not in 0 to 1", share));
}

Scores emptyScores(const Criterion& criterion, const model::Checkpoint& checkpoint, std::uint64_t seed) {
    Scores scores;
    scores.criterion = criterion.id();
    scores.unit = criterion.comparable() ? "1" : "× layer mean";
    scores.model_hash = checkpoint.hash();
    scores.seed = seed;
    return scores;
}

/// One layer's scores, finite, in the criterion's unit.
std::vector<double> scoreLayer(const Criterion& criterion, const LayerInputs& inputs) {
    std::vector<double> scores = criterion.score(inputs);
    for (const double score : scores) {
        if (std::isfinite(score)) continue;
        throw Error(fmt::format("layer {}", inputs.layer),
                    fmt::format("has a state whose score by {} is not a number", criterion.id()),
                    criterion.needs() >= Needs::Activity ? "its activity saw no token, or overflowed"
                                                         : "its weights hold one that is none");
    }
    if (criterion.comparable() || scores.empty()) return scores;
    const double mean = std::reduce(scores.begin(), scores.end()) / static_cast<double>(scores.size());
    if (mean > 0) {
        for (double& score : scores) score /= mean;
    }
    return scores;
}

void checkActivity(const activity::Activity& activity, const model::Checkpoint& checkpoint) {
    const model::Config& config = checkpoint.config();
    bool fits = activity.model.hash == checkpoint.hash() && std::ssize(activity.layers) == config.n_layer;
    for (std::int64_t layer = 0; fits && layer < config.n_layer; ++layer) {
        const auto& groups = activity.layers[static_cast<std::size_t>(layer)].group_states;
        fits = std::ssize(groups) == config.groups();
        for (std::int64_t group = 0; fits && group < config.groups(); ++group) {
            fits = groups[static_cast<std::size_t>(group)] == config.states(layer, group);
        }
    }
    if (fits) return;
    throw Error("activity", fmt::format("is of the model {}, not of {}", activity.model.name, checkpoint.name()),
                "collect it again");
}

std::vector<std::uint8_t> keepShare(const std::vector<double>& scores, const activity::LayerActivity& activity,
                                    double share) {
    std::vector<std::uint8_t> flags(scores.size());
    std::size_t first = 0;
    for (const std::int64_t states : activity.group_states) {
        const auto size = static_cast<std::size_t>(states);
        keepBest(std::span(scores).subspan(first, size), countOf(share, states), std::span(flags).subspan(first, size));
        first += size;
    }
    return flags;
}

Scores scoreLayerByLayer(const Criterion& criterion, Engine& engine, const evaluate::TokenSet& tokens,
                         const Settings& settings, const Progress& progress, const std::stop_token& stop) {
    if (stop.stop_requested()) throw Cancelled();
    const auto batch = std::ssize(tokens.sequences);
    engine.checkFits(batch, tokens.length);
    std::vector<std::int32_t> all;
    for (const auto& sequence : tokens.sequences) all.insert(all.end(), sequence.begin(), sequence.end());

    const model::Config& config = engine.config();
    engine::StateObserver observer(config, engine.backend(), 1, tokens.length);
    Scores scores = emptyScores(criterion, engine.checkpoint(), settings.seed);
    scores.interim_share = settings.share;
    const auto start = std::chrono::steady_clock::now();
    const auto scoreAndMask = [&](std::int64_t layer) {
        const activity::LayerActivity activity = activity::layerOf(observer, config, layer);
        scores.layers.push_back(scoreLayer(criterion, {.checkpoint = engine.checkpoint(),
                                                       .layer = layer,
                                                       .activity = &activity,
                                                       .bins = 1,
                                                       .share = settings.share,
                                                       .seed = settings.seed}));
        engine.setMask(layer, keepShare(scores.layers.back(), activity, 1 - settings.share));
        if (!progress) return;
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
        profile::Progress now;
        now.done = static_cast<double>(layer + 1) / static_cast<double>(config.n_layer);
        now.seconds_left = spent.count() * (1 - now.done) / now.done;
        now.what = fmt::format("{}: layer {} of {}", criterion.id(), layer + 1, config.n_layer);
        progress(now);
    };
    const Unmasked unmasked(engine);
    engine.observe(&observer);
    engine::State state = engine.newState(batch);
    engine.forwardByLayer(all, state, scoreAndMask, stop);
    return scores;
}

Scores scoreAtOnce(const Criterion& criterion, Engine& engine, const evaluate::TokenSet& tokens,
                   const Settings& settings, const Progress& progress, const std::stop_token& stop) {
    const Unmasked unmasked(engine);
    activity::Options options;
    options.measure_cost = false;
    activity::Observer observer;
    if (progress) observer = [&](const activity::ActivityPtr&, const profile::Progress& now) { progress(now); };
    const activity::ActivityPtr activity =
        activity::collect(engine, tokens, options, profile::provenanceOf(engine.backend().device()), observer, stop);
    if (!activity->complete) throw Cancelled();
    return score(criterion, engine.checkpoint(), activity.get(), settings.share, settings.seed);
}

}  // namespace

Scores score(const Criterion& criterion, const model::Checkpoint& checkpoint, const activity::Activity* activity,
             double share, std::uint64_t seed) {
    check(criterion, checkpoint, share);
    const std::string subject = fmt::format("criterion {}", criterion.id());
    if (criterion.needs() == Needs::LayerByLayer) {
        throw Error(subject, "scores while the model runs, layer by layer; a collected activity is not enough");
    }
    const bool runs = criterion.needs() == Needs::Activity;
    if (runs && activity == nullptr) throw Error(subject, "needs activity", "collect it on calibration tokens first");
    if (runs) checkActivity(*activity, checkpoint);

    Scores scores = emptyScores(criterion, checkpoint, seed);
    if (runs) {
        scores.calibration = activity->tokens;
        scores.calibration_hash = activity->tokens_hash;
    }
    for (std::int64_t layer = 0; layer < checkpoint.config().n_layer; ++layer) {
        scores.layers.push_back(
            scoreLayer(criterion, {.checkpoint = checkpoint,
                                   .layer = layer,
                                   .activity = runs ? &activity->layers[static_cast<std::size_t>(layer)] : nullptr,
                                   .bins = runs ? activity->bins : 0,
                                   .share = share,
                                   .seed = seed}));
    }
    return scores;
}

Scores score(const Criterion& criterion, Engine& engine, const evaluate::TokenSet* tokens, double share,
             std::uint64_t seed, const Progress& progress, const std::stop_token& stop) {
    check(criterion, engine.checkpoint(), share);
    if (criterion.needs() < Needs::Activity) {
        const Unmasked unmasked(engine);
        return score(criterion, engine.checkpoint(), nullptr, share, seed);
    }
    if (tokens == nullptr || tokens->sequences.empty()) {
        throw Error(fmt::format("criterion {}", criterion.id()), "needs tokens to calibrate on");
    }
    const Settings settings{share, seed};
    if (criterion.needs() == Needs::Activity) {
        return scoreAtOnce(criterion, engine, *tokens, settings, progress, stop);
    }
    Scores scores = scoreLayerByLayer(criterion, engine, *tokens, settings, progress, stop);
    scores.calibration = tokens->description;
    scores.calibration_hash = tokens->hash;
    return scores;
}

engine::Mask maskOf(const Plan& plan) {
    return plan.layers;
}

}  // namespace perfmamba::prune
