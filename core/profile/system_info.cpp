#include "core/profile/system_info.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <ctime>
#include <fstream>
#include <limits>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace perfmamba::profile {
namespace {

/// A line "key:  number kB" of /proc/self/status, in bytes.
std::int64_t statusBytes(const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        std::int64_t kilobytes = 0;
        if (word == key && status >> kilobytes) return kilobytes * 1024;
        status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    return 0;
}

}  // namespace

std::int64_t residentBytes() {
    return statusBytes("VmRSS:");
}
std::int64_t peakResidentBytes() {
    return statusBytes("VmHWM:");
}

bool resetPeakResident() {
    std::ofstream file("/proc/self/clear_refs");
    file << "5" << std::flush;
    return file.good();
}

double clockMhz() {
    std::ifstream cpuinfo("/proc/cpuinfo");
    double sum = 0;
    int count = 0;
    for (std::string line; std::getline(cpuinfo, line);) {
        const std::size_t colon = line.find(": ");
        if (!line.starts_with("cpu MHz") || colon == std::string::npos) continue;
        sum += std::stod(line.substr(colon + 2));
        ++count;
    }
    return count > 0 ? sum / count : 0;
}

std::string hostName() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string operatingSystem() {
    std::string result;
    std::ifstream release("/etc/os-release");
    for (std::string line; std::getline(release, line);) {
        constexpr std::string_view kKey = "PRETTY_NAME=\"";
        if (line.starts_with(kKey)) result = line.substr(kKey.size(), line.size() - kKey.size() - 1) + ", ";
    }
    utsname kernel{};
    if (::uname(&kernel) == 0) result += fmt::format("{} {}", kernel.sysname, kernel.release);
    return result;
}

std::string now() {
    const auto time = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

}  // namespace perfmamba::profile
