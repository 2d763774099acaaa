#include "widgets/details_panel.h"

#include <QGridLayout>
#include <QLabel>
#include <QMouseEvent>
#include <QScrollArea>
#include <QToolTip>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "core/profile/floors.h"
#include "widgets/derive.h"
#include "widgets/format.h"
#include "widgets/plot_style.h"
#include "widgets/shapes.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {

namespace {

/// What lies farther above the 90th percentile than three times that does above the median is an outlier: of a
/// passed-on interrupt, say. One of them must not squeeze all others into a single bin.
double outliersBeginAt(const std::vector<double>& samples) {
    constexpr double kFar = 3;
    const double high = profile::quantile(samples, 0.9);
    return high + kFar * (high - profile::quantile(samples, 0.5));
}

}  // namespace

Histogram histogramOf(const std::vector<double>& samples, double at_least) {
    Histogram histogram;
    if (samples.empty()) return histogram;
    const auto [low_it, high_it] = std::minmax_element(samples.begin(), samples.end());
    const double low = *low_it;
    histogram.most = *high_it;
    const double clip = std::max(outliersBeginAt(samples), at_least);
    double high = histogram.most > clip && clip > low ? clip : histogram.most;
    if (!(high > low)) high = low + std::max(std::abs(low) * 1e-3, 1e-9);
    const double iqr = profile::quantile(samples, 0.75) - profile::quantile(samples, 0.25);
    const double wanted = iqr > 0 ? (high - low) / (2 * iqr / std::cbrt(static_cast<double>(samples.size()))) : 10;
    const int bins = static_cast<int>(std::clamp(std::ceil(wanted), 6.0, 40.0));
    histogram.counts.assign(static_cast<std::size_t>(bins), 0);
    for (int i = 0; i <= bins; ++i) histogram.edges.push_back(low + (high - low) * i / bins);
    for (const double sample : samples) {
        if (sample > high) {
            ++histogram.beyond;
            continue;
        }
        const int bin = std::clamp(static_cast<int>((sample - low) / (high - low) * bins), 0, bins - 1);
        ++histogram.counts[static_cast<std::size_t>(bin)];
    }
    return histogram;
}

DetailsPanel::DetailsPanel(Selection& selection, QWidget* parent) : QWidget(parent), m_selection(selection) {
    setAccessibleName(tr("Details of the selection"));
    setAutoFillBackground(true);
    setBackgroundRole(QPalette::Base);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    auto* scroll = new QScrollArea;
    scroll->setWidgetResizable(true);
    outer->addWidget(scroll);
    auto* content = new QWidget;
    scroll->setWidget(content);
    content->setAutoFillBackground(false);
    scroll->viewport()->setAutoFillBackground(false);
    auto* layout = new QVBoxLayout(content);
    layout->setContentsMargins(10, 8, 10, 8);
    layout->setSpacing(4);

    m_empty = new QLabel(
        tr("After a run, the numbers of what is selected stand here. Nothing selected means the whole pass."));
    m_empty->setWordWrap(true);
    m_empty->setProperty("muted", true);
    layout->addWidget(m_empty);

    m_body = new QWidget;
    auto* body = new QVBoxLayout(m_body);
    body->setContentsMargins(0, 0, 0, 0);
    body->setSpacing(3);
    auto* head = new QHBoxLayout;
    head->setSpacing(6);
    m_chip = new QLabel;
    head->addWidget(m_chip);
    m_title = new QLabel;
    QFont font = m_title->font();
    font.setWeight(QFont::DemiBold);
    font.setPointSizeF(font.pointSizeF() * 1.12);
    m_title->setFont(font);
    head->addWidget(m_title, 1);
    body->addLayout(head);
    m_where = new QLabel;
    m_where->setProperty("muted", true);
    m_where->setWordWrap(true);
    body->addWidget(m_where);
    m_grid = new QGridLayout;
    m_grid->setContentsMargins(0, 4, 0, 4);
    m_grid->setHorizontalSpacing(8);
    m_grid->setVerticalSpacing(2);
    m_grid->setColumnStretch(1, 1);
    body->addLayout(m_grid);

    m_plot_heading = new QLabel;
    m_plot_heading->setFont(Theme::headingFont());
    m_plot_heading->setProperty("heading", true);
    m_plot_heading->setWordWrap(true);
    body->addWidget(m_plot_heading);
    m_histogram = new QCustomPlot;
    m_histogram->setFixedHeight(118);
    m_histogram->setFocusPolicy(Qt::StrongFocus);
    m_histogram->setAccessibleName(tr("Histogram of the samples"));
    m_histogram->setAccessibleDescription(tr("The rows above hold median, spread and interval"));
    m_histogram->yAxis->setVisible(false);
    m_histogram->xAxis->setSubTicks(false);
    m_histogram->axisRect()->setMinimumMargins(QMargins(2, 4, 2, 16));
    const auto fit = [this] { fitSamples(); };
    makeNavigable(*m_histogram, fit);
    connect(m_histogram, &QCustomPlot::mouseMove, this, [this](const QMouseEvent* event) {
        const QString tip = event->buttons() == Qt::NoButton ? binTip(event->pos().x()) : QString();
        QToolTip::showText(event->globalPosition().toPoint() + QPoint(12, 14), tip, m_histogram);
    });
    addPictureMenu(*m_histogram, pictureOf(
                                     *m_histogram, QStringLiteral("samples"),
                                     [this] {
                                         QString text = QStringLiteral("pass,time [µs]\n");
                                         for (std::size_t i = 0; i < m_shown.samples.size(); ++i) {
                                             text +=
                                                 QStringLiteral("%1,%2\n").arg(i).arg(csvNumber(m_shown.samples[i]));
                                         }
                                         return text;
                                     },
                                     fit));
    body->addWidget(m_histogram);
    m_stages = new QLabel;
    m_stages->setTextFormat(Qt::RichText);
    m_stages->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_stages->setFont(Theme::smallFont());
    body->addWidget(m_stages);
    m_kernels = new QLabel;
    m_kernels->setTextFormat(Qt::RichText);
    m_kernels->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_kernels->setFont(Theme::smallFont());
    m_kernels->setObjectName(QStringLiteral("kernels"));
    m_kernels->setAccessibleName(tr("Kernels inside the selection"));
    body->addWidget(m_kernels);
    layout->addWidget(m_body);
    layout->addStretch(1);

    connect(&m_selection, &Selection::changed, this, [this] { refresh(); });
    connect(&theme(), &Theme::changed, this, [this] { refresh(); });
    refresh();
}

void DetailsPanel::setProfile(const ProfilePtr& profile, const ComparisonPtr& comparison) {
    m_profile = profile;
    m_comparison = comparison;
    refresh();
}

namespace {

/// "layer 5 of 0 … 5": counted as everywhere, from zero.
QString layerOf(std::int64_t layer, std::int64_t layers) {
    return layers > 1 ? DetailsPanel::tr("layer %1 of 0 … %2").arg(layer).arg(layers - 1)
                      : DetailsPanel::tr("layer %1, the only one").arg(layer);
}

/// Of several components together.
DetailRow ofFloorRow(double time_us, double floor_us, const InCache& cached) {
    QString value = percentText(time_us > 0 ? floor_us / time_us : floor_us);
    QString tip = DetailsPanel::tr("floor over median");
    if (!cached.names.isEmpty() && std::isfinite(floor_us)) {
        value +=
            QStringLiteral(" · ") + (cached.all ? DetailsPanel::tr("in cache") : DetailsPanel::tr("partly in cache"));
        tip += DetailsPanel::tr(
                   "\nin cache: %1, whose data fit into caches, which are faster than the memory of that "
                   "floor")
                   .arg(cached.names.join(QStringLiteral(", ")));
    }
    return {DetailsPanel::tr("of floor"), value, tip};
}

/// What became of it since the baseline; nothing where it is not compared.
void appendChange(const profile::Change* change, std::vector<DetailRow>& rows) {
    if (change == nullptr) return;
    const QString tip = DetailsPanel::tr("over the baseline's; the runs were not taken in turn");
    if (change->verdict == profile::Verdict::Unmatched) {
        rows.push_back({DetailsPanel::tr("baseline"), verdictText(*change), {}});
        return;
    }
    rows.push_back({DetailsPanel::tr("baseline"),
                    change->isTime() ? timeText(change->before) : bytesText(change->before), verdictText(*change)});
    rows.push_back({DetailsPanel::tr("Δ"), deltaText(*change), verdictText(*change)});
    QString ratio = ratioText(change->ratio.median);
    if (change->isTime() && change->ratio.known()) ratio += QStringLiteral(" (%1)").arg(intervalText(*change));
    rows.push_back({DetailsPanel::tr("ratio"), ratio, tip});
    rows.push_back({DetailsPanel::tr("since then"), verdictText(*change), tip});
}

/// What the GPU's own counters say; nothing where they were not asked.
void appendCounts(const KernelCounts& counts, std::vector<DetailRow>& rows) {
    if (counts.kernels == 0) return;
    const auto add = [&](const QString& name, double value, const QString& text, const QString& tip) {
        if (std::isfinite(value)) rows.push_back({name, text, tip});
    };
    add(DetailsPanel::tr("DRAM counted"), counts.dram_read_bytes + counts.dram_written_bytes,
        DetailsPanel::tr("%1 read, %2 written")
            .arg(bytesText(counts.dram_read_bytes), bytesText(counts.dram_written_bytes)),
        DetailsPanel::tr("by the GPU in a pass of its own: %1 kernels, each alone, in %2")
            .arg(grouped(counts.kernels), timeText(counts.time_us)));
    add(DetailsPanel::tr("DRAM throughput"), counts.dram_percent, percentText(counts.dram_percent / 100),
        DetailsPanel::tr("of its peak, in the counted pass"));
    add(DetailsPanel::tr("occupancy"), counts.occupancy_percent, percentText(counts.occupancy_percent / 100),
        DetailsPanel::tr("warps resident, of the most there can be, in the counted pass"));
    add(DetailsPanel::tr("tensor pipe"), counts.tensorShare(), percentText(counts.tensorShare()),
        DetailsPanel::tr("of all instructions, in the counted pass; one can be a whole product of tiles"));
}

}  // namespace

std::vector<DetailsPanel::Row> DetailsPanel::rowsOf(const profile::Point& point,
                                                    const profile::ComponentCost& cost) const {
    const profile::Summary& time = cost.time;
    const double seconds = time.median * 1e-6;
    const bool other = cost.component == Component::Other;
    const QString not_other = tr("'other' has no operation of its own");
    const bool has_flops = cost.flops > 0 && seconds > 0;
    const bool has_bytes = cost.bytes > 0 && seconds > 0;
    std::vector<Row> rows = {
        {tr("median"), timeText(time.median), tr("of %1 recorded passes").arg(time.n())},
        {tr("± MAD"), timeText(time.mad), tr("median absolute deviation")},
        {tr("5–95 %"), tr("%1 – %2").arg(timeText(time.p5), timeText(time.p95)), {}},
        {tr("95 % interval"), tr("%1 – %2").arg(timeText(time.ci_low), timeText(time.ci_high)),
         tr("of the median, by order statistics")},
        {tr("share"), percentText(cost.share), tr("of the whole pass")},
        {tr("calls"), other ? QStringLiteral("n/a") : grouped(cost.calls), other ? not_other : tr("in one pass")},
    };
    if (!other && cost.calls > 1) {
        rows.push_back({tr("each"), timeText(time.median / static_cast<double>(cost.calls)), tr("median over calls")});
    }
    if (!other) {
        rows.push_back({tr("floor"), timeText(cost.floor_us), floorTip(*m_profile, point, cost)});
        rows.push_back({tr("of floor"),
                        std::isfinite(cost.floor_us) ? percentText(profile::ofFloor(cost)) + QStringLiteral(" · ") +
                                                           limitText(*m_profile, point, cost)
                                                     : QStringLiteral("n/a"),
                        floorTip(*m_profile, point, cost)});
    }
    appendChange(changeOf(point, &cost), rows);
    const Unit work = countUnit(cost.flops, QStringLiteral("FLOP"));
    rows.push_back(
        {tr("work"),
         cost.flops > 0 ? threeDigits(cost.flops * work.factor) + QLatin1Char(' ') + work.name : QStringLiteral("n/a"),
         cost.flops > 0 ? tr("from the cost model") : tr("no arithmetic is counted for it")});
    rows.push_back({tr("work rate"),
                    has_flops ? threeDigits(cost.flops / seconds * 1e-9) + tr(" GFLOP/s") : QStringLiteral("n/a"),
                    {}});
    rows.push_back({tr("moved"), cost.bytes > 0 ? bytesText(cost.bytes) : QStringLiteral("n/a"),
                    tr("least bytes, from the cost model")});
    rows.push_back({tr("byte rate"),
                    has_bytes ? threeDigits(cost.bytes / seconds * 1e-9) + tr(" GB/s") : QStringLiteral("n/a"),
                    {}});
    if (has_flops && has_bytes) {
        rows.push_back({tr("intensity"), threeDigits(cost.flops / cost.bytes) + tr(" FLOP/B"), tr("work over bytes")});
    }
    rows.push_back({tr("working memory"),
                    other ? QStringLiteral("n/a") : bytesText(static_cast<double>(cost.peak_bytes)),
                    other ? not_other : tr("activations, workspace and logits in use while it ran")});
    appendCounts(point.countsOf(cost.component, cost.layer), rows);
    const profile::Options& run = m_profile->options;
    const Shapes shapes =
        shapesOf(m_profile->model.config, cost.component, cost.layer, run.mode, run.batch, point.length);
    rows.push_back({tr("does"), shapes.what, {}});
    if (!shapes.inputs.isEmpty()) rows.push_back({tr("in"), shapes.inputs, {}});
    if (!shapes.weights.isEmpty()) rows.push_back({tr("weights"), shapes.weights, {}});
    if (!shapes.outputs.isEmpty()) rows.push_back({tr("out"), shapes.outputs, {}});
    return rows;
}

void DetailsPanel::appendTraceRows(const profile::Point& point, std::vector<Row>& rows) {
    if (!point.trace.tracer.empty()) {
        rows.push_back({tr("recorded by"), QString::fromStdString(point.trace.tracer),
                        point.trace.reason.empty() ? QString() : QString::fromStdString(point.trace.reason)});
    }
    if (point.trace.detail == TraceDetail::Kernels) {
        const TraceCounts& counts = point.counts;
        rows.push_back({tr("device idle"), timeText(counts.idle_us()),
                        tr("in the last pass: no launch yet %1, launched and not begun %2, between others %3, before "
                           "the first and after the last %4")
                            .arg(timeText(counts.host_wait_us), timeText(counts.launch_us), timeText(counts.between_us),
                                 timeText(counts.before_first_us + counts.after_last_us))});
        rows.push_back({tr("tracer's own"), timeText(counts.overhead_us), tr("time of the host in the last pass")});
        rows.push_back({tr("records lost"), grouped(counts.dropped + counts.missing + counts.untimed),
                        tr("%1 dropped, %2 missing, %3 without a time, in all recorded passes")
                            .arg(counts.dropped)
                            .arg(counts.missing)
                            .arg(counts.untimed)});
    }
    const profile::DeviceUse& use = point.device_use;
    const QString source = QString::fromStdString(use.source);
    const auto add = [&](const QString& name, double value, const QString& unit, const QString& tip) {
        if (std::isfinite(value)) rows.push_back({name, threeDigits(value) + QLatin1Char(' ') + unit, tip});
    };
    add(tr("clock"), use.clock_mhz, tr("MHz"), tr("median of %1 readings, by %2").arg(use.readings).arg(source));
    add(tr("power"), use.power_w, tr("W"), tr("mean, by %1").arg(source));
    add(tr("temperature"), use.temperature_c, tr("°C"), tr("highest, by %1").arg(source));
    add(tr("energy"), use.energy_j_per_token, tr("J a token"), tr("mean power × median pass, over its tokens"));
}

std::vector<DetailsPanel::Row> DetailsPanel::rowsOf(const profile::Point& point) const {
    const profile::Summary& time = point.total;
    const double floor = profile::floorOfPass(point);
    std::vector<Row> rows = {
        {tr("median"), timeText(time.median), tr("of %1 recorded passes").arg(time.n())},
        {tr("± MAD"), timeText(time.mad), tr("median absolute deviation")},
        {tr("5–95 %"), tr("%1 – %2").arg(timeText(time.p5), timeText(time.p95)), {}},
        {tr("95 % interval"), tr("%1 – %2").arg(timeText(time.ci_low), timeText(time.ci_high)),
         tr("of the median, by order statistics")},
        {tr("throughput"), threeDigits(point.tokens_per_second) + tr(" tokens/s"), {}},
        {tr("floor"), timeText(floor),
         m_profile->provenance.ceilings ? tr("sum of its components' floors") : whyNoFloor(*m_profile)},
        ofFloorRow(time.median, floor, inCacheOf(*m_profile, point, std::nullopt)),
        {tr("not recorded"), timeText(point.untraced), tr("passes with recording off")},
        {tr("recording costs"),
         std::isfinite(point.overhead.median) && point.overhead.known()
             ? (point.overhead.differs()    ? tr("%1 %").arg(threeDigits((point.overhead.median - 1) * 100))
                : point.overhead.tooNoisy() ? tr("too noisy to tell")
                                            : tr("no difference"))
             : QStringLiteral("n/a"),
         tr("recorded over unrecorded passes, %1 pairs, 95 % interval %2 to %3")
             .arg(point.overhead.pairs)
             .arg(threeDigits(point.overhead.ci_low), threeDigits(point.overhead.ci_high))},
        {tr("bound"), point.converged ? tr("reached, n = %1").arg(time.n()) : tr("not reached, n = %1").arg(time.n()),
         tr("the stop rule: half the 95 % interval within %1 of the median")
             .arg(percentText(m_profile->options.bound))},
        {tr("peak memory"), bytesText(static_cast<double>(point.memory.peak.total())), tr("all kinds, by the ledger")},
    };
    appendChange(changeOf(point, nullptr), rows);
    if (const profile::PointComparison* compared = comparedAt(m_comparison, &point)) {
        const profile::Change& memory = *compared->find(profile::Subject::MemoryPeak);
        rows.push_back({tr("peak's Δ"), deltaText(memory), changeText(memory)});
    }
    if (const auto& ceilings = m_profile->provenance.ceilings) {
        rows.push_back(
            {tr("ceilings"), ceilingsText(*ceilings), tr("taken %1").arg(QString::fromStdString(ceilings->taken))});
    }
    appendTraceRows(point, rows);
    appendCounts(sumOf(point.counted.kernels, {}), rows);
    if (!point.counted.missing.empty()) {
        rows.push_back({tr("counters"), point.counted.kernels.empty() ? tr("none") : tr("not all"),
                        QString::fromStdString(point.counted.missing)});
    }
    return rows;
}

void DetailsPanel::setStates(const StateEvidence& states) {
    m_states = states;
    if (m_selection.focus().state) refresh();
}

/// Whether a state is selected that something is known of; then it is shown.
bool DetailsPanel::showState() {
    const Focus& focus = m_selection.focus();
    if (!focus.layer || !focus.state) return false;
    const std::vector<Row> rows = rowsOfState(m_states, *focus.layer, *focus.state);
    if (rows.empty()) return false;
    m_empty->hide();
    m_body->show();
    m_chip->hide();
    m_title->setText(tr("state %1").arg(*focus.state));
    const activity::Activity& activity = *m_states.activity;
    QStringList where = {layerOf(*focus.layer, std::ssize(activity.layers)), QString::fromStdString(activity.tokens)};
    const bool another = m_profile && m_profile->model.hash != activity.model.hash;
    if (another) where.prepend(QString::fromStdString(activity.model.name));
    m_where->setText(where.join(QStringLiteral(" · ")));
    showRows(rows);
    showSamples({});
    m_stages->hide();
    m_background.forget();
    m_kernels->hide();
    return true;
}

void DetailsPanel::refresh() {
    if (showState()) return;
    const Focus& focus = m_selection.focus();
    const profile::Point* point = m_profile ? pointOf(*m_profile, focus) : nullptr;
    m_empty->setVisible(point == nullptr);
    m_body->setVisible(point != nullptr);
    m_rows.clear();
    if (point == nullptr) return;

    const std::int32_t layer = focus.layer.value_or(kNoLayer);
    const profile::ComponentCost* cost = focus.component ? point->find(*focus.component, layer) : nullptr;
    // A component outside the layers has no row of the layer chosen, nor one inside them a row outside.
    if (cost == nullptr && focus.component) cost = point->find(*focus.component);
    const QString at = tr("%1 tokens, batch %2, %3")
                           .arg(grouped(point->length), grouped(m_profile->options.batch),
                                m_profile->options.mode == profile::Mode::Prefill ? tr("prefill") : tr("decode"));
    m_chip->setVisible(cost != nullptr);
    if (cost != nullptr) {
        m_chip->setPixmap(theme().chip(cost->component, 14, devicePixelRatioF()));
        m_title->setText(nameOf(cost->component));
        const QString where = cost->layer >= 0  ? layerOf(cost->layer, m_profile->model.config.n_layer)
                              : cost->calls > 1 ? tr("summed over %1 layers").arg(m_profile->model.config.n_layer)
                                                : tr("outside the layers");
        m_where->setText(where + QStringLiteral(" · ") + at);
        showRows(rowsOf(*point, *cost));
        showSamples(cost->time, changeOf(*point, cost));
        showStages(*point, cost->component == Component::Ssm && cost->layer == kNoLayer);
        showKernels(*point, cost->component, cost->layer >= 0 ? std::optional(cost->layer) : std::nullopt);
        return;
    }
    if (focus.layer && *focus.layer >= 0) {
        // A layer as a whole: its components' medians, summed.
        double time = 0;
        double share = 0;
        double flops = 0;
        double bytes = 0;
        double floor = 0;
        std::int64_t peak = 0;
        const profile::ComponentCost* most = nullptr;
        for (const profile::ComponentCost& c : point->layers) {
            if (c.layer != *focus.layer) continue;
            time += c.time.median;
            share += c.share;
            flops += c.flops;
            bytes += c.bytes;
            floor += c.floor_us;
            peak = std::max(peak, c.peak_bytes);
            if (most == nullptr || c.time.median > most->time.median) most = &c;
        }
        m_title->setText(layerOf(*focus.layer, m_profile->model.config.n_layer));
        m_where->setText(at);
        std::vector<Row> rows = {
            {tr("time"), timeText(time), tr("sum of its components' medians")},
            {tr("share"), percentText(share), tr("of the whole pass")},
            {tr("floor"), timeText(floor),
             std::isfinite(floor) ? tr("sum of its components' floors") : whyNoFloor(*m_profile)},
            ofFloorRow(time, floor, inCacheOf(*m_profile, *point, focus.layer)),
            {tr("work rate"), time > 0 ? threeDigits(flops / time * 1e-3) + tr(" GFLOP/s") : QStringLiteral("n/a"), {}},
            {tr("byte rate"), time > 0 ? threeDigits(bytes / time * 1e-3) + tr(" GB/s") : QStringLiteral("n/a"), {}},
            {tr("working memory"), bytesText(static_cast<double>(peak)), tr("activations, workspace and logits")},
        };
        if (most != nullptr) {
            rows.push_back(
                {tr("most time"), tr("%1, %2").arg(nameOf(most->component), timeText(most->time.median)), {}});
        }
        showRows(rows);
        showSamples({});
        showStages(*point, false);
        showKernels(*point, std::nullopt, focus.layer);
        return;
    }
    m_title->setText(tr("whole pass"));
    m_where->setText(at);
    std::vector<Row> rows = rowsOf(*point);
    if (focus.range_us) {
        const auto [begin, end] = *focus.range_us;
        double covered = 0;
        for (const Span& span : point->last_pass) {
            if (span.stage != Stage::Whole) continue;
            covered += std::max(0.0, std::min(end, span.end_us) - std::max(begin, span.begin_us));
        }
        rows.push_back({tr("range"), timeText(end - begin),
                        tr("from %1 to %2 of the last pass").arg(timeText(begin), timeText(end))});
        rows.push_back(
            {tr("in components"), percentText(end > begin ? covered / (end - begin) : 0), tr("of that range")});
    }
    showRows(rows);
    showSamples(point->total, changeOf(*point, nullptr));
    showStages(*point, false);
    showKernels(*point, std::nullopt, std::nullopt);
}

void DetailsPanel::showRows(const std::vector<Row>& rows) {
    m_rows = rows;
    // Labels are kept and filled again: a live panel changes many times a second.
    while (m_labels.size() < rows.size()) {
        auto* name = new QLabel;
        name->setProperty("muted", true);
        name->setFont(Theme::smallFont());
        name->setAlignment(Qt::AlignTop);
        auto* value = new QLabel;
        value->setFont(Theme::smallFont());
        value->setAlignment(Qt::AlignRight | Qt::AlignTop);
        value->setWordWrap(true);
        value->setTextInteractionFlags(Qt::TextSelectableByMouse);
        const int row = static_cast<int>(m_labels.size());
        m_grid->addWidget(name, row, 0);
        m_grid->addWidget(value, row, 1);
        m_labels.emplace_back(name, value);
    }
    for (std::size_t i = 0; i < m_labels.size(); ++i) {
        auto& [name, value] = m_labels[i];
        const bool used = i < rows.size();
        name->setVisible(used);
        value->setVisible(used);
        if (!used) continue;
        name->setText(rows[i].name);
        value->setText(rows[i].value);
        name->setToolTip(rows[i].tip);
        value->setToolTip(rows[i].tip);
    }
}

const profile::Change* DetailsPanel::changeOf(const profile::Point& point, const profile::ComponentCost* cost) const {
    const profile::PointComparison* compared = comparedAt(m_comparison, &point);
    if (compared == nullptr) return nullptr;
    return cost != nullptr ? compared->find(cost->component, cost->layer) : compared->find(profile::Subject::Pass);
}

void DetailsPanel::showSamples(const profile::Summary& time, const profile::Change* change) {
    m_shown = time;
    m_plot_heading->setVisible(time.n() >= 2);
    m_histogram->setVisible(time.n() >= 2);
    if (time.n() < 2) return;
    m_histogram->clearPlottables();
    m_histogram->clearItems();
    stylePlot(*m_histogram);
    const Colours& c = theme().colours();
    const Unit unit = timeUnit(time.median);
    m_plot_heading->setText(tr("%1 samples, %2").arg(time.n()).arg(unit.name));
    const bool compared = change != nullptr && std::isfinite(change->before);
    m_bins = histogramOf(time.samples, std::max(time.ci_high, compared ? change->before : 0));
    const Histogram& histogram = m_bins;
    const double width = (histogram.edges[1] - histogram.edges[0]) * unit.factor;
    const auto chosen = m_selection.focus().component;
    const QColor colour = chosen ? theme().of(*chosen) : c.muted;
    const auto addBars = [&](const QBrush& brush, const QVector<double>& keys, const QVector<double>& values) {
        auto* bars = new QCPBars(m_histogram->xAxis, m_histogram->yAxis);
        bars->setWidth(width * 0.92);
        bars->setPen(Qt::NoPen);
        bars->setAntialiased(false);
        bars->setBrush(brush);
        bars->setData(keys, values, true);
    };
    QVector<double> keys;
    QVector<double> values;
    for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
        keys.push_back(histogram.edges[i] * unit.factor + width / 2);
        values.push_back(histogram.counts[i]);
    }
    addBars(colour, keys, values);
    const int highest = *std::max_element(histogram.counts.begin(), histogram.counts.end());
    const auto most = static_cast<double>(std::max(highest, histogram.beyond));
    const double end = histogram.edges.back() * unit.factor;
    if (histogram.beyond > 0) {
        // Apart from the others, hatched, and with a sign: it is no bin of their width.
        addBars(QBrush(colour, Qt::BDiagPattern), {end + width * 1.5}, {static_cast<double>(histogram.beyond)});
        auto* label = new QCPItemText(m_histogram);
        label->setPositionAlignment(Qt::AlignRight | Qt::AlignBottom);
        label->position->setCoords(end + width * 2.2, std::min<double>(histogram.beyond, most * 0.8));
        label->setText(QStringLiteral("> ") + threeDigits(end));
        label->setFont(Theme::smallFont());
        label->setColor(c.muted);
    }
    // The median's interval as a band below the bars' feet, the median as a line.
    auto* interval = new QCPItemRect(m_histogram);
    interval->setLayer(QStringLiteral("background"));
    interval->topLeft->setCoords(time.ci_low * unit.factor, most * 1.08);
    interval->bottomRight->setCoords(time.ci_high * unit.factor, 0);
    interval->setPen(Qt::NoPen);
    interval->setBrush(c.raised);
    auto* median = new QCPItemStraightLine(m_histogram);
    median->point1->setCoords(time.median * unit.factor, 0);
    median->point2->setCoords(time.median * unit.factor, 1);
    median->setPen(QPen(c.text, 1));
    m_histogram->xAxis->grid()->setVisible(false);
    m_histogram->xAxis->ticker()->setTickCount(3);
    m_samples_from = histogram.edges.front() * unit.factor - width / 2;
    m_samples_to = end + width * (histogram.beyond > 0 ? 2.5 : 0.5);
    m_samples_top = most * 1.08;
    if (compared) {
        const double before = change->before * unit.factor;
        auto* baseline = new QCPItemStraightLine(m_histogram);
        baseline->point1->setCoords(before, 0);
        baseline->point2->setCoords(before, 1);
        baseline->setPen(QPen(changeColour(*change), 1, Qt::DashLine));
        m_samples_from = std::min(m_samples_from, before - width);
        m_samples_to = std::max(m_samples_to, before + width);
        m_plot_heading->setText(m_plot_heading->text() + tr("; dashed: the baseline"));
    }
    fitSamples();
}

void DetailsPanel::fitSamples() {
    m_histogram->xAxis->setRange(m_samples_from, m_samples_to);
    m_histogram->yAxis->setRange(0, m_samples_top);
    m_histogram->replot(QCustomPlot::rpQueuedReplot);
}

QString DetailsPanel::binTip(int x) const {
    if (m_bins.counts.empty()) return {};
    const double at = m_histogram->xAxis->pixelToCoord(x) / timeUnit(m_shown.median).factor;
    if (at < m_bins.edges.front()) return {};
    if (at > m_bins.edges.back()) {
        return m_bins.beyond == 0 ? QString()
                                  : tr("%1 of %2 samples took longer than %3: up to %4")
                                        .arg(m_bins.beyond)
                                        .arg(m_shown.n())
                                        .arg(timeText(m_bins.edges.back()), timeText(m_bins.most));
    }
    const auto above = std::upper_bound(m_bins.edges.begin(), m_bins.edges.end() - 1, at);
    const auto bin = static_cast<std::size_t>(above - m_bins.edges.begin() - 1);
    return tr("%1 of %2 samples: %3 – %4")
        .arg(m_bins.counts[std::min(bin, m_bins.counts.size() - 1)])
        .arg(m_shown.n())
        .arg(timeText(m_bins.edges[bin]), timeText(m_bins.edges[bin + 1]));
}

void DetailsPanel::showKernels(const profile::Point& point, std::optional<Component> component,
                               std::optional<std::int32_t> layer) {
    constexpr std::size_t kAtOnce = 20'000;  // kernels: some milliseconds
    // During a run it is asked again and again: an answer about the pass before is better than never one.
    KernelsOf wanted{m_profile->model.hash, point.length, component, layer};
    const bool another = wanted != m_asked;
    m_asked = std::move(wanted);
    if (another || point.last_kernels.size() <= kAtOnce) m_background.forget();
    if (point.last_kernels.size() <= kAtOnce) {
        listKernels(kernelsInside(point, component, layer));
        return;
    }
    if (another) m_kernels->hide();
    m_background.ask([this, profile = m_profile, &point, component, layer] {
        return [this, sums = kernelsInside(point, component, layer)] { listKernels(sums); };
    });
}

void DetailsPanel::listKernels(const std::vector<KernelSum>& sums) {
    constexpr std::size_t kMost = 12;
    constexpr int kNameWidth = 124;  // leaves room for the numbers where the panel is narrow and scrolls
    m_kernels->setVisible(!sums.empty());
    if (sums.empty()) return;
    QString html = QStringLiteral("<p style='color:%1'><b>%2</b></p><table width='100%' cellspacing='2'>")
                       .arg(theme().colours().muted.name(), tr("Kernels in the last pass"));
    QStringList full;
    for (std::size_t i = 0; i < std::min(sums.size(), kMost); ++i) {
        const KernelSum& sum = sums[i];
        html += QStringLiteral("<tr><td>%1</td><td align='right'>%2×</td><td align='right'>%3</td></tr>")
                    .arg(m_kernels->fontMetrics().elidedText(sum.name, Qt::ElideMiddle, kNameWidth).toHtmlEscaped(),
                         grouped(sum.count), timeText(sum.time_us));
        full << sum.full;
    }
    html += QStringLiteral("</table>");
    if (sums.size() > kMost) html += tr("<p>and %1 more</p>").arg(sums.size() - kMost);
    m_kernels->setText(html);
    m_kernels->setToolTip(full.join(QLatin1Char('\n')));
}

void DetailsPanel::showStages(const profile::Point& point, bool wanted) {
    m_stages->setVisible(wanted && !point.stages.empty());
    if (!m_stages->isVisibleTo(m_body)) return;
    QString html = QStringLiteral("<p style='color:%1'><b>%2</b></p><table width='100%' cellspacing='2'>")
                       .arg(theme().colours().muted.name(), tr("Stages"));
    for (const profile::StageCost& stage : point.stages) {
        html += QStringLiteral(
                    "<tr><td style='color:%1'>■</td><td>%2</td><td align='right'>%3</td><td align='right'>%4</td></tr>")
                    .arg(theme().of(stage.stage).name(), nameOf(stage.stage), timeText(stage.time.median),
                         percentText(stage.share));
    }
    m_stages->setText(html + QStringLiteral("</table>"));
}

QString DetailsPanel::text() const {
    QString result = m_title->text() + QLatin1Char('\n') + m_where->text() + QLatin1Char('\n');
    for (const Row& row : m_rows) result += row.name + QStringLiteral(": ") + row.value + QLatin1Char('\n');
    return result;
}

}  // namespace perfmamba::widgets
