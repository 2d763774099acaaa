// A model of any depth with scores, costs and a study that fit each other, as the Prune page gets them.
#pragma once

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/prune/plan.h"
#include "core/study/study.h"
#include "tests/unit/fabricated_study.h"

namespace perfmamba::test {

inline profile::ModelSummary prunedModel(std::int64_t layers = 6, std::int64_t d_state = 16) {
    profile::ModelSummary model = fabricatedProfile()->model;
    model.config.n_layer = layers;
    model.config.d_state = d_state;
    model.config.n_groups = 1;
    model.config.state_sizes.clear();
    return model;
}

/// Skewed scores, the same every time: a few states carry most. Each criterion ranks in another order.
inline std::shared_ptr<prune::Scores> scoresBy(const profile::ModelSummary& model, const std::string& criterion) {
    auto scores = std::make_shared<prune::Scores>();
    scores->criterion = criterion;
    scores->unit = "× layer mean";
    scores->model_hash = model.hash;
    if (criterion != "random" && criterion != "magnitude") {
        scores->calibration = "recall: 8 pairs in 64 tokens, 64 sequences, seed 7";
        scores->calibration_hash = "fedcba9876543210";
    }
    if (criterion == "ghost") scores->interim_share = 0.5;
    std::mt19937 random(static_cast<std::uint32_t>(criterion.size()));
    for (std::int64_t layer = 0; layer < model.config.n_layer; ++layer) {
        std::vector<double>& row = scores->layers.emplace_back();
        for (std::int64_t state = 0; state < model.config.states(layer); ++state) {
            const double part = static_cast<double>(random() % 1'000'000 + 1) / 1'000'001.0;
            row.push_back(std::exp(2.2 * (part - 0.5) + 0.08 * static_cast<double>(layer)) * part);
        }
    }
    return scores;
}

/// Prefill hardly depends on the states, decoding sixteen sequences does.
inline double fabricatedTime_us(const study::Workload& workload, double share_kept) {
    const auto batch = static_cast<double>(workload.batch);
    if (workload.mode == profile::Mode::Prefill) return 4000 * batch * (0.86 + 0.14 * share_kept);
    return 180 + batch * (12 + 55 * share_kept);
}

inline std::shared_ptr<study::CostOfStates> costOfStates(const profile::ModelSummary& model) {
    auto cost = std::make_shared<study::CostOfStates>();
    const std::int64_t all = model.config.states(0) * model.config.n_layer;
    for (const study::Workload& workload : study::defaultWorkloads(256)) {
        study::CostOfStates::Curve& curve = cost->curves.emplace_back();
        curve.workload = workload;
        for (const double share : {0.0, 0.25, 0.5, 0.75, 1.0}) {
            const double us = fabricatedTime_us(workload, share);
            curve.samples.push_back({static_cast<std::int64_t>(std::lround(share * static_cast<double>(all))),
                                     profile::summarise({us, us * 1.01, us * 0.99, us, us * 1.005, us * 0.995})});
        }
    }
    return cost;
}

/// What is left of an accuracy of 0.98.
inline evaluate::Accuracy accuracyOf(const std::string& criterion, double share) {
    const double knee = criterion == "ghost"           ? 0.86
                        : criterion == "output-energy" ? 0.80
                        : criterion == "magnitude"     ? 0.62
                                                       : 0.35;
    evaluate::Accuracy accuracy = fabricatedAccuracy(0.98 / (1 + std::pow(share / knee, 6)) + 0.01 * share);
    accuracy.divergence = {0.9 * std::pow(share / knee, 3), 0.004 + 0.01 * share};
    accuracy.agreement = {1 - 0.3 * share, 0.006};
    return accuracy;
}

inline study::Measurement measurementOf(const profile::ModelSummary& model, const prune::Plan& plan,
                                        const prune::Scores& scores, bool speeds) {
    study::Measurement measured;
    measured.facts = prune::factsOf(model.config, plan, scores);
    const double kept = static_cast<double>(plan.kept()) / static_cast<double>(plan.states());
    measured.accuracy = accuracyOf(plan.criterion, 1 - kept);
    if (!speeds) return measured;
    for (const study::Workload& workload : study::defaultWorkloads(256)) {
        study::Speed& speed = measured.speeds.emplace_back();
        speed.workload = workload;
        const double before = fabricatedTime_us(workload, 1);
        const double after = fabricatedTime_us(workload, kept);
        std::vector<double> a;
        std::vector<double> b;
        for (int i = 0; i < 15; ++i) {
            a.push_back(before * (1 + 0.004 * ((i * 7) % 5 - 2)));
            b.push_back(after * (1 + 0.004 * ((i * 3) % 5 - 2)));
        }
        speed.before = profile::summarise(a);
        speed.after = profile::summarise(b);
        speed.speed_up = profile::ratioOf(a, b);
        speed.bytes_ratio = 1 + 2 * (1 - kept);
    }
    return measured;
}

/// Two or more criteria at four shares, nothing removed once, and each layer alone.
inline std::shared_ptr<study::Study> tradeoffStudy(const profile::ModelSummary& model,
                                                   const std::vector<std::string>& criteria) {
    auto result = std::make_shared<study::Study>();
    result->model = model;
    result->options.criteria = criteria;
    result->options.workloads = study::defaultWorkloads(256);
    result->options.sensitivity_share = 0.5;
    result->evaluation = "recall: 8 pairs in 64 tokens, 256 sequences, seed 12345";
    result->unpruned = accuracyOf("ghost", 0);
    result->complete = true;
    const auto add = [&](const std::string& criterion, double share, const prune::Choice& choice) -> study::Cell& {
        const auto scores = scoresBy(model, criterion);
        study::Cell& cell = result->cells.emplace_back();
        cell.criterion = criterion;
        cell.share = share;
        cell.state = study::CellState::Measured;
        cell.plan = prune::makePlan(model.config, model.name, *scores, choice);
        cell.measured = measurementOf(model, cell.plan, *scores, true);
        return cell;
    };
    add("none", 0, {});
    for (const std::string& criterion : criteria) {
        for (const double share : {0.25, 0.5, 0.75, 0.875})
            add(criterion, share, {prune::PlanKind::Keep, 1 - share, 1, {}, {}});
    }
    for (std::int64_t layer = 0; layer < model.config.n_layer; ++layer) {
        prune::Choice choice;
        choice.overrides[layer] = model.config.d_state / 2;
        study::Cell& cell = add(criteria.front(), 0.5, choice);
        cell.layer = layer;
        const double hurt = 0.002 + 0.03 * std::abs(std::sin(static_cast<double>(layer) * 1.7));
        cell.measured.accuracy.correct = {0.98 - hurt, 0.004};
    }
    return result;
}

}  // namespace perfmamba::test
