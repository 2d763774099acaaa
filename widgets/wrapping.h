// How things of several widths stand in rows and columns.
#pragma once

#include <vector>

namespace perfmamba::widgets {

/// The most columns in which things of these widths, filled row by row, stand within `room`: each column is as wide as
/// its widest. At least 1.
int columnsThatFit(const std::vector<int>& widths, int room);

}  // namespace perfmamba::widgets
