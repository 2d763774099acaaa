// What the operating system says of this process and this machine.
#pragma once

#include <cstdint>
#include <string>

namespace perfmamba::profile {

/// Resident bytes of this process now; 0 where not known.
std::int64_t residentBytes();

/// Forgets the process's peak, so that peakResidentBytes() is of what comes after. False where the system cannot.
bool resetPeakResident();
/// Most resident bytes since the start or the last reset; 0 where not known.
std::int64_t peakResidentBytes();

/// Mean clock of the cores as the system reports it, MHz; 0 where not known.
double clockMhz();

std::string hostName();
/// "Debian GNU/Linux 12 (bookworm), Linux 6.1.0"
std::string operatingSystem();
/// ISO 8601, UTC, to the second.
std::string now();

}  // namespace perfmamba::profile
