#include "widgets/price_card.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QGridLayout>
#include <QLabel>
#include <QVBoxLayout>
#include <cmath>

#include "widgets/format.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr int kWidest = 380;  // values keep near their names

QString markOf(Standing standing) {
    switch (standing) {
        case Standing::Measured: return QStringLiteral("●");
        case Standing::Estimated: return QStringLiteral("○");
        case Standing::Counted: return QStringLiteral("=");
        case Standing::Missing: break;
    }
    return {};
}

QString wordOf(Standing standing) {
    switch (standing) {
        case Standing::Measured: return QObject::tr("measured");
        case Standing::Estimated: return QObject::tr("estimated");
        case Standing::Counted: return QObject::tr("counted");
        case Standing::Missing: break;
    }
    return QObject::tr("not known");
}

QString tipOf(const Figure& figure) {
    return figure.note.isEmpty() ? wordOf(figure.standing)
                                 : wordOf(figure.standing) + QStringLiteral(": ") + figure.note;
}

QString intervalText(const Figure& figure) {
    if (figure.standing != Standing::Measured) return {};
    return QStringLiteral("%1–%2").arg(threeDigits(figure.low), threeDigits(figure.high));
}

double errorOf(const Figure& figure) {
    return figure.standing == Standing::Measured ? figure.high - figure.value : std::nan("");
}

QString errorText(const Figure& figure, double factor = 1) {
    const double error = errorOf(figure) * factor;
    return std::isfinite(error) ? QStringLiteral("± ") + digitsOf(error, error) : QString();
}

QString valueText(const Figure& figure, double factor = 1) {
    return digitsOf(figure.value * factor, errorOf(figure) * factor);
}

}  // namespace

PriceCard::PriceCard(QWidget* parent) : QWidget(parent) {
    setAccessibleName(tr("Price of the plan"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(10, 2, 5, 6);
    layout->setSpacing(4);
    m_empty = new QLabel;
    m_empty->setWordWrap(true);
    m_empty->setProperty("muted", true);
    layout->addWidget(m_empty);
    m_body = new QWidget;
    m_grid = new QGridLayout(m_body);
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setHorizontalSpacing(4);
    m_body->setMaximumWidth(kWidest);
    m_grid->setVerticalSpacing(2);
    m_grid->setColumnStretch(0, 1);
    layout->addWidget(m_body);
    m_key = new QLabel(tr("● measured   ○ estimated   = counted"));
    m_key->setFont(Theme::smallFont());
    m_key->setProperty("muted", true);
    m_key->setToolTip(
        tr("Speed-ups with their 95 % interval, accuracy with its standard error. An estimate is read "
           "off what other plans cost; what is counted follows from shapes and scores and is exact."));
    layout->addWidget(m_key);
    layout->addStretch(1);
    auto* copy = new QAction(tr("Copy numbers"), this);
    connect(copy, &QAction::triggered, this, [this] { QApplication::clipboard()->setText(text()); });
    addAction(copy);
    setContextMenuPolicy(Qt::ActionsContextMenu);
    connect(&theme(), &Theme::changed, this, [this] { refresh(); });
    setPrice(std::nullopt);
}

void PriceCard::setPrice(const std::optional<Price>& price, const QString& why) {
    m_price = price;
    m_why = why;
    refresh();
}

std::vector<PriceCard::Row> PriceCard::rowsOf(const Price& price) {
    const prune::Facts& facts = price.facts;
    const auto bytes = [](std::int64_t count) { return bytesText(static_cast<double>(count)); };
    const QString exact = tr("counted from the shapes: exact");
    const QString size = tr("as the engine computes: float32");
    std::vector<Row> rows;
    rows.push_back({tr("Size"), {tr("unpruned"), tr("this plan"), tr("left")}, Standing::Counted, {}, true});
    const auto sized = [&](const QString& name, const QString& before, const QString& after, std::int64_t kept,
                           std::int64_t all, const QString& tip) {
        const double share = all > 0 ? static_cast<double>(kept) / static_cast<double>(all) : 1;
        rows.push_back({name, {before, after, percentText(share)}, Standing::Counted, tip});
    };
    sized(tr("states"), grouped(facts.states), grouped(facts.states_kept), facts.states_kept, facts.states, exact);
    sized(tr("a sequence"), bytes(facts.state_bytes), bytes(facts.state_bytes_kept), facts.state_bytes_kept,
          facts.state_bytes, tr("what one sequence carries: h and the convolution's inputs, %1").arg(size));
    sized(tr("weights"), bytes(facts.weight_bytes), bytes(facts.weight_bytes_kept), facts.weight_bytes_kept,
          facts.weight_bytes, tr("after compacting, %1").arg(size));
    rows.push_back({tr("activity lost"),
                    {QString(), QString(), percentText(price.activity_lost.value)},
                    price.activity_lost.standing,
                    tipOf(price.activity_lost)});

    rows.push_back({tr("Speed-up"), {tr("× faster"), tr("95 %"), tr("by bytes")}, Standing::Counted, {}, true});
    for (const SpeedFigure& speed : price.speeds) {
        QString tip = tipOf(speed.speed_up);
        if (std::isfinite(speed.before_us) && std::isfinite(speed.after_us)) {
            tip += tr("\n%1 a pass unpruned, %2 pruned").arg(timeText(speed.before_us), timeText(speed.after_us));
        }
        tip += tr(
            "\nby bytes: the least bytes moved, unpruned over pruned; what a pass limited by memory alone would win");
        rows.push_back(
            {workloadText(speed.workload),
             {threeDigits(speed.speed_up.value), intervalText(speed.speed_up), threeDigits(speed.bytes_ratio)},
             speed.speed_up.standing,
             tip});
    }

    rows.push_back({tr("Prediction"), {tr("unpruned"), tr("this plan"), tr("s.e.")}, Standing::Counted, {}, true});
    // Accuracy is a share and shown in per cent; nats and bits are not.
    const double factor = price.higher_is_better ? 100 : 1;
    rows.push_back({price.higher_is_better ? tr("%1, %").arg(price.quality_name) : price.quality_name,
                    {digitsOf(price.quality_unpruned * factor, errorOf(price.quality) * factor),
                     valueText(price.quality, factor), errorText(price.quality, factor)},
                    price.quality.standing,
                    tipOf(price.quality),
                    false,
                    1});
    rows.push_back({tr("KL, nats"),
                    {QStringLiteral("0"), valueText(price.divergence), errorText(price.divergence)},
                    price.divergence.standing,
                    tr("KL(unpruned ‖ this plan) of the next token\n") + tipOf(price.divergence),
                    false,
                    1});
    rows.push_back({tr("agreement, %"),
                    {QStringLiteral("100"), valueText(price.agreement, 100), errorText(price.agreement, 100)},
                    price.agreement.standing,
                    tr("positions where both hold the same token most likely\n") + tipOf(price.agreement),
                    false,
                    1});
    return rows;
}

void PriceCard::refresh() {
    m_empty->setVisible(!m_price);
    m_body->setVisible(m_price.has_value());
    m_key->setVisible(m_price.has_value());
    m_empty->setText(m_why.isEmpty() ? tr("What a plan keeps, wins and costs stands here.") : m_why);
    m_rows = m_price ? rowsOf(*m_price) : std::vector<Row>();
    // Labels are kept and filled again: the card follows the slider.
    while (m_labels.size() < m_rows.size()) {
        const int row = static_cast<int>(m_labels.size());
        std::array<QLabel*, 5> labels{};
        for (int column = 0; column < 5; ++column) {
            auto* label = new QLabel;
            label->setAlignment(column == 0 ? Qt::AlignLeft | Qt::AlignVCenter : Qt::AlignRight | Qt::AlignVCenter);
            label->setTextFormat(Qt::PlainText);
            if (column > 0 && column < 4) label->setTextInteractionFlags(Qt::TextSelectableByMouse);
            m_grid->addWidget(label, row, column);
            labels[static_cast<std::size_t>(column)] = label;
        }
        m_labels.push_back(labels);
    }
    const Colours& c = theme().colours();
    for (std::size_t i = 0; i < m_labels.size(); ++i) {
        const bool used = i < m_rows.size();
        for (QLabel* label : m_labels[i]) label->setVisible(used);
        if (!used) continue;
        const Row& row = m_rows[i];
        const bool firm = row.standing == Standing::Measured || row.standing == Standing::Counted;
        for (std::size_t column = 0; column < m_labels[i].size(); ++column) {
            QLabel& label = *m_labels[i][column];
            QFont font = row.heading ? Theme::headingFont() : Theme::smallFont();
            // What is not measured leans and steps back.
            const bool soft = column > row.known && !row.heading && !firm;
            font.setItalic(soft);
            if (!row.heading && column == row.known + 1 && row.standing == Standing::Measured)
                font.setWeight(QFont::DemiBold);
            label.setFont(font);
            QPalette palette = label.palette();
            palette.setColor(label.foregroundRole(), row.heading || soft || column == 0 ? c.muted : c.text);
            label.setPalette(palette);
            label.setToolTip(row.tip);
            label.setContentsMargins(0, row.heading && i > 0 ? 8 : 0, 0, 0);
            label.setText(column == 0   ? row.name
                          : column == 4 ? (row.heading ? QString() : markOf(row.standing))
                                        : row.values[column - 1]);
        }
    }
    setAccessibleDescription(text());
}

QString PriceCard::text() const {
    if (!m_price) return m_empty->text();
    QString result;
    for (const Row& row : m_rows) {
        if (row.heading) continue;
        QStringList values;
        for (const QString& value : row.values) {
            if (!value.isEmpty()) values << value;
        }
        result +=
            QStringLiteral("%1: %2 [%3]\n").arg(row.name, values.join(QStringLiteral("; ")), wordOf(row.standing));
    }
    return result;
}

}  // namespace perfmamba::widgets
