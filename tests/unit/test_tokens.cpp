// Tokens to calibrate and evaluate on: generated as the task says, read as they stand in the file, and kept apart.
#include <QTemporaryDir>
#include <QTest>

#include <map>
#include <numeric>
#include <set>

#include "core/evaluate/draw.h"
#include "core/evaluate/tokens.h"
#include "tests/support/checkpoint_folder.h"
#include "tests/support/message_of.h"

using namespace perfmamba;
using namespace perfmamba::evaluate;
namespace fs = std::filesystem;

namespace {

const char* const kRecallTask = R"({"task": "recall", "pairs": 8, "keys": 32, "values": 32, "length": 64})";

std::shared_ptr<const model::Checkpoint> demo(const char* name) {
    return model::Checkpoint::open(std::string(PERFMAMBA_SOURCE_DIR "/resources/demo/") + name);
}

TokenRequest request(const std::string& source, std::int64_t length = 0, std::int64_t sequences = 0,
                     std::uint64_t seed = 1) {
    return {source, length, sequences, seed};
}

/// Text without a passage twice: every word is another number.
std::string text(int first, std::size_t bytes) {
    std::string result;
    for (int i = first; result.size() < bytes; ++i) result += "word " + std::to_string(i) + "\n";
    return result.substr(0, bytes);
}

}  // namespace

class TestTokens : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    void drawIsUniform() {
        Draw draw(3);
        std::vector<int> counts(7);
        for (int i = 0; i < 70'000; ++i) ++counts[static_cast<std::size_t>(draw.below(7))];
        // Standard deviation of a count: 93.
        for (const int count : counts) QVERIFY(std::abs(count - 10'000) < 500);
        QCOMPARE(draw.below(1), 0);

        std::map<std::vector<std::int64_t>, int> orders;
        for (int i = 0; i < 12'000; ++i) ++orders[draw.distinct(2, 4)];
        QCOMPARE(orders.size(), 12U);
        for (const auto& [order, count] : orders) QVERIFY(order[0] != order[1] && std::abs(count - 1000) < 160);
    }

    void recallIsAsTheTaskSays() {
        const auto checkpoint = demo("mamba2-recall");
        const TokenSet set = load(request("task"), *checkpoint);
        QCOMPARE(set.sequences.size(), static_cast<std::size_t>(kRecallSequences));
        QCOMPARE(set.length, 64);
        QCOMPARE(set.source, std::string("task"));
        QCOMPARE(set.bytes_per_token, 0.0);
        QCOMPARE(set.description, std::string("recall: 8 pairs in 64 tokens, 256 sequences, seed 1"));
        std::set<std::size_t> places;
        int in_order = 0;
        for (std::size_t s = 0; s < set.sequences.size(); ++s) {
            const auto& tokens = set.sequences[s];
            const auto& targets = set.targets[s];
            QCOMPARE(tokens.size(), 64U);
            QCOMPARE(targets.size(), 64U);
            std::map<std::int32_t, std::int32_t> value_of;
            std::vector<std::int32_t> keys;
            for (std::size_t i = 0; i < 16; i += 2) {
                QVERIFY(tokens[i] >= 1 && tokens[i] <= 32);
                QVERIFY(tokens[i + 1] >= 33 && tokens[i + 1] <= 64);
                value_of[tokens[i]] = tokens[i + 1];
                keys.push_back(tokens[i]);
                QCOMPARE(targets[i], -1);
                QCOMPARE(targets[i + 1], -1);
            }
            QCOMPARE(value_of.size(), 8U);
            std::vector<std::int32_t> asked;
            for (std::size_t i = 16; i < 64; ++i) {
                QCOMPARE(targets[i], tokens[i] == 0 ? -1 : value_of.at(tokens[i]));
                if (tokens[i] == 0) continue;
                asked.push_back(tokens[i]);
                places.insert(i);
            }
            in_order += asked == keys ? 1 : 0;
            std::sort(asked.begin(), asked.end());
            std::sort(keys.begin(), keys.end());
            QCOMPARE(asked, keys);
        }
        QCOMPARE(places.size(), 48U);
        QVERIFY(in_order < 2);
    }

    /// The same on every machine and with every compiler: what these hashes are may not change.
    void reproducible() {
        const auto checkpoint = demo("mamba2-recall");
        const TokenSet set = load(request("task", 0, 64, kCalibrationSeed), *checkpoint);
        QCOMPARE(set.hash, std::string("4a5572d66225ded8"));
        QCOMPARE(load(request("task", 64, 64, kCalibrationSeed), *checkpoint).sequences, set.sequences);
        QCOMPARE(load(request("random", 0, 0, 1), *checkpoint).hash, std::string("aae2155eb5b328df"));
        const TokenSet fewer = load(request("task", 0, 5, kCalibrationSeed), *checkpoint);
        QVERIFY(std::equal(fewer.sequences.begin(), fewer.sequences.end(), set.sequences.begin()));
        QVERIFY(load(request("task", 0, 64, 8), *checkpoint).hash != set.hash);
    }

    void randomIds() {
        const TokenSet set = load(request("random"), *demo("mamba2-bytes"));
        QCOMPARE(std::ssize(set.sequences), kRandomSequences);
        QCOMPARE(set.length, kRandomLength);
        QVERIFY(set.targets.empty());
        QCOMPARE(set.bytes_per_token, 1.0);
        std::set<std::int32_t> seen;
        for (const auto& sequence : set.sequences) seen.insert(sequence.begin(), sequence.end());
        QCOMPARE(seen.size(), 256U);
        QCOMPARE(*seen.begin(), 0);
        QCOMPARE(*seen.rbegin(), 255);
        QCOMPARE(load(request("random", 100, 3), *demo("mamba2-recall")).tokens(), 300);
    }

    void brokenTask_data() {
        QTest::addColumn<QString>("task");
        QTest::addColumn<QString>("message");
        const auto row = [](const char* name, const char* task, const char* message) {
            QTest::newRow(name) << QString::fromLatin1(task) << QString::fromUtf8(message);
        };
        row("no JSON", "{", "task.json: is not valid JSON");
        row("no task", R"({"pairs": 8})", "\"task\" is not there");
        row("task a number", R"({"task": 1})", "\"task\" is not there, or not a text");
        row("no pairs", R"({"task": "recall", "keys": 32, "values": 32, "length": 64})", "lacks \"pairs\"");
        row("a share", R"({"task": "recall", "pairs": 8.0, "keys": 32, "values": 32, "length": 64})",
            "\"pairs\" is 8.0, not a whole number");
        row("a text", R"({"task": "recall", "pairs": "8", "keys": 32, "values": 32, "length": 64})", "\"pairs\" is");
        row("none", R"({"task": "recall", "pairs": 0, "keys": 32, "values": 32, "length": 64})",
            "\"pairs\" is 0, not a whole number from 1");
        row("huge", R"({"task": "recall", "pairs": 8, "keys": 32, "values": 32, "length": 18446744073709551615})",
            "\"length\" is 18446744073709551615");
        row("long", R"({"task": "recall", "pairs": 8, "keys": 32, "values": 32, "length": 100000000000})",
            "\"length\" is 100000000000, not a whole number from 3 to 1048576");
        row("few keys", R"({"task": "recall", "pairs": 8, "keys": 7, "values": 32, "length": 64})",
            "8 pairs need as many keys, and there are 7");
        row("short", R"({"task": "recall", "pairs": 8, "keys": 32, "values": 32, "length": 23})",
            "8 pairs and a question for each need 24 tokens, and \"length\" is 23");
        row("vocabulary", R"({"task": "recall", "pairs": 8, "keys": 32, "values": 33, "length": 64})",
            "a filler, 32 keys and 33 values do not fit into the model's vocabulary of 65");
        row("bytes", R"({"task": "bytes", "length": 256})",
            "the 256 bytes do not fit into the model's vocabulary of 65");
    }
    void brokenTask() {
        QFETCH(QString, task);
        QFETCH(QString, message);
        const tests::CheckpointFolder folder;
        tests::writeFile(folder.path() / "task.json", task.toStdString());
        const auto checkpoint = model::Checkpoint::open(folder.path());
        const QString said = tests::messageOf([&] {
            (void)recallTask(*checkpoint);
            (void)tokensAreBytes(*checkpoint);
        });
        QVERIFY2(said.contains(message) && said.contains(QStringLiteral("task.json: ")), qPrintable(said));
    }

    void otherTasks() {
        const tests::CheckpointFolder folder;
        const auto checkpoint = model::Checkpoint::open(folder.path());
        QVERIFY(!recallTask(*checkpoint));
        QVERIFY(!tokensAreBytes(*checkpoint));
        VERIFY_MESSAGE(load(request("task"), *checkpoint), "has no task.json that describes a recall task");
        tests::writeFile(folder.path() / "task.json", R"({"task": "copying", "pairs": "any"})");
        QVERIFY(!recallTask(*checkpoint));
        VERIFY_MESSAGE(load(request("task"), *checkpoint), "has no task.json that describes a recall task");
        // The tightest task that there is room for.
        tests::writeFile(folder.path() / "task.json",
                         R"({"task": "recall", "pairs": 32, "keys": 32, "values": 32, "length": 96})");
        const TokenSet tight = load(request("task", 0, 1), *checkpoint);
        QCOMPARE(std::count(tight.targets[0].begin(), tight.targets[0].end(), -1), 64);

        const tests::CheckpointFolder bytes("mamba2-bytes");
        QVERIFY(tokensAreBytes(*model::Checkpoint::open(bytes.path())));  // by its vocabulary
        QVERIFY(tokensAreBytes(*demo("mamba1-bytes")));
        QVERIFY(!tokensAreBytes(*demo("mamba1-recall")));
        tests::writeFile(bytes.path() / "task.json", kRecallTask);
        QVERIFY(!tokensAreBytes(*model::Checkpoint::open(bytes.path())));
    }

    void requestsThatCannotBe() {
        const auto checkpoint = demo("mamba2-recall");
        VERIFY_MESSAGE(load(request("task", 128), *checkpoint), "window: 128 tokens, but the model's task has 64");
        VERIFY_MESSAGE(load(request("random", 1), *checkpoint), "window: 1 tokens are too few");
        VERIFY_MESSAGE(load(request("random", -2), *checkpoint), "window: -2 tokens are too few");
        VERIFY_MESSAGE(load(request("task", 0, -1), *checkpoint), "sequences: -1 is below 0");
        VERIFY_MESSAGE(load(request("task", 0, std::int64_t{1} << 60), *checkpoint), "are too many");
        VERIFY_MESSAGE(load(request("random", std::int64_t{1} << 62), *checkpoint), "are too many");
    }

    void textOfBytes() {
        const auto checkpoint = demo("mamba2-bytes");
        const std::string content = text(0, 1000) + std::string("\0\xff", 2);
        const std::string path = file("a text.txt", content);
        const TokenSet set = load(request(path, 300), *checkpoint);
        QCOMPARE(set.sequences.size(), 3U);
        QCOMPARE(set.tokens(), 900);
        QVERIFY(set.targets.empty());
        QCOMPARE(set.bytes_per_token, 1.0);
        QCOMPARE(set.source, fs::canonical(path).string());
        QCOMPARE(set.description, std::string("a text.txt: 3 windows of 300 tokens"));
        for (std::size_t i = 0; i < 900; ++i) {
            QCOMPARE(set.sequences[i / 300][i % 300],
                     static_cast<std::int32_t>(static_cast<unsigned char>(content[i])));
        }
        QCOMPARE(load(request(path, 300, 2), *checkpoint).sequences.size(), 2U);
        QCOMPARE(load(request(path, 300, 9), *checkpoint).sequences.size(), 3U);
        const TokenSet whole = load(request(path, 1002), *checkpoint);
        QCOMPARE(whole.description, std::string("a text.txt: 1 window of 1002 tokens"));
        QCOMPARE(whole.sequences[0][1000], 0);
        QCOMPARE(whole.sequences[0][1001], 255);
        QCOMPARE(load(request(file("long", text(0, 5000))), *checkpoint).length, kWindow);

        VERIFY_MESSAGE(load(request(path), *checkpoint),
                       "shorter than a window of 2048 tokens (give a longer text, or a "
                       "smaller window)");
        VERIFY_MESSAGE(load(request(path, 1003), *checkpoint), "a text.txt: holds 1002 tokens");
        VERIFY_MESSAGE(load(request(file("empty", "")), *checkpoint), "empty: is empty");
        VERIFY_MESSAGE(load(request(path + ".none"), *checkpoint), "cannot be opened: No such file or directory");
        VERIFY_MESSAGE(load(request(m_folder->path().toStdString()), *checkpoint), "is not a regular file");
        VERIFY_MESSAGE(load(request(""), *checkpoint), "cannot be opened");
    }

    void idsInDecimal() {
        const auto checkpoint = demo("mamba2-recall");
        const TokenSet set = load(request(file("a.txt", "1, 2,3\r\n\t64\n0 007"), 3), *checkpoint);
        QCOMPARE(set.sequences, (std::vector<std::vector<std::int32_t>>{{1, 2, 3}, {64, 0, 7}}));
        QCOMPARE(set.bytes_per_token, 0.0);
        // Of a model of bytes, too, where the name says so.
        const TokenSet bytes = load(request(file("b.ids", "72 101"), 2), *demo("mamba2-bytes"));
        QCOMPARE(bytes.sequences, (std::vector<std::vector<std::int32_t>>{{72, 101}}));
        QCOMPARE(bytes.bytes_per_token, 1.0);
    }

    void idsThatAreNone_data() {
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<QString>("message");
        const auto row = [](const char* name, const QByteArray& content, const char* message) {
            QTest::newRow(name) << content << QString::fromUtf8(message);
        };
        row("prose", "Once upon a time",
            "\"Once\" at line 1, column 1 is not a token id (to read a text, put the model's tokenizer.json into its "
            "folder; or give token ids: .npy, .bin, .h5, or .ids with the ids in decimal)");
        row("later", "1 2\n3, 4x\n", "\"4x\" at line 2, column 4 is not a token id");
        row("negative", "1 -2", "\"-2\" at line 1, column 3 is not a token id");
        row("share", "1 2.5", "\"2.5\" at line 1, column 3");
        row("brackets", "[1, 2]", "\"[1\" at line 1, column 1");
        row("long", QByteArray(5000, 'x'), "\"xxxxxxxxxxxxxxxxxxxxxxxx…\" at line 1");
        row("control", "1 \x1b[2J", "\"\xEF\xBF\xBD[2J\"");
        row("vocabulary", "1\n\n  65", "token id 65 at line 3, column 3 is outside the model's vocabulary of 65");
        row("huge", "99999999999999999999999", "token id 99999999999999999999999 at line 1, column 1 is outside");
        row("zero byte", QByteArray("1 \0 2", 5), "holds a zero byte at line 1, column 3: it is not a text");
        row("empty", "", "is empty");
        row("blank", " ,\n", "holds no tokens");
        row("short", "1", "holds 1 tokens, which is shorter than a window of 2 tokens");
    }
    void idsThatAreNone() {
        QFETCH(QByteArray, content);
        QFETCH(QString, message);
        const std::string path = file("ids.txt", content.toStdString());
        const QString said = tests::messageOf([&] { (void)load(request(path, 2), *demo("mamba2-recall")); });
        QVERIFY2(said.contains(message) && said.startsWith(QString::fromStdString(path)), qPrintable(said));
    }

    void generatedApart() {
        const auto checkpoint = demo("mamba2-recall");
        const TokenSet seven = load(request("task", 0, 64, 7), *checkpoint);
        checkApart(seven, load(request("task", 0, 256, 12345), *checkpoint));
        checkApart(seven, load(request("random", 0, 0, 7), *checkpoint));
        VERIFY_MESSAGE((checkApart(seven, seven), 0), "calibration: has the seed of the evaluation (recall: 8 pairs");
        VERIFY_MESSAGE((checkApart(seven, load(request("task", 0, 9, 7), *checkpoint)), 0), "choose another seed");
        VERIFY_MESSAGE(
            (checkApart(load(request("random", 64, 9, 7), *checkpoint), load(request("random", 32, 5, 7), *checkpoint)),
             0),
            "has the seed of the evaluation");
    }

    void textsApart() {
        const auto checkpoint = demo("mamba2-bytes");
        const auto read = [&](const std::string& path, std::int64_t window) {
            return load(request(path, window), *checkpoint);
        };
        const std::string one = file("one", text(0, 6000));
        const std::string other = file("other", text(5000, 6000));
        checkApart(read(one, 256), read(other, 256));
        checkApart(read(one, 256), load(request("random"), *checkpoint));
        VERIFY_MESSAGE((checkApart(read(one, 256), read(one, 512)), 0), "is the text of the evaluation");
        fs::create_symlink(one, file("link", "") + "2");
        VERIFY_MESSAGE((checkApart(read(one, 256), read(file("link", "") + "2", 512)), 0),
                       "is the text of the evaluation");
        const std::string copy = file("copy", text(0, 6000));
        VERIFY_MESSAGE((checkApart(read(one, 256), read(copy, 256)), 0), "has the tokens of the evaluation");
        VERIFY_MESSAGE((checkApart(read(one, 256), read(copy, 2000)), 0), "shares a passage of 256 tokens");
        // A part of it elsewhere in another text, whichever of the two is the calibration.
        const std::string quoting = file("quoting", text(5000, 777) + text(0, 1200) + text(7000, 900));
        VERIFY_MESSAGE((checkApart(read(one, 300), read(quoting, 300)), 0), "shares a passage of 300 tokens");
        VERIFY_MESSAGE((checkApart(read(quoting, 300), read(one, 300)), 0), "shares a passage of 300 tokens");
        // Short windows alone are alike by chance.
        checkApart(read(file("a", text(0, 600) + "the same words"), 8),
                   read(file("b", text(5000, 600) + "the same words"), 8));
    }

private:
    [[nodiscard]] std::string file(const std::string& name, const std::string& content) const {
        const fs::path path = fs::path(m_folder->path().toStdString()) / name;
        tests::writeFile(path, content);
        return path.string();
    }

    std::unique_ptr<QTemporaryDir> m_folder;
};

QTEST_GUILESS_MAIN(TestTokens)
#include "test_tokens.moc"
