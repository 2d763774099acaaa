// A GPU that fails in the middle of a run, as one that has overheated, or whose memory has, does.
#pragma once

namespace perfmamba::tests {

/// Has a kernel of the first GPU write where no memory is: what this process has on that GPU is lost for good. Returns
/// once the GPU has noticed. Throws Error where the driver, or the GPU, is not there.
void loseDevice();

}  // namespace perfmamba::tests
