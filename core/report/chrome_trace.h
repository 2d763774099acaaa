// The timeline of a profile for other viewers: Perfetto (ui.perfetto.dev), chrome://tracing, speedscope.
#pragma once

#include "core/profile/profile.h"
#include "core/report/files.h"

namespace perfmamba::report {

/// The last recorded pass of each length in the Trace Event Format, an event a line, given to `sink` a piece at a time.
///
/// A process is a length, and all begin at 0. Its threads: components (pass, layer, component, stage nested), what the
/// device ran where it was traced kernel by kernel, and the tracer's own work on the host. A counter tells what memory
/// was in use, by kind. Throws Error where no length has a recorded pass.
void chromeTrace(const profile::Profile& profile, const Sink& sink);

/// Whether there is anything for chromeTrace() to write.
bool hasTimeline(const profile::Profile& profile);

}  // namespace perfmamba::report
