// Where tokens come from: the parts of load().
#pragma once

#include "core/evaluate/tokens.h"

namespace perfmamba::evaluate {

/// `count` sequences of the task. The first ones are the same whatever the count.
TokenSet generateRecall(const RecallTask& task, std::int64_t count, std::uint64_t seed);

/// Uniform ids over the vocabulary.
TokenSet generateRandom(std::int64_t vocab, std::int64_t length, std::int64_t count, std::uint64_t seed);

/// A file's bytes, or, for `bytes` = false, the ids in it, cut into windows. Without hash.
TokenSet readText(const TokenRequest& request, std::int64_t vocab, bool bytes);

}  // namespace perfmamba::evaluate
