// Zip files as torch.save writes them, made for tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace perfmamba::tests {

/// Members, stored. The check sums are left out: nothing that is read in place looks at them.
inline std::string zipFile(const std::vector<std::pair<std::string, std::string>>& members) {
    std::string file;
    std::string directory;
    const auto number = [](std::string& to, std::uint64_t value, int bytes) {
        for (int i = 0; i < bytes; ++i) to += static_cast<char>(value >> (8 * i) & 0xffU);
    };
    for (const auto& [name, bytes] : members) {
        const std::size_t begin = file.size();
        const auto common = [&](std::string& to) {
            number(to, 20, 2);             // version needed
            number(to, 0, 2 + 2 + 4 + 4);  // flags, stored, time, check sum
            number(to, bytes.size(), 4);
            number(to, bytes.size(), 4);
            number(to, name.size(), 2);
            number(to, 0, 2);
        };
        file += "PK\x03\x04";
        common(file);
        file += name + bytes;
        directory += "PK\x01\x02";
        number(directory, 20, 2);
        common(directory);
        number(directory, 0, 2 + 2 + 2 + 4);  // comment, disk, attributes
        number(directory, begin, 4);
        directory += name;
    }
    std::string end = "PK\x05\x06";
    number(end, 0, 4);
    number(end, members.size(), 2);
    number(end, members.size(), 2);
    number(end, directory.size(), 4);
    number(end, file.size(), 4);
    number(end, 0, 2);
    return file + directory + end;
}

/// A PyTorch file with that pickle and one storage, "0", of zeros.
inline std::string torchFile(const std::string& pickle, std::size_t storage_bytes = 16) {
    return zipFile({{"m/data.pkl", pickle}, {"m/byteorder", "little"}, {"m/data/0", std::string(storage_bytes, '\0')}});
}

/// The same, its storage so large that sizes and offsets need 64 bits. The storage is a hole in the file, but for its
/// last number.
inline void writeHugeTorchFile(const std::filesystem::path& path, const std::string& pickle, std::uint64_t bytes,
                               float last) {
    const std::string small = zipFile({{"m/data.pkl", pickle}});
    const std::size_t directory = small.find("PK\x01\x02");
    const std::size_t end = small.find("PK\x05\x06");
    const auto number = [](std::string& to, std::uint64_t value, int count) {
        for (int i = 0; i < count; ++i) to += static_cast<char>(value >> (8 * i) & 0xffU);
    };
    const std::string name = "m/data/0";
    const auto common = [&](std::string& to) {
        number(to, 45, 2);  // version needed: 64 bits
        number(to, 0, 2 + 2 + 4 + 4);
        number(to, ~std::uint64_t{0}, 4 + 4);  // the sizes stand further on
        number(to, name.size(), 2);
        number(to, 20, 2);
    };
    const auto sizes = [&](std::string& to) {
        number(to, 1, 2);
        number(to, 16, 2);
        number(to, bytes, 8);
        number(to, bytes, 8);
    };
    std::string begin = small.substr(0, directory) + "PK\x03\x04";
    common(begin);
    begin += name;
    sizes(begin);
    const std::uint64_t at = begin.size() + bytes;
    std::string rest = small.substr(directory, end - directory) + "PK\x01\x02";
    number(rest, 45, 2);
    common(rest);
    number(rest, 0, 2 + 2 + 2 + 4);
    number(rest, directory, 4);
    rest += name;
    sizes(rest);
    const std::uint64_t length = rest.size();
    rest += "PK\x06\x06";
    number(rest, 44, 8);
    number(rest, 45, 2);
    number(rest, 45, 2);
    number(rest, 0, 8);
    number(rest, 2, 8);
    number(rest, 2, 8);
    number(rest, length, 8);
    number(rest, at, 8);
    rest += "PK\x06\x07";
    number(rest, 0, 4);
    number(rest, at + length, 8);
    number(rest, 1, 4);
    rest += "PK\x05\x06";
    number(rest, 0, 4);
    number(rest, 2, 2);
    number(rest, 2, 2);
    number(rest, length, 4);
    number(rest, ~std::uint64_t{0}, 4);
    number(rest, 0, 2);
    std::ofstream file(path, std::ios::binary);
    file << begin;
    file.seekp(static_cast<std::streamoff>(at - sizeof last));
    file.write(reinterpret_cast<const char*>(&last), sizeof last);
    file << rest;
}

/// Pieces of pickles, protocol 2.
namespace pickle {

inline std::string text(const std::string& value) {
    std::string bytes = "X";
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value.size() >> (8 * i) & 0xffU);
    return bytes + value;
}
inline std::string number(std::int32_t value) {
    std::string bytes = "J";
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(static_cast<std::uint32_t>(value) >> (8 * i) & 0xffU);
    return bytes;
}
inline std::string tuple(const std::vector<std::string>& items) {
    std::string bytes = "(";
    for (const std::string& item : items) bytes += item;
    return bytes + "t";
}
inline std::string global(const std::string& module, const std::string& name) {
    return "c" + module + "\n" + name + "\n";
}
inline std::string numbers(const std::vector<std::int32_t>& values) {
    std::vector<std::string> items;
    for (const std::int32_t value : values) items.push_back(number(value));
    return tuple(items);
}
/// A float32 tensor in storage "0" of `elements`.
inline std::string tensor(std::int32_t elements, std::int32_t offset, const std::vector<std::int32_t>& shape,
                          const std::vector<std::int32_t>& strides) {
    const std::string storage =
        tuple({text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu"), number(elements)}) + "Q";
    return global("torch._utils", "_rebuild_tensor_v2") +
           tuple({storage, number(offset), numbers(shape), numbers(strides), "\x89",
                  global("collections", "OrderedDict") + ")R"}) +
           "R";
}
/// {name: value}
inline std::string dict(const std::string& name, const std::string& value) {
    return "\x80\x02}" + text(name) + value + "s.";
}

}  // namespace pickle

}  // namespace perfmamba::tests
