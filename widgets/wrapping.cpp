#include "widgets/wrapping.h"

#include <algorithm>
#include <numeric>

namespace perfmamba::widgets {

int columnsThatFit(const std::vector<int>& widths, int room) {
    for (std::size_t columns = widths.size(); columns > 1; --columns) {
        std::vector<int> widest(columns, 0);
        for (std::size_t i = 0; i < widths.size(); ++i) {
            widest[i % columns] = std::max(widest[i % columns], widths[i]);
        }
        if (std::accumulate(widest.begin(), widest.end(), 0) <= room) return static_cast<int>(columns);
    }
    return 1;
}

}  // namespace perfmamba::widgets
