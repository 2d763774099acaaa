// Reports of scaling studies: what is written is read back, by us and by h5py, what is damaged is refused; and the same
// as text.
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/report/report.h"
#include "core/report/scaling_text.h"
#include "kernels/error.h"
#include "tests/unit/fabricated_scaling.h"
#include "tests/unit/profile_equality.h"
#include "tests/unit/report_editing.h"

using namespace perfmamba;
using namespace perfmamba::test;
namespace fs = std::filesystem;

namespace {

QString difference(const study::ScalingStudy& a, const study::ScalingStudy& b) {
    Comparison compare;
    compare.field("models.size()", a.models.size(), b.models.size());
    compare.field("provenances.size()", a.provenances.size(), b.provenances.size());
    compare.field("cells.size()", a.cells.size(), b.cells.size());
    if (!compare.difference().isEmpty()) return compare.difference();
    for (std::size_t i = 0; i < a.models.size(); ++i) compareModels(compare, a.models[i], b.models[i]);
    for (std::size_t i = 0; i < a.provenances.size(); ++i) {
        compareProvenance(compare, a.provenances[i], b.provenances[i]);
    }
    compare.field("options", a.options, b.options);
    compare.field("identity", a.identity, b.identity);
    compare.field("shard", a.shard, b.shard);
    compare.field("shards", a.shards, b.shards);
    compare.field("complete", a.complete, b.complete);
    for (std::size_t i = 0; i < a.cells.size(); ++i) {
        const QString cell = QString("cells[%1]").arg(i);
        compare.field(cell + ".series", a.cells[i].series, b.cells[i].series);
        compare.field(cell + ".length", a.cells[i].length, b.cells[i].length);
        compare.field(cell + ".state", a.cells[i].state, b.cells[i].state);
        compare.field(cell + ".failure", a.cells[i].failure, b.cells[i].failure);
        compare.field(cell + ".provenance", a.cells[i].provenance, b.cells[i].provenance);
        compare.field(cell + ".point", a.cells[i].point, b.cells[i].point);
    }
    return compare.difference();
}

/// With every field filled.
std::shared_ptr<study::ScalingStudy> fullStudy() {
    auto study = fabricatedScaling();
    study->shard = 2;
    study->shards = 5;
    study->options.threads = 4;
    study->options.repeat = 24;
    study->options.bound = 0.02;
    study->options.budget_s = 3.5;
    study->options.seed = 18'000'000'000'000'000'001ULL;
    study->provenances.push_back(study->provenances.front());
    study->provenances.back().host = "another host";
    study->provenances.back().threads = 8;
    study->provenances.back().ceilings.reset();
    study->models[1].config.d_state = 48;
    for (study::ScalingCell& cell : study->cells) {
        if (cell.state == study::CellState::Measured) setFloors(cell.point, *study->provenances[0].ceilings);
    }
    study->cells[1].provenance = 1;
    profile::Point& point = study->cells[2].point;
    point.trace = {"CUPTI 13.0", TraceDetail::Kernels, "because"};
    point.counts = {3, 2, 1, 4, 5, 6, 0.5, 0.8, 1.25, 9.5, 2.25, 1.5, 4096};
    point.device_use = {"NVML", "this GPU does not tell: energy", 1980, 1965, 1995, 3201, 312.5, 41, 0.0125, 17};
    return study;
}

QString refusalOf(const fs::path& path) {
    try {
        (void)report::readContents(path);
    } catch (const Error& error) {
        return QString::fromUtf8(error.what());
    }
    return {};
}

using Change = std::function<void(hid_t)>;

void setNumber(hid_t file, const char* group, const char* attribute, std::int64_t value) {
    const hid_t object = H5Gopen2(file, group, H5P_DEFAULT);
    replaceNumberAttribute(object, attribute, value);
    H5Gclose(object);
}

/// One value of a column of whole numbers.
void setRow(hid_t file, const char* name, hsize_t row, std::int64_t value) {
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    const hid_t space = H5Dget_space(dataset);
    const hsize_t one = 1;
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &row, nullptr, &one, nullptr);
    const hid_t memory = H5Screate_simple(1, &one, nullptr);
    H5Dwrite(dataset, H5T_NATIVE_INT64, memory, space, H5P_DEFAULT, &value);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(dataset);
}

}  // namespace

class TestScalingReport : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
        m_path = fs::path(m_folder->path().toStdString()) / "report.h5";
    }

    void roundTrip() {
        const auto study = fullStudy();
        report::writeScaling(m_path, *study);
        const report::Contents contents = report::readContents(m_path);
        QVERIFY(contents.scaling && !contents.profile && !contents.activity && !contents.study);
        QCOMPARE(difference(*study, *contents.scaling), QString());

        // As it is before anything is measured.
        for (study::ScalingCell& cell : study->cells) {
            cell.state = study::CellState::Waiting;
            cell.failure.clear();
            cell.point = {};
            cell.provenance = 0;
        }
        study->provenances.clear();
        report::writeScaling(m_path, *study);
        QCOMPARE(difference(*study, *report::readContents(m_path).scaling), QString());
    }

    // Short passes are taken a thousand times, long ones thrice: what is written must be read again.
    void unevenNumbersOfPasses() {
        const auto study = fullStudy();
        study->options.batches.resize(16);
        std::iota(study->options.batches.begin(), study->options.batches.end(), 1);
        const study::ScalingCell measured = study->cells.front();
        study->cells = study::cellsOf(study->models.size(), study->options);
        for (study::ScalingCell& cell : study->cells) {
            cell.state = study::CellState::Measured;
            cell.point = measured.point;
            const std::size_t passes = &cell == &study->cells.front() ? 1000 : 3;
            for (profile::ComponentCost& cost : cell.point.components) cost.time.samples.resize(passes, 1.5);
            cell.point.total.samples.resize(passes, 1.5);
        }
        report::writeScaling(m_path, *study);
        QCOMPARE(refusalOf(m_path), QString());
        const auto read = report::readContents(m_path).scaling;
        QCOMPARE(read->cells.front().point.components[3].time.n(), std::size_t{1000});
        QCOMPARE(read->cells.back().point.components[3].time.n(), std::size_t{3});
    }

    /// A report of version 5, which must open for ever.
    void version5() {
        const auto study = report::readContents(PERFMAMBA_SOURCE_DIR "/tests/unit/reports/scaling-version5.h5").scaling;
        QVERIFY(study);
        QCOMPARE(study->cells.size(), std::size_t{32});
        QCOMPARE(study->done(), std::size_t{31});
        QCOMPARE(study->identity, std::string("0123456789abcdef"));
        QCOMPARE(study->models[1].name, std::string("another-model"));
        QCOMPARE(study->provenances[1].host, std::string("another host"));
        QCOMPARE(study->cells[2].point.device_use.power_w, 312.5);
        QCOMPARE(study->cells[2].point.counts.dropped, 3);
        QCOMPARE(study->cells[0].point.total.n(), kFabricatedPasses);
        QVERIFY(study->cells[0].point.find(Component::Ssm)->floor_us > 0);
        QVERIFY(study->cells[30].failure.starts_with("not enough memory"));
    }

    void saysWhatElseItIs() {
        report::writeScaling(m_path, *fullStudy());
        QString refusal;
        try {
            (void)report::read(m_path);
        } catch (const Error& error) {
            refusal = QString::fromUtf8(error.what());
        }
        QCOMPARE(refusal, QString::fromStdString(m_path) + ": holds a scaling study, and no profile");
    }

    void truncated() {
        report::writeScaling(m_path, *fullStudy());
        const std::string whole = bytesOf(m_path);
        for (std::size_t part = 0; part < 20; ++part) {
            putBytes(m_path, whole.substr(0, whole.size() * part / 20));
            QVERIFY(!refusalOf(m_path).isEmpty());
        }
    }

    void edited_data() {
        QTest::addColumn<Change>("change");
        QTest::addColumn<QString>("reason");
        const auto row = [](const char* name, const char* reason, Change change) {
            QTest::newRow(name) << change << QString(reason);
        };
        row("later version", "is of format version 7, and this program reads versions up to 6",
            [](hid_t file) { setNumber(file, "/", "format_version", 7); });
        row("a shard beyond", "shard is out of range", [](hid_t file) { setNumber(file, "/scaling", "shard", 6); });
        row("no shard", "shard is out of range", [](hid_t file) { setNumber(file, "/scaling", "shards", 0); });
        row("another cell", "cells has another cell than the options ask for",
            [](hid_t file) { setRow(file, "/scaling/cells/length", 3, 5); });
        row("another model", "cells has another cell than the options ask for",
            [](hid_t file) { setRow(file, "/scaling/cells/model", 3, 1); });
        row("a model below", "model is out of range", [](hid_t file) { setRow(file, "/scaling/cells/model", 3, -1); });
        row("no such provenance", "cells names a provenance that is not there",
            [](hid_t file) { setRow(file, "/scaling/cells/provenance", 3, 2); });
        row("a length less", "cells does not have a row for each cell asked for",
            [](hid_t file) { replaceDataset(file, "/scaling/options/lengths", H5T_STD_I64LE, {3}); });
        row("a precision of nobody", "precisions has an unknown value",
            [](hid_t file) { replaceTexts(file, "/scaling/options/precisions", "f99"); });
        row("a component of no cell", "components names a cell that is not measured",
            [](hid_t file) { setRow(file, "/scaling/components/cell", 0, 31); });
        row("a component below", "components names a cell that is not measured",
            [](hid_t file) { setRow(file, "/scaling/components/cell", 0, -1); });
        row("memory without end", "memory has sizes out of range", [](hid_t file) {
            setRow(file, "/scaling/memory/peak_bytes", 0, std::numeric_limits<std::int64_t>::max());
        });
        row("a sample too many", "n contradicts samples_us",
            [](hid_t file) { setRow(file, "/scaling/cells/n", 0, 25); });
        row("a sample too few", "n contradicts samples_us",
            [](hid_t file) { setRow(file, "/scaling/stages/n", 0, 23); });
        row("no models", "models", [](hid_t file) {
            H5Ldelete(file, "/scaling/models/0001", H5P_DEFAULT);
            H5Ldelete(file, "/scaling/models/0000", H5P_DEFAULT);
        });
        row("no table", "/scaling/stages", [](hid_t file) { H5Ldelete(file, "/scaling/stages", H5P_DEFAULT); });
    }
    void edited() {
        QFETCH(Change, change);
        QFETCH(QString, reason);
        report::writeScaling(m_path, *fullStudy());
        edit(m_path, change);
        const QString refusal = refusalOf(m_path);
        QVERIFY2(refusal.contains(reason), qPrintable(refusal));
        QVERIFY(refusal.startsWith(QString::fromStdString(m_path.string()) + ": "));
    }

    void text() {
        auto study = fullStudy();
        // Hand-written numbers, of which the fits are plain to see.
        const auto take = [&](std::size_t cell, double us) {
            profile::Point& point = study->cells[cell].point;
            point.total = profile::summarise(std::vector(6, us));
            point.memory.peak = {};
            point.memory.peak[MemoryKind::Weights] = 1'000'000 * study->cells[cell].length;
        };
        take(0, 100);
        take(1, 400);
        take(2, 1600);
        take(3, 6400);
        for (std::size_t i = 8; i < 12; ++i) take(i, 50);  // of N = 8
        const QString text = QString::fromStdString(report::scalingText(*study));
        QVERIFY2(text.contains("time ∝ length^1.00 (1.00 … 1.00, R² 1.000); peak memory ∝ length^1.00"),
                 qPrintable(text));
        QVERIFY(text.contains("30 of 32 measured, 1 failed; this is shard 2 of 5; the study is not complete"));
        QVERIFY(text.contains("1024 failed: not enough memory: 3 GiB asked for, 1 free\n4096 not measured\n") ||
                text.contains("4096 not measured"));
        QVERIFY(text.contains("note: these cells were measured on several kinds of machine"));
        QVERIFY(text.contains("device 2   Example CPU 1000 – 8 cores (cpu), AVX2, 8 threads, on another host, Debian"));
        QVERIFY(text.contains("taken      2026-01-02T03:04:05Z by perfmamba-cli 0.1.0: perfmamba-cli profile"));
        study->provenances.back().threads = study->provenances.front().threads;
        const QString one = QString::fromStdString(report::scalingText(*study));
        QVERIFY(one.contains("AVX2, 4 threads, on 2 hosts of one kind: another host, example\n"));
        QVERIFY(!one.contains("several kinds"));
        const qsizetype states = text.indexOf("what d_state costs: mamba2-fabricated, cpu, f32, prefill, batch 1");
        QVERIFY(states > 0);
        const QStringList lines = text.mid(states).split('\n');
        QVERIFY2(lines[4].simplified().startsWith("64 8 50.0 µs 50.0 µs … 50.0 µs 0.500"), qPrintable(lines[4]));
        QVERIFY2(lines[5].simplified().startsWith("64 own 64 100 µs 100 µs … 100 µs 1.00"), qPrintable(lines[5]));
    }

    /// Of a model whose groups differ no number of states is its own.
    void statesOfRaggedModels() {
        const auto study = fabricatedScaling();
        model::Config& config = study->models[0].config;
        config.state_sizes.assign(kFabricatedLayers, {64});
        config.state_sizes[1] = {12};
        for (study::ScalingCell& cell : study->cells) {
            if (cell.series.states == 8) cell.series.states = 64;
        }
        study->options.states = {0, 64};
        const QString text = QString::fromStdString(report::scalingText(*study));
        const QStringList lines = text.mid(text.indexOf("what d_state costs")).split('\n');
        QVERIFY2(lines[4].simplified().startsWith("64 own 12 … 64"), qPrintable(lines[4]));
        QVERIFY2(lines[5].simplified().startsWith("64 64 "), qPrintable(lines[5]));
        // Where they do not, that number is.
        QVERIFY(!study->hasOwnStates({.model = 0, .states = 64}));
        QVERIFY(study->hasOwnStates({.model = 1, .states = 64}));
    }

    /// Caches are told of where memory sets the floor of what takes most of the time, and not where work does.
    void caches() {
        const auto study = fabricatedScaling();
        const auto says = [&] {
            const std::string text = report::scalingText(*study);
            const auto at = text.find(" of 32 cells caches serve");
            return at == std::string::npos ? 0 : std::stoi(text.substr(text.rfind("In ", at) + 3));
        };
        for (study::ScalingCell& cell : study->cells) {
            for (profile::ComponentCost& cost : cell.point.components) {
                cost.bound = profile::Bound::Work;
                cost.floor_us = cost.time.median * 1.2;
            }
        }
        QCOMPARE(says(), 0);
        auto& components = study->cells[3].point.components;
        const auto largest = std::ranges::max_element(components, {}, &profile::ComponentCost::share);
        largest->bound = profile::Bound::Memory;
        largest->bytes = 1e6;
        QCOMPARE(says(), 1);
        largest->bytes = 1e9;  // too much for any cache: the ceiling was measured too low
        QCOMPARE(says(), 0);
    }

    void forPrograms() {
        const auto study = fullStudy();
        study->models[0].name = "a \"name\", quoted";
        const QStringList lines = QString::fromStdString(report::scalingCsv(*study)).split("\r\n");
        QCOMPARE(lines.size(), 1 + 32 + 1);
        const QStringList head = lines[0].split(',');
        QVERIFY(
            lines[1].startsWith("\"a \"\"name\"\", quoted\",0123456789abcdef,0,64,cpu,f32,prefill,1,64,measured,,"));
        const QStringList second = lines[20].split(',');  // of the other model, whose name has no comma
        QCOMPARE(second.size(), head.size());
        const study::ScalingCell& cell = study->cells[19];
        QCOMPARE(second[head.indexOf("median_us")].toDouble(), cell.point.total.median);
        QCOMPARE(second[head.indexOf("peak_bytes")].toLongLong(), cell.point.memory.peak.total());
        QCOMPARE(second[head.indexOf("share_ssm")].toDouble(), cell.point.find(Component::Ssm)->share);
        QCOMPARE(lines[32].count(','), head.size() - 1);  // waits

        const nlohmann::json json = report::scalingJson(*study);
        QCOMPARE(json["cells"].size(), std::size_t{32});
        QCOMPARE(json["cells"][19]["point"]["total"]["median_us"].get<double>(), cell.point.total.median);
        QCOMPARE(json["cells"][1]["provenance"].get<int>(), 1);
        QCOMPARE(json["provenances"][1]["host"].get<std::string>(), std::string("another host"));
        QVERIFY(json["provenances"][1]["ceilings"].is_null() && json["provenances"][0]["ceilings"].is_object());
        for (const char* of_profile : {"advice", "points", "options", "model", "seed"}) {
            QVERIFY2(!json["provenances"][0].contains(of_profile), of_profile);
        }
        QCOMPARE(json["cells"][30]["state"].get<std::string>(), std::string("failed"));
        QCOMPARE(json["fits"].size(), std::size_t{8});
        QVERIFY(json["fits"][0]["mixes_machines"].get<bool>());
        QVERIFY(std::abs(json["fits"][2]["time"]["exponent"].get<double>() -
                         fitTime(*study, study->series()[2]).exponent) < 1e-12);
    }

    void readByH5py() {
        QProcess probe;
        probe.start("/usr/bin/python3", {"-c", "import h5py"});
        if (!probe.waitForFinished() || probe.exitCode() != 0) QSKIP("h5py is not installed (python3-h5py)");
        const auto study = fullStudy();
        report::writeScaling(m_path, *study);
        QProcess python;
        python.start("/usr/bin/python3",
                     {PERFMAMBA_SOURCE_DIR "/tests/unit/check_report.py", QString::fromStdString(m_path.string())});
        python.waitForFinished();
        QCOMPARE(QString::fromUtf8(python.readAllStandardError() + python.readAllStandardOutput()),
                 QString("30 of 32 cells, %1 us\n").arg(study->cells[3].point.total.median, 0, 'f', 6));
    }

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    fs::path m_path;
};

QTEST_GUILESS_MAIN(TestScalingReport)
#include "test_scaling_report.moc"
