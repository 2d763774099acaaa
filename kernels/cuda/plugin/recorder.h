// What a pass did, noted on the host while the device is still at it; the times come when it has finished.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cuda/plugin/runtime.h"

namespace perfmamba::kernels::cuda {

/// Events of one pass, or of one graph; made once, used again after reset().
class EventPool {
public:
    explicit EventPool(Runtime& runtime) : m_runtime(runtime) {}
    EventPool(const EventPool&) = delete;
    EventPool& operator=(const EventPool&) = delete;
    ~EventPool();

    [[nodiscard]] Runtime::Event take();
    void reset() { m_used = 0; }

private:
    Runtime& m_runtime;
    std::vector<Runtime::Event> m_events;
    std::size_t m_used = 0;
};

struct SpanMark {
    Component component = Component::Other;
    Stage stage = Stage::Whole;
    std::int32_t layer = kNoLayer;
    Runtime::Event begin = nullptr;  // null where a tracer times the pass
    Runtime::Event end = nullptr;
};

/// An allocation or release, and the last span that had begun, or ended, before it; −1: none had.
struct MemoryMark {
    MemoryEvent event;
    std::ptrdiff_t span = -1;
    bool ended = false;
};

struct Marks {
    std::vector<SpanMark> spans;  // in order of their begin
    std::vector<MemoryMark> memory;
};

/// The marks of a pass, or of a capture. One thread.
class Recorder {
public:
    void clear();
    /// The events may be null.
    void open(Component component, Stage stage, std::int32_t layer, Runtime::Event begin);
    /// False where no span is open; else `end` was taken.
    bool close(Runtime::Event end);
    [[nodiscard]] bool isOpen() const { return !m_open.empty(); }
    /// `block` tells a release whose allocation it ends.
    void memory(const void* block, MemoryKind kind, std::int64_t delta_bytes);
    /// What a graph holds, as if it had been noted now.
    void append(const Marks& marks);

    [[nodiscard]] const Marks& marks() const { return m_marks; }
    [[nodiscard]] Marks take();

private:
    Marks m_marks;
    std::vector<std::size_t> m_open;                        // indices of the spans that have not ended
    std::unordered_map<const void*, MemoryEvent> m_owners;  // of the blocks allocated in this pass
    std::ptrdiff_t m_last = -1;
    bool m_last_ended = false;
};

/// Puts the spans into the record, timed by `time_us`, which gives an event's time from the start of the pass.
void fillSpans(const Marks& marks, const std::function<double(Runtime::Event)>& time_us, PassRecord& record);
/// Puts the memory events into the record, each at the time of the span it goes with. Needs the record's spans.
void fillMemory(const Marks& marks, PassRecord& record);

}  // namespace perfmamba::kernels::cuda
