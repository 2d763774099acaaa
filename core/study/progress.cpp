#include "core/study/progress.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/profile/elapsed.h"

namespace perfmamba::study {
namespace {

// A cell under way tells its own length from this part on.
constexpr double kTellingPart = 0.05;

}  // namespace

void Forecast::begin(const Work& work) {
    m_work = work;
    m_start = Clock::now();
}

void Forecast::end() {
    Taken& taken = m_kinds[m_work.kind][m_work.size];
    taken.seconds += elapsed_s();
    ++taken.cells;
}

double Forecast::elapsed_s() const {
    return profile::secondsSince(m_start);
}

/// Linear between the sizes that were measured, and beyond the largest two as between them; never less than the
/// largest smaller one took.
double Forecast::expected_s(const BySize& taken, double size) {
    const auto mean = [](const BySize::value_type& entry) { return entry.second.seconds / entry.second.cells; };
    auto above = taken.lower_bound(size);
    if (above == taken.begin()) return mean(*above);
    const double at_least = mean(*std::prev(above));
    if (above == taken.end() && taken.size() == 1) return at_least;
    if (above == taken.end()) --above;
    const auto below = std::prev(above);
    const double slope = (mean(*above) - mean(*below)) / (above->first - below->first);
    const double line = mean(*below) + slope * (size - below->first);
    return size > above->first ? std::max(at_least, line) : line;
}

/// What such a cell takes: as the others of its kind did, else as the one under way, else, surely wrong but something,
/// as one of another kind.
std::optional<double> Forecast::expected_s(const Work& work, double part) const {
    const auto kind = m_kinds.find(work.kind);
    if (kind != m_kinds.end()) return expected_s(kind->second, work.size);
    if (work.kind == m_work.kind && part >= kTellingPart) return elapsed_s() / part;
    if (!m_kinds.empty()) return expected_s(m_kinds.begin()->second, work.size);
    if (part >= kTellingPart) return elapsed_s() / part;
    return std::nullopt;
}

profile::Progress Forecast::progress(const std::vector<Work>& waiting, std::size_t all, double part,
                                     std::string what) const {
    profile::Progress progress;
    progress.what = std::move(what);
    progress.point = all - waiting.size();
    progress.done =
        all == 0 ? 1 : std::min(1.0, (static_cast<double>(progress.point) + part) / static_cast<double>(all));

    double left = 0;
    bool known = true;
    for (const Work& work : waiting) {
        const std::optional<double> expected = expected_s(work, part);
        known = known && expected.has_value();
        left += expected.value_or(0);
    }
    const bool under_way = part > 0 && part < 1;
    if (known) progress.seconds_left = under_way ? std::max(0.0, left - elapsed_s()) : left;
    return progress;
}

}  // namespace perfmamba::study
