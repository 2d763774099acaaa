#include "kernels/trace/span_book.h"

#include <utility>

namespace perfmamba::kernels::trace {

SpanId SpanBook::beginPass() {
    m_entries.clear();
    m_open.clear();
    m_pass = m_next++;
    return m_pass;
}

SpanId SpanBook::open(Component component, Stage stage, std::int32_t layer) {
    const SpanId id = m_next++;
    const Entry* around = m_open.empty() ? nullptr : find(m_open.back());
    const bool inside = stage != Stage::Whole && around != nullptr;
    const Entry entry{component, stage, layer, inside ? around->whole : id};
    if (m_capturing) m_graph_spans[id] = entry;
    if (m_pass != 0) m_entries.push_back(entry);
    m_open.push_back(id);
    return id;
}

SpanId SpanBook::close() {
    if (!m_open.empty()) m_open.pop_back();
    return current();
}

void SpanBook::noteNode(std::uint64_t node) {
    if (!m_capturing) return;
    // Whatever was opened before the capture is needed by its nodes, too.
    const SpanId span = current();
    if (const Entry* entry = find(span)) {
        const Entry copy = *entry;
        m_graph_spans[span] = copy;
        if (const Entry* whole = find(copy.whole)) m_graph_spans[copy.whole] = Entry(*whole);
    }
    m_nodes[node] = span;
}

void SpanBook::noteClone(std::uint64_t original, std::uint64_t clone) {
    if (const auto found = m_nodes.find(original); found != m_nodes.end()) {
        const SpanId span = found->second;
        m_nodes[clone] = span;
    }
}

void SpanBook::forgetGraphs() {
    m_graph_spans.clear();
    m_nodes.clear();
}

const SpanBook::Entry* SpanBook::find(SpanId span) const {
    if (ofThisPass(span) && span > m_pass) {
        const auto index = static_cast<std::size_t>(span - m_pass - 1);
        return index < m_entries.size() ? &m_entries[index] : nullptr;
    }
    const auto found = m_graph_spans.find(span);
    return found == m_graph_spans.end() ? nullptr : &found->second;
}

SpanId SpanBook::spanOfNode(std::uint64_t node) const {
    const auto found = m_nodes.find(node);
    return found == m_nodes.end() ? 0 : found->second;
}

}  // namespace perfmamba::kernels::trace
