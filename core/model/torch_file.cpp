#include "core/model/torch_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

#include "core/model/pickle.h"
#include "core/model/zip_archive.h"
#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::model {
namespace {

constexpr std::string_view kZipMagic = "PK\x03\x04";
// A pickle, protocol 2, of PyTorch's magic number: its format until version 1.5.
constexpr std::string_view kOldMagic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr const char* kPickle = "/data.pkl";

std::size_t sizeOfType(std::string_view dtype) {
    if (dtype == "F64" || dtype == "I64") return 8;
    if (dtype == "F32" || dtype == "I32") return 4;
    return dtype == "F16" || dtype == "BF16" || dtype == "I16" ? 2 : 1;
}

bool startsWith(std::span<const std::byte> bytes, std::string_view begin) {
    return bytes.size() >= begin.size() && std::memcmp(bytes.data(), begin.data(), begin.size()) == 0;
}

/// One file being read.
class TorchFile {
public:
    explicit TorchFile(const std::filesystem::path& path)
        : m_path(path), m_mapping(openChecked(path)), m_archive(m_mapping->bytes(), path) {}

    WeightFile read() {
        const std::string pickle_name = m_archive.findEnding(kPickle);
        if (pickle_name.empty()) fail("is a zip file, but not one that torch.save wrote: it holds no data.pkl");
        m_prefix = pickle_name.substr(0, pickle_name.size() - std::string_view(kPickle).size());
        if (const auto order = m_archive.member(m_prefix + "/byteorder"); order && !startsWith(*order, "little")) {
            fail("holds big-endian numbers", "save it again on a little-endian machine, or as safetensors");
        }
        WeightFile result;
        result.mapping = m_mapping;
        result.header = *m_archive.member(pickle_name);
        for (const PickledTensor& tensor : readTensorPickle(result.header, m_path)) {
            if (!result.tensors.emplace(tensor.name, stored(tensor)).second) {
                fail("tensor " + tensor.name + " is there twice");
            }
        }
        return result;
    }

private:
    static std::shared_ptr<const MappedFile> openChecked(const std::filesystem::path& path) {
        auto mapping = MappedFile::open(path);
        const std::span<const std::byte> bytes = mapping->bytes();
        checkDownloaded(bytes, path);
        if (startsWith(bytes, kOldMagic)) {
            throw Error(path.string(), "is in PyTorch's format from before version 1.6, which is not read",
                        "load it with torch.load and save it again with torch.save, or as safetensors");
        }
        if (!startsWith(bytes, kZipMagic)) {
            throw Error(path.string(), "is not a PyTorch file: it does not begin like a zip file",
                        "the download may be damaged, or the format older than PyTorch 1.6");
        }
        return mapping;
    }

    [[noreturn]] void fail(const std::string& reason, const std::string& advice = {}) const {
        throw Error(m_path.string(), reason, advice);
    }

    StoredTensor stored(const PickledTensor& tensor) {
        const std::size_t size = sizeOfType(tensor.dtype);
        const auto record = m_archive.member(m_prefix + "/data/" + tensor.storage);
        if (!record) {
            fail(fmt::format("tensor {} lies in data/{}, which is missing", tensor.name,
                             report::toPlainUtf8(tensor.storage)));
        }
        if (tensor.storage_elements < 0 ||
            static_cast<std::uint64_t>(tensor.storage_elements) > record->size() / size) {
            fail(
                fmt::format("tensor {} lies in data/{}, which has {} bytes and should have {} numbers: the file is "
                            "truncated or damaged",
                            tensor.name, report::toPlainUtf8(tensor.storage), record->size(), tensor.storage_elements));
        }
        checkReach(tensor);
        StoredTensor result;
        result.dtype = tensor.dtype;
        result.shape = tensor.shape;
        result.owner = m_mapping;
        const auto begin = static_cast<std::size_t>(tensor.offset) * size;
        if (inOrder(tensor)) {
            std::size_t bytes = size;
            for (const std::int64_t extent : tensor.shape) bytes *= static_cast<std::size_t>(extent);
            limitViews(bytes);
            result.data = record->subspan(bytes == 0 ? 0 : begin, bytes);
            return result;
        }
        auto copy = gathered(tensor, *record, size);
        result.data = *copy;
        result.owner = std::move(copy);
        return result;
    }

    /// Tensors may share numbers, as a head that is tied to the embedding does. A type that has to be converted must
    /// not make a small file large.
    void limitViews(std::size_t bytes) {
        constexpr std::size_t kTimes = 4;
        m_viewed += bytes;
        if (m_viewed / kTimes > m_mapping->bytes().size()) {
            fail("holds the same numbers as many tensors, which no model does");
        }
    }

    /// That all elements lie in the storage; after it, products of extents do not overflow where none is 0.
    void checkReach(const PickledTensor& tensor) const {
        const auto outside = [&] {
            fail("tensor " + tensor.name + " reaches beyond its storage: the file is damaged");
        };
        if (std::ranges::find(tensor.shape, 0) != tensor.shape.end()) return;
        std::int64_t last = tensor.offset;
        std::int64_t count = 1;
        if (last < 0) outside();
        for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
            std::int64_t step = 0;
            if (__builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &step) ||
                __builtin_add_overflow(last, step, &last) || __builtin_mul_overflow(count, tensor.shape[i], &count)) {
                outside();
            }
        }
        if (last >= tensor.storage_elements) outside();
        // A stride of 0 repeats elements: a small file could ask for any amount of memory.
        if (count > tensor.storage_elements) {
            fail("tensor " + tensor.name + " repeats the elements of its storage, which is not read",
                 "save a contiguous copy of it");
        }
    }

    static bool inOrder(const PickledTensor& tensor) {
        std::int64_t expected = 1;
        for (std::size_t i = tensor.shape.size(); i-- > 0;) {
            if (tensor.shape[i] == 0) return true;
            if (tensor.shape[i] != 1 && tensor.strides[i] != expected) return false;
            expected *= tensor.shape[i];
        }
        return true;
    }

    std::shared_ptr<const std::vector<std::byte>> gathered(const PickledTensor& tensor,
                                                           std::span<const std::byte> record, std::size_t size) {
        std::size_t count = 1;
        for (const std::int64_t extent : tensor.shape) count *= static_cast<std::size_t>(extent);
        m_copied += count * size;
        if (m_copied > m_mapping->bytes().size()) {
            fail("holds the same numbers as many tensors that do not lie in order", "save contiguous copies of them");
        }
        auto copy = std::make_shared<std::vector<std::byte>>(count * size);
        std::vector<std::int64_t> index(tensor.shape.size());
        std::int64_t at = tensor.offset;
        for (std::size_t i = 0; i < count; ++i) {
            std::memcpy(copy->data() + i * size, record.data() + static_cast<std::size_t>(at) * size, size);
            for (std::size_t axis = index.size(); axis-- > 0;) {
                if (tensor.shape[axis] == 1) continue;  // whatever its stride
                at += tensor.strides[axis];
                if (++index[axis] < tensor.shape[axis]) break;
                at -= tensor.strides[axis] * tensor.shape[axis];
                index[axis] = 0;
            }
        }
        return copy;
    }

    const std::filesystem::path& m_path;
    std::shared_ptr<const MappedFile> m_mapping;
    ZipArchive m_archive;
    std::string m_prefix;
    std::size_t m_viewed = 0;
    std::size_t m_copied = 0;
};

}  // namespace

WeightFile readTorchFile(const std::filesystem::path& path) {
    return TorchFile(path).read();
}

}  // namespace perfmamba::model
