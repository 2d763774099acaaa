// Standard error, which may be closed, full or a terminal that is gone: nothing of that ends what is measured.
#pragma once

#include <string_view>

namespace perfmamba::cli {

/// What cannot be written there is lost: nobody is left to be told.
void writeError(std::string_view text) noexcept;

/// Opens those of descriptors 0 to 2 that are closed, so that no report gets their numbers and what is printed into it,
/// and lets no reader of standard error end the program by going away. Call it before any file is opened.
void prepareStandardStreams() noexcept;
/// Where the reader of standard output is gone: ends the program by SIGPIPE, unless that was ignored when it began.
void endByBrokenPipe() noexcept;

}  // namespace perfmamba::cli
