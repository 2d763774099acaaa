// The time that this thread alone has computed: on a busy machine the wall clock measures the others, too.
#pragma once

#include <ctime>

namespace perfmamba::test {

inline double threadCpuMs() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

}  // namespace perfmamba::test
