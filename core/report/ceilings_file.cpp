#include "core/report/ceilings_file.h"

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "core/profile/measure_ceilings.h"
#include "core/report/files.h"
#include "core/report/layout.h"
#include "kernels/error.h"

namespace perfmamba::report {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::uint64_t kLargestFile = 1 << 20;
constexpr const char* kFormat = "PerfMamba Explorer ceilings";
constexpr const char* kFormatKey = "format_name";
constexpr const char* kVersionKey = "format_version";
constexpr int kVersion = 1;
constexpr const char* kRevision = "revision";  // not in the first files

std::string_view fromEnvironment(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here sets any
    return value ? value : "";
}

struct Writer {
    Json& object;
    template <class T>
    void operator()(const char* member, const T& value) const {
        object[member] = value;
    }
};

struct Reader {
    const Json& object;
    template <class T>
    void operator()(const char* member, T& value) const {
        object.at(member).get_to(value);
    }
};

/// Throws Error for a file that is none of ceilings, or of another format version: replacing it would lose what it
/// holds.
void checkReplaceable(const fs::path& file) {
    std::error_code code;
    if (!fs::exists(file, code) || fs::is_empty(file, code)) return;
    const std::vector<std::byte> bytes = readWholeFile(file, kLargestFile);
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const Json json = Json::parse(text, text + bytes.size(), nullptr, false);
    if (!json.is_object() || json.value(kFormatKey, Json()) != kFormat) {
        throw Error(file.string(), "is no file of ceilings, and is left as it is",
                    "move it, or name another file in PERFMAMBA_CEILINGS");
    }
    if (json.value(kVersionKey, Json(kVersion)) != kVersion) {
        throw Error(file.string(), "is of another version of this program, and is left as it is",
                    "move it, or name another file in PERFMAMBA_CEILINGS");
    }
}

bool usable(const profile::Ceilings& ceilings) {
    const auto positive = [](double rate) { return std::isfinite(rate) && rate > 0; };
    return positive(ceilings.bytes_per_s) && positive(ceilings.flops_per_s) && positive(ceilings.exponentials_per_s);
}

}  // namespace

bool ceilingsAreOff() {
    const std::string_view text = fromEnvironment("PERFMAMBA_CEILINGS");
    return text == "off" || text == "OFF" || text == "Off";
}

fs::path ceilingsFile() {
    if (ceilingsAreOff()) return {};
    if (const auto file = fromEnvironment("PERFMAMBA_CEILINGS"); !file.empty()) return file;
    fs::path folder = fromEnvironment("XDG_DATA_HOME");
    if (!folder.is_absolute()) {
        const fs::path home = fromEnvironment("HOME");
        if (!home.is_absolute()) return {};
        folder = home / ".local" / "share";
    }
    return folder / "PerfMamba" / "PerfMamba Explorer" / "ceilings.json";
}

std::vector<profile::Ceilings> readCeilings(const fs::path& file) {
    std::error_code code;
    if (file.empty() || !fs::is_regular_file(file, code)) return {};
    std::vector<profile::Ceilings> kept;
    try {
        const std::vector<std::byte> bytes = readWholeFile(file, kLargestFile);
        const auto* text = reinterpret_cast<const char*>(bytes.data());
        const Json json = Json::parse(text, text + bytes.size());
        if (json.at(kFormatKey) != kFormat || json.value(kVersionKey, kVersion) != kVersion) return {};
        for (const Json& object : json.at("ceilings")) {
            profile::Ceilings ceilings;
            layout::visitCeilings(ceilings, Reader{object});
            ceilings.revision = object.value(kRevision, 0);
            if (usable(ceilings)) kept.push_back(std::move(ceilings));
        }
    } catch (const Json::exception&) {
        // Damaged, or of another version of this program.
    } catch (const Error&) {
        // Not to be read.
    }
    return kept;
}

std::optional<profile::Ceilings> findCeilings(const fs::path& file, const kernels::Backend& backend) {
    const profile::Ceilings wanted = profile::ceilingsOf(backend);
    for (const profile::Ceilings& ceilings : readCeilings(file)) {
        if (ceilings.matches(wanted)) return ceilings;
    }
    return std::nullopt;
}

void keepCeilings(const fs::path& file, const profile::Ceilings& ceilings) {
    if (file.empty()) return;
    checkReplaceable(file);
    std::vector<profile::Ceilings> kept = readCeilings(file);
    std::erase_if(kept, [&](const profile::Ceilings& other) { return other.matches(ceilings); });
    kept.push_back(ceilings);
    Json json = {{kFormatKey, kFormat}, {kVersionKey, kVersion}, {"ceilings", Json::array()}};
    for (const profile::Ceilings& each : kept) {
        Json object;
        layout::visitCeilings(each, Writer{object});
        object[kRevision] = each.revision;
        json["ceilings"].push_back(std::move(object));
    }
    std::error_code code;
    const bool bare = file.parent_path().empty();
    if (!bare) fs::create_directories(file.parent_path(), code);
    if (code) throw Error(file.parent_path().string(), "cannot be made: " + code.message());
    const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    replaceFile(fileToReplace(file), std::as_bytes(std::span(text)));
}

}  // namespace perfmamba::report
