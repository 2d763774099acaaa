// A text table for a terminal.
#pragma once

#include <string>
#include <vector>

namespace perfmamba::report {

using TableRow = std::vector<std::string>;

/// Columns as wide as their widest cell, the first `left` to the left, the others to the right. A line is ruled before
/// the rows of these indices. Rows may be shorter than the first.
std::string alignedTable(const std::vector<TableRow>& rows, const std::vector<std::size_t>& ruled_before,
                         std::size_t left = 1);

}  // namespace perfmamba::report
