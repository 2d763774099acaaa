// Measures one model, precision and number of threads on the CPU, and writes what tests/bench/run makes its tables of.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/profile/ceilings.h"
#include "core/profile/floors.h"
#include "core/profile/profiler.h"
#include "kernels/cpu/gemm.h"
#include "kernels/devices.h"
#include "tests/bench/ceilings.h"

namespace {

using namespace perfmamba;
using nlohmann::json;
using profile::Mode;

struct Options {
    std::string model;
    std::string precision = "f32";
    int threads = 0;
    std::int64_t chunk = 0;
    std::vector<std::int64_t> lengths = {64, 256, 512, 1024, 2048};
    double budget_s = 1;
    bool products = false;
};

// The library's rate on a large product: the ceiling of every product's floor.
constexpr tests::LibraryProduct kLargeProduct = {2048, 1536, 1536, 0};

/// Whether the engine's products of many rows are in bfloat16 there.
bool inBfloat16(const kernels::DeviceInfo& device) {
    return device.precision == DType::BF16 && kernels::cpu::multipliesBfloat16();
}

profile::Ceilings ceilingsOf(const kernels::DeviceInfo& device) {
    kernels::cpu::ThreadPool pool(device.threads);
    tests::LibraryProduct large = kLargeProduct;
    large.threads = device.threads;
    large.bfloat16 = inBfloat16(device);
    profile::Ceilings ceilings;
    ceilings.bytes_per_s = tests::readBytesPerSecond(pool);
    ceilings.flops_per_s = tests::libraryFlopsPerSecond(large);
    ceilings.exponentials_per_s = tests::exponentialsPerSecond(pool);
    return ceilings;
}

/// What the cores could do at most; no product reaches it.
double multiplyAdds(const kernels::DeviceInfo& device) {
    kernels::cpu::ThreadPool pool(device.threads);
    return tests::multiplyAddFlopsPerSecond(pool);
}

json measure(engine::Engine& engine, Mode mode, const Options& given, const profile::Ceilings& ceilings) {
    profile::Options options;
    options.mode = mode;
    options.lengths = mode == Mode::Decode ? std::vector<std::int64_t>{16} : given.lengths;
    options.budget_s = given.budget_s;
    profile::Provenance provenance = profile::provenanceOf(engine.backend().device());
    provenance.ceilings = ceilings;
    const auto measured = profile::run(engine, options, provenance);
    json rows = json::array();
    for (const profile::Point& point : measured->points) {
        json components = json::array();
        for (const profile::ComponentCost& cost : point.components) {
            if (cost.component == Component::Other) continue;  // has no floor
            components.push_back(
                {{"name", name(cost.component)}, {"us", cost.time.median}, {"floor_us", cost.floor_us}});
        }
        json stages = json::array();
        for (const profile::StageCost& stage : point.stages) {
            stages.push_back({{"name", name(stage.stage)}, {"us", stage.time.median}});
        }
        json peak;
        for (const MemoryKind kind : kMemoryKinds) peak[std::string(name(kind))] = point.memory.peak[kind];
        rows.push_back({{"mode", profile::name(mode)},
                        {"length", point.length},
                        {"us", point.total.median},
                        {"floor_us", profile::floorOfPass(point)},
                        {"tokens_per_second", point.tokens_per_second},
                        {"components", components},
                        {"stages", stages},
                        {"peak_bytes", peak}});
    }
    return rows;
}

/// The rate of one component's product beside the library's.
json productOf(kernels::Backend& backend, const std::string& component, tests::LibraryProduct p) {
    const auto values = [](std::int64_t count) {
        std::vector<float> result(static_cast<std::size_t>(count));
        for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<float>(i % 1009) * 1e-3F - 0.5F;
        return result;
    };
    const kernels::Weight weight =
        backend.load(HostTensor::fromFloat(component, {p.outputs, p.inputs}, values(p.outputs * p.inputs)),
                     kernels::WeightUse::Matrix);
    const std::vector<float> x = values(p.rows * p.inputs);
    std::vector<float> y(static_cast<std::size_t>(p.rows * p.outputs));
    const double flops = 2.0 * static_cast<double>(p.rows * p.inputs) * static_cast<double>(p.outputs);
    const auto ours = [&] {
        // As long as the library's own measurement, and the median of as many rounds.
        const int repeat = std::max(1, static_cast<int>(5e8 / flops));
        std::vector<double> rates;
        for (int round = 0; round < 8; ++round) {
            const auto begin = std::chrono::steady_clock::now();
            for (int i = 0; i < repeat; ++i) backend.linear(x.data(), p.inputs, weight, {}, y.data(), p.rows);
            rates.push_back(repeat * flops /
                            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        }
        rates.erase(rates.begin());
        return profile::summarise(rates).median;
    }();
    return {{"component", component},   {"rows", p.rows},
            {"inputs", p.inputs},       {"outputs", p.outputs},
            {"flops_per_second", ours}, {"library_flops_per_second", tests::libraryFlopsPerSecond(p)}};
}

json productsOf(engine::Engine& engine, const Options& given) {
    const model::Config& c = engine.config();
    json rows = json::array();
    for (const std::int64_t length : given.lengths) {
        const int threads = engine.backend().device().threads;
        const bool bfloat16 = inBfloat16(engine.backend().device());
        const auto add = [&](const char* component, std::int64_t inputs, std::int64_t outputs) {
            rows.push_back(productOf(engine.backend(), component, {length, inputs, outputs, threads, bfloat16}));
        };
        add("in_proj", c.d_model, c.inProjRows(0));
        if (c.architecture == model::Architecture::Mamba1) {
            add("x_proj", c.d_inner, c.dt_rank + 2 * c.states(0));
            add("dt_proj", c.dt_rank, c.d_inner);
        }
        add("out_proj", c.d_inner, c.d_model);
    }
    return rows;
}

json run(const Options& given) {
    engine::Engine engine(model::Checkpoint::open(given.model),
                          kernels::makeBackend("cpu", {.threads = given.threads,
                                                       .precision = kernels::precisionFromName(given.precision),
                                                       .chunk = given.chunk}));
    const kernels::DeviceInfo& device = engine.backend().device();
    const profile::Ceilings ceilings = ceilingsOf(device);
    json result = {{"model", engine.checkpoint().name()},
                   {"device", device.name},
                   {"instructions", device.instructions},
                   {"precision", given.precision},
                   {"threads", device.threads},
                   {"read_bytes_per_second", ceilings.bytes_per_s},
                   {"flops_per_second", ceilings.flops_per_s},
                   {"exponentials_per_second", ceilings.exponentials_per_s},
                   {"multiply_add_flops_per_second", multiplyAdds(device)}};
    if (given.products) {
        result["products"] = productsOf(engine, given);
        return result;
    }
    result["points"] = measure(engine, Mode::Prefill, given, ceilings);
    const json decode = measure(engine, Mode::Decode, given, ceilings);
    result["points"].insert(result["points"].end(), decode.begin(), decode.end());
    return result;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Speed of the CPU's engine on one model, as JSON; tests/bench/run makes tables of it");
    Options options;
    app.add_option("MODEL", options.model, "A checkpoint's folder")->required();
    app.add_option("--precision", options.precision, "f32, bf16 or f16")->capture_default_str();
    app.add_option("--threads", options.threads, "0: as many as there are cores")->capture_default_str();
    app.add_option("--chunk", options.chunk, "Tokens of an SSD's chunk; 0: chosen")->capture_default_str();
    app.add_option("--lengths", options.lengths, "Tokens of the prompts")->delimiter(',')->capture_default_str();
    app.add_option("--budget", options.budget_s, "Seconds at each length")->capture_default_str();
    app.add_flag("--products", options.products, "Instead: each product beside the library's own");
    CLI11_PARSE(app, argc, argv);
    try {
        fmt::print("{}\n", run(options).dump());
    } catch (const std::exception& failure) {
        fmt::print(stderr, "cpu_bench: {}\n", failure.what());
        return 1;
    }
    return 0;
}
