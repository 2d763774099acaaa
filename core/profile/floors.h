// The floors of a profile: what is left to win beside each time.
#pragma once

#include "core/profile/profile.h"

namespace perfmamba::profile {

/// Fills in floor_us and bound of every component: of each layer, and as the sum over the layers.
void setFloors(Point& point, const Ceilings& ceilings);

/// The same profile with these ceilings and the floors that follow from them.
Profile withCeilings(const Profile& profile, const Ceilings& ceilings);

/// Those of its components, one after the other, µs; NaN where one is not known.
double floorOfPass(const Point& point);

/// Floor over time: 1 where nothing is left to win. NaN where either is not known.
double ofFloor(const ComponentCost& cost);

/// Whether a floor by memory is none for this component, because caches serve it: all that the pass has in use fits
/// into the device's last cache, or it was faster than memory, with data of no more than about the cache's size. Faster
/// with more: the ceiling was measured too low.
bool inCache(const Profile& profile, const Point& point, const ComponentCost& cost);

}  // namespace perfmamba::profile
