// Reports, changed as somebody with the HDF5 library could.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/report/seal.h"

namespace perfmamba::test {

inline std::string bytesOf(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void putBytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

/// Changes one thing in a report through the HDF5 library, and seals it again.
inline void edit(const std::filesystem::path& path, const std::function<void(hid_t)>& change) {
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    change(file);
    H5Fclose(file);
    const std::string text = bytesOf(path);
    const auto* begin = reinterpret_cast<const std::byte*>(text.data());
    const std::vector<std::byte> bytes = report::sealed({begin, begin + text.size()});
    putBytes(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// By a whole number, or a double.
template <class Number>
void replaceNumberAttribute(hid_t object, const char* name, Number value) {
    constexpr bool kWhole = std::is_integral_v<Number>;
    const std::conditional_t<kWhole, std::int64_t, double> stored = value;
    H5Adelete(object, name);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute =
        H5Acreate2(object, name, kWhole ? H5T_STD_I64LE : H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, kWhole ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE, &stored);
    H5Aclose(attribute);
    H5Sclose(space);
}

/// Every text of a column.
inline void replaceTexts(hid_t file, const char* dataset, std::string_view text) {
    const hid_t texts = H5Dopen2(file, dataset, H5P_DEFAULT);
    const hid_t type = H5Dget_type(texts);
    const hid_t space = H5Dget_space(texts);
    const std::size_t size = H5Tget_size(type);
    const auto count = static_cast<std::size_t>(H5Sget_simple_extent_npoints(space));
    std::string bytes(count * size, '\0');
    for (std::size_t i = 0; i < count; ++i) bytes.replace(i * size, text.size(), text);
    H5Dwrite(texts, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data());
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(texts);
}

inline void replaceDataset(hid_t file, const char* name, hid_t type, const std::vector<hsize_t>& shape) {
    H5Ldelete(file, name, H5P_DEFAULT);
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    H5Dclose(H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
}

}  // namespace perfmamba::test
