// Arithmetic between a scaling study and what is drawn: free functions on values, tested without a window.
#pragma once

#include <QColor>
#include <QString>
#include <QStringList>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/study/scaling.h"
#include "widgets/format.h"

namespace perfmamba::widgets {

/// What is read of a cell.
enum class ScalingMeasure { Time, PerToken, TokensPerSecond, PeakMemory };
inline constexpr std::array kScalingMeasures = {ScalingMeasure::Time, ScalingMeasure::PerToken,
                                                ScalingMeasure::TokensPerSecond, ScalingMeasure::PeakMemory};

/// Of one measured cell, in µs, µs a token, tokens a second or bytes.
struct Reading {
    double value = 0;
    double low = 0;  // 95 % interval; NaN where there is none
    double high = 0;
    double floor = 0;  // the least that can be, of a rate the most; NaN where that is not known
};
Reading readingOf(ScalingMeasure measure, const study::ScalingCell& cell);
/// The unit for a whole axis or table, by the largest value.
Unit unitOf(ScalingMeasure measure, double largest);

/// A series and where its cells are: what ScalingStudy::series() and measured() tell, for all series in one pass.
struct SeriesCells {
    study::Series series;
    std::vector<std::size_t> cells;     // all of them, in the study's order
    std::vector<std::size_t> measured;  // by ascending length
    bool mixed = false;                 // measured on several machines: its dots are no curve
};
/// In the order of ScalingStudy::series().
std::vector<SeriesCells> seriesOf(const study::ScalingStudy& study);

/// What each series differs in from the others, "mamba2-130m · decode · N = 8", and whether it is of several machines.
QStringList seriesNames(const study::ScalingStudy& study, const std::vector<SeriesCells>& all);
/// What all of them have in common: "cpu · float32 · batch 1". Empty where nothing is.
QString commonText(const study::ScalingStudy& study, const std::vector<SeriesCells>& all);
/// "\nmeasured on HOST: DEVICE" of a measured cell; empty where the whole study is of one machine.
QString machineText(const study::ScalingStudy& study, const study::ScalingCell& cell);
/// "95 % interval 1.2 ms … 1.3 ms"; of fewer than six passes "all passes within …", for they have no interval.
QString intervalText(const profile::Summary& time);

/// The power law over a series' lengths; its exponent is NaN where there are too few or they are of several machines.
study::PowerLaw lawOf(const study::ScalingStudy& study, const SeriesCells& series, ScalingMeasure measure);
/// "0.98 ± 0.02", with its 95 % interval; "n/a" where it is not known.
QString exponentText(const study::PowerLaw& law);

/// At which mode, batch and length the cost of N is looked at.
struct StatesShape {
    profile::Mode mode = profile::Mode::Prefill;
    std::int64_t batch = 1;
    std::int64_t length = 0;

    bool operator==(const StatesShape&) const = default;
};
/// The number of states against time: one model, device and precision.
struct StatesCurve {
    study::Series series;            // its number of states and shape say nothing
    QString name;                    // what it differs in from the others, and whether it is of several machines
    std::size_t place = 0;           // among all curves of that shape, also those that are left out
    std::int64_t own = 0;            // the model's own number of states
    std::vector<std::size_t> cells;  // measured, by ascending number of states
};
/// Curves without a measured cell are left out.
std::vector<StatesCurve> statesCurves(const study::ScalingStudy& study, const StatesShape& shape);
/// Time at those states over the time at the model's own number; NaN where that was not measured on the same machine.
double ratioToOwn(const study::ScalingStudy& study, const StatesCurve& curve, std::size_t cell);
/// The shape that has the most numbers of states measured; of equals the one at which states matter most: decode, the
/// largest batch.
StatesShape likelyShape(const study::ScalingStudy& study);
/// Whether it asks for more than one number of states.
bool sweepsStates(const study::ScalingOptions& options);

/// Number of cells that these options make for that many models.
std::size_t cellCount(const study::ScalingOptions& options, std::size_t models);
/// "12 of 20 cells measured, 1 failed: …", of the cells that this part of the study is to measure.
QString progressText(const study::ScalingStudy& study);
/// "floor 12.3 ms, 81.2 % of it reached", and why that is more than 100 %; why it is not known.
QString floorText(const Reading& time);
/// Whether running it again would measure something: cells of this part of the study wait or have failed.
bool canGoOn(const study::ScalingStudy& study);

/// How a series is drawn: its colour and its marker, by its place in the study.
struct SeriesStyle {
    QColor colour;
    int marker = 0;  // QCPScatterStyle::ScatterShape
};
SeriesStyle seriesStyle(std::size_t series, bool dark);

}  // namespace perfmamba::widgets
