#include "kernels/cuda/cupti/counters.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include "kernels/cuda/cupti/counter_api.h"
#include "kernels/error.h"

namespace perfmamba::kernels::cuda::cupti {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSubject = "counters";

struct Wanted {
    Counter counter;
    const char* words;
    std::array<const char*, 2> names;  // CUPTI's, the first that the chip knows; null: no other
};

constexpr std::array<Wanted, kCounters> kWanted = {{
    {Counter::Time, "time", {"gpu__time_duration.sum", nullptr}},
    {Counter::DramRead, "bytes read from DRAM", {"dram__bytes_read.sum", "dram__bytes_op_read.sum"}},
    {Counter::DramWritten, "bytes written to DRAM", {"dram__bytes_write.sum", "dram__bytes_op_write.sum"}},
    {Counter::DramPercent, "DRAM throughput", {"dram__throughput.avg.pct_of_peak_sustained_elapsed", nullptr}},
    {Counter::Occupancy, "occupancy", {"sm__warps_active.avg.pct_of_peak_sustained_active", nullptr}},
    {Counter::TensorInstructions, "tensor pipe instructions", {"sm__inst_executed_pipe_tensor.sum", nullptr}},
    {Counter::Instructions, "instructions", {"smsp__inst_executed.sum", nullptr}},
}};

const Wanted& wanted(Counter counter) {
    return kWanted[static_cast<std::size_t>(counter)];
}

/// CUPTI loads these by their bare names when it first needs them, and the system's search does not look beside it.
/// What is loaded already under that name is taken.
void loadCompanions(const std::string& library) {
    for (const char* name : {"libnvperf_host.so", "libnvperf_target.so"}) {
        const fs::path beside = fs::path(library).parent_path() / name;
        std::error_code ignored;
        const bool there = fs::path(library).has_parent_path() && fs::exists(beside, ignored);
        const DynamicLibrary companion(there ? beside.string() : name);  // stays loaded
    }
}

}  // namespace

const char* inWords(Counter counter) {
    return wanted(counter).words;
}

std::shared_ptr<const CounterApi> loadCounterApi(const std::string& path) {
    const DynamicLibrary library(path);
    if (!library) throw Error(kSubject, library.failure());
    auto api = std::make_shared<CounterApi>();
#define PERFMAMBA_CUPTI_FIND(member, name)                    \
    api->member = library.function<decltype(&::name)>(#name); \
    if (!api->member) throw Error(kSubject, fmt::format("{} has no {}", library.path(), #name), "CUPTI 13.0 has it");
    PERFMAMBA_CUPTI_COUNTER_FUNCTIONS(PERFMAMBA_CUPTI_FIND)
#undef PERFMAMBA_CUPTI_FIND
    loadCompanions(library.path());
    return api;
}

std::vector<std::string> knownChips(const CounterApi& counters) {
    CUpti_Profiler_Host_GetSupportedChips_Params params{};
    params.structSize = CUpti_Profiler_Host_GetSupportedChips_Params_STRUCT_SIZE;
    if (counters.hostSupportedChips(&params) != CUPTI_SUCCESS) return {};
    return {params.ppChipNames, params.ppChipNames + params.numChips};
}

/// CUPTI's object for a chip and a list of metrics, given back at the end.
class CounterHost::Host {
public:
    Host(const CounterApi& api, const std::string& chip, const std::vector<std::uint8_t>& availability) : m_api(api) {
        CUpti_Profiler_Host_Initialize_Params params{};
        params.structSize = CUpti_Profiler_Host_Initialize_Params_STRUCT_SIZE;
        params.profilerType = CUPTI_PROFILER_TYPE_RANGE_PROFILER;
        params.pChipName = chip.c_str();
        params.pCounterAvailabilityImage = availability.empty() ? nullptr : availability.data();
        result = m_api.hostInitialize(&params);
        if (result == CUPTI_SUCCESS) m_host = params.pHostObject;
    }
    ~Host() {
        if (!m_host) return;
        CUpti_Profiler_Host_Deinitialize_Params params{};
        params.structSize = CUpti_Profiler_Host_Deinitialize_Params_STRUCT_SIZE;
        params.pHostObject = m_host;
        (void)m_api.hostDeinitialize(&params);
    }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    [[nodiscard]] CUpti_Profiler_Host_Object* get() const { return m_host; }

    /// The image that counts `metrics`; empty where one of them is not known.
    std::vector<std::uint8_t> imageOf(std::vector<const char*> metrics) {
        CUpti_Profiler_Host_ConfigAddMetrics_Params add{};
        add.structSize = CUpti_Profiler_Host_ConfigAddMetrics_Params_STRUCT_SIZE;
        add.pHostObject = m_host;
        add.ppMetricNames = metrics.data();
        add.numMetrics = metrics.size();
        result = m_host ? m_api.hostAddMetrics(&add) : result;
        if (result != CUPTI_SUCCESS) return {};

        CUpti_Profiler_Host_GetConfigImageSize_Params size{};
        size.structSize = CUpti_Profiler_Host_GetConfigImageSize_Params_STRUCT_SIZE;
        size.pHostObject = m_host;
        result = m_api.hostImageSize(&size);
        if (result != CUPTI_SUCCESS) return {};

        std::vector<std::uint8_t> image(size.configImageSize);
        CUpti_Profiler_Host_GetConfigImage_Params get{};
        get.structSize = CUpti_Profiler_Host_GetConfigImage_Params_STRUCT_SIZE;
        get.pHostObject = m_host;
        get.configImageSize = image.size();
        get.pConfigImage = image.data();
        result = m_api.hostImage(&get);
        if (result != CUPTI_SUCCESS) return {};
        return image;
    }

    CUptiResult result = CUPTI_SUCCESS;  // of the last call

private:
    const CounterApi& m_api;
    CUpti_Profiler_Host_Object* m_host = nullptr;
};

CounterHost::CounterHost(std::shared_ptr<const Api> api, std::shared_ptr<const CounterApi> counters, std::string chip,
                         std::vector<std::uint8_t> availability)
    : m_api(std::move(api)),
      m_counters(std::move(counters)),
      m_chip(std::move(chip)),
      m_availability(std::move(availability)) {
    m_host = std::make_unique<Host>(*m_counters, m_chip, m_availability);
    if (!m_host->get()) {
        const std::vector<std::string> chips = knownChips(*m_counters);
        const bool known = std::ranges::find(chips, m_chip) != chips.end();
        throw Error(kSubject, known || chips.empty()
                                  ? explain(*m_api, "planning for " + m_chip, m_host->result)
                                  : fmt::format("{} does not know the chip {}", m_api->name(), m_chip));
    }
    for (const Wanted& each : kWanted) choose(each.counter);
    if (m_metrics.empty()) throw Error(kSubject, fmt::format("{} has none that fit one pass", m_chip));
    m_image = m_host->imageOf(m_metrics);
    if (m_image.empty()) throw Error(kSubject, explain(*m_api, "planning for " + m_chip, m_host->result));
}

CounterHost::~CounterHost() = default;

void CounterHost::choose(Counter counter) {
    for (const char* name : wanted(counter).names) {
        if (!name) break;
        std::vector<const char*> metrics = m_metrics;
        metrics.push_back(name);
        if (!fits(metrics)) continue;
        m_metrics = std::move(metrics);
        m_counted.push_back(counter);
        return;
    }
    m_missing.push_back(counter);
}

/// Whether the chip knows all of them and counts them in one pass: a kernel is not run again.
bool CounterHost::fits(const std::vector<const char*>& metrics) const {
    Host host(*m_counters, m_chip, m_availability);
    std::vector<std::uint8_t> image = host.imageOf(metrics);
    if (image.empty()) return false;
    CUpti_Profiler_Host_GetNumOfPasses_Params passes{};
    passes.structSize = CUpti_Profiler_Host_GetNumOfPasses_Params_STRUCT_SIZE;
    passes.configImageSize = image.size();
    passes.pConfigImage = image.data();
    return m_counters->hostPasses(&passes) == CUPTI_SUCCESS && passes.numOfPasses == 1;
}

std::string CounterHost::missing() const {
    if (m_missing.empty()) return {};
    std::vector<std::string> words;
    words.reserve(m_missing.size());
    for (const Counter counter : m_missing) words.emplace_back(inWords(counter));
    return fmt::format("{} does not count in the same pass: {}", m_chip, fmt::join(words, ", "));
}

CounterValues CounterHost::evaluate(const std::vector<std::uint8_t>& data, std::size_t range) const {
    std::vector<const char*> metrics = m_metrics;
    std::vector<double> values(metrics.size());
    CUpti_Profiler_Host_EvaluateToGpuValues_Params params{};
    params.structSize = CUpti_Profiler_Host_EvaluateToGpuValues_Params_STRUCT_SIZE;
    params.pHostObject = m_host->get();
    params.pCounterDataImage = data.data();
    params.counterDataImageSize = data.size();
    params.rangeIndex = range;
    params.ppMetricNames = metrics.data();
    params.numMetrics = metrics.size();
    params.pMetricValues = values.data();
    const CUptiResult result = m_counters->hostEvaluate(&params);
    if (result != CUPTI_SUCCESS) throw Error(kSubject, explain(*m_api, "reading the counters", result));
    CounterValues all;
    all.fill(std::numeric_limits<double>::quiet_NaN());
    for (std::size_t i = 0; i < values.size(); ++i) all[static_cast<std::size_t>(m_counted[i])] = values[i];
    return all;
}

}  // namespace perfmamba::kernels::cuda::cupti
