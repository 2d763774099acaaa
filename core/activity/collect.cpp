#include "core/activity/collect.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "core/profile/elapsed.h"
#include "core/profile/system_info.h"
#include "kernels/error.h"

namespace perfmamba::activity {
namespace {

using profile::secondsSince;
using Clock = std::chrono::steady_clock;
using engine::Engine;

// Passes with and without observation: enough for an interval of their ratio.
constexpr std::size_t kCostPairs = 8;
constexpr double kSnapshotPeriod_s = 0.25;
// A snapshot may cost this share of the time at most.
constexpr double kSnapshotShare = 0.1;

void check(const evaluate::TokenSet& tokens, const Options& options) {
    if (tokens.sequences.empty() || tokens.length < 1) throw Error("tokens", "there are none to run");
    if (tokens.last_word) throw Error("tokens", "are passages filled up to one length", "give a text to run");
    if (options.batch < 1) throw Error("batch", fmt::format("{} is below 1", options.batch));
    if (options.bins < 1 || options.bins > kMostBins) {
        throw Error("bins", fmt::format("{} is not in 1 to {}", options.bins, kMostBins));
    }
    if (options.piece < 1) throw Error("piece", fmt::format("{} is below 1", options.piece));
}

/// The observer is the engine's only while this lives.
class Observing {
public:
    Observing(Engine& engine, engine::StateObserver& observer) : m_engine(engine) { engine.observe(&observer); }
    Observing(const Observing&) = delete;
    Observing& operator=(const Observing&) = delete;
    ~Observing() { m_engine.observe(nullptr); }

private:
    Engine& m_engine;
};

/// One collection: all batches in turn.
class Run {
public:
    Run(Engine& engine, const evaluate::TokenSet& tokens, const Options& options, const profile::Provenance& provenance,
        const Observer& observer, const std::stop_token& stop)
        : m_engine(engine),
          m_tokens(tokens),
          m_options(options),
          m_observer(observer),
          m_stop(stop),
          // No more bins than there are tokens, and none that stays empty.
          m_bin_tokens((tokens.length + options.bins - 1) / options.bins),
          m_bins((tokens.length + m_bin_tokens - 1) / m_bin_tokens),
          m_states(engine.config(), engine.backend(), m_bins, m_bin_tokens) {
        m_header.model = profile::summaryOf(engine);
        m_header.provenance = provenance;
        m_header.provenance.created = profile::now();
        m_header.provenance.threads = engine.backend().device().threads;
        m_header.provenance.clock_begin_mhz = profile::clockMhz();
        m_header.tokens = tokens.description;
        m_header.tokens_hash = tokens.hash;
        m_header.tokens_made = tokens.made;
        m_header.length = tokens.length;
        m_header.bins = m_bins;
        m_header.bin_tokens = m_bin_tokens;
    }

    ActivityPtr collectAll() {
        const auto sequences = std::ssize(m_tokens.sequences);
        try {
            for (m_done = 0; m_done < sequences; m_done += m_options.batch) {
                if (m_stop.stop_requested()) throw Cancelled();
                runBatch(std::min(m_options.batch, sequences - m_done));
            }
            m_header.complete = true;
        } catch (const Cancelled&) {
            // What was seen until then stands.
        }
        m_header.provenance.clock_end_mhz = profile::clockMhz();
        ActivityPtr result = snapshot();
        if (m_observer) m_observer(result, progress());
        return result;
    }

private:
    /// Every sequence of the batch, and, to know the cost, the first batches a second time without observation. Which
    /// comes first alternates, so that warm caches favour neither.
    void runBatch(std::int64_t batch) {
        const bool compare = m_options.measure_cost && m_without_s.size() < kCostPairs;
        const bool observed_first = m_without_s.size() % 2 == 1;
        if (compare && m_without_s.empty()) pass(batch, false);  // weights that no pass has touched yet are slow
        if (compare && !observed_first) m_without_s.push_back(pass(batch, false));
        const double with_s = pass(batch, true);
        if (!compare) return;
        m_with_s.push_back(with_s);
        if (observed_first) m_without_s.push_back(pass(batch, false));
    }

    /// Seconds of the forward passes.
    double pass(std::int64_t batch, bool observed) {
        engine::State state = m_engine.newState(batch);
        double seconds = 0;
        std::vector<std::int32_t> piece;
        for (std::int64_t begin = 0; begin < m_tokens.length; begin += m_options.piece) {
            const std::int64_t count = std::min(m_options.piece, m_tokens.length - begin);
            piece.clear();
            for (std::int64_t b = 0; b < batch; ++b) {
                const auto from = m_tokens.sequences[static_cast<std::size_t>(m_done + b)].begin() + begin;
                piece.insert(piece.end(), from, from + count);
            }
            const Clock::time_point start = Clock::now();
            forward(piece, state, observed);
            seconds += secondsSince(start);
            if (!observed) continue;
            const double part = static_cast<double>(begin + count) / static_cast<double>(m_tokens.length);
            m_header.sequences = m_done + batch;
            m_header.tokens_seen += batch * count;
            m_reached = static_cast<double>(m_done) + part * static_cast<double>(batch);
            report();
        }
        return seconds;
    }

    void forward(const std::vector<std::int32_t>& piece, engine::State& state, bool observed) {
        if (observed) {
            const Observing observing(m_engine, m_states);
            m_engine.forward(piece, state, engine::LogitsFor::None, m_stop);
        } else {
            m_engine.forward(piece, state, engine::LogitsFor::None, m_stop);
        }
    }

    void report() {
        if (!m_observer) return;
        if (secondsSince(m_last_report) < std::max(kSnapshotPeriod_s, m_report_s / kSnapshotShare)) return;
        const Clock::time_point begin = Clock::now();
        m_observer(snapshot(), progress());
        m_last_report = Clock::now();
        m_report_s = secondsSince(begin);
    }

    [[nodiscard]] ActivityPtr snapshot() {
        auto result = std::make_shared<Activity>(m_header);
        result->cost = profile::ratioOf(m_with_s, m_without_s);
        for (std::int64_t layer = 0; layer < m_engine.config().n_layer; ++layer) {
            result->layers.push_back(layerOf(m_states, m_engine.config(), layer));
        }
        return result;
    }

    [[nodiscard]] profile::Progress progress() const {
        const auto all = static_cast<double>(m_tokens.sequences.size());
        profile::Progress progress;
        progress.done = m_reached / all;
        if (m_reached > 0) progress.seconds_left = secondsSince(m_start) * (all - m_reached) / m_reached;
        progress.what = fmt::format("activity: {:.0f} of {:.0f} sequences", m_reached, all);
        return progress;
    }

    Engine& m_engine;
    const evaluate::TokenSet& m_tokens;
    const Options& m_options;
    const Observer& m_observer;
    const std::stop_token& m_stop;
    std::int64_t m_bin_tokens;
    std::int64_t m_bins;
    engine::StateObserver m_states;
    Activity m_header;        // all but the layers
    std::int64_t m_done = 0;  // sequences
    double m_reached = 0;     // the same, with parts of them
    std::vector<double> m_with_s;
    std::vector<double> m_without_s;
    Clock::time_point m_start = Clock::now();
    Clock::time_point m_last_report = m_start;
    double m_report_s = 0;  // what the last snapshot cost
};

/// (statistic, row, state): sums over `count`, or what they are with count 1. NaN beyond the row's states.
std::vector<float> byRow(const LayerActivity& layer, const std::vector<double>& values, std::int64_t count) {
    std::vector<float> result(values.size(), std::numeric_limits<float>::quiet_NaN());
    if (count == 0) return result;
    const auto columns = static_cast<std::size_t>(layer.row_states);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto row = static_cast<std::int64_t>(i / columns) % layer.rows;
        const auto states = layer.group_states[static_cast<std::size_t>(layer.groupOfRow(row))];
        if (static_cast<std::int64_t>(i % columns) >= states) continue;
        result[i] = static_cast<float>(values[i] / static_cast<double>(count));
    }
    return result;
}

}  // namespace

ActivityPtr collect(Engine& engine, const evaluate::TokenSet& tokens, const Options& options,
                    const profile::Provenance& provenance, const Observer& observer, const std::stop_token& stop) {
    check(tokens, options);
    return Run(engine, tokens, options, provenance, observer, stop).collectAll();
}

LayerActivity layerOf(engine::StateObserver& observer, const model::Config& config, std::int64_t layer) {
    const engine::LayerSums sums = observer.read(layer);
    LayerActivity result;
    result.rows = sums.rows;
    result.row_states = sums.row_states;
    for (std::int64_t group = 0; group < config.groups(); ++group) {
        result.group_states.push_back(config.states(layer, group));
    }
    result.mean = byRow(result, sums.sum, observer.tokens(layer));
    result.most = byRow(result, sums.most, observer.tokens(layer) > 0 ? 1 : 0);

    const auto states = static_cast<std::size_t>(sums.states);
    const std::size_t plane = states * static_cast<std::size_t>(observer.bins());
    result.binned.resize(kStatisticCount * plane, std::numeric_limits<float>::quiet_NaN());
    const double rows = static_cast<double>(sums.rows / config.groups());
    for (std::size_t i = 0; i < result.binned.size(); ++i) {
        const std::int64_t seen = observer.binCounts(layer)[i % plane / states];
        if (seen > 0) result.binned[i] = static_cast<float>(sums.binned[i] / (rows * static_cast<double>(seen)));
    }
    const auto votes = sums.binned.begin() + static_cast<std::ptrdiff_t>(kStatisticCount * plane);
    result.votes.assign(votes, votes + static_cast<std::ptrdiff_t>(plane));
    return result;
}

}  // namespace perfmamba::activity
