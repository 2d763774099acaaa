// CUPTI's functions, found at run time. CUPTI's headers stay in this folder.
#pragma once

#include <cupti.h>

#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/dynamic_library.h"

namespace perfmamba::kernels::cuda::cupti {

// member, CUPTI's function
#define PERFMAMBA_CUPTI_FUNCTIONS(X)                     \
    X(getVersion, cuptiGetVersion)                       \
    X(getResultString, cuptiGetResultString)             \
    X(subscribe, cuptiSubscribe_v2)                      \
    X(unsubscribe, cuptiUnsubscribe)                     \
    X(enableCallback, cuptiEnableCallback)               \
    X(getTimestamp, cuptiGetTimestamp)                   \
    X(registerCallbacks, cuptiActivityRegisterCallbacks) \
    X(enable, cuptiActivityEnable)                       \
    X(disable, cuptiActivityDisable)                     \
    X(flushAll, cuptiActivityFlushAll)                   \
    X(getNextRecord, cuptiActivityGetNextRecord)         \
    X(getDropped, cuptiActivityGetNumDroppedRecords)     \
    X(getGraphNodeId, cuptiGetGraphNodeId)               \
    X(getStreamId, cuptiGetStreamIdEx)                   \
    X(finalize, cuptiFinalize)

/// CUPTI's functions that tracing needs; all of them are there.
struct Api {
// NOLINTNEXTLINE(bugprone-macro-parentheses): a name
#define PERFMAMBA_CUPTI_MEMBER(member, function) decltype(&::function) member = nullptr;
    PERFMAMBA_CUPTI_FUNCTIONS(PERFMAMBA_CUPTI_MEMBER)
#undef PERFMAMBA_CUPTI_MEMBER
    int (*driverVersion)(int*) = nullptr;  // a driver call of no effect: CUPTI is left at its end; may be null
    std::string path;
    std::uint32_t version = 0;

    /// "CUPTI 13.0"
    [[nodiscard]] std::string name() const;
};

/// Where to look. Tests set it; nothing else does.
struct Search {
    std::vector<std::string> candidates;  // empty: candidatePaths()
    std::string driver;                   // empty: the system's
};

/// In this order: what PERFMAMBA_CUPTI names (and then nothing else), the system's search, the toolkits of this machine
/// and of the build, pip's packages.
std::vector<std::string> candidatePaths();

/// Throws Error: no driver, no CUPTI found, or only older ones than this was built with, or those of a later
/// generation.
std::shared_ptr<const Api> loadApi(const Search& search);

/// "13.0" of 130001, "12.x" of the numbers before 13.
std::string versionText(std::uint32_t version);
/// Whether records of a library of that version are laid out as this build knows them.
bool usable(std::uint32_t version);

/// One sentence on why a call failed. @param holder the tool that has CUPTI already, where known
std::string explain(const Api& api, const std::string& tried, CUptiResult result, const std::string& holder = {});

}  // namespace perfmamba::kernels::cuda::cupti
