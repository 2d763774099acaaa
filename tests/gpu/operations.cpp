#include "tests/gpu/operations.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "tests/gpu/device_memory.h"
#include "tests/support/kernel_values.h"

namespace perfmamba::tests {
namespace {

using kernels::Backend;
using kernels::Elements;
using kernels::SelectiveScanArgs;
using kernels::SsdArgs;
using kernels::Weight;
namespace reference = kernels::reference;

std::size_t size(std::int64_t count) {
    return static_cast<std::size_t>(count);
}

/// Elements between the rows of an operand. With an odd one no row is aligned, and kernels take an element at a time;
/// with kEven they take vectors, as in models.
constexpr std::int64_t kOdd = 3;
constexpr std::int64_t kEven = 8;

class Checks {
public:
    Checks(Backend& backend, bool large) : m_backend(backend), m_large(large) {
        switch (backend.device().precision) {
            case DType::F32: m_rounding = 0x1p-24; break;
            case DType::F16: m_rounding = 0x1p-11; break;
            case DType::BF16: m_rounding = 0x1p-8; break;
        }
    }

    std::vector<Check> all() {
        norms();
        products();
        convolutions();
        gates();
        masks();
        scans();
        ssds();
        return std::move(m_checks);
    }

private:
    // Sums of some hundred products in float32, and the roundings of operands and result on the way.
    [[nodiscard]] double bound(int roundings = 1) const { return 3e-6 + roundings * m_rounding; }

    void compare(const std::string& what, const Values& got, const Values& expected, double at_most) {
        m_checks.push_back({what, distance(got, expected), at_most});
    }

    void norms() {
        for (const std::int64_t width : {1, 7, 768, 2560}) {
            DeviceMemory memory(m_backend);
            Random random(1);
            Values residual = memory.rounded(random.values(5 * width));
            const Values delta = memory.rounded(random.values(5 * width));
            const Values weight = random.values(width);
            float* r = memory.state(residual);
            const Elements out = memory.result(residual.size());
            m_backend.addRmsNorm(r, memory.matrix(delta), memory.parameter(weight), 1e-5F, out, 5);
            const Values expected = reference::addRmsNorm(residual, delta, weight, 1e-5);
            compare(fmt::format("norm, width {}", width), memory.read(out, expected.size()), expected, bound());
            compare(fmt::format("residual, width {}", width), memory.read(r, residual.size()), residual, bound(0));
        }
    }

    void products() {
        products({1}, 1, 1, kOdd);
        products({3}, 5, 7, kOdd);
        products({40}, 33, 130, kOdd);
        products({17}, 96, 80, kOdd);
        products({5}, 96, 80, kEven);
        products({2}, 96, 520, kEven);
        for (const std::int64_t gap : {kOdd, kEven}) products({1}, 64, 400, gap);
        if (!m_large) return;
        products({16}, 768, 3352, kOdd);
        products({1024}, 1536, 768, kOdd);
        for (const std::int64_t gap : {kOdd, kEven}) products({1}, 2560, 10576, gap);
        for (const std::int64_t outputs : {80, 520, 2050, 3001}) {
            for (const std::int64_t inputs : {768, 5120}) products({1, 2, 4, 8, 16}, inputs, outputs, kEven);
        }
    }
    void products(std::initializer_list<std::int64_t> all_rows, std::int64_t inputs, std::int64_t outputs,
                  std::int64_t gap) {
        DeviceMemory memory(m_backend);
        Random random(2);
        const Values weight = memory.rounded(random.values(outputs * inputs));
        const Values bias = memory.rounded(random.values(outputs));
        const Weight w = memory.weight(weight, outputs);
        for (const std::int64_t rows : all_rows) {
            const Values x = memory.rounded(random.values(rows * inputs));
            const std::int64_t stride = inputs + gap;
            const Elements wide = memory.matrix(beside(rows, {&x}, gap));
            const std::string what = fmt::format("product {} × {} × {}, gap {}", rows, inputs, outputs, gap);
            Values expected = reference::linear(x, weight, {}, inputs, outputs);
            const Elements y = memory.result(expected.size());
            m_backend.linear(wide, stride, w, {}, y, rows);
            compare(what, memory.read(y, expected.size()), expected, bound());
            float* logits = memory.state(Values(expected.size(), 0.0));
            m_backend.linear(wide, stride, w, {}, logits, rows);
            compare(what + " to float32", memory.read(logits, expected.size()), expected, bound(0));
            m_backend.linear(wide, stride, w, memory.parameter(bias), y, rows);
            for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += bias[i % bias.size()];
            compare(what + " with bias", memory.read(y, expected.size()), expected, bound());
        }
    }

    /// Two calls in a row, so that the second starts from the state that the first left; so below.
    void convolutions() {
        convolutions(37, kOdd);
        convolutions(40, kEven);
        if (m_large) convolutions(1536, kEven);
    }
    void convolutions(std::int64_t channels, std::int64_t gap) {
        for (const std::int64_t kernel : {1, 2, 4, 7}) {
            for (const std::int64_t length : {1, 2, 5, 70}) {
                DeviceMemory memory(m_backend);
                Random random(3);
                reference::Conv1d a{
                    2, length, channels, kernel, {}, random.values(kernel * channels), random.values(channels)};
                Values state = memory.rounded(random.values(2 * (kernel - 1) * channels));
                float* s = memory.state(state);
                const Weight w = memory.parameter(a.weight);
                const Weight b = memory.parameter(a.bias);
                for (int call = 0; call < 2; ++call) {
                    a.x = memory.rounded(random.values(2 * length * channels));
                    const Elements y = memory.result(a.x.size());
                    const Elements x = memory.matrix(beside(2 * length, {&a.x}, gap));
                    m_backend.conv1d({2, length, channels, kernel, x, channels + gap, w.f32(), b.f32(), s, y});
                    const Values expected = reference::conv1d(a, state);
                    const std::string what =
                        fmt::format("conv1d, C {}, K {}, L {}, call {}", channels, kernel, length, call);
                    compare(what, memory.read(y, expected.size()), expected, bound());
                    compare(what + ", state", memory.read(s, state.size()), state, bound(0));
                }
            }
        }
    }

    void gates() {
        gates(kOdd);
        gates(kEven);
    }
    void gates(std::int64_t gap) {
        for (const std::int64_t width : {4, 132, 1536}) {
            DeviceMemory memory(m_backend);
            Random random(5);
            const Values y0 = memory.rounded(random.values(3 * width));
            const Values z = memory.rounded(random.values(3 * width, -40, 40));
            const Values weight = random.values(width);
            const Elements zs = memory.matrix(beside(3, {&z}, gap));
            const Elements y = memory.matrix(y0);
            m_backend.gate(y, zs, width + gap, 3, width);
            compare(fmt::format("gate, width {}, gap {}", width, gap), memory.read(y, y0.size()),
                    reference::gate(y0, z), bound());
            for (const std::int64_t groups : {1, 2, 4}) {
                const Elements normed = memory.matrix(y0);
                m_backend.gatedRmsNorm(normed, zs, width + gap, memory.parameter(weight), 1e-5F, groups, 3);
                compare(fmt::format("gated norm, width {}, {} groups, gap {}", width, groups, gap),
                        memory.read(normed, y0.size()), reference::gatedRmsNorm(y0, z, weight, 1e-5, groups), bound());
            }
        }
    }

    void masks() {
        DeviceMemory memory(m_backend);
        Random random(6);
        Values expected = memory.rounded(random.values(3 * 150));
        const Elements x = memory.matrix(expected);
        std::vector<std::uint8_t> keep(149);
        for (std::size_t i = 0; i < keep.size(); ++i) keep[i] = i % 3 == 0;
        m_backend.maskColumns(x + 1, 150, 3, keep);
        for (std::size_t i = 0; i < expected.size(); ++i) {
            if (i % 150 > 0 && keep[i % 150 - 1] == 0) expected[i] = 0;
        }
        compare("mask", memory.read(x, expected.size()), expected, 0);
        Values part(expected.begin(), expected.begin() + 16);
        m_backend.plainRmsNorm(x, 150, 1, {16, 24, 1e-6F});
        compare("plain norm", memory.read(x, 16), reference::plainRmsNorm(part, 16, 24, 1e-6), bound());
    }

    struct ScanShape {
        std::int64_t batch, length, channels, states, gap = kOdd;
    };

    void scans() {
        std::vector<ScanShape> shapes;
        for (const std::int64_t states : {0, 1, 5, 16, 96, 128, 256}) {
            for (const std::int64_t length : {1, 19}) shapes.push_back({2, length, 37, states});
        }
        shapes.insert(shapes.end(), {{17, 1, 48, 16}, {1, 300, 16, 16}, {3, 65, 5, 16}});
        shapes.insert(shapes.end(), {{1, 300, 16, 16, kEven}, {2, 19, 40, 96, kEven}});
        if (m_large) {
            shapes.insert(shapes.end(), {{1, 1000, 1536, 16}, {2, 1000, 1536, 12}, {16, 1, 5120, 16}});
            // As models have them: the wave (up to 16 states and much to do), wide loads with more states.
            shapes.insert(shapes.end(), {{1, 4096, 1536, 16, kEven},
                                         {2, 1500, 1536, 12, kEven},
                                         {1, 1024, 5120, 16, kEven},
                                         {1, 600, 64, 96, kEven},
                                         {1, 300, 1536, 128, kEven}});
        }
        for (const ScanShape& shape : shapes) scan(shape);
    }

    void scan(const ScanShape& s) {
        DeviceMemory memory(m_backend);
        Random random(7);
        const std::int64_t rows = s.batch * s.length;
        reference::SelectiveScan a;
        a.batch = s.batch, a.length = s.length, a.channels = s.channels, a.states = s.states;
        a.dt_bias = random.values(s.channels, -3, 0);
        a.A = random.values(s.states * s.channels, -16, -0.5);
        a.D = random.values(s.channels);
        Values state = memory.rounded(random.values(s.batch * s.states * s.channels));
        float* h = memory.state(state);
        const Weight bias = memory.parameter(a.dt_bias);
        const Weight A = memory.parameter(a.A);
        const Weight D = memory.parameter(a.D);
        for (int call = 0; call < 2; ++call) {
            a.x = memory.rounded(random.values(rows * s.channels));
            a.dt = memory.rounded(random.values(rows * s.channels, -30, 30));
            a.B = memory.rounded(random.values(rows * s.states));
            a.C = memory.rounded(random.values(rows * s.states));
            const Elements bc = memory.matrix(beside(rows, {&a.B, &a.C}, s.gap));
            const Elements y = memory.result(a.x.size());
            const SelectiveScanArgs args{
                s.batch,    s.length, s.channels, s.states,      memory.matrix(a.x),   memory.matrix(a.dt),
                bias.f32(), A.f32(),  bc,         bc + s.states, 2 * s.states + s.gap, D.f32(),
                h,          y};
            const std::string what = fmt::format("scan, B {}, L {}, D {}, N {}, gap {}, call {}", s.batch, s.length,
                                                 s.channels, s.states, s.gap, call);
            if (s.states > 0 && s.length < 400) observe(what, args, a, state, s.channels);
            m_backend.selectiveScan(args);
            const Values expected = reference::selectiveScan(a, state);
            compare(what, memory.read(y, expected.size()), expected, bound());
            compare(what + ", h", memory.read(h, state.size()), state, bound(0));
        }
    }

    struct SsdShape {
        std::int64_t batch, length, heads, head_dim, groups, states, chunk;
    };

    void ssds() {
        std::vector<SsdShape> shapes;
        for (const std::int64_t states : {0, 1, 5, 16, 96, 128, 256}) {
            for (const std::int64_t length : {1, 45}) shapes.push_back({1, length, 2, 16, 1, states, 32});
        }
        for (const std::int64_t groups : {2, 4, 8}) shapes.push_back({2, 37, 8, 16, groups, 8, 16});
        // With 32 channels a head there is no kernel of warp groups: the walk takes them.
        shapes.insert(shapes.end(),
                      {{17, 1, 4, 16, 2, 16, 32}, {1, 130, 3, 64, 1, 64, 64}, {1, 130, 3, 32, 1, 128, 64}});
        if (m_large) {
            shapes.insert(shapes.end(), {{1, 4096, 24, 64, 1, 128, 256},
                                         {2, 1000, 24, 64, 1, 90, 256},
                                         {1, 2048, 24, 32, 1, 128, 256},
                                         {2, 700, 16, 96, 2, 64, 256}});
        }
        for (const SsdShape& shape : shapes) ssd(shape);
    }

    void ssd(const SsdShape& s) {
        DeviceMemory memory(m_backend);
        Random random(8);
        const std::int64_t rows = s.batch * s.length;
        const std::int64_t width = s.heads * s.head_dim;
        const std::int64_t bc = s.groups * s.states;
        reference::Ssd a;
        a.batch = s.batch, a.length = s.length, a.heads = s.heads, a.head_dim = s.head_dim, a.groups = s.groups;
        a.states = s.states;
        a.dt_bias = random.values(s.heads, -4, 0);
        a.A = random.values(s.heads, -16, -1);
        a.D = random.values(width);
        a.dt_min = 0.01;
        a.dt_max = std::numeric_limits<double>::infinity();
        Values state = memory.rounded(random.values(s.batch * width * s.states));
        float* h = memory.state(state);
        const Weight bias = memory.parameter(a.dt_bias);
        const Weight A = memory.parameter(a.A);
        const Weight D = memory.parameter(a.D);
        for (int call = 0; call < 2; ++call) {
            a.x = memory.rounded(random.values(rows * width));
            a.dt = memory.rounded(random.values(rows * s.heads, -10, 3));
            a.B = memory.rounded(random.values(rows * bc));
            a.C = memory.rounded(random.values(rows * bc));
            const Elements xbc = memory.matrix(beside(rows, {&a.x, &a.B, &a.C}));
            const Elements y = memory.result(a.x.size());
            SsdArgs args;
            args.batch = s.batch, args.length = s.length, args.heads = s.heads, args.head_dim = s.head_dim;
            args.groups = s.groups, args.states = s.states, args.chunk = s.chunk;
            args.x = xbc, args.B = xbc + width, args.C = xbc + width + bc, args.xbc_stride = width + 2 * bc;
            args.dt = memory.matrix(a.dt), args.dt_stride = s.heads;
            args.dt_bias = bias.f32(), args.A = A.f32(), args.D = D.f32();
            args.dt_min = 0.01F, args.dt_max = std::numeric_limits<float>::infinity();
            args.h = h, args.y = y, args.y_stride = width;
            const std::string what = fmt::format("ssd, B {}, L {}, H {}, P {}, G {}, N {}, call {}", s.batch, s.length,
                                                 s.heads, s.head_dim, s.groups, s.states, call);
            if (s.states > 0 && s.length < 400) observe(what, args, a, state, s.heads);
            m_backend.ssd(args);
            const Values expected = reference::ssd(a, state);
            // C·B, its product with the decay, x·Δ·decay and H are operands of tensor cores, one after the other.
            compare(what, memory.read(y, expected.size()), expected, bound(5));
            compare(what + ", h", memory.read(h, state.size()), state, s.length == 1 ? bound(0) : bound(2));
            // What is seen is compared to 1e-5: both sides go on from the same state.
            state = memory.read(h, state.size());
        }
    }

    /// What was seen, in one bin, and that watching changes nothing: the scan after it starts from the same state.
    template <class Args, class Reference>
    void observe(const std::string& what, const Args& args, const Reference& a, const Values& state,
                 std::int64_t rows) {
        const std::int64_t groups = static_cast<std::int64_t>(a.B.size()) / (a.batch * a.length * a.states);
        const std::int64_t cells = rows * a.states;
        const std::int64_t statistics = kernels::kStatisticCount;
        const auto doubles = [&](std::int64_t count) {
            kernels::Buffer buffer = m_backend.allocate(MemoryKind::Workspace, size(2 * count));
            m_backend.fillZero(buffer);
            return buffer;
        };
        const kernels::Buffer sum = doubles(statistics * cells);
        const kernels::Buffer most = doubles(statistics * cells);
        const kernels::Buffer binned = doubles((statistics + 1) * groups * a.states);
        const auto begin = [](const kernels::Buffer& of) { return reinterpret_cast<double*>(of.data()); };
        m_backend.observe(args, {begin(sum), begin(most), cells, a.states, begin(binned), groups * a.states,
                                 groups * a.states, 1, a.length, 0});
        const reference::Observed expected = reference::observe(a, state, {1, a.length, 0});
        const auto read = [&](const kernels::Buffer& buffer) {
            Values values(buffer.elements() / 2);
            m_backend.toHost(buffer.data(), {reinterpret_cast<float*>(values.data()), buffer.elements()});
            return values;
        };
        compare(what + ", sums seen", read(sum), expected.sum, 1e-5);
        compare(what + ", most seen", read(most), expected.most, 1e-5);
        compare(what + ", bins seen", read(binned), expected.binned, 1e-5);
    }

    Backend& m_backend;
    bool m_large;
    double m_rounding = 0;
    std::vector<Check> m_checks;
};

}  // namespace

std::vector<Check> checkOperations(Backend& backend, bool large) {
    return Checks(backend, large).all();
}

}  // namespace perfmamba::tests
