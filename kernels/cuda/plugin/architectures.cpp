#include "kernels/cuda/plugin/architectures.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace perfmamba::kernels::cuda {
namespace {

enum class Fit { No, Yes, Unknown };

Fit fitOf(std::string_view entry, int major, int minor) {
    constexpr int kMinors = 10;
    int number = 0;
    const char* end = entry.data() + entry.size();
    const auto [rest, error] = std::from_chars(entry.data(), end, number);
    if (error != std::errc()) return Fit::Unknown;
    const std::string_view kind(rest, static_cast<std::size_t>(end - rest));
    const int device = major * kMinors + minor;
    // Code with an 'a' is of one architecture, with an 'f' of a family that is no older and of the same major number.
    if (kind.starts_with('a')) return number == device ? Fit::Yes : Fit::No;
    const bool same_major = number / kMinors == major && number <= device;
    if (kind.starts_with('f') || kind == "-real") return same_major ? Fit::Yes : Fit::No;
    if (kind == "-virtual" || kind.empty()) return number <= device ? Fit::Yes : Fit::No;
    return Fit::Unknown;
}

}  // namespace

std::string whyNoCode(std::string_view architectures, int major, int minor) {
    for (std::string_view left = architectures; !left.empty();) {
        const std::size_t end = std::min(left.find(','), left.size());
        if (end > 0 && fitOf(left.substr(0, end), major, minor) != Fit::No) return {};
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    return fmt::format(
        "this build has no code for its compute capability {0}.{1} (only for {2}); "
        "build with -DPERFMAMBA_CUDA_ARCHITECTURES={0}{1}-real",
        major, minor, architectures);
}

}  // namespace perfmamba::kernels::cuda
