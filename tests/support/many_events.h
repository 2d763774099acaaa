// A pass of very many events: what the timeline is measured and tested with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "tests/unit/fabricated_profile.h"

namespace perfmamba::test {

/// How a pass of many events comes about: few layers with many kernels each, one after the other; or, harder to draw,
/// layer after layer over and over again, so that every row has something everywhere.
enum class ManyEvents { InOrder, Repeated };

/// The fabricated profile with one length, whose last pass has about `events` spans and kernels: of every four one is a
/// component's, three are its kernels.
inline std::shared_ptr<profile::Profile> manyEvents(std::size_t events, ManyEvents kind = ManyEvents::Repeated,
                                                    std::int32_t layers = 64) {
    auto profile = fabricatedProfile();
    profile->points.erase(profile->points.begin(), profile->points.end() - 1);
    profile->options.lengths = {profile->points.front().length};
    profile->model.config.n_layer = layers;
    profile::Point& point = profile->points.front();
    point.last_pass.clear();
    point.last_kernels.clear();
    constexpr std::size_t kKernels = 3;
    const auto& parts = fabricatedLayerParts();
    const std::size_t spans = events / (1 + kKernels);
    const std::size_t in_layer = kind == ManyEvents::InOrder ? std::max<std::size_t>(spans / layers, 1) : parts.size();
    point.last_pass.reserve(spans);
    point.last_kernels.reserve(spans * kKernels);
    double at = 0.8;
    for (std::size_t i = 0; i < spans; ++i) {
        const FabricatedPart& part = parts[i % parts.size()];
        const auto layer = static_cast<std::int32_t>(i / in_layer % static_cast<std::size_t>(layers));
        const double us = part.us_fixed * (0.5 + static_cast<double>(i * 7919 % 1000) / 1000);
        point.last_pass.push_back({part.component, Stage::Whole, layer, at, at + us});
        for (std::size_t k = 0; k < kKernels; ++k) {
            KernelRun run;
            run.name = "void perfmamba::" + std::string(name(part.component)) + "_kernel<float>(float*)";
            run.component = part.component;
            run.layer = layer;
            run.begin_us = at + us * static_cast<double>(k) / kKernels;
            run.end_us = run.begin_us + us / kKernels * 0.9;
            run.grid = {1024, 4, 1};
            run.block = {128, 2, 1};
            point.last_kernels.push_back(std::move(run));
        }
        at += us + 0.2;
    }
    point.last_pass_us = at + 1.5;
    return profile;
}

}  // namespace perfmamba::test
