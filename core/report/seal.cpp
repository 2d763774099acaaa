#include "core/report/seal.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/error.h"

namespace perfmamba::report {
namespace {

constexpr std::string_view kMark = "PMX-SEAL";
constexpr std::size_t kSealBytes = kMark.size() + sizeof(std::uint64_t);

std::vector<std::byte> sealOf(std::span<const std::byte> file) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const std::byte value : file) hash = (hash ^ static_cast<std::uint64_t>(value)) * 0x100000001b3U;

    std::vector<std::byte> seal;
    seal.reserve(kSealBytes);
    for (const char c : kMark) seal.push_back(static_cast<std::byte>(c));
    for (int i = 0; i < 8; ++i) seal.push_back(static_cast<std::byte>(hash >> (8 * i)));
    return seal;
}

}  // namespace

std::vector<std::byte> sealed(std::vector<std::byte> file) {
    const std::vector<std::byte> seal = sealOf(file);
    file.insert(file.end(), seal.begin(), seal.end());
    return file;
}

std::vector<std::byte> unsealed(std::vector<std::byte> file, const std::string& shown_name) {
    const std::size_t size = file.size() < kSealBytes ? 0 : file.size() - kSealBytes;
    const std::span<const std::byte> end = std::span<const std::byte>(file).subspan(size);
    const bool marked = end.size() == kSealBytes &&
                        std::equal(kMark.begin(), kMark.end(), end.begin(),
                                   [](char c, std::byte value) { return static_cast<std::byte>(c) == value; });
    if (!marked) {
        throw Error(shown_name,
                    "is not a report of PerfMamba Explorer, or one that was cut short or changed since: it does not "
                    "end with a report's checksum");
    }
    if (!std::ranges::equal(end, sealOf(std::span<const std::byte>(file).first(size)))) {
        throw Error(shown_name, "is damaged: its checksum does not match its contents");
    }
    file.resize(size);
    return file;
}

}  // namespace perfmamba::report
