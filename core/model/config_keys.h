// What the readers of the several kinds of configuration share.
#pragma once

#include "core/model/config.h"
#include "core/model/keys.h"

namespace perfmamba::model {

/// d_inner by the key "expand", 2 where it is absent.
std::int64_t innerOf(const Keys& keys, std::int64_t d_model);
/// R by that key, which may say "auto": ceil(D/16).
std::int64_t dtRank(const Keys& keys, const char* key, std::int64_t d_model);
/// dt_min and dt_max by that key, a list of two; no limits where it is absent.
void readTimeLimit(const Keys& keys, Config& config, const char* key);
/// `key` is what the number of groups is called. Throws Error where the heads do not divide among them.
void checkGroups(const Keys& keys, const Config& config, const char* key);

}  // namespace perfmamba::model
