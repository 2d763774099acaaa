#include "core/profile/cost_model.h"

#include <algorithm>

#include "kernels/tensor.h"

namespace perfmamba::profile {
namespace {

constexpr double kFloatBytes = 4;
constexpr double kTokenIdBytes = 4;
// exp, addition, division
constexpr double kSiluFlops = 3;
// bias, exp, log1p
constexpr double kSoftplusFlops = 3;
constexpr double kSoftplusExps = 2;
// of an element: square, sum, scale, weight
constexpr double kNormFlops = 4;
// of a row: mean, eps, root, reciprocal
constexpr double kNormRowFlops = 4;

/// The configuration's extents as the formulas name them; N is summed over the groups, and 0 outside the layers.
struct Extents {
    double B, L, M, D, Di, N, DiN, K, R, G, H, C, I, V;
    double a, w;  // bytes of an activation's and of a matrix's element
    double conv_bias, linear_bias;
    bool first;  // the first layer, whose norm has nothing to add to the residual
    bool falcon;
    std::int64_t length, chunk;

    Extents(const model::Config& c, std::int32_t layer, const PassShape& pass)
        : B(static_cast<double>(pass.batch)),
          L(static_cast<double>(pass.length)),
          M(B * L),
          D(static_cast<double>(c.d_model)),
          Di(static_cast<double>(c.d_inner)),
          N(layer == kNoLayer ? 0 : static_cast<double>(c.states(layer))),
          DiN(layer == kNoLayer ? 0 : static_cast<double>(c.ssmState(layer))),
          K(static_cast<double>(c.d_conv)),
          R(static_cast<double>(c.dt_rank)),
          G(static_cast<double>(c.groups())),
          H(static_cast<double>(c.n_heads)),
          C(layer == kNoLayer ? 0 : static_cast<double>(c.convWidth(layer))),
          I(layer == kNoLayer ? 0 : static_cast<double>(c.inProjRows(layer))),
          V(static_cast<double>(c.vocab_padded)),
          a(static_cast<double>(sizeOf(pass.precision.activations))),
          w(static_cast<double>(sizeOf(pass.precision.matrices))),
          conv_bias(c.use_conv_bias ? 1 : 0),
          linear_bias(c.use_bias ? 1 : 0),
          first(layer == 0),
          falcon(c.isFalcon()),
          length(pass.length),
          chunk(c.chunk_size) {}
};

/// rows × inputs times inputs × outputs.
Cost product(const Extents& e, double rows, double inputs, double outputs, double biases = 0) {
    return {2 * rows * inputs * outputs,
            e.a * (rows * inputs + rows * outputs) + e.w * inputs * outputs + kFloatBytes * biases * outputs, 0};
}

double normFlops(double rows, double width, double groups = 1) {
    return kNormFlops * rows * width + kNormRowFlops * rows * groups;
}

/// FalconMamba's norms of dt, B and C, which have no weights, work on what the product has just written.
Cost xProj(const Extents& e) {
    const double width = e.R + 2 * e.N;
    Cost cost = product(e, e.M, e.Di, width);
    if (e.falcon) cost.flops += normFlops(e.M, width, 3) - e.M * width;
    return cost;
}

/// Reads the residual and writes the normalised row; where there is a delta, adds it first. The last norm's residual is
/// nobody's input any more.
Cost norm(const Extents& e, double rows, bool has_delta, bool keeps_residual) {
    const double adds = has_delta ? 1 : 0;
    const double kept = keeps_residual && has_delta ? 1 : 0;
    return {normFlops(rows, e.D) + adds * rows * e.D,
            rows * e.D * (kFloatBytes * (1 + kept) + e.a * (1 + adds)) + kFloatBytes * e.D, 0};
}

/// What a sequence carries, its last K − 1 inputs, is read and replaced.
Cost conv1d(const Extents& e) {
    return {e.M * e.C * (2 * e.K + kSiluFlops),
            e.a * 2 * e.M * e.C + kFloatBytes * (e.C * (e.K + e.conv_bias) + 2 * e.B * e.C * (e.K - 1)), e.M * e.C};
}

/// Mamba-1's scan: for each token, channel and state Δ·A, exp, decay·h, Δx·B, their sum, C·h and its sum; for each
/// channel the step, Δ·x and D·x.
Cost selectiveScan(const Extents& e) {
    const double activations = 3 * e.M * e.Di + 2 * e.M * e.N;
    return {e.M * (7 * e.DiN + e.Di * (kSoftplusFlops + 2)),
            e.a * activations + kFloatBytes * ((2 * e.B + 1) * e.DiN + 2 * e.Di), e.M * (e.DiN + e.Di * kSoftplusExps)};
}

/// The SSD of one sequence over one chunk of q tokens, the masked half only. The inputs are Δ·x, the decays differences
/// of the cumulated Δ·A.
Cost chunk(const Extents& e, double q) {
    const double half = q * (q + 1) / 2;
    const double steps = q * e.H * (kSoftplusFlops + 2);            // Δ, Δ·A, its sum
    const double inputs = q * e.Di;                                 // Δ·x
    const double attention = 2 * half * e.N;                        // C·B
    const double mask = 3 * half * e.H;                             // difference, exp, multiplication
    const double within = 2 * half * e.Di;                          // times the inputs
    const double carried = q * e.H + 2 * q * e.DiN + 2 * q * e.Di;  // exp, C·h, scaled and added
    const double state = 2 * q * e.H + q * e.Di + 2 * q * e.DiN;    // difference, exp, scaled inputs, times B
    const double passing = e.H + e.DiN;                             // exp, decay·h
    const double skip = 2 * q * e.Di;                               // D·x, added
    return {steps + inputs + attention + mask + within + carried + state + passing + skip, 0,
            q * e.H * kSoftplusExps + half * e.H + 2 * q * e.H + e.H};
}

/// One token of one sequence: the recurrence itself.
Cost recurrence(const Extents& e) {
    return {5 * e.DiN + 2 * e.Di + e.H * (kSoftplusFlops + 2), 0, e.H * (kSoftplusExps + 1)};
}

Cost ssd(const Extents& e) {
    Cost sequence;
    if (e.length == 1) {
        sequence = recurrence(e);
    } else {
        const std::int64_t whole = e.length / e.chunk;
        const std::int64_t rest = e.length % e.chunk;
        sequence = static_cast<double>(whole) * chunk(e, static_cast<double>(e.chunk));
        if (rest > 0) sequence += chunk(e, static_cast<double>(rest));
    }
    Cost cost = e.B * sequence;
    const double activations = e.M * (2 * e.Di + 2 * e.N + e.H);
    cost.bytes = e.a * activations + kFloatBytes * (2 * e.B * e.DiN + 2 * e.H + e.Di);
    return cost;
}

Cost gate(const Extents& e) {
    return {e.M * e.Di * (kSiluFlops + 1), e.a * 3 * e.M * e.Di, e.M * e.Di};
}

Cost gatedNorm(const Extents& e) {
    Cost cost = gate(e);
    cost.flops += normFlops(e.M, e.Di, e.G);
    cost.bytes += kFloatBytes * e.Di;
    return cost;
}

/// Each row of the table at most once.
Cost embedding(const Extents& e) {
    return {0, e.w * std::min(e.M, e.V) * e.D + (kFloatBytes * e.D + kTokenIdBytes) * e.M, 0};
}

Cost head(const Extents& e) {
    return {2 * e.B * e.D * e.V, e.a * e.B * e.D + e.w * e.D * e.V + kFloatBytes * e.B * e.V, 0};
}

/// A decode step whose components take their neighbours along: what lies between them is not moved, the residual is
/// complete after each layer, and what the norms read is float32.
Cost fusedCost(Component component, const Extents& e, bool mamba1) {
    const auto sum = [](std::initializer_list<Cost> parts, double bytes_inside) {
        Cost cost;
        for (const Cost& part : parts) cost += part;
        cost.bytes -= bytes_inside;
        return cost;
    };
    switch (component) {
        case Component::Embedding: return embedding(e);
        case Component::InProj:
            return sum({norm(e, e.M, false, false), product(e, e.M, e.D, e.I, e.linear_bias), conv1d(e)},
                       2 * e.a * e.M * (e.D + e.C));
        case Component::XProj: return mamba1 ? xProj(e) : Cost{};
        case Component::Ssm:
            if (mamba1) {
                return sum({product(e, e.M, e.R, e.Di), selectiveScan(e), gate(e)}, 4 * e.a * e.M * e.Di);
            }
            return sum({ssd(e), gate(e)}, e.M * e.Di * (3 * e.a - kFloatBytes));
        case Component::OutProj: {
            // Mamba-2's y is float32 and gated already; the product is added to the residual.
            Cost cost = product(e, e.M, e.Di, e.D, e.linear_bias);
            cost.flops += e.M * e.D;
            cost.bytes += (2 * kFloatBytes - e.a) * e.M * e.D;
            if (mamba1) return cost;
            cost.flops += normFlops(e.M, e.Di, e.G);
            cost.bytes += (kFloatBytes - e.a) * e.M * e.Di + kFloatBytes * e.Di;
            return cost;
        }
        case Component::LmHead: return sum({norm(e, e.B, false, false), head(e)}, 2 * e.a * e.B * e.D);
        default: return {};
    }
}

}  // namespace

Precision precisionOf(const kernels::DeviceInfo& device) {
    return {device.precision, device.activations};
}

Cost& Cost::operator+=(const Cost& other) {
    flops += other.flops;
    bytes += other.bytes;
    exponentials += other.exponentials;
    return *this;
}

Cost operator*(double times, const Cost& cost) {
    return {times * cost.flops, times * cost.bytes, times * cost.exponentials};
}

Cost costOf(Component component, const model::Config& c, std::int32_t layer, const PassShape& pass) {
    const Extents e(c, layer, pass);
    const bool mamba1 = c.architecture == model::Architecture::Mamba1;
    if (pass.fused) return fusedCost(component, e, mamba1);
    switch (component) {
        case Component::Embedding: return embedding(e);
        case Component::Norm: return norm(e, e.M, !e.first, true);
        case Component::InProj: return product(e, e.M, e.D, e.I, e.linear_bias);
        case Component::Conv1d: return conv1d(e);
        case Component::XProj: return mamba1 ? xProj(e) : Cost{};
        case Component::DtProj: return mamba1 ? product(e, e.M, e.R, e.Di) : Cost{};
        case Component::Ssm: return mamba1 ? selectiveScan(e) : ssd(e);
        case Component::Gate: return mamba1 ? gate(e) : gatedNorm(e);
        case Component::OutProj: return product(e, e.M, e.Di, e.D, e.linear_bias);
        case Component::NormF: return norm(e, e.B, true, false);
        case Component::LmHead: return head(e);
        case Component::Other: return {};
    }
    return {};
}

Cost costOfPass(const model::Config& config, const PassShape& pass) {
    Cost sum;
    for (const Component component : kComponents) {
        if (!isInLayers(component)) {
            sum += costOf(component, config, kNoLayer, pass);
            continue;
        }
        for (std::int32_t layer = 0; layer < config.n_layer; ++layer) sum += costOf(component, config, layer, pass);
    }
    return sum;
}

}  // namespace perfmamba::profile
