// Arithmetic between plans, prices, studies and what the Prune page draws: free functions on values.
#pragma once

#include <QString>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "core/model/config.h"
#include "core/prune/plan.h"
#include "core/prune/scores.h"
#include "core/study/price.h"
#include "core/study/study.h"

namespace perfmamba::widgets {

/// Criterion of the study's cell that removes nothing.
inline const QString kNothingRemoved = QStringLiteral("none");

using ScoresPtr = std::shared_ptr<const prune::Scores>;

/// What the user chose, a step of undo. A plan that was measured or loaded is kept as it was made; otherwise `made` is
/// null and the plan follows from the criterion's scores.
struct Chosen {
    QString criterion;
    prune::Choice choice;
    prune::PlanPtr made;

    bool operator==(const Chosen&) const = default;
};

/// The criterion's name as the panel has it; of one that is not known, `id`.
QString criterionTitle(const QString& id);

/// A plan that was measured in this session. Masked: its accuracy only.
struct MeasuredPlan {
    prune::PlanPtr plan;
    study::Measurement measurement;
    bool masked = false;
};

/// Where a number comes from. What is only estimated never looks measured.
enum class Standing : std::uint8_t { Missing, Estimated, Counted, Measured };

/// A number with its interval (or value ± standard error) and where it comes from; `note` says how, or why it misses.
struct Figure {
    double value = std::numeric_limits<double>::quiet_NaN();
    double low = std::numeric_limits<double>::quiet_NaN();
    double high = std::numeric_limits<double>::quiet_NaN();
    Standing standing = Standing::Missing;
    QString note;
};

/// One line of the price card: a workload's speed-up.
struct SpeedFigure {
    study::Workload workload;
    Figure speed_up;
    double bytes_ratio = std::numeric_limits<double>::quiet_NaN();  // as study::Speed has it
    double before_us = std::numeric_limits<double>::quiet_NaN();
    double after_us = std::numeric_limits<double>::quiet_NaN();
};

/// What a plan costs and wins, as far as is known.
struct Price {
    prune::Facts facts;
    Figure activity_lost;  // share of the scores' sum, 0 … 1
    std::vector<SpeedFigure> speeds;
    QString quality_name;  // "accuracy"
    bool higher_is_better = true;
    Figure quality;
    double quality_unpruned = std::numeric_limits<double>::quiet_NaN();
    Figure divergence;  // nats
    Figure agreement;   // 0 … 1
};

/// What is known beside the plan; pointers may be null.
struct Evidence {
    const MeasuredPlan* measured = nullptr;  // of this very plan
    const MeasuredPlan* unpruned = nullptr;  // of the plan that keeps everything, on the same tokens
    const study::Study* study = nullptr;
    const study::CostOfStates* cost = nullptr;
};

bool samePlan(const prune::Plan& a, const prune::Plan& b);
/// What was measured of that plan: a full measurement before a masked one, the latest first, the study's cells last.
std::optional<MeasuredPlan> measurementOf(const prune::Plan& plan, const std::vector<MeasuredPlan>& measured,
                                          const study::Study* study);
/// `scores`: what the plan was made from; null where they are not there.
Price priceOf(const model::Config& config, const prune::Plan& plan, const prune::Scores* scores,
              const Evidence& evidence);
/// The workloads that were timed: the cost curves', else the study's, else the usual ones.
std::vector<study::Workload> workloadsOf(const study::CostOfStates* cost, const study::Study* study);
/// A decode step has no length.
bool sameWorkload(const study::Workload& a, const study::Workload& b);
/// "prefill 256 × 1", "decode × 16".
QString workloadText(const study::Workload& workload);

/// The threshold that leaves that share of the states (at least one); and the share a threshold leaves. `sorted`: all
/// scores, ascending.
double thresholdKeeping(const std::vector<double>& sorted, double share);
double shareKeptBy(const std::vector<double>& sorted, double threshold);
/// `choice` as another kind of plan that keeps about the same.
prune::Choice asKind(const prune::Choice& choice, prune::PlanKind kind, double share_kept,
                     const std::vector<double>& sorted);

/// The study's quality at a share removed that it did not measure: linear between that criterion's neighbouring cells.
/// Missing where there are none on both sides. The cell that removes nothing counts for every criterion.
Figure qualityBetween(const study::Study& study, const QString& criterion, double share_removed);

/// What the trade-off's x axis shows.
struct WorthAxis {
    enum class Kind : std::uint8_t { SpeedUp, StateMemory, WeightMemory } kind = Kind::SpeedUp;
    study::Workload workload;

    bool operator==(const WorthAxis&) const = default;
};
/// A measured plan's place on that axis: times faster, or the share of bytes kept. Where its time was not measured the
/// cost curves estimate it.
Figure worthOf(const study::Measurement& measurement, const WorthAxis& axis, const study::CostOfStates* cost);
Figure worthOf(const Price& price, const WorthAxis& axis);

struct TradeoffPoint {
    std::size_t cell = 0;  // of the study
    double share = 0;      // removed
    Figure worth;
    double quality = 0;
    double quality_error = 0;
    bool frontier = false;
};
struct TradeoffSeries {
    QString criterion;
    std::vector<TradeoffPoint> points;  // by ascending share removed
};
/// The study's measured trade-off cells with a place on that axis, a line a criterion in the study's order; the cell
/// that removes nothing is a line of its own.
std::vector<TradeoffSeries> tradeoffOf(const study::Study& study, const WorthAxis& axis,
                                       const study::CostOfStates* cost);

/// A layer pruned alone: quality minus the unpruned model's.
struct LayerDelta {
    std::int64_t layer = 0;
    double share = 0;
    double delta = 0;
    double error = 0;  // both standard errors together; an upper bound, for both saw the same tokens

    bool operator==(const LayerDelta&) const = default;
};
std::vector<LayerDelta> sensitivityOf(const study::Study& study);

/// Percentages separated by commas or spaces, 0 … 99, as shares, ascending and each once; empty for anything else.
std::vector<double> sharesFrom(const QString& text);
QString sharesText(const std::vector<double>& shares);

}  // namespace perfmamba::widgets
