// The same tokens as the tokenizers package gives, for every kind of tokenizer.json that is read, on 10,400 texts of
// many scripts, code, white space and bytes that are no UTF-8 (made by make_tokenizers.py).
#include <QDir>
#include <QFile>
#include <QTest>

#include <cstring>
#include <span>

#include "core/model/hash.h"
#include "core/text/tokenizer.h"

using namespace perfmamba;
using text::Tokenizer;
using Tokens = std::vector<std::int32_t>;

namespace {

constexpr std::size_t kBlock = 32;  // texts that share a hash

const QString kFolder = QStringLiteral(PERFMAMBA_SOURCE_DIR "/tests/golden/tokenizers/");

QByteArray contents(const QString& name) {
    QFile file(kFolder + name);
    if (!file.open(QIODevice::ReadOnly)) qFatal("%s is not there", qPrintable(name));
    return name.endsWith(QStringLiteral(".z")) ? qUncompress(file.readAll()) : file.readAll();
}

std::vector<std::string> texts() {
    const QByteArray all = contents(QStringLiteral("records.z"));
    std::string_view rest(all.constData(), static_cast<std::size_t>(all.size()));
    std::vector<std::string> result;
    while (!rest.empty()) {
        std::uint32_t size = 0;
        std::memcpy(&size, rest.data(), sizeof(size));
        result.emplace_back(rest.substr(4, size));
        rest.remove_prefix(4 + size);
    }
    return result;
}

std::unique_ptr<Tokenizer> tokenizer(const QString& kind) {
    const QByteArray json = contents(kind + QStringLiteral(".json.z"));
    return Tokenizer::parse(json.toStdString(), kind.toStdString());
}

void addKinds() {
    QTest::addColumn<QString>("kind");
    for (const QString& file : QDir(kFolder).entryList({QStringLiteral("*.json.z")})) {
        const QString kind = file.section(QLatin1Char('.'), 0, 0);
        QTest::newRow(qPrintable(kind)) << kind;
    }
}

}  // namespace

class TestTokenizer : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        m_texts = texts();
        QVERIFY(m_texts.size() >= 10'000);
    }

    void sameTokens_data() { addKinds(); }
    void sameTokens() {
        QFETCH(QString, kind);
        const auto ours = tokenizer(kind);
        const QList<QByteArray> expected = contents(kind + QStringLiteral(".expected")).split('\n');
        for (std::size_t first = 0; first < m_texts.size(); first += kBlock) {
            model::Hash hash;
            for (std::size_t i = first; i < std::min(first + kBlock, m_texts.size()); ++i) {
                const Tokens ids = ours->encode(m_texts[i]);
                const auto count = static_cast<std::int32_t>(ids.size());
                hash.add(std::as_bytes(std::span(&count, 1)));
                hash.add(std::as_bytes(std::span(ids)));
            }
            const QByteArray wanted = expected.at(static_cast<qsizetype>(first / kBlock));
            QVERIFY2(QByteArray::fromStdString(hash.text()) == wanted,
                     qPrintable(QStringLiteral("one of the texts %1 to %2").arg(first).arg(first + kBlock - 1)));
        }
    }

    /// Piece by piece as a whole.
    void pieces_data() { addKinds(); }
    void pieces() {
        QFETCH(QString, kind);
        const auto ours = tokenizer(kind);
        // "words" replaces what a pattern matches, and nobody knows how far that reaches.
        QCOMPARE(ours->cuts(), kind != QStringLiteral("words"));
        if (!ours->cuts()) return;
        std::string all;
        for (std::size_t i = 0; i < m_texts.size(); i += 3) all += m_texts[i];
        Tokens whole;
        ours->append(all, whole);
        for (const std::size_t size : {std::size_t{50}, std::size_t{1000}, std::size_t{40'000}}) {
            Tokens pieced;
            std::string_view rest = all;
            bool continues = false;
            while (!rest.empty()) {
                std::size_t cut = rest.size();
                for (std::size_t look = size; look < rest.size(); look *= 2) {
                    const std::size_t found = ours->cut(rest.substr(0, look));
                    if (found == 0) continue;
                    cut = found;
                    break;
                }
                ours->append(rest.substr(0, cut), pieced, continues);
                rest.remove_prefix(cut);
                continues = true;
            }
            QVERIFY2(pieced == whole, qPrintable(QStringLiteral("pieces of %1").arg(size)));
        }
    }

private:
    std::vector<std::string> m_texts;
};

QTEST_GUILESS_MAIN(TestTokenizer)
#include "test_tokenizer.moc"
