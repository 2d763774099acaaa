#include "app/cli/standard_error.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

namespace perfmamba::cli {

void writeError(std::string_view text) noexcept {
    (void)std::fwrite(text.data(), 1, text.size(), stderr);
    (void)std::fflush(stderr);
}

void openStandardDescriptors() noexcept {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(fd, F_GETFD) != -1) continue;
        // The lowest free number is this one. The other way round, so that using it fails as before.
        (void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

}  // namespace perfmamba::cli
