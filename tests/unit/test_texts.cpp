// Texts on their way to tokens: characters, patterns, what tokenizer.json may not be, documents, and files of ids.
#include <QTest>

#include <functional>
#include <random>

#include "core/evaluate/documents.h"
#include "core/evaluate/tokens.h"
#include "core/report/hdf5.h"
#include "core/text/cut.h"
#include "core/text/regex.h"
#include "core/text/tokenizer.h"
#include "core/text/utf8.h"
#include "tests/support/checkpoint_folder.h"
#include "tests/support/message_of.h"
#include "tests/support/small_tokenizer.h"

using namespace perfmamba;
using evaluate::TokenRequest;
using evaluate::TokenSet;
using nlohmann::json;
using Tokens = std::vector<std::int32_t>;
namespace fs = std::filesystem;

namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    Q_ASSERT_X(at != std::string::npos, "replaced", from.c_str());
    return text.replace(at, from.size(), to);
}

std::vector<std::string> matches(const std::string& pattern, const std::string& text) {
    std::vector<text::Range> found;
    text::Regex(pattern, "pattern").matches(text, found);
    std::vector<std::string> result;
    for (const text::Range& range : found) result.push_back(text.substr(range.begin, range.end - range.begin));
    return result;
}

template <class T>
std::string bytesOf(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string npy(const std::string& descr, const std::string& shape, const std::string& data) {
    std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
    header.resize(118, ' ');
    header.back() = '\n';
    return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header + data;
}

}  // namespace

class TestTexts : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<tests::CheckpointFolder>();
        tests::writeFile(m_folder->path() / "tokenizer.json", tests::smallTokenizer().dump());
    }

    /// As Python's bytes.decode(errors="replace").
    void invalidBytes_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<int>("replaced");
        QTest::newRow("text") << QByteArray("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") << 0;
        QTest::newRow("alone") << QByteArray("\x80") << 1;
        QTest::newRow("too long") << QByteArray("\xc0\xaf") << 2;
        QTest::newRow("cut short") << QByteArray("\xe2\x82") << 1;
        QTest::newRow("cut short inside") << QByteArray("\xf0\x9f\x98g") << 1;
        QTest::newRow("surrogate") << QByteArray("\xed\xa0\x80") << 3;
        QTest::newRow("beyond") << QByteArray("\xf4\x90\x80\x80") << 4;
        QTest::newRow("twice") << QByteArray("\xe2\xe2\x82") << 2;
    }
    void invalidBytes() {
        QFETCH(QByteArray, bytes);
        QFETCH(int, replaced);
        const std::string text = bytes.toStdString();
        QCOMPARE(text::isUtf8(text), replaced == 0);
        const QString result = QString::fromStdString(text::replaceInvalid(text));
        QCOMPARE(result.count(QChar(0xFFFD)), replaced);
        QVERIFY(text::isUtf8(text::replaceInvalid(text)));
    }

    void patternsAsOnigurumaHasThem() {
        const std::vector<std::string> spaces = {" ", "\u3000", "\u0085"};
        QCOMPARE(matches("\\s", "a \u3000b\u0085\u180e\u200b"), spaces);
        QCOMPARE(matches("[^\\S]", "a \u3000b\u0085\u180e"), spaces);
        QCOMPARE(matches("\\w+", "né²_1-b"), (std::vector<std::string>{"né²_1", "b"}));
        QCOMPARE(matches("\\h+", "xfaceg"), (std::vector<std::string>{"face"}));
        // A script alone, without what it shares with others (U+3001).
        QCOMPARE(matches("\\p{Han}", "漢、"), (std::vector<std::string>{"漢"}));
        QCOMPARE(matches("\\u00e9|\\x{6F22}", "é漢"), (std::vector<std::string>{"é", "漢"}));
        QCOMPARE(matches("b*", "abba"), (std::vector<std::string>{"", "bb", ""}));
        QCOMPARE(matches("^b", "a\nb"), (std::vector<std::string>{"b"}));
        for (const char* pattern : {"[a[b]]", "[a-z&&b]", "(?<name>a)", "a(?i)b", "\\1", "\\G", "a{,3}", "a{2}+", "(",
                                    "\\p{Nothing}", "(?m:.)", "[\\W]", "a\\"}) {
            const QString said = tests::messageOf([&] { text::Regex(pattern, "pattern"); });
            QVERIFY2(said.startsWith(QStringLiteral("pattern: the pattern ")), qPrintable(said));
        }
    }

    /// An hour, were there no limit.
    void patternsThatTakeTooLong() {
        const text::Regex regex("(a|aa)+[bc]", "pattern");
        std::vector<text::Range> found;
        VERIFY_MESSAGE((regex.matches(std::string(64, 'a'), found), 0), "cannot be matched with the text");
    }

    void tokens() {
        const auto tokenizer = text::Tokenizer::open(m_folder->path() / "tokenizer.json");
        QCOMPARE(tokenizer->encode("the cat the<|endoftext|> cat."), (Tokens{30, 5, 33, 32, 0, 33, 29}));
        QCOMPARE(tokenizer->encode(""), Tokens());
        QCOMPARE(tokenizer->find("Ġthe"), 32);
        QCOMPARE(tokenizer->find("<|endoftext|>"), 0);
        QCOMPARE(tokenizer->find("no"), -1);
        QCOMPARE(tokenizer->size(), 36);
        QVERIFY(tokenizer->cuts());
        QCOMPARE(tokenizer->cut("the cat the"), 7U);
        QCOMPARE(tokenizer->cut("the\ncat"), 3U);
        QCOMPARE(tokenizer->cut("the."), 0U);
        QCOMPARE(text::lastCut("1 a\nb", false), 0U);
    }

    void tokenizersThatAreRefused_data() {
        QTest::addColumn<QString>("pointer");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QString>("message");
        // Values are JSON with apostrophes.
        const auto row = [](const char* name, const char* pointer, const char* value, const char* message) {
            QTest::newRow(name) << QString::fromLatin1(pointer) << QString::fromLatin1(value).replace('\'', '"')
                                << QString::fromUtf8(message);
        };
        const char* advice =
            "(tokenize the text with the tokenizers package and give its ids: a file .npy, .bin, .h5 or .ids)";
        row("model", "/model/type", "'Unigram'", "model: is a model \"Unigram\", which this program does not know");
        row("advice", "/model/type", "'WordPiece'", advice);
        row("dropout", "/model/dropout", "0.1", "model: has a dropout");
        row("prefix", "/model/continuing_subword_prefix", "'##'", "has a continuing_subword_prefix");
        row("id", "/model/vocab/a", "-1", "model.vocab: the token \"a\" has no id");
        row("id text", "/model/vocab/a", "'1'", "the token \"a\" has no id");
        row("huge id", "/model/vocab/a", "4294967296", "the token \"a\" has no id");
        row("vocab", "/model/vocab", "[]", "model.vocab: is not an object");
        row("merge", "/model/merges/0", "'t q h'", "model.merges: merge 0 is not a pair of tokens");
        row("merge of none", "/model/merges/0", "['t', '?']", "\"?\" of merge 0 is not in the vocabulary");
        row("merge to none", "/model/merges/0", "'t t'", "\"tt\" of merge 0 is not in the vocabulary");
        row("unknown", "/model/unk_token", "'<unk>'", "model.unk_token: is not in the vocabulary");
        row("normalizer", "/normalizer/type", "'BertNormalizer'", "normalizer: is a normalizer \"BertNormalizer\"");
        row("pre-tokenizer", "/pre_tokenizer/type", "'BertPreTokenizer'", "is a pre-tokenizer \"BertPreTokenizer\"");
        row("pattern", "/pre_tokenizer", "{'type': 'Split', 'pattern': {'Regex': '('}, 'behavior': 'Isolated'}",
            "pre_tokenizer.pattern: the pattern ( cannot be used");
        row("behavior", "/pre_tokenizer", "{'type': 'Split', 'pattern': {'String': 'a'}, 'behavior': 'Odd'}",
            "pre_tokenizer.behavior: is \"Odd\"");
        row("in a sequence", "/pre_tokenizer", "{'type': 'Sequence', 'pretokenizers': [{'type': 'Odd'}]}",
            "pre_tokenizer.pretokenizers[0]: is a pre-tokenizer \"Odd\"");
        row("post-processor", "/post_processor/type", "'BertProcessing'", "is a post-processor \"BertProcessing\"");
        row("flag", "/pre_tokenizer/use_regex", "1", "pre_tokenizer.use_regex: is neither true nor false");
        row("added", "/added_tokens/0/content", "3", "added_tokens[0].content: is not a text");
        row("no model", "/model", "null", "model: is not an object");
    }
    void tokenizersThatAreRefused() {
        QFETCH(QString, pointer);
        QFETCH(QString, value);
        QFETCH(QString, message);
        json file = tests::smallTokenizer();
        file[json::json_pointer(pointer.toStdString())] = json::parse(value.toStdString());
        const QString said = tests::messageOf([&] { text::Tokenizer::parse(file.dump(), "tokenizer.json"); });
        QVERIFY2(said.contains(message) && said.startsWith(QStringLiteral("tokenizer.json: ")), qPrintable(said));
    }

    void textThroughTheTokenizer() {
        const std::string path = file("a text.md", "the cat.\nthe cat the cat");
        const TokenSet set = load({.source = path, .length = 4});
        QCOMPARE(set.sequences, (std::vector<Tokens>{{30, 5, 33, 29}, {28, 30, 5, 33}}));
        QVERIFY(std::abs(set.bytes_per_token - 24.0 / 10) < 1e-12);
        QVERIFY2(QString::fromStdString(set.made).contains(QStringLiteral("tokenizer.json of 36 tokens, hash ")),
                 set.made.c_str());
        QVERIFY2(QString::fromStdString(set.made).contains(
                     QStringLiteral("; the text is one document; windows of 4 tokens that do not overlap (stride 4)")),
                 set.made.c_str());
        VERIFY_MESSAGE(load({.source = path, .length = 11}), "holds 10 tokens, which is shorter than a window of 11");
    }

    void withoutTokenizer() {
        fs::remove(m_folder->path() / "tokenizer.json");
        VERIFY_MESSAGE(load({.source = file("a.txt", "the cat")}),
                       "put the model's tokenizer.json into its folder; or give token ids: .npy, .bin, .h5");
        VERIFY_MESSAGE(load({.source = file("a.txt", "the cat"), .last_word = true}),
                       "put the model's tokenizer.json into its folder");
        // Ids are read beside a tokenizer that is broken, too.
        tests::writeFile(m_folder->path() / "tokenizer.json", "{");
        QCOMPARE(load({.source = file("a.ids", "1 2"), .length = 2}).sequences, (std::vector<Tokens>{{1, 2}}));
        VERIFY_MESSAGE(load({.source = file("a.txt", "the cat")}), "tokenizer.json: is not valid JSON");
    }

    void tokenizerOfAnotherModel() {
        json other = tests::smallTokenizer();
        other["model"]["vocab"]["z"] = 65;
        tests::writeFile(m_folder->path() / "tokenizer.json", other.dump());
        VERIFY_MESSAGE(load({.source = file("a.txt", "a z"), .length = 2}),
                       "the tokenizer makes the token 65 of it, and the model's vocabulary has 65");
    }

    void records() {
        const std::string path =
            file("a.jsonl", "{\"text\": \"the cat\", \"n\": 1}\r\n\n{\"text\": \"\"}\n{\"text\": \"a\\u0062\"}");
        const TokenSet set = load({.source = path, .length = 2});
        QCOMPARE(set.sequences, (std::vector<Tokens>{{30, 5}, {33, 0}, {1, 2}}));
        QVERIFY2(QString::fromStdString(set.made).contains(QStringLiteral(
                     "; 2 documents, the field \"text\" of each line, joined by the token 0 <|endoftext|>")),
                 set.made.c_str());
        const auto joined = [&](const std::string& join) {
            return load({.source = path, .length = 2, .join = join}).sequences;
        };
        QCOMPARE(joined("\\n"), (std::vector<Tokens>{{30, 5}, {33, 28}, {1, 2}}));
        QCOMPARE(joined(" c"), (std::vector<Tokens>{{30, 5}, {33, 35}}));  // "the cat cab" as one text
        QCOMPARE(joined("nothing"), (std::vector<Tokens>{{30, 5}, {33, 1}}));
        QCOMPARE(joined("eos"), set.sequences);

        // Other names, and a model of bytes.
        const std::string other = file("b.json", "{\"body\": \"ab\"}\n{\"body\": \"c\"}");
        QCOMPARE(load({.source = other, .length = 2, .field = "body"}).sequences,
                 (std::vector<Tokens>{{1, 2}, {0, 3}}));
        const auto bytes = model::Checkpoint::open(PERFMAMBA_SOURCE_DIR "/resources/demo/mamba2-bytes");
        const TokenSet of_bytes = evaluate::load({.source = other, .length = 5, .field = "body"}, *bytes);
        QCOMPARE(of_bytes.sequences, (std::vector<Tokens>{{'a', 'b', '\n', '\n', 'c'}}));
        QCOMPARE(of_bytes.bytes_per_token, 1.0);
        VERIFY_MESSAGE(evaluate::load({.source = other, .field = "body", .join = "eos"}, *bytes),
                       "--join: the model's tokenizer has no token that ends a document");
    }

    void recordsThatAreNone_data() {
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<QString>("message");
        QTest::newRow("text") << QByteArray("the cat") << QStringLiteral("line 1 is not JSON");
        QTest::newRow("cut") << QByteArray("{\"text\": \"a\"}\n{\"text\": ") << QStringLiteral("line 2 is not JSON");
        QTest::newRow("list") << QByteArray("[1]") << QStringLiteral("line 1 is not a JSON object");
        QTest::newRow("field") << QByteArray("{\"body\": 1, \"title\": 2}")
                               << QStringLiteral("line 1 has no field \"text\"; there are: body, title");
        QTest::newRow("number") << QByteArray("{\"text\": 1}")
                                << QStringLiteral("line 1 has a field \"text\" that is not a text");
        QTest::newRow("deep") << QByteArray(100'000, '[') << QStringLiteral("line 1 is not JSON");
        QTest::newRow("blank") << QByteArray(" \n\n") << QStringLiteral("holds no tokens");
        QTest::newRow("empty") << QByteArray() << QStringLiteral("is empty");
    }
    void recordsThatAreNone() {
        QFETCH(QByteArray, content);
        QFETCH(QString, message);
        const QString said =
            tests::messageOf([&] { (void)load({.source = file("a.jsonl", content.toStdString()), .length = 2}); });
        QVERIFY2(said.contains(message), qPrintable(said));
    }

    /// A file of many pieces gives what the whole text does, and no more of it is read than is asked for.
    void longTexts() {
        std::mt19937 generator(1);
        const auto below = [&](std::size_t count) { return static_cast<std::size_t>(generator()) % count; };
        const std::vector<std::string> words = {"the", "cat", " the",          "\n", "  ", "thecat",
                                                ".",   "é",   "<|endoftext|>", " a"};
        std::string all;
        std::string lines;
        while (all.size() < 3'000'000) {
            std::string line;
            for (std::size_t i = 0, count = below(200); i < count; ++i) line += words[below(words.size())];
            all += (all.empty() ? "" : "\n\n") + line + "x";
            lines += json{{"text", line + "x"}}.dump() + "\n";
        }
        Tokens whole;
        text::Tokenizer::open(m_folder->path() / "tokenizer.json")->append(all, whole);
        const auto joined = [](const TokenSet& set) {
            Tokens tokens;
            for (const Tokens& sequence : set.sequences) tokens.insert(tokens.end(), sequence.begin(), sequence.end());
            return tokens;
        };
        const Tokens read = joined(load({.source = file("a.txt", all), .length = 100}));
        QVERIFY(whole.size() - read.size() < 100);
        whole.resize(read.size());
        QVERIFY(read == whole);
        const Tokens records = joined(load({.source = file("a.jsonl", lines), .length = 100, .join = "\\n\\n"}));
        QVERIFY(records == whole);
        const TokenSet begin = load({.source = file("b.jsonl", lines + "no JSON"), .length = 100, .sequences = 3});
        QCOMPARE(begin.sequences.size(), 3U);
    }

    void lastWords() {
        const std::string path = file("a.txt", "a b the cat \n\nthe cat.\n");
        const TokenSet set = load({.source = path, .last_word = true});
        QCOMPARE(set.length, 5);
        QVERIFY(set.last_word);
        QCOMPARE(set.sequences, (std::vector<Tokens>{{1, 27, 2, 32, 33}, {30, 5, 33, 29, 0}}));
        QCOMPARE(set.targets, (std::vector<Tokens>{{-1, -1, -1, 33, -1}, {-1, 33, 29, -1, -1}}));
        QCOMPARE(set.description, std::string("a.txt: the last words of 2 lines of up to 5 tokens"));
        QCOMPARE(load({.source = path, .sequences = 1, .last_word = true}).sequences.size(), 1U);
        QCOMPARE(load({.source = file("a.jsonl", R"({"text": "a cat"})"), .last_word = true}).targets,
                 (std::vector<Tokens>{{33, -1}}));
        VERIFY_MESSAGE(load({.source = file("b.txt", "the cat\ncat\n"), .last_word = true}),
                       "line 2 has no word before its last");
        VERIFY_MESSAGE(load({.source = path, .length = 8, .last_word = true}), "window: a line's last word");
        VERIFY_MESSAGE(load({.source = "random", .last_word = true}), "last words: what is generated has no words");
        VERIFY_MESSAGE(load({.source = file("a.ids", "1 2"), .last_word = true}), "can only be known of a text");
    }

    void arrays_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QByteArray>("content");
        const auto row = [](const char* title, const char* name, const std::string& content) {
            QTest::newRow(title) << QString::fromLatin1(name) << QByteArray::fromStdString(content);
        };
        const std::vector<std::uint16_t> narrow = {1, 2, 64, 0, 3, 4};
        const std::vector<std::int64_t> wide = {1, 2, 64, 0, 3, 4};
        const std::vector<std::uint32_t> middle = {1, 2, 64, 0, 3, 4};
        const std::string turned("\0\1\0\2\0\x40\0\0\0\3\0\4", 12);
        row("npy u16", "a.npy", npy("<u2", "(6,)", bytesOf(narrow)));
        row("npy i64", "a.npy", npy("<i8", "(6,)", bytesOf(wide)));
        row("npy u16 big-endian", "a.npy", npy(">u2", "(6,)", turned));
        row("npy of two axes", "a.npy", npy("<u4", "(3, 2)", bytesOf(middle)));
        row("bin u16", "a.bin", bytesOf(narrow));
        row("hdf5", "a.h5", "");
        row("decimal", "a.ids", "1 2\n64,0 3 4");
    }
    void arrays() {
        QFETCH(QString, name);
        QFETCH(QByteArray, content);
        const std::string path = file(name.toStdString(), content.toStdString());
        if (name.endsWith(QStringLiteral(".h5"))) writeHdf5(path);
        const TokenSet set = load({.source = path, .length = 2});
        QCOMPARE(set.sequences, (std::vector<Tokens>{{1, 2}, {64, 0}, {3, 4}}));
        QCOMPARE(set.bytes_per_token, 0.0);
    }

    void moreOfArrays() {
        // Rows are the sequences where nothing else is asked for.
        const std::vector<std::uint32_t> values = {1, 2, 3, 4, 5, 6};
        const std::string rows = file("a.npy", npy("<u4", "(2, 3)", bytesOf(values)));
        QCOMPARE(load({.source = rows}).sequences, (std::vector<Tokens>{{1, 2, 3}, {4, 5, 6}}));
        // 32 bits show by their empty halves.
        std::vector<std::uint32_t> many(4096);
        for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<std::uint32_t>(i % 65);
        const TokenSet wide = load({.source = file("a.bin", bytesOf(many)), .length = 65});
        QCOMPARE(wide.sequences.size(), 63U);
        QCOMPARE(wide.sequences[0][64], 64);
        QVERIFY(wide.made.starts_with("token ids, u32; windows of 65 tokens"));
        const std::string h5 = file("a.h5", "");
        writeHdf5(h5);
        QCOMPARE(load({.source = h5, .length = 3, .field = "group/rows"}).sequences,
                 (std::vector<Tokens>{{9, 8, 7}, {6, 5, 4}}));
        QCOMPARE(load({.source = h5, .field = "group/rows"}).length, 2);
    }

    void arraysThatAreNone_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<QString>("message");
        const auto row = [](const char* title, const char* name, const std::string& content, const char* message) {
            QTest::newRow(title) << QString::fromLatin1(name) << QByteArray::fromStdString(content)
                                 << QString::fromUtf8(message);
        };
        const std::string data("\1\0\2\0", 4);
        row("vocabulary", "a.npy", npy("<u2", "(2,)", std::string("\1\0\x41\0", 4)),
            "token id 65 at position 1 is outside the model's vocabulary of 65 (it may be of another tokenizer)");
        row("negative", "a.npy", npy("<i2", "(2,)", std::string("\1\0\xff\xff", 4)), "at position 1 is negative");
        row("floats", "a.npy", npy("<f4", "(1,)", data), "holds values of the type '<f4', and token ids are integers");
        row("structure", "a.npy", npy("|V8", "(1,)", data), "holds values of the type '|V8'");
        row("short", "a.npy", npy("<u2", "(3,)", data), "has 4 bytes of values where its shape asks for 6");
        row("huge", "a.npy", npy("<u8", "(9223372036854775807, 2)", data),
            "has 4 bytes of values where its shape asks");
        row("axes", "a.npy", npy("<u2", "(1, 1, 2)", data), "has 3 axes");
        row("no axis", "a.npy", npy("<u2", "()", data), "has 0 axes");
        row("shape", "a.npy", npy("<u2", "(x,)", data), "has a shape in its header that cannot be read");
        row("columns", "a.npy", replaced(npy("<u2", "(2,)", data), "False", "True "), "Fortran's order");
        row("header", "a.npy", std::string("\x93NUMPY\x01\x00\xff\xff", 10), "ends within its header");
        row("no npy", "a.npy", "1 2 3", "is not a .npy file");
        row("odd", "a.bin", "abc", "has 3 bytes, which are no whole number of ids of 16 bits");
        row("empty bin", "a.bin", "", "is empty");
        row("no hdf5", "a.h5", "1 2 3", "is not an HDF5 file");
        row("cut hdf5", "a.hdf5", std::string("\x89HDF\r\n\x1a\n", 8), "is not an HDF5 file that can be opened");
    }
    void arraysThatAreNone() {
        QFETCH(QString, name);
        QFETCH(QByteArray, content);
        QFETCH(QString, message);
        const std::string path = file(name.toStdString(), content.toStdString());
        const QString said = tests::messageOf([&] { (void)load({.source = path, .length = 2}); });
        QVERIFY2(said.contains(message) && said.startsWith(QString::fromStdString(path)), qPrintable(said));
    }

private:
    [[nodiscard]] TokenSet load(const TokenRequest& request) const {
        return evaluate::load(request, *model::Checkpoint::open(m_folder->path()));
    }
    [[nodiscard]] std::string file(const std::string& name, const std::string& content) const {
        const fs::path path = m_folder->path() / name;
        tests::writeFile(path, content);
        return path.string();
    }
    static void writeHdf5(const std::string& path) {
        namespace hdf5 = report::hdf5;
        hdf5::File file = hdf5::File::create(path, path);
        const std::vector<std::int32_t> values = {1, 2, 64, 0, 3, 4};
        const std::vector<std::int64_t> rows = {9, 8, 7, 6, 5, 4};
        file.root().write<std::int32_t>("tokens", {"1", "ids"}, {6}, values);
        file.root().create("group").write<std::int64_t>("rows", {"1", "ids"}, {3, 2}, rows);
        file.close();
    }

    std::unique_ptr<tests::CheckpointFolder> m_folder;
};

QTEST_GUILESS_MAIN(TestTexts)
#include "test_texts.moc"
