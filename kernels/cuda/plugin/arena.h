// Device memory in segments, handed out in blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "kernels/cuda/plugin/runtime.h"

namespace perfmamba::kernels::cuda {

/// Asking the device for memory waits for it; asking the arena does not. A block that was given back serves the next
/// request at once: what used it is earlier on the same stream. Neighbouring free blocks become one again. One thread.
class Arena {
public:
    /// Whether free segments go back when the device has no others. A graph's stay: it writes to them later.
    enum class Free : std::uint8_t { GoesBack, Stays };

    /// @param segment_bytes  asked of the device at least
    Arena(Runtime& runtime, std::size_t segment_bytes, Free free = Free::GoesBack)
        : m_runtime(runtime), m_segment_bytes(segment_bytes), m_free_segments(free) {}
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    /// Whatever is still out is gone.
    ~Arena();

    /// Null when the device has not enough memory. Aligned to 256 bytes.
    [[nodiscard]] void* take(std::size_t bytes);
    /// False where the block is none of this arena's.
    bool give(void* block) noexcept;
    /// Returns all segments of which nothing is in use.
    void trim() noexcept;
    /// Bytes held from the device, and how many of them are free.
    [[nodiscard]] std::int64_t reserved() const { return m_reserved; }
    [[nodiscard]] std::int64_t cached() const { return m_cached; }
    /// Bytes of the largest free block.
    [[nodiscard]] std::int64_t largestFree() const {
        return m_free.empty() ? 0 : static_cast<std::int64_t>(m_free.rbegin()->first);
    }

private:
    struct Block {
        std::size_t bytes = 0;
        std::byte* segment = nullptr;
        bool free = false;
    };
    using Blocks = std::map<std::byte*, Block>;

    bool addSegment(std::size_t bytes);
    void setFree(Blocks::iterator block, bool free);
    Blocks::iterator join(Blocks::iterator first, Blocks::iterator second);

    Runtime& m_runtime;
    std::size_t m_segment_bytes;
    Free m_free_segments;
    Blocks m_blocks;                                      // all, by address
    std::set<std::pair<std::size_t, std::byte*>> m_free;  // by size
    std::int64_t m_reserved = 0;
    std::int64_t m_cached = 0;
};

}  // namespace perfmamba::kernels::cuda
