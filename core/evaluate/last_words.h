// Passages whose last word is to be predicted, as LAMBADA has them (Paperno et al. 2016, arXiv 1606.06031).
#pragma once

#include "core/evaluate/token_source.h"

namespace perfmamba::evaluate {

/// Reads passages, one a line, or the field of a line's record, into the set: sequences of the longest's length, the
/// shorter ones filled up behind, and as targets the tokens of the last word, which is what follows the last space.
/// They are the tokens of the whole passage after as many as its begin has alone (as lm-evaluation-harness counts
/// them). Throws Error: a passage of one word, or with more tokens than 65536, too many, tokens that the model does not
/// know.
void readLastWords(const TokenRequest& request, const Encoding& encoding, std::int64_t vocab, TokenSet& set);

}  // namespace perfmamba::evaluate
