// The timeline as trace events, as Perfetto reads them.
#include <QFloat16>  // asked for where JSON is compared
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

#include <nlohmann/json.hpp>

#include "core/report/chrome_trace.h"
#include "kernels/error.h"
#include "tests/unit/fabricated_profile.h"

using namespace perfmamba;
using Json = nlohmann::json;

namespace {

std::string traceOf(const profile::Profile& profile) {
    std::string text;
    report::chromeTrace(profile, [&](std::string_view piece) { text += piece; });
    return text;
}

/// The events of that kind, process and, where it is given, name.
std::vector<Json> eventsOf(const Json& trace, const std::string& kind, int pid, const std::string& named = {}) {
    std::vector<Json> found;
    for (const Json& event : trace["traceEvents"]) {
        if (event["ph"] == kind && event["pid"] == pid && (named.empty() || event["name"] == named))
            found.push_back(event);
    }
    return found;
}

QStringList threadNames(const Json& trace, int pid) {
    QStringList names;
    for (const Json& event : eventsOf(trace, "M", pid, "thread_name"))
        names << QString::fromStdString(event["args"]["name"]);
    return names;
}

}  // namespace

class TestChromeTrace : public QObject {
    Q_OBJECT

private Q_SLOTS:
    /// A process a length, with the pass, its layers, components and stages inside each other.
    void components() {
        const auto profile = test::fabricatedProfile();
        const Json trace = Json::parse(traceOf(*profile));
        QCOMPARE(eventsOf(trace, "M", 1, "process_name").front()["args"]["name"],
                 Json("prefill of 64 tokens, batch 2"));
        QCOMPARE(threadNames(trace, 1), QStringList{"components"});
        QCOMPARE(eventsOf(trace, "X", 1, "prefill pass").size(), std::size_t(1));
        QCOMPARE(eventsOf(trace, "X", 1, "layer 3").size(), std::size_t(1));
        QCOMPARE(eventsOf(trace, "X", 1, "chunk_scan").size(), std::size_t(test::kFabricatedLayers));

        const std::vector<Json> scans = eventsOf(trace, "X", 1, "ssm");
        QCOMPARE(scans.size(), std::size_t(test::kFabricatedLayers));
        const profile::Point& point = profile->points.front();
        const profile::ComponentCost& cost = *point.find(Component::Ssm, 2);
        const auto span = std::ranges::find_if(point.last_pass, [](const Span& s) {
            return s.component == Component::Ssm && s.stage == Stage::Whole && s.layer == 2;
        });
        QVERIFY(std::abs(double(scans[2]["ts"]) - span->begin_us) < 0.001);
        QVERIFY(std::abs(double(scans[2]["dur"]) - span->duration_us()) < 0.002);
        QCOMPARE(scans[2]["args"]["layer"], Json(2));
        QCOMPARE(double(scans[2]["args"]["flops"]), cost.flops);
        QCOMPARE(double(scans[2]["args"]["bytes"]), cost.bytes);
        QCOMPARE(double(scans[2]["args"]["floor_us"]), cost.floor_us);
        QCOMPARE(scans[2]["args"]["limit"], Json("exponentials"));
        QCOMPARE(double(scans[2]["args"]["median_us"]), cost.time.median);
    }

    void kernels() {
        auto profile = test::fabricatedProfile();
        profile::Point& point = profile->points.back();
        const Json trace = Json::parse(traceOf(*profile));
        QVERIFY(threadNames(trace, 3).contains("device"));
        const std::vector<Json> products = eventsOf(trace, "X", 3, "gemm_bf16_128x64");
        QVERIFY(!products.empty());
        const Json& args = products.front()["args"];
        QCOMPARE(args["grid"], Json::array({1024, 4, 1}));
        QCOMPARE(args["block"], Json::array({128, 2, 1}));
        QCOMPARE(args["registers"], Json(64));
        QCOMPARE(args["component"], Json("embedding"));

        // Two streams at once: the later one is in a row of its own. The tracer's work is the host's.
        KernelRun other = point.last_kernels.front();
        other.name = "other stream";
        other.begin_us += 0.01;
        other.end_us += 0.01;
        point.last_kernels.push_back(other);
        other.kind = RunKind::Overhead;
        point.last_kernels.push_back(other);
        const Json both = Json::parse(traceOf(*profile));
        QCOMPARE(threadNames(both, 3), (QStringList{"components", "device", "device (2)", "tracer, on the host"}));
    }

    /// What is in use at the end of the events is what was at the start: the fabricated pass frees all it takes.
    void memory() {
        const auto profile = test::fabricatedProfile();
        const std::vector<Json> counts = eventsOf(Json::parse(traceOf(*profile)), "C", 2);
        QVERIFY(counts.size() > 10);
        QCOMPARE(counts.front()["args"]["weights"], Json(3'000'000));
        QCOMPARE(counts.front()["args"], counts.back()["args"]);
        QVERIFY(std::ranges::any_of(counts, [](const Json& c) { return c["args"]["activations"] > 0; }));
    }

    /// By a reader of its own, in Python: types, names, nesting, and no two that overlap by a rounding.
    void strictly() {
        auto profile = test::fabricatedProfile();
        profile->model.name = "quote\" back\\slash \x01 \xff </script> ✓";
        profile->points.back().last_kernels.front().name = "a\"b\\c\n\t\x02\xfe";
        QTemporaryDir folder;
        const QString file = folder.filePath("trace.json");
        report::writeThrough(file.toStdString(),
                             [&](const report::Sink& sink) { report::chromeTrace(*profile, sink); });
        QProcess python;
        python.start("python3", {PERFMAMBA_SOURCE_DIR "/tests/unit/check_chrome_trace.py", file});
        if (!python.waitForStarted()) QSKIP("needs python3");
        QVERIFY(python.waitForFinished());
        QCOMPARE(QString::fromUtf8(python.readAllStandardError()), QString());
        QCOMPARE(python.exitCode(), 0);
    }

    void nothingToWrite() {
        auto profile = test::fabricatedProfile();
        for (profile::Point& point : profile->points) point.last_pass.clear();
        QVERIFY(!report::hasTimeline(*profile));
        QVERIFY_EXCEPTION_THROWN(traceOf(*profile), Error);
    }
};

QTEST_GUILESS_MAIN(TestChromeTrace)
#include "test_chrome_trace.moc"
