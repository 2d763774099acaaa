// The forward pass of both architectures, over a Backend: prefill and decode are the same code, decode being L = 1.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "core/engine/state_observer.h"
#include "core/model/checkpoint.h"
#include "kernels/backend.h"

namespace perfmamba::engine {

/// What a batch of sequences carries from one call to the next.
struct State {
    std::int64_t batch = 0;
    std::int64_t position = 0;          // tokens seen so far, of each sequence
    std::vector<kernels::Buffer> conv;  // a layer each: (B, K − 1, conv width)
    std::vector<kernels::Buffer> ssm;   // a layer each: (B, N, Di) in Mamba-1, (B, H, P, N) in Mamba-2; where the
                                        // groups of a layer differ in N, one (B, H/G, P, N) after the other
};

/// Which positions' logits a call computes. Others cost neither time nor memory.
enum class LogitsFor : std::uint8_t { None, LastToken, EveryToken };

/// (batch, positions, vocab), float32, on the device; empty for LogitsFor::None.
struct Logits {
    kernels::Buffer values;
    std::int64_t batch = 0;
    std::int64_t positions = 0;
    std::int64_t vocab = 0;
};

/// Which states take part: for each layer a flag for each of its states, group 0's first; 1 stays, 0 is masked. Empty:
/// all.
using Mask = std::vector<std::vector<std::uint8_t>>;

/// How a model is loaded, which takes as long as its file takes to be read.
struct Loading {
    std::function<void(double done)> observer = {};  // called after each layer with their share, 0 … 1
    std::stop_token stop = {};
    const kernels::Backend* beside = nullptr;  // whose times will be compared with those of the model
};

/// A model on a device. Used by one thread.
class Engine {
public:
    /// Loads the weights onto the device. Throws Error when a tensor is missing or misshapen, or memory runs out, and
    /// Cancelled when a stop is requested.
    Engine(std::shared_ptr<const model::Checkpoint> checkpoint, std::unique_ptr<kernels::Backend> backend,
           const Loading& loading = {});
    ~Engine();

    [[nodiscard]] const model::Checkpoint& checkpoint() const { return *m_checkpoint; }
    /// The same, to derive others from.
    [[nodiscard]] const std::shared_ptr<const model::Checkpoint>& sharedCheckpoint() const { return m_checkpoint; }
    /// The checkpoint's, but for the SSD's chunk, which is as the device has it.
    [[nodiscard]] const model::Config& config() const { return m_config; }
    [[nodiscard]] kernels::Backend& backend() { return *m_backend; }

    /// Throws Error when a pass of that size cannot fit into what memory is left, before anything is allocated.
    /// @param of tokens that are run in pieces of `length`, for the message; 0: all at once
    void checkFits(std::int64_t batch, std::int64_t length, std::int64_t of = 0) const;

    /// The state before the first token: zeros.
    [[nodiscard]] State newState(std::int64_t batch);

    /// Runs `tokens` (B, L), row-major, from `state`, which is advanced by L tokens.
    /// Throws Error for an empty or ragged input or a token id outside the vocabulary (naming id and position), and
    /// Cancelled when `stop` is requested; the state is then unusable.
    Logits forward(std::span<const std::int32_t> tokens, State& state, LogitsFor logits_for,
                   const std::stop_token& stop = {});

    /// Called for a layer after it was observed and before it runs for good; may call setMask() for that layer.
    using LayerHook = std::function<void(std::int64_t layer)>;
    /// A forward pass from an empty state, without logits, in which each layer runs twice: observed, and then, after
    /// `hook`, for good, so that the next layer sees the output of an already masked one. Needs observe().
    void forwardByLayer(std::span<const std::int32_t> tokens, State& state, const LayerHook& hook,
                        const std::stop_token& stop = {});

    /// Takes states out of the computation from the next pass on, at once: their B and C are zeroed, which gives the
    /// logits of a model without them. An empty mask ends it. Throws Error for a mask of another shape.
    void setMask(const Mask& mask);
    /// The same for one layer; no flags end it there.
    void setMask(std::int64_t layer, const std::vector<std::uint8_t>& flags);

    /// From the next pass on, adds what every state does to `observer`, which must be of this engine's configuration
    /// and outlive its use; null ends it. The logits stay bit for bit the same, but those of single tokens on a backend
    /// that fuses steps: while observed, their components run one by one.
    void observe(StateObserver* observer) { m_observer = observer; }

    /// forward() with the logits copied to the host.
    std::vector<float> logits(std::span<const std::int32_t> tokens, State& state, LogitsFor logits_for);

private:
    struct Layer;
    struct Pass;
    void checkTokens(std::span<const std::int32_t> tokens, const State& state) const;
    Pass beginPass(std::span<const std::int32_t> tokens, State& state, const std::stop_token& stop);
    void norm(const Layer& layer, Pass& pass);
    void mixer(const Layer& layer, Pass& pass);
    void mamba1(const Layer& layer, Pass& pass);
    void mamba2(const Layer& layer, Pass& pass);
    [[nodiscard]] kernels::SelectiveScanArgs scanArgs(const Layer& layer, const Pass& pass, kernels::ConstElements x,
                                                      kernels::ConstElements dbc) const;
    [[nodiscard]] kernels::SsdArgs ssdArgs(const Layer& layer, const Pass& pass, kernels::ConstElements xbc,
                                           std::int64_t stride, kernels::ConstElements dt) const;
    void ssd(const Layer& layer, const Pass& pass, const kernels::SsdArgs& args);
    template <class Args>
    void observeGroup(const Layer& layer, const Pass& pass, std::int64_t group, const Args& args);
    void mixerNorms(const Layer& layer, const Pass& pass, kernels::Elements dbc);
    void applyMask(const Layer& layer, const Pass& pass, kernels::Elements bc, std::int64_t stride);
    void runLayers(Pass& pass);
    void head(Pass& pass, Logits& logits);
    [[nodiscard]] bool canFuse() const;
    void fusedLayer(const Layer& layer, Pass& pass);
    kernels::Buffer fusedMamba1(const Layer& layer, Pass& pass);
    kernels::Buffer fusedMamba2(const Layer& layer, Pass& pass);
    [[nodiscard]] kernels::Buffer fusedProjection(const Layer& layer, Pass& pass, std::int64_t conv_first);
    void fusedHead(Pass& pass, Logits& logits);
    Logits replayed(std::span<const std::int32_t> tokens, State& state, const std::stop_token& stop);
    void checkMask(std::int64_t layer, const std::vector<std::uint8_t>& flags) const;
    void outProj(const Layer& layer, Pass& pass, const kernels::Buffer& y);

    std::shared_ptr<const model::Checkpoint> m_checkpoint;
    std::unique_ptr<kernels::Backend> m_backend;
    model::Config m_config;
    kernels::Weight m_embedding;
    kernels::Weight m_norm_f;
    kernels::Weight m_lm_head;
    std::vector<Layer> m_layers;
    StateObserver* m_observer = nullptr;
    std::uint64_t m_mask_number = 0;  // changes with the mask
    Mask m_mask;  // a layer each: the flags of B's columns, then C's; empty where every state takes part
};

}  // namespace perfmamba::engine
