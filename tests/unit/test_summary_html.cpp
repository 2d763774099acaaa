// The one page: whole in itself, names escaped, and the numbers on it those of the report.
#include <QTest>

#include <fmt/format.h>

#include <QRegularExpression>
#include <QXmlStreamReader>
#include <set>

#include "core/profile/compare.h"
#include "core/report/colours.h"
#include "core/report/html.h"
#include "core/report/summary_html.h"
#include "core/report/text.h"
#include "tests/unit/fabricated_scaling.h"
#include "tests/unit/fabricated_study.h"

using namespace perfmamba;

namespace {

/// The elements that HTML closes by itself, closed, so that a reader of XML sees the nesting of all others.
QString asXml(const std::string& html) {
    QString text = QString::fromStdString(html);
    text.remove("<!DOCTYPE html>\n");
    text.replace(QRegularExpression("<(meta[^>]*)>"), "<\\1/>");
    text.replace(QRegularExpression("<(\\w+ (?:class|colspan))=([\\w]+)>"), "<\\1=\"\\2\">");
    return text;
}

/// The text that a reader sees; a failure's line and reason where the elements do not nest.
QString readText(const std::string& html, QString& problem) {
    QXmlStreamReader reader(asXml(html));
    QString text;
    QStringList open;
    while (!reader.atEnd()) {
        reader.readNext();
        if (reader.isStartElement()) open << reader.name().toString();
        if (reader.isEndElement()) open.removeLast();
        if (reader.isCharacters() && open.last() != "style") text += reader.text().toString() + u' ';
    }
    if (reader.hasError()) problem = QString("line %1: %2").arg(reader.lineNumber()).arg(reader.errorString());
    return text.simplified();
}

}  // namespace

class TestSummaryHtml : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void profile() {
        const auto profile = test::fabricatedProfile();
        const std::string html = report::summaryHtml(*profile);
        QString problem;
        const QString text = readText(html, problem);
        QCOMPARE(problem, QString());
        const profile::Point& point = profile->points.back();
        const profile::ComponentCost& ssm = *point.find(Component::Ssm);
        for (const std::string& shown :
             {std::string("mamba2-fabricated"), std::string("Example CPU 1000 – 8 cores, AVX2, 4 threads"),
              profile->provenance.command, report::formatTime(point.total.median), report::formatTime(ssm.time.ci_low),
              report::formatTime(ssm.floor_us), fmt::format("{:.1f} %", ssm.share * 100),
              report::formatBytes(static_cast<double>(point.memory.peak.total())), std::string("chunk_scan"),
              std::string("ssm of layer 3"), std::string("20.0 GB/s of memory")}) {
            QVERIFY2(text.contains(QString::fromStdString(shown)), shown.c_str());
        }
        QVERIFY(!text.contains("Compared with"));
    }

    /// Nothing from elsewhere and nothing that runs: a file that mail and a firewall let through.
    void wholeInItself() {
        const auto study = test::fabricatedStudy();
        for (const std::string& html : {report::summaryHtml(*test::fabricatedProfile()), report::summaryHtml(*study)}) {
            for (const char* foreign : {"<script", "http:", "https:", "src=", "href=", "url(", "@import", "onload"}) {
                QVERIFY2(html.find(foreign) == std::string::npos, foreign);
            }
        }
    }

    void escapes() {
        auto profile = test::fabricatedProfile();
        const std::string wicked = "</title><script>alert('\"&\")</script>\x01\xff";
        profile->model.name = profile->model.hash = profile->model.stored_type = profile->provenance.device =
            profile->provenance.command = profile->provenance.host = profile->provenance.creator =
                profile->provenance.created = wicked;
        const auto comparison = profile::compare(profile, profile);
        const std::string html = report::summaryHtml(*profile, {nullptr, nullptr, &comparison}, wicked);
        QVERIFY(html.find("<script") == std::string::npos);
        QString problem;
        QVERIFY(readText(html, problem).contains("</title><script>alert('\"&\")</script>\uFFFD\uFFFD"));
        QCOMPARE(problem, QString());
        QCOMPARE(report::html::escaped("a<b>&\"'"), std::string("a&lt;b&gt;&amp;&quot;&#39;"));
    }

    void comparison() {
        const auto before = test::fabricatedProfile();
        const auto after = test::scaledProfile(0.8);
        const auto comparison = profile::compare(before, after);
        QString problem;
        const QString text =
            readText(report::summaryHtml(*after, {nullptr, nullptr, &comparison}, "before.h5"), problem);
        QCOMPARE(problem, QString());
        QVERIFY(text.contains("Compared with before.h5"));
        QVERIFY(text.contains("faster"));
        QVERIFY(text.contains(QString::fromStdString(report::formatTime(before->points.back().total.median))));
        QVERIFY(text.contains("0.800"));
    }

    /// More lengths than a page has room for: the first, the last and some between, and it says so.
    void manyLengths() {
        auto profile = test::fabricatedProfile();
        profile->points.clear();
        for (std::int64_t length = 1; length <= 30; ++length) profile->points.push_back(test::fabricatedPoint(length));
        QString problem;
        const QString text = readText(report::summaryHtml(*profile), problem);
        QCOMPARE(problem, QString());
        QVERIFY(text.contains("10 of 30 lengths"));
        QVERIFY(text.contains("Components, prefill 30 tokens"));
    }

    void empty() {
        auto profile = test::fabricatedProfile();
        profile->points.clear();
        QString problem;
        QVERIFY(readText(report::summaryHtml(*profile), problem).contains("No length was measured."));
        QCOMPARE(problem, QString());
    }

    void study() {
        const auto study = test::fabricatedStudy();
        QString problem;
        const QString text = readText(report::summaryHtml(*study), problem);
        QCOMPARE(problem, QString());
        QVERIFY(text.contains("What pruning wins and costs"));
        auto none = *study;
        for (study::Cell& cell : none.cells) cell.state = study::CellState::Waiting;
        QVERIFY(readText(report::summaryHtml(none), problem).contains("No cell was measured yet."));
        none.options.workloads.clear();
        QVERIFY(readText(report::summaryHtml(none), problem).contains("Only accuracy was measured"));
        QCOMPARE(problem, QString());
    }

    /// What removes nothing is always there, and what the noise could have made wins nothing.
    void noWinnersByNoise() {
        const auto study = test::fabricatedStudy();
        const auto rows = [&] {
            QString problem;
            const std::string html = report::summaryHtml(*study);
            (void)readText(html, problem);
            const QString text = problem.isEmpty() ? QString::fromStdString(html) : QString();
            QStringList shown;
            for (const char* criterion : {"none", "ghost"}) {
                if (text.contains(QString("<td class=left>%1</td>").arg(criterion))) shown << criterion;
            }
            return text.contains("as good; no cell is.") ? shown << "no winner" : shown;
        };
        profile::Ratio& itself = study->cells[0].measured.speeds[0].speed_up;
        profile::Ratio& pruned = study->cells[1].measured.speeds[0].speed_up;
        study->cells[1].measured.speeds.resize(1);
        itself = {1.004, 0.98, 1.02, 7};
        pruned = {1.5, 1.4, 1.6, 7};
        QCOMPARE(rows(), QStringList({"none", "ghost"}));
        pruned = {1.05, 0.99, 1.1, 7};  // may be none
        QCOMPARE(rows(), QStringList({"none", "no winner"}));
        pruned = {1.015, 1.01, 1.03, 7};  // as the model against itself
        QCOMPARE(rows(), QStringList({"none", "no winner"}));
        pruned = {1.5, 1.4, 1.6, 5};  // too few pairs
        QCOMPARE(rows(), QStringList({"none", "no winner"}));
        // As fast as the noise, and by chance more accurate than the model itself: what removes nothing stays.
        pruned = {1.5, 1.4, 1.6, 7};
        study->cells[1].measured.accuracy.correct.value = 0.99;
        QCOMPARE(rows(), QStringList({"none", "ghost"}));
    }

    void scaling() {
        const auto study = test::fabricatedScaling();
        study->models[0].name = "<b>first</b>";
        QString problem;
        QString text = readText(report::summaryHtml(*study), problem);
        QCOMPARE(problem, QString());
        const study::ScalingCell& cell = study->cells[3];
        for (const std::string& shown :
             {std::string("<b>first</b>, another-model"), std::string("AVX2, 4 threads, on example"),
              report::formatTime(cell.point.total.median), report::formatCount(cell.point.tokens_per_second),
              std::string("<b>first</b>, N = 8, cpu, f32, decode, batch 1"), std::string("own 64"),
              std::string("failed"), std::string("What d_state costs")}) {
            QVERIFY2(text.contains(QString::fromStdString(shown)), shown.c_str());
        }
        // More curves and lengths than a page has room for.
        study->options.batches = {1, 2, 3, 4, 5, 6};
        study->options.lengths = {1, 2, 3, 4, 5, 6, 7, 8};
        study->options.states = {0};
        study->cells = study::cellsOf(study->models.size(), study->options);
        text = readText(report::summaryHtml(*study), problem);
        QCOMPARE(problem, QString());
        for (const char* said : {"6 of 8 lengths", "16 of 24 curves", "No cell was measured yet."}) {
            QVERIFY2(text.contains(said), said);
        }
        QVERIFY(!text.contains("What d_state costs"));
    }

    /// As the window has them, and told apart.
    void colours() {
        QCOMPARE(report::colourOf(Component::Ssm).light, 0xD55E00U);
        std::set<std::uint32_t> light, dark;
        for (const Component component : kComponents) {
            light.insert(report::colourOf(component).light);
            dark.insert(report::colourOf(component).dark);
        }
        for (const MemoryKind kind : kMemoryKinds) {
            light.insert(report::colourOf(kind).light);
            dark.insert(report::colourOf(kind).dark);
        }
        QCOMPARE(light.size(), kComponentCount + kMemoryKindCount);
        QCOMPARE(dark.size(), kComponentCount + kMemoryKindCount);
        QVERIFY(report::summaryHtml(*test::fabricatedProfile()).find(".c-ssm { background: #d55e00; }") !=
                std::string::npos);
    }
};

QTEST_GUILESS_MAIN(TestSummaryHtml)
#include "test_summary_html.moc"
