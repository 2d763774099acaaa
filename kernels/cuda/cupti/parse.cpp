#include "kernels/cuda/cupti/parse.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <unordered_map>

namespace perfmamba::kernels::cuda::cupti {
namespace {

using trace::Records;
using trace::RunRecord;

/// Demangled names of one buffer, where a few kernels come again and again, each by the same pointer.
class Names {
public:
    const std::string& of(const char* name) {
        static const std::string unnamed = "unnamed";
        if (!name) return unnamed;
        const auto [place, fresh] = m_names.try_emplace(name);
        if (fresh) place->second = demangled(name);
        return place->second;
    }

private:
    std::unordered_map<const void*, std::string> m_names;
};

/// What kernels, copies and fills have in common.
template <class Record>
RunRecord runOf(const Record& record, RunKind kind) {
    RunRecord run;
    run.kind = kind;
    run.begin_ns = record.start;
    run.end_ns = record.end;
    run.correlation = record.correlationId;
    run.stream = record.streamId;
    run.graph_node = record.graphNodeId;
    return run;
}

RunRecord runOf(const CUpti_ActivityKernel10& record, Names& names) {
    RunRecord run = runOf(record, RunKind::Kernel);
    run.name = names.of(record.name);
    run.grid = {record.gridX, record.gridY, record.gridZ};
    run.block = {record.blockX, record.blockY, record.blockZ};
    run.registers = record.registersPerThread;
    run.shared_bytes = std::int64_t{record.staticSharedMemory} + record.dynamicSharedMemory;
    return run;
}

const char* nameOf(CUpti_ActivityMemcpyKind kind) {
    switch (kind) {
        case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD: return "copy, host to device";
        case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH: return "copy, device to host";
        case CUPTI_ACTIVITY_MEMCPY_KIND_DTOD: return "copy on the device";
        default: return "copy";
    }
}

const char* nameOf(CUpti_ActivityOverheadKind kind) {
    switch (kind) {
        case CUPTI_ACTIVITY_OVERHEAD_DRIVER_COMPILER: return "compiling a kernel";
        case CUPTI_ACTIVITY_OVERHEAD_CUPTI_BUFFER_FLUSH: return "CUPTI: flushing buffers";
        case CUPTI_ACTIVITY_OVERHEAD_CUPTI_INSTRUMENTATION: return "CUPTI: instrumenting";
        case CUPTI_ACTIVITY_OVERHEAD_CUPTI_RESOURCE: return "CUPTI: resources";
        case CUPTI_ACTIVITY_OVERHEAD_RUNTIME_TRIGGERED_MODULE_LOADING: return "loading a module";
        case CUPTI_ACTIVITY_OVERHEAD_LAZY_FUNCTION_LOADING: return "loading a kernel";
        case CUPTI_ACTIVITY_OVERHEAD_COMMAND_BUFFER_FULL: return "waiting: command buffer full";
        case CUPTI_ACTIVITY_OVERHEAD_ACTIVITY_BUFFER_REQUEST: return "CUPTI: asking for a buffer";
        default: return "overhead";
    }
}

void add(const CUpti_ActivityMemory4& record, Records& records) {
    if (record.memoryKind != CUPTI_ACTIVITY_MEMORY_KIND_DEVICE) return;
    const auto bytes = static_cast<std::int64_t>(record.bytes);
    const bool released = record.memoryOperationType == CUPTI_ACTIVITY_MEMORY_OPERATION_TYPE_RELEASE;
    records.allocations.push_back({record.timestamp, released ? -bytes : bytes});
}

void add(const CUpti_Activity* activity, Names& names, Records& records) {
    switch (activity->kind) {
        case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL:
            records.runs.push_back(runOf(*reinterpret_cast<const CUpti_ActivityKernel10*>(activity), names));
            return;
        case CUPTI_ACTIVITY_KIND_MEMCPY: {
            const auto& copy = *reinterpret_cast<const CUpti_ActivityMemcpy6*>(activity);
            RunRecord& run = records.runs.emplace_back(runOf(copy, RunKind::Copy));
            run.name = nameOf(static_cast<CUpti_ActivityMemcpyKind>(copy.copyKind));
            run.bytes = static_cast<std::int64_t>(copy.bytes);
            return;
        }
        case CUPTI_ACTIVITY_KIND_MEMSET: {
            const auto& fill = *reinterpret_cast<const CUpti_ActivityMemset4*>(activity);
            RunRecord& run = records.runs.emplace_back(runOf(fill, RunKind::Fill));
            run.name = "fill";
            run.bytes = static_cast<std::int64_t>(fill.bytes);
            return;
        }
        case CUPTI_ACTIVITY_KIND_OVERHEAD: {
            const auto& overhead = *reinterpret_cast<const CUpti_ActivityOverhead3*>(activity);
            records.overheads.push_back({nameOf(overhead.overheadKind), overhead.start, overhead.end});
            return;
        }
        case CUPTI_ACTIVITY_KIND_MEMORY2:
            add(*reinterpret_cast<const CUpti_ActivityMemory4*>(activity), records);
            return;
        case CUPTI_ACTIVITY_KIND_MEMORY_POOL: return;  // what a pool gives out are MEMORY2 records
        default: ++records.unknown;
    }
}

}  // namespace

std::string demangled(const char* name) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                           &std::free);
    return status == 0 && text ? text.get() : name;
}

void parse(decltype(&::cuptiActivityGetNextRecord) next, std::uint8_t* buffer, std::size_t bytes, Records& records) {
    Names names;
    CUpti_Activity* activity = nullptr;
    while (next(buffer, bytes, &activity) == CUPTI_SUCCESS) add(activity, names, records);
}

}  // namespace perfmamba::kernels::cuda::cupti
