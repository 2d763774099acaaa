#include "tests/bench/ceilings.h"

#include <omp.h>
#include <dnnl.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <vector>

#include "kernels/cpu/block_cache.h"
#include "kernels/error.h"

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/ceilings.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include "kernels/cpu/math-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace perfmamba::kernels::cpu::HWY_NAMESPACE {

constexpr std::int64_t kChains = 4;

float SumUp(const float* values, std::int64_t count) {
    const hn::ScalableTag<float> d;
    const auto step = static_cast<std::int64_t>(hn::Lanes(d));
    hn::Vec<decltype(d)> sums[kChains];
    for (auto& sum : sums) sum = hn::Zero(d);
    for (std::int64_t i = 0; i + kChains * step <= count; i += kChains * step) {
        for (std::int64_t k = 0; k < kChains; ++k) sums[k] = hn::Add(sums[k], hn::LoadU(d, values + i + k * step));
    }
    return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]))));
}

void Powers(const float* x, float* y, std::int64_t count) {
    const hn::ScalableTag<float> d;
    const auto step = static_cast<std::int64_t>(hn::Lanes(d));
    constexpr std::int64_t kTogether = 4;
    for (std::int64_t i = 0; i + kTogether * step <= count; i += kTogether * step) {
        hn::Vec<decltype(d)> powers[kTogether];
        for (std::int64_t k = 0; k < kTogether; ++k) powers[k] = hn::LoadU(d, x + i + k * step);
        powersOfTwo(d, powers);
        for (std::int64_t k = 0; k < kTogether; ++k) hn::StoreU(powers[k], d, y + i + k * step);
    }
}

/// Returns its FLOP. None waits for another: enough for two multiply-adds a clock that take four.
double MultiplyAdds(std::int64_t repeat) {
    constexpr std::size_t kSums = 12;
    const hn::ScalableTag<float> d;
    hn::Vec<decltype(d)> sums[kSums];
    for (auto& sum : sums) sum = hn::Zero(d);
    // As numbers that the compiler does not know.
    const volatile float factor = 0.999F;
    const volatile float term = 1e-3F;
    const auto by = hn::Set(d, factor);
    const auto plus = hn::Set(d, term);
    for (std::int64_t i = 0; i < repeat; ++i) {
        for (auto& sum : sums) sum = hn::MulAdd(sum, by, plus);
    }
    auto total = sums[0];
    for (const auto& sum : sums) total = hn::Add(total, sum);
    [[maybe_unused]] const volatile float used = hn::GetLane(total);
    return 2.0 * static_cast<double>(repeat * static_cast<std::int64_t>(kSums * hn::Lanes(d)));
}

}  // namespace perfmamba::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace perfmamba::kernels::cpu {

HWY_EXPORT(SumUp);
HWY_EXPORT(MultiplyAdds);
HWY_EXPORT(Powers);

namespace {
float sumUp(const float* values, std::int64_t count) {
    return HWY_DYNAMIC_DISPATCH(SumUp)(values, count);
}
double multiplyAdds(std::int64_t repeat) {
    return HWY_DYNAMIC_DISPATCH(MultiplyAdds)(repeat);
}
void powers(const float* x, float* y, std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(Powers)(x, y, count);
}
}  // namespace

}  // namespace perfmamba::kernels::cpu

namespace perfmamba::tests {
namespace {

using kernels::cpu::ThreadPool;

/// Median seconds of a call, after one to warm up.
template <class Work>
double secondsOf(const Work& work) {
    constexpr int kRounds = 7;
    std::vector<double> seconds;
    work();
    for (int i = 0; i < kRounds; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        work();
        seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
    std::ranges::nth_element(seconds, seconds.begin() + kRounds / 2);
    return seconds[kRounds / 2];
}

/// Numbers that are neither zero nor subnormal.
std::vector<float> someValues(std::int64_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 1009) * 1e-3F - 0.5F;
    return values;
}

/// How often to repeat what has that many FLOP, to measure some milliseconds.
int repetitions(double flops) {
    return std::max(1, static_cast<int>(5e8 / flops));
}

}  // namespace

double readBytesPerSecond(ThreadPool& pool) {
    constexpr std::int64_t kFloats = std::int64_t{128} << 20;
    constexpr std::int64_t kTask = std::int64_t{64} << 10;
    // In large pages, as the engine's weights.
    kernels::cpu::BlockCache blocks;
    auto* values = static_cast<float*>(blocks.take(kFloats * sizeof(float)));
    if (!values) throw Error("memory", "there is none to measure how fast it is read");
    std::fill_n(values, kFloats, 1.0F);
    const double seconds = secondsOf([&] {
        pool.run(kFloats / kTask, [&](std::int64_t i) {
            [[maybe_unused]] const volatile float sum = kernels::cpu::sumUp(values + i * kTask, kTask);
        });
    });
    blocks.give(values);
    return static_cast<double>(kFloats) * sizeof(float) / seconds;
}

double multiplyAddFlopsPerSecond(ThreadPool& pool) {
    constexpr std::int64_t kRepeat = 100'000;
    constexpr std::int64_t kTasks = 64;
    std::atomic<double> flops = 0;
    const double seconds = secondsOf([&] {
        flops = 0;
        pool.run(kTasks, [&](std::int64_t) { flops += kernels::cpu::multiplyAdds(kRepeat); });
    });
    return flops / seconds;
}

double exponentialsPerSecond(ThreadPool& pool) {
    constexpr std::int64_t kValues = 1024;
    constexpr std::int64_t kRepeat = 1000;
    constexpr std::int64_t kTasks = 64;
    const std::vector<float> x = someValues(kValues);
    const double seconds = secondsOf([&] {
        pool.run(kTasks, [&](std::int64_t) {
            float y[kValues];
            for (std::int64_t i = 0; i < kRepeat; ++i) kernels::cpu::powers(x.data(), y, kValues);
            [[maybe_unused]] const volatile float one = y[0];
        });
    });
    return static_cast<double>(kTasks * kRepeat * kValues) / seconds;
}

double libraryFlopsPerSecond(const LibraryProduct& p) {
    using dnnl::memory;
    const std::vector<float> x = someValues(p.rows * p.inputs);
    const std::vector<float> weight = someValues(p.outputs * p.inputs);
    std::vector<float> y(static_cast<std::size_t>(p.rows * p.outputs));
    const double flops = 2.0 * static_cast<double>(p.rows * p.inputs) * static_cast<double>(p.outputs);
    const int repeat = repetitions(flops);
    const int before = omp_get_max_threads();
    omp_set_num_threads(p.threads);

    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(engine);
    const auto type = p.bfloat16 ? memory::data_type::bf16 : memory::data_type::f32;
    const memory::desc any({p.inputs, p.outputs}, type, memory::format_tag::any);
    const memory::desc x_layout({p.rows, p.inputs}, type, memory::format_tag::ab);
    const memory::desc y_layout({p.rows, p.outputs}, memory::data_type::f32, memory::format_tag::ab);
#if DNNL_VERSION_MAJOR < 3
    const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(x_layout, any, y_layout), engine);
#else
    const dnnl::matmul::primitive_desc description(engine, x_layout, any, y_layout);
#endif
    const dnnl::matmul product(description);
    const auto converted = [&](const std::vector<float>& values, const memory::dims& shape, memory::format_tag order,
                               const memory::desc& wanted) {
        memory given({shape, memory::data_type::f32, order}, engine, const_cast<float*>(values.data()));
        memory made(wanted, engine);
        dnnl::reorder(given, made).execute(stream, given, made);
        return made;
    };
    memory packed = converted(weight, {p.inputs, p.outputs}, memory::format_tag::ba, description.weights_desc());
    memory from = converted(x, {p.rows, p.inputs}, memory::format_tag::ab, x_layout);
    memory to(y_layout, engine, y.data());
    const double by_primitive = secondsOf([&] {
        for (int i = 0; i < repeat; ++i) {
            product.execute(stream, {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, to}});
        }
        stream.wait();
    });
    if (p.bfloat16) {
        omp_set_num_threads(before);
        return repeat * flops / by_primitive;
    }
    const double by_sgemm = secondsOf([&] {
        for (int i = 0; i < repeat; ++i) {
            dnnl::sgemm('N', 'T', p.rows, p.outputs, p.inputs, 1, x.data(), p.inputs, weight.data(), p.inputs, 0,
                        y.data(), p.outputs);
        }
    });
    omp_set_num_threads(before);
    return repeat * flops / std::min(by_primitive, by_sgemm);
}

}  // namespace perfmamba::tests
#endif  // HWY_ONCE
