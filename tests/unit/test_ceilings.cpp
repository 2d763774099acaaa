// Ceilings: measured on this machine's own backend, kept in a file, and made into floors.
#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <stop_token>

#include "core/profile/floors.h"
#include "core/profile/measure_ceilings.h"
#include "core/report/ceilings_file.h"
#include "kernels/devices.h"
#include "kernels/error.h"
#include "tests/unit/fabricated_profile.h"

using namespace perfmamba;
using namespace perfmamba::profile;
namespace fs = std::filesystem;

namespace {

constexpr CeilingSizes kSmall{std::size_t{4} << 20, 512, 0.001, 2};

Ceilings ofExample(int threads = 4) {
    Ceilings ceilings;
    ceilings.device = "Example CPU";
    ceilings.instructions = "AVX2";
    ceilings.precision = "float32";
    ceilings.threads = threads;
    ceilings.version = "1.2.3";
    ceilings.taken = "2026-01-02T03:04:05Z";
    ceilings.bytes_per_s = 10e9;
    ceilings.flops_per_s = 100e9;
    ceilings.exponentials_per_s = 1e9;
    ceilings.cache_bytes = 32 << 20;
    return ceilings;
}

}  // namespace

class TestCeilings : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        m_file = fs::path(m_folder->path().toStdString()) / "not yet there" / "ceilings.json";
    }
    void cleanup() { qunsetenv("PERFMAMBA_CEILINGS"); }

    void measured_data() {
        QTest::addColumn<int>("type");
        for (const DType type : kDTypes) QTest::newRow(name(type).data()) << static_cast<int>(type);
    }
    void measured() {
        QFETCH(int, type);
        const auto precision = static_cast<DType>(type);
        const auto backend = kernels::makeBackend("cpu", {.threads = 1, .precision = precision});
        const std::int64_t before = backend->ledger().current().total();
        double done = -1;
        std::set<std::string> said;
        const Ceilings ceilings = measureCeilings(*backend, kSmall, [&](const Progress& progress) {
            QVERIFY(progress.done >= done);
            done = progress.done;
            said.insert(progress.what);
        });
        QCOMPARE(done, 1.0);
        QVERIFY(said.size() >= 4);
        // Any machine that runs this moves a hundred megabytes and computes a hundred million numbers a second.
        QVERIFY(std::isfinite(ceilings.bytes_per_s) && ceilings.bytes_per_s > 1e8);
        QVERIFY(std::isfinite(ceilings.flops_per_s) && ceilings.flops_per_s > 1e8);
        QVERIFY(std::isfinite(ceilings.exponentials_per_s) && ceilings.exponentials_per_s > 1e6);
        QCOMPARE(ceilings.device, backend->device().name);
        QCOMPARE(ceilings.precision, std::string(name(precision)));
        QCOMPARE(ceilings.threads, 1);
        QVERIFY(!ceilings.taken.empty());
        QCOMPARE(backend->ledger().current().total(), before);
    }

    void cancelled() {
        const auto backend = kernels::makeBackend("cpu", {.threads = 1});
        std::stop_source stop;
        const auto observer = [&](const Progress& progress) {
            if (progress.done > 0.4) stop.request_stop();
        };
        QVERIFY_EXCEPTION_THROWN((void)measureCeilings(*backend, kSmall, observer, stop.get_token()), Cancelled);
        QCOMPARE(backend->ledger().current().total(), std::int64_t{0});
    }

    void floorIsTheLargestTime() {
        const Ceilings ceilings = ofExample();
        const auto check = [&](const Cost& cost, double time_us, Bound bound) {
            const Floor floor = floorOf(cost, ceilings);
            QCOMPARE(floor.time_us, time_us);
            QCOMPARE(floor.bound, bound);
        };
        check({1e6, 1e6, 0}, 100, Bound::Memory);
        check({1e8, 1e6, 0}, 1000, Bound::Work);
        check({1e8, 1e6, 2e6}, 2000, Bound::Exponentials);
        check({0, 1e6, 0}, 100, Bound::Memory);
        QCOMPARE(floorOf({0, 0, 0}, ceilings).bound, Bound::None);
        QVERIFY(std::isnan(floorOf({1, 1, NAN}, ceilings).time_us));
        Ceilings unknown = ceilings;
        unknown.bytes_per_s = Ceilings::kUnknown;
        QVERIFY(std::isnan(floorOf({1, 1, 1}, unknown).time_us));
    }

    void layersAddUp() {
        profile::Profile profile = *test::fabricatedProfile();
        profile.provenance.ceilings.reset();
        Point& point = profile.points[1];
        for (ComponentCost& cost : point.layers) {
            // Two layers of a component, bound by different things: 300 µs by memory and 500 µs by work.
            if (cost.component != Component::InProj) continue;
            cost.bytes = cost.layer == 0 ? 3e6 : 0;
            cost.flops = cost.layer == 1 ? 5e7 : 0;
            cost.exponentials = 0;
        }
        const Profile with = withCeilings(profile, ofExample());
        QVERIFY(with.provenance.ceilings && with.provenance.ceilings->matches(ofExample()));
        const ComponentCost* sum = with.points[1].find(Component::InProj);
        QCOMPARE(with.points[1].find(Component::InProj, 0)->floor_us, 300.0);
        QCOMPARE(with.points[1].find(Component::InProj, 0)->bound, Bound::Memory);
        QVERIFY(std::isnan(with.points[1].find(Component::InProj, 2)->floor_us));  // nothing to do: not known
        QVERIFY(std::isnan(sum->floor_us) && sum->bound == Bound::None);

        std::erase_if(point.layers, [](const auto& c) { return c.component == Component::InProj && c.layer > 1; });
        const Profile two = withCeilings(profile, ofExample());
        sum = two.points[1].find(Component::InProj);
        QCOMPARE(sum->floor_us, 800.0);
        QCOMPARE(sum->bound, Bound::Work);
        QVERIFY(std::isnan(two.points[1].find(Component::Other)->floor_us));
        double floors = 0;
        for (const ComponentCost& cost : two.points[1].components) {
            if (cost.component != Component::Other) floors += cost.floor_us;
        }
        QCOMPARE(floorOfPass(two.points[1]), floors);
    }

    void cachesAreSaid() {
        Profile profile = *test::fabricatedProfile();
        Point& point = profile.points[2];
        ComponentCost cost = *point.find(Component::Gate);
        cost.bound = Bound::Memory;
        cost.floor_us = cost.time.median / 2;
        QCOMPARE(ofFloor(cost), 0.5);
        profile.provenance.ceilings = ofExample();
        profile.provenance.ceilings->cache_bytes = point.memory.peak.total() - 1;
        QVERIFY(!inCache(profile, point, cost));
        profile.provenance.ceilings->cache_bytes = point.memory.peak.total();
        QVERIFY(inCache(profile, point, cost));
        profile.provenance.ceilings->cache_bytes = 0;  // not known
        QVERIFY(!inCache(profile, point, cost));
        cost.floor_us = cost.time.median * 1.3;
        QVERIFY(inCache(profile, point, cost));
        // Faster than memory, but of more data than caches hold: the ceiling is too low. A prefill pass finds what the
        // component before wrote in the layer; of a decode pass all layers' data lie between two uses.
        profile.provenance.ceilings->cache_bytes = 2'000'000;
        cost.calls = test::kFabricatedLayers;
        cost.bytes = 4'000'000.0 * test::kFabricatedLayers;
        QVERIFY(inCache(profile, point, cost));
        cost.bytes *= 1.01;
        QVERIFY(!inCache(profile, point, cost));
        cost.bytes = 4'000'000;
        *std::ranges::find(point.components, Component::Gate, &ComponentCost::component) = cost;
        profile.options.mode = Mode::Decode;
        QVERIFY(inCache(profile, point, cost));
        cost.bytes *= test::kFabricatedLayers;
        *std::ranges::find(point.components, Component::Gate, &ComponentCost::component) = cost;
        QVERIFY(!inCache(profile, point, cost));
        cost.bound = Bound::Work;
        QVERIFY(!inCache(profile, point, cost));
    }

    void kept() {
        QVERIFY(report::readCeilings(m_file).empty());
        report::keepCeilings(m_file, ofExample(4));
        report::keepCeilings(m_file, ofExample(8));
        Ceilings newer = ofExample(4);
        newer.bytes_per_s = 12.5e9;
        report::keepCeilings(m_file, newer);
        const auto all = report::readCeilings(m_file);
        QCOMPARE(all.size(), std::size_t{2});
        QCOMPARE(all[0].threads, 8);
        QCOMPARE(all[1].bytes_per_s, 12.5e9);
        QCOMPARE(all[1].taken, newer.taken);
        QCOMPARE(all[1].cache_bytes, newer.cache_bytes);
        report::keepCeilings({}, newer);  // nowhere
    }

    void foundForItsDeviceAlone() {
        const auto backend = kernels::makeBackend("cpu", {.threads = 2});
        QVERIFY(!report::findCeilings(m_file, *backend));
        Ceilings mine = ceilingsOf(*backend);
        mine.bytes_per_s = mine.flops_per_s = mine.exponentials_per_s = 1e9;
        report::keepCeilings(m_file, mine);
        QVERIFY(report::findCeilings(m_file, *backend).has_value());
        QVERIFY(!report::findCeilings(m_file, *kernels::makeBackend("cpu", {.threads = 1})));
        Ceilings older = mine;
        older.version = "0.0.1";
        fs::remove(m_file);
        report::keepCeilings(m_file, older);
        QVERIFY(!report::findCeilings(m_file, *backend));
        // Measured otherwise by the same version, as all were that name no revision.
        older = mine;
        older.revision = 0;
        report::keepCeilings(m_file, older);
        QVERIFY(!report::findCeilings(m_file, *backend));
        QFile file(m_file);
        QVERIFY(file.open(QIODevice::ReadWrite));
        const QByteArray text = file.readAll().replace("\"revision\"", "\"unknown\"");
        QVERIFY(file.resize(0) && file.seek(0) && file.write(text) == text.size());
        file.close();
        QCOMPARE(report::readCeilings(m_file).size(), std::size_t{2});
        QVERIFY(!report::findCeilings(m_file, *backend));
        report::keepCeilings(m_file, mine);
        QVERIFY(report::findCeilings(m_file, *backend).has_value());
    }

    void damagedFilesAreNone_data() {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<bool>("replaced");
        QTest::newRow("empty") << QByteArray() << true;
        QTest::newRow("no JSON") << QByteArray("{\"format_name\":") << false;
        QTest::newRow("a list") << QByteArray("[1, 2]") << false;
        QTest::newRow("another file") << QByteArray("{\"format_name\": \"x\", \"ceilings\": []}") << false;
        QTest::newRow("a number as name") << QByteArray("{\"format_name\": 1}") << false;
        QTest::newRow("another version")
            << QByteArray(R"({"format_name": "PerfMamba Explorer ceilings", "format_version": 2, "ceilings": []})")
            << false;
        QTest::newRow("members missing")
            << QByteArray(R"({"format_name": "PerfMamba Explorer ceilings", "ceilings": [{"device": "x"}, 7]})")
            << true;
        QTest::newRow("binary") << QByteArray("\0\1\2\xff", 4) << false;
        QTest::newRow("notes") << QByteArray("what I have to do") << false;
    }
    void damagedFilesAreNone() {
        QFETCH(QByteArray, text);
        fs::create_directories(m_file.parent_path());
        std::ofstream(m_file, std::ios::binary).write(text.constData(), text.size());
        QVERIFY(report::readCeilings(m_file).empty());
        QFETCH(bool, replaced);
        if (replaced) {
            report::keepCeilings(m_file, ofExample());
            QCOMPARE(report::readCeilings(m_file).size(), std::size_t{1});
        } else {
            QVERIFY_EXCEPTION_THROWN(report::keepCeilings(m_file, ofExample()), Error);
            QFile file(m_file);
            QVERIFY(file.open(QIODevice::ReadOnly));
            QCOMPARE(file.readAll(), text);
        }
    }

    void impossibleRatesAreNone() {
        Ceilings zero = ofExample();
        zero.flops_per_s = 0;
        report::keepCeilings(m_file, zero);
        QVERIFY(report::readCeilings(m_file).empty());
    }

    void whereTheyAreKept() {
        qputenv("PERFMAMBA_CEILINGS", "/somewhere/else.json");
        QCOMPARE(report::ceilingsFile(), fs::path("/somewhere/else.json"));
        QVERIFY(!report::ceilingsAreOff());
        qputenv("PERFMAMBA_CEILINGS", "off");
        QVERIFY(report::ceilingsAreOff() && report::ceilingsFile().empty());
        qputenv("PERFMAMBA_CEILINGS", "OFF");
        QVERIFY(report::ceilingsAreOff() && report::ceilingsFile().empty());
        qputenv("PERFMAMBA_CEILINGS", "/off");
        QVERIFY(!report::ceilingsAreOff());
        qunsetenv("PERFMAMBA_CEILINGS");
        const QByteArray data = qgetenv("XDG_DATA_HOME");
        qputenv("XDG_DATA_HOME", "/data");
        QCOMPARE(report::ceilingsFile(), fs::path("/data/PerfMamba/PerfMamba Explorer/ceilings.json"));
        qputenv("XDG_DATA_HOME", data);
    }

    void unwritable() {
        const fs::path file = m_file.parent_path();
        std::ofstream(file) << "a file where the folder should be";
        QVERIFY_EXCEPTION_THROWN(report::keepCeilings(m_file, ofExample()), Error);
    }

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    fs::path m_file;
};

QTEST_GUILESS_MAIN(TestCeilings)
#include "test_ceilings.moc"
