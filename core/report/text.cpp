// Text for people. Text for programs (CSV, JSON) is in export.cpp.
#include "core/report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "core/profile/floors.h"
#include "core/prune/criterion.h"
#include "core/report/table.h"
#include "core/report/utf8.h"

namespace perfmamba::report {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::string_view kNotKnown = "n/a";

// The table ------------------------------------------------------------------------------------------------------

using Row = TableRow;

const Row kHead = {"component", "time",  "± MAD",   "share", "floor", "of floor",      "limit",
                   "calls",     "FLOPs", "GFLOP/s", "bytes", "GB/s",  "working memory"};

/// "memory", "work", "exp"; "in cache" where caches serve what the floor asks of memory.
std::string limitText(const profile::Profile& profile, const profile::Point& point,
                      const profile::ComponentCost& cost) {
    if (profile::inCache(profile, point, cost)) return "in cache";
    switch (cost.bound) {
        case profile::Bound::None: return std::string(kNotKnown);
        case profile::Bound::Exponentials: return "exp";
        default: return std::string(name(cost.bound));
    }
}

Row rowOf(const profile::Profile& profile, const profile::Point& point, const profile::ComponentCost& cost) {
    // The cost model does not count what lies between the components: not known is not zero.
    const bool counted = cost.component != Component::Other;
    const double flops = counted ? cost.flops : kNaN;
    const double bytes = counted ? cost.bytes : kNaN;
    return {std::string(name(cost.component)),
            formatTime(cost.time.median),
            formatTime(cost.time.mad),
            formatPercent(cost.share),
            formatTime(cost.floor_us),
            formatPercent(profile::ofFloor(cost)),
            limitText(profile, point, cost),
            counted ? fmt::format("{}", cost.calls) : std::string(kNotKnown),
            formatCount(flops),
            formatNumber(gigaPerSecond(flops, cost.time.median)),
            formatBytes(bytes),
            formatNumber(gigaPerSecond(bytes, cost.time.median)),
            counted ? formatBytes(static_cast<double>(cost.peak_bytes)) : std::string(kNotKnown)};
}

Row rowOf(const profile::StageCost& stage) {
    return {fmt::format("  {}", name(stage.stage)), formatTime(stage.time.median), formatTime(stage.time.mad),
            formatPercent(stage.share)};
}

Row totalRow(const profile::Point& point) {
    const profile::ComponentCost whole = point.whole();
    const double time = whole.time.median;
    return {"total",
            formatTime(time),
            formatTime(whole.time.mad),
            formatPercent(whole.share),
            formatTime(whole.floor_us),
            formatPercent(profile::ofFloor(whole)),
            "",
            whole.calls > 0 ? fmt::format("{}", whole.calls) : std::string(kNotKnown),
            formatCount(whole.flops),
            formatNumber(gigaPerSecond(whole.flops, time)),
            formatBytes(whole.bytes),
            formatNumber(gigaPerSecond(whole.bytes, time)),
            formatBytes(static_cast<double>(whole.peak_bytes)) + " in all"};
}

// The header -----------------------------------------------------------------------------------------------------

/// "256", "256 (run in chunks of 64)".
std::string chunkText(const profile::ModelSummary& model) {
    const std::int64_t own = model.config.chunk_size;
    if (model.compute_chunk == 0 || model.compute_chunk == own) return fmt::format("{}", own);
    return fmt::format("{} (run in chunks of {})", own, model.compute_chunk);
}

std::string modelText(const profile::ModelSummary& model) {
    const model::Config& config = model.config;
    std::string text =
        fmt::format("{} ({}), {} parameters, {} as {}, computed in {}\n", model.name, name(config.architecture),
                    formatCount(static_cast<double>(model.parameters)),
                    formatBytes(static_cast<double>(model.file_bytes)), model.stored_type, model.compute_type);
    text += fmt::format("           {} layers, d_model {}, d_inner {}, d_state {}, d_conv {}, ", config.n_layer,
                        config.d_model, config.d_inner, config.d_state, config.d_conv);
    if (config.architecture == model::Architecture::Mamba1) {
        text += fmt::format("dt_rank {}, ", config.dt_rank);
    } else {
        text += fmt::format("{} heads of {}, {} group{}, chunk {}, ", config.n_heads, config.head_dim, config.n_groups,
                            config.n_groups == 1 ? "" : "s", chunkText(model));
    }
    return text + fmt::format("vocabulary {}", config.vocab_size);
}

std::string deviceText(const profile::Provenance& provenance) {
    std::string text = provenance.device;
    if (!provenance.instructions.empty()) text += fmt::format(", {}", provenance.instructions);
    if (provenance.threads > 0) {
        text += fmt::format(", {} thread{}", provenance.threads, provenance.threads == 1 ? "" : "s");
    }
    if (provenance.clock_begin_mhz > 0 && provenance.clock_end_mhz > 0) {
        text += fmt::format(", clock {:.0f} MHz at the begin, {:.0f} MHz at the end", provenance.clock_begin_mhz,
                            provenance.clock_end_mhz);
    }
    return text;
}

std::string workloadText(const profile::Options& options) {
    return fmt::format("{}, batch {}, length{} {}, token ids from seed {}", name(options.mode), options.batch,
                       options.lengths.size() == 1 ? "" : "s", fmt::join(options.lengths, ", "), options.seed);
}

std::string measuredText(const profile::Options& options) {
    if (options.repeat > 0) return fmt::format("{} recorded passes at each length", options.repeat);
    return fmt::format("until the median's 95 % interval is within ±{} %, for at most {} s at each length",
                       fmt::format("{:g}", options.bound * 100), fmt::format("{:g}", options.budget_s));
}

std::string totalText(const profile::Profile& profile, const profile::Point& point) {
    const profile::Summary& total = point.total;
    const profile::Mode mode = profile.options.mode;
    std::string text = fmt::format(
        "{} {} {} token{}, batch {}: {} {}", name(mode), mode == profile::Mode::Decode ? "after" : "of", point.length,
        point.length == 1 ? "" : "s", profile.options.batch, formatTime(total.median), timedName(mode));
    text += fmt::format(" ({} {} … {}, n = {}), {} tokens/s\n", total.n() < 6 ? "range" : "95 % interval",
                        formatTime(total.ci_low), formatTime(total.ci_high), total.n(),
                        formatCount(point.tokens_per_second));
    if (profile.options.repeat == 0 && !point.converged) {
        const double error = total.relativeError();
        text += fmt::format("not within ±{:g} % {}: {}\n", profile.options.bound * 100, profile::whyEnded({&point}),
                            std::isfinite(error) ? fmt::format("±{:.1f} %", error * 100) : "too few passes to tell");
    }
    if (profile.options.repeat > 0 && point.cut_short) {
        text += fmt::format("cut short after {} of {} passes\n", total.n(), profile.options.repeat);
    }
    return text;
}

std::string overheadText(const profile::Point& point) {
    const profile::Ratio& overhead = point.overhead;
    if (overhead.pairs == 0 || std::isnan(overhead.median)) return "what recording costs is not known\n";
    const auto change = [](double ratio) { return fmt::format("{:+.1f}", (ratio - 1) * 100); };
    if (!overhead.known()) {
        return fmt::format("what recording costs: too few passes to tell ({} … {} %; without it {}, n = {})\n",
                           change(overhead.ci_low), change(overhead.ci_high), formatTime(point.untraced.median),
                           point.untraced.n());
    }
    if (!overhead.differs()) {
        return fmt::format("recording: {} ({} … {} %)\n",
                           overhead.tooNoisy() ? "too noisy to tell its cost" : "no difference measured",
                           change(overhead.ci_low), change(overhead.ci_high));
    }
    return fmt::format("recording changes the time by {} % ({} … {} %): without it a pass takes {} (n = {})\n",
                       change(overhead.median), change(overhead.ci_low), change(overhead.ci_high),
                       formatTime(point.untraced.median), point.untraced.n());
}

/// "CUPTI 13.0: 190 kernels in the last pass, the device idle for 12.3 % of it (…)".
std::string kernelsText(const profile::Point& point) {
    const TraceCounts& counts = point.counts;
    const auto kernels = std::ranges::count(point.last_kernels, RunKind::Kernel, &KernelRun::kind);
    const auto share = [&](double us) {
        return formatPercent(point.last_pass_us > 0 ? us / point.last_pass_us : kNaN);
    };
    std::string text = fmt::format("{}: {} kernels in the last pass, the device idle for {} of it", point.trace.tracer,
                                   kernels, share(counts.idle_us()));
    text += fmt::format(" (no launch yet {}, launched and not begun {}, between others {}, before and after {})\n",
                        share(counts.host_wait_us), share(counts.launch_us), share(counts.between_us),
                        share(counts.before_first_us + counts.after_last_us));
    if (counts.overhead_us > 0)
        text += fmt::format("tracing itself took {} of the host in it\n", formatTime(counts.overhead_us));
    if (counts.incomplete()) {
        text += fmt::format(
            "the trace lacks records: {} dropped, {} missing, {} without a time; their time is in 'other'\n",
            counts.dropped, counts.missing, counts.untimed);
    }
    return text;
}

std::string traceText(const profile::Profile& profile, const profile::Point& point) {
    if (profile.options.trace == TraceMode::Off) return "recording was off: only whole passes were timed\n";
    std::string text = overheadText(point);
    if (point.trace.detail == TraceDetail::Kernels) return text + kernelsText(point);
    if (!point.trace.reason.empty()) text += fmt::format("timed by {}: {}\n", point.trace.tracer, point.trace.reason);
    return text;
}

/// Empty where there are no sensors but the clock, which stands above.
std::string deviceUseText(const profile::DeviceUse& use) {
    if (std::isnan(use.power_w) && std::isnan(use.temperature_c)) return {};
    std::string text = fmt::format("device: clock {} MHz ({} … {}), ", formatNumber(use.clock_mhz),
                                   formatNumber(use.clock_min_mhz), formatNumber(use.clock_max_mhz));
    text += fmt::format("{} W, at most {} °C, {} J a token, by {}", formatNumber(use.power_w),
                        formatNumber(use.temperature_c), formatNumber(use.energy_j_per_token), use.source);
    return text + (use.missing.empty() ? "\n" : "; " + use.missing + "\n");
}

/// What the floors stand on, and what they are not.
std::string floorsText(const profile::Profile& profile, const profile::Point& point) {
    if (!profile.provenance.ceilings) return "floors: n/a: the profile holds no ceilings of its device\n";
    std::string text = "floors: by " + ceilingsText(*profile.provenance.ceilings) + "\n";
    const auto any = [&](const auto& holds) { return std::ranges::any_of(point.components, holds); };
    const auto cached = [&](const profile::ComponentCost& cost) { return profile::inCache(profile, point, cost); };
    if (any(cached))
        text += "in cache: the data fit into caches, which are faster than the memory that the floor is of\n";
    if (any([&](const profile::ComponentCost& cost) { return profile::ofFloor(cost) > 1 && !cached(cost); })) {
        text += fmt::format(
            "more than 100 % of {} floor: the ceiling was measured too low ('perfmamba-cli ceilings --again')\n",
            any(cached) ? "another" : "a");
    }
    return text;
}

// What the device counted -----------------------------------------------------------------------------------------

const Row kCountsHead = {"component",      "kernels",   "time",        "DRAM read",    "DRAM written",
                         "of DRAM's peak", "occupancy", "tensor pipe", "of all instr."};

Row rowOf(const std::string& title, const KernelCounts& counts) {
    return {title,
            fmt::format("{}", counts.kernels),
            formatTime(counts.time_us),
            formatBytes(counts.dram_read_bytes),
            formatBytes(counts.dram_written_bytes),
            formatPercent(counts.dram_percent / 100),
            formatPercent(counts.occupancy_percent / 100),
            formatCount(counts.tensor_instructions),
            formatPercent(counts.tensorShare())};
}

/// Empty where nothing was asked for.
std::string countersText(const profile::Point& point) {
    std::string missing = point.counted.missing.empty() ? "" : point.counted.missing + "\n";
    if (point.counted.kernels.empty()) return missing;
    std::vector<Row> rows = {kCountsHead};
    for (const Component component : kComponents) {
        const KernelCounts counts = point.countsOf(component);
        if (counts.kernels == 0) continue;
        rows.push_back(rowOf(std::string(name(component)), counts));
        for (std::size_t i = 1; i < kStageCount; ++i) {
            const auto stage = static_cast<Stage>(i);
            const KernelCounts inside = point.countsOf(component, kNoLayer, stage);
            if (inside.kernels > 0) rows.push_back(rowOf("  " + std::string(name(stage)), inside));
        }
    }
    rows.push_back(rowOf("total", sumOf(point.counted.kernels, {})));
    return fmt::format("\ncounted by the GPU in a pass of its own, each kernel alone ({}):\n{}{}", point.counted.source,
                       missing, alignedTable(rows, {1, rows.size() - 1}));
}

/// @param recorded whether it is known what ran at the peak
std::string memoryText(const profile::MemoryProfile& memory, bool recorded) {
    std::string text = "memory at its peak";
    if (recorded) text += fmt::format(", during {}", name(memory.peak_component));
    if (recorded && memory.peak_layer != kNoLayer) text += fmt::format(" of layer {}", memory.peak_layer);
    text += ": ";
    for (const MemoryKind kind : kMemoryKinds) {
        text += fmt::format("{} {}, ", name(kind), formatBytes(static_cast<double>(memory.peak[kind])));
    }
    text += fmt::format("in all {}; held from the system {}", formatBytes(static_cast<double>(memory.peak.total())),
                        formatBytes(static_cast<double>(memory.reserved_bytes)));
    if (memory.process_peak_bytes > 0) {
        text += fmt::format("; the process at most {}", formatBytes(static_cast<double>(memory.process_peak_bytes)));
    }
    return text + "\n";
}

}  // namespace

std::string criterionTitle(const std::string& id) {
    for (const prune::Criterion* criterion : prune::criteria()) {
        if (criterion->id() == id) return std::string(criterion->title());
    }
    return id;
}

std::string ceilingsText(const profile::Ceilings& ceilings) {
    return fmt::format("{} GB/s of memory, {} GFLOP/s in {}, {} G exp/s, taken {}",
                       formatNumber(ceilings.bytes_per_s * 1e-9), formatNumber(ceilings.flops_per_s * 1e-9),
                       ceilings.precision, formatNumber(ceilings.exponentials_per_s * 1e-9), ceilings.taken);
}

double gigaPerSecond(double amount, double time_us) {
    return time_us > 0 ? amount / time_us * 1e-3 : kNaN;
}

std::string componentTable(const profile::Profile& profile, const profile::Point& point) {
    std::vector<Row> rows = {kHead};
    for (const profile::ComponentCost& cost : point.components) {
        rows.push_back(rowOf(profile, point, cost));
        for (const profile::StageCost& stage : point.stages) {
            if (stage.component == cost.component) rows.push_back(rowOf(stage));
        }
    }
    rows.push_back(totalRow(point));
    return alignedTable(rows, {1, rows.size() - 1});
}

std::string layerTable(const profile::Profile& profile, const profile::Point& point) {
    if (point.layers.empty()) return "n/a: the passes were not recorded\n";
    std::vector<Row> rows = {kHead};
    std::vector<std::size_t> ruled_before = {1};
    std::int32_t layer = kNoLayer;
    for (const profile::ComponentCost& cost : point.layers) {
        if (cost.layer == kNoLayer) continue;  // in the other table
        if (std::exchange(layer, cost.layer) != cost.layer && rows.size() > 1) ruled_before.push_back(rows.size());
        rows.push_back(rowOf(profile, point, cost));
        rows.back()[0] = fmt::format("{} {}", cost.layer, name(cost.component));
    }
    return alignedTable(rows, ruled_before);
}

std::string_view timedName(profile::Mode mode) {
    return mode == profile::Mode::Decode ? "a token" : "a pass";
}

std::string lengthsText(const profile::Profile& profile) {
    const std::size_t measured = profile.measured();
    const std::size_t all = profile.options.lengths.size();
    std::string text = fmt::format("{} of {} {} measured", measured, all, all == 1 ? "length was" : "lengths were");
    if (measured == profile.points.size()) return text;
    const std::size_t passes = profile.points.back().total.n();
    return text + fmt::format(", the next was cut short after {} pass{}", passes, passes == 1 ? "" : "es");
}

std::string adviceText(const std::vector<study::Advice>& advice) {
    std::string text;
    for (const study::Advice& each : advice) text += fmt::format("- {}\n", each.sentence);
    return text.empty() ? text : "\nWhat this says:\n" + text;
}

std::string summary(const profile::Profile& profile) {
    const profile::Provenance& provenance = profile.provenance;
    std::string text;
    text += "model      " + modelText(profile.model) + "\n";
    text += "device     " + deviceText(provenance) + "\n";
    text += "workload   " + workloadText(profile.options) + "\n";
    text += "measured   " + measuredText(profile.options) + "\n";
    text += fmt::format("taken      {} on {} ({}) by {}\n", provenance.created, provenance.host,
                        provenance.operating_system, provenance.creator);
    if (!provenance.command.empty()) text += "command    " + provenance.command + "\n";
    if (!profile.complete) {
        text += fmt::format("incomplete: {}\n", lengthsText(profile));
    }
    const bool recorded = profile.options.trace != TraceMode::Off;
    for (const profile::Point& point : profile.points) {
        text += fmt::format("\n{}{}{}\n", totalText(profile, point), traceText(profile, point),
                            deviceUseText(point.device_use));
        if (recorded) text += componentTable(profile, point) + floorsText(profile, point);
        text += fmt::format("{}{}{}", countersText(point), recorded ? "\n" : "", memoryText(point.memory, recorded));
    }
    return text + adviceText(study::adviseOn(profile));
}

}  // namespace perfmamba::report
