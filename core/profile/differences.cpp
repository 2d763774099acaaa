// In which ways two runs were not the same, besides what they measured.
#include <fmt/format.h>

#include <cmath>

#include "core/profile/compare.h"

namespace perfmamba::profile {
namespace {

// Clocks wander; below this they are not worth a line.
constexpr double kClockTolerance = 0.02;

/// Collects what differs. What is not known of one of the two is no difference.
class Differences {
public:
    void add(const char* what, const std::string& before, const std::string& after) {
        if (before != after && !before.empty() && !after.empty()) m_found.push_back({what, before, after});
    }
    void add(const char* what, std::int64_t before, std::int64_t after) {
        if (before != after) m_found.push_back({what, numberText(before), numberText(after)});
    }
    [[nodiscard]] std::vector<Difference> take() { return std::move(m_found); }

private:
    /// 0: the architecture has none, or it is not known.
    static std::string numberText(std::int64_t number) { return number == 0 ? "n/a" : fmt::format("{}", number); }

    std::vector<Difference> m_found;
};

/// Two models of one name are told apart by their hash.
std::string modelText(const ModelSummary& model, const ModelSummary& other) {
    if (model.name != other.name || model.hash == other.hash) return model.name;
    return fmt::format("{} ({})", model.name, model.hash);
}

void addShapes(Differences& to, const model::Config& before, const model::Config& after) {
    to.add("architecture", std::string(name(before.architecture)), std::string(name(after.architecture)));
    to.add("layers", before.n_layer, after.n_layer);
    to.add("d_model", before.d_model, after.d_model);
    to.add("d_inner", before.d_inner, after.d_inner);
    to.add("d_state", stateSizeText(before), stateSizeText(after));
    to.add("d_conv", before.d_conv, after.d_conv);
    to.add("dt_rank", before.dt_rank, after.dt_rank);
    to.add("heads", before.n_heads, after.n_heads);
    to.add("head_dim", before.head_dim, after.head_dim);
    to.add("groups", before.n_groups, after.n_groups);
    to.add("chunk", before.chunk_size, after.chunk_size);
    to.add("vocabulary", before.vocab_padded, after.vocab_padded);
}

/// Empty where it is not known, or there is none.
std::string chunkText(const ModelSummary& model) {
    return model.compute_chunk == 0 ? "" : fmt::format("{}", model.compute_chunk);
}

std::string stopRuleText(const Options& options) {
    if (options.repeat > 0) return fmt::format("{} passes", options.repeat);
    return fmt::format("±{:g} %, at most {:g} s", options.bound * 100, options.budget_s);
}

std::string clockText(const Provenance& provenance) {
    return provenance.clock_end_mhz > 0 ? fmt::format("{:.0f} MHz", provenance.clock_end_mhz) : "";
}

bool clocksDiffer(const Provenance& before, const Provenance& after) {
    const double a = before.clock_end_mhz;
    const double b = after.clock_end_mhz;
    return std::abs(a - b) > kClockTolerance * std::max(a, b);
}

void addMeasuring(Differences& to, const Profile& before, const Profile& after) {
    const Provenance& a = before.provenance;
    const Provenance& b = after.provenance;
    to.add("device", a.device, b.device);
    to.add("device's name here", a.device_id, b.device_id);
    to.add("instructions", a.instructions, b.instructions);
    to.add("sensors", a.sensors, b.sensors);
    to.add("precision", before.model.compute_type, after.model.compute_type);
    to.add("run in chunks of", chunkText(before.model), chunkText(after.model));
    to.add("threads", a.threads, b.threads);
    if (clocksDiffer(a, b)) to.add("clock at the end", clockText(a), clockText(b));
    to.add("recording", std::string(name(before.options.trace)), std::string(name(after.options.trace)));
    to.add("recorded by", a.tracer, b.tracer);
    to.add("measured", stopRuleText(before.options), stopRuleText(after.options));
    to.add("token ids' seed", fmt::format("{}", before.options.seed), fmt::format("{}", after.options.seed));
    to.add("host", a.host, b.host);
    to.add("operating system", a.operating_system, b.operating_system);
    to.add("program", a.creator, b.creator);
}

}  // namespace

std::vector<Difference> differencesOf(const Profile& before, const Profile& after) {
    Differences differences;
    const ModelSummary& a = before.model;
    const ModelSummary& b = after.model;
    differences.add("model", modelText(a, b), modelText(b, a));
    addShapes(differences, a.config, b.config);
    differences.add("parameters", a.parameters, b.parameters);
    differences.add("weights stored as", a.stored_type, b.stored_type);
    addMeasuring(differences, before, after);
    return differences.take();
}

}  // namespace perfmamba::profile
