// A made-up scaling study of two models, in prefill and decode, at two numbers of states; its last cells have failed
// and wait.
#pragma once

#include <memory>

#include "core/study/scaling.h"
#include "tests/unit/fabricated_profile.h"

namespace perfmamba::test {

inline std::shared_ptr<study::ScalingStudy> fabricatedScaling() {
    const auto profile = fabricatedProfile();
    auto made = std::make_shared<study::ScalingStudy>();
    made->models = {profile->model, profile->model};
    made->models[1].name = "another-model";
    made->models[1].hash = "00000000feedbeef";
    made->provenances = {profile->provenance};
    made->options.lengths = {64, 256, 1024, 4096};
    made->options.states = {0, 8};
    made->identity = "0123456789abcdef";
    for (std::size_t model = 0; model < made->models.size(); ++model) {
        for (const std::int64_t states : made->options.states) {
            for (const profile::Mode mode : made->options.modes) {
                for (const std::int64_t length : made->options.lengths) {
                    study::ScalingCell cell;
                    cell.series = {.model = model, .mode = mode, .states = states};
                    cell.length = length;
                    cell.state = study::CellState::Measured;
                    cell.point = fabricatedPoint(mode == profile::Mode::Decode ? 64 : length,
                                                 static_cast<std::uint32_t>(1 + model + 2 * made->cells.size()));
                    cell.point.length = length;
                    cell.point.layers.clear();
                    cell.point.last_pass.clear();
                    cell.point.last_kernels.clear();
                    cell.point.memory.events.clear();
                    made->cells.push_back(std::move(cell));
                }
            }
        }
    }
    const auto ended = [](study::ScalingCell& cell, study::CellState state, const char* why) {
        cell.state = state;
        cell.failure = why;
        cell.point = {};
    };
    ended(made->cells[made->cells.size() - 2], study::CellState::Failed, "not enough memory: 3 GiB asked for, 1 free");
    ended(made->cells.back(), study::CellState::Waiting, "");
    return made;
}

}  // namespace perfmamba::test
