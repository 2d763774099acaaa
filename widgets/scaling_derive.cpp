#include "widgets/scaling_derive.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <tuple>

#include "core/profile/floors.h"

namespace perfmamba::widgets {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Tokens of one pass: of a decode step one a sequence.
double tokensOf(const study::ScalingCell& cell) {
    const std::int64_t length = cell.series.mode == profile::Mode::Prefill ? cell.length : 1;
    return static_cast<double>(cell.series.batch * length);
}

QString modeText(profile::Mode mode) {
    return fromView(profile::name(mode));
}

/// In how many values the series of a study differ, of each thing that they can differ in.
struct Differences {
    std::set<std::size_t> models;
    std::set<std::string> devices, precisions;
    std::set<profile::Mode> modes;
    std::set<std::int64_t> batches, states;
};

template <typename Range, typename Projection = std::identity>
Differences differencesOf(const Range& all, Projection seriesOfEach = {}) {
    Differences found;
    for (const auto& each : all) {
        const study::Series& series = std::invoke(seriesOfEach, each);
        found.models.insert(series.model);
        found.devices.insert(series.device);
        found.precisions.insert(series.precision);
        found.modes.insert(series.mode);
        found.batches.insert(series.batch);
        found.states.insert(series.states);
    }
    return found;
}

/// The parts of a series' name of which `said` is true, given how many values there are of each.
template <typename Said>
QString partsOf(const study::ScalingStudy& study, const study::Series& series, const Differences& d, Said said) {
    QStringList parts;
    const auto add = [&](std::size_t values, const QString& text) {
        if (said(values)) parts << text;
    };
    add(d.models.size(), QString::fromStdString(study.models[series.model].name));
    add(d.devices.size(), QString::fromStdString(series.device));
    add(d.precisions.size(), QString::fromStdString(series.precision));
    add(d.modes.size(), modeText(series.mode));
    add(d.batches.size(), QObject::tr("batch %1").arg(series.batch));
    add(d.states.size(), series.states > 0 ? QObject::tr("N = %1").arg(series.states)
                                           : QObject::tr("N = %1 (own)").arg(study.statesOf(series)));
    return parts.join(QStringLiteral(" · "));
}

bool ofSeveralMachines(const study::ScalingStudy& study, const std::vector<std::size_t>& measured) {
    const auto provenance = [&](std::size_t cell) { return study.cells[cell].provenance; };
    const auto other = [&](std::size_t cell) {
        return provenance(cell) != provenance(measured.front()) &&
               !study::sameMachine(study.provenances[provenance(cell)],
                                   study.provenances[provenance(measured.front())]);
    };
    return std::ranges::any_of(measured, other);
}

/// The name, marked where the cells are of several machines.
QString marked(const QString& name, bool mixed) {
    return mixed ? QObject::tr("%1 · several machines").arg(name) : name;
}

bool several(std::size_t values) {
    return values > 1;
}

bool one(std::size_t values) {
    return values == 1;
}

}  // namespace

Reading readingOf(ScalingMeasure measure, const study::ScalingCell& cell) {
    const profile::Summary& time = cell.point.total;
    const double floor_us = profile::floorOfPass(cell.point);
    const double tokens = tokensOf(cell);
    switch (measure) {
        case ScalingMeasure::Time: return {time.median, time.ci_low, time.ci_high, floor_us};
        case ScalingMeasure::PerToken:
            return {time.median / tokens, time.ci_low / tokens, time.ci_high / tokens, floor_us / tokens};
        case ScalingMeasure::TokensPerSecond: {
            const double per_us = tokens * 1e6;
            return {per_us / time.median, per_us / time.ci_high, per_us / time.ci_low, per_us / floor_us};
        }
        case ScalingMeasure::PeakMemory: return {static_cast<double>(cell.point.memory.peak.total()), kNaN, kNaN, kNaN};
    }
    return {kNaN, kNaN, kNaN, kNaN};
}

Unit unitOf(ScalingMeasure measure, double largest) {
    switch (measure) {
        case ScalingMeasure::Time:
        case ScalingMeasure::PerToken: return timeUnit(largest);
        case ScalingMeasure::TokensPerSecond: return {1, QStringLiteral("tokens/s")};
        case ScalingMeasure::PeakMemory: return bytesUnit(largest);
    }
    return {};
}

std::vector<SeriesCells> seriesOf(const study::ScalingStudy& study) {
    using Key = std::tuple<std::size_t, std::string_view, std::string_view, profile::Mode, std::int64_t, std::int64_t>;
    std::map<Key, std::size_t> places;
    std::vector<SeriesCells> all;
    for (std::size_t i = 0; i < study.cells.size(); ++i) {
        const study::Series& s = study.cells[i].series;
        const Key key{s.model, s.device, s.precision, s.mode, s.batch, s.states};
        const auto [place, is_new] = places.try_emplace(key, all.size());
        if (is_new) all.push_back({s, {}, {}});
        SeriesCells& series = all[place->second];
        series.cells.push_back(i);
        if (study.cells[i].state == study::CellState::Measured) series.measured.push_back(i);
    }
    for (SeriesCells& series : all) {
        std::ranges::stable_sort(series.measured, {}, [&](std::size_t i) { return study.cells[i].length; });
        series.mixed = ofSeveralMachines(study, series.measured);
    }
    return all;
}

QStringList seriesNames(const study::ScalingStudy& study, const std::vector<SeriesCells>& all) {
    const Differences differences = differencesOf(all, &SeriesCells::series);
    QStringList names;
    for (const SeriesCells& each : all) {
        const QString name = partsOf(study, each.series, differences, several);
        names << marked(name.isEmpty() ? QString::fromStdString(study.models[each.series.model].name) : name,
                        each.mixed);
    }
    return names;
}

QString commonText(const study::ScalingStudy& study, const std::vector<SeriesCells>& all) {
    if (all.empty()) return {};
    // Each model's own number of states is none that they have in common.
    Differences differences = differencesOf(all, &SeriesCells::series);
    if (differences.models.size() > 1 && all.front().series.states == 0) differences.states.clear();
    return partsOf(study, all.front().series, differences, one);
}

QString machineText(const study::ScalingStudy& study, const study::ScalingCell& cell) {
    if (study.provenances.size() < 2) return {};
    const profile::Provenance& taken = study.provenances[cell.provenance];
    return QObject::tr("\nmeasured on %1: %2")
        .arg(QString::fromStdString(taken.host), QString::fromStdString(taken.device));
}

QString intervalText(const profile::Summary& time) {
    constexpr std::size_t kFewest = 6;  // passes that have an interval
    const QString text =
        time.n() < kFewest ? QObject::tr("all passes within %1 … %2") : QObject::tr("95 % interval %1 … %2");
    return text.arg(timeText(time.ci_low), timeText(time.ci_high));
}

study::PowerLaw lawOf(const study::ScalingStudy& study, const SeriesCells& series, ScalingMeasure measure) {
    if (series.mixed) return {kNaN, kNaN, kNaN, kNaN, kNaN, 0};
    std::vector<double> lengths, values;
    for (const std::size_t cell : series.measured) {
        lengths.push_back(static_cast<double>(study.cells[cell].length));
        values.push_back(readingOf(measure, study.cells[cell]).value);
    }
    return study::fitPowerLaw(lengths, values);
}

QString exponentText(const study::PowerLaw& law) {
    if (!std::isfinite(law.exponent)) return QStringLiteral("n/a");
    const double half = (law.exponent_ci_high - law.exponent_ci_low) / 2;
    constexpr double kShownAsZero = 0.005;  // and never as −0.00
    const QString exponent = QString::number(std::abs(law.exponent) < kShownAsZero ? 0 : law.exponent, 'f', 2);
    return std::isfinite(half) ? QStringLiteral("%1 ± %2").arg(exponent).arg(half, 0, 'f', 2) : exponent;
}

std::vector<StatesCurve> statesCurves(const study::ScalingStudy& study, const StatesShape& shape) {
    std::vector<StatesCurve> curves;
    std::vector<study::Series> kinds;
    for (std::size_t i = 0; i < study.cells.size(); ++i) {
        const study::ScalingCell& cell = study.cells[i];
        if (StatesShape{cell.series.mode, cell.series.batch, cell.length} != shape) continue;
        study::Series kind = cell.series;
        kind.states = 0;
        auto found = std::ranges::find(curves, kind, &StatesCurve::series);
        if (found == curves.end()) {
            curves.push_back({kind, {}, curves.size(), study.models[kind.model].config.d_state, {}});
            kinds.push_back(kind);
            found = std::prev(curves.end());
        }
        if (cell.state == study::CellState::Measured) found->cells.push_back(i);
    }
    const Differences differences = differencesOf(kinds);
    for (StatesCurve& curve : curves) {
        curve.name = partsOf(study, curve.series, differences, several);
        if (curve.name.isEmpty()) curve.name = QString::fromStdString(study.models[curve.series.model].name);
        const auto states = [&](std::size_t i) {
            const study::Series& series = study.cells[i].series;
            return std::pair(study.statesOf(series), study.hasOwnStates(series));
        };
        std::ranges::sort(curve.cells, {}, states);
        // The model's own number may have been asked for twice: by its number, and as "own".
        const auto repeated = std::ranges::unique(curve.cells, {}, states);
        curve.cells.erase(repeated.begin(), repeated.end());
        curve.name = marked(curve.name, ofSeveralMachines(study, curve.cells));
    }
    std::erase_if(curves, [](const StatesCurve& curve) { return curve.cells.empty(); });
    return curves;
}

double ratioToOwn(const study::ScalingStudy& study, const StatesCurve& curve, std::size_t cell) {
    for (const std::size_t other : curve.cells) {
        if (!study.hasOwnStates(study.cells[other].series)) continue;
        if (ofSeveralMachines(study, {cell, other})) return kNaN;
        return study.cells[cell].point.total.median / study.cells[other].point.total.median;
    }
    return kNaN;
}

StatesShape likelyShape(const study::ScalingStudy& study) {
    // By decode or not, batch and length: of equals the last is the likely one.
    std::map<std::tuple<bool, std::int64_t, std::int64_t>, std::set<std::int64_t>> states;
    for (const study::ScalingCell& cell : study.cells) {
        auto& of_shape = states[{cell.series.mode == profile::Mode::Decode, cell.series.batch, cell.length}];
        if (cell.state == study::CellState::Measured) of_shape.insert(study.statesOf(cell.series));
    }
    StatesShape likely;
    std::size_t most = 0;
    for (const auto& [shape, of_shape] : states) {
        const auto& [decode, batch, length] = shape;
        if (length < 1 || of_shape.size() < most) continue;
        most = of_shape.size();
        likely = {decode ? profile::Mode::Decode : profile::Mode::Prefill, batch, length};
    }
    return likely;
}

bool sweepsStates(const study::ScalingOptions& options) {
    return options.states.size() > 1;
}

std::size_t cellCount(const study::ScalingOptions& options, std::size_t models) {
    return models * options.lengths.size() * options.modes.size() * options.batches.size() * options.precisions.size() *
           options.devices.size() * options.states.size();
}

QString progressText(const study::ScalingStudy& study) {
    std::size_t mine = 0, measured = 0, failed = 0;
    QString failure;  // the first
    for (std::size_t i = 0; i < study.cells.size(); ++i) {
        if (!study.mine(i)) continue;
        const study::ScalingCell& cell = study.cells[i];
        ++mine;
        if (cell.state == study::CellState::Measured) ++measured;
        if (cell.state != study::CellState::Failed) continue;
        if (++failed == 1) failure = QString::fromStdString(cell.failure);
    }
    const QString part =
        study.shards > 1 ? QObject::tr(" of part %1/%2").arg(study.shard).arg(study.shards) : QString();
    const QString text = QObject::tr("%1 of %2 cells%3 measured").arg(measured).arg(mine).arg(part);
    return failed == 0 ? text : text + QObject::tr(", %1 failed: %2").arg(failed).arg(failure);
}

QString floorText(const Reading& time) {
    if (!std::isfinite(time.floor)) return QObject::tr("floor not known: the device's ceilings were not measured");
    const QString text =
        QObject::tr("floor %1, %2 of it reached").arg(timeText(time.floor), percentText(time.floor / time.value));
    if (time.floor <= time.value) return text;
    return text + QObject::tr(": faster than memory, for caches serve it");
}

bool canGoOn(const study::ScalingStudy& study) {
    for (std::size_t i = 0; i < study.cells.size(); ++i) {
        if (study.mine(i) && study.cells[i].state != study::CellState::Measured) return true;
    }
    return false;
}

SeriesStyle seriesStyle(std::size_t series, bool dark) {
    using S = QCPScatterStyle;
    // Okabe and Ito's colours, those that are lost on a dark ground made lighter. As there is another number of markers
    // than of colours, many series pass before two look the same.
    static constexpr std::array<unsigned, 7> kLight = {0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7,
                                                       0xE69F00, 0x56B4E9, 0x5A606A};
    static constexpr std::array<unsigned, 7> kDark = {0x4DA3DB, 0xE8793A, 0x1FBF92, 0xD991B8,
                                                      0xE69F00, 0x8CCBF0, 0xA3A8B0};
    static constexpr std::array kMarkers = {S::ssDisc,    S::ssSquare,           S::ssTriangle,
                                            S::ssDiamond, S::ssTriangleInverted, S::ssPlusSquare};
    return {QColor(dark ? kDark[series % kDark.size()] : kLight[series % kLight.size()]),
            kMarkers[series % kMarkers.size()]};
}

}  // namespace perfmamba::widgets
