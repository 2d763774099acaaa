#include "kernels/cuda/plugin/arena.h"

#include <algorithm>
#include <iterator>

namespace perfmamba::kernels::cuda {
namespace {

// What vectorised kernels and cublasLt want.
constexpr std::size_t kAlignment = 256;

std::size_t roundUp(std::size_t bytes) {
    return std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
}

}  // namespace

Arena::~Arena() {
    std::set<std::byte*> segments;
    for (const auto& [address, block] : m_blocks) segments.insert(block.segment);
    for (std::byte* segment : segments) m_runtime.release(segment);
}

void* Arena::take(std::size_t bytes) {
    bytes = roundUp(bytes);
    auto found = m_free.lower_bound({bytes, nullptr});
    if (found == m_free.end()) {
        if (!addSegment(bytes)) return nullptr;
        found = m_free.lower_bound({bytes, nullptr});
    }
    const auto block = m_blocks.find(found->second);
    setFree(block, false);
    if (block->second.bytes > bytes) {
        Block rest{block->second.bytes - bytes, block->second.segment, false};
        block->second.bytes = bytes;
        setFree(m_blocks.emplace(block->first + bytes, rest).first, true);
    }
    return block->first;
}

bool Arena::give(void* address) noexcept {
    auto block = m_blocks.find(static_cast<std::byte*>(address));
    if (block == m_blocks.end() || block->second.free) return false;
    setFree(block, true);
    if (const auto next = std::next(block); next != m_blocks.end()) block = join(block, next);
    if (block != m_blocks.begin()) join(std::prev(block), block);
    return true;
}

void Arena::trim() noexcept {
    for (auto block = m_blocks.begin(); block != m_blocks.end();) {
        const auto next = std::next(block);
        const bool whole = block->first == block->second.segment &&
                           (next == m_blocks.end() || next->second.segment != block->second.segment);
        if (whole && block->second.free) {
            setFree(block, false);
            m_reserved -= static_cast<std::int64_t>(block->second.bytes);
            m_runtime.release(block->first);
            m_blocks.erase(block);
        }
        block = next;
    }
}

/// A whole segment at first, then no more than what is needed, then what is left after giving back what is not used.
bool Arena::addSegment(std::size_t bytes) {
    std::size_t size = std::max(bytes, m_segment_bytes);
    void* segment = m_runtime.allocate(size);
    if (!segment) segment = m_runtime.allocate(size = bytes);
    if (!segment && m_free_segments == Free::GoesBack) {
        trim();
        segment = m_runtime.allocate(size);
    }
    if (!segment) return false;
    m_reserved += static_cast<std::int64_t>(size);
    auto* begin = static_cast<std::byte*>(segment);
    setFree(m_blocks.emplace(begin, Block{size, begin, false}).first, true);
    return true;
}

void Arena::setFree(Blocks::iterator block, bool free) {
    const std::pair entry{block->second.bytes, block->first};
    const auto bytes = static_cast<std::int64_t>(block->second.bytes);
    block->second.free = free;
    if (free) {
        m_free.insert(entry);
    } else {
        m_free.erase(entry);
    }
    m_cached += free ? bytes : -bytes;
}

/// One block of two neighbours, where both are free. Returns the block that begins where `first` did.
Arena::Blocks::iterator Arena::join(Blocks::iterator first, Blocks::iterator second) {
    if (!first->second.free || !second->second.free || first->second.segment != second->second.segment) return first;
    setFree(first, false);
    setFree(second, false);
    first->second.bytes += second->second.bytes;
    m_blocks.erase(second);
    setFree(first, true);
    return first;
}

}  // namespace perfmamba::kernels::cuda
