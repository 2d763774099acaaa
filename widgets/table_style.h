// How every table of numbers looks and is moved about in.
#pragma once

class QTableView;

namespace perfmamba::widgets {

/// Of the square in a component's colour, in pixels.
constexpr int kChipSide = 12;
/// Small type, whole rows selected, no grid, compact rows. The model, sorting and column widths are the caller's.
void styleTable(QTableView& view);

}  // namespace perfmamba::widgets
