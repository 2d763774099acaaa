#include "core/report/integer_dataset.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <fmt/format.h>

#include "core/model/mapped_file.h"
#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::report {
namespace {

constexpr hsize_t kLargestChunk = hsize_t{64} << 20U;  // values: the library holds a whole one
constexpr hsize_t kMostValues = hsize_t{1} << 48U;

/// Names of the root's members.
std::vector<std::string> members(hid_t file) {
    std::vector<std::string> names;
    const auto take = [](hid_t, const char* name, const H5L_info_t*, void* target) -> herr_t {
        static_cast<std::vector<std::string>*>(target)->emplace_back(name);
        return 0;
    };
    H5Literate(file, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, take, &names);
    return names;
}

hdf5::Handle openIntegers(hid_t file, const std::string& name) {
    hdf5::Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset) return {};
    const hdf5::Handle type(H5Dget_type(dataset.get()), H5Tclose);
    if (!type || H5Tget_class(type.get()) != H5T_INTEGER) return {};
    return dataset;
}

}  // namespace

IntegerDataset::IntegerDataset(const std::string& file, const std::string& name) : m_file_name(file), m_name(name) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    H5PLset_loading_state(0);
    // The system's own reason where it cannot be opened.
    if (!hdf5::isHdf5(model::MappedFile::open(file)->bytes())) throw Error(file, "is not an HDF5 file");
    m_file = hdf5::Handle(H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    if (!m_file) throw Error(file, "is not an HDF5 file that can be opened");
    findDataset();
    examine();
}

void IntegerDataset::findDataset() {
    if (!m_name.empty()) {
        m_dataset = openIntegers(m_file.get(), m_name);
        if (!m_dataset) fail("is not a dataset of integers");
        return;
    }
    std::vector<std::string> found;
    for (const std::string& name : members(m_file.get())) {
        if (openIntegers(m_file.get(), name)) found.push_back(name);
    }
    const auto tokens = std::ranges::find(found, "tokens");
    if (found.size() != 1 && tokens == found.end()) {
        throw Error(m_file_name,
                    fmt::format("has {} datasets of integers, and none is called \"tokens\"", found.size()),
                    "--field names the one to read");
    }
    m_name = found.size() == 1 ? found.front() : *tokens;
    m_dataset = openIntegers(m_file.get(), m_name);
}

void IntegerDataset::examine() {
    const hdf5::Handle space(H5Dget_space(m_dataset.get()), H5Sclose);
    const int rank = space ? H5Sget_simple_extent_ndims(space.get()) : -1;
    if (rank != 1 && rank != 2) fail("has other than one axis, or two (sequences, tokens)");
    m_shape.resize(static_cast<std::size_t>(rank));
    if (H5Sget_simple_extent_dims(space.get(), m_shape.data(), nullptr) < 0) fail("cannot be read");
    if (m_shape[0] > kMostValues || m_shape.back() > kLargestChunk * 16) fail("is too large");
    if (rank == 2) m_row = static_cast<std::int64_t>(m_shape[1]);
    m_size = static_cast<std::int64_t>(m_shape[0]) * m_row;

    const hdf5::Handle properties(H5Dget_create_plist(m_dataset.get()), H5Pclose);
    if (!properties || H5Pget_external_count(properties.get()) != 0) fail("lies in another file");
    const H5D_layout_t layout = H5Pget_layout(properties.get());
    if (layout == H5D_VIRTUAL || layout == H5D_LAYOUT_ERROR) fail("lies in other files");
    if (layout != H5D_CHUNKED) return;
    std::array<hsize_t, H5S_MAX_RANK> chunk{};
    hsize_t values = 1;
    const int axes = H5Pget_chunk(properties.get(), H5S_MAX_RANK, chunk.data());
    for (int i = 0; i < axes; ++i) {
        const hsize_t extent = chunk.at(static_cast<std::size_t>(i));
        values = extent == 0 || values > kLargestChunk / extent ? kLargestChunk + 1 : values * extent;
    }
    if (values > kLargestChunk) fail("has chunks that are too large");
}

std::vector<std::int64_t> IntegerDataset::read(std::int64_t first, std::int64_t count) const {
    if (m_row == 0 || first >= m_size) return {};
    // Of two axes whole rows, or a part of one.
    const std::int64_t row = first / m_row;
    const std::int64_t column = first % m_row;
    std::array<hsize_t, 2> start = {static_cast<hsize_t>(row), static_cast<hsize_t>(column)};
    std::array<hsize_t, 2> block{};
    if (column > 0 || m_row > count) {
        block = {1, static_cast<hsize_t>(std::min(count, m_row - column))};
    } else {
        block = {static_cast<hsize_t>(std::min(count / m_row, static_cast<std::int64_t>(m_shape[0]) - row)),
                 static_cast<hsize_t>(m_row)};
    }
    const hdf5::Handle space(H5Dget_space(m_dataset.get()), H5Sclose);
    const hdf5::Handle memory(H5Screate_simple(static_cast<int>(m_shape.size()), block.data(), nullptr), H5Sclose);
    std::vector<std::int64_t> values(static_cast<std::size_t>(block[0] * (m_shape.size() == 2 ? block[1] : 1)));
    const bool selected =
        H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, block.data(), nullptr) >= 0;
    if (!selected ||
        H5Dread(m_dataset.get(), H5T_NATIVE_INT64, memory.get(), space.get(), H5P_DEFAULT, values.data()) < 0) {
        fail("cannot be read");
    }
    return values;
}

void IntegerDataset::fail(const std::string& reason) const {
    throw Error(m_file_name, fmt::format("\"{}\" {}", toPlainUtf8(m_name), reason));
}

}  // namespace perfmamba::report
