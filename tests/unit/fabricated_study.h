// An activity and a study as if they had been measured: every field differs from its default.
#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "core/activity/activity.h"
#include "core/study/study.h"
#include "tests/unit/fabricated_profile.h"

namespace perfmamba::test {

/// A Mamba-2 of 3 layers, 4 heads in 2 groups, of 6 and 4 states at most.
inline profile::ModelSummary fabricatedRaggedModel() {
    profile::ModelSummary model = fabricatedProfile()->model;
    model.config.n_layer = 3;
    model.config.n_heads = 4;
    model.config.n_groups = 2;
    model.config.d_state = 6;
    model.config.state_sizes = {{6, 4}, {5, 2}, {6, 0}};
    return model;
}

inline std::shared_ptr<activity::Activity> fabricatedActivity() {
    auto result = std::make_shared<activity::Activity>();
    result->model = fabricatedRaggedModel();
    result->provenance = fabricatedProfile()->provenance;
    result->provenance.ceilings.reset();  // of profiles only
    result->tokens = "recall: 8 pairs in 64 tokens, 32 sequences, seed 7";
    result->tokens_hash = "00112233aabbccdd";
    result->tokens_made = "a token is a byte; the text is one document";
    result->sequences = 32;
    result->length = 64;
    result->tokens_seen = 31 * 64 + 7;
    result->bins = 5;
    result->bin_tokens = 13;
    result->cost = {1.07, 1.05, 1.09, 15};
    result->complete = true;
    float value = 0;
    for (const std::vector<std::int64_t>& sizes : result->model.config.state_sizes) {
        activity::LayerActivity layer;
        layer.rows = 4;
        layer.group_states = sizes;
        layer.row_states = std::max(sizes[0], sizes[1]);
        for (std::size_t statistic = 0; statistic < activity::kStatisticCount; ++statistic) {
            for (std::int64_t row = 0; row < layer.rows; ++row) {
                for (std::int64_t state = 0; state < layer.row_states; ++state) {
                    const bool beyond = state >= sizes[static_cast<std::size_t>(row / 2)];
                    layer.mean.push_back(beyond ? std::numeric_limits<float>::quiet_NaN() : value += 0.37F);
                    layer.most.push_back(layer.mean.back() * 3);
                }
            }
        }
        const auto states = static_cast<std::size_t>(sizes[0] + sizes[1]);
        for (std::size_t i = 0; i < activity::kStatisticCount * 5 * states; ++i) layer.binned.push_back(value += 0.1F);
        for (std::size_t i = 0; i < 5 * states; ++i) layer.votes.push_back(1e-3 * static_cast<double>(value += 1));
        result->layers.push_back(std::move(layer));
    }
    return result;
}

inline evaluate::Accuracy fabricatedAccuracy(double correct) {
    evaluate::Accuracy accuracy;
    accuracy.tokens = "recall: 8 pairs in 64 tokens, 256 sequences, seed 12345";
    accuracy.tokens_hash = "1234567812345678";
    accuracy.made = "tokenizer.json of 50277 tokens; windows of 64 tokens";
    accuracy.sequences = 256;
    accuracy.predictions = 2048;
    accuracy.recall = true;
    accuracy.correct = {correct, 0.01};
    accuracy.nats = {1 - correct, 0.02};
    accuracy.perplexity = {std::exp(1 - correct), 0.03};
    return accuracy;
}

inline prune::Plan fabricatedPlan(const profile::ModelSummary& model, const std::string& criterion) {
    prune::Plan plan;
    plan.model_name = model.name;
    plan.model_hash = model.hash;
    plan.criterion = criterion;
    plan.calibration = "recall: 8 pairs in 64 tokens, 64 sequences, seed 7";
    plan.calibration_hash = "fedcba9876543210";
    plan.seed = 17'000'000'000'000'000'003ULL;
    plan.choice = {prune::PlanKind::Budget, 0.625, 2, {0, 2}, {{1, 3}}};
    plan.group_states = model.config.state_sizes;
    plan.layers = {{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {0, 1, 0, 1, 0, 0, 1}, {1, 0, 0, 0, 1, 1}};
    return plan;
}

inline study::Speed fabricatedSpeed(profile::Mode mode, std::int64_t batch) {
    study::Speed speed;
    speed.workload = {mode, batch, 192};
    speed.before = profile::summarise({30.5, 31, 30, 33, 30, 30.25, 29});
    speed.after = profile::summarise({20, 20.5, 21, 22, 19, 18, 18.5});
    speed.speed_up = profile::ratioOf(speed.before.samples, speed.after.samples);
    speed.bytes_ratio = 1.75;
    speed.peak_bytes_before = 123'456;
    speed.peak_bytes_after = 65'432;
    return speed;
}

/// Three cells are measured, one failed and one waits; the last is of a single layer.
inline std::shared_ptr<study::Study> fabricatedStudy() {
    auto result = std::make_shared<study::Study>();
    result->model = fabricatedRaggedModel();
    result->provenance = fabricatedProfile()->provenance;
    result->provenance.ceilings.reset();  // of profiles only
    study::Options& options = result->options;
    options.criteria = {"ghost", "random"};
    options.shares = {0, 0.5, 0.9};
    options.kind = prune::PlanKind::Budget;
    options.multiple_of = 2;
    options.seed = 16'000'000'000'000'000'005ULL;
    options.calibration = {"/texts/ü.jsonl", 128, 12, 7, "body", "\\n\\n"};
    options.evaluation = {"task", 64, 256, 12345, "", "eos", true};
    options.workloads = {{profile::Mode::Prefill, 1, 192}, {profile::Mode::Decode, 16, 192}};
    options.pairs = 7;
    options.budget_s = 2.5;
    options.sensitivity_share = 0.5;
    result->identity = "0f0f0f0f0f0f0f0f";
    result->calibration = "12 windows of 128 tokens of ü.txt";
    result->calibration_made = "3 documents of the field \"body\", joined by the text \"\\n\\n\"";
    result->evaluation = "recall: 8 pairs in 64 tokens, 256 sequences, seed 12345";
    result->unpruned = fabricatedAccuracy(0.98);

    const auto measured = [&](const std::string& criterion, double share, double correct) {
        study::Cell cell;
        cell.criterion = criterion;
        cell.share = share;
        cell.state = study::CellState::Measured;
        cell.plan = fabricatedPlan(result->model, criterion);
        cell.measured.accuracy = fabricatedAccuracy(correct);
        cell.measured.accuracy.divergence = {0.125, 0.004};
        cell.measured.accuracy.positions = 2048;
        cell.measured.accuracy.not_finite = 3;
        cell.measured.accuracy.agreement = {0.9375, 0.006};
        cell.measured.facts = {23, 16, 4600, 3500, 300'000, 280'000, 0.0625};
        return cell;
    };
    result->cells = {measured("none", 0, 0.98), measured("ghost", 0.5, 0.875), {}, {}, measured("ghost", 0.5, 0.91)};
    result->cells[0].measured.speeds = {fabricatedSpeed(profile::Mode::Prefill, 1)};
    result->cells[1].measured.speeds = {fabricatedSpeed(profile::Mode::Prefill, 1),
                                        fabricatedSpeed(profile::Mode::Decode, 16)};
    result->cells[2].criterion = "ghost";
    result->cells[2].share = 0.9;
    result->cells[2].state = study::CellState::Failed;
    result->cells[2].failure = "memory: 12 GB are needed and 8 GB are free (a smaller batch – or a larger machine)";
    result->cells[3].criterion = "random";
    result->cells[3].share = 0.5;
    result->cells[4].layer = 2;
    return result;
}

}  // namespace perfmamba::test
