// What a tool of the tests' own heard by NVTX.
#pragma once

struct FakeNvtxState {
    int pushed;
    int popped;
    int deepest;
    const char* last_range;  // "PerfMamba: ssm/chunk_scan 3"
};
using FakeNvtx = FakeNvtxState (*)();
