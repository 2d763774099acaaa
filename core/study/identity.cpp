#include "core/study/identity.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/model/hash.h"
#include "core/profile/number_text.h"
#include "kernels/error.h"

namespace perfmamba::study {
namespace {

std::string inWords(const evaluate::TokenRequest& request) {
    std::string words = fmt::format("{} (length {}, sequences {}, seed {})", request.source, request.length,
                                    request.sequences, request.seed);
    if (!request.field.empty()) words += fmt::format(", field {}", request.field);
    if (!request.join.empty()) words += fmt::format(", joined by {}", request.join);
    if (request.last_word) words += ", last words";
    return words;
}

const std::string& shownOf(const Field& field) {
    return field.shown.empty() ? field.value : field.shown;
}

/// "0 %, 50 %".
std::string inPercent(const std::vector<double>& shares) {
    std::vector<std::string> texts;
    for (const double share : shares) texts.push_back(profile::percentAsTyped(share));
    return fmt::format("{}", fmt::join(texts, ", "));
}

/// What the study's identity leaves out: reports of before version 6 do not know their chunk. Chunks are told apart
/// only where something is timed: accuracies differ by rounding alone.
std::vector<Field> computedAs(const Study& study, const Study& other) {
    std::vector<Field> fields = {{"precision", study.model.compute_type}};
    if (study.options.workloads.empty() || study.model.compute_chunk == 0 || other.model.compute_chunk == 0)
        return fields;
    fields.push_back({"chunk", fmt::format("{}", study.model.compute_chunk)});
    return fields;
}

/// Everything that was asked for, and on what it is timed, by name.
std::vector<Field> fieldsOf(const Study& study) {
    const Options& options = study.options;
    std::vector<std::string> workloads;
    for (const Workload& workload : options.workloads) workloads.push_back(inWords(workload));
    std::vector<Field> fields = {
        {"criteria", fmt::format("{}", fmt::join(options.criteria, ", "))},
        {"shares", fmt::format("{}", fmt::join(options.shares, ", ")), inPercent(options.shares)},
        {"kind of plan", std::string(prune::name(options.kind))},
        {"multiple", fmt::format("{}", options.multiple_of)},
        {"seed", fmt::format("{}", options.seed)},
        {"calibration tokens", inWords(options.calibration)},
        {"evaluation tokens", inWords(options.evaluation)},
        {"workloads", fmt::format("{}", fmt::join(workloads, "; "))},
        {"number of pairs", fmt::format("{}", options.pairs)},
        {"budget", fmt::format("{} s", options.budget_s)},
        {"sensitivity", fmt::format("{}", options.sensitivity_share),
         profile::percentAsTyped(options.sensitivity_share)}};
    if (options.workloads.empty()) return fields;  // accuracies are the same everywhere, times are not
    const profile::Provenance& ran = study.provenance;
    fields.push_back({"device", fmt::format("{} ({})", ran.device, ran.device_id)});
    fields.push_back({"threads", fmt::format("{}", ran.threads)});
    return fields;
}

std::vector<Field> fieldsOf(const ScalingOptions& options) {
    std::vector<std::string_view> modes;
    for (const profile::Mode mode : options.modes) modes.push_back(profile::name(mode));
    const auto list = [](const auto& values) { return fmt::format("{}", fmt::join(values, ", ")); };
    return {{"lengths", list(options.lengths)},
            {"modes", list(modes)},
            {"batches", list(options.batches)},
            {"precisions", list(options.precisions)},
            {"devices", list(options.devices)},
            {"numbers of states", list(options.states)},
            {"threads", fmt::format("{}", options.threads)},
            {"repeat", fmt::format("{}", options.repeat)},
            {"bound", fmt::format("{}", options.bound), profile::percentAsTyped(options.bound)},
            {"budget", fmt::format("{} s", options.budget_s)},
            {"seed", fmt::format("{}", options.seed)}};
}

/// What was measured of a cell may only stand for the same cell, and with a plan for this model.
void checkCells(const Study& earlier, const Study& study, const std::string& shown_name) {
    const auto broken = [&](const std::string& reason) { throw Error(shown_name, reason, "begin another file"); };
    if (earlier.cells.size() != study.cells.size()) {
        broken(fmt::format("has {} cells where its options ask for {}", earlier.cells.size(), study.cells.size()));
    }
    for (std::size_t i = 0; i < study.cells.size(); ++i) {
        const Cell& before = earlier.cells[i];
        const Cell& now = study.cells[i];
        if (before.criterion != now.criterion || before.share != now.share || before.layer != now.layer) {
            broken(fmt::format("has another cell {} than its options ask for", i));
        }
        if (before.state != CellState::Measured) continue;
        prune::checkFor(before.plan, study.model.config, study.model.name, study.model.hash);
    }
}

}  // namespace

std::string hashOf(const std::vector<std::string>& texts) {
    model::Hash hash;
    for (const std::string& text : texts) {
        hash.add(std::as_bytes(std::span(text.c_str(), text.size() + 1)));  // with its end: texts stay apart
    }
    return hash.text();
}

std::string difference(const std::vector<Field>& there, const std::vector<Field>& here) {
    for (std::size_t i = 0; i < std::min(there.size(), here.size()); ++i) {
        if (there[i].value == here[i].value) continue;
        return fmt::format("{}: '{}' there, '{}' here", here[i].name, shownOf(there[i]), shownOf(here[i]));
    }
    return {};
}

std::string identityOf(const Study& study, const std::string& calibration_hash, const std::string& evaluation_hash) {
    std::vector<std::string> texts = {study.model.hash};
    for (const Field& field : fieldsOf(study)) texts.push_back(field.value);
    texts.push_back(calibration_hash);
    texts.push_back(evaluation_hash);
    return hashOf(texts);
}

void checkSame(const Study& earlier, const Study& study, const std::string& shown_name) {
    const auto refuse = [&](const std::string& difference) {
        throw Error(shown_name, "is another study (" + difference + ")",
                    "ask for what it asked for, or begin another file");
    };
    if (earlier.model.hash != study.model.hash) {
        refuse(fmt::format("model: {} ({}) there, {} ({}) here", earlier.model.name, earlier.model.hash,
                           study.model.name, study.model.hash));
    }
    // Workloads come before the device: where the numbers of fields differ, these do.
    for (const std::string& differs : {difference(computedAs(earlier, study), computedAs(study, earlier)),
                                       difference(fieldsOf(earlier), fieldsOf(study))}) {
        if (!differs.empty()) refuse(differs);
    }
    if (earlier.identity != study.identity) {
        refuse(fmt::format("tokens: they have changed since; {}; {}", study.calibration, study.evaluation));
    }
    checkCells(earlier, study, shown_name);
}

std::string identityOf(const ScalingStudy& study) {
    std::vector<std::string> texts;
    for (const profile::ModelSummary& model : study.models) texts.push_back(model.hash);
    for (const Field& field : fieldsOf(study.options)) texts.push_back(field.value);
    return hashOf(texts);
}

std::string difference(const ScalingStudy& there, const ScalingStudy& here) {
    const auto textOf = [](const profile::ModelSummary& model) {
        return fmt::format("{} ({})", model.name, model.hash);
    };
    if (there.models.size() != here.models.size()) {
        return fmt::format("models: {} there, {} here", there.models.size(), here.models.size());
    }
    for (std::size_t i = 0; i < here.models.size(); ++i) {
        if (there.models[i].hash == here.models[i].hash) continue;
        return fmt::format("model: '{}' there, '{}' here", textOf(there.models[i]), textOf(here.models[i]));
    }
    std::string differs = difference(fieldsOf(there.options), fieldsOf(here.options));
    if (differs.empty() && there.identity != here.identity) {
        differs = fmt::format("identity: '{}' there, '{}' here", there.identity, here.identity);
    }
    return differs;
}

}  // namespace perfmamba::study
