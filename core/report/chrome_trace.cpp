// Trace Event Format, https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYmH4h6I0nSsKchNAySU: complete events
// ("X"), counters ("C") and metadata ("M"). `displayTimeUnit` is left out: some readers take it for the unit of `ts`,
// which is always µs.
#include "core/report/chrome_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/profile/floors.h"
#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::report {
namespace {

using Json = nlohmann::ordered_json;

/// What stands in one row of a viewer. In whole nanoseconds: what nests before rounding nests after it.
struct Slice {
    std::string name;
    std::string_view category;
    std::int64_t begin_ns = 0;
    std::int64_t end_ns = 0;
    Json args;
};

std::int64_t nanoseconds(double microseconds) {
    return std::isfinite(microseconds) ? std::llround(microseconds * 1e3) : 0;
}

Slice sliceOf(std::string name, std::string_view category, double begin_us, double end_us, Json args) {
    const std::int64_t begin = nanoseconds(begin_us);
    return {std::move(name), category, begin, std::max(begin, nanoseconds(end_us)), std::move(args)};
}

/// As the format wants it. Perfetto multiplies by 1000 and cuts off what is behind the point: a product that comes out
/// below the whole number would shift an end against the next begin by 1 ns, and it drops what overlaps.
double microseconds(std::int64_t ns) {
    const double us = static_cast<double>(ns) / 1e3;
    return us * 1e3 < static_cast<double>(ns) ? std::nextafter(us, std::numeric_limits<double>::infinity()) : us;
}

/// JSON has no NaN: what is not known is not there.
void setNumber(Json& args, const char* key, double value) {
    if (std::isfinite(value)) args[key] = value;
}

void setTime(Json& args, const profile::Summary& time) {
    if (time.n() == 0) return;
    setNumber(args, "median_us", time.median);
    setNumber(args, "ci_low_us", time.ci_low);
    setNumber(args, "ci_high_us", time.ci_high);
    args["passes"] = time.n();
}

Json argsOf(const profile::Point& point, const Span& span) {
    Json args = Json::object();
    if (span.layer != kNoLayer) args["layer"] = span.layer;
    const profile::ComponentCost* cost = point.find(span.component, span.layer);
    if (span.stage != Stage::Whole || !cost) return args;
    if (span.component != Component::Other) {
        setNumber(args, "flops", cost->flops);
        setNumber(args, "bytes", cost->bytes);
    }
    setNumber(args, "floor_us", cost->floor_us);
    if (cost->bound != profile::Bound::None) args["limit"] = profile::name(cost->bound);
    setTime(args, cost->time);
    return args;
}

Json argsOf(const KernelRun& run) {
    Json args = Json::object();
    if (run.kind != RunKind::Overhead) {
        args["component"] = name(run.component);
        if (run.stage != Stage::Whole) args["stage"] = name(run.stage);
        if (run.layer != kNoLayer) args["layer"] = run.layer;
    }
    if (run.kind == RunKind::Kernel) {
        args["grid"] = run.grid;
        args["block"] = run.block;
        args["registers"] = run.registers;
        args["shared_bytes"] = run.shared_bytes;
    } else if (run.kind != RunKind::Overhead) {
        args["bytes"] = run.bytes;
    }
    return args;
}

/// The pass, its layers, their components and the stages inside: from outside to inside.
std::vector<Slice> componentSlices(const profile::Profile& profile, const profile::Point& point) {
    Json args = Json::object();
    setTime(args, point.total);
    setNumber(args, "tokens_per_second", point.tokens_per_second);
    double end_us = point.last_pass_us;
    std::map<std::int32_t, std::pair<double, double>> layers;
    for (const Span& span : point.last_pass) {
        end_us = std::max(end_us, span.end_us);
        if (span.layer == kNoLayer) continue;
        auto& [begin, end] = layers.try_emplace(span.layer, span.begin_us, span.end_us).first->second;
        begin = std::min(begin, span.begin_us);
        end = std::max(end, span.end_us);
    }
    std::vector<Slice> slices;
    slices.push_back(sliceOf(fmt::format("{} pass", name(profile.options.mode)), "pass", 0, end_us, std::move(args)));
    for (const auto& [layer, extent] : layers) {
        slices.push_back(
            sliceOf(fmt::format("layer {}", layer), "layer", extent.first, extent.second, {{"layer", layer}}));
    }
    for (const bool stages : {false, true}) {
        for (const Span& span : point.last_pass) {
            if ((span.stage != Stage::Whole) != stages) continue;
            slices.push_back(sliceOf(std::string(stages ? name(span.stage) : name(span.component)),
                                     stages ? "stage" : "component", span.begin_us, span.end_us, argsOf(point, span)));
        }
    }
    return slices;
}

std::vector<Slice> runSlices(const profile::Point& point, bool overhead) {
    std::vector<Slice> slices;
    for (const KernelRun& run : point.last_kernels) {
        if ((run.kind == RunKind::Overhead) != overhead) continue;
        slices.push_back(sliceOf(toPlainUtf8(run.name), name(run.kind), run.begin_us, run.end_us, argsOf(run)));
    }
    return slices;
}

/// Rows in each of which every two slices lie one after the other or, where they may nest, one inside the other: what a
/// viewer can show. Of kernels that overlap, as those of two streams, the later one goes to the next row.
std::vector<std::vector<Slice>> rowsOf(std::vector<Slice> slices, bool nest) {
    std::ranges::stable_sort(slices, [](const Slice& a, const Slice& b) {
        return a.begin_ns != b.begin_ns ? a.begin_ns < b.begin_ns : a.end_ns > b.end_ns;
    });
    std::vector<std::vector<Slice>> rows;
    std::vector<std::vector<std::int64_t>> open;  // of each row: the ends of those that the next one may lie inside
    for (Slice& slice : slices) {
        std::size_t row = 0;
        for (; row < rows.size(); ++row) {
            std::vector<std::int64_t>& ends = open[row];
            while (!ends.empty() && ends.back() <= slice.begin_ns) ends.pop_back();
            if (ends.empty() || (nest && slice.end_ns <= ends.back())) break;
        }
        if (row == rows.size()) {
            rows.emplace_back();
            open.emplace_back();
        }
        open[row].push_back(slice.end_ns);
        rows[row].push_back(std::move(slice));
    }
    return rows;
}

/// Writes events, a line each.
class Events {
public:
    explicit Events(const Sink& sink) : m_sink(sink) { m_sink("{\"traceEvents\":["); }

    void add(const Json& event) {
        m_sink(std::exchange(m_first, false) ? "\n" : ",\n");
        m_sink(text(event));
    }
    void finish(const Json& other_data) { m_sink("\n],\n\"otherData\":" + text(other_data) + "}\n"); }

private:
    static std::string text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

    const Sink& m_sink;
    bool m_first = true;
};

/// One length.
class Process {
public:
    Process(Events& events, std::int64_t pid, const std::string& name) : m_events(events), m_pid(pid) {
        describe("process_name", 0, {{"name", name}});
        describe("process_sort_index", 0, {{"sort_index", pid}});
    }

    void addThreads(const std::string& name, std::vector<Slice> slices, bool nest) {
        const std::vector<std::vector<Slice>> rows = rowsOf(std::move(slices), nest);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const std::int64_t tid = ++m_threads;
            describe("thread_name", tid, {{"name", i == 0 ? name : fmt::format("{} ({})", name, i + 1)}});
            describe("thread_sort_index", tid, {{"sort_index", tid}});
            for (const Slice& slice : rows[i]) {
                Json event = {{"ph", "X"}, {"name", slice.name}, {"cat", slice.category}, {"pid", m_pid}, {"tid", tid}};
                event["ts"] = microseconds(slice.begin_ns);
                event["dur"] = microseconds(slice.end_ns - slice.begin_ns);
                event["args"] = slice.args;
                m_events.add(event);
            }
        }
    }

    void addMemory(const profile::MemoryProfile& memory) {
        MemoryUse use = memory.at_start;
        if (memory.events.empty() && use.total() == 0) return;
        count(0, use);
        for (std::size_t i = 0; i < memory.events.size(); ++i) {
            const MemoryEvent& event = memory.events[i];
            use[event.kind] += event.delta_bytes;
            const std::int64_t now = nanoseconds(event.time_us);
            const bool last = i + 1 == memory.events.size() || nanoseconds(memory.events[i + 1].time_us) != now;
            if (last) count(now, use);  // a counter has one value at a time
        }
    }

private:
    void describe(const char* what, std::int64_t tid, Json args) {
        m_events.add({{"ph", "M"}, {"name", what}, {"pid", m_pid}, {"tid", tid}, {"args", std::move(args)}});
    }

    void count(std::int64_t ns, const MemoryUse& use) {
        Json args = Json::object();
        for (const MemoryKind kind : kMemoryKinds) args[std::string(name(kind))] = use[kind];
        m_events.add(
            {{"ph", "C"}, {"name", "memory, bytes"}, {"pid", m_pid}, {"ts", microseconds(ns)}, {"args", args}});
    }

    Events& m_events;
    std::int64_t m_pid;
    std::int64_t m_threads = 0;
};

std::string processName(const profile::Profile& profile, const profile::Point& point) {
    return fmt::format("{} {} token{}, batch {}",
                       profile.options.mode == profile::Mode::Prefill ? "prefill of" : "decode after", point.length,
                       point.length == 1 ? "" : "s", profile.options.batch);
}

Json otherData(const profile::Profile& profile) {
    const profile::Provenance& provenance = profile.provenance;
    return {{"model", toPlainUtf8(profile.model.name)},   {"model_hash", toPlainUtf8(profile.model.hash)},
            {"device", toPlainUtf8(provenance.device)},   {"tracer", toPlainUtf8(provenance.tracer)},
            {"computed_in", profile.model.compute_type},  {"created", toPlainUtf8(provenance.created)},
            {"command", toPlainUtf8(provenance.command)}, {"creator", toPlainUtf8(provenance.creator)}};
}

}  // namespace

bool hasTimeline(const profile::Profile& profile) {
    return std::ranges::any_of(profile.points, [](const auto& point) { return !point.last_pass.empty(); });
}

void chromeTrace(const profile::Profile& profile, const Sink& sink) {
    if (!hasTimeline(profile)) {
        throw Error(profile.model.name, "has no recorded pass, and so no timeline to write as a trace",
                    "measure it with recording on");
    }
    Events events(sink);
    std::int64_t pid = 0;
    for (const profile::Point& point : profile.points) {
        if (point.last_pass.empty()) continue;
        Process process(events, ++pid, processName(profile, point));
        process.addThreads("components", componentSlices(profile, point), true);
        process.addThreads("device", runSlices(point, false), false);
        process.addThreads("tracer, on the host", runSlices(point, true), false);
        process.addMemory(point.memory);
    }
    events.finish(otherData(profile));
}

}  // namespace perfmamba::report
