// Where the members of a zip file lie in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace perfmamba::model {

/// A zip file in memory, read by libzip. Its members are used in place, which takes that they are stored, not
/// compressed, as PyTorch's are.
class ZipArchive {
public:
    /// Reads the directory. `bytes` must outlive it. Throws Error naming `file` when it is no zip file or a broken one.
    ZipArchive(std::span<const std::byte> bytes, const std::filesystem::path& file);
    ~ZipArchive();

    /// The first name that ends so; empty when none does.
    [[nodiscard]] std::string findEnding(const std::string& end) const;
    /// A member's bytes; nothing when there is no such member. Throws Error naming it when it is compressed, encrypted
    /// or cut off.
    [[nodiscard]] std::optional<std::span<const std::byte>> member(const std::string& name) const;

private:
    struct Reader;
    std::unique_ptr<Reader> m_reader;
};

}  // namespace perfmamba::model
