#include "core/profile/floors.h"

#include <cmath>

namespace perfmamba::profile {

void setFloors(Point& point, const Ceilings& ceilings) {
    const auto floorOfRow = [&](const ComponentCost& row) {
        return row.component == Component::Other ? Floor{}
                                                 : floorOf(Cost{row.flops, row.bytes, row.exponentials}, ceilings);
    };
    for (ComponentCost& row : point.layers) {
        const Floor floor = floorOfRow(row);
        row.floor_us = floor.time_us;
        row.bound = floor.bound;
    }
    for (ComponentCost& sum : point.components) {
        // Layers run one after the other, and each has its own bound; the sum is called by the one that costs most.
        Floor floor = floorOfRow(sum);
        double total = 0;
        double most = 0;
        bool layered = false;
        for (const ComponentCost& row : point.layers) {
            if (row.component != sum.component || row.layer == kNoLayer) continue;
            layered = true;
            total += row.floor_us;
            if (row.floor_us > most) {
                most = row.floor_us;
                floor.bound = row.bound;
            }
        }
        sum.floor_us = layered ? total : floor.time_us;
        sum.bound = std::isnan(sum.floor_us) ? Bound::None : floor.bound;
    }
}

Profile withCeilings(const Profile& profile, const Ceilings& ceilings) {
    Profile result = profile;
    result.provenance.ceilings = ceilings;
    for (Point& point : result.points) setFloors(point, ceilings);
    return result;
}

double floorOfPass(const Point& point) {
    double sum = 0;
    bool any = false;
    for (const ComponentCost& row : point.components) {
        if (row.component == Component::Other) continue;
        sum += row.floor_us;
        any = true;
    }
    return any ? sum : Ceilings::kUnknown;
}

double ofFloor(const ComponentCost& cost) {
    return cost.time.median > 0 ? cost.floor_us / cost.time.median : Ceilings::kUnknown;
}

bool inCache(const Profile& profile, const Point& point, const ComponentCost& cost) {
    if (cost.bound != Bound::Memory || !profile.provenance.ceilings) return false;
    return ofFloor(cost) > 1 || point.memory.peak.total() <= profile.provenance.ceilings->cache_bytes;
}

}  // namespace perfmamba::profile
