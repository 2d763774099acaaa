#include "core/model/raw_model.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "core/model/gguf.h"
#include "kernels/error.h"

namespace perfmamba::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGgufEnd = ".gguf";

bool isGguf(const fs::path& file) {
    if (file.extension() == kGgufEnd) return true;
    std::array<char, kGgufMagic.size()> begin{};
    std::ifstream(file, std::ios::binary).read(begin.data(), begin.size());
    return std::string_view(begin.data(), begin.size()) == kGgufMagic;
}

/// The one GGUF file of a folder that holds no other model; empty where there is none.
fs::path ggufIn(const fs::path& folder) {
    std::error_code code;
    if (fs::exists(folder / "config.json", code) || fs::exists(folder / "params.json", code)) return {};
    std::vector<fs::path> files;
    for (fs::directory_iterator at(folder, code), end; !code && at != end; at.increment(code)) {
        if (at->path().extension() == kGgufEnd) files.push_back(at->path());
    }
    if (files.empty()) return {};
    if (files.size() > 1) {
        throw Error(
            folder.string(),
            fmt::format("holds {} GGUF files, such as {}", files.size(), std::ranges::min(files).filename().string()),
            "open the one that is meant");
    }
    return files.front();
}

}  // namespace

std::int64_t RawModel::fileBytes() const {
    std::size_t bytes = 0;
    for (const auto& file : files) bytes += file->bytes().size();
    return static_cast<std::int64_t>(bytes);
}

RawModel readModel(const fs::path& given) {
    std::error_code ignored;
    const fs::file_status status = fs::status(given, ignored);
    if (!fs::exists(status)) throw Error(given.string(), "no such folder or file");
    if (fs::is_directory(status)) {
        if (const fs::path file = ggufIn(fs::canonical(given)); !file.empty()) return readGgufModel(file);
    } else if (fs::is_regular_file(status) && isGguf(given)) {
        // A link to the file keeps its own name: caches call the files themselves by their hashes.
        return readGgufModel(fs::canonical(fs::absolute(given).parent_path()) / given.filename());
    }
    return readFolder(given);
}

}  // namespace perfmamba::model
