#include "core/report/table.h"

#include <algorithm>

#include "core/report/utf8.h"

namespace perfmamba::report {

std::string alignedTable(const std::vector<TableRow>& rows, const std::vector<std::size_t>& ruled_before,
                         std::size_t left) {
    std::vector<std::size_t> width(rows.front().size(), 0);
    for (const TableRow& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], columns(row[i]));
    }
    std::size_t line = 2 * (width.size() - 1);
    for (const std::size_t w : width) line += w;

    std::string text;
    for (std::size_t r = 0; r < rows.size(); ++r) {
        if (std::ranges::find(ruled_before, r) != ruled_before.end()) {
            for (std::size_t i = 0; i < line; ++i) text += "─";
            text += '\n';
        }
        std::string out;
        for (std::size_t i = 0; i < rows[r].size(); ++i) {
            const std::string padding(width[i] - columns(rows[r][i]), ' ');
            out += i == 0 ? "" : "  ";
            out += i < left ? rows[r][i] + padding : padding + rows[r][i];
        }
        text += out.substr(0, out.find_last_not_of(' ') + 1) + '\n';
    }
    return text;
}

}  // namespace perfmamba::report
