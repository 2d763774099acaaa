// Tokens that are generated: parts of load().
#pragma once

#include "core/evaluate/tokens.h"

namespace perfmamba::evaluate {

/// `count` sequences of the task. The first ones are the same whatever the count.
TokenSet generateRecall(const RecallTask& task, std::int64_t count, std::uint64_t seed);

/// Uniform ids over the vocabulary.
TokenSet generateRandom(std::int64_t vocab, std::int64_t length, std::int64_t count, std::uint64_t seed);

}  // namespace perfmamba::evaluate
