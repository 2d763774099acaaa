#include "core/engine/engine.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "core/engine/pass.h"
#include "kernels/error.h"

namespace perfmamba::engine {

using kernels::Backend;
using kernels::Buffer;
using kernels::SpanScope;
using kernels::SsdArgs;
using kernels::Weight;
using kernels::WeightUse;
using model::Architecture;
using model::Config;

namespace {

Weight transposed(Backend& backend, const HostTensor& tensor, std::int64_t rows, std::int64_t cols,
                  float (*map)(float)) {
    const std::vector<float> source = tensor.toFloat();
    std::vector<float> target(source.size());
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t c = 0; c < cols; ++c) {
            target[static_cast<std::size_t>(c * rows + r)] = map(source[static_cast<std::size_t>(r * cols + c)]);
        }
    }
    return backend.load(HostTensor::fromFloat(tensor.name, {cols, rows}, std::move(target)), WeightUse::Parameter);
}

/// D of Mamba-2 as one number a channel, from one a head or one a channel.
Weight spreadOverHeads(Backend& backend, const HostTensor& tensor, const Config& config) {
    std::vector<float> values = tensor.toFloat();
    if (static_cast<std::int64_t>(values.size()) != config.d_inner) {
        std::vector<float> spread;
        for (const float value : values) spread.insert(spread.end(), static_cast<std::size_t>(config.head_dim), value);
        values = std::move(spread);
    }
    return backend.load(HostTensor::fromFloat(tensor.name, {config.d_inner}, std::move(values)), WeightUse::Parameter);
}

std::int64_t chunkOf(const Config& config, const kernels::DeviceInfo& device) {
    if (device.chunk > 0) return device.chunk;
    return device.longest_chunk > 0 ? std::min(config.chunk_size, device.longest_chunk) : config.chunk_size;
}

float negativeExp(float a_log) {
    return -std::exp(a_log);
}
float same(float value) {
    return value;
}

}  // namespace

Engine::Engine(std::shared_ptr<const model::Checkpoint> checkpoint, std::unique_ptr<Backend> backend,
               const Loading& loading)
    : m_checkpoint(std::move(checkpoint)), m_backend(std::move(backend)), m_config(m_checkpoint->config()) {
    m_config.chunk_size = chunkOf(m_config, m_backend->device());
    const Config& c = config();
    const auto matrix = [this](const std::string& name) {
        return m_backend->load(m_checkpoint->tensor(name), WeightUse::Matrix);
    };
    const auto parameter = [this](const std::string& name) {
        return m_backend->load(m_checkpoint->tensor(name), WeightUse::Parameter);
    };
    m_backend->expectParameters(m_checkpoint->parameters(), loading.beside);
    m_embedding = m_backend->load(m_checkpoint->tensor("backbone.embeddings.weight"),
                                  c.tie_embeddings ? WeightUse::Table : WeightUse::Lookup);
    m_norm_f = parameter("backbone.norm_f.weight");
    m_lm_head = c.tie_embeddings ? m_embedding : matrix("lm_head.weight");
    for (std::int64_t i = 0; i < c.n_layer; ++i) {
        if (loading.stop.stop_requested()) throw Cancelled();
        const std::string prefix = fmt::format("backbone.layers.{}.", i);
        const std::string mixer = prefix + "mixer.";
        Layer layer;
        layer.index = static_cast<std::int32_t>(i);
        layer.norm = parameter(prefix + "norm.weight");
        layer.in_proj = matrix(mixer + "in_proj.weight");
        layer.out_proj = matrix(mixer + "out_proj.weight");
        if (c.use_bias) {
            layer.in_proj_bias = parameter(mixer + "in_proj.bias");
            layer.out_proj_bias = parameter(mixer + "out_proj.bias");
        }
        layer.conv_weight =
            transposed(*m_backend, m_checkpoint->tensor(mixer + "conv1d.weight"), c.convWidth(i), c.d_conv, same);
        if (c.use_conv_bias) layer.conv_bias = parameter(mixer + "conv1d.bias");
        const HostTensor& a_log = m_checkpoint->tensor(mixer + "A_log");
        const HostTensor& d = m_checkpoint->tensor(mixer + "D");
        if (c.architecture == Architecture::Mamba1) {
            layer.x_proj = matrix(mixer + "x_proj.weight");
            layer.dt_proj = matrix(mixer + "dt_proj.weight");
            layer.dt_bias = parameter(mixer + "dt_proj.bias");
            layer.A = transposed(*m_backend, a_log, c.d_inner, c.states(i), negativeExp);
            layer.D = m_backend->load(d, WeightUse::Parameter);
        } else {
            layer.dt_bias = parameter(mixer + "dt_bias");
            layer.A = transposed(*m_backend, a_log, c.n_heads, 1, negativeExp);
            layer.D = spreadOverHeads(*m_backend, d, c);
            layer.gated_norm = parameter(mixer + "norm.weight");
        }
        m_layers.push_back(std::move(layer));
        if (loading.observer) loading.observer(static_cast<double>(i + 1) / static_cast<double>(c.n_layer));
    }
    m_mask.resize(m_layers.size());
    // What was copied is not needed twice. What is used in place comes back with the first pass.
    m_checkpoint->releasePages();
}

Engine::~Engine() = default;

void Engine::checkFits(std::int64_t batch, std::int64_t length, std::int64_t of) const {
    const Config& c = config();
    double state = 0;
    std::int64_t projected = 0;
    for (std::int64_t i = 0; i < c.n_layer; ++i) {
        state += static_cast<double>(c.ssmState(i));
        projected = std::max(projected, c.inProjRows(i) + c.convWidth(i));
    }
    // What is alive in a layer's ssm: residual, the projections, the convolution's output, y.
    const double row =
        static_cast<double>(c.d_model) * sizeof(float) +
        static_cast<double>(projected + c.d_inner) * static_cast<double>(sizeOf(m_backend->device().activations));
    const double needed = static_cast<double>(batch) * (state * sizeof(float) + static_cast<double>(length) * row);
    const auto left = static_cast<double>(m_backend->available_bytes());
    if (needed <= left) return;
    const std::string tokens = of > length ? fmt::format("{} tokens, {} at a time,", of, length)
                                           : fmt::format("{} token{}", length, length == 1 ? "" : "s");
    throw Error("memory",
                fmt::format("batch {} of {} needs at least {:.1f} GB, and {:.1f} GB are left", batch, tokens,
                            needed / 1e9, left / 1e9),
                "choose a shorter length or a smaller batch");
}

State Engine::newState(std::int64_t batch) {
    if (batch < 1) throw Error("batch", fmt::format("{} is below 1", batch));
    const Config& c = config();
    State state;
    state.batch = batch;
    for (std::int64_t i = 0; i < c.n_layer; ++i) {
        const auto zeros = [this](std::int64_t elements) {
            Buffer buffer = m_backend->allocate(MemoryKind::State, static_cast<std::size_t>(elements));
            m_backend->fillZero(buffer);
            return buffer;
        };
        state.conv.push_back(zeros(batch * (c.d_conv - 1) * c.convWidth(i)));
        state.ssm.push_back(zeros(batch * c.ssmState(i)));
    }
    return state;
}

void Engine::checkTokens(std::span<const std::int32_t> tokens, const State& state) const {
    const auto rows = static_cast<std::int64_t>(tokens.size());
    if (rows == 0) throw Error("tokens", "there are none", "a sequence has at least one");
    if (rows % state.batch != 0) {
        throw Error("tokens", fmt::format("{} ids do not make {} sequences of one length", rows, state.batch));
    }
    const std::int64_t length = rows / state.batch;
    for (std::int64_t i = 0; i < rows; ++i) {
        const std::int32_t id = tokens[static_cast<std::size_t>(i)];
        if (id < 0 || id >= config().vocab_size) {
            throw Error("tokens", fmt::format("id {} at position {} of sequence {} is outside the vocabulary of {}", id,
                                              i % length, i / length, config().vocab_size));
        }
    }
}

Logits Engine::forward(std::span<const std::int32_t> tokens, State& state, LogitsFor logits_for,
                       const std::stop_token& stop) {
    // Longer passes keep the device busy for longer than their launches keep the host.
    constexpr std::size_t kMostReplayed = 1024;
    const bool wants_logits = logits_for != LogitsFor::None;
    const bool of_last = logits_for == LogitsFor::LastToken || std::cmp_equal(tokens.size(), state.batch);
    if (wants_logits && of_last && tokens.size() <= kMostReplayed && !m_observer && m_backend->replays()) {
        return replayed(tokens, state, stop);
    }
    Pass pass = beginPass(tokens, state, stop);
    runLayers(pass);
    state.position += pass.length;
    if (!wants_logits) return {};
    Logits logits{{}, pass.batch, logits_for == LogitsFor::LastToken ? 1 : pass.length, config().vocab_padded};
    head(pass, logits);
    return logits;
}

/// The last tokens' logits, on a backend that may launch the pass again as it was before: what outlives it has its
/// place beforehand.
Logits Engine::replayed(std::span<const std::int32_t> tokens, State& state, const std::stop_token& stop) {
    checkTokens(tokens, state);
    if (stop.stop_requested()) throw Cancelled();
    const std::int64_t vocab = config().vocab_padded;
    Logits logits{m_backend->allocate(MemoryKind::Logits, static_cast<std::size_t>(state.batch * vocab)), state.batch,
                  1, vocab};
    const auto address = [](const Buffer& buffer) { return reinterpret_cast<std::uintptr_t>(buffer.view().data); };
    kernels::ReplayKey key = {static_cast<std::uint64_t>(state.batch), tokens.size(), m_mask_number,
                              address(logits.values)};
    for (const std::vector<Buffer>* buffers : {&state.conv, &state.ssm}) {
        for (const Buffer& buffer : *buffers) key.push_back(address(buffer));
    }
    m_backend->replay(key, tokens, [&] {
        Pass pass = beginPass(tokens, state, stop);
        runLayers(pass);
        head(pass, logits);
    });
    state.position += static_cast<std::int64_t>(tokens.size()) / state.batch;
    return logits;
}

void Engine::runLayers(Pass& pass) {
    for (const Layer& layer : m_layers) {
        if (pass.fused) {
            fusedLayer(layer, pass);
        } else {
            norm(layer, pass);
            mixer(layer, pass);
        }
    }
}

void Engine::forwardByLayer(std::span<const std::int32_t> tokens, State& state, const LayerHook& hook,
                            const std::stop_token& stop) {
    assert(m_observer && state.position == 0);
    Pass pass = beginPass(tokens, state, stop);
    for (const Layer& layer : m_layers) {
        norm(layer, pass);
        Buffer normed = pass.activations(*m_backend, config().d_model);
        m_backend->copy(pass.normed, normed);
        pass.observer = m_observer;
        mixer(layer, pass);
        const auto i = static_cast<std::size_t>(layer.index);
        m_backend->fillZero(state.conv[i]);
        m_backend->fillZero(state.ssm[i]);
        hook(layer.index);
        pass.normed = std::move(normed);
        pass.observer = nullptr;
        mixer(layer, pass);
    }
    state.position += pass.length;
}

Engine::Pass Engine::beginPass(std::span<const std::int32_t> tokens, State& state, const std::stop_token& stop) {
    checkTokens(tokens, state);
    const auto rows = static_cast<std::int64_t>(tokens.size());
    Pass pass{state.batch, rows / state.batch, rows, state, stop, m_observer, nullptr, {}, {}, {}};
    if (pass.length == 1 && !m_observer && canFuse()) {
        pass.fused = m_backend->fusedSteps(rows, std::max(config().d_model, config().d_inner));
    }
    const SpanScope span = pass.enter(*m_backend, Component::Embedding);
    pass.residual = m_backend->allocate(MemoryKind::Activations, static_cast<std::size_t>(rows * config().d_model));
    m_backend->embed(tokens, m_embedding, pass.residual.data());
    return pass;
}

void Engine::norm(const Layer& layer, Pass& pass) {
    const SpanScope span = pass.enter(*m_backend, Component::Norm, layer.index);
    pass.normed = pass.activations(*m_backend, config().d_model);
    m_backend->addRmsNorm(pass.residual.data(), pass.delta.view(), layer.norm, static_cast<float>(config().norm_eps),
                          pass.normed.view(), pass.rows);
    pass.delta = Buffer();
}

void Engine::mixer(const Layer& layer, Pass& pass) {
    if (config().architecture == Architecture::Mamba1) {
        mamba1(layer, pass);
    } else {
        mamba2(layer, pass);
    }
    if (pass.observer) pass.observer->count(layer.index, pass.batch, pass.length, pass.state.position);
}

/// Only the positions asked for go through the last norm and the head. `logits.values` is allocated where it is empty.
void Engine::head(Pass& pass, Logits& logits) {
    if (pass.fused) return fusedHead(pass, logits);
    const Config& c = config();
    {
        const SpanScope span = pass.enter(*m_backend, Component::NormF);
        const std::int64_t positions = logits.positions;
        pass.normed =
            m_backend->allocate(MemoryKind::Activations, static_cast<std::size_t>(pass.batch * positions * c.d_model),
                                m_backend->device().activations);
        // Where every position is asked for, the sequences lie one after the other: one call for all.
        const std::int64_t calls = positions == pass.length ? 1 : pass.batch;
        const std::int64_t rows = pass.batch * positions / calls;
        for (std::int64_t i = 0; i < calls; ++i) {
            const std::int64_t from = ((i + 1) * (pass.rows / calls) - rows) * c.d_model;
            m_backend->addRmsNorm(pass.residual.data() + from, pass.delta.view() + from, m_norm_f,
                                  static_cast<float>(c.norm_eps), pass.normed.view() + i * rows * c.d_model, rows);
        }
    }
    const SpanScope span = pass.enter(*m_backend, Component::LmHead);
    const std::int64_t rows = logits.batch * logits.positions;
    if (!logits.values) {
        logits.values = m_backend->allocate(MemoryKind::Logits, static_cast<std::size_t>(rows * logits.vocab));
    }
    m_backend->linear(pass.normed.view(), c.d_model, m_lm_head, {}, logits.values.data(), rows);
}

void Engine::mamba1(const Layer& layer, Pass& pass) {
    const Config& c = config();
    Backend& backend = *m_backend;
    const auto state = static_cast<std::size_t>(layer.index);
    Buffer xz;  // (rows, 2·Di): x, z
    {
        const SpanScope span = pass.enter(backend, Component::InProj, layer.index);
        xz = pass.activations(backend, 2 * c.d_inner);
        backend.linear(pass.normed.view(), c.d_model, layer.in_proj, layer.in_proj_bias, xz.view(), pass.rows);
        pass.normed = Buffer();
    }
    Buffer x;
    {
        const SpanScope span = pass.enter(backend, Component::Conv1d, layer.index);
        x = pass.activations(backend, c.d_inner);
        backend.conv1d({pass.batch, pass.length, c.d_inner, c.d_conv, xz.view(), 2 * c.d_inner, layer.conv_weight.f32(),
                        layer.conv_bias.f32(), pass.state.conv[state].data(), x.view()});
    }
    const std::int64_t states = c.states(layer.index);
    const std::int64_t dbc_width = c.dt_rank + 2 * states;
    Buffer dbc;  // (rows, R + 2·N): δ, B, C
    {
        const SpanScope span = pass.enter(backend, Component::XProj, layer.index);
        dbc = pass.activations(backend, dbc_width);
        backend.linear(x.view(), c.d_inner, layer.x_proj, {}, dbc.view(), pass.rows);
        applyMask(layer, pass, dbc.view() + c.dt_rank, dbc_width);
        mixerNorms(layer, pass, dbc.view());
    }
    Buffer dt;
    {
        const SpanScope span = pass.enter(backend, Component::DtProj, layer.index);
        dt = pass.activations(backend, c.d_inner);
        backend.linear(dbc.view(), dbc_width, layer.dt_proj, {}, dt.view(), pass.rows);
    }
    Buffer y;
    {
        const SpanScope span = pass.enter(backend, Component::Ssm, layer.index);
        const bool in_place = backend.scansInPlace();
        if (!in_place) y = pass.activations(backend, c.d_inner);
        kernels::SelectiveScanArgs args = scanArgs(layer, pass, x.view(), dbc.view());
        args.dt = dt.view();
        args.y = in_place ? dt.view() : y.view();
        observeGroup(layer, pass, 0, args);
        backend.selectiveScan(args);
        if (in_place) y = std::move(dt);
        x = Buffer();
        dt = Buffer();
        dbc = Buffer();
    }
    {
        const SpanScope span = pass.enter(backend, Component::Gate, layer.index);
        backend.gate(y.view(), xz.view() + c.d_inner, 2 * c.d_inner, pass.rows, c.d_inner);
        xz = Buffer();
    }
    outProj(layer, pass, y);
}

/// FalconMamba's. What is masked before them is 0 after them too, and leaves what the others are divided by as it is in
/// a checkpoint whose states were zeroed; a compact one divides by as many states as there were.
void Engine::mixerNorms(const Layer& layer, const Pass& pass, kernels::Elements dbc) {
    const Config& c = config();
    if (!c.isFalcon()) return;
    const std::int64_t states = c.states(layer.index);
    const std::int64_t stride = c.dt_rank + 2 * states;
    const auto eps = static_cast<float>(c.mixer_norm_eps);
    m_backend->plainRmsNorm(dbc, stride, pass.rows, {c.dt_rank, c.dt_rank, eps});
    m_backend->plainRmsNorm(dbc + c.dt_rank, stride, pass.rows, {states, c.norm_states, eps});
    m_backend->plainRmsNorm(dbc + (c.dt_rank + states), stride, pass.rows, {states, c.norm_states, eps});
}

/// All but dt and y. B and C lie in x_proj's rows.
kernels::SelectiveScanArgs Engine::scanArgs(const Layer& layer, const Pass& pass, kernels::ConstElements x,
                                            kernels::ConstElements dbc) const {
    const Config& c = config();
    kernels::SelectiveScanArgs args;
    args.batch = pass.batch;
    args.length = pass.length;
    args.channels = c.d_inner;
    args.states = c.states(layer.index);
    args.x = x;
    args.dt_bias = layer.dt_bias.f32();
    args.A = layer.A.f32();
    args.B = dbc + c.dt_rank;
    args.C = dbc + c.dt_rank + args.states;
    args.bc_stride = c.dt_rank + 2 * args.states;
    args.D = layer.D.f32();
    args.h = pass.state.ssm[static_cast<std::size_t>(layer.index)].data();
    return args;
}

void Engine::mamba2(const Layer& layer, Pass& pass) {
    const Config& c = config();
    Backend& backend = *m_backend;
    const auto state = static_cast<std::size_t>(layer.index);
    const std::int64_t width = c.inProjRows(layer.index);
    const std::int64_t conv_width = c.convWidth(layer.index);
    Buffer zxbcdt;  // (rows, 2·Di + 2·G·N + H): z, x, B, C, dt
    {
        const SpanScope span = pass.enter(backend, Component::InProj, layer.index);
        zxbcdt = pass.activations(backend, width);
        backend.linear(pass.normed.view(), c.d_model, layer.in_proj, layer.in_proj_bias, zxbcdt.view(), pass.rows);
        pass.normed = Buffer();
    }
    Buffer xbc;
    {
        const SpanScope span = pass.enter(backend, Component::Conv1d, layer.index);
        xbc = pass.activations(backend, conv_width);
        backend.conv1d({pass.batch, pass.length, conv_width, c.d_conv, zxbcdt.view() + c.d_inner, width,
                        layer.conv_weight.f32(), layer.conv_bias.f32(), pass.state.conv[state].data(), xbc.view()});
        applyMask(layer, pass, xbc.view() + c.d_inner, conv_width);
    }
    Buffer y;
    {
        const SpanScope span = pass.enter(backend, Component::Ssm, layer.index);
        y = pass.activations(backend, c.d_inner);
        SsdArgs args = ssdArgs(layer, pass, xbc.view(), conv_width, zxbcdt.view() + c.d_inner + conv_width);
        args.y = y.view();
        args.y_stride = c.d_inner;
        ssd(layer, pass, args);
        xbc = Buffer();
    }
    {
        const SpanScope span = pass.enter(backend, Component::Gate, layer.index);
        backend.gatedRmsNorm(y.view(), zxbcdt.view(), width, layer.gated_norm, static_cast<float>(c.norm_eps),
                             c.n_groups, pass.rows);
        zxbcdt = Buffer();
    }
    outProj(layer, pass, y);
}

/// All but y. dt lies in rows of in_proj's outputs.
SsdArgs Engine::ssdArgs(const Layer& layer, const Pass& pass, kernels::ConstElements xbc, std::int64_t stride,
                        kernels::ConstElements dt) const {
    const Config& c = config();
    SsdArgs args;
    args.batch = pass.batch;
    args.length = pass.length;
    args.heads = c.n_heads;
    args.head_dim = c.head_dim;
    args.groups = c.n_groups;
    args.states = c.states(layer.index, 0);
    args.chunk = c.chunk_size;
    args.layer = layer.index;
    args.x = xbc;
    args.B = xbc + c.d_inner;
    args.C = xbc + c.d_inner + c.states(layer.index);
    args.xbc_stride = stride;
    args.dt = dt;
    args.dt_stride = c.inProjRows(layer.index);
    args.dt_bias = layer.dt_bias.f32();
    args.A = layer.A.f32();
    args.D = layer.D.f32();
    args.dt_min = static_cast<float>(c.dt_min);
    args.dt_max = static_cast<float>(c.dt_max);
    args.h = pass.state.ssm[static_cast<std::size_t>(layer.index)].data();
    return args;
}

/// One call for all groups where they have the same N, else one for each.
void Engine::ssd(const Layer& layer, const Pass& pass, const SsdArgs& args) {
    const Config& c = config();
    if (c.evenGroups(layer.index)) {
        observeGroup(layer, pass, 0, args);
        m_backend->ssd(args);
        return;
    }
    SsdArgs group = args;
    group.heads = c.n_heads / c.n_groups;
    group.groups = 1;
    const std::int64_t channels = group.heads * c.head_dim;
    for (std::int64_t g = 0; g < c.n_groups; ++g) {
        group.states = c.states(layer.index, g);
        observeGroup(layer, pass, g, group);
        m_backend->ssd(group);
        group.x += channels;
        group.B += group.states;
        group.C += group.states;
        group.dt += group.heads;
        group.dt_bias += group.heads;
        group.A += group.heads;
        group.D += channels;
        group.h += pass.batch * channels * group.states;
        group.y += channels;
    }
}

/// Before the scan of `args`: of one group, or of all of them, `group` being the first.
template <class Args>
void Engine::observeGroup(const Layer& layer, const Pass& pass, std::int64_t group, const Args& args) {
    if (!pass.observer || args.states == 0) return;
    const SpanScope span(*m_backend, Component::Ssm, layer.index, Stage::Observation);
    m_backend->observe(args, pass.observer->target(layer.index, group, pass.state.position));
}

/// @param bc  the layer's B and C, side by side
void Engine::applyMask(const Layer& layer, const Pass& pass, kernels::Elements bc, std::int64_t stride) {
    const std::vector<std::uint8_t>& keep = m_mask[static_cast<std::size_t>(layer.index)];
    if (!keep.empty()) m_backend->maskColumns(bc, stride, pass.rows, keep);
}

void Engine::setMask(const Mask& mask) {
    ++m_mask_number;
    if (mask.empty()) {
        for (std::vector<std::uint8_t>& keep : m_mask) keep.clear();
        return;
    }
    if (mask.size() != m_layers.size()) {
        throw Error("mask", fmt::format("is of {} layers, but the model has {}", mask.size(), m_layers.size()));
    }
    for (const Layer& layer : m_layers) checkMask(layer.index, mask[static_cast<std::size_t>(layer.index)]);
    for (const Layer& layer : m_layers) setMask(layer.index, mask[static_cast<std::size_t>(layer.index)]);
}

void Engine::setMask(std::int64_t layer, const std::vector<std::uint8_t>& flags) {
    checkMask(layer, flags);
    ++m_mask_number;
    std::vector<std::uint8_t>& keep = m_mask[static_cast<std::size_t>(layer)];
    keep.clear();
    if (std::ranges::find(flags, 0) == flags.end()) return;
    keep = flags;
    keep.insert(keep.end(), flags.begin(), flags.end());
}

void Engine::checkMask(std::int64_t layer, const std::vector<std::uint8_t>& flags) const {
    if (layer < 0 || layer >= config().n_layer) {
        throw Error("mask", fmt::format("names layer {}, but the model has {}", layer, config().n_layer));
    }
    if (!flags.empty() && std::cmp_not_equal(flags.size(), config().states(layer))) {
        throw Error("mask", fmt::format("has {} flags for layer {}, which has {} states", flags.size(), layer,
                                        config().states(layer)));
    }
}

void Engine::outProj(const Layer& layer, Pass& pass, const Buffer& y) {
    const Config& c = config();
    const SpanScope span = pass.enter(*m_backend, Component::OutProj, layer.index);
    pass.delta = pass.activations(*m_backend, c.d_model);
    m_backend->linear(y.view(), c.d_inner, layer.out_proj, layer.out_proj_bias, pass.delta.view(), pass.rows);
}

std::vector<float> Engine::logits(std::span<const std::int32_t> tokens, State& state, LogitsFor logits_for) {
    const Logits result = forward(tokens, state, logits_for);
    std::vector<float> values(result.values.elements());
    m_backend->toHost(result.values.data(), values);
    return values;
}

}  // namespace perfmamba::engine
