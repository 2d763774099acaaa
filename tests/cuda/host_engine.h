// A model on the CUDA backend, which runs on the host here; and on the CPU, to compare with.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "kernels/cuda/plugin/cuda_backend.h"
#include "kernels/cuda/plugin/host_runtime.h"
#include "kernels/devices.h"
#include "tests/support/relative_error.h"

namespace perfmamba::tests {

using CheckpointPtr = std::shared_ptr<const model::Checkpoint>;

inline CheckpointPtr openCase(const std::string& name) {
    return model::Checkpoint::open(std::string(PERFMAMBA_SOURCE_DIR "/tests/golden/cases/") + name);
}

/// An engine on a device that is not there; `runtime` can make it fail.
struct HostEngine {
    kernels::cuda::HostRuntime* runtime = nullptr;
    std::unique_ptr<engine::Engine> engine;

    engine::Engine* operator->() const { return engine.get(); }
};

inline HostEngine onDevice(const CheckpointPtr& checkpoint, DType precision = DType::F32,
                           const kernels::cuda::HostRuntime::Options& options = {},
                           std::unique_ptr<kernels::cuda::Tracer> tracer = nullptr) {
    auto runtime = std::make_unique<kernels::cuda::HostRuntime>(options);
    HostEngine result;
    result.runtime = runtime.get();
    result.engine = std::make_unique<engine::Engine>(
        checkpoint, std::make_unique<kernels::cuda::CudaBackend>(std::move(runtime), std::move(tracer), precision));
    return result;
}

inline std::unique_ptr<engine::Engine> onCpu(const CheckpointPtr& checkpoint) {
    return std::make_unique<engine::Engine>(checkpoint, kernels::makeBackend("cpu", {.threads = 1}));
}

/// Ids that differ from sequence to sequence and token to token, always the same.
inline std::vector<std::int32_t> tokensOf(const model::Config& config, std::int64_t count, std::int64_t seed = 0) {
    std::vector<std::int32_t> tokens;
    for (std::int64_t i = 0; i < count; ++i) {
        tokens.push_back(static_cast<std::int32_t>((i * i * 7 + i * 13 + seed * 5 + 3) % config.vocab_size));
    }
    return tokens;
}

/// Every token's logits: a prompt in pieces of odd lengths, then `steps` single tokens.
inline std::vector<float> logitsOf(engine::Engine& engine, std::int64_t batch, std::int64_t steps = 6) {
    engine::State state = engine.newState(batch);
    std::vector<float> all;
    const auto take = [&](std::int64_t length) {
        const std::vector<std::int32_t> tokens = tokensOf(engine.config(), batch * length, state.position);
        const std::vector<float> logits = engine.logits(tokens, state, engine::LogitsFor::EveryToken);
        all.insert(all.end(), logits.begin(), logits.end());
    };
    for (const std::int64_t length : {2, 1, 37, 20}) take(length);
    for (std::int64_t i = 0; i < steps; ++i) take(1);
    return all;
}

}  // namespace perfmamba::tests
