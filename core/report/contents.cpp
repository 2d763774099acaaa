#include "core/report/contents.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "core/report/files.h"
#include "core/report/report.h"
#include "core/report/seal.h"
#include "core/report/table_reader.h"
#include "core/report/table_writer.h"
#include "kernels/error.h"

namespace perfmamba::report {
namespace {

void writeStateSizes(const hdf5::Group& group, const model::Config& config) {
    if (config.state_sizes.empty()) return;
    const std::size_t groups = config.state_sizes.front().size();
    std::vector<std::int64_t> sizes;
    for (const std::vector<std::int64_t>& layer : config.state_sizes) {
        sizes.insert(sizes.end(), layer.begin(), layer.end());
    }
    group.writeScale("layer", layout::kLayerAbout, config.state_sizes.size());
    group.writeScale("group", layout::kGroupAbout, groups);
    group.write<std::int64_t>("state_sizes", layout::kStateSizesAbout, {config.state_sizes.size(), groups}, sizes);
    group.attachScale("state_sizes", 0, "layer");
    group.attachScale("state_sizes", 1, "group");
}

void readStateSizes(const hdf5::Group& group, model::Config& config) {
    if (!group.has("state_sizes")) return;
    const hdf5::Array<std::int64_t> sizes = group.read<std::int64_t>("state_sizes", 2);
    require(std::cmp_equal(sizes.shape[0], config.n_layer) && std::cmp_equal(sizes.shape[1], config.groups()), group,
            "state_sizes", "does not have a size for each group of each layer");
    const bool valid =
        std::ranges::all_of(sizes.values, [&](auto size) { return size >= 0 && size <= config.d_state; });
    require(valid, group, "state_sizes", "is out of range");
    const auto groups = static_cast<std::ptrdiff_t>(sizes.shape[1]);
    for (auto layer = sizes.values.begin(); layer != sizes.values.end(); layer += groups) {
        config.state_sizes.emplace_back(layer, layer + groups);
    }
}

void checkLimits(const hdf5::Group& group, const model::Config& config) {
    require(config.n_layer >= 0 && config.n_layer <= kMostLayers, group, "n_layer", "is out of range");
    for (const std::int64_t size :
         {config.vocab_size, config.vocab_padded, config.d_model, config.d_inner, config.d_state, config.d_conv,
          config.dt_rank, config.n_heads, config.head_dim, config.n_groups, config.chunk_size}) {
        require(size >= 0 && size <= std::numeric_limits<std::int32_t>::max(), group, "", "has a size out of range");
    }
    if (config.architecture == model::Architecture::Mamba1) return;
    const bool shared =
        config.n_groups >= 1 && config.n_heads >= config.n_groups && config.n_heads % config.n_groups == 0;
    require(shared, group, "n_groups", "does not divide n_heads");
}

}  // namespace

std::string_view name(Content content) {
    switch (content) {
        case Content::Profile: return "profile";
        case Content::Activity: return "activity";
        case Content::Study: return "study";
        case Content::Scaling: return "scaling";
    }
    return {};
}

std::string_view inWords(Content content) {
    switch (content) {
        case Content::Profile: return "a profile";
        case Content::Activity: return "what a model's states did";
        case Content::Study: return "a pruning study";
        case Content::Scaling: return "a scaling study";
    }
    return {};
}

void writeProvenance(const hdf5::Group& group, profile::Provenance provenance) {
    for (double* clock : {&provenance.clock_begin_mhz, &provenance.clock_end_mhz}) {
        if (*clock == 0) *clock = std::numeric_limits<double>::quiet_NaN();  // in a report, not known is NaN
    }
    layout::visitProvenance(provenance, AttributeWriter{group});
    layout::visitTracing(provenance, AttributeWriter{group});
}

void writeCeilings(const hdf5::Group& group, const profile::Provenance& provenance) {
    if (!provenance.ceilings) return;
    layout::visitCeilings(*provenance.ceilings, AttributeWriter{group.create("ceilings")});
}

void writeModel(const hdf5::Group& group, const profile::ModelSummary& model) {
    layout::visitModel(model, AttributeWriter{group});
    layout::visitChunk(model, AttributeWriter{group});
    writeStateSizes(group, model.config);
}

void writeHeader(const hdf5::Group& root, Content content, const profile::ModelSummary& model,
                 const profile::Provenance& provenance) {
    root.setText("format_name", std::string(kFormatName));
    root.setNumber<std::int64_t>("format_version", kFormatVersion);
    root.setText("content", std::string(name(content)));
    layout::visitModelName(model, AttributeWriter{root});
    writeProvenance(root, provenance);
    writeModel(root.create("model"), model);
}

void save(const hdf5::File& file, const std::filesystem::path& target) {
    replaceFile(target, sealed(file.image()));
}

Content readFormat(const hdf5::Group& root, const std::string& shown_name) {
    if (!root.hasAttribute("format_name") || root.text("format_name") != kFormatName) {
        throw Error(shown_name, "is an HDF5 file, but not a report of PerfMamba Explorer");
    }
    const auto version = root.number<std::int64_t>("format_version");
    if (version > kFormatVersion) {
        throw Error(
            shown_name,
            fmt::format("is of format version {}, and this program reads versions up to {}", version, kFormatVersion),
            "use a newer PerfMamba Explorer");
    }
    require(version >= 1, root, "format_version", "is out of range");
    if (version == 1) return Content::Profile;
    const std::string text = root.text("content");
    const auto content = namedSo(text, {Content::Profile, Content::Activity, Content::Study, Content::Scaling});
    if (!content) root.fail("content", "has an unknown value, '" + text + "'");
    return *content;
}

void readProvenance(const hdf5::Group& group, profile::Provenance& provenance) {
    layout::visitProvenance(provenance, AttributeReader{group});
    if (group.hasAttribute("tracer")) layout::visitTracing(provenance, AttributeReader{group});
    for (double* clock : {&provenance.clock_begin_mhz, &provenance.clock_end_mhz}) {
        if (std::isnan(*clock)) *clock = 0;  // in the program, not known is 0
    }
}

void readCeilings(const hdf5::Group& group, profile::Provenance& provenance) {
    if (!group.has("ceilings")) return;
    const hdf5::Group of_device = group.open("ceilings");
    profile::Ceilings& ceilings = provenance.ceilings.emplace();
    layout::visitCeilings(ceilings, AttributeReader{of_device});
    for (const double rate : {ceilings.bytes_per_s, ceilings.flops_per_s, ceilings.exponentials_per_s}) {
        require(std::isfinite(rate) && rate > 0, of_device, "", "has a rate out of range");
    }
}

void readModel(const hdf5::Group& group, profile::ModelSummary& model) {
    layout::visitModel(model, AttributeReader{group});
    if (group.hasAttribute("compute_chunk")) layout::visitChunk(model, AttributeReader{group});
    require(model.compute_chunk >= 0 && model.compute_chunk <= kLargestSize, group, "compute_chunk", "is out of range");
    checkLimits(group, model.config);
    readStateSizes(group, model.config);
}

bool readHeader(const hdf5::Group& root, profile::ModelSummary& model, profile::Provenance& provenance) {
    layout::visitModelName(model, AttributeReader{root});
    readProvenance(root, provenance);
    readModel(root.open("model"), model);
    return root.number<std::int64_t>(kComplete) != 0;
}

}  // namespace perfmamba::report
