// One reader under libFuzzer: the one that PERFMAMBA_FUZZED names.
#include <algorithm>

#include "tests/fuzz/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto reader =
        std::ranges::find(perfmamba::fuzz::readers(), PERFMAMBA_FUZZED, &perfmamba::fuzz::NamedReader::name);
    reader->read({data, size});
    return 0;
}
