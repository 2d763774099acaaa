// Gathers recorded passes of one length into a Point.
#pragma once

#include <vector>

#include "core/model/config.h"
#include "core/profile/cost_model.h"
#include "core/profile/profile.h"
#include "kernels/backend.h"

namespace perfmamba::profile {

/// Samples of every component and layer, pass by pass: the length of its spans or, where the device was traced a kernel
/// at a time, what its kernels took. 'other' is each pass's total less its components, so that every pass adds up.
class PassStatistics {
public:
    PassStatistics(const model::Config& config, Precision precision, Mode mode, std::int64_t batch,
                   std::int64_t length);

    void add(kernels::PassRecord&& record);
    void addUntraced(double total_us) { m_untraced.push_back(total_us); }

    [[nodiscard]] std::size_t passes() const { return m_totals.size(); }
    [[nodiscard]] std::size_t untracedPasses() const { return m_untraced.size(); }
    [[nodiscard]] const std::vector<double>& totals() const { return m_totals; }
    /// Everything but what the profiler itself knows: converged, and the process's memory.
    [[nodiscard]] Point point() const;

private:
    /// A component of a layer: its samples, one a pass.
    struct Row {
        std::vector<double> samples;
        std::int64_t calls = 0;
        std::int64_t peak_bytes = 0;
    };

    [[nodiscard]] std::size_t rowIndex(Component component, std::int32_t layer) const;
    void addSpans(const kernels::PassRecord& record, std::size_t pass);
    void addKernels(const kernels::PassRecord& record, std::size_t pass);
    void addTo(std::vector<double>& samples, std::size_t pass, double time_us);
    void addMemory(const kernels::PassRecord& record);
    [[nodiscard]] double share(const std::vector<double>& samples, const std::vector<std::size_t>& passes) const;
    [[nodiscard]] Cost work(Component component, std::int32_t layer, const Row& row) const;
    [[nodiscard]] bool fused() const;
    [[nodiscard]] ComponentCost cost(Component component, std::int32_t layer, const Row& row, const Cost& work,
                                     const std::vector<std::size_t>& passes) const;

    model::Config m_config;
    Precision m_precision;
    Mode m_mode;
    std::int64_t m_batch;
    std::int64_t m_length;
    std::vector<Row> m_rows;                                // (layers + 1) × components, those without a layer first
    std::array<std::vector<double>, kStageCount> m_stages;  // by Stage
    std::vector<double> m_totals;
    std::vector<double> m_untraced;
    double m_charged = 0;  // to components in the pass being added
    TraceCounts m_counts;
    kernels::PassRecord m_last;
    MemoryProfile m_memory;
};

}  // namespace perfmamba::profile
