#include "widgets/model_card.h"

#include <QAction>
#include <QGridLayout>
#include <QLabel>
#include <QToolButton>
#include <QVBoxLayout>

#include "widgets/elided_label.h"
#include "widgets/format.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {

ModelCard::ModelCard(QWidget* parent) : QWidget(parent) {
    setAccessibleName(tr("Model"));
    setAutoFillBackground(true);
    setBackgroundRole(QPalette::Base);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(10, 8, 10, 8);
    layout->setSpacing(2);
    m_name = new ElidedLabel;
    QFont font = m_name->font();
    font.setWeight(QFont::DemiBold);
    font.setPointSizeF(font.pointSizeF() * 1.12);
    m_name->setFont(font);
    layout->addWidget(m_name);
    m_kind = new ElidedLabel;
    m_kind->setProperty("muted", true);
    layout->addWidget(m_kind);
    m_note = new QLabel;
    m_note->setFont(Theme::smallFont());
    m_note->setWordWrap(true);
    m_note->hide();
    layout->addWidget(m_note);
    m_note_button = new QToolButton;
    m_note_button->setFont(Theme::smallFont());
    m_note_button->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_note_button->setFocusPolicy(Qt::StrongFocus);
    m_note_button->hide();
    layout->addWidget(m_note_button);
    m_grid = new QGridLayout;
    m_grid->setContentsMargins(0, 5, 0, 0);
    m_grid->setHorizontalSpacing(10);
    m_grid->setVerticalSpacing(1);
    m_grid->setColumnStretch(1, 1);
    m_grid->setColumnStretch(3, 1);
    layout->addLayout(m_grid);
    setModel(std::nullopt);
}

void ModelCard::addRow(int cell, const QString& name, const QString& value, const QString& tip) {
    auto* key = new QLabel(name);
    key->setProperty("muted", true);
    key->setFont(Theme::smallFont());
    auto* number = new QLabel(value);
    number->setFont(Theme::smallFont());
    number->setAlignment(Qt::AlignRight);
    number->setTextInteractionFlags(Qt::TextSelectableByMouse);
    if (!tip.isEmpty()) {
        key->setToolTip(tip);
        number->setToolTip(tip);
    }
    m_grid->addWidget(key, cell / 2, (cell % 2) * 2);
    m_grid->addWidget(number, cell / 2, (cell % 2) * 2 + 1);
    // A layout shows new children when the event loop comes to it; during a run that can be late.
    key->show();
    number->show();
}

void ModelCard::setNote(const QString& note) {
    m_note->setText(note);
    m_note->setVisible(!note.isEmpty());
    QAction* action = m_note_button->defaultAction();
    m_note_button->setVisible(!note.isEmpty() && action != nullptr && action->isEnabled());
}

void ModelCard::setNoteAction(QAction* action) {
    m_note_button->setDefaultAction(action);
}

void ModelCard::setModel(const std::optional<profile::ModelSummary>& model) {
    // Asked for with every snapshot of a run: what is there stays, instead of being built anew and blank until laid
    // out.
    QString shows;
    if (model) {
        shows = QString::fromStdString(model->name + '\n' + model->path + '\n' + model->hash + '\n' +
                                       model->stored_type + '\n' + model->compute_type);
    }
    if (m_shows == shows) return;
    m_shows = shows;
    while (QLayoutItem* item = m_grid->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    if (!model) {
        m_name->setText(tr("No model open"));
        m_name->setToolTip({});
        m_kind->setText(tr("Open or drop a checkpoint folder"));
        return;
    }
    const model::Config& config = model->config;
    const bool second = config.architecture == model::Architecture::Mamba2;
    m_name->setText(QString::fromStdString(model->name));
    m_name->setToolTip(QString::fromStdString(model->path + "\n" + model->hash));
    const Unit unit = countUnit(static_cast<double>(model->parameters), QString());
    m_kind->setText(tr("%1 · %2%3 parameters")
                        .arg(second ? QStringLiteral("Mamba-2") : QStringLiteral("Mamba-1"),
                             threeDigits(static_cast<double>(model->parameters) * unit.factor),
                             unit.name.isEmpty() ? QString() : QChar(0x00A0) + unit.name));
    m_kind->setToolTip(tr("%1 parameters").arg(grouped(model->parameters)));
    int cell = 0;
    addRow(cell++, tr("layers"), QString::number(config.n_layer));
    addRow(cell++, tr("d_model"), QString::number(config.d_model));
    addRow(cell++, tr("d_state"), QString::fromStdString(model::stateSizeText(config)),
           tr("N, the states of each channel or head"));
    addRow(cell++, tr("d_inner"), QString::number(config.d_inner));
    if (second) {
        addRow(cell++, tr("heads"), QStringLiteral("%1 × %2").arg(config.n_heads).arg(config.head_dim),
               tr("heads × channels of a head"));
        addRow(cell++, tr("chunk"), QString::number(config.chunk_size));
    } else {
        addRow(cell++, tr("dt_rank"), QString::number(config.dt_rank));
        addRow(cell++, tr("d_conv"), QString::number(config.d_conv));
    }
    addRow(cell++, tr("vocab"), grouped(config.vocab_size));
    addRow(cell++, tr("file"), bytesText(static_cast<double>(model->file_bytes)));
    const QString stored = QString::fromStdString(model->stored_type);
    const QString computed = QString::fromStdString(model->compute_type);
    addRow(cell++, tr("stored"), stored, tr("Weights are stored as %1 and computed with as %2").arg(stored, computed));
    addRow(cell++, tr("run in"), computed.isEmpty() ? QStringLiteral("float32") : computed);
}

}  // namespace perfmamba::widgets
