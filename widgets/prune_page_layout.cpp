// The page's parts and where they stand.
#include <QButtonGroup>
#include <QCheckBox>
#include <QGridLayout>
#include <QLabel>
#include <QMenu>
#include <QProgressBar>
#include <QPushButton>
#include <QSplitter>
#include <QStackedWidget>
#include <QToolButton>
#include <QUndoStack>
#include <QVBoxLayout>
#include <algorithm>
#include <array>

#include "widgets/elided_label.h"
#include "widgets/fitting_area.h"
#include "widgets/price_card.h"
#include "widgets/prune_page.h"
#include "widgets/segments.h"
#include "widgets/sensitivity_plot.h"
#include "widgets/study_form.h"
#include "widgets/theme.h"
#include "widgets/tradeoff_plot.h"

namespace perfmamba::widgets {
namespace {

constexpr int kLeftWidth = 248;  // the three columns where the page is 800 pixels wide
constexpr int kCentreWidth = 236;
constexpr int kRightWidth = 316;

}  // namespace

void PrunePage::makeColumns(Selection& selection) {
    m_columns = new QSplitter(Qt::Horizontal);
    m_columns->setHandleWidth(1);
    auto* left = new QWidget;
    auto* left_layout = new QVBoxLayout(left);
    left_layout->setContentsMargins(0, 0, 0, 0);
    left_layout->setSpacing(0);
    left_layout->addWidget(makeHeader());
    m_panel = new PlanPanel(selection);
    left_layout->addWidget(m_panel, 1);
    m_columns->addWidget(new FittingArea(left));
    m_columns->addWidget(makeCentre(selection));
    m_columns->addWidget(makePrice());
    m_columns->setCollapsible(0, true);
    m_columns->setCollapsible(1, false);
    m_columns->setCollapsible(2, true);
    m_columns->setStretchFactor(0, 0);
    m_columns->setStretchFactor(1, 1);
    m_columns->setStretchFactor(2, 0);
}

void PrunePage::arrange() {
    if (m_arranged) return;
    // A larger page gives most of its room to the plot.
    const int more = std::max(0, width() - kLeftWidth - kCentreWidth - kRightWidth) / 8;
    m_columns->setSizes({kLeftWidth + more, width() - kLeftWidth - kRightWidth - 2 * more, kRightWidth + more});
    m_arranged = true;
}

QWidget* PrunePage::makeHeader() {
    auto* bar = new QWidget;
    auto* layout = new QHBoxLayout(bar);
    layout->setContentsMargins(10, 4, 6, 0);
    layout->setSpacing(0);
    layout->addWidget(makeHeading(tr("What goes")), 1);
    const auto button = [&](const QString& sign, const QString& word, auto act) {
        auto* tool = new QToolButton;
        tool->setText(sign);
        tool->setAccessibleName(word);
        tool->setToolTip(word);
        tool->setEnabled(false);
        connect(tool, &QToolButton::clicked, m_undo, act);
        layout->addWidget(tool);
        return tool;
    };
    auto* undo = button(QStringLiteral("↶"), tr("Undo"), &QUndoStack::undo);
    auto* redo = button(QStringLiteral("↷"), tr("Redo"), &QUndoStack::redo);
    connect(m_undo, &QUndoStack::canUndoChanged, undo, &QWidget::setEnabled);
    connect(m_undo, &QUndoStack::canRedoChanged, redo, &QWidget::setEnabled);
    connect(m_undo, &QUndoStack::undoTextChanged, undo,
            [undo](const QString& what) { undo->setToolTip(tr("Undo: %1").arg(what)); });
    connect(m_undo, &QUndoStack::redoTextChanged, redo,
            [redo](const QString& what) { redo->setToolTip(tr("Redo: %1").arg(what)); });
    return bar;
}

QWidget* PrunePage::makeCentre(Selection& selection) {
    auto* part = new QWidget;
    part->setAutoFillBackground(true);
    part->setBackgroundRole(QPalette::Base);
    part->setMinimumWidth(kCentreWidth);
    auto* layout = new QVBoxLayout(part);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(10, 5, 8, 3);
    bar->setSpacing(0);
    m_study_label = makeHeading(tr("Trade-off"));
    bar->addWidget(m_study_label, 1);
    m_views = addSegments(*bar, this,
                          {{tr("trade-off"), tr("Accuracy against what pruning wins")},
                           {tr("each layer"), tr("What is lost when each layer is pruned alone")},
                           {tr("study"), tr("What a study measures, and how far it has got")}});
    layout->addLayout(bar);
    m_centre = new QStackedWidget;
    m_tradeoff = new TradeoffPlot;
    m_sensitivity = new SensitivityPlot(selection);
    m_form = new StudyForm;
    m_centre->addWidget(m_tradeoff);
    m_centre->addWidget(m_sensitivity);
    m_centre->addWidget(new FittingArea(m_form));
    layout->addWidget(m_centre, 1);
    connect(m_views, &QButtonGroup::idClicked, m_centre, &QStackedWidget::setCurrentIndex);
    return part;
}

QWidget* PrunePage::makePrice() {
    auto* part = new QWidget;
    auto* layout = new QVBoxLayout(part);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(2);
    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(10, 8, 8, 0);
    bar->addWidget(makeHeading(tr("Price of this plan")), 1);
    layout->addLayout(bar);
    m_card = new PriceCard;
    layout->addWidget(m_card, 1);
    layout->addWidget(makeButtons());
    return new FittingArea(part);
}

QWidget* PrunePage::makeButtons() {
    auto* part = new QWidget;
    auto* grid = new QGridLayout(part);
    grid->setContentsMargins(10, 2, 10, 8);
    grid->setSpacing(6);
    m_measuring = new ElidedLabel;
    m_measuring->setFont(Theme::smallFont());
    m_measuring->setProperty("muted", true);
    grid->addWidget(m_measuring, 0, 0, 1, 2);
    m_busy = new QProgressBar;
    m_busy->setRange(0, 0);
    m_busy->setTextVisible(false);
    m_busy->setFixedHeight(3);
    m_busy->setAccessibleName(tr("Measuring"));
    grid->addWidget(m_busy, 1, 0, 1, 2);
    m_as_i_go = new QCheckBox(tr("measure accuracy as I go"));
    m_as_i_go->setChecked(true);
    m_as_i_go->setToolTip(tr("A moment after each change, with the states masked"));
    grid->addWidget(m_as_i_go, 2, 0, 1, 2);
    const auto button = [&](const QString& text, const QString& tip, int row, int column, auto act) {
        auto* push_button = new QPushButton(text);
        push_button->setToolTip(tip);
        push_button->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
        connect(push_button, &QPushButton::clicked, this, act);
        grid->addWidget(push_button, row, column);
        return push_button;
    };
    m_measure = button(tr("Measure now"),
                       tr("Compact the model, then measure accuracy and speed against the unpruned "
                          "one"),
                       3, 0, [this] { measureNow(); });
    m_measure->setProperty("primary", true);
    button(tr("Run study…"), tr("Measure several criteria and shares"), 3, 1, [this] {
        m_views->button(2)->setChecked(true);
        m_centre->setCurrentIndex(2);
        m_form->setFocus();
    });
    m_export = new QPushButton(tr("Export"));
    m_export->setToolTip(tr("Write the pruned weights to a new folder"));
    auto* menu = new QMenu(m_export);
    menu->setToolTipsVisible(true);
    const std::array<std::array<QString, 3>, 3> forms = {{
        {QStringLiteral("ragged"), tr("Ragged: every layer its own count"),
         tr("Smallest and fastest; read back by this program")},
        {QStringLiteral("uniform"), tr("Uniform: one count everywhere"),
         tr("Loads in stock code; where fewer stay, zeroed states fill up")},
        {QStringLiteral("masked"), tr("Masked: shapes as they were"), tr("Loads in stock code; pruned states zeroed")},
    }};
    for (const auto& [form, text, tip] : forms) {
        menu->addAction(text, this, [this, id = form] { Q_EMIT exportRequested(m_plan, id); })->setToolTip(tip);
    }
    m_export->setMenu(menu);
    grid->addWidget(m_export, 4, 0, 1, 2);
    m_save = button(tr("Save plan…"), tr("Write which states stay to a file"), 5, 0,
                    [this] { Q_EMIT planSaveRequested(m_plan); });
    button(tr("Load plan…"), tr("Read a plan that was saved"), 5, 1, [this] { Q_EMIT planLoadRequested(); });
    setMeasuring({});
    return part;
}

}  // namespace perfmamba::widgets
