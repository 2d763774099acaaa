// A checksum at the end of a report. HDF5 reads damaged files trustingly, up to a crash (tried with 1.10.8), so nothing
// is handed to it that is not byte for byte what was written. The seal lies behind the end that HDF5 itself records:
// other programs do not see it.
//
// Against chance, not against malice: whoever forges a report can seal it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace perfmamba::report {

/// The file with its seal: 8 bytes "PMX-SEAL", then the FNV-1a hash of all before them, 64 bits, little-endian.
std::vector<std::byte> sealed(std::vector<std::byte> file);

/// The file without its seal. Throws Error when there is none or it does not match.
/// @param shown_name the file, for the message
std::vector<std::byte> unsealed(std::vector<std::byte> file, const std::string& shown_name);

}  // namespace perfmamba::report
