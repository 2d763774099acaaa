// Memory blocks from the system, kept for the next allocation of about their size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>

namespace perfmamba::kernels::cpu {

/// Every layer of a pass asks for the same sizes: taking them from the system each time would cost more than the
/// arithmetic on them. Blocks are aligned for any vector. One thread.
class BlockCache {
public:
    BlockCache() = default;
    BlockCache(const BlockCache&) = delete;
    BlockCache& operator=(const BlockCache&) = delete;
    ~BlockCache();

    /// Null when the system has not enough memory.
    void* take(std::size_t bytes);
    void give(void* block) noexcept;
    /// Returns all blocks that are not in use to the system.
    void trim();
    /// Bytes held from the system, in use or not.
    [[nodiscard]] std::int64_t reserved() const { return m_reserved; }

private:
    std::multimap<std::size_t, void*> m_free;
    std::unordered_map<void*, std::size_t> m_sizes;  // of every block
    std::int64_t m_reserved = 0;
};

/// Bytes that this process can still take without the system killing someone; the smaller of the machine's and the
/// control group's. The largest number when neither is known.
std::int64_t availableMemory();

}  // namespace perfmamba::kernels::cpu
