#include "core/evaluate/evaluate.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "core/evaluate/scoring.h"
#include "core/profile/elapsed.h"
#include "kernels/error.h"

namespace perfmamba::evaluate {
namespace {

using profile::secondsSince;
using Clock = std::chrono::steady_clock;
using engine::LogitsFor;

constexpr double kObserverPeriod_s = 0.1;

void check(const Subject& subject, const TokenSet& tokens, const Subject* against, const Options& options) {
    if (options.batch < 1) throw Error("batch", fmt::format("{} is below 1", options.batch));
    if (options.piece < 1) throw Error("piece", fmt::format("{} is below 1", options.piece));
    if (tokens.length < 1 || tokens.sequences.empty()) throw Error("tokens", "there are none to evaluate on");
    if (!against) return;
    const std::int64_t one = subject.engine->config().vocab_size;
    const std::int64_t other = against->engine->config().vocab_size;
    if (one != other) {
        throw Error(against->engine->checkpoint().name(),
                    fmt::format("has a vocabulary of {} tokens, and {} one of {}: they cannot be compared", other,
                                subject.engine->checkpoint().name(), one));
    }
}

/// One of the models, on the batch at hand. Leaves its engine without a mask.
class Runner {
public:
    explicit Runner(const Subject& subject) : m_subject(subject) {}
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;
    ~Runner() { m_subject.engine->setMask({}); }

    void begin(std::int64_t batch, std::int64_t piece) {
        m_subject.engine->checkFits(batch, piece);
        m_state = engine::State();  // what the last batch held, before as much again is asked for
        m_state = m_subject.engine->newState(batch);
    }

    /// The engine may be the other model's, too: the mask is set anew for every piece.
    void run(std::span<const std::int32_t> tokens, bool scored, const std::stop_token& stop) {
        m_logits = engine::Logits();
        m_subject.engine->setMask(m_subject.mask ? *m_subject.mask : engine::Mask());
        m_logits = m_subject.engine->forward(tokens, m_state, scored ? LogitsFor::EveryToken : LogitsFor::None, stop);
    }

    /// Fetches the logits of one sequence of the batch.
    void fetch(std::int64_t sequence) {
        const std::int64_t count = m_logits.positions * m_logits.vocab;
        m_row.resize(static_cast<std::size_t>(count));
        m_subject.engine->backend().toHost(m_logits.values.data() + sequence * count, m_row);
    }
    [[nodiscard]] NextToken at(std::int64_t position) const {
        const std::span<const float> all(m_row);
        return NextToken(all.subspan(static_cast<std::size_t>(position * m_logits.vocab),
                                     static_cast<std::size_t>(m_subject.engine->config().vocab_size)));
    }

private:
    Subject m_subject;
    engine::State m_state;
    engine::Logits m_logits;
    std::vector<float> m_row;  // (positions, vocab)
};

class Evaluation {
public:
    Evaluation(const Subject& subject, const TokenSet& tokens, const Subject* against, const Options& options,
               const Observer& observer, const std::stop_token& stop)
        : m_tokens(tokens),
          m_options(options),
          m_observer(observer),
          m_stop(stop),
          m_subject(subject),
          m_tallies(tokens.sequences.size()) {
        if (against) m_against.emplace(*against);
    }

    Accuracy run() {
        order();
        const std::int64_t all = std::ssize(m_tokens.sequences);
        for (std::int64_t first = 0; first < all; first += m_options.batch) {
            const std::int64_t batch = std::min(m_options.batch, all - first);
            const std::int64_t length = lengthOf(first, batch);
            const std::int64_t piece = std::min(m_options.piece, length);
            m_subject.begin(batch, piece);
            if (m_against) m_against->begin(batch, piece);
            for (std::int64_t from = 0; from < length; from += piece) {
                runPiece(first, batch, from, std::min(piece, length - from));
                observe(first, batch,
                        static_cast<double>(std::min(from + piece, length)) / static_cast<double>(length));
            }
        }
        return accuracy();
    }

private:
    /// Passages are filled up behind to one length: those that end early run together, and only as far as they ask.
    void order() {
        m_order.resize(m_tokens.sequences.size());
        std::iota(m_order.begin(), m_order.end(), 0U);
        if (!m_tokens.last_word) return;
        m_asked.resize(m_order.size());
        for (std::size_t s = 0; s < m_order.size(); ++s) {
            const std::vector<std::int32_t>& wanted = m_tokens.targets[s];
            const auto last = std::find_if(wanted.rbegin(), wanted.rend(), [](std::int32_t id) { return id >= 0; });
            m_asked[s] = wanted.rend() - last;
        }
        std::ranges::stable_sort(m_order, {}, [this](std::size_t s) { return m_asked[s]; });
    }
    /// Positions that the `batch` sequences from the `first` on have to run through.
    [[nodiscard]] std::int64_t lengthOf(std::int64_t first, std::int64_t batch) const {
        if (!m_tokens.last_word) return m_tokens.length;
        return std::max<std::int64_t>(1, m_asked[sequenceAt(first + batch - 1)]);
    }
    /// Which sequence runs as the `place`-th.
    [[nodiscard]] std::size_t sequenceAt(std::int64_t place) const { return m_order[static_cast<std::size_t>(place)]; }

    /// The token wanted after `position`; −1 where none is asked for.
    [[nodiscard]] std::int32_t wanted(std::size_t sequence, std::int64_t position) const {
        if (asked()) return m_tokens.targets[sequence][static_cast<std::size_t>(position)];
        return position + 1 < m_tokens.length ? m_tokens.sequences[sequence][static_cast<std::size_t>(position + 1)]
                                              : -1;
    }
    /// Whether not every next token counts.
    [[nodiscard]] bool asked() const { return !m_tokens.targets.empty(); }

    [[nodiscard]] bool asks(std::size_t sequence, std::int64_t position) const {
        return wanted(sequence, position) >= 0 || (m_against && !asked());
    }

    void runPiece(std::int64_t first, std::int64_t batch, std::int64_t from, std::int64_t count) {
        std::vector<std::int32_t> piece;
        bool scored = false;
        for (std::int64_t b = 0; b < batch; ++b) {
            const std::size_t s = sequenceAt(first + b);
            const auto begin = m_tokens.sequences[s].begin() + from;
            piece.insert(piece.end(), begin, begin + count);
            for (std::int64_t t = from; t < from + count; ++t) scored = scored || asks(s, t);
        }
        m_subject.run(piece, scored, m_stop);
        if (m_against) m_against->run(piece, scored, m_stop);
        for (std::int64_t b = 0; scored && b < batch; ++b) {
            if (m_stop.stop_requested()) throw Cancelled();
            m_subject.fetch(b);
            if (m_against) m_against->fetch(b);
            const std::size_t s = sequenceAt(first + b);
            for (std::int64_t t = 0; t < count; ++t) {
                if (asks(s, from + t)) score(s, t, wanted(s, from + t));
            }
        }
    }

    void score(std::size_t sequence, std::int64_t position_in_piece, std::int32_t wanted_token) {
        Tally& tally = m_tallies[sequence];
        const NextToken next = m_subject.at(position_in_piece);
        if (wanted_token >= 0) {
            ++tally.predictions;
            tally.correct += next.likeliest() == wanted_token ? 1 : 0;
            tally.nats += next.nats(wanted_token);
        }
        bool finite = next.finite();
        if (m_against) {
            const NextToken reference = m_against->at(position_in_piece);
            finite = finite && reference.finite();
            ++tally.compared;
            tally.agreed += finite && next.likeliest() == reference.likeliest() ? 1 : 0;
            tally.divergence += reference.divergence(next);
        }
        tally.not_finite += finite ? 0 : 1;
    }

    [[nodiscard]] Accuracy accuracy() const {
        Accuracy result;
        result.tokens = m_tokens.description;
        result.tokens_hash = m_tokens.hash;
        result.made = m_tokens.made;
        result.recall = asked() && !m_tokens.last_word;
        result.last_word = m_tokens.last_word;
        summarise(m_tokens.last_word ? asWords(m_tallies) : m_tallies, m_tokens.bytes_per_token, result);
        return result;
    }

    /// @param part of the batch that ran, 0 … 1
    void observe(std::int64_t first, std::int64_t batch, double part) {
        const auto all = static_cast<double>(m_tokens.sequences.size());
        const double ran = static_cast<double>(first) + static_cast<double>(batch) * part;
        const bool last = ran == all;
        if (!m_observer || (!last && secondsSince(m_observed) < kObserverPeriod_s)) return;
        profile::Progress progress;
        progress.done = ran / all;
        progress.seconds_left = secondsSince(m_start) * (all - ran) / ran;
        progress.what = fmt::format("{} of {} sequences", first + (part < 1 ? 0 : batch), m_tokens.sequences.size());
        m_observer(accuracy(), progress);
        m_observed = Clock::now();
    }

    const TokenSet& m_tokens;
    Options m_options;
    const Observer& m_observer;
    const std::stop_token& m_stop;
    Runner m_subject;
    std::optional<Runner> m_against;
    std::vector<Tally> m_tallies;
    std::vector<std::size_t> m_order;   // of the sequences, as they run
    std::vector<std::int64_t> m_asked;  // of last words: positions up to the last that asks
    Clock::time_point m_start = Clock::now();
    Clock::time_point m_observed = m_start;
};

}  // namespace

Accuracy evaluate(const Subject& subject, const TokenSet& tokens, const Subject* against, const Options& options,
                  const Observer& observer, const std::stop_token& stop) {
    check(subject, tokens, against, options);
    return Evaluation(subject, tokens, against, options, observer, stop).run();
}

}  // namespace perfmamba::evaluate
