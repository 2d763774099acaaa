// What is counted of every state while the model runs, and where the sums lie.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace perfmamba::kernels {

/// One number of a state at one token. In Mamba-1 of each channel; in Mamba-2 of each head, the mean over its P
/// channels.
enum class Statistic : std::uint8_t {
    DeltaB,   // |Δ·B|
    DeltaBx,  // |Δ·B·x|, what enters the state
    Decay,    // 1 − exp(Δ·A), the part of the state that is forgotten; in Mamba-2 the same for all states of a head
    State,    // |h|
    Output,   // |C·h|, what the state gives
    OutputEnergy,  // (C·h)², multiplied at each token, then averaged (GHOST, arXiv 2602.11408)
};

inline constexpr std::array kStatistics = {Statistic::DeltaB, Statistic::DeltaBx, Statistic::Decay,
                                           Statistic::State,  Statistic::Output,  Statistic::OutputEnergy};
inline constexpr std::size_t kStatisticCount = kStatistics.size();

/// "delta_b", "delta_bx", "decay", "state", "output", "output_energy": the name in reports and on the command line.
std::string_view name(Statistic statistic);
std::optional<Statistic> statisticFromName(std::string_view name);

/// Where Backend::observe() adds up what it sees of one layer; all on the device, in double. Rows are channels in
/// Mamba-1, heads in Mamba-2.
struct Observation {
    double* sum = nullptr;        // (statistic, row, state): over sequences and tokens
    double* most = nullptr;       // the same shape: the largest at any token (Mamba-2: and any channel of the head)
    std::int64_t plane = 0;       // doubles from one statistic to the next
    std::int64_t row_stride = 0;  // doubles from one row to the next

    /// (statistic + 1, bin, state): over sequences, rows and the tokens of the bin. Beyond the statistics stands
    /// Σ A_log²·h², what SparseSSM votes with (arXiv 2506.09613); in Mamba-2 the mean over a head's channels.
    double* binned = nullptr;
    std::int64_t bin_plane = 0;
    std::int64_t bin_stride = 0;
    std::int64_t bins = 0;
    std::int64_t bin_tokens = 0;  // tokens of a bin; what lies beyond the last bin counts in it
    std::int64_t position = 0;    // of the first token in its sequence
};

}  // namespace perfmamba::kernels
