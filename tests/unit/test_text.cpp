// Numbers and tables as text.
#include <QTest>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/profile/floors.h"
#include "core/report/command.h"
#include "core/report/text.h"
#include "core/report/utf8.h"
#include "tests/unit/fabricated_profile.h"

using namespace perfmamba;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

QStringList linesOf(const std::string& text, const char* separator = "\n") {
    return QString::fromStdString(text).split(QString::fromLatin1(separator), Qt::SkipEmptyParts);
}

}  // namespace

#define COMPARE_TEXT(actual, expected) QCOMPARE(QString::fromStdString(actual), QString::fromUtf8(expected))

class TestText : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void commands() {
        profile::ModelSummary model;
        model.path = "/models/it's $5";
        profile::Options options;
        QCOMPARE(report::commandOf(model, options, "cpu"),
                 std::string("perfmamba-cli profile '/models/it'\\''s $5' --device cpu --mode prefill --batch 1 "
                             "--lengths 64,256,1024"));
        model.path = "demo";
        options.mode = profile::Mode::Decode;
        options.batch = 16;
        options.lengths = {7};
        options.threads = 4;
        options.repeat = 20;
        options.bound = 0.003;
        options.budget_s = 0.5;
        options.seed = 9;
        model.compute_type = "bfloat16";
        QCOMPARE(report::commandOf(model, options, "cuda:0"),
                 std::string("perfmamba-cli profile demo --device cuda:0 --mode decode --batch 16 --lengths 7 "
                             "--precision bf16 --threads 4 "
                             "--repeat 20 --bound 0.3 --budget 0.5 --seed 9"));
        options.counters = true;
        QVERIFY(report::commandOf(model, options, "cpu").find(" --counters --seed 9") != std::string::npos);
        QCOMPARE(report::shellQuoted(""), std::string("''"));
    }

    void commandOfAStudy() {
        study::ScalingStudy study;
        study.models.resize(2);
        study.models[0].path = "/models/one";
        study.models[1].path = "two words";
        study.options.lengths = {64, 256};
        QCOMPARE(report::commandOf(study),
                 std::string("perfmamba-cli scaling /models/one 'two words' --devices cpu --precisions f32 "
                             "--modes prefill,decode --batches 1 --lengths 64,256"));
        study.options.states = {0, 16};
        study.options.bound = 0.003;
        study.shard = 2;
        study.shards = 4;
        QVERIFY(report::commandOf(study).ends_with(" --states 0,16 --bound 0.3 --shard 2/4"));
    }

    void times() {
        COMPARE_TEXT(report::formatTime(0), "0 µs");
        COMPARE_TEXT(report::formatTime(0.0123), "12.3 ns");
        COMPARE_TEXT(report::formatTime(1.234), "1.23 µs");
        COMPARE_TEXT(report::formatTime(45.64), "45.6 µs");
        COMPARE_TEXT(report::formatTime(999.4), "999 µs");
        COMPARE_TEXT(report::formatTime(999.6), "1.00 ms");
        COMPARE_TEXT(report::formatTime(1234), "1.23 ms");
        COMPARE_TEXT(report::formatTime(7.89e6), "7.89 s");
        COMPARE_TEXT(report::formatTime(1.234e9), "1230 s");
        COMPARE_TEXT(report::formatTime(-12), "-12.0 µs");
        COMPARE_TEXT(report::formatTime(kNaN), "n/a");
        COMPARE_TEXT(report::formatTime(kInf), "∞");
    }

    void bytes() {
        COMPARE_TEXT(report::formatBytes(0), "0 B");
        COMPARE_TEXT(report::formatBytes(512), "512 B");
        COMPARE_TEXT(report::formatBytes(1000), "1.00 kB");
        COMPARE_TEXT(report::formatBytes(1'234'567), "1.23 MB");
        COMPARE_TEXT(report::formatBytes(99.95e9), "100 GB");
        COMPARE_TEXT(report::formatBytes(kNaN), "n/a");
    }

    void countsAndNumbers() {
        COMPARE_TEXT(report::formatCount(7), "7");
        COMPARE_TEXT(report::formatCount(123.4), "123");
        COMPARE_TEXT(report::formatCount(12.34e9), "12.3 G");
        COMPARE_TEXT(report::formatCount(0.999e6), "999 k");
        COMPARE_TEXT(report::formatCount(kNaN), "n/a");
        COMPARE_TEXT(profile::formatRatio(1.04812), "1.048");
        COMPARE_TEXT(profile::formatRatio(profile::Ratio{1.25, 1.2, 12.34, 20}, "×"), "1.250× (1.200 … 12.3)");
        COMPARE_TEXT(profile::formatRatio(profile::Ratio{}), "n/a");
        COMPARE_TEXT(report::formatPercent(0.4149), "41.5 %");
        COMPARE_TEXT(report::formatNumber(0), "0");
        COMPARE_TEXT(report::formatNumber(0.01234), "0.0123");
        COMPARE_TEXT(report::formatNumber(1.234), "1.23");
        COMPARE_TEXT(report::formatNumber(9.999), "10.0");
        COMPARE_TEXT(report::formatNumber(1234.5), "1230");
        COMPARE_TEXT(report::formatNumber(kNaN), "n/a");
        for (const double value : {1e-300, 5e-324, 1e300, -1e300}) QVERIFY(!report::formatNumber(value).empty());
    }

    void tableIsAligned() {
        const auto profile = test::fabricatedProfile();
        const std::string table = report::componentTable(*profile, profile->points[1]);
        const QStringList lines = linesOf(table);
        QVERIFY(lines.first().startsWith("component"));
        QVERIFY(lines.last().startsWith("total"));
        QVERIFY(lines.at(lines.size() - 3).startsWith("other"));
        for (const char* part : {"embedding", "in_proj", "  chunk_scan", "lm_head"}) {
            const bool found = std::ranges::any_of(
                lines, [&](const QString& line) { return line.startsWith(QString::fromLatin1(part)); });
            QVERIFY2(found, part);
        }
        // Every full row ends in the same column; stages have nothing under the later heads.
        for (const QString& line : lines) {
            if (!line.startsWith("  ")) QCOMPARE(line.size(), lines.first().size());
        }
    }

    void summaryNamesWhatItIs() {
        const auto profile = test::fabricatedProfile();
        const QString text = QString::fromStdString(report::summary(*profile));
        for (const char* part :
             {"mamba2-fabricated", "Mamba-2", "Example CPU 1000 – 8 cores", "AVX2", "4 threads", "batch 2",
              "64, 256, 1024", "2026-01-02T03:04:05Z", "24 recorded passes", "during ssm of layer 3"}) {
            QVERIFY2(text.contains(QString::fromUtf8(part)), part);
        }
        QVERIFY(!text.contains("nan"));
        QVERIFY(!text.contains("incomplete"));
    }

    void summaryOfNothing() {
        const QString text = QString::fromStdString(report::summary(profile::Profile{}));
        QVERIFY(text.contains("incomplete: 0 of 3 lengths"));
        profile::Profile one;
        one.points.emplace_back().total = profile::summarise({});
        QVERIFY(QString::fromStdString(report::summary(one)).contains("n/a"));
    }

    /// Of passes that were not recorded only the whole is known, and nothing is 0 for that.
    void summaryOfWholePasses() {
        auto profile = test::fabricatedProfile();
        profile->options.trace = TraceMode::Off;
        for (profile::Point& point : profile->points) {
            std::erase_if(point.components, [](const auto& cost) { return cost.component != Component::Other; });
            point.layers.clear();
            point.stages.clear();
            point.counted = {};
            point.memory.peak_component = Component::Other;
            point.memory.peak_layer = kNoLayer;
        }
        const QString text = QString::fromStdString(report::summary(*profile));
        QVERIFY(text.contains("recording was off: only whole passes were timed\n\nmemory at its peak: weights"));
        for (const char* part : {"total", "floors:", "during other"}) QVERIFY2(!text.contains(part), part);
        QVERIFY(report::layerTable(*profile, profile->points[0]).starts_with("n/a"));
        const QStringList total =
            QString::fromStdString(report::componentTable(*profile, profile->points[0])).split('\n').filter("total");
        QCOMPARE(total.size(), 1);
        QCOMPARE(total[0].count("n/a"), 7);  // floor, of it, calls, work, bytes, and their rates
    }

    void whatIsInUseAtThePeak() {
        const auto profile = test::fabricatedProfile();
        const profile::Point& point = profile->points[1];
        const QString total =
            QString::fromStdString(report::componentTable(*profile, point)).split('\n').filter("total").at(0);
        const std::string all = report::formatBytes(static_cast<double>(point.memory.peak.total()));
        QVERIFY2(total.endsWith(QString::fromStdString(all + " in all")), qPrintable(total));
    }

    void whatRecordingCosts() {
        auto profile = test::fabricatedProfile();
        const auto said = [&](const profile::Ratio& overhead) {
            profile->points[0].overhead = overhead;
            return QString::fromStdString(report::summary(*profile));
        };
        QVERIFY(said({1.0, 0.97, 1.05, 15}).contains("recording: no difference measured (-3.0 … +5.0 %)"));
        QVERIFY(said({1.3, 0.22, 4.2, 15}).contains("recording: too noisy to tell its cost (-78.0 … +320.0 %)"));
    }

    void whyMeasuringEnded() {
        auto profile = test::fabricatedProfile();
        profile->options.repeat = 0;
        profile->complete = false;
        profile->points.resize(2);
        profile::Point& point = profile->points[1];
        point.converged = false;
        const auto text = [&] { return QString::fromStdString(report::summary(*profile)); };
        QVERIFY(text().contains("incomplete: 2 of 3 lengths were measured\n"));
        QVERIFY(text().contains("not within ±2 % when the time for it was spent: ±"));
        point.total = profile::summarise(std::vector<double>(profile::kMostPasses, 100.0));
        QVERIFY(text().contains("not within ±2 % when 1000 passes were taken: ±"));
        point.total = profile::summarise({100.0});
        point.cut_short = true;
        QVERIFY(text().contains("incomplete: 1 of 3 lengths were measured, the next was cut short after 1 pass\n"));
        QVERIFY(text().contains("not within ±2 % when the run was ended: too few passes to tell"));
        profile->options.repeat = 24;
        QVERIFY(text().contains("cut short after 1 of 24 passes\n"));
        profile->options.lengths = {64};
        profile->points.clear();
        QVERIFY(text().contains("incomplete: 0 of 1 length was measured\n"));
    }

    void csvHasARowForEach() {
        const auto profile = test::fabricatedProfile();
        const QStringList lines = linesOf(report::csv(*profile), "\r\n");
        qsizetype rows = 0;
        for (const auto& point : profile->points) {
            rows += static_cast<qsizetype>(point.components.size());
            rows += static_cast<qsizetype>(
                std::ranges::count_if(point.layers, [](const auto& cost) { return cost.layer != kNoLayer; }));
        }
        for (const auto& point : profile->points) rows += static_cast<qsizetype>(point.stages.size()) + 1;
        QCOMPARE(lines.size(), rows + 1);
        for (const QString& line : lines) QCOMPARE(line.count(','), lines.first().count(','));
        QVERIFY(lines.at(1).startsWith("prefill,2,64,all,embedding,"));
        QVERIFY(!lines.join("").contains("nan"));
        const QStringList head = lines.first().split(',');
        const QStringList whole = lines.filter("prefill,2,256,pass,total,").join("").split(',');
        const auto number = [&](const char* column) { return whole.value(head.indexOf(column)).toDouble(); };
        const profile::Point& point = profile->points[1];
        QCOMPARE(number("median_us"), point.total.median);
        QCOMPARE(number("tokens_per_second"), point.tokens_per_second);
        QCOMPARE(number("floor_us"), profile::floorOfPass(point));
        QCOMPARE(number("peak_bytes"), static_cast<double>(point.memory.peak.total()));
        const QStringList stage = lines.filter("prefill,2,256,stages,ssm/chunk_scan,").join("").split(',');
        QCOMPARE(stage.value(head.indexOf("median_us")).toDouble(), point.stages[3].time.median);
        QCOMPARE(stage.value(head.indexOf("calls")), QString());
    }

    void jsonHasTheNumbers() {
        const auto profile = test::fabricatedProfile();
        const auto text = nlohmann::json::parse(report::json(*profile).dump());
        QCOMPARE(text["model"]["architecture"].get<std::string>(), std::string("Mamba-2"));
        QVERIFY(text["model"]["dt_max"].is_null());  // infinite
        QCOMPARE(text["seed"].get<std::uint64_t>(), profile->options.seed);
        QCOMPARE(text["points"].size(), std::size_t{3});
        const auto& point = profile->points[2];
        const auto& object = text["points"][2];
        QCOMPARE(object["length"].get<std::int64_t>(), point.length);
        QCOMPARE(object["total"]["median_us"].get<double>(), point.total.median);
        QCOMPARE(object["total"]["samples_us"].size(), point.total.n());
        QCOMPARE(object["components"].size(), point.components.size());
        QCOMPARE(object["memory"]["peak"]["total"].get<std::int64_t>(), point.memory.peak.total());
        QVERIFY(object["components"].back()["flops"].is_null());
    }

    void countersAsText() {
        const auto profile = test::fabricatedProfile();
        const QString text = QString::fromStdString(report::summary(*profile));
        QCOMPARE(text.count("counters: need an NVIDIA GPU, and cpu is none\n"), 1);
        const qsizetype begin = text.indexOf(
            "counted by the GPU in a pass of its own, each kernel alone (CUPTI 13.0, "
            "GH100):\nGH100 does not count in the same pass: weather\ncomponent");
        QVERIFY2(begin > 0, qPrintable(text));
        const QStringList lines = text.mid(begin).split('\n');
        QVERIFY2(lines[2].endsWith("of DRAM's peak  occupancy  tensor pipe  of all instr."), qPrintable(lines[2]));
        const auto line = [&](const QString& first) {
            for (const QString& each : lines) {
                if (each.startsWith(first)) return each;
            }
            return QString();
        };
        QVERIFY2(line("ssm").contains("62.5 %"), qPrintable(line("ssm")));
        QVERIFY(line("  chunk_scan").endsWith("12.5 %"));  // half of the kernels, 1024 of 4096
        QVERIFY2(line("norm ").split(' ', Qt::SkipEmptyParts).at(1) == "12", qPrintable(line("norm ")));
        QVERIFY(!line("total").isEmpty());
    }

    void countersForPrograms() {
        const auto profile = test::fabricatedProfile();
        const profile::Point& point = profile->points[2];
        const auto object = nlohmann::json::parse(report::json(*profile).dump())["points"][2]["counters"];
        QCOMPARE(object["source"].get<std::string>(), std::string("CUPTI 13.0, GH100"));
        QCOMPARE(object["kernels"].size(), point.counted.kernels.size());
        QCOMPARE(object["kernels"][2]["name"].get<std::string>(), point.counted.kernels[2].name);
        QCOMPARE(object["components"].size(), std::size_t{9});
        QCOMPARE(object["components"][1]["kernels"].get<int>(), 12);
        QCOMPARE(object["components"][1]["tensor_share"].get<double>(), 0.125);

        const QStringList lines = linesOf(report::csv(*profile), "\r\n");
        QVERIFY(
            lines[0].endsWith(",peak_bytes,counted_kernels,counted_us,dram_read_bytes,dram_written_bytes,"
                              "dram_percent,occupancy_percent,tensor_instructions,instructions,"
                              "exponentials,floor_us,of_floor,floor_bound,in_cache,tokens_per_second"));
        QVERIFY(lines[1].contains(",,,,,,,,"));  // not counted at that length
        const QStringList norm = lines.filter("prefill,2,1024,3,norm,");
        QCOMPARE(norm.size(), 1);
        QVERIFY(lines.filter("prefill,2,1024,3,conv1d,")[0].endsWith(",memory,0,"));
        QVERIFY(lines.filter("prefill,2,1024,3,gate,")[0].endsWith(",memory,1,"));  // faster than memory
        QVERIFY2(norm[0].contains(",2,") && norm[0].contains(",25,50,1024,8192,0,"), qPrintable(norm[0]));
    }

    void utf8() {
        QVERIFY(report::isPlainUtf8("grün ± µ – 中 😀"));
        for (const char* bad :
             {"\xFF", "\xC3", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x1B[2J", "\xC2\x9B"}) {
            QVERIFY2(!report::isPlainUtf8(bad), bad);
            QVERIFY(report::isPlainUtf8(report::toPlainUtf8(bad)));
        }
        COMPARE_TEXT(report::toPlainUtf8("a\xFF"
                                         "b"),
                     "a\uFFFDb");
        QCOMPARE(report::columns("± µs"), std::size_t{4});
    }
};

QTEST_GUILESS_MAIN(TestText)
#include "test_text.moc"
