#include "app/cli/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "app/cli/common.h"

namespace perfmamba::cli {
namespace {

namespace fs = std::filesystem;

/// Without links, as far as it is there.
fs::path plain(const fs::path& path) {
    std::error_code code;
    return fs::weakly_canonical(fs::absolute(path, code), code);
}

/// A device, such as /dev/null, takes what two write.
bool same(const fs::path& a, const fs::path& b) {
    if (a == "-" || b == "-") return a == b;
    std::error_code code;
    if (!fs::exists(a, code) || !fs::exists(b, code)) return plain(a) == plain(b);
    return fs::equivalent(a, b, code) && !fs::is_character_file(a, code);
}

bool isInside(const fs::path& path, const fs::path& folder) {
    return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

/// The folder of weights that `model` names; empty where there are none, or it is a GGUF file, which stands for itself.
fs::path folderOf(const fs::path& model) {
    std::error_code code;
    if (model.extension() == ".gguf") return {};
    const fs::path folder = fs::is_directory(model, code) ? plain(model) : plain(model).parent_path();
    const bool weights = std::ranges::any_of(fs::directory_iterator(folder, code), [](const auto& entry) {
        const fs::path name = entry.path().filename();
        return name == "config.json" || name == "params.json" || name.extension() == ".gguf";
    });
    return weights ? folder : fs::path();
}

/// Whether writing `target` changes the model: a file that is there, by its name, or, as caches of models have it,
/// through a link. A new file beside the weights is none of them, and neither is a report of before.
bool isOfModel(const fs::path& target, const fs::path& model) {
    std::error_code code;
    if (target == "-" || !fs::exists(target, code) || target.extension() == ".h5") return false;
    if (same(target, model)) return true;
    const fs::path folder = folderOf(model);
    if (folder.empty()) return false;
    if (isInside(plain(target), folder) || isInside(plain(target.parent_path() / "."), folder)) return true;
    return std::ranges::any_of(fs::directory_iterator(folder, code),
                               [&](const fs::directory_entry& entry) { return same(entry.path(), target); });
}

}  // namespace

void checkIsFile(const Target& hdf5) {
    if (hdf5.file != "-") return;
    throw UsageError(hdf5.option + ": an HDF5 file cannot go to standard output; give the name of a file");
}

void checkTargets(const std::vector<Target>& targets, const Inputs& inputs) {
    for (auto one = targets.begin(); one != targets.end(); ++one) {
        if (one->file.empty()) continue;
        const auto refuse = [&](const std::string& why) {
            throw UsageError(fmt::format("{}: {} {}; give another name", one->option, one->file, why));
        };
        for (auto other = targets.begin(); other != one; ++other) {
            if (other->file.empty() || !same(one->file, other->file)) continue;
            if (one->file != "-") refuse("is where " + other->option + " goes");
            throw UsageError(fmt::format("{} and {} cannot both go to standard output", other->option, one->option));
        }
        for (const std::string& input : inputs.files) {
            if (!input.empty() && one->file != "-" && same(one->file, input)) refuse("is a file that is read");
        }
        for (const std::string& model : inputs.models) {
            if (!model.empty() && isOfModel(one->file, model)) refuse("belongs to the model " + model);
        }
    }
}

}  // namespace perfmamba::cli
