// Progress on standard error: one line rewritten on a terminal, nothing in between elsewhere.
#pragma once

#include <chrono>
#include <string>

namespace perfmamba::cli {

class ProgressLine {
public:
    ProgressLine();
    ~ProgressLine() { clear(); }
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

    /// Shows how far it is, at most ten times a second, on a terminal.
    void show(double done, const std::string& text);
    /// A line that stays.
    void say(const std::string& text);
    void clear();

private:
    [[nodiscard]] std::size_t width() const;

    bool m_terminal = false;
    bool m_shown = false;
    std::chrono::steady_clock::time_point m_last;
};

}  // namespace perfmamba::cli
