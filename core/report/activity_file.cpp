// What a model's states did, written and read.
#include <fmt/format.h>

#include "core/report/contents.h"
#include "core/report/files.h"
#include "core/report/report.h"
#include "core/report/table_reader.h"
#include "core/report/table_writer.h"

namespace perfmamba::report {
namespace {

using activity::kStatisticCount;
using activity::LayerActivity;

constexpr About kStatisticAbout{"", "what is counted of each state"};
constexpr About kBinAbout{"1", "bin of bin_tokens tokens along the sequence, the last with all that follow"};
constexpr About kRowAbout{"1", "channel in Mamba-1, head in Mamba-2"};
constexpr About kRowStateAbout{"1", "state of the row's group, from 0"};
constexpr About kStateAbout{"1", "state of the layer, group 0's first"};
constexpr About kGroupStatesAbout{"1", "states N of each group"};
constexpr About kMeanAbout{"1", "mean over sequences and tokens; NaN beyond the group's states"};
constexpr About kMostAbout{"1", "largest over sequences and tokens; NaN beyond the group's states"};
constexpr About kBinnedAbout{"1", "mean over sequences, the group's rows and the bin's tokens; NaN: no tokens"};
constexpr About kVotesAbout{"1", "sum of squared A_log times squared state, over sequences, rows and the bin's tokens"};

// From the root, for every layer to share.
constexpr const char* kStatisticScale = "/activity/statistic";
constexpr const char* kBinScale = "/activity/bin";

template <class Activity, class Visit>
void visitActivity(Activity& activity, Visit&& visit) {
    visit("tokens", activity.tokens);
    visit("tokens_hash", activity.tokens_hash);
    visit("sequences", activity.sequences);
    visit("length", activity.length);
    visit("tokens_seen", activity.tokens_seen);
    visit("bins", activity.bins);
    visit("bin_tokens", activity.bin_tokens);
    visit("cost_median", activity.cost.median);
    visit("cost_ci_low", activity.cost.ci_low);
    visit("cost_ci_high", activity.cost.ci_high);
    visit("cost_pairs", activity.cost.pairs);
}

/// The same, of reports from version 4 on.
template <class Activity, class Visit>
void visitMade(Activity& activity, Visit&& visit) {
    visit("tokens_made", activity.tokens_made);
}

std::vector<std::string> statisticNames() {
    std::vector<std::string> names;
    for (const kernels::Statistic statistic : kernels::kStatistics) names.emplace_back(name(statistic));
    return names;
}

void writeLayer(const hdf5::Group& group, const LayerActivity& layer, hsize_t bins) {
    const auto rows = static_cast<hsize_t>(layer.rows);
    const auto row_states = static_cast<hsize_t>(layer.row_states);
    const auto states = static_cast<hsize_t>(layer.states());
    group.writeScale("row", kRowAbout, rows);
    group.writeScale("row_state", kRowStateAbout, row_states);
    group.writeScale("state", kStateAbout, states);
    group.writeScale("group", layout::kGroupAbout, layer.group_states.size());
    group.write<std::int64_t>("group_states", kGroupStatesAbout, {layer.group_states.size()}, layer.group_states);
    group.attachScale("group_states", 0, "group");

    group.write<float>("mean", kMeanAbout, {kStatisticCount, rows, row_states}, layer.mean);
    group.write<float>("max", kMostAbout, {kStatisticCount, rows, row_states}, layer.most);
    group.write<float>("binned", kBinnedAbout, {kStatisticCount, bins, states}, layer.binned);
    group.write<double>("votes", kVotesAbout, {bins, states}, layer.votes);
    for (const char* dataset : {"mean", "max", "binned"}) group.attachScale(dataset, 0, kStatisticScale);
    for (const char* dataset : {"mean", "max"}) {
        group.attachScale(dataset, 1, "row");
        group.attachScale(dataset, 2, "row_state");
    }
    group.attachScale("binned", 1, kBinScale);
    group.attachScale("binned", 2, "state");
    group.attachScale("votes", 0, kBinScale);
    group.attachScale("votes", 1, "state");
}

template <class T>
std::vector<T> readShaped(const hdf5::Group& group, const char* name, const hdf5::Shape& shape) {
    hdf5::Array<T> array = group.read<T>(name, shape.size());
    require(array.shape == shape, group, name, "does not have the shape that the layer's states ask for");
    return std::move(array.values);
}

LayerActivity readLayer(const hdf5::Group& group, const model::Config& config, hsize_t bins) {
    LayerActivity layer;
    layer.group_states = group.read<std::int64_t>("group_states", 1).values;
    require(std::cmp_equal(layer.group_states.size(), config.groups()), group, "group_states",
            "does not have a number for each group");
    for (const std::int64_t states : layer.group_states) {
        require(states >= 0 && states <= config.d_state, group, "group_states", "is out of range");
        layer.row_states = std::max(layer.row_states, states);
    }
    layer.rows = config.architecture == model::Architecture::Mamba1 ? config.d_inner : config.n_heads;
    require(layer.rows >= 1, group, "", "is of a model without channels");
    const auto rows = static_cast<hsize_t>(layer.rows);
    const auto row_states = static_cast<hsize_t>(layer.row_states);
    const auto states = static_cast<hsize_t>(layer.states());
    layer.mean = readShaped<float>(group, "mean", {kStatisticCount, rows, row_states});
    layer.most = readShaped<float>(group, "max", {kStatisticCount, rows, row_states});
    layer.binned = readShaped<float>(group, "binned", {kStatisticCount, bins, states});
    layer.votes = readShaped<double>(group, "votes", {bins, states});
    return layer;
}

}  // namespace

void writeActivity(const std::filesystem::path& path, const activity::Activity& activity) {
    const std::filesystem::path target = fileToReplace(path);
    const hdf5::File file = hdf5::File::createInMemory(path.string());
    const hdf5::Group root = file.root();
    writeHeader(root, Content::Activity, activity.model, activity.provenance);
    AttributeWriter{root}(kComplete, activity.complete);

    const hdf5::Group group = root.create("activity");
    visitActivity(activity, AttributeWriter{group});
    visitMade(activity, AttributeWriter{group});
    group.writeTexts("statistic", kStatisticAbout, statisticNames());
    group.makeScale("statistic");
    const auto bins = static_cast<hsize_t>(activity.bins);
    group.writeScale("bin", kBinAbout, bins);
    const hdf5::Group layers = group.create("layers");
    for (std::size_t i = 0; i < activity.layers.size(); ++i) {
        writeLayer(layers.create(fmt::format("{:04}", i)), activity.layers[i], bins);
    }
    save(file, target);
}

activity::ActivityPtr readActivity(const hdf5::Group& root) {
    auto activity = std::make_shared<activity::Activity>();
    activity->complete = readHeader(root, activity->model, activity->provenance);
    const hdf5::Group group = root.open("activity");
    visitActivity(*activity, AttributeReader{group});
    if (group.hasAttribute("tokens_made")) visitMade(*activity, AttributeReader{group});
    for (const std::int64_t size :
         {activity->sequences, activity->length, activity->tokens_seen, activity->bins, activity->bin_tokens}) {
        require(size >= 0 && size <= kLargestSize, group, "", "has a size out of range");
    }
    require(activity->bins <= activity::kMostBins, group, "bins", "is out of range");
    require(group.readTexts("statistic") == statisticNames(), group, "statistic", "is not the list that is known");

    const hdf5::Group layers = group.open("layers");
    const std::size_t count = layers.size();
    require(count == 0 || std::cmp_equal(count, activity->model.config.n_layer), layers, "",
            "does not have a member for each layer");
    for (std::size_t i = 0; i < count; ++i) {
        activity->layers.push_back(readLayer(layers.open(fmt::format("{:04}", i)), activity->model.config,
                                             static_cast<hsize_t>(activity->bins)));
    }
    return activity;
}

}  // namespace perfmamba::report
