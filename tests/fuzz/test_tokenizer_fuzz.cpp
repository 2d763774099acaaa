// The readers of texts on files that are good, cut short and changed at random: the same changes in every run, as many
// as there is time for.
#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QTest>

#include <functional>
#include <random>

#include "tests/fuzz/tokenizer_targets.h"
#include "tests/support/checkpoint_folder.h"
#include "tests/support/small_tokenizer.h"

using namespace perfmamba;

namespace {

constexpr int kMost = 4000;
constexpr qint64 kTime_ms = 1000;   // for each target
constexpr qint64 kHang_ms = 20000;  // for one file

using Corpus = std::vector<std::string>;

Corpus tokenizers() {
    Corpus corpus = {tests::smallTokenizer().dump()};
    const QDir folder(QStringLiteral(PERFMAMBA_SOURCE_DIR "/tests/golden/tokenizers"));
    for (const QString& name : folder.entryList({QStringLiteral("*.json.z")})) {
        QFile file(folder.filePath(name));
        if (!file.open(QIODevice::ReadOnly)) qFatal("%s cannot be read", qPrintable(name));
        // The parts at the begin and at the end are of interest, not the vocabulary between them.
        nlohmann::json small = nlohmann::json::parse(qUncompress(file.readAll()).toStdString());
        small["model"]["vocab"] = tests::smallTokenizer()["model"]["vocab"];
        small["model"]["vocab"]["<unk>"] = 36;
        small["model"]["merges"] = tests::smallTokenizer()["model"]["merges"];
        corpus.push_back(small.dump());
    }
    return corpus;
}

Corpus arrays() {
    Corpus corpus;
    for (const std::string header : {"{'descr': '<u2', 'fortran_order': False, 'shape': (4,), }",
                                     "{'descr': '>i4', 'fortran_order': False, 'shape': (2, 1), }"}) {
        corpus.push_back(std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header +
                         std::string("\1\0\2\0\3\0\4\0", 8));
    }
    return corpus;
}

/// Words that readers look for.
const Corpus kWords = {"{",
                       "}",
                       "[",
                       "]",
                       "\"",
                       ":",
                       "null",
                       "true",
                       "-1",
                       "1e999",
                       "65536",
                       "4294967296",
                       "\"type\"",
                       "\"text\"",
                       "\\",
                       "\n",
                       "\\p{L}",
                       "(?:a*)*",
                       "{1000}",
                       "\xff",
                       "\xe2\x96\x81",
                       "\xc4\xa0",
                       " ",
                       "\"Sequence\"",
                       "'shape'",
                       "9223372036854775807",
                       "\"Regex\"",
                       "<0x41>"};

std::string changed(std::string bytes, const Corpus& corpus, std::mt19937& random) {
    const auto below = [&](std::size_t count) { return count == 0 ? 0 : static_cast<std::size_t>(random()) % count; };
    for (std::size_t i = 0, count = 1 + below(6); i < count; ++i) {
        const std::size_t at = below(bytes.size() + 1);
        switch (below(6)) {
            case 0: bytes.resize(at); break;
            case 1: bytes.insert(at, kWords[below(kWords.size())]); break;
            case 2:
                if (at < bytes.size()) bytes[at] = static_cast<char>(random());
                break;
            case 3: bytes.erase(at, below(20)); break;
            case 4: bytes.insert(at, bytes.substr(below(bytes.size()), below(200))); break;
            default: {
                const std::string& other = corpus[below(corpus.size())];
                bytes = bytes.substr(0, at) + other.substr(below(other.size()));
            }
        }
    }
    return bytes;
}

}  // namespace

class TestTokenizerFuzz : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void survives_data() {
        QTest::addColumn<int>("target");
        for (std::size_t i = 0; i < m_targets.size(); ++i) QTest::newRow(m_targets[i].name) << static_cast<int>(i);
    }
    void survives() {
        QFETCH(int, target);
        const Target& chosen = m_targets[static_cast<std::size_t>(target)];
        Corpus corpus = chosen.corpus();
        for (std::string& found :
             tests::filesIn(PERFMAMBA_SOURCE_DIR "/tests/fuzz/corpus/" + std::string(chosen.name))) {
            corpus.push_back(std::move(found));
        }
        std::mt19937 random(7);
        QElapsedTimer all;
        all.start();
        int count = 0;
        const auto run = [&](const std::string& bytes) {
            QElapsedTimer one;
            one.start();
            chosen.read(bytes);
            ++count;
            QVERIFY2(one.elapsed() < kHang_ms, bytes.c_str());
        };
        for (const std::string& good : corpus) run(good);
        while (count < kMost && all.elapsed() < kTime_ms)
            run(changed(corpus[static_cast<std::size_t>(random()) % corpus.size()], corpus, random));
        qInfo("%d files", count);
    }

private:
    struct Target {
        const char* name;
        void (*read)(std::string_view);
        std::function<Corpus()> corpus;
    };
    const std::vector<Target> m_targets = {
        {"readTokenizer", fuzz::readTokenizer, tokenizers},
        {"readRecords", fuzz::readRecords,
         [] {
             return Corpus{"{\"text\": \"the cat\"}\n{\"text\": \"a\\u00e9\\ud83d\\ude00\", \"n\": [1, {}]}\n",
                           "{\"text\": \"\"}\n\n{\"text\": \"the\"}"};
         }},
        {"readPassages", fuzz::readPassages,
         [] {
             return Corpus{"the cat the\na b\n", "  a  b  \r\n\nthe cat.\n"};
         }},
        {"readNpy", fuzz::readNpy, arrays},
        {"readBin", fuzz::readBin,
         [] {
             return Corpus{std::string("\1\0\2\0\3\0\4\0", 8), std::string(256, '\0')};
         }},
        {"readDecimal", fuzz::readDecimal,
         [] {
             return Corpus{"1 2 3, 4\n64\r\n0", "007"};
         }},
    };
};

QTEST_GUILESS_MAIN(TestTokenizerFuzz)
#include "test_tokenizer_fuzz.moc"
