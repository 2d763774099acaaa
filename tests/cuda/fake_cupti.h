// How a test plays the device's part with the fake CUPTI.
#pragma once

extern "C" {

struct FakeCuptiState {
    bool subscribed;
    int kinds;
    int callbacks;
    int finalized;
    bool counting;
};

/// Runs a kernel of 2 µs: by a stream launch, a graph node, or a call to the driver past the runtime.
using FakeLaunch = void (*)(const char* name, unsigned long long node, int through_driver);
/// A graph node is made, or, with an original, cloned from it.
using FakeNode = void (*)(unsigned long long original, unsigned long long node);
using FakeState = FakeCuptiState (*)();
}
