#include "kernels/cuda/cupti/range_profiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <string_view>
#include <utility>

#include "kernels/cuda/cupti/counter_api.h"
#include "kernels/error.h"

namespace perfmamba::kernels::cuda::cupti {
namespace {

constexpr const char* kSubject = "counters";

int currentDevice(const std::string& driver) {
    const DynamicLibrary library = loadDriver(driver);
    const auto ask = library.function<int (*)(int*)>("cuCtxGetDevice");
    int device = 0;
    const int result = ask ? ask(&device) : -1;
    if (result != 0) throw Error(kSubject, fmt::format("the driver does not tell the GPU in use (error {})", result));
    return device;
}

}  // namespace

RangeProfiler::RangeProfiler(std::shared_ptr<const Api> api, const std::string& driver, void* context)
    : m_api(std::move(api)), m_counters(loadCounterApi(m_api->path)), m_context(context) {
    CUpti_Profiler_Initialize_Params initialize{};
    initialize.structSize = CUpti_Profiler_Initialize_Params_STRUCT_SIZE;
    check("preparing", m_counters->initialize(&initialize));
    const int device = currentDevice(driver);
    requireSupport(device);
    m_host = std::make_unique<CounterHost>(m_api, m_counters, chipOf(device), availability());
}

RangeProfiler::~RangeProfiler() {
    leave();
}

void RangeProfiler::check(const char* doing, CUptiResult result) const {
    if (result == CUPTI_SUCCESS) return;
    throw Error(kSubject, explain(*m_api, fmt::format("counting ({})", doing), result));
}

/// Where CUPTI says what is in the way, in its words; where it does not know, the next step will tell.
void RangeProfiler::requireSupport(int device) const {
    CUpti_Profiler_DeviceSupported_Params params{};
    params.structSize = CUpti_Profiler_DeviceSupported_Params_STRUCT_SIZE;
    params.api = CUPTI_PROFILER_RANGE_PROFILING;
    params.cuDevice = device;
    if (m_counters->deviceSupported(&params) != CUPTI_SUCCESS) return;
    if (params.isSupported == CUPTI_PROFILER_CONFIGURATION_SUPPORTED) return;
    const auto refuses = [](CUpti_Profiler_Support_Level level) {
        return level == CUPTI_PROFILER_CONFIGURATION_UNSUPPORTED || level == CUPTI_PROFILER_CONFIGURATION_DISABLED;
    };
    const char* reason = refuses(params.architecture)          ? "it is too old"
                         : refuses(params.vGpu)                ? "it is a virtual one, and its host does not allow it"
                         : refuses(params.confidentialCompute) ? "confidential computing is on"
                         : refuses(params.sli)                 ? "SLI is on"
                         : refuses(params.cmp)                 ? "it is made for mining"
                         : refuses(params.wsl)                 ? "under WSL it is not supported"
                                                               : nullptr;
    if (reason) throw Error(kSubject, fmt::format("this GPU does not count: {}", reason));
}

std::string RangeProfiler::chipOf(int device) const {
    CUpti_Device_GetChipName_Params params{};
    params.structSize = CUpti_Device_GetChipName_Params_STRUCT_SIZE;
    params.deviceIndex = static_cast<std::size_t>(device);
    check("asking for the chip", m_counters->chipName(&params));
    return params.pChipName ? params.pChipName : "";
}

/// A driver that keeps counters for administrators refuses here.
std::vector<std::uint8_t> RangeProfiler::availability() const {
    CUpti_Profiler_GetCounterAvailability_Params params{};
    params.structSize = CUpti_Profiler_GetCounterAvailability_Params_STRUCT_SIZE;
    params.ctx = static_cast<CUcontext>(m_context);
    check("asking what there is", m_counters->availability(&params));
    std::vector<std::uint8_t> image(params.counterAvailabilityImageSize);
    params.pCounterAvailabilityImage = image.data();
    check("asking what there is", m_counters->availability(&params));
    return image;
}

void RangeProfiler::start(std::size_t kernels) {
    CUpti_RangeProfiler_Enable_Params enable{};
    enable.structSize = CUpti_RangeProfiler_Enable_Params_STRUCT_SIZE;
    enable.ctx = static_cast<CUcontext>(m_context);
    check("enabling", m_counters->rangeEnable(&enable));
    m_profiler = enable.pRangeProfilerObject;
    makeImage(kernels);
    configure(kernels);
    CUpti_RangeProfiler_Start_Params start{};
    start.structSize = CUpti_RangeProfiler_Start_Params_STRUCT_SIZE;
    start.pRangeProfilerObject = m_profiler;
    check("starting", m_counters->rangeStart(&start));
    m_started = true;
}

/// Where CUPTI puts what it counted.
void RangeProfiler::makeImage(std::size_t kernels) {
    std::vector<const char*> metrics = m_host->metrics();
    CUpti_RangeProfiler_GetCounterDataSize_Params size{};
    size.structSize = CUpti_RangeProfiler_GetCounterDataSize_Params_STRUCT_SIZE;
    size.pRangeProfilerObject = m_profiler;
    size.pMetricNames = metrics.data();
    size.numMetrics = metrics.size();
    size.maxNumOfRanges = kernels;
    size.maxNumRangeTreeNodes = static_cast<std::uint32_t>(kernels);
    check("sizing", m_counters->rangeDataSize(&size));
    m_data.assign(size.counterDataSize, 0);
    CUpti_RangeProfiler_CounterDataImage_Initialize_Params initialize{};
    initialize.structSize = CUpti_RangeProfiler_CounterDataImage_Initialize_Params_STRUCT_SIZE;
    initialize.pRangeProfilerObject = m_profiler;
    initialize.counterDataSize = m_data.size();
    initialize.pCounterData = m_data.data();
    check("making room", m_counters->rangeDataInitialize(&initialize));
}

void RangeProfiler::configure(std::size_t kernels) {
    CUpti_RangeProfiler_SetConfig_Params config{};
    config.structSize = CUpti_RangeProfiler_SetConfig_Params_STRUCT_SIZE;
    config.pRangeProfilerObject = m_profiler;
    config.configSize = m_host->configImage().size();
    config.pConfig = m_host->configImage().data();
    config.counterDataImageSize = m_data.size();
    config.pCounterDataImage = m_data.data();
    config.range = CUPTI_AutoRange;
    config.replayMode = CUPTI_KernelReplay;
    config.maxRangesPerPass = kernels;
    // What ranges that lie in no other need.
    config.numNestingLevels = 1;
    config.minNestingLevel = 1;
    config.targetNestingLevel = 1;
    config.passIndex = 0;
    check("configuring", m_counters->rangeSetConfig(&config));
}

void RangeProfiler::stop() {
    m_started = false;
    CUpti_RangeProfiler_Stop_Params params{};
    params.structSize = CUpti_RangeProfiler_Stop_Params_STRUCT_SIZE;
    params.pRangeProfilerObject = m_profiler;
    check("stopping", m_counters->rangeStop(&params));
}

std::vector<CounterValues> RangeProfiler::finish() {
    stop();
    CUpti_RangeProfiler_DecodeData_Params decode{};
    decode.structSize = CUpti_RangeProfiler_DecodeData_Params_STRUCT_SIZE;
    decode.pRangeProfilerObject = m_profiler;
    check("decoding", m_counters->rangeDecode(&decode));
    if (decode.numOfRangeDropped > 0) {
        throw Error(kSubject, fmt::format("CUPTI dropped {} kernels, having room for fewer", decode.numOfRangeDropped));
    }
    std::vector<CounterValues> values;
    for (const std::size_t range : rangesInOrder()) values.push_back(m_host->evaluate(m_data, range));
    leave();
    return values;
}

/// A kernel's range is named by its number; where the name is none, ranges lie in the order of the kernels.
std::vector<std::size_t> RangeProfiler::rangesInOrder() const {
    CUpti_RangeProfiler_GetCounterDataInfo_Params info{};
    info.structSize = CUpti_RangeProfiler_GetCounterDataInfo_Params_STRUCT_SIZE;
    info.pCounterDataImage = m_data.data();
    info.counterDataImageSize = m_data.size();
    check("reading", m_counters->rangeDataInfo(&info));
    std::vector<std::size_t> ranges(info.numTotalRanges);
    std::iota(ranges.begin(), ranges.end(), std::size_t{0});
    std::vector<std::uint64_t> numbers(ranges.size());
    for (const std::size_t i : ranges) {
        CUpti_RangeProfiler_CounterData_GetRangeInfo_Params name{};
        name.structSize = CUpti_RangeProfiler_CounterData_GetRangeInfo_Params_STRUCT_SIZE;
        name.pCounterDataImage = m_data.data();
        name.counterDataImageSize = m_data.size();
        name.rangeIndex = i;
        name.rangeDelimiter = "/";
        if (m_counters->rangeInfo(&name) != CUPTI_SUCCESS || !name.rangeName) return ranges;
        const std::string_view text = name.rangeName;
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), numbers[i]);
        if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return ranges;
    }
    std::ranges::stable_sort(ranges, {}, [&](std::size_t i) { return numbers[i]; });
    return ranges;
}

void RangeProfiler::leave() noexcept {
    if (!m_profiler) return;
    if (std::exchange(m_started, false)) {
        CUpti_RangeProfiler_Stop_Params stop{};
        stop.structSize = CUpti_RangeProfiler_Stop_Params_STRUCT_SIZE;
        stop.pRangeProfilerObject = m_profiler;
        (void)m_counters->rangeStop(&stop);
    }
    CUpti_RangeProfiler_Disable_Params disable{};
    disable.structSize = CUpti_RangeProfiler_Disable_Params_STRUCT_SIZE;
    disable.pRangeProfilerObject = std::exchange(m_profiler, nullptr);
    (void)m_counters->rangeDisable(&disable);
}

}  // namespace perfmamba::kernels::cuda::cupti
