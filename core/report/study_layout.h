// What stands where in a study's report, as layout.h for a profile's.
#pragma once

#include <string>

#include "core/report/layout.h"
#include "core/study/study.h"

namespace perfmamba::report::layout {

/// Attributes of the group `study`.
template <class Study, class Visit>
void visitStudy(Study& study, Visit&& visit) {
    visit("identity", study.identity);
    visit("calibration", study.calibration);
    visit("evaluation", study.evaluation);
}

/// The same, of reports from version 4 on: how texts became tokens.
template <class Study, class Visit>
void visitStudyTexts(Study& study, Visit&& visit) {
    visit("calibration_made", study.calibration_made);
    visit("evaluation_made", study.unpruned.made);
    visit("last_word", study.unpruned.last_word);
}

/// `criteria`, `shares` and the table `workloads` stand beside them.
template <class Options, class Visit>
void visitStudyOptions(Options& options, Visit&& visit) {
    visit("kind", options.kind);
    visit("multiple_of", options.multiple_of);
    visit("seed", options.seed);
    visit("calibration_source", options.calibration.source);
    visit("calibration_length", options.calibration.length);
    visit("calibration_sequences", options.calibration.sequences);
    visit("calibration_seed", options.calibration.seed);
    visit("evaluation_source", options.evaluation.source);
    visit("evaluation_length", options.evaluation.length);
    visit("evaluation_sequences", options.evaluation.sequences);
    visit("evaluation_seed", options.evaluation.seed);
    visit("pairs", options.pairs);
    visit("budget_s", options.budget_s);
    visit("sensitivity_share", options.sensitivity_share);
}

/// The same, of reports from version 4 on.
template <class Options, class Visit>
void visitTextOptions(Options& options, Visit&& visit) {
    visit("calibration_field", options.calibration.field);
    visit("calibration_join", options.calibration.join);
    visit("evaluation_field", options.evaluation.field);
    visit("evaluation_join", options.evaluation.join);
    visit("evaluation_last_word", options.evaluation.last_word);
}

/// Attributes of a plan. Its states, protected layers and overrides are datasets beside them.
template <class Plan, class Visit>
void visitPlan(Plan& plan, Visit&& visit) {
    visit("model_name", plan.model_name);
    visit("model_hash", plan.model_hash);
    visit("criterion", plan.criterion);
    visit("calibration", plan.calibration);
    visit("calibration_hash", plan.calibration_hash);
    visit("seed", plan.seed);
    visit("kind", plan.choice.kind);
    visit("value", plan.choice.value);
    visit("multiple_of", plan.choice.multiple_of);
}

// Tables ---------------------------------------------------------------------------------------------------------

/// A cell without its plan and speeds.
struct CellRow {
    study::Cell cell;
    std::int64_t layer = kNoLayer;
};

struct SpeedRow {
    std::int64_t cell = 0;
    study::Speed speed;
};

/// The passes behind a speed: of the unpruned model, and of the pruned one.
struct SpeedPassRow {
    std::int64_t speed = 0;
    std::string model;
    profile::Summary time;
};

/// A layer whose number of states is not as the rest's.
struct OverrideRow {
    std::int64_t layer = 0;
    std::int64_t states = 0;
};

inline constexpr const char* kUnpruned = "unpruned";
inline constexpr const char* kPruned = "pruned";

inline constexpr About kCriteriaAbout{"", "criteria asked for"};
inline constexpr About kSharesAbout{"1", "shares of the states removed that were asked for"};
inline constexpr About kGroupStatesAbout{"1", "states N of each group of each layer before pruning"};
inline constexpr About kKeptAbout{"1",
                                  "1: the state stays, 0: it goes, or the layer has no such state; group 0's first"};
inline constexpr About kStateAbout{"1", "state of the layer, group 0's first"};
inline constexpr About kProtectedAbout{"1", "layers that keep all their states"};

template <>
struct Columns<study::Workload> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visitOf(
            visit, [](auto& row) -> auto& { return row; });
    }
    template <class Visit, class Of>
    static void visitOf(Visit&& visit, Of of) {
        visit(
            "mode", About{"", "prefill: a pass over the prompt; decode: one token after it"}, [=](auto& row) -> auto& {
                return of(row).mode;
            });
        visit(
            "batch", About{"1", "sequences at once"}, [=](auto& row) -> auto& { return of(row).batch; });
        visit(
            "length", About{"token", "tokens of a prefill pass"}, [=](auto& row) -> auto& { return of(row).length; });
    }
};

template <>
struct Columns<evaluate::Accuracy> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visitOf(
            visit, [](auto& row) -> auto& { return row; });
    }
    template <class Visit, class Of>
    static void visitOf(Visit&& visit, Of of) {
        visit(
            "tokens", About{"", "what was predicted"}, [=](auto& row) -> auto& { return of(row).tokens; });
        visit(
            "tokens_hash", About{"", "hash over all tokens"}, [=](auto& row) -> auto& { return of(row).tokens_hash; });
        visit(
            "sequences", About{"1", "sequences"}, [=](auto& row) -> auto& { return of(row).sequences; });
        visit(
            "predictions", About{"1", "predictions scored"}, [=](auto& row) -> auto& { return of(row).predictions; });
        visit(
            "recall",
            About{"1", "1: only asked positions were scored"}, [=](auto& row) -> auto& { return of(row).recall; });
        visit(
            "not_finite",
            About{"1", "positions where a logit, of either model, is not a finite number"}, [=](auto& row) -> auto& {
                return of(row).not_finite;
            });
        visit(
            "positions",
            About{"1", "positions compared with the unpruned model; 0: not compared"}, [=](auto& row) -> auto& {
                return of(row).positions;
            });
        visitEstimates(visit, of);
    }

private:
    template <class Visit, class Of>
    static void visitEstimates(Visit&& visit, Of of) {
        visit(
            "correct",
            About{"1", "share of predictions whose most likely token is the wanted one"}, [=](auto& row) -> auto& {
                return of(row).correct.value;
            });
        visit(
            "correct_se", About{"1", "standard error of correct"}, [=](auto& row) -> auto& {
                return of(row).correct.standard_error;
            });
        visit(
            "nats",
            About{"nat", "mean of -log p of the wanted token"}, [=](auto& row) -> auto& { return of(row).nats.value; });
        visit(
            "nats_se",
            About{"nat", "standard error of nats"}, [=](auto& row) -> auto& { return of(row).nats.standard_error; });
        visit(
            "perplexity", About{"1", "exp(nats)"}, [=](auto& row) -> auto& { return of(row).perplexity.value; });
        visit(
            "perplexity_se", About{"1", "standard error of perplexity"}, [=](auto& row) -> auto& {
                return of(row).perplexity.standard_error;
            });
        visit(
            "bits_per_byte",
            About{"bit", "bits a byte of the text takes; NaN where its bytes are not known"}, [=](auto& row) -> auto& {
                return of(row).bits_per_byte.value;
            });
        visit(
            "bits_per_byte_se", About{"bit", "standard error of bits_per_byte"}, [=](auto& row) -> auto& {
                return of(row).bits_per_byte.standard_error;
            });
        visit(
            "divergence",
            About{"nat", "KL(unpruned || this) of the next token; NaN where not compared"}, [=](auto& row) -> auto& {
                return of(row).divergence.value;
            });
        visit(
            "divergence_se", About{"nat", "standard error of divergence"}, [=](auto& row) -> auto& {
                return of(row).divergence.standard_error;
            });
        visit(
            "agreement", About{"1", "share of positions where both models hold the same token most likely"},
            [=](auto& row) -> auto& { return of(row).agreement.value; });
        visit(
            "agreement_se", About{"1", "standard error of agreement"}, [=](auto& row) -> auto& {
                return of(row).agreement.standard_error;
            });
    }
};

template <>
struct Columns<CellRow> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visit(
            "criterion", About{"", "what the states were scored by"},
            [](auto& row) -> auto& { return row.cell.criterion; });
        visit(
            "share", About{"1", "share of the states removed, as asked for"},
            [](auto& row) -> auto& { return row.cell.share; });
        visit(
            "layer", About{"1", "the only layer pruned; -1: all are"}, [](auto& row) -> auto& { return row.layer; });
        visit(
            "state", About{"", "waiting, measured or failed"}, [](auto& row) -> auto& { return row.cell.state; });
        visit(
            "failure", About{"", "why it failed"}, [](auto& row) -> auto& { return row.cell.failure; });
        Columns<evaluate::Accuracy>::visitOf(
            visit, [](auto& row) -> auto& { return row.cell.measured.accuracy; });
        visitFacts(
            visit, [](auto& row) -> auto& { return row.cell.measured.facts; });
    }

private:
    template <class Visit, class Of>
    static void visitFacts(Visit&& visit, Of of) {
        visit(
            "states", About{"1", "states of the model"}, [=](auto& row) -> auto& { return of(row).states; });
        visit(
            "states_kept", About{"1", "states that stay"}, [=](auto& row) -> auto& { return of(row).states_kept; });
        visit(
            "state_bytes", About{"byte", "what one sequence carries, unpruned"}, [=](auto& row) -> auto& {
                return of(row).state_bytes;
            });
        visit(
            "state_bytes_kept", About{"byte", "what one sequence carries, pruned"}, [=](auto& row) -> auto& {
                return of(row).state_bytes_kept;
            });
        visit(
            "weight_bytes",
            About{"byte", "weights in float32, unpruned"}, [=](auto& row) -> auto& { return of(row).weight_bytes; });
        visit(
            "weight_bytes_kept", About{"byte", "weights in float32, pruned and compact"}, [=](auto& row) -> auto& {
                return of(row).weight_bytes_kept;
            });
        visit(
            "score_lost",
            About{"1", "share of the sum of scores that goes, mean over layers"}, [=](auto& row) -> auto& {
                return of(row).score_lost;
            });
    }
};

template <>
struct Columns<SpeedRow> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visit(
            "cell", About{"1", "row of the table cells"}, [](auto& row) -> auto& { return row.cell; });
        Columns<study::Workload>::visitOf(
            visit, [](auto& row) -> auto& { return row.speed.workload; });
        visit(
            "speed_up", About{"1", "time unpruned over pruned, median of the pairs"},
            [](auto& row) -> auto& { return row.speed.speed_up.median; });
        visit(
            "speed_up_ci_low", About{"1", "lower end of its 95 % interval"},
            [](auto& row) -> auto& { return row.speed.speed_up.ci_low; });
        visit(
            "speed_up_ci_high", About{"1", "upper end of its 95 % interval"},
            [](auto& row) -> auto& { return row.speed.speed_up.ci_high; });
        visit(
            "pairs", About{"1", "pairs of passes"}, [](auto& row) -> auto& { return row.speed.speed_up.pairs; });
        visit(
            "bytes_ratio", About{"1", "estimate: least bytes moved, unpruned over pruned"},
            [](auto& row) -> auto& { return row.speed.bytes_ratio; });
        visit(
            "peak_bytes_before", About{"byte", "most memory in use over a pass, unpruned"},
            [](auto& row) -> auto& { return row.speed.peak_bytes_before; });
        visit(
            "peak_bytes_after", About{"byte", "most memory in use over a pass, pruned"},
            [](auto& row) -> auto& { return row.speed.peak_bytes_after; });
    }
};

template <>
struct Columns<OverrideRow> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visit(
            "layer", About{"1", "layer from 0"}, [](auto& row) -> auto& { return row.layer; });
        visit(
            "states", About{"1", "states of each of its groups that stay"},
            [](auto& row) -> auto& { return row.states; });
    }
};

template <>
struct Columns<SpeedPassRow> {
    template <class Visit>
    static void visit(Visit&& visit) {
        visit(
            "speed", About{"1", "row of the table speeds"}, [](auto& row) -> auto& { return row.speed; });
        visit(
            "model", About{"", "unpruned or pruned"}, [](auto& row) -> auto& { return row.model; });
        visitTime(visit);
    }
};

}  // namespace perfmamba::report::layout
