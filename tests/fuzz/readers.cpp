#include "tests/fuzz/readers.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

#include "core/model/config.h"
#include "core/model/gguf.h"
#include "core/model/pickle.h"
#include "core/model/raw_model.h"
#include "core/model/safetensors.h"
#include "core/model/torch_file.h"
#include "core/report/report.h"
#include "kernels/error.h"

namespace perfmamba::fuzz {
namespace {

using Bytes = std::span<const std::uint8_t>;

/// A file in memory with a path.
class MemoryFile {
public:
    explicit MemoryFile(Bytes bytes) : m_descriptor(::memfd_create("fuzz", MFD_CLOEXEC)) {
        std::size_t written = 0;
        while (written < bytes.size()) {
            const ssize_t count = ::write(m_descriptor, bytes.data() + written, bytes.size() - written);
            if (count <= 0) std::abort();
            written += static_cast<std::size_t>(count);
        }
    }
    ~MemoryFile() { ::close(m_descriptor); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    [[nodiscard]] std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(m_descriptor); }

private:
    int m_descriptor;
};

// Written and never read: so the compiler may not leave the reading out.
volatile std::byte g_touched{};

/// As an engine would take them: converted, and all of their bytes touched.
void use(const model::WeightFile& file) {
    for (const auto& [name, tensor] : file.tensors) {
        try {
            const HostTensor values = model::hostTensor(name, tensor, "fuzz");
            if (values.bytes() > 0) g_touched = values.data[values.bytes() - 1];
        } catch (const Error&) {
            // a type that is not computed with
        }
    }
}

void readSafetensors(Bytes bytes) {
    use(model::readSafetensors(MemoryFile(bytes).path()));
}

void readTorch(Bytes bytes) {
    use(model::readTorchFile(MemoryFile(bytes).path()));
}

void readPickle(Bytes bytes) {
    (void)model::readTensorPickle(std::as_bytes(bytes), "fuzz");
}

void readGguf(Bytes bytes) {
    const MemoryFile file(bytes);
    use(model::readGguf(file.path()).weights);
    (void)model::readGgufModel(file.path());
}

void readConfig(Bytes bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const model::Config config = model::parseConfig(text, "config.json");
    (void)model::parseConfig(model::huggingFaceText(config), "config.json");
}

void readReport(Bytes bytes) {
    (void)report::readContents(MemoryFile(bytes).path());
}

template <Reader read>
void untilError(Bytes bytes) {
    try {
        read(bytes);
    } catch (const Error&) {
        // what a broken file is answered with
    }
}

constexpr std::array kReaders = {
    NamedReader{"safetensors", untilError<readSafetensors>}, NamedReader{"torch", untilError<readTorch>},
    NamedReader{"pickle", untilError<readPickle>},           NamedReader{"gguf", untilError<readGguf>},
    NamedReader{"config", untilError<readConfig>},           NamedReader{"report", untilError<readReport>},
};

}  // namespace

std::span<const NamedReader> readers() {
    return kReaders;
}

}  // namespace perfmamba::fuzz
