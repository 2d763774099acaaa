#include "kernels/cuda/plugin/staging.h"

#include <algorithm>
#include <cstring>

namespace perfmamba::kernels::cuda {

Staging::Staging(Runtime& runtime) : m_runtime(runtime) {
    try {
        for (Piece& piece : m_pieces) {
            piece.memory = runtime.allocatePinned(kPieceBytes);
            piece.sent = runtime.makeEvent();
        }
    } catch (...) {
        releaseAll();
        throw;
    }
}

void Staging::releaseAll() noexcept {
    for (Piece& piece : m_pieces) {
        if (piece.sent) m_runtime.destroy(piece.sent);
        if (piece.memory) m_runtime.releasePinned(piece.memory);
    }
}

void Staging::upload(void* target, const void* source, std::size_t bytes) {
    for (std::size_t done = 0; done < bytes; done += kPieceBytes) {
        const std::size_t count = std::min(kPieceBytes, bytes - done);
        Piece& piece = m_pieces[m_next++ % m_pieces.size()];
        if (piece.used) m_runtime.waitFor(piece.sent);
        std::memcpy(piece.memory, static_cast<const std::byte*>(source) + done, count);
        m_runtime.upload(static_cast<std::byte*>(target) + done, piece.memory, count);
        m_runtime.record(piece.sent);
        piece.used = true;
    }
}

}  // namespace perfmamba::kernels::cuda
