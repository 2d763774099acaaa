// What a profile says, in sentences: each stands on numbers that were measured, and names them. Nothing is said where
// there is no measurement, or where the noise is larger than what would be said.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/profile/compare.h"
#include "core/profile/profile.h"
#include "core/study/price.h"
#include "core/study/study.h"

namespace perfmamba::study {

/// What a sentence is about, and so which rule made it. In the order of advice that wins nothing.
enum class Topic : std::uint8_t {
    Dominates,  // the component that takes most, and how it grows
    Baseline,   // what changed against the run that it is compared with
    States,     // what fewer states would win
    Floor,      // a component far from what the device reaches
    Gaps,       // what no component accounts for
    Precision,  // weights read wider than they are stored
    Head,       // lm_head
    Clock,      // the device ran slower than it could
    Memory,     // what was alive at the peak
    Recording,  // what recording cost
    Noise,      // lengths that were not measured as closely as asked for
};
/// "dominates", "baseline", …: for programs.
std::string_view name(Topic topic);

enum class Basis : std::uint8_t {
    Measured,
    Counted,   // exact: bytes by the ledger, sizes by the configuration
    Estimate,  // follows from measurements by a rule that the sentence names
};
/// "measured", "counted", "estimate".
std::string_view name(Basis basis);

/// A number in a sentence, and where it comes from.
struct Evidence {
    std::string what;   // "share of ssm"
    std::string text;   // as it stands in the sentence: "41 %"
    double value = 0;   // 0.41; of shares and ratios the plain number, of times µs, of memory bytes
    double ci_low = 0;  // 95 % interval; the value itself where it is exact or an estimate
    double ci_high = 0;
    Basis basis = Basis::Measured;
    std::int64_t length = 0;  // of the point it is from
};

struct Advice {
    Topic topic = Topic::Dominates;
    std::string sentence = {};
    std::vector<Evidence> evidence = {};
    double win = 1;  // how many times as fast a pass could be at most, or was measured to be; 1: it wins nothing
    // What to look at.
    std::int64_t length = 0;
    std::optional<Component> component = {};
};

/// What else is known; null: nothing.
struct Known {
    const CostOfStates* cost = nullptr;               // of the profile's model on its device
    const Study* study = nullptr;                     // used where it fits the profile
    const profile::Comparison* comparison = nullptr;  // with the profile as `after`
    bool under_way = false;                           // the profile's run goes on
};

/// Why a study says nothing of a profile: the first in which its model, device, precision, threads or chunk differ, as
/// "threads: '2' there, '4' here". Empty where it fits.
std::string misfit(const Study& study, const profile::Profile& profile);

/// First what dominates and what changed, then by what could be won, then what limits the numbers.
std::vector<Advice> adviseOn(const profile::Profile& profile, const Known& known = {});

}  // namespace perfmamba::study
