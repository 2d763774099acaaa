#include "core/profile/floors.h"

#include <cmath>

namespace perfmamba::profile {

namespace {

// Data of twice the cache's size are served from it to a good part.
constexpr double kMostCaches = 2;

/// What the component moves between two uses of the same data. In a decode pass these are weights and states, which the
/// pass before read: all layers' lie between. In a prefill pass they are mostly what the component before wrote in this
/// layer.
double bytesBetweenUses(const Profile& profile, const Point& point, const ComponentCost& cost) {
    if (profile.options.mode == Mode::Decode) {
        const ComponentCost* sum = point.find(cost.component);
        return sum ? sum->bytes : cost.bytes;
    }
    return cost.calls > 0 ? cost.bytes / static_cast<double>(cost.calls) : cost.bytes;
}

}  // namespace

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
    const std::int64_t cache_bytes = profile.provenance.ceilings->cache_bytes;
    if (point.memory.peak.total() <= cache_bytes) return true;
    const bool may_fit =
        cache_bytes == 0 || bytesBetweenUses(profile, point, cost) <= kMostCaches * static_cast<double>(cache_bytes);
    return ofFloor(cost) > 1 && may_fit;
}

}  // namespace perfmamba::profile
