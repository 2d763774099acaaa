#include "kernels/trace/records.h"

#include <iterator>
#include <utility>

namespace perfmamba::kernels::trace {
namespace {

template <class T>
void move(std::vector<T>& from, std::vector<T>& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    from.clear();
}

}  // namespace

void Records::append(Records&& more) {
    move(more.runs, runs);
    move(more.launches, launches);
    move(more.overheads, overheads);
    move(more.allocations, allocations);
    dropped += std::exchange(more.dropped, 0);
    unknown += std::exchange(more.unknown, 0);
}

bool Records::empty() const {
    return runs.empty() && launches.empty() && overheads.empty() && allocations.empty() && dropped == 0 && unknown == 0;
}

}  // namespace perfmamba::kernels::trace
