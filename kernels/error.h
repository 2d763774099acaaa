// The one exception type for what a user can cause or has to know.
#pragma once

#include <stdexcept>
#include <string>

namespace perfmamba {

/// A failure for the user's reasons: a bad file, a wrong argument, too little memory. Caught at the two edges (the
/// window's session and the command line) and shown as it stands. Faults of our own are assertions, never this.
class Error : public std::runtime_error {
public:
    /// @param subject the file, tensor, layer or option concerned, as the user knows it
    /// @param reason  what is wrong with it, one sentence without a full stop
    /// @param advice  what to do about it; may be empty
    Error(const std::string& subject, const std::string& reason, const std::string& advice = {})
        : std::runtime_error(subject + ": " + reason + (advice.empty() ? "" : " (" + advice + ")")) {}
};

/// Thrown out of a run that its stop token ended. Not a failure: nothing is shown but that it was cancelled.
class Cancelled : public std::exception {
public:
    [[nodiscard]] const char* what() const noexcept override { return "cancelled"; }
};

}  // namespace perfmamba
