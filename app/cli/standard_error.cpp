#include "app/cli/standard_error.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace perfmamba::cli {
namespace {

bool ends_by_broken_pipe = false;

}  // namespace

void writeError(std::string_view text) noexcept {
    (void)std::fwrite(text.data(), 1, text.size(), stderr);
    (void)std::fflush(stderr);
}

void prepareStandardStreams() noexcept {
    ends_by_broken_pipe = std::signal(SIGPIPE, SIG_IGN) == SIG_DFL;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(fd, F_GETFD) != -1) continue;
        // The lowest free number is this one. The other way round, so that using it fails as before.
        (void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

void endByBrokenPipe() noexcept {
    if (!ends_by_broken_pipe) return;
    std::signal(SIGPIPE, SIG_DFL);
    (void)std::raise(SIGPIPE);
}

}  // namespace perfmamba::cli
