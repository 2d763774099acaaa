// One token of each sequence on a backend that fuses components: the same model as in engine.cpp in 3 (Mamba-2) or 4
// (Mamba-1) calls a layer. The residual is complete after each layer, since out_proj's product is added to it at once,
// and norms are part of the products that come after them:
//   in_proj   norm, in_proj, conv1d, whose channels are outputs of in_proj
//   x_proj    (Mamba-1)
//   ssm       dt_proj (Mamba-1), the step of the states, gate
//   out_proj  the gated norm (Mamba-2), out_proj, the addition to the residual
#include <algorithm>

#include "core/engine/engine.h"
#include "core/engine/pass.h"

namespace perfmamba::engine {

using kernels::Buffer;
using kernels::LinearStepArgs;
using kernels::SpanScope;
using model::Architecture;
using model::Config;

/// Groups of different N have a call of ssd() each, which nothing is fused with.
bool Engine::canFuse() const {
    const Config& c = config();
    return c.d_conv <= kernels::FusedSteps::kMostTaps &&
           (c.architecture == Architecture::Mamba1 ||
            std::ranges::all_of(m_layers, [&c](const Layer& layer) { return c.evenGroups(layer.index); }));
}

void Engine::fusedLayer(const Layer& layer, Pass& pass) {
    const Config& c = config();
    const bool first = c.architecture == Architecture::Mamba1;
    const Buffer y = first ? fusedMamba1(layer, pass) : fusedMamba2(layer, pass);
    const SpanScope span = pass.enter(*m_backend, Component::OutProj, layer.index);
    LinearStepArgs args;
    args.rows = pass.rows;
    args.x = y.view();
    args.x_stride = c.d_inner;
    args.norm = first ? nullptr : &layer.gated_norm;
    args.groups = first ? 1 : c.n_groups;
    args.eps = static_cast<float>(c.norm_eps);
    args.weight = &layer.out_proj;
    args.bias = &layer.out_proj_bias;
    args.y = pass.residual.view();
    args.accumulate = true;
    pass.fused->linearStep(args);
}

/// The outputs of in_proj, those from conv_first on convolved.
Buffer Engine::fusedProjection(const Layer& layer, Pass& pass, std::int64_t conv_first) {
    const Config& c = config();
    const SpanScope span = pass.enter(*m_backend, Component::InProj, layer.index);
    Buffer projected = pass.activations(*m_backend, c.inProjRows(layer.index));
    LinearStepArgs args;
    args.rows = pass.rows;
    args.x = pass.residual.view();
    args.x_stride = c.d_model;
    args.norm = &layer.norm;
    args.eps = static_cast<float>(c.norm_eps);
    args.weight = &layer.in_proj;
    args.bias = &layer.in_proj_bias;
    args.y = projected.view();
    args.conv_first = conv_first;
    args.conv.channels = c.convWidth(layer.index);
    args.conv.kernel = c.d_conv;
    args.conv.weight = layer.conv_weight.f32();
    args.conv.bias = layer.conv_bias.f32();
    args.conv.state = pass.state.conv[static_cast<std::size_t>(layer.index)].data();
    pass.fused->linearStep(args);
    return projected;
}

Buffer Engine::fusedMamba1(const Layer& layer, Pass& pass) {
    const Config& c = config();
    const Buffer xz = fusedProjection(layer, pass, 0);
    const std::int64_t dbc_width = c.dt_rank + 2 * c.states(layer.index);
    Buffer dbc;
    {
        const SpanScope span = pass.enter(*m_backend, Component::XProj, layer.index);
        dbc = pass.activations(*m_backend, dbc_width);
        m_backend->linear(xz.view(), 2 * c.d_inner, layer.x_proj, {}, dbc.view(), pass.rows);
        applyMask(layer, pass, dbc.view() + c.dt_rank, dbc_width);
        mixerNorms(layer, pass, dbc.view());
    }
    const SpanScope span = pass.enter(*m_backend, Component::Ssm, layer.index);
    Buffer y = pass.activations(*m_backend, c.d_inner);
    kernels::Mamba1StepArgs args;
    args.scan = scanArgs(layer, pass, xz.view(), dbc.view());
    args.scan.y = y.view();
    args.x_stride = 2 * c.d_inner;
    args.low = dbc.view();
    args.dt_weight = &layer.dt_proj;
    args.z = xz.view() + c.d_inner;
    args.z_stride = 2 * c.d_inner;
    pass.fused->mamba1Step(args);
    return y;
}

/// y is float32: what the gate makes of it need not fit into 16 bits before it is normalized.
Buffer Engine::fusedMamba2(const Layer& layer, Pass& pass) {
    const Config& c = config();
    const Buffer zxbcdt = fusedProjection(layer, pass, c.d_inner);
    const std::int64_t width = c.inProjRows(layer.index);
    const SpanScope span = pass.enter(*m_backend, Component::Ssm, layer.index);
    applyMask(layer, pass, zxbcdt.view() + 2 * c.d_inner, width);
    Buffer y = m_backend->allocate(MemoryKind::Activations, static_cast<std::size_t>(pass.rows * c.d_inner));
    kernels::Mamba2StepArgs args;
    args.ssd =
        ssdArgs(layer, pass, zxbcdt.view() + c.d_inner, width, zxbcdt.view() + c.d_inner + c.convWidth(layer.index));
    args.ssd.y_stride = c.d_inner;
    args.z = zxbcdt.view();
    args.z_stride = width;
    args.y = y.data();
    pass.fused->mamba2Step(args);
    return y;
}

void Engine::fusedHead(Pass& pass, Logits& logits) {
    const SpanScope span = pass.enter(*m_backend, Component::LmHead);
    if (!logits.values) {
        logits.values = m_backend->allocate(MemoryKind::Logits, static_cast<std::size_t>(logits.batch * logits.vocab));
    }
    LinearStepArgs args;
    args.rows = pass.rows;
    args.x = pass.residual.view();
    args.x_stride = config().d_model;
    args.norm = &m_norm_f;
    args.eps = static_cast<float>(config().norm_eps);
    args.weight = &m_lm_head;
    args.y = logits.values.view();
    pass.fused->linearStep(args);
}

}  // namespace perfmamba::engine
