// The way from the host's memory to the device: through a ring of pinned pieces, so that the host goes on while earlier
// pieces are on their way.
#pragma once

#include <array>
#include <cstddef>

#include "kernels/cuda/plugin/runtime.h"

namespace perfmamba::kernels::cuda {

class Staging {
public:
    /// Throws Error where the host has not that much memory to pin.
    explicit Staging(Runtime& runtime);
    ~Staging() { releaseAll(); }
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;

    static constexpr std::size_t kPieceBytes = 4U << 20U;

    /// On the stream; `source` may change as soon as it returns. Waits only for a piece that is still on its way.
    void upload(void* target, const void* source, std::size_t bytes);

private:
    struct Piece {
        void* memory = nullptr;
        Runtime::Event sent = nullptr;
        bool used = false;
    };
    void releaseAll() noexcept;

    Runtime& m_runtime;
    std::array<Piece, 4> m_pieces;
    std::size_t m_next = 0;
};

}  // namespace perfmamba::kernels::cuda
