// What a GPU's own counters say of the kernels of one pass: plain values.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "kernels/component.h"

namespace perfmamba {

/// Of one kernel, or of several together. NaN: not counted on this GPU. Component `Other`: no component launched it.
struct KernelCounts {
    static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

    std::string name;
    Component component = Component::Other;
    Stage stage = Stage::Whole;
    std::int32_t layer = kNoLayer;
    std::int64_t kernels = 1;
    double time_us = kUnknown;              // while it was counted, alone on the GPU
    double dram_read_bytes = kUnknown;      //
    double dram_written_bytes = kUnknown;   //
    double dram_percent = kUnknown;         // of the memory's peak throughput; of several, weighted by their time
    double occupancy_percent = kUnknown;    // warps resident, of the most there can be; weighted by time
    double tensor_instructions = kUnknown;  // of the tensor pipe, a warp's each
    double instructions = kUnknown;         // all, a warp's each

    /// Instructions of the tensor pipe over all of them.
    [[nodiscard]] double tensorShare() const;
};

struct CountedPass {
    std::string source;                 // "CUPTI 13.0, GH100"; empty where nothing was counted
    std::string missing;                // why nothing, or not all, was counted: one sentence; may be empty
    std::vector<KernelCounts> kernels;  // in the order of their launch, or merged
};

/// The counts of several kernels together, under the name, component, stage and layer of `of`. None: no kernels, NaN.
KernelCounts sumOf(std::span<const KernelCounts> counts, KernelCounts of);

/// Kernels of the same component, stage, layer and name made one, in the order in which the first of each came.
std::vector<KernelCounts> merged(const std::vector<KernelCounts>& kernels);

}  // namespace perfmamba
