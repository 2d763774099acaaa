// Measures how well a model predicts, alone and against another.
#pragma once

#include <functional>
#include <stop_token>

#include "core/engine/engine.h"
#include "core/evaluate/accuracy.h"
#include "core/evaluate/tokens.h"
#include "core/profile/profiler.h"

namespace perfmamba::evaluate {

/// An engine, with the states that take part: null for all. One engine may stand for two subjects.
struct Subject {
    engine::Engine* engine = nullptr;
    const engine::Mask* mask = nullptr;
};

struct Options {
    std::int64_t batch = 8;    // sequences at once; the result does not depend on it
    std::int64_t piece = 256;  // tokens of a sequence at once: bounds the memory of the logits
};

using Observer = std::function<void(const Accuracy& so_far, const profile::Progress&)>;

/// Runs every sequence from an empty state and scores each prediction (a window's first token is not predicted). With
/// `against` the same tokens run through that model, too. Each subject's engine is left with no mask.
/// Standard errors are of the mean over sequences (of n, s/√n), those of perplexity by the delta method.
/// Throws Error, and Cancelled when stopped.
Accuracy evaluate(const Subject& subject, const TokenSet& tokens, const Subject* against = nullptr,
                  const Options& options = {}, const Observer& observer = {}, const std::stop_token& stop = {});

}  // namespace perfmamba::evaluate
