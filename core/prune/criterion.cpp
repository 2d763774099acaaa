#include "core/prune/criterion.h"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/prune/criteria/criteria.h"
#include "kernels/error.h"

namespace perfmamba::prune {

std::span<const Criterion* const> criteria() {
    static const std::array all = {
        &randomCriterion(), &magnitudeCriterion(), &decayCriterion(), &deltaInputCriterion(), &outputEnergyCriterion(),
        &ghostCriterion(),  &sparseSsmCriterion(), &lastCriterion(),  &aireCriterion(),
    };
    return all;
}

std::vector<std::string> criterionIds() {
    std::vector<std::string> ids;
    for (const Criterion* criterion : criteria()) ids.emplace_back(criterion->id());
    return ids;
}

const Criterion& criterion(std::string_view id) {
    for (const Criterion* candidate : criteria()) {
        if (candidate->id() == id) return *candidate;
    }
    throw Error("criterion", fmt::format("there is no \"{}\"", id),
                fmt::format("there are {}", fmt::join(criterionIds(), ", ")));
}

const Criterion& criterionFor(std::string_view id, model::Architecture architecture) {
    const Criterion& found = criterion(id);
    if (const std::string reason = found.refusal(architecture); !reason.empty()) {
        throw Error(fmt::format("criterion {}", id),
                    fmt::format("cannot rank the states of {}: {}", name(architecture), reason), "choose another one");
    }
    return found;
}

}  // namespace perfmamba::prune
