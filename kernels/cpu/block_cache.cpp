#include "kernels/cpu/block_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

namespace perfmamba::kernels::cpu {
namespace {

constexpr std::size_t kAlignment = 64;
// Above this, asking how much is left costs nothing beside touching it.
constexpr std::size_t kCheckedBytes = 32U << 20U;
constexpr std::size_t kHugePage = 2U << 20U;

std::int64_t readNumber(const char* path) {
    std::ifstream file(path);
    std::int64_t value = -1;
    file >> value;
    return file ? value : -1;
}

/// The number beside `key` in a file of "key number" lines; 0 where there is none.
std::int64_t readEntry(const char* path, const std::string& key) {
    std::ifstream file(path);
    for (std::string word; file >> word;) {
        std::int64_t value = 0;
        if (word == key && file >> value) return value;
        file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    return 0;
}

}  // namespace

std::int64_t availableMemory() {
    std::int64_t available = readEntry("/proc/meminfo", "MemAvailable:") * 1024;
    if (available == 0) available = std::numeric_limits<std::int64_t>::max();
    const std::int64_t limit = readNumber("/sys/fs/cgroup/memory.max");
    const std::int64_t used = readNumber("/sys/fs/cgroup/memory.current");
    if (limit > 0 && used >= 0) {
        // Files that were read, a checkpoint above all, count as used until somebody needs the room.
        const std::int64_t left = limit - used + readEntry("/sys/fs/cgroup/memory.stat", "file");
        available = std::min(available, std::max<std::int64_t>(left, 0));
    }
    return available;
}

BlockCache::~BlockCache() {
    trim();
}

void* BlockCache::take(std::size_t bytes) {
    bytes = std::max((bytes + kAlignment - 1) / kAlignment * kAlignment, kAlignment);
    // A cached block up to an eighth too large will do.
    if (const auto found = m_free.lower_bound(bytes); found != m_free.end() && found->first <= bytes + bytes / 8) {
        void* block = found->second;
        m_free.erase(found);
        return block;
    }
    if (bytes >= kCheckedBytes && static_cast<std::int64_t>(bytes) > availableMemory()) {
        trim();
        if (static_cast<std::int64_t>(bytes) > availableMemory()) return nullptr;
    }
    const bool huge = bytes >= 2 * kHugePage;
    void* block = std::aligned_alloc(huge ? kHugePage : kAlignment,
                                     huge ? (bytes + kHugePage - 1) / kHugePage * kHugePage : bytes);
    if (!block) return nullptr;
#if defined(MADV_HUGEPAGE)
    if (huge) ::madvise(block, bytes, MADV_HUGEPAGE);
#endif
    m_sizes.emplace(block, bytes);
    m_reserved += static_cast<std::int64_t>(bytes);
    return block;
}

void BlockCache::give(void* block) noexcept {
    m_free.emplace(m_sizes.at(block), block);
}

void BlockCache::trim() {
    for (const auto& [bytes, block] : m_free) {
        m_reserved -= static_cast<std::int64_t>(bytes);
        m_sizes.erase(block);
        std::free(block);
    }
    m_free.clear();
}

}  // namespace perfmamba::kernels::cpu
