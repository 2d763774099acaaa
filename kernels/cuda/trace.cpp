#include "kernels/cuda/trace.h"

#include <utility>

#include "kernels/error.h"

#ifdef PERFMAMBA_CUPTI
#include "kernels/cuda/cupti/tracer.h"
#endif

namespace perfmamba::kernels::cuda {
namespace {

/// Stands where nothing can be traced, and says why.
class NoTracer final : public Tracer {
public:
    explicit NoTracer(std::string reason) : m_status{"", TraceDetail::Off, std::move(reason)} {}

    [[nodiscard]] TraceStatus status() const override { return m_status; }
    bool start() override { return false; }
    void stop() override {}
    [[nodiscard]] std::uint64_t generation() const override { return 0; }
    void beginPass(bool, void*, void*) override {}
    bool endPass(PassRecord&) override { return false; }
    void beginSpan(Component, Stage, std::int32_t) override {}
    void endSpan() override {}
    void beginCapture() override {}
    GraphKey endCapture(std::int64_t) override { return 0; }
    void graphLaunched(GraphKey) override {}
    CountedPass count(void*, const std::function<void()>&) override { throw Error("counters", m_status.reason); }

private:
    TraceStatus m_status;
};

}  // namespace

std::unique_ptr<Tracer> makeTracer() {
#ifdef PERFMAMBA_CUPTI
    return cupti::makeTracer({});
#else
    return std::make_unique<NoTracer>("this build has no CUPTI: the toolkit's headers were not there");
#endif
}

}  // namespace perfmamba::kernels::cuda
