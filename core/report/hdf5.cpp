#include "core/report/hdf5.h"

#include <hdf5_hl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <numeric>
#include <utility>

#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::report::hdf5 {
namespace {

constexpr hsize_t kChunkElements = hsize_t{128} << 10;  // 1 MiB of numbers: the library's chunk cache holds one whole
constexpr unsigned kDeflateLevel = 4;
constexpr std::size_t kLongestText = std::size_t{64} << 10;
constexpr hsize_t kLargestChunkBytes = hsize_t{64} << 20;
// What a dataset may claim to hold: some, and a multiple of what lies in the file for it. Constant columns compress a
// thousandfold but are short; samples compress by less than ten.
constexpr double kFreeClaim = 16.0 * 1024 * 1024;
constexpr double kLargestCompression = 64;
// All together: the same multiple of the whole file, whose constant columns stand beside samples, so that a real report
// stays far below (it holds less than ten times its size). The rest is for small files, of constant columns mostly.
constexpr double kFreeClaimInAll = 128.0 * 1024 * 1024;

template <class T>
hid_t memoryType();
template <>
hid_t memoryType<double>() {
    return H5T_NATIVE_DOUBLE;
}
template <>
hid_t memoryType<std::int64_t>() {
    return H5T_NATIVE_INT64;
}
template <>
hid_t memoryType<std::uint64_t>() {
    return H5T_NATIVE_UINT64;
}
template <>
hid_t memoryType<std::int32_t>() {
    return H5T_NATIVE_INT32;
}
template <>
hid_t memoryType<std::uint8_t>() {
    return H5T_NATIVE_UINT8;
}
template <>
hid_t memoryType<float>() {
    return H5T_NATIVE_FLOAT;
}

template <class T>
hid_t fileType() {
    if constexpr (std::is_same_v<T, double>) {
        return H5T_IEEE_F64LE;
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
        return H5T_STD_I64LE;
    } else if constexpr (std::is_same_v<T, std::int32_t>) {
        return H5T_STD_I32LE;
    } else if constexpr (std::is_same_v<T, std::uint8_t>) {
        return H5T_STD_U8LE;
    } else if constexpr (std::is_same_v<T, float>) {
        return H5T_IEEE_F32LE;
    } else {
        return H5T_STD_U64LE;
    }
}

template <class T>
constexpr H5T_class_t kKind = std::is_floating_point_v<T> ? H5T_FLOAT : H5T_INTEGER;

/// The innermost message of the library's error stack: the cause.
std::string libraryReason() {
    std::string reason;
    const auto take = [](unsigned, const H5E_error2_t* error, void* target) -> herr_t {
        if (error->desc) *static_cast<std::string*>(target) = error->desc;
        return 0;
    };
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, take, &reason);
    return reason.empty() ? "HDF5 gives no reason" : toPlainUtf8(reason);
}

/// Keeps the library from printing, and from loading filters that a file names.
void prepareLibrary() {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    H5PLset_loading_state(0);
}

/// Files in memory need names of their own: the library takes equal ones for the same file.
std::string nameInMemory() {
    static std::atomic<unsigned> count{0};
    return "perfmamba-in-memory-" + std::to_string(++count);
}

Handle textType(std::size_t size) {
    Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), size);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
    return type;
}

/// At most kLongestColumnText bytes, whole characters.
std::string columnText(const std::string& value) {
    std::string text = toPlainUtf8(value);
    std::size_t end = std::min(text.size(), kLongestColumnText);
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) --end;
    return text.substr(0, end);
}

hsize_t elementsOf(const Shape& shape) {
    return std::accumulate(shape.begin(), shape.end(), hsize_t{1}, std::multiplies<>());
}

Handle simpleSpace(const Shape& shape) {
    return {H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose};
}

/// Chunks of whole rows where they are short.
Shape chunkOf(const Shape& shape) {
    Shape chunk = shape;
    hsize_t left = kChunkElements;
    for (auto extent = chunk.rbegin(); extent != chunk.rend(); ++extent) {
        *extent = std::clamp(*extent, hsize_t{1}, left);
        left = std::max(left / *extent, hsize_t{1});
    }
    return chunk;
}

/// Compression; an empty dataset can have none.
Handle datasetProperties(const Shape& shape) {
    Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_obj_track_times(properties.get(), false);
    if (elementsOf(shape) == 0) return properties;
    const Shape chunk = chunkOf(shape);
    H5Pset_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data());
    H5Pset_shuffle(properties.get());
    H5Pset_deflate(properties.get(), kDeflateLevel);
    return properties;
}

}  // namespace

// Group ------------------------------------------------------------------------------------------------------------

Group::Group(Handle id, std::string path, std::shared_ptr<FileFacts> file)
    : m_id(std::move(id)), m_path(std::move(path)), m_file(std::move(file)) {}

void Group::fail(const std::string& member, const std::string& reason) const {
    const std::string where = member.empty() ? m_path : m_path + (m_path.ends_with('/') ? "" : "/") + member;
    throw Error(m_file->name, where + " " + reason);
}

hid_t Group::check(hid_t id, const std::string& member, const char* doing) const {
    if (id < 0) fail(member, std::string(doing) + ": " + libraryReason());
    return id;
}

Group Group::create(const std::string& name) const {
    Handle id(
        check(H5Gcreate2(m_id.get(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), name, "cannot be written"),
        H5Gclose);
    return {std::move(id), m_path + (m_path.ends_with('/') ? "" : "/") + name, m_file};
}

void Group::setText(const std::string& name, const std::string& value) const {
    const Handle type = textType(H5T_VARIABLE);
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    if (hasAttribute(name)) check(H5Adelete(m_id.get(), name.c_str()), name, "cannot be replaced");
    const Handle attribute(
        check(H5Acreate2(m_id.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), name,
              "cannot be written"),
        H5Aclose);
    const std::string plain = toPlainUtf8(value);
    const char* text = plain.c_str();
    check(H5Awrite(attribute.get(), type.get(), static_cast<const void*>(&text)), name, "cannot be written");
}

template <class T>
void Group::setNumber(const std::string& name, T value) const {
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    if (hasAttribute(name)) check(H5Adelete(m_id.get(), name.c_str()), name, "cannot be replaced");
    const Handle attribute(
        check(H5Acreate2(m_id.get(), name.c_str(), fileType<T>(), space.get(), H5P_DEFAULT, H5P_DEFAULT), name,
              "cannot be written"),
        H5Aclose);
    check(H5Awrite(attribute.get(), memoryType<T>(), &value), name, "cannot be written");
}
template void Group::setNumber(const std::string&, double) const;
template void Group::setNumber(const std::string&, std::int64_t) const;
template void Group::setNumber(const std::string&, std::uint64_t) const;

Handle Group::createDataset(const std::string& name, const About& about, hid_t type, hid_t space,
                            hid_t properties) const {
    Handle dataset(check(H5Dcreate2(m_id.get(), name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT), name,
                         "cannot be written"),
                   H5Dclose);
    // A dataset takes attributes as a group does.
    H5Iinc_ref(dataset.get());
    const Group self(Handle(dataset.get(), H5Dclose), m_path + "/" + name, m_file);
    self.setText("units", about.units);
    self.setText("long_name", about.long_name);
    return dataset;
}

template <class T>
void Group::write(const std::string& name, const About& about, const Shape& shape, std::span<const T> values) const {
    if (elementsOf(shape) != values.size()) fail(name, "cannot be written: its shape contradicts its values");
    const Handle space = simpleSpace(shape);
    const Handle dataset = createDataset(name, about, fileType<T>(), space.get(), datasetProperties(shape).get());
    if (values.empty()) return;
    check(H5Dwrite(dataset.get(), memoryType<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), name,
          "cannot be written");
}
template void Group::write(const std::string&, const About&, const Shape&, std::span<const double>) const;
template void Group::write(const std::string&, const About&, const Shape&, std::span<const std::int64_t>) const;
template void Group::write(const std::string&, const About&, const Shape&, std::span<const std::int32_t>) const;
template void Group::write(const std::string&, const About&, const Shape&, std::span<const float>) const;
template void Group::write(const std::string&, const About&, const Shape&, std::span<const std::uint8_t>) const;

void Group::writeTexts(const std::string& name, const About& about, std::span<const std::string> values) const {
    std::vector<std::string> texts;
    std::size_t size = 1;
    for (const std::string& value : values) {
        texts.push_back(columnText(value));
        size = std::max(size, texts.back().size());
    }
    std::vector<char> bytes(size * values.size(), '\0');
    for (std::size_t i = 0; i < values.size(); ++i) std::ranges::copy(texts[i], bytes.data() + i * size);

    const Handle type = textType(size);
    const Shape shape{values.size()};
    const Handle space = simpleSpace(shape);
    const Handle dataset = createDataset(name, about, type.get(), space.get(), datasetProperties(shape).get());
    if (values.empty()) return;
    check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()), name, "cannot be written");
}

std::uint64_t Group::reserveFloats(const std::string& name, const About& about, const Shape& shape) const {
    const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_obj_track_times(properties.get(), false);
    H5Pset_alloc_time(properties.get(), H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(properties.get(), H5D_FILL_TIME_NEVER);
    const Handle space = simpleSpace(shape);
    const Handle dataset = createDataset(name, about, H5T_IEEE_F32LE, space.get(), properties.get());
    const haddr_t offset = H5Dget_offset(dataset.get());
    if (offset == HADDR_UNDEF) fail(name, "cannot be written: no room was made for it");
    return offset;
}

void Group::writeScale(const std::string& name, const About& about, std::size_t count) const {
    std::vector<std::int64_t> values(count);
    std::iota(values.begin(), values.end(), 0);
    write<std::int64_t>(name, about, {count}, values);
    makeScale(name);
}

void Group::makeScale(const std::string& name) const {
    const Handle dataset(check(H5Dopen2(m_id.get(), name.c_str(), H5P_DEFAULT), name, "cannot be opened"), H5Dclose);
    check(H5DSset_scale(dataset.get(), name.c_str()), name, "cannot be made a scale");
}

void Group::attachScale(const std::string& dataset, unsigned axis, const std::string& scale) const {
    const Handle data(check(H5Dopen2(m_id.get(), dataset.c_str(), H5P_DEFAULT), dataset, "cannot be opened"), H5Dclose);
    const Handle label(check(H5Dopen2(m_id.get(), scale.c_str(), H5P_DEFAULT), scale, "cannot be opened"), H5Dclose);
    check(H5DSattach_scale(data.get(), label.get(), axis), dataset, "cannot be given its scale");
}

bool Group::has(const std::string& name) const {
    return H5Lexists(m_id.get(), name.c_str(), H5P_DEFAULT) > 0;
}

bool Group::hasAttribute(const std::string& name) const {
    return H5Aexists(m_id.get(), name.c_str()) > 0;
}

std::size_t Group::size() const {
    H5G_info_t info{};
    check(H5Gget_info(m_id.get(), &info), "", "cannot be read");
    return info.nlinks;
}

Group Group::open(const std::string& name) const {
    if (!has(name)) fail(name, "is missing");
    H5L_info_t link{};
    check(H5Lget_info(m_id.get(), name.c_str(), &link, H5P_DEFAULT), name, "cannot be read");
    if (link.type != H5L_TYPE_HARD) fail(name, "is a link, which a report has none of");
    Handle id(check(H5Oopen(m_id.get(), name.c_str(), H5P_DEFAULT), name, "cannot be read"), H5Oclose);
    if (H5Iget_type(id.get()) != H5I_GROUP) fail(name, "is not a group");
    checkOnlyName(name, id.get());
    return {std::move(id), m_path + (m_path.ends_with('/') ? "" : "/") + name, m_file};
}

Handle Group::openAttribute(const std::string& name, H5T_class_t kind, Handle& type) const {
    if (!hasAttribute(name)) fail(name, "is missing");
    Handle attribute(check(H5Aopen(m_id.get(), name.c_str(), H5P_DEFAULT), name, "cannot be read"), H5Aclose);
    const Handle space(check(H5Aget_space(attribute.get()), name, "cannot be read"), H5Sclose);
    type = Handle(check(H5Aget_type(attribute.get()), name, "cannot be read"), H5Tclose);
    if (H5Sget_simple_extent_npoints(space.get()) != 1) fail(name, "is not a single value");
    if (H5Tget_class(type.get()) != kind) fail(name, "is of the wrong type");
    return attribute;
}

std::string Group::text(const std::string& name) const {
    Handle type;
    const Handle attribute = openAttribute(name, H5T_STRING, type);
    std::string value;
    if (H5Tis_variable_str(type.get()) > 0) {
        const Handle memory = textType(H5T_VARIABLE);
        char* text = nullptr;
        check(H5Aread(attribute.get(), memory.get(), static_cast<void*>(&text)), name, "cannot be read");
        if (text) value = text;
        H5free_memory(text);
    } else {
        const std::size_t size = H5Tget_size(type.get());
        if (size > kLongestText) fail(name, "is too long");
        std::vector<char> bytes(size + 1, '\0');
        check(H5Aread(attribute.get(), type.get(), bytes.data()), name, "cannot be read");
        value = bytes.data();
    }
    if (value.size() > kLongestText) fail(name, "is too long");
    if (!isPlainUtf8(value)) fail(name, "is not UTF-8 text");
    return value;
}

template <class T>
T Group::number(const std::string& name) const {
    Handle type;
    const Handle attribute = openAttribute(name, kKind<T>, type);
    if (H5Tget_size(type.get()) > sizeof(T)) fail(name, "is of the wrong type");
    T value{};
    check(H5Aread(attribute.get(), memoryType<T>(), &value), name, "cannot be read");
    return value;
}
template double Group::number(const std::string&) const;
template std::int64_t Group::number(const std::string&) const;
template std::uint64_t Group::number(const std::string&) const;

Handle Group::openDataset(const std::string& name, std::size_t rank, H5T_class_t kind, std::size_t value_size,
                          Shape& shape) const {
    if (!has(name)) fail(name, "is missing");
    H5L_info_t link{};
    check(H5Lget_info(m_id.get(), name.c_str(), &link, H5P_DEFAULT), name, "cannot be read");
    if (link.type != H5L_TYPE_HARD) fail(name, "is a link, which a report has none of");
    Handle dataset(check(H5Oopen(m_id.get(), name.c_str(), H5P_DEFAULT), name, "cannot be read"), H5Oclose);
    if (H5Iget_type(dataset.get()) != H5I_DATASET) fail(name, "is not a dataset");
    checkOnlyName(name, dataset.get());

    const Handle type(check(H5Dget_type(dataset.get()), name, "cannot be read"), H5Tclose);
    if (H5Tget_class(type.get()) != kind) fail(name, "is of the wrong type");
    const std::size_t type_size = H5Tget_size(type.get());
    if (kind != H5T_STRING && type_size > value_size) fail(name, "is of the wrong type");

    const Handle space(check(H5Dget_space(dataset.get()), name, "cannot be read"), H5Sclose);
    if (H5Sget_simple_extent_type(space.get()) != H5S_SIMPLE ||
        H5Sget_simple_extent_ndims(space.get()) != static_cast<int>(rank)) {
        fail(name, "does not have " + std::to_string(rank) + (rank == 1 ? " axis" : " axes"));
    }
    shape.assign(rank, 0);
    check(H5Sget_simple_extent_dims(space.get(), shape.data(), nullptr), name, "cannot be read");
    double logical_bytes = static_cast<double>(std::max(type_size, value_size));
    for (const hsize_t extent : shape) logical_bytes *= static_cast<double>(extent);
    checkStorage(name, dataset.get(), logical_bytes);
    return dataset;
}

/// Refuses what would make the library allocate without measure, look into other files or run filters of others.
void Group::checkStorage(const std::string& name, hid_t dataset, double logical_bytes) const {
    const Handle properties(check(H5Dget_create_plist(dataset), name, "cannot be read"), H5Pclose);
    const H5D_layout_t layout = H5Pget_layout(properties.get());
    if (layout != H5D_CHUNKED && layout != H5D_CONTIGUOUS && layout != H5D_COMPACT) {
        fail(name, "is stored in a way that a report does not use");
    }
    if (H5Pget_external_count(properties.get()) != 0) fail(name, "lies in another file, which a report's does not");

    const int filters = H5Pget_nfilters(properties.get());
    for (int i = 0; i < filters; ++i) {
        unsigned flags = 0;
        std::size_t values = 0;
        const H5Z_filter_t filter =
            H5Pget_filter2(properties.get(), static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, nullptr);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE) {
            fail(name, "is stored with a filter that a report does not use");
        }
    }
    if (layout == H5D_CHUNKED) {
        std::array<hsize_t, H5S_MAX_RANK> chunk{};
        const int rank = H5Pget_chunk(properties.get(), H5S_MAX_RANK, chunk.data());
        double chunk_bytes = sizeof(double);
        for (int i = 0; i < rank; ++i) chunk_bytes *= static_cast<double>(chunk.at(static_cast<std::size_t>(i)));
        if (chunk_bytes > static_cast<double>(kLargestChunkBytes)) fail(name, "has chunks too large for a report");
    }
    const double stored = static_cast<double>(std::min<std::uint64_t>(H5Dget_storage_size(dataset), m_file->bytes));
    if (logical_bytes > kFreeClaim + kLargestCompression * stored) {
        fail(name, "claims more values than the file can hold");
    }
    m_file->claimed += logical_bytes;
    if (m_file->claimed > kFreeClaimInAll + kLargestCompression * static_cast<double>(m_file->bytes)) {
        fail(name, "claims, with what stands before it, more values than the file can hold");
    }
}

/// By hard links a small file could show the same data under thousands of names.
void Group::checkOnlyName(const std::string& name, hid_t object) const {
    H5O_info_t info{};
    check(H5Oget_info2(object, &info, H5O_INFO_BASIC), name, "cannot be read");
    if (info.rc != 1) fail(name, "has more than one name, which nothing in a report has");
}

template <class T>
Array<T> Group::read(const std::string& name, std::size_t rank) const {
    Array<T> array;
    const Handle dataset = openDataset(name, rank, kKind<T>, sizeof(T), array.shape);
    array.values.resize(elementsOf(array.shape));
    if (array.values.empty()) return array;
    check(H5Dread(dataset.get(), memoryType<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()), name,
          "cannot be read");
    return array;
}
template Array<double> Group::read(const std::string&, std::size_t) const;
template Array<std::int64_t> Group::read(const std::string&, std::size_t) const;
template Array<float> Group::read(const std::string&, std::size_t) const;
template Array<std::uint8_t> Group::read(const std::string&, std::size_t) const;

std::vector<std::string> Group::readTexts(const std::string& name) const {
    Shape shape;
    const Handle dataset = openDataset(name, 1, H5T_STRING, sizeof(double), shape);
    const Handle type(check(H5Dget_type(dataset.get()), name, "cannot be read"), H5Tclose);
    const std::size_t size = H5Tget_size(type.get());
    if (H5Tis_variable_str(type.get()) != 0 || size > kLongestColumnText) fail(name, "is not text of a fixed size");
    std::vector<char> bytes(size * shape[0]);
    std::vector<std::string> texts;
    if (bytes.empty()) return texts;
    check(H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()), name, "cannot be read");
    texts.reserve(shape[0]);
    for (std::size_t i = 0; i < shape[0]; ++i) {
        const std::string_view padded(bytes.data() + i * size, size);
        texts.emplace_back(padded.substr(0, padded.find('\0')));
        if (!isPlainUtf8(texts.back())) fail(name, "is not UTF-8 text");
    }
    return texts;
}

// File -------------------------------------------------------------------------------------------------------------

bool isHdf5(std::span<const std::byte> image) {
    static constexpr std::array<unsigned char, 8> kSignature = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
    // At the begin, or after a user's block of 512 bytes or a power of two times that.
    for (std::size_t at = 0; at + kSignature.size() <= image.size(); at = at == 0 ? 512 : 2 * at) {
        const bool found = std::ranges::equal(kSignature, image.subspan(at, kSignature.size()),
                                              [](unsigned char a, std::byte b) { return std::byte{a} == b; });
        if (found) return true;
    }
    return false;
}

File::File(Handle id, FileFacts facts) : m_id(std::move(id)), m_facts(std::make_shared<FileFacts>(std::move(facts))) {}

File File::createInMemory(const std::string& shown_name) {
    prepareLibrary();
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    constexpr std::size_t kGrowth = std::size_t{256} << 10;
    H5Pset_fapl_core(access.get(), kGrowth, false);
    Handle id(H5Fcreate(nameInMemory().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose);
    if (!id) throw Error(shown_name, "cannot be written: " + libraryReason());
    return {std::move(id), {shown_name, 0}};
}

File File::create(const std::filesystem::path& path, const std::string& shown_name) {
    prepareLibrary();
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    Handle id(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose);
    if (!id) throw Error(shown_name, "cannot be written: " + libraryReason());
    return {std::move(id), {shown_name, 0}};
}

File File::openImage(std::vector<std::byte> image, const std::string& shown_name) {
    prepareLibrary();
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_fapl_core(access.get(), image.size(), false);
    H5Pset_file_image(access.get(), image.data(), image.size());
    Handle id(H5Fopen(nameInMemory().c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
    if (!id) throw Error(shown_name, "is damaged: " + libraryReason());
    return {std::move(id), {shown_name, image.size()}};
}

Group File::root() const {
    Handle id(H5Gopen2(m_id.get(), "/", H5P_DEFAULT), H5Gclose);
    if (!id) throw Error(m_facts->name, "is damaged: " + libraryReason());
    return {std::move(id), "/", m_facts};
}

std::vector<std::byte> File::image() const {
    const hid_t id = m_id.get();
    const ssize_t size = H5Fflush(id, H5F_SCOPE_GLOBAL) < 0 ? -1 : H5Fget_file_image(id, nullptr, 0);
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    if (size <= 0 || H5Fget_file_image(id, bytes.data(), bytes.size()) != size) {
        throw Error(m_facts->name, "cannot be written: " + libraryReason());
    }
    return bytes;
}

void File::close() {
    const hid_t id = m_id.get();
    if (id < 0) return;
    // Taken out of the handle first: whatever comes of it, it is closed once.
    H5Iinc_ref(id);
    m_id = Handle();
    if (H5Fclose(id) < 0) throw Error(m_facts->name, "cannot be written: " + libraryReason());
}

}  // namespace perfmamba::report::hdf5
