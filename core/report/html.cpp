#include "core/report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/report/colours.h"
#include "core/report/text.h"
#include "core/report/utf8.h"

namespace perfmamba::report::html {
namespace {

// Paper is white whatever the screen is. Sizes are in points on paper: what stands here fits one A4 page.
constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --surface: #fff; --text: #1b1f24; --muted: #5f6874; --border: #d5d9df; --accent: #4650c8; }
@media screen and (prefers-color-scheme: dark) {
  :root { --surface: #191b1f; --text: #e3e6eb; --muted: #98a1ad; --border: #3a3f47; --accent: #929cff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px; max-width: 1000px; background: var(--surface); color: var(--text);
  font: 14px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
h1 { font-size: 1.7em; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1em; margin: 1.1em 0 .3em; }
.lead { margin: 0 0 .6em; color: var(--muted); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em .8em; margin: 0; font-size: .92em; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
code { font: .92em ui-monospace, "DejaVu Sans Mono", monospace; }
table { width: 100%; border-collapse: collapse; font-size: .92em; font-variant-numeric: tabular-nums; }
th { font-weight: 600; color: var(--muted); border-bottom: 1px solid var(--border); }
th, td { text-align: right; padding: .12em .4em; white-space: nowrap; }
th:first-child, td:first-child, .left { text-align: left; }
.wide { width: 30%; } th.wide { text-align: left; }
small { color: var(--muted); font-size: .85em; } .stacked small { display: block; }
.stage td { color: var(--muted); } .stage td:first-child { padding-left: 1.9em; }
.total td { border-top: 1px solid var(--border); font-weight: 600; }
.bar { display: flex; height: .95em; min-width: 6em; }
.bar i { display: block; height: 100%; border-right: 1px solid var(--surface); }
.chip { display: inline-block; width: .75em; height: .75em; margin-right: .35em; border-radius: 2px; }
.legend { margin: .3em 0 0; font-size: .85em; color: var(--muted); }
.legend span { display: inline-block; margin-right: .9em; white-space: nowrap; }
.note { margin: .3em 0 0; font-size: .85em; color: var(--muted); overflow-wrap: anywhere; }
.says { margin: 0; padding-left: 1.3em; } .says li { margin: .15em 0; }
svg { display: block; width: 100%; max-width: 620px; height: auto; margin: .4em 0; }
svg text { font-size: 11px; fill: var(--muted); } svg line, svg path { stroke: var(--muted); fill: none; }
svg .grid { stroke: var(--border); } svg .error { stroke: var(--muted); }
svg circle { stroke: var(--accent); stroke-width: 1.4; fill: var(--surface); } svg circle.on { fill: var(--accent); }
svg path { stroke: var(--accent); stroke-width: 2; opacity: .5; }
footer { margin-top: 1.2em; border-top: 1px solid var(--border); padding-top: .3em; font-size: .8em; color: var(--muted); }
@page { size: A4; margin: 11mm; }
@media (max-width: 700px) { table { display: block; overflow-x: auto; } }
@media print {
  body { padding: 0; max-width: none; font-size: 8pt; line-height: 1.3; }
  h1 { font-size: 15pt; } h2 { margin: .8em 0 .2em; break-after: avoid; }
  .columns { display: grid; grid-template-columns: 1.15fr .85fr; gap: 0 1.6em; }
  .columns .wide { width: 40%; } .columns .bar { min-width: 5em; }
  section, tr { break-inside: avoid; } svg { max-width: 118mm; }
}
)";

// A plot's size in its own units, and the room for what stands around it.
constexpr double kWidth = 620, kHeight = 260, kLeft = 54, kRight = 14, kTop = 12, kBottom = 40;
constexpr double kTicks = 6;  // at most, on an axis

std::string hex(std::uint32_t colour) {
    return fmt::format("#{:06x}", colour);
}

template <class Kind>
void appendColour(std::string& light, std::string& dark, Kind kind) {
    const Colour colour = colourOf(kind);
    light += fmt::format(".{} {{ background: {}; }}\n", classOf(kind), hex(colour.light));
    dark += fmt::format(".{} {{ background: {}; }}\n", classOf(kind), hex(colour.dark));
}

/// Of the components and kinds of memory. What no component accounts for is hatched, as in the window.
std::string colourStyle() {
    std::string light;
    std::string dark;
    for (const Component component : kComponents) {
        if (component != Component::Other) appendColour(light, dark, component);
    }
    for (const MemoryKind kind : kMemoryKinds) appendColour(light, dark, kind);
    const auto hatched = [](std::uint32_t colour) {
        return fmt::format(".{} {{ background: repeating-linear-gradient(135deg, {} 0 1px, transparent 1px 4px); }}\n",
                           classOf(Component::Other), hex(colour));
    };
    const Colour other = colourOf(Component::Other);
    return light + hatched(other.light) + "@media screen and (prefers-color-scheme: dark) {\n" + dark +
           hatched(other.dark) + "}\n";
}

/// Where an axis begins and ends: what is to be shown, and a little room.
struct Axis {
    double low = 0;
    double high = 1;

    void include(double value) {
        if (!std::isfinite(value)) return;
        low = std::min(low, value);
        high = std::max(high, value);
    }
    [[nodiscard]] double position(double value) const { return (value - low) / (high - low); }
};

Axis axisOver(double first) {
    return {first, first};
}

void widen(Axis& axis) {
    const double room = axis.high > axis.low ? (axis.high - axis.low) * 0.06 : std::max(1e-3, std::abs(axis.low) * 0.1);
    axis.low -= room;
    axis.high += room;
}

/// Whole steps of 1, 2 or 5 times a power of ten.
std::vector<double> ticksOf(const Axis& axis) {
    const double least = (axis.high - axis.low) / kTicks;
    const double power = std::pow(10.0, std::floor(std::log10(least)));
    double step = 10 * power;
    for (const double factor : {5.0, 2.0, 1.0}) {
        if (factor * power >= least) step = factor * power;
    }
    std::vector<double> ticks;
    for (double i = std::ceil(axis.low / step); i * step <= axis.high; ++i) ticks.push_back(i * step);
    return ticks;
}

double xOf(const Axis& axis, double value) {
    return kLeft + axis.position(value) * (kWidth - kLeft - kRight);
}

double yOf(const Axis& axis, double value) {
    return kHeight - kBottom - axis.position(value) * (kHeight - kTop - kBottom);
}

std::string axesOf(const Scatter& scatter, const Axis& x, const Axis& y) {
    std::string text;
    for (const double tick : ticksOf(x)) {
        text += fmt::format(R"(<line class="grid" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>)", xOf(x, tick), kTop,
                            kHeight - kBottom);
        text += fmt::format(R"(<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>)", xOf(x, tick),
                            kHeight - kBottom + 14, formatNumber(tick));
    }
    for (const double tick : ticksOf(y)) {
        text += fmt::format(R"(<line class="grid" x1="{1}" x2="{2}" y1="{0:.1f}" y2="{0:.1f}"/>)", yOf(y, tick), kLeft,
                            kWidth - kRight);
        text += fmt::format(R"(<text x="{}" y="{:.1f}" text-anchor="end">{}</text>)", kLeft - 6, yOf(y, tick) + 4,
                            formatNumber(tick));
    }
    text += fmt::format(R"(<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>)", (kLeft + kWidth - kRight) / 2,
                        kHeight - 6, scatter.x_title);
    text += fmt::format(R"svg(<text transform="translate(12 {:.1f}) rotate(-90)" text-anchor="middle">{}</text>)svg",
                        (kTop + kHeight - kBottom) / 2, scatter.y_title);
    return text;
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : toPlainUtf8(text)) {
        switch (c) {
            case '&': result += "&amp;"; break;
            case '<': result += "&lt;"; break;
            case '>': result += "&gt;"; break;
            case '"': result += "&quot;"; break;
            case '\'': result += "&#39;"; break;
            default: result += c;
        }
    }
    return result;
}

std::string classOf(Component component) {
    return fmt::format("c-{}", name(component));
}

std::string classOf(MemoryKind kind) {
    return fmt::format("m-{}", name(kind));
}

std::string bar(const std::vector<Part>& parts) {
    std::string pieces;
    std::string said;
    for (const Part& part : parts) {
        if (!(part.share > 0)) continue;
        said += (said.empty() ? "" : ", ") + part.title;
        pieces += fmt::format(R"(<i class="{}" style="width:{:.2f}%" title="{}"></i>)", part.style_class,
                              part.share * 100, part.title);
    }
    return fmt::format(R"(<div class="bar" role="img" aria-label="{}">{}</div>)", said, pieces);
}

std::string chip(const std::string& style_class) {
    return fmt::format(R"(<i class="chip {}"></i>)", style_class);
}

std::string legend(const std::vector<Part>& parts) {
    std::string text = R"(<p class="legend">)";
    for (const Part& part : parts) text += fmt::format("<span>{}{}</span>", chip(part.style_class), part.title);
    return text + "</p>\n";
}

std::string svg(const Scatter& scatter) {
    if (scatter.points.empty()) return {};
    Axis x = axisOver(scatter.points.front().x);
    Axis y = axisOver(scatter.points.front().y);
    for (const ScatterPoint& point : scatter.points) {
        for (const double value : {point.x, point.x_low, point.x_high}) x.include(value);
        for (const double value : {point.y, point.y - point.y_error, point.y + point.y_error}) y.include(value);
    }
    widen(x);
    widen(y);
    std::string line;
    std::string marks;
    std::vector<ScatterPoint> points = scatter.points;
    std::ranges::stable_sort(points, {}, &ScatterPoint::x);
    for (const ScatterPoint& point : points) {
        const double at_x = xOf(x, point.x);
        const double at_y = yOf(y, point.y);
        marks += fmt::format(R"(<line class="error" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>)",
                             xOf(x, point.x_low), xOf(x, point.x_high), at_y, at_y);
        if (std::isfinite(point.y_error)) {
            marks += fmt::format(R"(<line class="error" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>)", at_x, at_x,
                                 yOf(y, point.y - point.y_error), yOf(y, point.y + point.y_error));
        }
        marks += fmt::format(R"(<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>)",
                             point.marked ? "on" : "off", at_x, at_y, point.title);
        if (point.marked) line += fmt::format("{}{:.1f} {:.1f}", line.empty() ? "M" : " L", at_x, at_y);
    }
    return fmt::format(R"(<svg viewBox="0 0 {} {}" role="img" aria-label="{} against {}">)", kWidth, kHeight,
                       scatter.y_title, scatter.x_title) +
           axesOf(scatter, x, y) + (line.empty() ? "" : fmt::format(R"(<path d="{}"/>)", line)) + marks + "</svg>\n";
}

std::string page(std::string_view title, const std::string& body) {
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>{} – PerfMamba Explorer</title>\n<style>{}{}</style>\n</head>\n<body>\n{}"
        "<footer>PerfMamba Explorer " PERFMAMBA_VERSION
        ". What was not measured is not here; estimates say that they are.</footer>\n</body>\n</html>\n",
        escaped(title), kStyle, colourStyle(), body);
}

}  // namespace perfmamba::report::html
