#include "app/cli/progress_line.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "app/cli/standard_error.h"
#include "core/report/utf8.h"

namespace perfmamba::cli {
namespace {

constexpr std::size_t kBarWidth = 20;
constexpr std::size_t kDefaultWidth = 80;

/// The first `width` characters: a longer line would wrap, and stay.
std::string cut(const std::string& text, std::size_t width) {
    std::string result;
    for (const char c : text) {
        const bool begins = (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
        if (begins && report::columns(result) >= width) break;
        result += c;
    }
    return result;
}

}  // namespace

ProgressLine::ProgressLine() : m_terminal(::isatty(STDERR_FILENO) == 1) {}

std::size_t ProgressLine::width() const {
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kDefaultWidth;
    return size.ws_col;
}

void ProgressLine::show(double done, const std::string& text) {
    constexpr std::chrono::milliseconds kPeriod(100);
    const auto now = std::chrono::steady_clock::now();
    if (!m_terminal || (m_shown && now - m_last < kPeriod)) return;
    m_last = now;
    m_shown = true;
    const double part = std::isfinite(done) ? std::clamp(done, 0.0, 1.0) : 0;
    const auto filled = static_cast<std::size_t>(part * kBarWidth);
    std::string bar;
    for (std::size_t i = 0; i < kBarWidth; ++i) bar += i < filled ? "█" : "░";
    writeError(fmt::format("\r{}\x1b[K", cut(fmt::format("{} {:3.0f} %  {}", bar, part * 100, text), width() - 1)));
}

void ProgressLine::say(const std::string& text) {
    clear();
    writeError(text + "\n");
}

void ProgressLine::clear() {
    if (!m_shown) return;
    m_shown = false;
    writeError("\r\x1b[K");
}

}  // namespace perfmamba::cli
