#include "core/profile/pass_runner.h"

#include <algorithm>
#include <random>
#include <utility>

namespace perfmamba::profile {
namespace {

using engine::LogitsFor;

// Context before a decode pass is run in pieces, so that it needs little memory.
constexpr std::int64_t kContextPiece = 512;

std::vector<std::int32_t> randomTokens(std::uint64_t seed, std::int64_t count, std::int64_t vocab) {
    std::mt19937_64 generator(seed);
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(count));
    // Not a distribution of the standard library, which may differ from one to the next.
    for (std::int32_t& token : tokens)
        token = static_cast<std::int32_t>(generator() % static_cast<std::uint64_t>(vocab));
    return tokens;
}

}  // namespace

PassRunner::PassRunner(engine::Engine& engine, Mode mode, std::int64_t batch, std::int64_t length, std::uint64_t seed,
                       std::stop_token stop)
    : m_engine(engine), m_stop(std::move(stop)), m_mode(mode) {
    engine.checkFits(batch, mode == Mode::Decode ? std::min(length, kContextPiece) : length, length);
    m_tokens = randomTokens(seed, batch * length, engine.config().vocab_size);
    m_state = engine.newState(batch);
    if (mode == Mode::Decode) runContext(batch, length);
}

void PassRunner::runContext(std::int64_t batch, std::int64_t length) {
    for (std::int64_t begin = 0; begin < length; begin += kContextPiece) {
        const std::int64_t count = std::min(kContextPiece, length - begin);
        std::vector<std::int32_t> piece;
        for (std::int64_t b = 0; b < batch; ++b) {
            const auto from = m_tokens.begin() + b * length + begin;
            piece.insert(piece.end(), from, from + count);
        }
        m_engine.forward(piece, m_state, LogitsFor::None, m_stop);
    }
    m_tokens.resize(static_cast<std::size_t>(batch));
}

kernels::PassRecord PassRunner::pass(bool record) {
    kernels::Backend& backend = m_engine.backend();
    if (m_mode == Mode::Prefill) {
        for (kernels::Buffer& buffer : m_state.conv) backend.fillZero(buffer);
        for (kernels::Buffer& buffer : m_state.ssm) backend.fillZero(buffer);
    }
    backend.beginPass(record);
    try {
        const engine::Logits logits = m_engine.forward(m_tokens, m_state, LogitsFor::LastToken, m_stop);
        return backend.endPass();
    } catch (...) {
        backend.endPass();
        throw;
    }
}

}  // namespace perfmamba::profile
