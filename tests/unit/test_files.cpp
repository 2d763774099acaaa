// Whole files out: what is there already, and of which kind, decides how they are written.
#include <QTemporaryDir>
#include <QTest>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

#include "core/report/files.h"
#include "core/report/logits_file.h"
#include "core/report/report.h"
#include "kernels/error.h"
#include "tests/unit/fabricated_profile.h"

using namespace perfmamba;
namespace fs = std::filesystem;

namespace {

std::string bytesOf(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void put(const fs::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
}

void writeText(const fs::path& path, std::string_view text) {
    report::checkWritable(path);
    report::writeThrough(path, std::as_bytes(std::span(text)));
}

QString refusal(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return QString::fromUtf8(error.what());
    }
    return {};
}

}  // namespace

class TestFiles : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
        m_path = fs::path(m_folder->path().toStdString()) / "out";
    }

    void oneWriterAtATime() {
        const fs::path link = m_path.string() + "-link";
        fs::create_symlink("out", link);
        {
            const report::OnlyWriter first(m_path);
            QVERIFY(refusal([&] { const report::OnlyWriter second(m_path); }).contains("out: is being written"));
            QVERIFY(refusal([&] { const report::OnlyWriter same(link); }).contains("out-link: is being written"));
            const report::OnlyWriter other(m_path.string() + "2");
            QVERIFY(fs::exists(m_path.parent_path() / ".out.lock"));
        }
        QVERIFY(!fs::exists(m_path.parent_path() / ".out.lock"));
        put(m_path.parent_path() / ".out.lock", "");  // of a process that was killed
        QCOMPARE(refusal([&] { const report::OnlyWriter again(m_path); }), QString());
        QCOMPARE(refusal([&] { const report::OnlyWriter nowhere(m_path / "none" / "x"); }), QString());
        QCOMPARE(refusal([&] { const report::OnlyWriter nothing({}); }), QString());
    }

    void replacesAFile() {
        const fs::path backup = m_path.string() + "~";  // an editor's, say
        put(m_path, "old");
        put(backup, "the user's");
        writeText(m_path, "new");
        QCOMPARE(bytesOf(m_path), std::string("new"));
        QCOMPARE(bytesOf(backup), std::string("the user's"));
        QCOMPARE(entries(), 2);
    }

    void followsLinks() {
        const fs::path folder = m_path.parent_path() / "elsewhere";
        fs::create_directory(folder);
        put(folder / "file", "old");
        fs::create_symlink("elsewhere/file", m_path);
        fs::create_symlink(folder / "new file", m_path.string() + "2");
        writeText(m_path, "new");
        writeText(m_path.string() + "2", "made");
        QVERIFY(fs::is_symlink(m_path));
        QCOMPARE(bytesOf(folder / "file"), std::string("new"));
        QCOMPARE(bytesOf(folder / "new file"), std::string("made"));

        fs::remove(folder / "file");
        report::write(m_path, *test::fabricatedProfile());
        QVERIFY(fs::is_symlink(m_path));
        QCOMPARE(report::read(folder / "file")->points.size(), std::size_t{3});

        fs::create_symlink("loop", m_path.parent_path() / "loop");
        QVERIFY(refusal([&] { writeText(m_path.parent_path() / "loop", ""); }).contains("Too many levels"));
    }

    void intoAPipe() {
        QCOMPARE(::mkfifo(m_path.c_str(), 0600), 0);
        std::string received;
        std::thread reader([&] { received = bytesOf(m_path); });
        writeText(m_path, "text");
        reader.join();
        QCOMPARE(received, std::string("text"));
        QVERIFY(fs::is_fifo(m_path));
        QCOMPARE(entries(), 1);
    }

    void noHdf5IntoAPipe() {
        QCOMPARE(::mkfifo(m_path.c_str(), 0600), 0);
        const auto profile = test::fabricatedProfile();
        QVERIFY(refusal([&] { report::write(m_path, *profile); }).contains("pipe or a device"));
        QVERIFY(refusal([&] { report::Writer(m_path, *profile); }).contains("pipe or a device"));
        QVERIFY(refusal([&] { report::LogitsFile::checkTarget(m_path); }).contains("pipe or a device"));
        fs::rename(m_path, m_path.string() + ".part");
        QVERIFY(refusal([&] { report::Writer(m_path, *profile); }).contains("in the way"));
        QCOMPARE(entries(), 1);
    }

    void logitsOnlyOverLogits() {
        const std::vector<std::int32_t> tokens = {0};
        const auto write = [&] {
            report::LogitsFile file(m_path, 1, 1, 2, tokens, "demo", "0");
            file.write(0, 1, std::vector<float>{1, 2});
            file.finish();
        };
        write();
        write();
        put(m_path, "weights");
        QVERIFY(refusal(write).contains("is not a file of logits"));
        QCOMPARE(bytesOf(m_path), std::string("weights"));
        fs::remove(m_path);
        report::write(m_path, *test::fabricatedProfile());
        QVERIFY(refusal(write).contains("is not a file of logits"));
        QCOMPARE(entries(), 1);
    }

private:
    [[nodiscard]] int entries() const {
        return static_cast<int>(std::distance(fs::directory_iterator(m_path.parent_path()), {}));
    }

    std::unique_ptr<QTemporaryDir> m_folder;
    fs::path m_path;
};

QTEST_GUILESS_MAIN(TestFiles)
#include "test_files.moc"
