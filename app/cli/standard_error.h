// Standard error, which may be closed, full or a terminal that is gone: nothing of that ends what is measured.
#pragma once

#include <string_view>

namespace perfmamba::cli {

/// What cannot be written there is lost: nobody is left to be told.
void writeError(std::string_view text) noexcept;

/// Opens those of descriptors 0 to 2 that are closed, so that no report gets their numbers and what is printed into it.
/// Call it before any file is opened.
void openStandardDescriptors() noexcept;

}  // namespace perfmamba::cli
