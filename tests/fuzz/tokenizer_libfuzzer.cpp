// libFuzzer's entry to one of the targets: clang++ -fsanitize=fuzzer,address -DPERFMAMBA_FUZZED=readTokenizer …
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/tokenizer_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    perfmamba::fuzz::PERFMAMBA_FUZZED({reinterpret_cast<const char*>(data), size});
    return 0;
}
