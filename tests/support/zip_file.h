// Zip files as torch.save writes them, made for tests.
#pragma once

#include <cstdint>
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
