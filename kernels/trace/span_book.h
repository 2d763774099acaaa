// Which spans are open, and what launches inside them are charged to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "kernels/trace/records.h"

namespace perfmamba::kernels::trace {

/// Numbers the spans of a pass, and keeps those of captured graphs: a graph is captured once and launched many times,
/// and its nodes carry the spans that were open when they were captured. One thread.
class SpanBook {
public:
    /// A span, and the one around it that is a whole component (itself, where it is none's stage).
    struct Entry {
        Component component = Component::Other;
        Stage stage = Stage::Whole;
        std::int32_t layer = kNoLayer;
        SpanId whole = 0;
    };

    /// Forgets the spans of the pass before. Returns the number of the pass itself: launches outside any span carry it.
    SpanId beginPass();
    /// Returns the span's number.
    SpanId open(Component component, Stage stage, std::int32_t layer);
    /// Returns the number of the span that is open now; 0 outside a pass and a capture.
    SpanId close();
    [[nodiscard]] SpanId current() const { return m_open.empty() ? m_pass : m_open.back(); }

    /// Spans opened until endCapture() are kept, and so are the nodes noted.
    void beginCapture() { m_capturing = true; }
    void endCapture() { m_capturing = false; }
    [[nodiscard]] bool capturing() const { return m_capturing; }
    /// A node made while capturing: it belongs to the span that is open.
    void noteNode(std::uint64_t node);
    /// Instantiating a graph makes a copy of every node.
    void noteClone(std::uint64_t original, std::uint64_t clone);
    /// Forgets all graphs.
    void forgetGraphs();

    /// The span of this pass, or of a graph, of that number; null where it is neither.
    [[nodiscard]] const Entry* find(SpanId span) const;
    /// Whether the number is the pass's own or one of its spans.
    [[nodiscard]] bool ofThisPass(SpanId span) const { return m_pass != 0 && span >= m_pass && span < m_next; }
    [[nodiscard]] SpanId spanOfNode(std::uint64_t node) const;

private:
    SpanId m_next = 1;
    SpanId m_pass = 0;
    std::vector<Entry> m_entries;  // of the pass: m_pass + 1 …
    std::vector<SpanId> m_open;
    bool m_capturing = false;
    std::unordered_map<SpanId, Entry> m_graph_spans;
    std::unordered_map<std::uint64_t, SpanId> m_nodes;
};

}  // namespace perfmamba::kernels::trace
