#include "core/profile/cost_model.h"

namespace perfmamba::profile {
namespace {

constexpr double kFloatBytes = 4;
// exp, addition, division, multiplication
constexpr double kSiluFlops = 4;
// bias, exp, log1p
constexpr double kSoftplusFlops = 3;
// square, sum, scale, weight
constexpr double kNormFlops = 4;

/// The configuration's extents as the formulas name them; N is summed over the groups, and 0 outside the layers.
struct Extents {
    double B, L, M, D, Di, N, DiN, K, R, H, C, I, V;
    double a, w;  // bytes of an activation's and of a matrix's element
    std::int64_t length, chunk;

    Extents(const model::Config& c, std::int32_t layer, std::int64_t batch, std::int64_t tokens, Precision precision)
        : B(static_cast<double>(batch)),
          L(static_cast<double>(tokens)),
          M(B * L),
          D(static_cast<double>(c.d_model)),
          Di(static_cast<double>(c.d_inner)),
          N(layer == kNoLayer ? 0 : static_cast<double>(c.states(layer))),
          DiN(layer == kNoLayer ? 0 : static_cast<double>(c.ssmState(layer))),
          K(static_cast<double>(c.d_conv)),
          R(static_cast<double>(c.dt_rank)),
          H(static_cast<double>(c.n_heads)),
          C(layer == kNoLayer ? 0 : static_cast<double>(c.convWidth(layer))),
          I(layer == kNoLayer ? 0 : static_cast<double>(c.inProjRows(layer))),
          V(static_cast<double>(c.vocab_padded)),
          a(static_cast<double>(sizeOf(precision.activations))),
          w(static_cast<double>(sizeOf(precision.matrices))),
          length(tokens),
          chunk(c.chunk_size) {}
};

Cost linear(const Extents& e, double rows, double inputs, double outputs, bool bias) {
    return {2 * rows * inputs * outputs + (bias ? rows * outputs : 0),
            e.a * (rows * inputs + rows * outputs) + e.w * inputs * outputs + kFloatBytes * (bias ? outputs : 0)};
}

/// Reads residual and delta, writes residual and the normalised row.
Cost norm(const Extents& e, double rows) {
    return {(kNormFlops + 1) * rows * e.D, (2 * kFloatBytes + 2 * e.a) * rows * e.D + kFloatBytes * e.D};
}

/// Mamba-1's scan: for each token, channel and state Δ·A, exp, decay·h, Δx·B, their sum, C·h and its sum.
Cost selectiveScan(const Extents& e) {
    const double flops = e.M * (7 * e.DiN + e.Di * (kSoftplusFlops + 3));
    const double activations = 3 * e.M * e.Di + 2 * e.M * e.N;
    return {flops, e.a * activations + kFloatBytes * ((2 * e.B + 1) * e.DiN + 2 * e.Di)};
}

/// The SSD over one chunk of q tokens, the masked half only.
double chunkFlops(const Extents& e, double q) {
    const double half = q * (q + 1) / 2;
    const double attention = 2 * half * e.N;
    const double mask = 4 * half * e.H;  // difference, exp, two multiplications
    const double within = 2 * half * e.Di;
    const double state = 2 * q * e.DiN + 2 * q * e.Di;
    const double carried = 2 * q * e.DiN + q * e.N;
    const double passing = 2 * e.DiN;
    const double steps = q * e.H * (kSoftplusFlops + 2);
    return attention + mask + within + state + carried + passing + steps + 2 * q * e.Di;
}

Cost ssd(const Extents& e) {
    double flops = 0;
    if (e.length == 1) {
        flops = 5 * e.DiN + 3 * e.Di + e.H * (kSoftplusFlops + 2);
    } else {
        const std::int64_t whole = e.length / e.chunk;
        const std::int64_t rest = e.length % e.chunk;
        flops = static_cast<double>(whole) * chunkFlops(e, static_cast<double>(e.chunk));
        if (rest > 0) flops += chunkFlops(e, static_cast<double>(rest));
    }
    const double activations = e.M * (2 * e.Di + 2 * e.N + e.H);
    return {e.B * flops, e.a * activations + kFloatBytes * (2 * e.B * e.DiN + 2 * e.H + e.Di)};
}

}  // namespace

Precision precisionOf(const kernels::DeviceInfo& device) {
    return {device.precision, device.activations};
}

Cost costOf(Component component, const model::Config& c, std::int32_t layer, std::int64_t batch, std::int64_t length,
            Precision precision) {
    const Extents e(c, layer, batch, length, precision);
    const bool mamba1 = c.architecture == model::Architecture::Mamba1;
    switch (component) {
        case Component::Embedding: return {0, (e.w + kFloatBytes) * e.M * e.D};
        case Component::Norm: return norm(e, e.M);
        case Component::InProj: return linear(e, e.M, e.D, e.I, c.use_bias);
        case Component::Conv1d:
            return {e.M * e.C * (2 * e.K + kSiluFlops),
                    e.a * 2 * e.M * e.C + kFloatBytes * (e.C * (e.K + 1) + 2 * e.B * e.C * (e.K - 1))};
        case Component::XProj: return mamba1 ? linear(e, e.M, e.Di, e.R + 2 * e.N, false) : Cost{};
        case Component::DtProj: return mamba1 ? linear(e, e.M, e.R, e.Di, false) : Cost{};
        case Component::Ssm: return mamba1 ? selectiveScan(e) : ssd(e);
        case Component::Gate:
            return mamba1 ? Cost{e.M * e.Di * (kSiluFlops + 1), e.a * 3 * e.M * e.Di}
                          : Cost{e.M * e.Di * (kSiluFlops + 1 + kNormFlops), e.a * 3 * e.M * e.Di + kFloatBytes * e.Di};
        case Component::OutProj: return linear(e, e.M, e.Di, e.D, c.use_bias);
        case Component::NormF: return norm(e, e.B);
        case Component::LmHead:
            return {2 * e.B * e.D * e.V, e.a * e.B * e.D + e.w * e.D * e.V + kFloatBytes * e.B * e.V};
        case Component::Other: return {};
    }
    return {};
}

}  // namespace perfmamba::profile
