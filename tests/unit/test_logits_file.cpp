// Logits as HDF5: written piece by piece, whole or not at all.
#include <QTemporaryDir>
#include <QTest>

#include <hdf5.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "core/report/logits_file.h"
#include "kernels/error.h"

using namespace perfmamba;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kBatch = 2;
constexpr std::int64_t kPositions = 5;
constexpr std::int64_t kVocab = 7;
const std::vector<std::int32_t> kTokens = {1, 2, 3, 4, 5, 6, 0, 1, 2, 3};

float valueAt(std::int64_t sequence, std::int64_t position, std::int64_t token) {
    return static_cast<float>(sequence * 1000 + position * 100 + token);
}

void writePiece(report::LogitsFile& file, std::int64_t first, std::int64_t count) {
    std::vector<float> values;
    for (std::int64_t b = 0; b < kBatch; ++b) {
        for (std::int64_t t = first; t < first + count; ++t) {
            for (std::int64_t v = 0; v < kVocab; ++v) values.push_back(valueAt(b, t, v));
        }
    }
    file.write(first, count, values);
}

template <class T>
std::vector<T> datasetOf(const fs::path& path, const char* name, hid_t type, std::vector<hsize_t>& shape) {
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    const hid_t space = H5Dget_space(dataset);
    shape.assign(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)), 0);
    H5Sget_simple_extent_dims(space, shape.data(), nullptr);
    std::vector<T> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
    H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
    return values;
}

}  // namespace

class TestLogitsFile : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        m_path = fs::path(m_folder->path().toStdString()) / "logits.h5";
    }

    void pieces() {
        {
            report::LogitsFile file(m_path, kBatch, kPositions, kVocab, kTokens, "demo", "0123456789abcdef");
            writePiece(file, 0, 2);
            writePiece(file, 2, 1);
            writePiece(file, 3, 2);
            QVERIFY(!fs::exists(m_path));
            file.finish();
        }
        std::vector<hsize_t> shape;
        const auto logits = datasetOf<float>(m_path, "logits", H5T_NATIVE_FLOAT, shape);
        QCOMPARE(shape, (std::vector<hsize_t>{2, 5, 7}));
        for (std::int64_t i = 0; i < kBatch * kPositions * kVocab; ++i) {
            QCOMPARE(logits[static_cast<std::size_t>(i)],
                     valueAt(i / (kPositions * kVocab), i / kVocab % kPositions, i % kVocab));
        }
        const auto tokens = datasetOf<std::int32_t>(m_path, "tokens", H5T_NATIVE_INT32, shape);
        QCOMPARE(shape, (std::vector<hsize_t>{2, 5}));
        QCOMPARE(tokens, kTokens);
        QVERIFY(!fs::exists(m_path.string() + ".part"));
    }

    void lastPositionOnly() {
        report::LogitsFile file(m_path, kBatch, 1, kVocab, kTokens, "demo", "");
        writePiece(file, 0, 1);
        file.finish();
        std::vector<hsize_t> shape;
        QCOMPARE(datasetOf<std::int64_t>(m_path, "position", H5T_NATIVE_INT64, shape), std::vector<std::int64_t>{4});
    }

    void unfinishedLeavesNothing() {
        { report::LogitsFile file(m_path, kBatch, kPositions, kVocab, kTokens, "demo", ""); }
        QVERIFY(fs::is_empty(m_path.parent_path()));
    }

    void noRoom() {
        const pid_t child = fork();
        if (child == 0) {
            std::signal(SIGXFSZ, SIG_IGN);
            const rlimit limits{100'000, 100'000};
            setrlimit(RLIMIT_FSIZE, &limits);
            try {
                report::LogitsFile file(m_path, 1, 1000, 1000, std::vector<std::int32_t>(1000), "demo", "");
            } catch (const Error& error) {
                const QString text = QString::fromUtf8(error.what());
                std::exit(text.endsWith("logits.h5: cannot be written: File too large") ? 7 : 8);
            }
            std::exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        QVERIFY(WIFEXITED(status));
        QCOMPARE(WEXITSTATUS(status), 7);
        QVERIFY(fs::is_empty(m_path.parent_path()));
    }

    void noFolder() {
        QVERIFY_EXCEPTION_THROWN(
            report::LogitsFile(m_path / "none" / "x.h5", 1, 1, 1, std::vector<std::int32_t>{0}, "demo", ""), Error);
    }

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    fs::path m_path;
};

QTEST_GUILESS_MAIN(TestLogitsFile)
#include "test_logits_file.moc"
