// A made-up profile of a 6-layer Mamba-2 with every field filled, for tests of what reads profiles. The numbers are
// plausible, the same every time, and add up.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "core/profile/floors.h"
#include "core/profile/profile.h"

namespace perfmamba::test {

inline constexpr std::int64_t kFabricatedLayers = 6;
inline constexpr std::size_t kFabricatedPasses = 24;

/// Noise of a measured series: a floor with a skewed spread of a few per cent.
inline std::vector<double> fabricatedSamples(double median_us, std::size_t n, std::mt19937& random) {
    std::vector<double> samples(n);
    for (double& sample : samples) {
        const double part = static_cast<double>(random() % 1000) / 1000.0;
        sample = median_us * (0.99 + 0.02 * part + (part > 0.95 ? 0.05 : 0.0));
    }
    return samples;
}

struct FabricatedPart {
    Component component;
    double us_per_token;
    double us_fixed;
    double flops_per_token;
    double bytes_per_token;
    double exponentials_per_token = 0;
};

/// What one layer runs, in order.
inline const std::vector<FabricatedPart>& fabricatedLayerParts() {
    static const std::vector<FabricatedPart> parts = {
        {Component::Norm, 0.05, 1.0, 640, 1536},         {Component::InProj, 1.30, 4.0, 166'000, 3100},
        {Component::Conv1d, 0.22, 1.5, 3840, 3072, 384}, {Component::Ssm, 2.10, 6.0, 131'000, 4200, 3500},
        {Component::Gate, 0.12, 1.0, 2300, 3072, 256},   {Component::OutProj, 0.55, 3.0, 65'500, 1536},
    };
    return parts;
}

inline profile::Point fabricatedPoint(std::int64_t length, std::uint32_t seed = 1) {
    std::mt19937 random(seed + static_cast<std::uint32_t>(length));
    const auto tokens = static_cast<double>(length);
    profile::Point point;
    point.length = length;

    // One pass for the timeline; `at` is where it stands.
    double at = 0.8;
    const auto spanOf = [&](Component component, std::int32_t layer, double us, Stage stage = Stage::Whole) {
        point.last_pass.push_back({component, stage, layer, at, at + us});
    };
    const auto allocate = [&](Component component, std::int32_t layer, MemoryKind kind, std::int64_t bytes) {
        point.memory.events.push_back({at, kind, component, layer, bytes});
    };
    const auto costOf = [&](const FabricatedPart& part, std::int32_t layer) {
        profile::ComponentCost cost;
        cost.component = part.component;
        cost.layer = layer;
        cost.time = profile::summarise(
            fabricatedSamples(part.us_fixed + part.us_per_token * tokens, kFabricatedPasses, random));
        cost.calls = 1;
        cost.flops = part.flops_per_token * tokens;
        cost.bytes = part.bytes_per_token * tokens + 10'000;
        cost.exponentials = part.exponentials_per_token * tokens;
        cost.peak_bytes = length * 4096 + 65'536;
        return cost;
    };

    const FabricatedPart embedding{Component::Embedding, 0.03, 0.5, 0, 1024};
    const FabricatedPart norm_f{Component::NormF, 0.05, 1.0, 640, 1536};
    const FabricatedPart lm_head{Component::LmHead, 0.0, 9.0, 65'536.0 / tokens, 1536 / tokens};
    const auto run = [&](const FabricatedPart& part, std::int32_t layer) {
        profile::ComponentCost cost = costOf(part, layer);
        const double us = cost.time.median;
        allocate(part.component, layer, MemoryKind::Activations, cost.peak_bytes / 2);
        spanOf(part.component, layer, us);
        if (part.component == Component::Ssm) {
            const double begin = at;
            for (const auto& [stage, share] :
                 {std::pair{Stage::Cumsum, 0.05}, std::pair{Stage::ChunkState, 0.30},
                  std::pair{Stage::StatePassing, 0.10}, std::pair{Stage::ChunkScan, 0.50}}) {
                spanOf(part.component, layer, us * share, stage);
                at += us * share;
            }
            at = begin;
        }
        at += us;
        allocate(part.component, layer, MemoryKind::Activations, -cost.peak_bytes / 2);
        at += 0.2;
        point.layers.push_back(std::move(cost));
    };
    run(embedding, kNoLayer);
    for (std::int32_t layer = 0; layer < kFabricatedLayers; ++layer) {
        for (const FabricatedPart& part : fabricatedLayerParts()) run(part, layer);
    }
    run(norm_f, kNoLayer);
    run(lm_head, kNoLayer);
    point.last_pass_us = at + 1.5;

    // Sums over the layers, sample by sample, as the profiler makes them; 'other' is what they leave of the whole.
    std::vector<double> total(kFabricatedPasses, 0.0);
    for (const Component component : kComponents) {
        profile::ComponentCost sum;
        sum.component = component;
        sum.exponentials = 0;
        std::vector<double> samples(kFabricatedPasses, 0.0);
        for (const profile::ComponentCost& cost : point.layers) {
            if (cost.component != component) continue;
            for (std::size_t i = 0; i < samples.size(); ++i) samples[i] += cost.time.samples[i];
            sum.calls += cost.calls;
            sum.flops += cost.flops;
            sum.bytes += cost.bytes;
            sum.exponentials += cost.exponentials;
            sum.peak_bytes = std::max(sum.peak_bytes, cost.peak_bytes);
        }
        if (component == Component::Other) {
            samples = fabricatedSamples(3.0 + 0.02 * tokens, kFabricatedPasses, random);
            sum.flops = sum.bytes = sum.exponentials = std::numeric_limits<double>::quiet_NaN();
        } else if (sum.calls == 0) {
            continue;  // x_proj and dt_proj
        }
        for (std::size_t i = 0; i < samples.size(); ++i) total[i] += samples[i];
        sum.time = profile::summarise(std::move(samples));
        point.components.push_back(std::move(sum));
    }
    point.total = profile::summarise(total);
    for (double& sample : total) sample *= 0.99;
    point.untraced = profile::summarise(total);
    point.overhead = profile::ratioOf(point.total.samples, point.untraced.samples);
    point.tokens_per_second = tokens / point.total.median * 1e6;
    point.converged = length < 1000;
    for (profile::ComponentCost& cost : point.components) cost.share = cost.time.median / point.total.median;
    for (profile::ComponentCost& cost : point.layers) cost.share = cost.time.median / point.total.median;

    const double ssm_us = point.find(Component::Ssm)->time.median;
    for (const auto& [stage, share] : {std::pair{Stage::Cumsum, 0.05}, std::pair{Stage::ChunkState, 0.30},
                                       std::pair{Stage::StatePassing, 0.10}, std::pair{Stage::ChunkScan, 0.50}}) {
        profile::StageCost cost;
        cost.stage = stage;
        cost.time = profile::summarise(fabricatedSamples(ssm_us * share, kFabricatedPasses, random));
        cost.share = cost.time.median / point.total.median;
        point.stages.push_back(std::move(cost));
    }

    profile::MemoryProfile& memory = point.memory;
    memory.at_start[MemoryKind::Weights] = 3'000'000;
    memory.at_start[MemoryKind::State] = 450'000;
    memory.peak = memory.at_start;
    memory.peak[MemoryKind::Activations] = length * 4096;
    memory.peak[MemoryKind::Workspace] = 65'536;
    memory.peak[MemoryKind::Logits] = 1024;
    memory.reserved_bytes = memory.peak.total() + 1'000'000;
    memory.process_peak_bytes = memory.peak.total() + 40'000'000;
    memory.peak_component = Component::Ssm;
    memory.peak_layer = 3;
    return point;
}

/// The same pass as CUPTI would have it: two kernels in every component, with gaps, a copy that no component launched,
/// and sensors.
inline void traceByKernels(profile::Point& point) {
    point.trace = {"CUPTI 13.0", TraceDetail::Kernels, ""};
    point.last_kernels.clear();
    for (const Span& span : point.last_pass) {
        const bool staged = span.component == Component::Ssm && span.stage == Stage::Whole;
        if (staged) continue;
        const double third = span.duration_us() / 3;
        KernelRun run{"void perfmamba::" + std::string(name(span.component)) + "_kernel<float>(float*)",
                      RunKind::Kernel,
                      span.component,
                      span.stage,
                      span.layer,
                      span.begin_us,
                      span.begin_us + 2 * third};
        run.grid = {point.length, 4, 1};
        run.block = {128, 2, 1};
        run.registers = 64;
        run.shared_bytes = 16'384;
        point.last_kernels.push_back(run);
        run.name = "gemm_bf16_128x64";
        run.begin_us = run.end_us + third / 2;
        run.end_us = span.end_us;
        point.last_kernels.push_back(run);
    }
    KernelRun copy;
    copy.name = "copy, device to host";
    copy.kind = RunKind::Copy;
    copy.begin_us = point.last_pass_us - 1.2;
    copy.end_us = point.last_pass_us - 0.7;
    copy.bytes = 1024;
    point.last_kernels.push_back(copy);
    KernelRun overhead;
    overhead.name = "CUPTI: flushing buffers";
    overhead.kind = RunKind::Overhead;
    overhead.begin_us = point.last_pass_us - 0.6;
    overhead.end_us = point.last_pass_us - 0.1;
    point.last_kernels.push_back(overhead);
    point.counts = {3, 2, 1, 4, 5, 6, 0.5, 0.8, 1.25, 9.5, 2.25, 1.5, 4096};
    profile::DeviceUse& use = point.device_use;
    use = {"NVML, driver 580.65.06", "this GPU does not tell: energy", 1980, 1965, 1995, 3201, 312.5, 41, 0.0125, 17};
}

/// What the GPU counted in it: round numbers of the kernels' own time, and one counter that the chip lacks.
inline void countKernels(profile::Point& point) {
    point.counted = {"CUPTI 13.0, GH100", "GH100 does not count in the same pass: weather", {}};
    for (const KernelRun& run : point.last_kernels) {
        if (run.kind != RunKind::Kernel) continue;
        KernelCounts counts;
        counts.name = run.name;
        counts.component = run.component;
        counts.stage = run.stage;
        counts.layer = run.layer;
        counts.time_us = run.duration_us() * 1.25;
        counts.dram_read_bytes = counts.time_us * 2000;
        counts.dram_written_bytes = counts.time_us * 500;
        counts.dram_percent = run.component == Component::Ssm ? 62.5 : 25;
        counts.occupancy_percent = 50;
        counts.tensor_instructions = run.name == "gemm_bf16_128x64" ? 1024 : 0;
        counts.instructions = 4096;
        point.counted.kernels.push_back(counts);
    }
    point.counted.kernels = merged(point.counted.kernels);
}

/// Three lengths; every field differs from its default.
inline std::shared_ptr<profile::Profile> fabricatedProfile() {
    auto profile = std::make_shared<profile::Profile>();
    profile::ModelSummary& model = profile->model;
    model.name = "mamba2-fabricated";
    model.path = "/models/mamba2-fabricated";
    model.hash = "0123456789abcdef";
    model.parameters = 742'000;
    model.file_bytes = 1'490'000;
    model.stored_type = "bfloat16";
    model.compute_type = "float32";
    model.compute_chunk = 32;
    model::Config& config = model.config;
    config.architecture = model::Architecture::Mamba2;
    config.vocab_size = 250;
    config.vocab_padded = 256;
    config.d_model = 128;
    config.n_layer = kFabricatedLayers;
    config.d_inner = 256;
    config.d_state = 64;
    config.d_conv = 4;
    config.n_heads = 8;
    config.head_dim = 32;
    config.n_groups = 1;
    config.chunk_size = 64;
    config.dt_min = 0.001;
    config.dt_max = std::numeric_limits<double>::infinity();
    config.norm_eps = 1e-6;
    config.tie_embeddings = false;
    config.use_bias = true;
    config.use_conv_bias = false;

    profile::Provenance& provenance = profile->provenance;
    provenance.creator = "perfmamba-cli 0.1.0";
    provenance.created = "2026-01-02T03:04:05Z";
    provenance.command = "perfmamba-cli profile /models/mamba2-fabricated --lengths 64,256,1024";
    provenance.device = "Example CPU 1000 – 8 cores";
    provenance.device_id = "cpu";
    provenance.instructions = "AVX2";
    provenance.host = "example";
    provenance.operating_system = "Debian GNU/Linux 12 (bookworm)";
    provenance.threads = 4;
    provenance.clock_begin_mhz = 2900;
    provenance.clock_end_mhz = 2850.5;

    profile::Options& options = profile->options;
    options.mode = profile::Mode::Prefill;
    options.batch = 2;
    options.lengths = {64, 256, 1024};
    options.threads = 4;
    options.repeat = static_cast<int>(kFabricatedPasses);
    options.bound = 0.02;
    options.budget_s = 3.5;
    options.seed = 18'000'000'000'000'000'001ULL;  // beyond a signed number

    options.trace = TraceMode::Cupti;
    provenance.tracer = "CUPTI 13.0";
    provenance.sensors = "NVML, driver 580.65.06";

    for (const std::int64_t length : options.lengths) profile->points.push_back(fabricatedPoint(length));
    // A fast gate: quicker than its bytes would allow from memory. ssm is bound by its exponentials, in_proj by work.
    provenance.ceilings = {provenance.device,
                           provenance.instructions,
                           "",
                           model.compute_type,
                           4,
                           "0.1.0",
                           0,
                           "2026-01-02T03:00:00Z",
                           20e9,
                           150e9,
                           2.5e9,
                           2'000'000};
    for (profile::Point& point : profile->points) profile::setFloors(point, *provenance.ceilings);
    options.counters = true;
    traceByKernels(profile->points.back());
    countKernels(profile->points.back());
    profile->points[0].counted.missing = "counters: need an NVIDIA GPU, and cpu is none";
    profile->complete = true;
    return profile;
}

/// The same run with every time `factor` times as long.
inline std::shared_ptr<profile::Profile> scaledProfile(double factor) {
    auto profile = fabricatedProfile();
    const auto scale = [factor](profile::Summary& time) {
        std::vector<double> samples = time.samples;
        for (double& sample : samples) sample *= factor;
        time = profile::summarise(std::move(samples));
    };
    for (profile::Point& point : profile->points) {
        scale(point.total);
        scale(point.untraced);
        for (profile::ComponentCost& row : point.components) scale(row.time);
        for (profile::ComponentCost& row : point.layers) scale(row.time);
        for (profile::StageCost& row : point.stages) scale(row.time);
    }
    return profile;
}

}  // namespace perfmamba::test
