// Reports of activities and studies: what is written is read back, by us and by h5py, and what is damaged is refused.
#include <QProcess>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTest>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/report/pruning_text.h"
#include "core/report/report.h"
#include "kernels/error.h"
#include "tests/unit/fabricated_study.h"
#include "tests/unit/profile_equality.h"
#include "tests/unit/report_editing.h"

using namespace perfmamba;
using namespace perfmamba::test;
namespace fs = std::filesystem;

namespace {

void compareRatios(Comparison& compare, const QString& name, const profile::Ratio& a, const profile::Ratio& b) {
    compare.field(name + ".median", a.median, b.median);
    compare.field(name + ".ci_low", a.ci_low, b.ci_low);
    compare.field(name + ".ci_high", a.ci_high, b.ci_high);
    compare.field(name + ".pairs", a.pairs, b.pairs);
}

QString difference(const activity::Activity& a, const activity::Activity& b) {
    Comparison compare;
    compareModels(compare, a.model, b.model);
    compareProvenance(compare, a.provenance, b.provenance);
    compare.field("tokens", a.tokens, b.tokens);
    compare.field("tokens_hash", a.tokens_hash, b.tokens_hash);
    compare.field("tokens_made", a.tokens_made, b.tokens_made);
    compare.field("sequences", a.sequences, b.sequences);
    compare.field("length", a.length, b.length);
    compare.field("tokens_seen", a.tokens_seen, b.tokens_seen);
    compare.field("bins", a.bins, b.bins);
    compare.field("bin_tokens", a.bin_tokens, b.bin_tokens);
    compareRatios(compare, "cost", a.cost, b.cost);
    compare.field("complete", a.complete, b.complete);
    compare.field("layers.size()", a.layers.size(), b.layers.size());
    for (std::size_t i = 0; i < std::min(a.layers.size(), b.layers.size()); ++i) {
        const QString layer = QString("layers[%1]").arg(i);
        compare.field(layer + ".rows", a.layers[i].rows, b.layers[i].rows);
        compare.field(layer + ".group_states", a.layers[i].group_states, b.layers[i].group_states);
        compare.field(layer + ".row_states", a.layers[i].row_states, b.layers[i].row_states);
        compare.rows(layer + ".mean", a.layers[i].mean, b.layers[i].mean);
        compare.rows(layer + ".most", a.layers[i].most, b.layers[i].most);
        compare.rows(layer + ".binned", a.layers[i].binned, b.layers[i].binned);
        compare.field(layer + ".votes", a.layers[i].votes, b.layers[i].votes);
    }
    return compare.difference();
}

void compareAccuracies(Comparison& compare, const QString& name, const evaluate::Accuracy& a,
                       const evaluate::Accuracy& b) {
    compare.field(name + ".tokens", a.tokens, b.tokens);
    compare.field(name + ".tokens_hash", a.tokens_hash, b.tokens_hash);
    compare.field(name + ".made", a.made, b.made);
    compare.field(name + ".last_word", a.last_word, b.last_word);
    compare.field(name + ".sequences", a.sequences, b.sequences);
    compare.field(name + ".predictions", a.predictions, b.predictions);
    compare.field(name + ".recall", a.recall, b.recall);
    compare.field(name + ".not_finite", a.not_finite, b.not_finite);
    compare.field(name + ".positions", a.positions, b.positions);
    const auto estimate = [&](const char* field, const evaluate::Estimate& x, const evaluate::Estimate& y) {
        compare.field(name + field, x.value, y.value);
        compare.field(name + field + " error", x.standard_error, y.standard_error);
    };
    estimate(".correct", a.correct, b.correct);
    estimate(".nats", a.nats, b.nats);
    estimate(".perplexity", a.perplexity, b.perplexity);
    estimate(".bits_per_byte", a.bits_per_byte, b.bits_per_byte);
    estimate(".divergence", a.divergence, b.divergence);
    estimate(".agreement", a.agreement, b.agreement);
}

void comparePlans(Comparison& compare, const QString& name, const prune::Plan& a, const prune::Plan& b) {
    compare.field(name + ".model_name", a.model_name, b.model_name);
    compare.field(name + ".model_hash", a.model_hash, b.model_hash);
    compare.field(name + ".criterion", a.criterion, b.criterion);
    compare.field(name + ".calibration", a.calibration, b.calibration);
    compare.field(name + ".calibration_hash", a.calibration_hash, b.calibration_hash);
    compare.field(name + ".seed", a.seed, b.seed);
    compare.field(name + ".choice", a.choice, b.choice);
    compare.field(name + ".group_states", a.group_states, b.group_states);
    compare.field(name + ".layers", a.layers, b.layers);
}

void compareCells(Comparison& compare, const QString& name, const study::Cell& a, const study::Cell& b) {
    compare.field(name + ".criterion", a.criterion, b.criterion);
    compare.field(name + ".share", a.share, b.share);
    compare.field(name + ".layer", a.layer, b.layer);
    compare.field(name + ".state", a.state, b.state);
    compare.field(name + ".failure", a.failure, b.failure);
    comparePlans(compare, name + ".plan", a.plan, b.plan);
    compareAccuracies(compare, name + ".accuracy", a.measured.accuracy, b.measured.accuracy);
    const prune::Facts& f = a.measured.facts;
    const prune::Facts& g = b.measured.facts;
    compare.field(name + ".states", f.states, g.states);
    compare.field(name + ".states_kept", f.states_kept, g.states_kept);
    compare.field(name + ".state_bytes", f.state_bytes, g.state_bytes);
    compare.field(name + ".state_bytes_kept", f.state_bytes_kept, g.state_bytes_kept);
    compare.field(name + ".weight_bytes", f.weight_bytes, g.weight_bytes);
    compare.field(name + ".weight_bytes_kept", f.weight_bytes_kept, g.weight_bytes_kept);
    compare.field(name + ".score_lost", f.score_lost, g.score_lost);
    compare.field(name + ".speeds.size()", a.measured.speeds.size(), b.measured.speeds.size());
    for (std::size_t i = 0; i < std::min(a.measured.speeds.size(), b.measured.speeds.size()); ++i) {
        const study::Speed& s = a.measured.speeds[i];
        const study::Speed& t = b.measured.speeds[i];
        const QString speed = name + QString(".speeds[%1]").arg(i);
        compare.field(speed + ".workload", s.workload, t.workload);
        compare.field(speed + ".before", s.before, t.before);
        compare.field(speed + ".after", s.after, t.after);
        compareRatios(compare, speed + ".speed_up", s.speed_up, t.speed_up);
        compare.field(speed + ".bytes_ratio", s.bytes_ratio, t.bytes_ratio);
        compare.field(speed + ".peak_bytes_before", s.peak_bytes_before, t.peak_bytes_before);
        compare.field(speed + ".peak_bytes_after", s.peak_bytes_after, t.peak_bytes_after);
    }
}

void compareRequests(Comparison& compare, const QString& name, const evaluate::TokenRequest& a,
                     const evaluate::TokenRequest& b) {
    compare.field(name + ".source", a.source, b.source);
    compare.field(name + ".length", a.length, b.length);
    compare.field(name + ".sequences", a.sequences, b.sequences);
    compare.field(name + ".seed", a.seed, b.seed);
    compare.field(name + ".field", a.field, b.field);
    compare.field(name + ".join", a.join, b.join);
    compare.field(name + ".last_word", a.last_word, b.last_word);
}

QString difference(const study::Study& a, const study::Study& b) {
    Comparison compare;
    compareModels(compare, a.model, b.model);
    compareProvenance(compare, a.provenance, b.provenance);
    compare.field("criteria", a.options.criteria, b.options.criteria);
    compare.field("shares", a.options.shares, b.options.shares);
    compare.field("kind", a.options.kind, b.options.kind);
    compare.field("multiple_of", a.options.multiple_of, b.options.multiple_of);
    compare.field("seed", a.options.seed, b.options.seed);
    compareRequests(compare, "calibration", a.options.calibration, b.options.calibration);
    compareRequests(compare, "evaluation", a.options.evaluation, b.options.evaluation);
    compare.field("workloads", a.options.workloads, b.options.workloads);
    compare.field("pairs", a.options.pairs, b.options.pairs);
    compare.field("budget_s", a.options.budget_s, b.options.budget_s);
    compare.field("sensitivity_share", a.options.sensitivity_share, b.options.sensitivity_share);
    compare.field("identity", a.identity, b.identity);
    compare.field("calibration", a.calibration, b.calibration);
    compare.field("calibration_made", a.calibration_made, b.calibration_made);
    compare.field("evaluation", a.evaluation, b.evaluation);
    compareAccuracies(compare, "unpruned", a.unpruned, b.unpruned);
    compare.field("cells.size()", a.cells.size(), b.cells.size());
    for (std::size_t i = 0; i < std::min(a.cells.size(), b.cells.size()); ++i) {
        compareCells(compare, QString("cells[%1]").arg(i), a.cells[i], b.cells[i]);
    }
    compare.field("complete", a.complete, b.complete);
    return compare.difference();
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

void writeNumbers(hid_t file, const char* name, const std::vector<std::int64_t>& values) {
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Dclose(dataset);
}

void setNumber(hid_t file, const char* group, const char* attribute, std::int64_t value) {
    const hid_t object = H5Gopen2(file, group, H5P_DEFAULT);
    replaceNumberAttribute(object, attribute, value);
    H5Gclose(object);
}

}  // namespace

class TestStudyReport : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void estimatesAsText() {
        QCOMPARE(report::formatEstimate({0.5, 0.0123}), std::string("0.500 ± 0.012"));
        QCOMPARE(report::formatEstimate({2.04e-7, 7.7e-8}), std::string("2.0e-07 ± 7.7e-08"));
        QCOMPARE(report::formatEstimate({0, 0}), std::string("0"));
        QCOMPARE(report::formatEstimate({}), std::string("n/a"));
    }

    void activityThatIsNotFinite() {
        activity::Activity activity = *test::fabricatedActivity();
        QVERIFY(!QString::fromStdString(report::activityText(activity, activity::Statistic::State)).contains("n/a"));
        std::ranges::fill(activity.layers[0].mean, std::numeric_limits<float>::quiet_NaN());
        const QString text = QString::fromStdString(report::activityText(activity, activity::Statistic::State));
        QCOMPARE(text.split('\n').filter(QRegularExpression("^0 +\\d+( +n/a){6}$")).size(), 1);
        QVERIFY2(text.contains("not finite"), qPrintable(text));
    }

    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
        m_path = fs::path(m_folder->path().toStdString()) / "report.h5";
    }

    void activityRoundTrip() {
        const auto activity = fabricatedActivity();
        report::writeActivity(m_path, *activity);
        const report::Contents contents = report::readContents(m_path);
        QVERIFY(contents.activity && !contents.profile && !contents.study);
        QCOMPARE(difference(*activity, *contents.activity), QString());

        const activity::Activity empty;
        report::writeActivity(m_path, empty);
        QCOMPARE(difference(empty, *report::readContents(m_path).activity), QString());
    }

    void studyRoundTrip() {
        const auto study = fabricatedStudy();
        report::writeStudy(m_path, *study);
        const report::Contents contents = report::readContents(m_path);
        QVERIFY(contents.study && !contents.profile && !contents.activity);
        QCOMPARE(difference(*study, *contents.study), QString());

        study->cells.clear();
        study->options = {};
        study->options.criteria.clear();
        study->complete = true;
        report::writeStudy(m_path, *study);
        QCOMPARE(difference(*study, *report::readContents(m_path).study), QString());
    }

    /// Before version 4 nothing was said of how texts became tokens.
    void version3() {
        const auto remove = [](hid_t file, const char* group, std::initializer_list<const char*> attributes) {
            const hid_t object = H5Gopen2(file, group, H5P_DEFAULT);
            for (const char* attribute : attributes) QVERIFY(H5Adelete(object, attribute) >= 0);
            H5Gclose(object);
        };
        const auto study = fabricatedStudy();
        report::writeStudy(m_path, *study);
        edit(m_path, [&](hid_t file) {
            replaceNumberAttribute(file, "format_version", 3);
            remove(file, "study", {"calibration_made", "evaluation_made", "last_word"});
            remove(file, "study/options",
                   {"calibration_field", "calibration_join", "evaluation_field", "evaluation_join",
                    "evaluation_last_word"});
        });
        const auto old = report::readContents(m_path).study;
        QVERIFY(old->unpruned.made.empty() && !old->unpruned.last_word && old->options.calibration.field.empty());
        QCOMPARE(old->unpruned.predictions, study->unpruned.predictions);

        report::writeActivity(m_path, *fabricatedActivity());
        edit(m_path, [&](hid_t file) {
            replaceNumberAttribute(file, "format_version", 3);
            remove(file, "activity", {"tokens_made"});
        });
        QVERIFY(report::readContents(m_path).activity->tokens_made.empty());
    }

    // A failure's text comes from anywhere.
    void longFailure() {
        const auto study = fabricatedStudy();
        study->cells[2].failure = std::string(4095, 'x') + "ü and more";
        report::writeStudy(m_path, *study);
        QCOMPARE(report::readContents(m_path).study->cells[2].failure, std::string(4095, 'x'));
        study->cells[2].failure = "broken \xff text";
        report::writeStudy(m_path, *study);
        QCOMPARE(report::readContents(m_path).study->cells[2].failure, std::string("broken \xEF\xBF\xBD text"));
    }

    void saysWhatElseItIs() {
        const auto refusal = [&] {
            try {
                (void)report::read(m_path);
            } catch (const Error& error) {
                return QString::fromUtf8(error.what());
            }
            return QString();
        };
        report::writeActivity(m_path, *fabricatedActivity());
        QCOMPARE(refusal(), QString::fromStdString(m_path) + ": holds what a model's states did, and no profile");
        report::writeStudy(m_path, *fabricatedStudy());
        QCOMPARE(refusal(), QString::fromStdString(m_path) + ": holds a pruning study, and no profile");
    }

    void unwritable() {
        QVERIFY_THROWS_EXCEPTION(Error, report::writeStudy(m_path.parent_path() / "no" / "x.h5", *fabricatedStudy()));
        QVERIFY_THROWS_EXCEPTION(Error, report::writeActivity(m_path.parent_path(), *fabricatedActivity()));
        putBytes(m_path, "older");
        report::writeStudy(m_path, *fabricatedStudy());  // as a whole in its place
        QCOMPARE(refusalOf(m_path), QString());
    }

    void truncated() {
        report::writeStudy(m_path, *fabricatedStudy());
        const std::string whole = bytesOf(m_path);
        for (std::size_t part = 0; part < 20; ++part) {
            putBytes(m_path, whole.substr(0, whole.size() * part / 20));
            QVERIFY(!refusalOf(m_path).isEmpty());
        }
    }

    void editedActivity_data() {
        QTest::addColumn<Change>("change");
        QTest::addColumn<QString>("reason");
        const auto row = [](const char* name, const char* reason, Change change) {
            QTest::newRow(name) << change << QString(reason);
        };
        row("another shape", "mean does not have the shape that the layer's states ask for", [](hid_t file) {
            replaceDataset(file, "/activity/layers/0001/mean", H5T_IEEE_F32LE, {6, 4, 4});
        });
        row("another type", "mean is of the wrong type", [](hid_t file) {
            replaceDataset(file, "/activity/layers/0001/mean", H5T_IEEE_F64LE, {6, 4, 5});
        });
        row("another rank", "votes does not have 2 axes",
            [](hid_t file) { replaceDataset(file, "/activity/layers/0001/votes", H5T_IEEE_F64LE, {35}); });
        row("too many states", "group_states is out of range", [](hid_t file) {
            writeNumbers(file, "/activity/layers/0001/group_states", {7, 2});
        });
        row("too many groups", "group_states does not have a number for each group",
            [](hid_t file) { replaceDataset(file, "/activity/layers/0001/group_states", H5T_STD_I64LE, {3}); });
        row("a layer less", "layers does not have a member for each layer",
            [](hid_t file) { H5Ldelete(file, "/activity/layers/0002", H5P_DEFAULT); });
        row("bins without number", "has a size out of range",
            [](hid_t file) { setNumber(file, "/activity", "bins", std::int64_t{1} << 60); });
        // Without states the planes are empty whatever the bins.
        row("bins without states", "bins is out of range", [](hid_t file) {
            const std::int64_t bins = std::int64_t{1} << 40;
            setNumber(file, "/activity", "bins", bins);
            for (const char* layer : {"0000", "0001", "0002"}) {
                const std::string path = std::string("/activity/layers/") + layer;
                writeNumbers(file, (path + "/group_states").c_str(), {0, 0});
                for (const char* plane : {"/mean", "/max"}) {
                    replaceDataset(file, (path + plane).c_str(), H5T_IEEE_F32LE, {6, 4, 0});
                }
                replaceDataset(file, (path + "/binned").c_str(), H5T_IEEE_F32LE, {6, hsize_t(bins), 0});
                replaceDataset(file, (path + "/votes").c_str(), H5T_IEEE_F64LE, {hsize_t(bins), 0});
            }
        });
        row("no groups", "n_groups does not divide n_heads", [](hid_t file) {
            setNumber(file, "/model", "n_groups", 0);
            H5Ldelete(file, "/model/state_sizes", H5P_DEFAULT);
            for (const char* layer : {"0000", "0001", "0002"}) {
                const std::string path = std::string("/activity/layers/") + layer;
                replaceDataset(file, (path + "/group_states").c_str(), H5T_STD_I64LE, {0});
            }
        });
        row("more groups than heads", "n_groups does not divide n_heads",
            [](hid_t file) { setNumber(file, "/model", "n_heads", 1); });
        row("groups of unequal heads", "n_groups does not divide n_heads",
            [](hid_t file) { setNumber(file, "/model", "n_heads", 5); });
        row("no heads", "n_groups does not divide n_heads",
            [](hid_t file) { setNumber(file, "/model", "n_heads", 0); });
        row("other statistics", "statistic is not the list that is known", [](hid_t file) {
            const hid_t type = H5Tcopy(H5T_C_S1);
            H5Tset_size(type, 8);
            replaceDataset(file, "/activity/statistic", type, {6});
            H5Tclose(type);
        });
    }
    void editedActivity() {
        report::writeActivity(m_path, *fabricatedActivity());
        refused();
    }

    void activityWithoutChannels() {
        auto activity = fabricatedActivity();
        model::Config& config = activity->model.config;
        config.architecture = model::Architecture::Mamba1;
        config.d_inner = 0;
        config.n_layer = 1;
        config.state_sizes.clear();
        activity->layers.resize(1);
        activity::LayerActivity& layer = activity->layers[0];
        layer = {};
        layer.group_states = {6};
        layer.row_states = 6;
        layer.binned.resize(activity::kStatisticCount * 5 * 6);
        layer.votes.resize(5 * 6);
        report::writeActivity(m_path, *activity);
        const QString refusal = refusalOf(m_path);
        QVERIFY2(refusal.contains("/activity/layers/0000 is of a model without channels"), qPrintable(refusal));
    }

    void editedStudy_data() {
        QTest::addColumn<Change>("change");
        QTest::addColumn<QString>("reason");
        const auto row = [](const char* name, const char* reason, Change change) {
            QTest::newRow(name) << change << QString(reason);
        };
        row("a column shorter", "share is not as long as the table's other columns",
            [](hid_t file) { replaceDataset(file, "/study/cells/share", H5T_IEEE_F64LE, {3}); });
        row("a layer too many", "cells has a layer that the model has not", [](hid_t file) {
            writeNumbers(file, "/study/cells/layer", {-1, -1, -1, -1, 3});
        });
        row("a layer below", "layer is out of range", [](hid_t file) {
            writeNumbers(file, "/study/cells/layer", {-1, -1, -1, -1, -5});
        });
        row("a multiple of nothing", "multiple_of is out of range",
            [](hid_t file) { setNumber(file, "/study/options", "multiple_of", 0); });
        row("a plan's multiple beyond", "multiple_of is out of range",
            [](hid_t file) { setNumber(file, "/study/plans/0001", "multiple_of", 7); });
        row("no pairs", "pairs is out of range", [](hid_t file) { setNumber(file, "/study/options", "pairs", 0); });
        row("more kept than there were", "cells has counts out of range", [](hid_t file) {
            writeNumbers(file, "/study/cells/states_kept", {24, 16, 0, 0, 16});
        });
        row("fewer than no predictions", "cells has counts out of range", [](hid_t file) {
            writeNumbers(file, "/study/cells/predictions", {2048, -1, 0, 0, 2048});
        });
        row("other sizes than the model's", "group_states is not that of the model", [](hid_t file) {
            writeNumbers(file, "/study/plans/0001/group_states", {6, 4, 4, 2, 6, 0});
        });
        row("no state kept", "kept leaves no state of any layer", [](hid_t file) {
            replaceDataset(file, "/study/plans/0001/kept", H5T_STD_U8LE, {3, 10});
        });
        row("an override of more states", "overrides is out of range",
            [](hid_t file) { writeNumbers(file, "/study/plans/0001/overrides/states", {7}); });
        row("a speed of no cell", "speeds names a cell that is not there", [](hid_t file) {
            writeNumbers(file, "/study/speeds/cell", {0, 1, 5});
        });
        row("passes in disorder", "passes is not in the order of the table speeds", [](hid_t file) {
            writeNumbers(file, "/study/passes/speed", {0, 0, 2, 2, 1, 1});
        });
        row("no plan", "/study/plans/0001 is missing",
            [](hid_t file) { H5Ldelete(file, "/study/plans/0001", H5P_DEFAULT); });
        row("flags too few", "kept does not have a flag for each state", [](hid_t file) {
            replaceDataset(file, "/study/plans/0001/kept", H5T_STD_U8LE, {3, 9});
        });
        row("flags of another kind", "kept is of the wrong type", [](hid_t file) {
            replaceDataset(file, "/study/plans/0001/kept", H5T_STD_I64LE, {3, 10});
        });
        row("huge claim", "kept claims more values than the file can hold", [](hid_t file) {
            replaceDataset(file, "/study/plans/0001/kept", H5T_STD_U8LE, {3, hsize_t{1} << 40});
        });
        row("negative states", "group_states is not that of the model", [](hid_t file) {
            writeNumbers(file, "/study/plans/0001/group_states", {6, 4, 6, -1, 6, 0});
        });
        row("states that overflow", "group_states is not that of the model", [](hid_t file) {
            const std::int64_t most = std::numeric_limits<std::int64_t>::max();
            writeNumbers(file, "/study/plans/0001/group_states", {most, most, 6, 1, 6, 0});
        });
        row("an override beyond", "overrides",
            [](hid_t file) { writeNumbers(file, "/study/plans/0001/overrides/layer", {99}); });
        row("unpruned twice", "unpruned does not have one row", [](hid_t file) {
            H5Ldelete(file, "/study/unpruned", H5P_DEFAULT);
            H5Ocopy(file, "/study/cells", file, "/study/unpruned", H5P_DEFAULT, H5P_DEFAULT);
        });
    }
    void editedStudy() {
        report::writeStudy(m_path, *fabricatedStudy());
        refused();
    }

    // The names of what is kept are the file's own, and a reason with commas is one field.
    void csvOfStudy() {
        const QStringList lines = QString::fromStdString(report::studyCsv(*fabricatedStudy())).split("\r\n");
        const QStringList head = lines[0].split(',');
        const QStringList first = lines[1].split(',');
        QCOMPARE(first.size(), head.size());
        QCOMPARE(first[head.indexOf("state_bytes_kept")], QString("3500"));
        QCOMPARE(first[head.indexOf("weight_bytes_kept")], QString("280000"));
        QCOMPARE(first[head.indexOf("not_finite")], QString("3"));
        const QString failed = lines[4];
        QVERIFY2(failed.startsWith("ghost,0.9,,failed,\"memory: 12 GB are needed"), qPrintable(failed));
        QCOMPARE(failed.mid(failed.lastIndexOf('"')).count(','), head.size() - 5);
        QCOMPARE(lines[5].count(','), head.size() - 1);
    }

    void jsonOfStudy() {
        const auto study = fabricatedStudy();
        const nlohmann::json json = report::studyJson(*study);
        QCOMPARE(json["creator"].get<std::string>(), study->provenance.creator);
        QCOMPARE(json["host"].get<std::string>(), std::string("example"));
        QCOMPARE(json["threads"].get<int>(), 4);
        QCOMPARE(json["model"]["name"].get<std::string>(), study->model.name);
        QCOMPARE(json["model"]["compute_type"].get<std::string>(), std::string("float32"));
        QCOMPARE(json["evaluation_made"].get<std::string>(), study->unpruned.made);
        QCOMPARE(json["calibration_made"].get<std::string>(), study->calibration_made);
        QCOMPARE(json["options"]["pairs"].get<int>(), 7);
        QCOMPARE(json["options"]["kind"].get<std::string>(), std::string("budget"));
        QCOMPARE(json["options"]["shares"].get<std::vector<double>>(), study->options.shares);
        QCOMPARE(json["options"]["workloads"][1]["mode"].get<std::string>(), std::string("decode"));
    }

    // What the numbers are of; no line of a calibration where no criterion needs one.
    void textOfStudy() {
        auto study = fabricatedStudy();
        const QString text = QString::fromStdString(report::studyText(*study));
        QVERIFY(text.contains("cores, AVX2, 4 threads\ncomputed   in float32, in chunks of 32 tokens\n"));
        QVERIFY(text.contains("taken      2026-01-02T03:04:05Z on example by perfmamba-cli"));
        QVERIFY(text.contains("\ncommand    perfmamba-cli profile"));
        QVERIFY(text.contains("\ncalibrated 12 windows"));
        study->calibration.clear();
        QVERIFY(!QString::fromStdString(report::studyText(*study)).contains("calibrated"));
    }

    void readByH5py() {
        QProcess probe;
        probe.start("/usr/bin/python3", {"-c", "import h5py"});
        if (!probe.waitForFinished() || probe.exitCode() != 0) QSKIP("h5py is not installed (python3-h5py)");
        const auto summary = [&] {
            QProcess python;
            python.start("/usr/bin/python3",
                         {PERFMAMBA_SOURCE_DIR "/tests/unit/check_report.py", QString::fromStdString(m_path.string())});
            python.waitForFinished();
            return QString::fromUtf8(python.readAllStandardError() + python.readAllStandardOutput());
        };
        const auto activity = fabricatedActivity();
        report::writeActivity(m_path, *activity);
        const auto energy = static_cast<std::size_t>(activity::Statistic::OutputEnergy) * 4 * 5;
        QCOMPARE(summary(), QString("3 layers, %1\n").arg(double(activity->layers[1].mean[energy]), 0, 'f', 6));

        const auto study = fabricatedStudy();
        report::writeStudy(m_path, *study);
        const double speed_up = study->cells[0].measured.speeds[0].speed_up.median;
        QCOMPARE(summary(), QString("5 cells, 16 kept, %1\n").arg(speed_up, 0, 'f', 6));
    }

private:
    void refused() const {
        QFETCH(Change, change);
        QFETCH(QString, reason);
        edit(m_path, change);
        const QString refusal = refusalOf(m_path);
        QVERIFY2(refusal.contains(reason), qPrintable(refusal));
        QVERIFY(refusal.startsWith(QString::fromStdString(m_path.string()) + ": "));
    }

    std::unique_ptr<QTemporaryDir> m_folder;
    fs::path m_path;
};

QTEST_GUILESS_MAIN(TestStudyReport)
#include "test_study_report.moc"
