// Every reader of files that others made, given bytes. For libFuzzer (fuzz_*.cpp by fuzz_main.cpp) and for the ordinary
// tests (test_fuzz.cpp), which change good files at random.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace perfmamba::fuzz {

/// Reads the bytes as a file; what it throws besides Error is a fault.
using Reader = void (*)(std::span<const std::uint8_t> bytes);

struct NamedReader {
    std::string_view name;
    Reader read;
};
/// "safetensors", "torch", "pickle", "gguf", "config", "report".
std::span<const NamedReader> readers();

}  // namespace perfmamba::fuzz
