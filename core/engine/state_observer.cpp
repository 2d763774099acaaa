#include "core/engine/state_observer.h"

#include <algorithm>
#include <numeric>
#include <span>

namespace perfmamba::engine {

using kernels::Buffer;
using kernels::kStatisticCount;

namespace {

// Buffers count floats.
constexpr std::size_t kFloatsPerDouble = sizeof(double) / sizeof(float);

double* doubles(const Buffer& buffer) {
    return reinterpret_cast<double*>(buffer.data());
}

}  // namespace

StateObserver::StateObserver(const model::Config& config, kernels::Backend& backend, std::int64_t bins,
                             std::int64_t bin_tokens)
    : m_config(config), m_backend(backend), m_bins(bins), m_bin_tokens(bin_tokens) {
    const auto allocate = [&](std::size_t planes, std::int64_t cells) {
        return backend.allocate(MemoryKind::Workspace, planes * static_cast<std::size_t>(cells) * kFloatsPerDouble);
    };
    for (std::int64_t i = 0; i < config.n_layer; ++i) {
        Layer layer;
        layer.rows = config.architecture == model::Architecture::Mamba1 ? config.d_inner : config.n_heads;
        for (std::int64_t group = 0; group < config.groups(); ++group) {
            layer.row_states = std::max(layer.row_states, config.states(i, group));
        }
        layer.states = config.states(i);
        layer.sum = allocate(kStatisticCount, layer.rows * layer.row_states);
        layer.most = allocate(kStatisticCount, layer.rows * layer.row_states);
        layer.binned = allocate(kStatisticCount + 1, bins * layer.states);
        m_layers.push_back(std::move(layer));
        clear(i);
    }
}

const std::vector<std::int64_t>& StateObserver::binCounts(std::int64_t layer) const {
    return m_layers[static_cast<std::size_t>(layer)].bin_counts;
}

std::int64_t StateObserver::tokens(std::int64_t layer) const {
    const std::vector<std::int64_t>& counts = binCounts(layer);
    return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

LayerSums StateObserver::read(std::int64_t layer) const {
    const Layer& from = m_layers[static_cast<std::size_t>(layer)];
    const auto copy = [this](const Buffer& buffer) {
        std::vector<double> values(buffer.elements() / kFloatsPerDouble);
        m_backend.toHost(buffer.data(), {reinterpret_cast<float*>(values.data()), buffer.elements()});
        return values;
    };
    return {from.rows, from.row_states, from.states, copy(from.sum), copy(from.most), copy(from.binned)};
}

void StateObserver::clear(std::int64_t layer) {
    Layer& cleared = m_layers[static_cast<std::size_t>(layer)];
    for (Buffer* buffer : {&cleared.sum, &cleared.most, &cleared.binned}) m_backend.fillZero(*buffer);
    cleared.bin_counts.assign(static_cast<std::size_t>(m_bins), 0);
}

kernels::Observation StateObserver::target(std::int64_t layer, std::int64_t group, std::int64_t position) const {
    const Layer& to = m_layers[static_cast<std::size_t>(layer)];
    std::int64_t states_before = 0;
    for (std::int64_t g = 0; g < group; ++g) states_before += m_config.states(layer, g);
    const std::int64_t rows_before = group * (to.rows / m_config.groups());
    kernels::Observation result;
    result.sum = doubles(to.sum) + rows_before * to.row_states;
    result.most = doubles(to.most) + rows_before * to.row_states;
    result.plane = to.rows * to.row_states;
    result.row_stride = to.row_states;
    result.binned = doubles(to.binned) + states_before;
    result.bin_plane = m_bins * to.states;
    result.bin_stride = to.states;
    result.bins = m_bins;
    result.bin_tokens = m_bin_tokens;
    result.position = position;
    return result;
}

void StateObserver::count(std::int64_t layer, std::int64_t batch, std::int64_t length, std::int64_t position) {
    std::vector<std::int64_t>& counts = m_layers[static_cast<std::size_t>(layer)].bin_counts;
    for (std::int64_t token = position; token < position + length; ++token) {
        counts[static_cast<std::size_t>(std::min(token / m_bin_tokens, m_bins - 1))] += batch;
    }
}

}  // namespace perfmamba::engine
