#include "core/study/identity.h"

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
    return fmt::format("{} (length {}, sequences {}, seed {})", request.source, request.length, request.sequences,
                       request.seed);
}

/// Everything that was asked for, by name.
std::vector<Field> fieldsOf(const Options& options) {
    std::vector<std::string> workloads;
    for (const Workload& workload : options.workloads) workloads.push_back(inWords(workload));
    return {{"criteria", fmt::format("{}", fmt::join(options.criteria, ", "))},
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
}

}  // namespace

std::string identityOf(const std::string& model_hash, const Options& options, const std::string& calibration_hash,
                       const std::string& evaluation_hash) {
    model::Hash hash;
    const auto add = [&](const std::string& text) {
        hash.add(std::as_bytes(std::span(text.c_str(), text.size() + 1)));  // with its end: fields stay apart
    };
    add(model_hash);
    for (const Field& field : fieldsOf(options)) add(field.value);
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
    const std::vector<Field> before = fieldsOf(earlier.options);
    const std::vector<Field> now = fieldsOf(study.options);
    for (std::size_t i = 0; i < now.size(); ++i) {
        if (before[i].value == now[i].value) continue;
        refuse(fmt::format("{}: '{}' there, '{}' here", now[i].name, before[i].value, now[i].value));
    }
    if (earlier.identity != study.identity) {
        refuse(fmt::format("tokens: they have changed since; {}; {}", study.calibration, study.evaluation));
    }
}

}  // namespace perfmamba::study
