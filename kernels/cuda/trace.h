// How the CUDA backend has its passes recorded kernel by kernel. No CUDA or CUPTI type stands here: the implementation
// (kernels/cuda/cupti) loads CUPTI by itself, and where it cannot, a tracer is made all the same that records nothing
// and says why; the backend then times spans by CUDA events.
//
// The backend calls, on the thread that owns the device:
//   start() / stop()                 between passes
//   beginPass(record, stream)        after the device has become idle, before the pass's first launch
//   beginSpan() / endSpan()          as they come from the engine, in captures, too
//   beginCapture() / endCapture()    around cudaStreamBeginCapture … cudaGraphInstantiate
//   graphLaunched(graph)             after each cudaGraphLaunch
//   count(context, pass)             between passes; the backend captures and replays nothing until it returns
//   endPass(record)                  after the stream has been synchronised and record.total_us is known
// total_us is best the host's time from beginPass() to the end of the synchronisation: what is left of it when the
// kernels are taken off is then all the pass's idle time, the first launch and the last wait included.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "kernels/backend.h"
#include "kernels/trace/counters.h"
#include "kernels/trace/run.h"

namespace perfmamba::kernels::cuda {

/// A captured graph, as the tracer knows it. 0: captured while nothing was traced.
using GraphKey = std::uint64_t;

/// One thread, one for the process: CUPTI knows one subscriber only. Nothing here throws but count(); what fails
/// is said by status() and the tracer stops.
class Tracer {
public:
    Tracer() = default;
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;
    /// Stops.
    virtual ~Tracer() = default;

    /// Who traces, how finely, and why not more finely. detail Off: it does not trace, time by events.
    [[nodiscard]] virtual TraceStatus status() const = 0;
    [[nodiscard]] bool tracing() const { return status().detail == TraceDetail::Kernels; }

    /// Starts or ends tracing, between passes. Returns whether it traces now. What was captured before is not known
    /// afterwards: the backend captures its graphs anew when generation() has changed.
    virtual bool start() = 0;
    virtual void stop() = 0;
    /// Changes with every start that succeeded.
    [[nodiscard]] virtual std::uint64_t generation() const = 0;

    /// Without `record` nothing is collected, and launches cost what they cost untraced, but for CUPTI's own share.
    /// @param context, stream the CUcontext and cudaStream_t, whose records those of no span are told by; may be null
    virtual void beginPass(bool record, void* context, void* stream) = 0;
    /// Fills in record.spans, record.kernels and record.trace; leaves the rest. False where nothing was collected.
    virtual bool endPass(PassRecord& record) = 0;

    virtual void beginSpan(Component component, Stage stage, std::int32_t layer) = 0;
    virtual void endSpan() = 0;

    virtual void beginCapture() = 0;
    /// @param runs kernels, copies and fills of the graph, 0 where it was abandoned
    virtual GraphKey endCapture(std::int64_t runs) = 0;
    virtual void graphLaunched(GraphKey graph) = 0;

    /// Counts the kernels of `pass`, which is called twice and calls beginPass() and the spans' functions; recording
    /// rests meanwhile, and goes on afterwards as before. The device's context is current. Throws Error, and what
    /// `pass` throws; the tracer stays as it was.
    virtual CountedPass count(void* context, const std::function<void()>& pass) = 0;
};

/// Never null. CUPTI is left alone until start().
std::unique_ptr<Tracer> makeTracer();

}  // namespace perfmamba::kernels::cuda
