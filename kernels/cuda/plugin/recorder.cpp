#include "kernels/cuda/plugin/recorder.h"

#include <map>
#include <tuple>
#include <utility>

namespace perfmamba::kernels::cuda {

EventPool::~EventPool() {
    for (Runtime::Event event : m_events) m_runtime.destroy(event);
}

Runtime::Event EventPool::take() {
    if (m_used == m_events.size()) m_events.push_back(m_runtime.makeEvent());
    return m_events[m_used++];
}

void Recorder::clear() {
    m_marks.spans.clear();
    m_marks.memory.clear();
    m_open.clear();
    m_owners.clear();
    m_last = -1;
    m_last_ended = false;
}

void Recorder::open(Component component, Stage stage, std::int32_t layer, Runtime::Event begin) {
    m_last = static_cast<std::ptrdiff_t>(m_marks.spans.size());
    m_last_ended = false;
    m_open.push_back(m_marks.spans.size());
    m_marks.spans.push_back({component, stage, layer, begin, nullptr});
}

bool Recorder::close(Runtime::Event end) {
    if (m_open.empty()) return false;
    m_last = static_cast<std::ptrdiff_t>(m_open.back());
    m_last_ended = true;
    m_marks.spans[m_open.back()].end = end;
    m_open.pop_back();
    return true;
}

void Recorder::memory(const void* block, MemoryKind kind, std::int64_t delta_bytes) {
    if (delta_bytes == 0) return;
    MemoryEvent event;
    if (delta_bytes > 0) {
        if (!m_open.empty()) {
            event.component = m_marks.spans[m_open.back()].component;
            event.layer = m_marks.spans[m_open.back()].layer;
        }
        m_owners[block] = event;
    } else if (const auto found = m_owners.find(block); found != m_owners.end()) {
        event = found->second;
        m_owners.erase(found);
    }
    event.kind = kind;
    event.delta_bytes = delta_bytes;
    m_marks.memory.push_back({event, m_last, m_last_ended});
}

void Recorder::append(const Marks& marks) {
    const auto before = static_cast<std::ptrdiff_t>(m_marks.spans.size());
    m_marks.spans.insert(m_marks.spans.end(), marks.spans.begin(), marks.spans.end());
    for (MemoryMark mark : marks.memory) {
        if (mark.span >= 0) mark.span += before;
        m_marks.memory.push_back(mark);
    }
}

Marks Recorder::take() {
    Marks marks = std::move(m_marks);
    clear();
    return marks;
}

void fillSpans(const Marks& marks, const std::function<double(Runtime::Event)>& time_us, PassRecord& record) {
    for (const SpanMark& mark : marks.spans) {
        if (!mark.begin || !mark.end) continue;
        record.spans.push_back({mark.component, mark.stage, mark.layer, time_us(mark.begin), time_us(mark.end)});
    }
}

void fillMemory(const Marks& marks, PassRecord& record) {
    using Key = std::tuple<Component, Stage, std::int32_t>;
    std::map<Key, const Span*> spans;
    for (const Span& span : record.spans) spans.emplace(Key(span.component, span.stage, span.layer), &span);
    double time = 0;
    for (const MemoryMark& mark : marks.memory) {
        if (mark.span >= 0) {
            const SpanMark& at = marks.spans[static_cast<std::size_t>(mark.span)];
            const auto found = spans.find(Key(at.component, at.stage, at.layer));
            if (found != spans.end()) time = mark.ended ? found->second->end_us : found->second->begin_us;
        }
        record.memory.push_back(mark.event);
        record.memory.back().time_us = time;
    }
}

}  // namespace perfmamba::kernels::cuda
