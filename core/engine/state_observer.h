// Sums over what every state did, gathered while an engine runs.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/model/config.h"
#include "kernels/backend.h"
#include "kernels/observation.h"

namespace perfmamba::engine {

/// The sums of one layer on the host. Layouts as kernels::Observation: sum and most (statistic, row, row_states),
/// binned (statistic + 1, bin, state of the layer).
struct LayerSums {
    std::int64_t rows = 0;
    std::int64_t row_states = 0;
    std::int64_t states = 0;  // of the layer, all groups
    std::vector<double> sum;
    std::vector<double> most;
    std::vector<double> binned;
};

/// Made for one engine's configuration and backend; given to Engine::observe(). Used on the engine's thread.
class StateObserver {
public:
    /// @param bins, bin_tokens  how the sequence is divided for what changes along it
    StateObserver(const model::Config& config, kernels::Backend& backend, std::int64_t bins, std::int64_t bin_tokens);

    [[nodiscard]] std::int64_t bins() const { return m_bins; }
    [[nodiscard]] std::int64_t binTokens() const { return m_bin_tokens; }
    /// (Sequence, token) pairs that each bin has seen in that layer, and in all.
    [[nodiscard]] const std::vector<std::int64_t>& binCounts(std::int64_t layer) const;
    [[nodiscard]] std::int64_t tokens(std::int64_t layer) const;
    [[nodiscard]] LayerSums read(std::int64_t layer) const;
    /// Forgets what that layer has shown.
    void clear(std::int64_t layer);

    /// For the engine: where the backend adds up one group (Mamba-1: group 0) of a layer. count() follows it once a
    /// layer.
    [[nodiscard]] kernels::Observation target(std::int64_t layer, std::int64_t group, std::int64_t position) const;
    void count(std::int64_t layer, std::int64_t batch, std::int64_t length, std::int64_t position);

private:
    struct Layer {
        std::int64_t rows = 0;
        std::int64_t row_states = 0;
        std::int64_t states = 0;
        kernels::Buffer sum, most, binned;  // doubles
        std::vector<std::int64_t> bin_counts;
    };
    model::Config m_config;
    kernels::Backend& m_backend;
    std::int64_t m_bins;
    std::int64_t m_bin_tokens;
    std::vector<Layer> m_layers;
};

}  // namespace perfmamba::engine
