// Random numbers that are the same with every compiler: the standard's generator is, its distributions are not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace perfmamba::evaluate {

class Draw {
public:
    explicit Draw(std::uint64_t seed) : m_generator(seed) {}

    /// Uniform in 0 … count − 1; count ≥ 1. What would make the small numbers likelier is drawn again.
    std::int64_t below(std::int64_t count) {
        const auto n = static_cast<std::uint64_t>(count);
        const std::uint64_t surplus = (0 - n) % n;  // 2⁶⁴ mod n
        std::uint64_t drawn = m_generator();
        while (drawn < surplus) drawn = m_generator();
        return static_cast<std::int64_t>(drawn % n);
    }

    /// `count` different numbers of 0 … range − 1, in random order (Fisher and Yates).
    std::vector<std::int64_t> distinct(std::int64_t count, std::int64_t range) {
        std::vector<std::int64_t> all(static_cast<std::size_t>(range));
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
        for (std::int64_t i = 0; i < count; ++i) {
            std::swap(all[static_cast<std::size_t>(i)], all[static_cast<std::size_t>(i + below(range - i))]);
        }
        all.resize(static_cast<std::size_t>(count));
        return all;
    }

private:
    std::mt19937_64 m_generator;
};

}  // namespace perfmamba::evaluate
