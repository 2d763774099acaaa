#include "core/study/study.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace perfmamba::study {
namespace {

/// What the points of the trade-off are compared by, both the larger the better.
struct Worth {
    std::size_t cell = 0;
    double quality = 0;
    double other = 0;

    [[nodiscard]] bool beats(const Worth& that) const {
        return quality >= that.quality && other >= that.other && (quality > that.quality || other > that.other);
    }
};

}  // namespace

std::string_view name(CellState state) {
    switch (state) {
        case CellState::Waiting: return "waiting";
        case CellState::Measured: return "measured";
        case CellState::Failed: return "failed";
    }
    return {};
}

std::size_t Study::done() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(cells, [](const Cell& cell) { return cell.state != CellState::Waiting; }));
}

Quality qualityOf(const evaluate::Accuracy& accuracy) {
    const auto quality = [](const evaluate::Estimate& estimate, bool higher_is_better) {
        return Quality{estimate.value, estimate.standard_error, higher_is_better};
    };
    if (accuracy.recall || accuracy.last_word) return quality(accuracy.correct, true);
    return quality(std::isnan(accuracy.bits_per_byte.value) ? accuracy.nats : accuracy.bits_per_byte, false);
}

std::string_view qualityName(const evaluate::Accuracy& accuracy) {
    if (accuracy.recall || accuracy.last_word) return "accuracy";
    return std::isnan(accuracy.bits_per_byte.value) ? "nats per token" : "bits per byte";
}

const Cell* controlOf(const Study& study) {
    const auto nothing = [](const Cell& cell) {
        return cell.state == CellState::Measured && cell.share == 0 && !cell.layer;
    };
    const auto found = std::ranges::find_if(study.cells, nothing);
    return found == study.cells.end() ? nullptr : &*found;
}

const Speed* speedOf(const Cell& cell, const Workload& workload) {
    if (cell.state != CellState::Measured) return nullptr;
    const auto found = std::ranges::find(cell.measured.speeds, workload, &Speed::workload);
    return found == cell.measured.speeds.end() ? nullptr : &*found;
}

double winOf(const Study& study, const Cell& cell, const Speed& speed) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    if (cell.share == 0) return 1;
    if (!(speed.speed_up.known() && speed.speed_up.ci_low > 1)) return kNone;
    const Cell* control = controlOf(study);
    const Speed* itself = control ? speedOf(*control, speed.workload) : nullptr;
    return itself && itself->speed_up.known() && speed.speed_up.median <= itself->speed_up.ci_high
               ? kNone
               : speed.speed_up.median;
}

std::vector<std::size_t> paretoFrontier(const Study& study, const std::vector<double>& worth) {
    std::vector<Worth> points;
    for (std::size_t i = 0; i < study.cells.size(); ++i) {
        const Cell& cell = study.cells[i];
        if (cell.state != CellState::Measured || cell.layer) continue;
        const Quality quality = qualityOf(cell.measured.accuracy);
        if (std::isnan(quality.value) || std::isnan(worth[i])) continue;
        points.push_back({i, quality.higher_is_better ? quality.value : -quality.value, worth[i]});
    }
    std::vector<Worth> best;
    std::ranges::copy_if(points, std::back_inserter(best), [&](const Worth& point) {
        return std::ranges::none_of(points, [&](const Worth& other) { return other.beats(point); });
    });
    std::ranges::stable_sort(best, {}, &Worth::other);
    std::vector<std::size_t> cells;
    for (const Worth& point : best) cells.push_back(point.cell);
    return cells;
}

}  // namespace perfmamba::study
