// Fabricated records charged to components, stages and layers: launches on a stream, graph nodes, and all that can be
// wrong with records.
#include <QTest>

#include <algorithm>
#include <numeric>

#include "kernels/trace/attribution.h"

using namespace perfmamba;
using namespace perfmamba::kernels;
using namespace perfmamba::kernels::trace;

namespace {

constexpr std::uint64_t kStart = 1'000'000;

/// Times in microseconds after kStart.
RunRecord kernel(const char* name, std::uint64_t begin, std::uint64_t end, std::uint32_t correlation) {
    RunRecord run;
    run.name = name;
    run.begin_ns = kStart + begin * 1000;
    run.end_ns = kStart + end * 1000;
    run.correlation = correlation;
    run.stream = 7;
    run.grid = {4, 2, 1};
    run.block = {128, 1, 1};
    run.registers = 40;
    run.shared_bytes = 1024;
    return run;
}
RunRecord node(const char* name, std::uint64_t begin, std::uint64_t end, std::uint32_t launch, std::uint64_t id) {
    RunRecord run = kernel(name, begin, end, launch);
    run.graph_node = id;
    return run;
}
PassWindow window(std::uint64_t end, std::int64_t expected = 0) {
    return {kStart, kStart + end * 1000, 7, expected};
}
LaunchRecord launch(std::uint32_t correlation, std::uint64_t time, SpanId span) {
    return {correlation, kStart + time * 1000, span};
}
/// Launched when the pass began.
LaunchRecord under(SpanId span, std::uint32_t correlation) {
    return launch(correlation, 0, span);
}
bool near(double a, double b) {
    return std::abs(a - b) < 1e-9;
}
double sum(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

class TestTrace : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void chargesByLaunch() {
        SpanBook book;
        Records records;
        const SpanId pass = book.beginPass();
        const SpanId norm = book.open(Component::Norm, Stage::Whole, 3);
        QCOMPARE(book.close(), pass);
        const SpanId ssm = book.open(Component::Ssm, Stage::Whole, 3);
        const SpanId scan = book.open(Component::Ssm, Stage::ChunkScan, 3);
        QCOMPARE(book.close(), ssm);
        records.runs = {kernel("norm", 2, 5, 1), kernel("gemm", 6, 9, 2), kernel("scan", 9, 12, 3),
                        kernel("copy", 14, 15, 4)};
        records.launches = {under(norm, 1), under(ssm, 2), under(scan, 3), under(pass, 4)};
        const Attribution result = attribute(records, book, window(20, 4));

        QCOMPARE(result.kernels.size(), std::size_t{4});
        QCOMPARE(result.kernels[0].component, Component::Norm);
        QCOMPARE(result.kernels[0].layer, 3);
        QCOMPARE(result.kernels[0].begin_us, 2.0);
        QCOMPARE(result.kernels[0].registers, 40);
        QCOMPARE(result.kernels[0].grid[1], 2);
        QCOMPARE(result.kernels[2].stage, Stage::ChunkScan);
        QCOMPARE(result.kernels[3].component, Component::Other);  // launched between the components
        QCOMPARE(result.counts.uncharged, 1);
        QCOMPARE(result.counts.missing, 0);

        QCOMPARE(result.spans.size(), std::size_t{3});  // norm, ssm, its stage
        QCOMPARE(result.spans[1].component, Component::Ssm);
        QCOMPARE(result.spans[1].begin_us, 6.0);
        QCOMPARE(result.spans[1].end_us, 12.0);
        QCOMPARE(result.spans[2].stage, Stage::ChunkScan);
        QCOMPARE(result.spans[2].begin_us, 9.0);
    }

    // One number a span: a component that runs once more, or launches several kernels.
    void countsRuns() {
        SpanBook book;
        Records records;
        book.beginPass();
        const SpanId first = book.open(Component::Norm, Stage::Whole, 0);
        book.close();
        const SpanId second = book.open(Component::Norm, Stage::Whole, 0);
        book.close();
        records.runs = {kernel("a", 1, 2, 1), kernel("b", 3, 4, 2), kernel("a", 5, 6, 3)};
        records.launches = {under(first, 1), under(first, 2), under(second, 3)};
        const Attribution result = attribute(records, book, window(8));
        QCOMPARE(result.spans.size(), std::size_t{2});
        QCOMPARE(result.spans[0].end_us, 4.0);
        QCOMPARE(result.spans[1].begin_us, 5.0);
    }

    void chargesByGraphNode() {
        SpanBook book;
        book.beginPass();
        book.beginCapture();
        book.open(Component::InProj, Stage::Whole, 0);
        book.noteNode(100);
        book.close();
        book.open(Component::Ssm, Stage::Whole, 0);
        book.open(Component::Ssm, Stage::Cumsum, 0);
        book.noteNode(101);
        book.close();
        book.close();
        book.endCapture();
        book.noteClone(100, 200);
        book.noteClone(101, 201);
        book.noteNode(300);  // not of a capture

        // Two later passes, launched anew in each.
        for (const std::uint64_t offset : {100U, 200U}) {
            const SpanId pass = book.beginPass();
            const auto correlation = static_cast<std::uint32_t>(offset);
            Records records;
            records.runs = {node("gemm", offset, offset + 3, correlation, 200),
                            node("cumsum", offset + 4, offset + 5, correlation, 201),
                            node("gemm", offset + 6, offset + 9, correlation + 1, 200),
                            node("other", offset + 9, offset + 10, correlation + 1, 300)};
            records.launches = {under(pass, correlation), under(pass, correlation + 1)};
            PassWindow pass_window{kStart + offset * 1000, kStart + (offset + 12) * 1000, 7, 4};
            const Attribution result = attribute(records, book, pass_window);
            QCOMPARE(result.kernels[0].component, Component::InProj);
            QCOMPARE(result.kernels[1].stage, Stage::Cumsum);
            QCOMPARE(result.kernels[2].layer, 0);
            QCOMPARE(result.counts.uncharged, 1);
            QCOMPARE(result.spans.size(), std::size_t{4});  // in_proj, ssm, cumsum, and in_proj of the second launch
            QCOMPARE(result.spans[3].component, Component::InProj);
            QCOMPARE(result.spans[3].begin_us, 6.0);
        }
        book.forgetGraphs();
        QCOMPARE(book.spanOfNode(200), SpanId{0});
    }

    void whatIsWrongWithRecords() {
        SpanBook book;
        book.beginPass();
        const SpanId stale = book.open(Component::Gate, Stage::Whole, 0);
        book.beginPass();
        const SpanId conv = book.open(Component::Conv1d, Stage::Whole, 1);
        Records records;
        RunRecord untimed = kernel("untimed", 0, 0, 1);
        untimed.begin_ns = untimed.end_ns = 0;
        RunRecord backwards = kernel("backwards", 9, 8, 1);
        RunRecord elsewhere = kernel("elsewhere", 3, 4, 90);
        elsewhere.stream = 8;
        RunRecord early = kernel("early", 0, 0, 91);
        early.begin_ns = kStart - 9000;
        early.end_ns = kStart - 5000;
        records.runs = {kernel("second", 6, 7, 3),
                        untimed,
                        backwards,
                        elsewhere,
                        early,
                        kernel("stale", 1, 2, 2),
                        kernel("first", 4, 5, 1),
                        kernel("late", 60, 70, 92)};
        records.launches = {under(conv, 1), under(stale, 2), under(conv, 3)};
        records.dropped = 5;
        const Attribution result = attribute(records, book, window(50, 9));
        QCOMPARE(result.kernels.size(), std::size_t{2});
        QCOMPARE(result.kernels[0].name, std::string("first"));  // in order of their begin
        QCOMPARE(result.kernels[1].name, std::string("second"));
        QCOMPARE(result.counts.untimed, 2);
        QCOMPARE(result.counts.foreign, 1);
        QCOMPARE(result.counts.outside, 3);
        QCOMPARE(result.counts.dropped, 5);
        QCOMPARE(result.counts.missing, 5);  // nine were launched, four came
        QCOMPARE(result.counts.uncharged, 0);
        QVERIFY(result.counts.incomplete());
    }

    /// Two kernels were launched and one came, beside a copy: that is none of those who are waited for.
    void aCopyStandsForNoKernel() {
        SpanBook book;
        const SpanId pass = book.beginPass();
        Records records;
        RunRecord copy = kernel("copy", 1, 2, 1);
        copy.kind = RunKind::Copy;
        records.runs = {copy, kernel("first", 4, 5, 2)};
        records.launches = {under(pass, 1), under(pass, 2), under(pass, 3)};
        const Attribution result = attribute(records, book, window(10, 2));
        QCOMPARE(result.counts.missing, 1);
        QVERIFY(result.counts.incomplete());
        QCOMPARE(result.kernels.size(), std::size_t{2});  // and is shown
    }

    // Ran on another stream, but a component launched it: the library's own stream, say.
    void anotherStreamOfOurs() {
        SpanBook book;
        book.beginPass();
        const SpanId span = book.open(Component::LmHead, Stage::Whole, kNoLayer);
        Records records;
        records.runs = {kernel("gemm", 1, 2, 1)};
        records.runs[0].stream = 99;
        records.launches = {under(span, 1)};
        const Attribution result = attribute(records, book, window(5));
        QCOMPARE(result.kernels.at(0).component, Component::LmHead);
        QCOMPARE(result.counts.foreign, 0);
    }

    void gaps() {
        SpanBook book;
        const SpanId pass = book.beginPass();
        Records records;
        // Idle 0–2 before the first; 5–9 of which the host launched at 7; 12–13 launched long before; 15–18 unknown.
        records.runs = {kernel("a", 2, 5, 1),   kernel("b", 9, 12, 2),    kernel("c", 13, 15, 3),
                        kernel("d", 18, 19, 4), node("e", 20, 21, 5, 50), node("f", 23, 24, 5, 51)};
        records.launches = {launch(1, 1, pass), launch(2, 7, pass), launch(3, 8, pass), launch(5, 10, pass)};
        const TraceCounts counts = attribute(records, book, window(30)).counts;
        QVERIFY(near(counts.before_first_us, 2));
        QVERIFY(near(counts.host_wait_us, 2));
        QVERIFY(near(counts.launch_us, 2 + 1 + 1));
        QVERIFY(near(counts.between_us, 3 + 2));  // between two nodes of a graph it is the device's own
        QVERIFY(near(counts.after_last_us, 6));
        QVERIFY(near(counts.idle_us() + 3 + 3 + 2 + 1 + 1 + 1, 30));
    }

    /// A kernel that begins while the one before it still runs has its span from that one's end on.
    void overlappingKernels() {
        SpanBook book;
        book.beginPass();
        const SpanId first = book.open(Component::InProj, Stage::Whole, 0);
        book.close();
        const SpanId second = book.open(Component::Ssm, Stage::Whole, 0);
        Records records;
        records.runs = {kernel("in", 1, 5, 1), kernel("step", 2, 7, 2)};
        records.launches = {under(first, 1), under(second, 2)};
        const Attribution result = attribute(records, book, window(10));
        QCOMPARE(result.spans.size(), std::size_t{2});
        QVERIFY(near(result.spans[1].begin_us, 5) && near(result.spans[1].end_us, 7));
        QVERIFY(near(result.kernels[1].begin_us, 2));
        QCOMPARE(exclusiveTimes(result.kernels)[1], 2.0);
    }

    void overheadIsNobodys() {
        SpanBook book;
        book.beginPass();
        const SpanId span = book.open(Component::Norm, Stage::Whole, 0);
        Records records;
        records.runs = {kernel("norm", 4, 6, 1)};
        records.launches = {under(span, 1)};
        records.overheads = {{"flushing buffers", kStart + 1000, kStart + 3000},
                             {"flushing buffers", kStart - 5000, kStart - 4000},
                             {"no time", 0, 0}};
        records.allocations = {{kStart + 1000, 4096}, {kStart + 2000, -4096}, {kStart - 1000, 9000}};
        const Attribution result = attribute(records, book, window(10));
        QCOMPARE(result.kernels.size(), std::size_t{2});
        QCOMPARE(result.kernels[0].kind, RunKind::Overhead);
        QCOMPARE(result.kernels[0].component, Component::Other);
        QVERIFY(near(result.counts.overhead_us, 2));
        QCOMPARE(result.counts.allocated_bytes, 4096);
        QCOMPARE(result.spans.size(), std::size_t{1});
        QVERIFY(near(sum(exclusiveTimes(result.kernels)), 2));
    }

    void exclusiveTimesAddUp() {
        std::vector<KernelRun> runs(4);
        const auto set = [&](std::size_t i, double begin, double end) {
            runs[i].begin_us = begin;
            runs[i].end_us = end;
        };
        set(0, 0, 10);
        set(1, 4, 6);    // covered
        set(2, 8, 13);   // overlaps
        set(3, 20, 21);  // apart
        QCOMPARE(exclusiveTimes(runs), (std::vector<double>{10, 0, 3, 1}));
    }

    void nothingRan() {
        SpanBook book;
        book.beginPass();
        const Attribution result = attribute({}, book, window(10, 3));
        QVERIFY(result.kernels.empty());
        QCOMPARE(result.counts.missing, 3);
        QVERIFY(near(result.counts.after_last_us, 10));
    }

    void names() {
        for (const RunKind kind : kRunKinds) QCOMPARE(runKindFromName(name(kind)), kind);
        for (const TraceMode mode : kTraceModes) QCOMPARE(traceModeFromName(name(mode)), mode);
        for (const TraceDetail detail : kTraceDetails) QCOMPARE(traceDetailFromName(name(detail)), detail);
        QVERIFY(!traceModeFromName("nsight"));
    }
};

QTEST_GUILESS_MAIN(TestTrace)
#include "test_trace.moc"
