#include "kernels/cuda/plugin/cuda_runtime.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>

#include "kernels/cuda/plugin/architectures.h"
#include "kernels/cuda/plugin/errors.h"
#include "kernels/cuda/simt/device_code.h"

namespace perfmamba::kernels::cuda {
namespace {

// The oldest GPUs that the kernels are compiled for: Turing.
constexpr int kOldestMajor = 7;
constexpr int kOldestMinor = 5;

std::string idOf(int index) {
    return fmt::format("cuda:{}", index);
}

/// The context that the runtime library made current, for the tracer; null where the driver does not tell.
void* currentContext() {
    void* driver = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    if (!driver) return nullptr;
    using GetCurrent = int (*)(void**);
    const auto get_current = reinterpret_cast<GetCurrent>(::dlsym(driver, "cuCtxGetCurrent"));
    void* context = nullptr;
    if (get_current && get_current(&context) != 0) context = nullptr;
    ::dlclose(driver);
    return context;
}

DeviceInfo describe(int index, const cudaDeviceProp& properties) {
    DeviceInfo info;
    info.id = idOf(index);
    info.name = properties.name;
    info.instructions = fmt::format("sm_{}{}", properties.major, properties.minor);
    info.threads = 0;
    info.memory_bytes = static_cast<std::int64_t>(properties.totalGlobalMem);
    info.multiprocessors = properties.multiProcessorCount;
    info.cache_bytes = properties.l2CacheSize;
    int clock_khz = 0;
    if (cudaDeviceGetAttribute(&clock_khz, cudaDevAttrClockRate, index) == cudaSuccess)
        info.clock_mhz = clock_khz / 1e3;
    return info;
}

std::string whyTooOld(const cudaDeviceProp& properties) {
    const bool old =
        properties.major < kOldestMajor || (properties.major == kOldestMajor && properties.minor < kOldestMinor);
    if (!old) return {};
    return fmt::format("it is of compute capability {}.{}, the kernels need {}.{} or later", properties.major,
                       properties.minor, kOldestMajor, kOldestMinor);
}

DeviceChoice choiceOf(int index, const cudaDeviceProp& properties) {
    const DeviceInfo info = describe(index, properties);
    DeviceChoice choice{
        info.id,
        fmt::format("{}, {:.1f} GB, {}", info.name, static_cast<double>(info.memory_bytes) / 1e9, info.instructions),
        whyTooOld(properties),
        {DType::F32, DType::F16}};
    // Kernels compiled for Turing have no bfloat16 matrix instructions.
    if (properties.major >= 8) choice.precisions = {DType::F32, DType::BF16, DType::F16};
    if (choice.missing.empty()) choice.missing = whyNoCode(PERFMAMBA_CUDA_CODE, properties.major, properties.minor);
    if (choice.missing.empty()) choice.missing = blasLibrary().missing;
    return choice;
}

}  // namespace

std::vector<DeviceChoice> listDevices() {
    int count = 0;
    const cudaError_t code = cudaGetDeviceCount(&count);
    const std::string missing = whyNoDevice(code == cudaSuccess && count == 0 ? cudaErrorNoDevice : code);
    if (!missing.empty()) return {{"cuda", "NVIDIA GPUs", missing, {}}};
    std::vector<DeviceChoice> choices;
    for (int i = 0; i < count; ++i) {
        cudaDeviceProp properties{};
        if (const cudaError_t refused = cudaGetDeviceProperties(&properties, i); refused != cudaSuccess) {
            choices.push_back({idOf(i), "NVIDIA GPU", whyNoDevice(refused), {}});
        } else {
            choices.push_back(choiceOf(i, properties));
        }
    }
    return choices;
}

CudaRuntime::CudaRuntime(int index) {
    m_device.id = idOf(index);
    cudaDeviceProp properties{};
    checked("asking for the device", cudaGetDeviceProperties(&properties, index));
    m_device = describe(index, properties);
    const LoadedBlas& blas = blasLibrary();
    if (!blas.library) throw Error("device " + m_device.id, blas.missing);
    const cudaError_t opened = cudaSetDevice(index);
    if (opened == cudaErrorDevicesUnavailable) throw Error("device " + m_device.id, whyNoDevice(opened));
    checked("opening the device", opened);
    cudaFuncAttributes code{};
    if (const std::string missing = whyNoDevice(deviceCode(code)); !missing.empty()) {
        cudaGetLastError();
        throw Error("device " + m_device.id, missing);
    }
    checked("opening the device", cudaStreamCreateWithFlags(&m_stream, cudaStreamNonBlocking));
    m_context = currentContext();
    m_products = std::make_unique<Products>(*blas.library);
    char bus_id[32] = {};
    checked("asking for the device", cudaDeviceGetPCIBusId(bus_id, sizeof bus_id, index));
    m_sensors = std::make_unique<nvml::Sampler>(bus_id);
}

CudaRuntime::~CudaRuntime() {
    m_products.reset();
    if (m_stream) cudaStreamDestroy(m_stream);
}

void CudaRuntime::checked(const char* doing, cudaError_t code) {
    if (code == cudaSuccess) return;
    check();
    if (isFatal(code)) lose(fmt::format("{}, while {}", inWords(code), doing));
    cudaGetLastError();  // it is told here, and not by the next call once more
    throw Error("device " + m_device.id, fmt::format("{} failed: {}", doing, inWords(code)));
}

void CudaRuntime::refuse(int code) {
    if (code == cudaErrorInvalidConfiguration) {
        cudaGetLastError();
        throw Error("device " + m_device.id, "a kernel takes at most 65,535 sequences at once",
                    "choose a smaller batch");
    }
    checked("starting a kernel", static_cast<cudaError_t>(code));
    throw Error("device " + m_device.id, "refused to start a kernel");
}

void* CudaRuntime::allocate(std::size_t bytes) {
    check();
    void* block = nullptr;
    const cudaError_t code = cudaMalloc(&block, bytes);
    if (code == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        return nullptr;
    }
    checked("asking for memory", code);
    return block;
}

void CudaRuntime::release(void* block) noexcept {
    cudaFree(block);
}

void* CudaRuntime::allocatePinned(std::size_t bytes) {
    check();
    void* block = nullptr;
    checked("pinning memory of the host", cudaHostAlloc(&block, bytes, cudaHostAllocDefault));
    return block;
}

void CudaRuntime::releasePinned(void* block) noexcept {
    cudaFreeHost(block);
}

MemoryLeft CudaRuntime::memoryLeft() {
    check();
    std::size_t free = 0;
    std::size_t total = 0;
    checked("asking for the memory left", cudaMemGetInfo(&free, &total));
    return {static_cast<std::int64_t>(free), static_cast<std::int64_t>(total)};
}

void CudaRuntime::zero(void* target, std::size_t bytes) {
    check();
    if (bytes > 0) checked("clearing memory", cudaMemsetAsync(target, 0, bytes, m_stream));
}

void CudaRuntime::copy(void* target, const void* source, std::size_t bytes) {
    check();
    checked("copying", cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToDevice, m_stream));
}

void CudaRuntime::upload(void* target, const void* source, std::size_t bytes) {
    check();
    checked("copying to the device", cudaMemcpyAsync(target, source, bytes, cudaMemcpyHostToDevice, m_stream));
}

void CudaRuntime::download(void* target, const void* source, std::size_t bytes) {
    check();
    checked("copying to the host", cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToHost, m_stream));
    wait();
}

void CudaRuntime::wait() {
    check();
    checked("waiting for the device", cudaStreamSynchronize(m_stream));
}

/// cublasLt says little of a device that is gone; the runtime library knows.
void CudaRuntime::multiply(const Gemm& gemm) {
    check();
    try {
        m_products->multiply(gemm, m_stream);
    } catch (const Error&) {
        const cudaError_t code = cudaGetLastError();
        if (isFatal(code)) checked("a matrix product", code);
        throw;
    }
}

std::size_t CudaRuntime::workspaceForMultiply() const {
    // What NVIDIA's documentation of cublasLt advises for Hopper, and enough for older ones.
    return std::size_t{32} << 20U;
}

Runtime::Event CudaRuntime::makeEvent() {
    check();
    cudaEvent_t event = nullptr;
    checked("making an event", cudaEventCreate(&event));
    return event;
}

void CudaRuntime::destroy(Event event) noexcept {
    cudaEventDestroy(static_cast<cudaEvent_t>(event));
}

void CudaRuntime::record(Event event) {
    check();
    // Inside a capture only an external event has a time that can be asked for.
    const unsigned flags = m_capturing ? cudaEventRecordExternal : cudaEventRecordDefault;
    checked("recording an event", cudaEventRecordWithFlags(static_cast<cudaEvent_t>(event), m_stream, flags));
}

void CudaRuntime::waitFor(Event event) {
    check();
    checked("waiting for the device", cudaEventSynchronize(static_cast<cudaEvent_t>(event)));
}

double CudaRuntime::microsecondsBetween(Event begin, Event end) {
    check();
    float milliseconds = 0;
    checked("reading the device's clock",
            cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(begin), static_cast<cudaEvent_t>(end)));
    return static_cast<double>(milliseconds) * 1e3;
}

/// Relaxed: memory may be asked for meanwhile, and other threads are no concern of ours.
void CudaRuntime::beginCapture() {
    check();
    checked("starting a capture", cudaStreamBeginCapture(m_stream, cudaStreamCaptureModeRelaxed));
    m_capturing = true;
}

/// Kernels, copies and fills.
std::int64_t CudaRuntime::runsOf(cudaGraph_t graph) {
    std::size_t count = 0;
    checked("looking at a graph", cudaGraphGetNodes(graph, nullptr, &count));
    std::vector<cudaGraphNode_t> nodes(count);
    checked("looking at a graph", cudaGraphGetNodes(graph, nodes.data(), &count));
    return std::ranges::count_if(nodes, [&](cudaGraphNode_t node) {
        cudaGraphNodeType type{};
        checked("looking at a graph", cudaGraphNodeGetType(node, &type));
        return type == cudaGraphNodeTypeKernel || type == cudaGraphNodeTypeMemcpy || type == cudaGraphNodeTypeMemset;
    });
}

Runtime::Captured CudaRuntime::endCapture() {
    check();
    m_capturing = false;
    cudaGraph_t ended = nullptr;
    checked("ending a capture", cudaStreamEndCapture(m_stream, &ended));
    const std::unique_ptr<CUgraph_st, decltype(&cudaGraphDestroy)> graph(ended, &cudaGraphDestroy);
    cudaGraphExec_t executable = nullptr;
    checked("making a graph", cudaGraphInstantiate(&executable, graph.get(), 0));
    return {executable, runsOf(graph.get())};
}

void CudaRuntime::abandonCapture() noexcept {
    m_capturing = false;
    cudaGraph_t graph = nullptr;
    if (cudaStreamEndCapture(m_stream, &graph) == cudaSuccess && graph) cudaGraphDestroy(graph);
    cudaGetLastError();
}

void CudaRuntime::launch(Graph graph) {
    check();
    checked("starting a graph", cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), m_stream));
}

void CudaRuntime::destroyGraph(Graph graph) noexcept {
    cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph));
}

}  // namespace perfmamba::kernels::cuda
