#include "core/study/identity.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/model/hash.h"
#include "kernels/error.h"

namespace perfmamba::study {
namespace {

struct Field {
    const char* name;
    std::string value;
};

std::string inWords(const evaluate::TokenRequest& request) {
    std::string words = fmt::format("{} (length {}, sequences {}, seed {})", request.source, request.length,
                                    request.sequences, request.seed);
    if (!request.field.empty()) words += fmt::format(", field {}", request.field);
    if (!request.join.empty()) words += fmt::format(", joined by {}", request.join);
    if (request.last_word) words += ", last words";
    return words;
}

/// Everything that was asked for, and on what it is timed, by name.
std::vector<Field> fieldsOf(const Study& study) {
    const Options& options = study.options;
    std::vector<std::string> workloads;
    for (const Workload& workload : options.workloads) workloads.push_back(inWords(workload));
    std::vector<Field> fields = {{"criteria", fmt::format("{}", fmt::join(options.criteria, ", "))},
                                 {"shares", fmt::format("{}", fmt::join(options.shares, ", "))},
                                 {"kind of plan", std::string(prune::name(options.kind))},
                                 {"multiple", fmt::format("{}", options.multiple_of)},
                                 {"seed", fmt::format("{}", options.seed)},
                                 {"calibration tokens", inWords(options.calibration)},
                                 {"evaluation tokens", inWords(options.evaluation)},
                                 {"workloads", fmt::format("{}", fmt::join(workloads, "; "))},
                                 {"number of pairs", fmt::format("{}", options.pairs)},
                                 {"budget", fmt::format("{} s", options.budget_s)},
                                 {"sensitivity share", fmt::format("{}", options.sensitivity_share)}};
    if (options.workloads.empty()) return fields;  // accuracies are the same everywhere, times are not
    const profile::Provenance& ran = study.provenance;
    fields.push_back({"device", fmt::format("{} ({})", ran.device, ran.device_id)});
    fields.push_back({"threads", fmt::format("{}", ran.threads)});
    return fields;
}

/// What was measured of a cell may only stand for the same cell, and with a plan for this model.
void checkCells(const Study& earlier, const Study& study) {
    const auto broken = [](const std::string& reason) {
        throw Error("what is to be resumed", reason, "begin another file");
    };
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

std::string identityOf(const Study& study, const std::string& calibration_hash, const std::string& evaluation_hash) {
    model::Hash hash;
    const auto add = [&](const std::string& text) {
        hash.add(std::as_bytes(std::span(text.c_str(), text.size() + 1)));  // with its end: fields stay apart
    };
    add(study.model.hash);
    for (const Field& field : fieldsOf(study)) add(field.value);
    add(calibration_hash);
    add(evaluation_hash);
    return hash.text();
}

void checkSame(const Study& earlier, const Study& study) {
    const auto refuse = [](const std::string& difference) {
        throw Error("what is to be resumed", "is another study (" + difference + ")",
                    "ask for what it asked for, or begin another file");
    };
    if (earlier.model.hash != study.model.hash) {
        refuse(fmt::format("model: {} ({}) there, {} ({}) here", earlier.model.name, earlier.model.hash,
                           study.model.name, study.model.hash));
    }
    // Workloads come before the device: where the numbers of fields differ, these do.
    const std::vector<Field> before = fieldsOf(earlier);
    const std::vector<Field> now = fieldsOf(study);
    for (std::size_t i = 0; i < std::min(before.size(), now.size()); ++i) {
        if (before[i].value == now[i].value) continue;
        refuse(fmt::format("{}: '{}' there, '{}' here", now[i].name, before[i].value, now[i].value));
    }
    if (earlier.identity != study.identity) {
        refuse(fmt::format("tokens: they have changed since; {}; {}", study.calibration, study.evaluation));
    }
    checkCells(earlier, study);
}

}  // namespace perfmamba::study
