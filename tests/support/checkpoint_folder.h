// Checkpoints made or spoilt for tests.
#pragma once

#include <QFile>
#include <QString>
#include <QTemporaryDir>
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace perfmamba::tests {

inline std::string readFile(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// The files below a folder, of names that end so, by name; none where there is no such folder.
inline std::vector<std::string> filesIn(const std::filesystem::path& folder, std::string_view end = "") {
    std::vector<std::string> files;
    if (!std::filesystem::exists(folder)) return files;
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file() && entry.path().string().ends_with(end)) paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    for (const std::filesystem::path& path : paths) files.push_back(readFile(path));
    return files;
}

inline void writeFile(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

/// A safetensors file from a header of any content and data bytes.
inline std::string safetensors(const std::string& header, const std::string& data) {
    const std::uint64_t length = header.size();
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    return bytes + header + data;
}

/// A copy of a demo checkpoint in a temporary folder, to be spoilt.
class CheckpointFolder {
public:
    explicit CheckpointFolder(const char* demo = "mamba2-recall") {
        const std::filesystem::path source = std::filesystem::path(PERFMAMBA_SOURCE_DIR) / "resources/demo" / demo;
        for (const char* name : {"config.json", "model.safetensors"}) {
            std::filesystem::copy_file(source / name, path() / name);
        }
    }

    [[nodiscard]] std::filesystem::path path() const { return m_folder.path().toStdString(); }

    /// Replaces `from`, which must occur, in config.json.
    void editConfig(const std::string& from, const std::string& to) const {
        std::string text = readFile(path() / "config.json");
        const std::size_t at = text.find(from);
        Q_ASSERT_X(at != std::string::npos, "editConfig", from.c_str());
        writeFile(path() / "config.json", text.replace(at, from.size(), to));
    }

    /// Changes the safetensors header; the data stay.
    void editHeader(const std::function<void(nlohmann::ordered_json&)>& edit) const {
        const std::string bytes = readFile(path() / "model.safetensors");
        std::uint64_t length = 0;
        std::memcpy(&length, bytes.data(), sizeof length);
        auto header = nlohmann::ordered_json::parse(bytes.substr(8, length));
        edit(header);
        writeFile(path() / "model.safetensors", safetensors(header.dump(), bytes.substr(8 + length)));
    }

private:
    QTemporaryDir m_folder;
};

}  // namespace perfmamba::tests
