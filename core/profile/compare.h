// Two runs beside each other: every time and every kind of memory that both measured, with the ratio of the two and
// what it says.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/profile/profile.h"

namespace perfmamba::profile {

/// Ratio after / before of the medians of two samples that were not taken in turn, with its 95 % interval. The two
/// medians' own intervals are combined in the logarithm by the method of variance estimates recovery (Zou & Donner,
/// Statistics in Medicine 27, 2008, 1693–1702): no distribution is assumed, and a skewed sample has a skewed interval.
/// Each is first widened by the square root of its correlation time (statistics.h): passes resemble their neighbours.
/// `pairs` is the number of samples of the smaller one. NaN where a median is not positive.
Ratio ratioOfMedians(const Summary& after, const Summary& before);

/// What a change is about. Times first, then memory at the peak of a pass.
enum class Subject : std::uint8_t {
    Pass,        // recorded passes as a whole
    Unrecorded,  // passes with recording off
    Component,   // summed over layers
    Stage,       // of a component, summed over layers
    Layer,       // a component in one layer
    MemoryKind,  // by the ledger
    MemoryPeak,  // all kinds
    Reserved,    // held from the system at most
};

enum class Verdict : std::uint8_t {
    Less,       // of a time: faster
    More,       // slower
    Same,       // 1 lies inside the ratio's interval: no difference measured; of memory, the same bytes
    TooFew,     // too few passes in one of the runs for an interval
    Unmatched,  // only one of the runs has it
};

/// One number of both runs.
struct Change {
    Subject subject = Subject::Pass;
    Component component = Component::Other;
    Stage stage = Stage::Whole;
    std::int32_t layer = kNoLayer;
    MemoryKind kind = MemoryKind::Weights;
    double before = 0;  // median, µs; of memory bytes; NaN where that run lacks it
    double after = 0;
    Ratio ratio{};            // after / before; of memory exact, and the interval is that one number
    double share_before = 0;  // of the pass; NaN where it is no part of it
    double share_after = 0;
    Verdict verdict = Verdict::Same;

    [[nodiscard]] bool isTime() const { return subject <= Subject::Layer; }
    [[nodiscard]] double delta() const { return after - before; }
    /// A difference beyond the noise.
    [[nodiscard]] bool differs() const { return verdict == Verdict::Less || verdict == Verdict::More; }
};

/// One length that both runs measured.
struct PointComparison {
    std::int64_t length = 0;
    std::vector<Change> changes;  // in the order of Subject, and of the pass

    [[nodiscard]] const Change* find(Subject subject) const;
    /// Of a component summed over layers (layer = kNoLayer) or in one layer; null where there is none.
    [[nodiscard]] const Change* find(Component component, std::int32_t layer = kNoLayer) const;
    [[nodiscard]] const Change* find(Stage stage) const;
    [[nodiscard]] const Change* find(MemoryKind kind) const;
};

/// Something besides the numbers in which the runs differ: "threads", "4", "2".
struct Difference {
    std::string what;
    std::string before;
    std::string after;
};

using ProfilePtr = std::shared_ptr<const Profile>;

struct Comparison {
    ProfilePtr before;
    ProfilePtr after;
    std::vector<PointComparison> points;  // in the order of `after`
    std::vector<Difference> differences;  // of models, devices and how it was measured
    std::vector<std::string> notes;       // sentences without a full stop: what is not compared, and why

    [[nodiscard]] const PointComparison* at(std::int64_t length) const;
};

/// Compares what both measured: the same mode, batch and length. Components are compared by name whatever the models
/// are, layers only of models of the same shape but for the number of states. Throws Error where no workload is common,
/// and says which ones each has.
/// @param named what to call the two in that error: "a.h5 and b.h5"
Comparison compare(const ProfilePtr& before, const ProfilePtr& after, const std::string& named = "the two runs");

/// In which ways the runs were not the same, the most telling first.
std::vector<Difference> differencesOf(const Profile& before, const Profile& after);

/// For sorting: what changed beyond noise first, the largest change in time or bytes at the top; then what only one run
/// has, what did not change, and what cannot be told. Times before memory in each.
bool changedMore(const Change& a, const Change& b);

/// "prefill of 64, 256 tokens at batch 1": the lengths that were measured.
std::string workloadsOf(const Profile& profile);

}  // namespace perfmamba::profile
