#include "widgets/prune_derive.h"

#include <QObject>
#include <QRegularExpression>
#include <algorithm>
#include <cmath>

#include "core/report/text.h"
#include "widgets/format.h"
#include "widgets/state_arithmetic.h"

namespace perfmamba::widgets {
namespace {

constexpr std::int64_t kPrefillLength = 256;

Figure figureOf(const evaluate::Estimate& estimate) {
    Figure figure;
    figure.value = estimate.value;
    figure.low = estimate.value - estimate.standard_error;
    figure.high = estimate.value + estimate.standard_error;
    figure.standing = std::isfinite(estimate.value) ? Standing::Measured : Standing::Missing;
    return figure;
}

Figure missing(const QString& why) {
    Figure figure;
    figure.note = why;
    return figure;
}

/// Full states over kept ones, by the cost curves.
SpeedFigure estimateOf(const study::Workload& workload, const prune::Facts& facts, const study::CostOfStates* cost) {
    SpeedFigure row;
    row.workload = workload;
    if (cost == nullptr) {
        row.speed_up = missing(QObject::tr("what a number of states costs has not been measured yet"));
        return row;
    }
    const auto curve = std::find_if(cost->curves.begin(), cost->curves.end(),
                                    [&](const auto& each) { return sameWorkload(each.workload, workload); });
    if (curve == cost->curves.end()) {
        row.speed_up = missing(QObject::tr("this workload was not timed"));
        return row;
    }
    row.before_us = study::estimate_us(*cost, curve->workload, facts.states);
    row.after_us = study::estimate_us(*cost, curve->workload, facts.states_kept);
    row.speed_up.value = row.before_us / row.after_us;
    if (!std::isfinite(row.speed_up.value)) {
        row.speed_up = missing(QObject::tr("so few states were not timed"));
        return row;
    }
    row.speed_up.standing = Standing::Estimated;
    row.speed_up.note = QObject::tr("estimated from the time with as many states spread evenly");
    return row;
}

SpeedFigure measuredSpeed(const study::Speed& speed) {
    SpeedFigure row;
    row.workload = speed.workload;
    row.before_us = speed.before.median;
    row.after_us = speed.after.median;
    row.speed_up = {speed.speed_up.median, speed.speed_up.ci_low, speed.speed_up.ci_high, Standing::Measured, {}};
    row.speed_up.note = speed.speed_up.differs()
                            ? QObject::tr("%1 pairs of passes").arg(speed.speed_up.pairs)
                            : QObject::tr("no difference measured in %1 pairs of passes").arg(speed.speed_up.pairs);
    return row;
}

const study::Speed* speedOf(const study::Measurement& measurement, const study::Workload& workload) {
    const auto found = std::find_if(measurement.speeds.begin(), measurement.speeds.end(),
                                    [&](const study::Speed& speed) { return sameWorkload(speed.workload, workload); });
    return found == measurement.speeds.end() ? nullptr : &*found;
}

Figure counted(double value) {
    Figure figure;
    figure.value = figure.low = figure.high = value;
    figure.standing = Standing::Counted;
    figure.note = QObject::tr("counted from the shapes: exact");
    return figure;
}

double keptShare(std::int64_t kept, std::int64_t all) {
    return all > 0 ? static_cast<double>(kept) / static_cast<double>(all) : 0;
}

Figure memoryOf(const prune::Facts& facts, WorthAxis::Kind kind) {
    return counted(kind == WorthAxis::Kind::StateMemory ? keptShare(facts.state_bytes_kept, facts.state_bytes)
                                                        : keptShare(facts.weight_bytes_kept, facts.weight_bytes));
}

bool tradeoffCell(const study::Cell& cell) {
    return cell.state == study::CellState::Measured && !cell.layer;
}

}  // namespace

QString criterionTitle(const QString& id) {
    return QString::fromStdString(report::criterionTitle(id.toStdString()));
}

bool samePlan(const prune::Plan& a, const prune::Plan& b) {
    return a.model_hash == b.model_hash && a.layers == b.layers;
}

std::optional<MeasuredPlan> measurementOf(const prune::Plan& plan, const std::vector<MeasuredPlan>& measured,
                                          const study::Study* study) {
    const MeasuredPlan* masked = nullptr;
    for (auto it = measured.rbegin(); it != measured.rend(); ++it) {
        if (!samePlan(*it->plan, plan)) continue;
        if (!it->masked) return *it;
        if (masked == nullptr) masked = &*it;
    }
    if (study != nullptr) {
        for (const study::Cell& cell : study->cells) {
            if (cell.state != study::CellState::Measured || !samePlan(cell.plan, plan)) continue;
            if (masked != nullptr && cell.measured.speeds.empty()) break;
            return MeasuredPlan{std::make_shared<prune::Plan>(cell.plan), cell.measured, cell.measured.speeds.empty()};
        }
    }
    if (masked == nullptr) return std::nullopt;
    return *masked;
}

Price priceOf(const model::Config& config, const prune::Plan& plan, const prune::Scores* scores,
              const Evidence& evidence) {
    Price price;
    price.facts = prune::factsOf(config, plan, scores != nullptr ? *scores : prune::Scores());
    const prune::Facts& facts = price.facts;
    if (scores != nullptr || facts.states_kept == facts.states) {
        price.activity_lost = counted(facts.score_lost);
        price.activity_lost.note = QObject::tr("of the sum of all scores, mean over the layers");
    } else {
        price.activity_lost = missing(QObject::tr("the scores this plan was made from are not here"));
    }

    const study::Measurement* measured = evidence.measured != nullptr ? &evidence.measured->measurement : nullptr;
    std::vector<study::Workload> workloads = workloadsOf(evidence.cost, evidence.study);
    if (measured != nullptr) {
        for (const study::Speed& speed : measured->speeds) {
            const bool known = std::any_of(workloads.begin(), workloads.end(),
                                           [&](const auto& each) { return sameWorkload(each, speed.workload); });
            if (!known) workloads.push_back(speed.workload);
        }
    }
    const model::Config compact = prune::compactConfig(config, plan);
    for (const study::Workload& workload : workloads) {
        const study::Speed* speed = measured != nullptr ? speedOf(*measured, workload) : nullptr;
        price.speeds.push_back(speed != nullptr ? measuredSpeed(*speed) : estimateOf(workload, facts, evidence.cost));
        price.speeds.back().bytes_ratio = study::leastBytes(config, workload) / study::leastBytes(compact, workload);
    }

    price.quality_name = QObject::tr("accuracy");
    if (evidence.study != nullptr && evidence.study->unpruned.predictions > 0) {
        const evaluate::Accuracy& unpruned = evidence.study->unpruned;
        price.quality_name = fromView(study::qualityName(unpruned));
        price.quality_unpruned = study::qualityOf(unpruned).value;
        price.higher_is_better = study::qualityOf(unpruned).higher_is_better;
    }
    if (evidence.unpruned != nullptr) {
        const evaluate::Accuracy& unpruned = evidence.unpruned->measurement.accuracy;
        price.quality_name = fromView(study::qualityName(unpruned));
        price.quality_unpruned = study::qualityOf(unpruned).value;
        price.higher_is_better = study::qualityOf(unpruned).higher_is_better;
    }
    const QString not_measured = QObject::tr("not measured yet");
    price.divergence = price.agreement = missing(not_measured);
    if (measured != nullptr) {
        const evaluate::Accuracy& accuracy = measured->accuracy;
        const study::Quality quality = study::qualityOf(accuracy);
        price.quality_name = fromView(study::qualityName(accuracy));
        price.higher_is_better = quality.higher_is_better;
        price.quality = figureOf({quality.value, quality.standard_error});
        price.quality.note = QObject::tr("%1 predictions in %2 sequences: %3")
                                 .arg(grouped(accuracy.predictions), grouped(accuracy.sequences),
                                      QString::fromStdString(accuracy.tokens));
        const QString alone = QObject::tr("not compared with the unpruned model");
        price.divergence = figureOf(accuracy.divergence);
        price.agreement = figureOf(accuracy.agreement);
        if (price.divergence.standing == Standing::Missing) price.divergence.note = alone;
        if (price.agreement.standing == Standing::Missing) price.agreement.note = alone;
    } else {
        price.quality = missing(not_measured);
        const bool plain = plan.choice.overrides.empty() && plan.choice.protected_layers.empty();
        if (evidence.study != nullptr && plain && facts.states > 0) {
            price.quality = qualityBetween(*evidence.study, QString::fromStdString(plan.criterion),
                                           1 - keptShare(facts.states_kept, facts.states));
        }
    }
    return price;
}

std::vector<study::Workload> workloadsOf(const study::CostOfStates* cost, const study::Study* study) {
    std::vector<study::Workload> workloads;
    if (cost != nullptr) {
        for (const study::CostOfStates::Curve& curve : cost->curves) workloads.push_back(curve.workload);
    }
    if (workloads.empty() && study != nullptr) workloads = study->options.workloads;
    return workloads.empty() ? study::defaultWorkloads(kPrefillLength) : workloads;
}

bool sameWorkload(const study::Workload& a, const study::Workload& b) {
    return a.mode == b.mode && a.batch == b.batch && (a.mode == profile::Mode::Decode || a.length == b.length);
}

QString workloadText(const study::Workload& workload) {
    return workload.mode == profile::Mode::Prefill
               ? QObject::tr("prefill %1 × %2").arg(lengthText(workload.length)).arg(workload.batch)
               : QObject::tr("decode × %1").arg(workload.batch);
}

double thresholdKeeping(const std::vector<double>& sorted, double share) {
    if (sorted.empty()) return std::numeric_limits<double>::quiet_NaN();
    const auto count = static_cast<double>(sorted.size());
    const double gone = std::clamp(std::round((1 - share) * count), 0.0, count - 1);
    return sorted[static_cast<std::size_t>(gone)];
}

double shareKeptBy(const std::vector<double>& sorted, double threshold) {
    if (sorted.empty()) return 1;
    return 1 - static_cast<double>(countUnder(sorted, threshold)) / static_cast<double>(sorted.size());
}

prune::Choice asKind(const prune::Choice& choice, prune::PlanKind kind, double share_kept,
                     const std::vector<double>& sorted) {
    prune::Choice changed = choice;
    changed.kind = kind;
    changed.value = kind == prune::PlanKind::Threshold ? thresholdKeeping(sorted, share_kept) : share_kept;
    if (!std::isfinite(changed.value)) changed.value = 0;
    return changed;
}

Figure qualityBetween(const study::Study& study, const QString& criterion, double share_removed) {
    const study::Cell* below = nullptr;
    const study::Cell* above = nullptr;
    for (const study::Cell& cell : study.cells) {
        const QString by = QString::fromStdString(cell.criterion);
        if (!tradeoffCell(cell) || (by != criterion && by != kNothingRemoved)) continue;
        if (cell.share <= share_removed && (below == nullptr || cell.share > below->share)) below = &cell;
        if (cell.share >= share_removed && (above == nullptr || cell.share < above->share)) above = &cell;
    }
    if (below == nullptr || above == nullptr) {
        return missing(QObject::tr("not measured yet, and the study has no points on both sides"));
    }
    const double width = above->share - below->share;
    const double part = width > 0 ? (share_removed - below->share) / width : 0;
    const double a = study::qualityOf(below->measured.accuracy).value;
    const double b = study::qualityOf(above->measured.accuracy).value;
    Figure figure;
    figure.value = a + part * (b - a);
    figure.standing = Standing::Estimated;
    figure.note = QObject::tr("read off between the study's points at %1 and %2 removed")
                      .arg(percentText(below->share), percentText(above->share));
    return figure;
}

Figure worthOf(const study::Measurement& measurement, const WorthAxis& axis, const study::CostOfStates* cost) {
    if (axis.kind != WorthAxis::Kind::SpeedUp) return memoryOf(measurement.facts, axis.kind);
    const study::Speed* speed = speedOf(measurement, axis.workload);
    return (speed != nullptr ? measuredSpeed(*speed) : estimateOf(axis.workload, measurement.facts, cost)).speed_up;
}

Figure worthOf(const Price& price, const WorthAxis& axis) {
    if (axis.kind != WorthAxis::Kind::SpeedUp) return memoryOf(price.facts, axis.kind);
    for (const SpeedFigure& row : price.speeds) {
        if (sameWorkload(row.workload, axis.workload)) return row.speed_up;
    }
    return missing(QObject::tr("this workload was not timed"));
}

std::vector<TradeoffSeries> tradeoffOf(const study::Study& study, const WorthAxis& axis,
                                       const study::CostOfStates* cost) {
    std::vector<TradeoffSeries> series;
    std::vector<double> worth(study.cells.size(), std::numeric_limits<double>::quiet_NaN());
    for (std::size_t i = 0; i < study.cells.size(); ++i) {
        const study::Cell& cell = study.cells[i];
        if (!tradeoffCell(cell)) continue;
        const Figure place = worthOf(cell.measured, axis, cost);
        const study::Quality quality = study::qualityOf(cell.measured.accuracy);
        if (!std::isfinite(place.value) || !std::isfinite(quality.value)) continue;
        // Of memory less is better; an estimate is no member of a measured frontier, nor is what the noise could have
        // made.
        if (axis.kind != WorthAxis::Kind::SpeedUp) {
            worth[i] = -place.value;
        } else if (const study::Speed* speed = speedOf(cell.measured, axis.workload)) {
            worth[i] = study::winOf(study, cell, *speed);
        }
        const QString criterion = QString::fromStdString(cell.criterion);
        auto found = std::find_if(series.begin(), series.end(),
                                  [&](const TradeoffSeries& line) { return line.criterion == criterion; });
        if (found == series.end()) found = series.insert(series.end(), TradeoffSeries{criterion, {}});
        found->points.push_back({i, cell.share, place, quality.value, quality.standard_error, false});
    }
    const std::vector<std::size_t> best = study::paretoFrontier(study, worth);
    for (TradeoffSeries& line : series) {
        std::sort(line.points.begin(), line.points.end(),
                  [](const TradeoffPoint& a, const TradeoffPoint& b) { return a.share < b.share; });
        for (TradeoffPoint& point : line.points) {
            point.frontier = std::find(best.begin(), best.end(), point.cell) != best.end();
        }
    }
    return series;
}

std::vector<LayerDelta> sensitivityOf(const study::Study& study) {
    std::vector<LayerDelta> deltas;
    const study::Quality unpruned = study::qualityOf(study.unpruned);
    for (const study::Cell& cell : study.cells) {
        if (!cell.layer || cell.state != study::CellState::Measured) continue;
        const study::Quality quality = study::qualityOf(cell.measured.accuracy);
        deltas.push_back({*cell.layer, cell.share, quality.value - unpruned.value,
                          std::hypot(quality.standard_error, unpruned.standard_error)});
    }
    std::sort(deltas.begin(), deltas.end(), [](const LayerDelta& a, const LayerDelta& b) { return a.layer < b.layer; });
    return deltas;
}

std::vector<double> sharesFrom(const QString& text) {
    std::vector<double> shares;
    static const QRegularExpression kBetween(QStringLiteral("[,;\\s%]+"));
    for (const QString& part : text.split(kBetween, Qt::SkipEmptyParts)) {
        bool fine = false;
        const double percent = part.toDouble(&fine);
        if (!fine || !(percent >= 0 && percent <= 99)) return {};
        shares.push_back(percent / 100);
    }
    std::sort(shares.begin(), shares.end());
    shares.erase(std::unique(shares.begin(), shares.end()), shares.end());
    return shares;
}

QString sharesText(const std::vector<double>& shares) {
    QStringList parts;
    for (const double share : shares) parts << QString::number(share * 100, 'g', 4);
    return parts.join(QStringLiteral(", "));
}

}  // namespace perfmamba::widgets
