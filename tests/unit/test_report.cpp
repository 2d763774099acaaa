// The HDF5 report: what is written is read back, by us and by h5py, and what is no report is refused in one sentence.
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

#include <hdf5.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <limits>
#include <random>

#include "core/report/report.h"
#include "core/report/text.h"
#include "kernels/error.h"
#include "tests/unit/fabricated_profile.h"
#include "tests/unit/profile_equality.h"
#include "tests/unit/report_editing.h"

using namespace perfmamba;
using namespace perfmamba::test;
namespace fs = std::filesystem;

namespace {

/// The message of the Error that reading gives; empty when it gives none.
QString refusalOf(const fs::path& path) {
    try {
        (void)report::read(path);
    } catch (const Error& error) {
        return QString::fromUtf8(error.what());
    }
    return {};
}

QStringList namesIn(const fs::path& folder) {
    QStringList names;
    for (const auto& entry : fs::directory_iterator(folder)) {
        names << QString::fromStdString(entry.path().filename().string());
    }
    names.sort();
    return names;
}

constexpr const char* kMedians = "/points/0001/components/median_us";

}  // namespace

class TestReport : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
        m_path = fs::path(m_folder->path().toStdString()) / "report.h5";
    }

    void roundTrip() {
        const auto profile = test::fabricatedProfile();
        report::write(m_path, *profile);
        const auto back = report::read(m_path);
        QCOMPARE(test::difference(*profile, *back), QString());
        QCOMPARE(namesIn(m_path.parent_path()), QStringList{"report.h5"});
    }

    void roundTripOfExtremes() {
        profile::Profile profile;  // all empty
        report::write(m_path, profile);
        QCOMPARE(test::difference(profile, *report::read(m_path)), QString());

        profile = *test::fabricatedProfile();
        profile.complete = false;
        profile.model.name = "模型 – ü";
        profile.provenance.clock_begin_mhz = 0;  // not known
        profile.options.mode = profile::Mode::Decode;
        profile.points.resize(1);
        profile::Point& point = profile.points[0];
        point.cut_short = true;
        point.components[0].time = profile::summarise({});           // NaN everywhere, no samples
        point.components[1].time = profile::summarise({1.5, 2, 1});  // fewer than the others
        point.components[2].flops = std::numeric_limits<double>::infinity();
        point.stages.clear();
        point.last_pass.clear();
        point.memory.events.clear();
        report::write(m_path, profile);
        QCOMPARE(test::difference(profile, *report::read(m_path)), QString());
    }

    void raggedModel() {
        profile::Profile profile = *test::fabricatedProfile();
        profile.model.config.n_groups = 2;
        profile.model.config.state_sizes.assign(test::kFabricatedLayers, {64, 0});
        profile.model.config.state_sizes[1] = {12, 7};
        report::write(m_path, profile);
        QCOMPARE(test::difference(profile, *report::read(m_path)), QString());
        QCOMPARE(test::difference(profile, *report::readContents(m_path).profile), QString());
        profile.model.config.state_sizes[1] = {65, 0};
        report::write(m_path, profile);
        QVERIFY(refusalOf(m_path).contains("/model/state_sizes is out of range"));
        profile.model.config.state_sizes.pop_back();
        report::write(m_path, profile);
        QVERIFY(refusalOf(m_path).contains("/model/state_sizes does not have a size for each group of each layer"));
    }

    // Written by the first release of the format: opens for ever.
    void version1() {
        const fs::path file = PERFMAMBA_SOURCE_DIR "/tests/unit/reports/profile-version1.h5";
        const auto profile = report::read(file);
        QCOMPARE(profile->model.name, std::string("mamba2-recall"));
        QCOMPARE(profile->model.config.architecture, model::Architecture::Mamba2);
        QVERIFY(profile->model.config.state_sizes.empty());
        QCOMPARE(profile->provenance.created, std::string("2026-11-24T03:45:52Z"));
        QCOMPARE(profile->provenance.device, std::string("Example CPU – 2 threads"));
        QCOMPARE(profile->options.lengths, std::vector<std::int64_t>{64});
        QVERIFY(profile->complete);
        const profile::Point& point = profile->points.at(0);
        QCOMPARE(point.components.size(), std::size_t{10});
        QCOMPARE(point.total.n(), std::size_t{3});
        QCOMPARE(point.total.median, 412.991);
        QCOMPARE(point.find(Component::Ssm)->time.median, 167.943);
        const report::Contents contents = report::readContents(file);
        QCOMPARE(test::difference(*profile, *contents.profile), QString());
        QVERIFY(!contents.activity && !contents.study);
    }

    // Without kernels, tracer and sensors; with states pruned.
    void version2() {
        const auto profile = report::read(PERFMAMBA_SOURCE_DIR "/tests/unit/reports/profile-version2.h5");
        QCOMPARE(profile->model.config.state_sizes.at(1), std::vector<std::int64_t>{12});
        QCOMPARE(profile->options.trace, TraceMode::Auto);
        QCOMPARE(profile->provenance.tracer, std::string());
        const profile::Point& point = profile->points.at(0);
        QCOMPARE(point.total.n(), std::size_t{24});
        QVERIFY(point.last_kernels.empty());
        QCOMPARE(point.trace.detail, TraceDetail::Components);
        QVERIFY(std::isnan(point.device_use.power_w));
        QVERIFY(point.counted.kernels.empty() && point.counted.missing.empty());
        QVERIFY(!profile->options.counters);
    }

    // With kernels, sensors and counters; without ceilings.
    void version3() {
        const auto profile = report::read(PERFMAMBA_SOURCE_DIR "/tests/unit/reports/profile-version3.h5");
        const profile::Point& point = profile->points.at(0);
        QCOMPARE(point.length, std::int64_t{1024});
        QCOMPARE(profile->provenance.tracer, std::string("CUPTI 13.0"));
        QCOMPARE(point.last_kernels.size(), std::size_t{116});
        QCOMPARE(point.counts.dropped, std::int64_t{3});
        QCOMPARE(point.device_use.power_w, 312.5);
        QCOMPARE(point.counted.source, std::string("CUPTI 13.0, GH100"));
        QVERIFY(!profile->provenance.ceilings);
        QVERIFY(std::isnan(point.find(Component::Ssm)->floor_us));
        QVERIFY(std::isnan(point.find(Component::Ssm)->exponentials));
        const std::string text = report::summary(*profile);
        QVERIFY(text.find("floors: n/a: the profile holds no ceilings") != std::string::npos);
    }

    // With ceilings, and the floors that follow from them.
    void version4() {
        const auto profile = report::read(PERFMAMBA_SOURCE_DIR "/tests/unit/reports/profile-version4.h5");
        QVERIFY(profile->provenance.ceilings.has_value());
        const profile::Ceilings& ceilings = *profile->provenance.ceilings;
        QCOMPARE(ceilings.taken, std::string("2026-11-26T18:14:31Z"));
        QCOMPARE(ceilings.bytes_per_s, 40475563655.96546);
        QCOMPARE(ceilings.threads, 2);
        QCOMPARE(ceilings.cache_bytes, std::int64_t{33554432});
        QCOMPARE(profile->model.compute_chunk, std::int64_t{0});  // not known before version 6
        const profile::Point& point = profile->points.at(0);
        QCOMPARE(point.total.n(), std::size_t{6});
        QCOMPARE(point.total.median, 260.856);
        const profile::ComponentCost& ssm = *point.find(Component::Ssm);
        QCOMPARE(ssm.exponentials, 21024.0);
        QCOMPARE(ssm.bound, profile::Bound::Work);
        QVERIFY(std::abs(ssm.floor_us - 46.487) < 0.001);
        const std::string text = report::summary(*profile);
        QVERIFY(text.find("floors: by 40.5 GB/s of memory") != std::string::npos);
    }

    // With the chunk that it ran in, of a run that was cut short.
    void version6() {
        const auto profile = report::read(PERFMAMBA_SOURCE_DIR "/tests/unit/reports/profile-version6.h5");
        QCOMPARE(profile->model.config.chunk_size, std::int64_t{32});
        QCOMPARE(profile->model.compute_chunk, std::int64_t{8});
        QVERIFY(!profile->complete);
        QCOMPARE(profile->points.size(), std::size_t{1});
        QVERIFY(profile->points[0].cut_short);
        QCOMPARE(profile->measured(), std::size_t{0});
        const profile::ComponentCost& other = profile->points[0].components.back();
        QCOMPARE(other.component, Component::Other);
        QVERIFY(std::isnan(other.flops) && std::isnan(other.bytes) && std::isnan(other.exponentials));
    }

    void replacesOnlyWhenFinished() {
        const auto profile = test::fabricatedProfile();
        putBytes(m_path, "an older report");
        {
            report::Writer writer(m_path, *profile);
            writer.add(profile->points[0]);
        }
        QCOMPARE(bytesOf(m_path), std::string("an older report"));
        const auto part = report::read(m_path.string() + ".part");  // stays, and is readable
        QCOMPARE(part->points.size(), std::size_t{1});
        QVERIFY(!part->complete);
        report::write(m_path, *profile);
        QCOMPARE(report::read(m_path)->points.size(), std::size_t{3});
        QCOMPARE(report::read(m_path.string() + ".part")->points.size(), std::size_t{1});  // not this one's to touch
        {
            report::Writer writer(m_path, *profile);  // nothing is measured yet
            QCOMPARE(report::read(m_path.string() + ".part")->points.size(), std::size_t{1});
            writer.discard();
            QVERIFY(fs::exists(m_path.string() + ".part"));
            writer.add(profile->points[0]);
            writer.add(profile->points[1]);
            QCOMPARE(report::read(m_path.string() + ".part")->points.size(), std::size_t{2});
            writer.discard();
        }
        QCOMPARE(namesIn(m_path.parent_path()), QStringList{"report.h5"});
    }

    // Killed at many moments: from the first point on there is always a .part that opens.
    void killed() {
        const auto profile = test::fabricatedProfile();
        const fs::path part = m_path.string() + ".part";
        for (int round = 0; round < 12; ++round) {
            fs::remove(part);
            const pid_t child = fork();
            if (child == 0) {
                report::Writer writer(m_path, *profile);
                for (;;) writer.add(profile->points[0]);
            }
            while (!fs::exists(part)) QTest::qSleep(1);
            QTest::qSleep(3 + 7 * round);
            kill(child, SIGKILL);
            waitpid(child, nullptr, 0);
            QCOMPARE(refusalOf(part), QString());
            QVERIFY(!fs::exists(m_path));
        }
    }

    // A limit on the size of files is met as a full disk is.
    void fullDisk_data() {
        QTest::addColumn<int>("limit");
        QTest::newRow("nothing fits") << 1000;
        QTest::newRow("the header fits") << 60'000;
        QTest::newRow("a point fits") << 180'000;
    }
    void fullDisk() {
        QFETCH(int, limit);
        const auto profile = test::fabricatedProfile();
        putBytes(m_path, "an older report");
        const fs::path said = m_path.string() + ".said";
        putBytes(said, "");
        const pid_t child = fork();
        if (child == 0) {
            std::signal(SIGXFSZ, SIG_IGN);
            const rlimit limits{static_cast<rlim_t>(limit), static_cast<rlim_t>(limit)};
            setrlimit(RLIMIT_FSIZE, &limits);
            try {
                report::write(m_path, *profile);
                _exit(0);
            } catch (const Error& error) {
                putBytes(said, error.what());
                std::exit(7);  // with the library's own clearing up, as a program ends
            }
        }
        int status = 0;
        waitpid(child, &status, 0);
        QVERIFY(WIFEXITED(status));
        QCOMPARE(WEXITSTATUS(status), 7);
        QCOMPARE(QString::fromStdString(bytesOf(said)),
                 QString::fromStdString(m_path.string() + ": cannot be written: File too large"));
        QCOMPARE(bytesOf(m_path), std::string("an older report"));
        fs::remove(said);
        QCOMPARE(namesIn(m_path.parent_path()), QStringList{"report.h5"});
    }

    void unwritable() {
        const auto profile = test::fabricatedProfile();
        const auto refusal = [&](const fs::path& path) {
            try {
                report::Writer writer(path, *profile);
            } catch (const Error& error) {
                return QString::fromUtf8(error.what());
            }
            return QString();
        };
        QVERIFY(refusal(m_path.parent_path() / "none" / "report.h5").contains("there is no folder"));
        QVERIFY(refusal(m_path.parent_path()).contains("it is a folder"));
        putBytes(m_path, "a file");
        QVERIFY(refusal(m_path / "report.h5").contains("is not a folder"));
    }

    void notReports() {
        QVERIFY(refusalOf(m_path).contains("No such file"));
        QVERIFY(refusalOf(m_path.parent_path()).contains("is not a file"));
        putBytes(m_path, "");
        QVERIFY(refusalOf(m_path).contains("is empty"));
        putBytes(m_path, "{\"json\": true}");
        QVERIFY(refusalOf(m_path).contains("is not an HDF5 file (open a report"));
        putBytes(m_path, std::string("\x89HDF\r\n\x1a\n", 8));
        QVERIFY(refusalOf(m_path).contains("is not a report"));
        H5Fclose(H5Fcreate(m_path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
        QVERIFY(refusalOf(m_path).contains("is not a report of PerfMamba Explorer"));
        edit(m_path, [](hid_t) {});
        QVERIFY(refusalOf(m_path).contains("is an HDF5 file, but not a report of PerfMamba Explorer"));
        QVERIFY(refusalOf(m_path).startsWith(QString::fromStdString(m_path.string())));
    }

    void edited_data() {
        using Change = std::function<void(hid_t)>;
        QTest::addColumn<Change>("change");
        QTest::addColumn<QString>("reason");
        const auto row = [](const char* name, const char* reason, Change change) {
            QTest::newRow(name) << change << QString(reason);
        };
        row("later version", "is of format version 7, and this program reads versions up to 6",
            [](hid_t file) { replaceNumberAttribute(file, "format_version", 7); });
        row("version 0", "format_version is out of range",
            [](hid_t file) { replaceNumberAttribute(file, "format_version", 0); });
        row("unknown content", "/content has an unknown value, 'profit'", [](hid_t file) {
            H5Adelete(file, "content");
            const hid_t space = H5Screate(H5S_SCALAR);
            const hid_t type = H5Tcopy(H5T_C_S1);
            H5Tset_size(type, 6);
            const hid_t attribute = H5Acreate2(file, "content", type, space, H5P_DEFAULT, H5P_DEFAULT);
            H5Awrite(attribute, type, "profit");
            H5Aclose(attribute);
            H5Tclose(type);
            H5Sclose(space);
        });
        row("missing dataset", "components/median_us is missing",
            [](hid_t file) { H5Ldelete(file, kMedians, H5P_DEFAULT); });
        row("missing attribute", "/creator is missing", [](hid_t file) { H5Adelete(file, "creator"); });
        row("missing group", "/model is missing", [](hid_t file) { H5Ldelete(file, "/model", H5P_DEFAULT); });
        row("missing point", "/points/0001 is missing",
            [](hid_t file) { H5Lmove(file, "/points/0001", file, "/points/0009", H5P_DEFAULT, H5P_DEFAULT); });
        row("attribute of another type", "creator is of the wrong type",
            [](hid_t file) { replaceNumberAttribute(file, "creator", 7); });
        row("dataset of another type", "median_us is of the wrong type",
            [](hid_t file) { replaceDataset(file, kMedians, H5T_STD_I64LE, {10}); });
        row("dataset of another rank", "median_us does not have 1 axis", [](hid_t file) {
            replaceDataset(file, kMedians, H5T_IEEE_F64LE, {10, 2});
        });
        row("dataset of another length", "is not as long as the table's other columns",
            [](hid_t file) { replaceDataset(file, kMedians, H5T_IEEE_F64LE, {3}); });
        row("huge claim", "claims more values than the file can hold",
            [](hid_t file) { replaceDataset(file, kMedians, H5T_IEEE_F64LE, {hsize_t{1} << 40}); });
        row("huge claim of text", "claims more values than the file can hold", [](hid_t file) {
            const hid_t type = H5Tcopy(H5T_C_S1);
            H5Tset_size(type, 200);
            replaceDataset(file, "/points/0001/components/component", type, {hsize_t{1} << 40});
            H5Tclose(type);
        });
        row("a point of two names", "/points/0001 has more than one name", [](hid_t file) {
            H5Ldelete(file, "/points/0002", H5P_DEFAULT);
            H5Lcreate_hard(file, "/points/0001", file, "/points/0002", H5P_DEFAULT, H5P_DEFAULT);
        });
        row("huge claims in all", "claims, with what stands before it, more values than", [](hid_t file) {
            // Each is within what one dataset may claim.
            for (const char* point : {"0000", "0001", "0002"}) {
                for (const char* table : {"passes", "components", "layers", "stages"}) {
                    const std::string name = "/points/" + std::string(point) + "/" + table + "/samples_us";
                    const hid_t dataset = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
                    const hid_t space = H5Dget_space(dataset);
                    std::vector<hsize_t> shape(2);
                    H5Sget_simple_extent_dims(space, shape.data(), nullptr);
                    H5Sclose(space);
                    H5Dclose(dataset);
                    shape[1] = (hsize_t{16} << 20) / sizeof(double) / shape[0];
                    replaceDataset(file, name.c_str(), H5T_IEEE_F64LE, shape);
                }
            }
        });
        row("group for a dataset", "is not a dataset", [](hid_t file) {
            H5Ldelete(file, kMedians, H5P_DEFAULT);
            H5Gclose(H5Gcreate2(file, kMedians, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        });
        row("link elsewhere", "is a link", [](hid_t file) {
            H5Ldelete(file, kMedians, H5P_DEFAULT);
            H5Lcreate_external("/etc/hostname", "/", file, kMedians, H5P_DEFAULT, H5P_DEFAULT);
        });
        row("data elsewhere", "lies in another file", [](hid_t file) {
            H5Ldelete(file, kMedians, H5P_DEFAULT);
            const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
            H5Pset_external(properties, "/etc/hostname", 0, 80);
            const hsize_t ten = 10;
            const hid_t space = H5Screate_simple(1, &ten, nullptr);
            H5Dclose(H5Dcreate2(file, kMedians, H5T_IEEE_F64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
            H5Sclose(space);
            H5Pclose(properties);
        });
        row("missing table", "components is missing",
            [](hid_t file) { H5Ldelete(file, "/points/0001/components", H5P_DEFAULT); });
        row("layers without number", "n_layer is out of range", [](hid_t file) {
            const hid_t model = H5Gopen2(file, "/model", H5P_DEFAULT);
            replaceNumberAttribute(model, "n_layer", std::int64_t{1} << 50);
            H5Gclose(model);
        });
        row("more passes than samples", "n contradicts samples_us", [](hid_t file) {
            const hid_t counts = H5Dopen2(file, "/points/0001/components/n", H5P_DEFAULT);
            const std::vector<std::int64_t> values(10, 1'000'000);
            H5Dwrite(counts, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
            H5Dclose(counts);
        });
        row("unknown floor", "has an unknown value, 'magic'",
            [](hid_t file) { replaceTexts(file, "/points/0001/components/floor_bound", "magic"); });
        row("a ceiling of nothing", "ceilings has a rate out of range", [](hid_t file) {
            const hid_t group = H5Gopen2(file, "/ceilings", H5P_DEFAULT);
            replaceNumberAttribute(group, "flops_per_s", 0.0);
            H5Gclose(group);
        });
        row("unknown component", "has an unknown value, 'conv1x'",
            [](hid_t file) { replaceTexts(file, "/points/0001/components/component", "conv1x"); });
    }
    void edited() {
        using Change = std::function<void(hid_t)>;
        QFETCH(Change, change);
        QFETCH(QString, reason);
        const auto profile = test::fabricatedProfile();
        QCOMPARE(profile->points[1].components.size(), std::size_t{10});
        report::write(m_path, *profile);
        edit(m_path, change);
        const QString refusal = refusalOf(m_path);
        QVERIFY2(refusal.contains(reason), qPrintable(refusal));
        QVERIFY(refusal.startsWith(QString::fromStdString(m_path.string()) + ": "));
        QVERIFY(!refusal.contains('\n'));
    }

    void truncated() {
        report::write(m_path, *test::fabricatedProfile());
        const std::string whole = bytesOf(m_path);
        for (std::size_t part = 0; part < 40; ++part) {
            putBytes(m_path, whole.substr(0, whole.size() * part / 40));
            QVERIFY(!refusalOf(m_path).isEmpty());
        }
        putBytes(m_path, whole.substr(0, whole.size() - 1));
        QVERIFY(!refusalOf(m_path).isEmpty());
    }

    // Damaged by chance: always noticed, by the checksum.
    void randomBytes() {
        profile::Profile profile = *test::fabricatedProfile();
        profile.points.resize(1);
        report::write(m_path, profile);
        const std::string whole = bytesOf(m_path);
        for (unsigned seed = 0; seed < 200; ++seed) {
            std::mt19937 random(seed);
            std::string bytes = whole;
            const unsigned flips = 1 + random() % 8;
            for (unsigned i = 0; i < flips; ++i) {
                // Half of them where the structure begins.
                const std::size_t extent = random() % 2 == 0 ? std::min<std::size_t>(4096, bytes.size()) : bytes.size();
                bytes[random() % extent] = static_cast<char>(random() % 256);
            }
            putBytes(m_path, bytes);
            QVERIFY(bytes == whole || !refusalOf(m_path).isEmpty());
        }
    }

    void readByH5py() {
        QProcess probe;
        probe.start("/usr/bin/python3", {"-c", "import h5py"});
        if (!probe.waitForFinished() || probe.exitCode() != 0) QSKIP("h5py is not installed (python3-h5py)");
        const auto profile = test::fabricatedProfile();
        report::write(m_path, *profile);
        QProcess python;
        python.start("/usr/bin/python3",
                     {PERFMAMBA_SOURCE_DIR "/tests/unit/check_report.py", QString::fromStdString(m_path.string())});
        QVERIFY(python.waitForFinished());
        const QByteArray errors = python.readAllStandardError();
        QVERIFY2(python.exitCode() == 0, errors.constData());
        const profile::ComponentCost* ssm = profile->points[2].find(Component::Ssm);
        const QString expected =
            QString("3 points, ssm %1 us, n %2\n").arg(ssm->time.median, 0, 'f', 6).arg(ssm->time.n());
        QCOMPARE(QString::fromUtf8(python.readAllStandardOutput()), expected);
    }

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    fs::path m_path;
};

QTEST_GUILESS_MAIN(TestReport)
#include "test_report.moc"
