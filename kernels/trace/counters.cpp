#include "kernels/trace/counters.h"

#include <map>
#include <string_view>
#include <tuple>
#include <utility>

namespace perfmamba {
namespace {

double sumOver(std::span<const KernelCounts> counts, double KernelCounts::*value) {
    if (counts.empty()) return KernelCounts::kUnknown;
    double sum = 0;
    for (const KernelCounts& count : counts) sum += count.*value;
    return sum;
}

double meanOverTime(std::span<const KernelCounts> counts, double KernelCounts::*value) {
    double sum = 0;
    double time = 0;
    for (const KernelCounts& count : counts) {
        sum += count.*value * count.time_us;
        time += count.time_us;
    }
    return time > 0 ? sum / time : KernelCounts::kUnknown;
}

}  // namespace

double KernelCounts::tensorShare() const {
    return instructions > 0 ? tensor_instructions / instructions : kUnknown;
}

KernelCounts sumOf(std::span<const KernelCounts> counts, KernelCounts of) {
    of.kernels = 0;
    for (const KernelCounts& count : counts) of.kernels += count.kernels;
    of.time_us = sumOver(counts, &KernelCounts::time_us);
    of.dram_read_bytes = sumOver(counts, &KernelCounts::dram_read_bytes);
    of.dram_written_bytes = sumOver(counts, &KernelCounts::dram_written_bytes);
    of.dram_percent = meanOverTime(counts, &KernelCounts::dram_percent);
    of.occupancy_percent = meanOverTime(counts, &KernelCounts::occupancy_percent);
    of.tensor_instructions = sumOver(counts, &KernelCounts::tensor_instructions);
    of.instructions = sumOver(counts, &KernelCounts::instructions);
    return of;
}

std::vector<KernelCounts> merged(const std::vector<KernelCounts>& kernels) {
    using Key = std::tuple<Component, Stage, std::int32_t, std::string_view>;
    std::map<Key, std::size_t> places;
    std::vector<std::vector<KernelCounts>> groups;
    for (const KernelCounts& kernel : kernels) {
        const Key key(kernel.component, kernel.stage, kernel.layer, kernel.name);
        const auto [place, fresh] = places.try_emplace(key, groups.size());
        if (fresh) groups.emplace_back();
        groups[place->second].push_back(kernel);
    }
    std::vector<KernelCounts> result;
    result.reserve(groups.size());
    for (const std::vector<KernelCounts>& group : groups) result.push_back(sumOf(group, group.front()));
    return result;
}

}  // namespace perfmamba
