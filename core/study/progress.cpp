#include "core/study/progress.h"

#include <algorithm>
#include <utility>

#include "core/profile/elapsed.h"

namespace perfmamba::study {
namespace {

// A cell under way tells its own length from this part on.
constexpr double kTellingPart = 0.05;

}  // namespace

void Forecast::begin(const Cell& cell) {
    m_kind = kindOf(cell);
    m_start = Clock::now();
}

void Forecast::end() {
    m_kinds.at(m_kind).seconds += elapsed_s();
    ++m_kinds.at(m_kind).cells;
}

double Forecast::elapsed_s() const {
    return profile::secondsSince(m_start);
}

/// What a cell of that kind takes: as the others did, else as the one under way, else, surely too much, as a cell of
/// the other kind.
std::optional<double> Forecast::expected_s(std::size_t kind, double part) const {
    const auto mean = [](const Kind& done) { return done.seconds / done.cells; };
    if (m_kinds.at(kind).cells > 0) return mean(m_kinds.at(kind));
    if (kind == m_kind && part >= kTellingPart) return elapsed_s() / part;
    if (m_kinds.at(1 - kind).cells > 0) return mean(m_kinds.at(1 - kind));
    if (part >= kTellingPart) return elapsed_s() / part;
    return std::nullopt;
}

profile::Progress Forecast::progress(const Study& study, double part, std::string what) const {
    profile::Progress progress;
    progress.what = std::move(what);
    const auto all = static_cast<double>(study.cells.size());
    progress.done = study.cells.empty() ? 1 : std::min(1.0, (static_cast<double>(study.done()) + part) / all);
    progress.point = study.done();

    double left = 0;
    bool known = true;
    for (const Cell& cell : study.cells) {
        if (cell.state != CellState::Waiting) continue;
        const std::optional<double> expected = expected_s(kindOf(cell), part);
        known = known && expected.has_value();
        left += expected.value_or(0);
    }
    const bool under_way = part > 0 && part < 1;
    if (known) progress.seconds_left = under_way ? std::max(0.0, left - elapsed_s()) : left;
    return progress;
}

}  // namespace perfmamba::study
