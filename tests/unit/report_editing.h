// Reports, changed as somebody with the HDF5 library could.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
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

inline void replaceNumberAttribute(hid_t object, const char* name, std::int64_t value) {
    H5Adelete(object, name);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(object, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_INT64, &value);
    H5Aclose(attribute);
    H5Sclose(space);
}

inline void replaceDataset(hid_t file, const char* name, hid_t type, const std::vector<hsize_t>& shape) {
    H5Ldelete(file, name, H5P_DEFAULT);
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    H5Dclose(H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
}

}  // namespace perfmamba::test
