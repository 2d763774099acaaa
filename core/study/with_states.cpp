#include "core/study/with_states.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/prune/apply.h"

namespace perfmamba::study {
namespace {

using model::Checkpoint;
using model::Config;

// Around what trained weights have: nothing overflows, and nothing is so small that arithmetic grows slow.
constexpr float kLargestWeight = 0.05F;
// Repeated over and over: a large model's gigabytes need no random number each.
constexpr std::size_t kRandomWeights = 65'521;  // prime, so that rows differ

/// The least and the largest N of a group.
std::pair<std::int64_t, std::int64_t> rangeOfStates(const Config& config) {
    std::int64_t least = config.states(0, 0);
    std::int64_t most = least;
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
        for (std::int64_t group = 0; group < config.groups(); ++group) {
            least = std::min(least, config.states(layer, group));
            most = std::max(most, config.states(layer, group));
        }
    }
    return {least, most};
}

/// Random weights of a type, to be copied from.
std::vector<std::byte> randomWeights(DType dtype) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> uniform(-kLargestWeight, kLargestWeight);
    std::vector<float> values(kRandomWeights);
    for (float& value : values) value = uniform(random);
    std::vector<std::byte> stored(values.size() * sizeOf(dtype));
    convertFromFloat(dtype, values.data(), values.size(), stored.data());
    return stored;
}

/// The same tensor in another shape.
HostTensor randomTensor(const HostTensor& like, std::vector<std::int64_t> shape, const std::vector<std::byte>& random) {
    HostTensor tensor{like.name, like.dtype, std::move(shape), nullptr, nullptr};
    auto bytes = std::make_shared<std::vector<std::byte>>(tensor.bytes());
    for (std::size_t at = 0; at < bytes->size(); at += random.size()) {
        std::memcpy(bytes->data() + at, random.data(), std::min(random.size(), bytes->size() - at));
    }
    tensor.data = bytes->data();
    tensor.owner = std::move(bytes);
    return tensor;
}

/// The tensors of a layer that depend on N, by the end of their names, and the extent that they have along the first
/// axis; of A_log along the last.
std::vector<std::pair<std::string, std::int64_t>> extentsOf(const Config& config, std::int64_t layer) {
    if (config.architecture == model::Architecture::Mamba1) {
        return {{"x_proj.weight", config.dt_rank + 2 * config.states(layer)}, {"A_log", config.states(layer)}};
    }
    return {{"in_proj.weight", config.inProjRows(layer)},
            {"in_proj.bias", config.inProjRows(layer)},
            {"conv1d.weight", config.convWidth(layer)},
            {"conv1d.bias", config.convWidth(layer)}};
}

std::shared_ptr<const Checkpoint> grown(const std::shared_ptr<const Checkpoint>& checkpoint, Config config) {
    std::map<DType, std::vector<std::byte>> random;
    std::map<std::string, HostTensor> replaced;
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
        for (const auto& [part, extent] : extentsOf(config, layer)) {
            const std::string key = fmt::format("backbone.layers.{}.mixer.{}", layer, part);
            if (!checkpoint->has(key)) continue;  // a bias that the model lacks
            const HostTensor& tensor = checkpoint->tensor(key);
            std::vector<std::int64_t> shape = tensor.shape;
            (part == "A_log" ? shape.back() : shape.front()) = extent;
            std::vector<std::byte>& weights = random[tensor.dtype];
            if (weights.empty()) weights = randomWeights(tensor.dtype);
            replaced[key] = randomTensor(tensor, std::move(shape), weights);
        }
    }
    return Checkpoint::derive(checkpoint, std::move(config), std::move(replaced));
}

}  // namespace

prune::Plan keepFirst(const Checkpoint& checkpoint, const std::function<std::int64_t(std::int64_t)>& kept) {
    prune::Plan plan = prune::fullPlan(checkpoint.config(), checkpoint.name(), checkpoint.hash());
    for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
        auto group = plan.layers[layer].begin();
        for (const std::int64_t states : plan.group_states[layer]) {
            const std::int64_t stay = std::min(std::max<std::int64_t>(kept(states), 1), states);
            std::fill(group + stay, group + states, std::uint8_t{0});
            group += states;
        }
    }
    return plan;
}

std::shared_ptr<const Checkpoint> withStates(const std::shared_ptr<const Checkpoint>& checkpoint, std::int64_t states) {
    const auto [least, most] = rangeOfStates(checkpoint->config());
    if (states == 0 || (least == states && most == states)) return checkpoint;
    if (least >= states) {
        const prune::Plan plan = keepFirst(*checkpoint, [&](std::int64_t) { return states; });
        return prune::apply(checkpoint, plan, prune::Form::Ragged);
    }
    Config config = checkpoint->config();
    config.state_sizes.clear();
    config.d_state = states;
    if (config.isFalcon()) config.norm_states = states;
    return grown(checkpoint, std::move(config));
}

}  // namespace perfmamba::study
