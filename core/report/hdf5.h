// The part of the HDF5 C API that this program uses, checked: every failure is an Error that names the file and the
// object, handles close themselves, and nothing is printed by the library.
//
// HDF5 is not thread-safe as built: everything here is called by one thread at a time.
#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/report/about.h"

namespace perfmamba::report::hdf5 {

/// An identifier of the library, closed with the function that belongs to its kind.
class Handle {
public:
    using Close = herr_t (*)(hid_t);
    Handle() = default;
    Handle(hid_t id, Close close) : m_id(id), m_close(close) {}
    Handle(Handle&& other) noexcept { swap(other); }
    Handle& operator=(Handle&& other) noexcept {
        swap(other);
        return *this;
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() {
        if (m_id >= 0) m_close(m_id);
    }
    [[nodiscard]] hid_t get() const { return m_id; }
    explicit operator bool() const { return m_id >= 0; }

private:
    void swap(Handle& other) noexcept {
        std::swap(m_id, other.m_id);
        std::swap(m_close, other.m_close);
    }
    hid_t m_id = -1;
    Close m_close = nullptr;
};

using Shape = std::vector<hsize_t>;

inline constexpr std::size_t kLongestColumnText = 4096;

/// The values of a dataset and its shape, row-major.
template <class T>
struct Array {
    Shape shape;
    std::vector<T> values;
};

/// What the messages and the limits need to know of the file that a group belongs to.
struct FileFacts {
    std::string name;         // as the user knows it
    std::uint64_t bytes = 0;  // when read: no dataset, nor all together, may claim much more than this can hold
    double claimed = 0;       // bytes of all that was read so far
};

/// An open group. Numbers are double, std::int64_t or std::uint64_t in attributes; double, float, std::int64_t,
/// std::uint8_t or, written only, std::int32_t in datasets.
class Group {
public:
    Group(Handle id, std::string path, std::shared_ptr<FileFacts> file);

    // Writing ----------------------------------------------------------------------------------------------------

    [[nodiscard]] Group create(const std::string& name) const;
    /// Sets an attribute, or replaces the one of that name. Bytes that are no UTF-8 are replaced by U+FFFD.
    void setText(const std::string& name, const std::string& value) const;
    template <class T>
    void setNumber(const std::string& name, T value) const;
    /// Compressed.
    template <class T>
    void write(const std::string& name, const About& about, const Shape& shape, std::span<const T> values) const;
    /// Text of equal size, that of the longest. What is longer than kLongestColumnText is cut.
    void writeTexts(const std::string& name, const About& about, std::span<const std::string> values) const;
    /// A contiguous float32 dataset that is allocated but not written. Its place is the result, in bytes from the
    /// file's begin.
    [[nodiscard]] std::uint64_t reserveFloats(const std::string& name, const About& about, const Shape& shape) const;
    /// The dataset 0 … count − 1 of that name, as a scale.
    void writeScale(const std::string& name, const About& about, std::size_t count) const;
    /// Makes a dataset a scale, to label an axis with.
    void makeScale(const std::string& name) const;
    /// @param scale its name in this group, or its path from the root
    void attachScale(const std::string& dataset, unsigned axis, const std::string& scale) const;

    // Reading ----------------------------------------------------------------------------------------------------

    [[nodiscard]] Group open(const std::string& name) const;
    [[nodiscard]] bool has(const std::string& name) const;
    /// Number of members.
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] bool hasAttribute(const std::string& name) const;
    [[nodiscard]] std::string text(const std::string& name) const;
    template <class T>
    [[nodiscard]] T number(const std::string& name) const;
    template <class T>
    [[nodiscard]] Array<T> read(const std::string& name, std::size_t rank) const;
    [[nodiscard]] std::vector<std::string> readTexts(const std::string& name) const;

    /// The Error of a member (empty: the group itself) for that reason.
    [[noreturn]] void fail(const std::string& member, const std::string& reason) const;

private:
    hid_t check(hid_t id, const std::string& member, const char* doing) const;
    [[nodiscard]] Handle createDataset(const std::string& name, const About& about, hid_t type, hid_t space,
                                       hid_t properties) const;
    [[nodiscard]] Handle openDataset(const std::string& name, std::size_t rank, H5T_class_t kind,
                                     std::size_t value_size, Shape& shape) const;
    [[nodiscard]] Handle openAttribute(const std::string& name, H5T_class_t kind, Handle& type) const;
    void checkStorage(const std::string& name, hid_t dataset, double logical_bytes) const;
    void checkOnlyName(const std::string& name, hid_t object) const;

    Handle m_id;
    std::string m_path;
    std::shared_ptr<FileFacts> m_file;
};

/// Whether these bytes begin as an HDF5 file does.
bool isHdf5(std::span<const std::byte> image);

/// An open file.
class File {
public:
    /// A new file in memory; image() has its bytes.
    static File createInMemory(const std::string& shown_name);
    /// A new file on the disk.
    static File create(const std::filesystem::path& path, const std::string& shown_name);
    /// A file that was read into memory. Throws Error when the library cannot open it. It believes much of what a file
    /// says, so give it only what has passed a checksum.
    static File openImage(std::vector<std::byte> image, const std::string& shown_name);

    [[nodiscard]] Group root() const;
    /// The file as it is now.
    [[nodiscard]] std::vector<std::byte> image() const;
    /// Closes and says whether all got written, which the destructor cannot.
    void close();

private:
    File(Handle id, FileFacts facts);
    Handle m_id;
    std::shared_ptr<FileFacts> m_facts;
};

}  // namespace perfmamba::report::hdf5
