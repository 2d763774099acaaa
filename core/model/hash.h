// FNV-1a, 64 bits: tells checkpoints and token sets apart, guards against nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <fmt/format.h>

namespace perfmamba::model {

class Hash {
public:
    void add(std::span<const std::byte> bytes) {
        for (const std::byte b : bytes) m_value = (m_value ^ static_cast<std::uint64_t>(b)) * 0x100000001b3ULL;
    }
    /// 16 hex digits.
    [[nodiscard]] std::string text() const { return fmt::format("{:016x}", m_value); }

private:
    std::uint64_t m_value = 0xcbf29ce484222325ULL;
};

}  // namespace perfmamba::model
