// The parts of a printed page: a self-contained HTML document, stacked bars, a scatter plot.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/component.h"
#include "kernels/memory.h"

namespace perfmamba::report::html {

/// Text as text: what HTML would read is escaped, and what is not UTF-8 replaced.
std::string escaped(std::string_view text);

/// The style class that gives something its fixed colour (colours.h).
std::string classOf(Component component);
std::string classOf(MemoryKind kind);

/// A piece of a stacked bar.
struct Part {
    std::string title;  // on hover, or in the legend; escaped
    std::string style_class;
    double share = 0;  // of the bar's width; what is negative or not known takes none
};

/// A bar as wide as its column.
std::string bar(const std::vector<Part>& parts);
/// A small square in that colour.
std::string chip(const std::string& style_class);
/// Chips with their titles, in a line.
std::string legend(const std::vector<Part>& parts);

struct ScatterPoint {
    double x = 0;
    double x_low = 0;
    double x_high = 0;
    double y = 0;
    double y_error = 0;   // NaN: not known
    bool marked = false;  // filled, and joined to the others that are, from left to right
    std::string title;    // escaped
};
struct Scatter {
    std::string x_title;  // escaped
    std::string y_title;
    std::vector<ScatterPoint> points;
};
/// Points with their error bars, as inline SVG. Empty without points.
std::string svg(const Scatter& scatter);

/// The whole document. `body` is HTML, `title` text.
std::string page(std::string_view title, const std::string& body);

}  // namespace perfmamba::report::html
