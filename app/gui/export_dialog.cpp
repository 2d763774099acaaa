#include "app/gui/export_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QStyledItemDelegate>
#include <QTableWidget>
#include <QVBoxLayout>

#include "core/model/checkpoint.h"
#include "widgets/format.h"
#include "widgets/table_menu.h"
#include "widgets/theme.h"

namespace perfmamba::app {
namespace {

enum Column { Tensor, Before, After, Zeroed, BytesBefore, BytesAfter, kColumns };

QTableWidgetItem* cell(const QVariant& shown, Qt::Alignment side = Qt::AlignRight) {
    auto* item = new QTableWidgetItem;
    item->setData(Qt::DisplayRole, shown);  // numbers sort as such
    item->setTextAlignment(side | Qt::AlignVCenter);
    item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable);
    return item;
}

/// Shows whole numbers in groups of three; what is copied stays as it is.
class GroupedNumbers : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    [[nodiscard]] QString displayText(const QVariant& value, const QLocale& locale) const override {
        return value.typeId() == QMetaType::LongLong ? widgets::grouped(value.toLongLong())
                                                     : QStyledItemDelegate::displayText(value, locale);
    }
};

struct FormatChoice {
    QString text;
    prune::Format format;
};
std::vector<FormatChoice> formatChoices() {
    return {{ExportDialog::tr("Hugging Face"), {}},
            {ExportDialog::tr("GGUF, types as stored"), {true, {}}},
            {ExportDialog::tr("GGUF, float32"), {true, DType::F32}},
            {ExportDialog::tr("GGUF, float16"), {true, DType::F16}},
            {ExportDialog::tr("GGUF, bfloat16"), {true, DType::BF16}}};
}

QString shape(const std::vector<std::int64_t>& extents) {
    return QString::fromStdString(model::shapeText(extents));
}

}  // namespace

ExportDialog::ExportDialog(const prune::PlanPtr& plan, const QString& folder, QWidget* parent)
    : QDialog(parent), m_plan(plan) {
    setObjectName(QStringLiteral("exportDialog"));
    setWindowTitle(tr("Export the pruned model"));
    setModal(false);
    resize(760, 480);
    auto* layout = new QVBoxLayout(this);
    auto* top = new QHBoxLayout;
    auto* form_label = new QLabel(tr("&Form"));
    m_form = new QComboBox;
    m_form->addItem(tr("Ragged"), static_cast<int>(prune::Form::Ragged));
    m_form->addItem(tr("Uniform"), static_cast<int>(prune::Form::Uniform));
    m_form->addItem(tr("Masked"), static_cast<int>(prune::Form::Masked));
    form_label->setBuddy(m_form);
    auto* format_label = new QLabel(tr("For&mat"));
    m_format = new QComboBox;
    m_format->setObjectName(QStringLiteral("format"));
    for (const FormatChoice& choice : formatChoices()) m_format->addItem(choice.text);
    format_label->setBuddy(m_format);
    m_explanation = new QLabel;
    m_explanation->setWordWrap(true);
    m_explanation->setProperty("muted", true);
    top->addWidget(form_label);
    top->addWidget(m_form);
    top->addWidget(format_label);
    top->addWidget(m_format);
    top->addWidget(m_explanation, 1);
    layout->addLayout(top);

    m_table = new QTableWidget(0, kColumns);
    m_table->setHorizontalHeaderLabels(
        {tr("tensor"), tr("before"), tr("after"), tr("zeroed"), tr("before\nB"), tr("after\nB")});
    m_table->setItemDelegate(new GroupedNumbers(m_table));
    m_table->verticalHeader()->hide();
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    m_table->horizontalHeader()->setSectionResizeMode(Tensor, QHeaderView::Stretch);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setAccessibleName(tr("What the export changes, tensor by tensor"));
    m_table->horizontalHeader()->setSortIndicator(-1, Qt::AscendingOrder);
    widgets::addTableActions(*m_table, QStringLiteral("tensors"));
    top->addWidget(widgets::makeFilter(*m_table, tr("Filter tensors")));
    layout->addWidget(m_table, 1);
    m_summary = new QLabel(tr("Looking at the tensors…"));
    layout->addWidget(m_summary);

    auto* where = new QHBoxLayout;
    auto* folder_label = new QLabel(tr("&New folder"));
    m_folder = new QLineEdit(folder);
    folder_label->setBuddy(m_folder);
    auto* choose = new QPushButton(tr("&Choose…"));
    choose->setAutoDefault(false);
    where->addWidget(folder_label);
    where->addWidget(m_folder, 1);
    where->addWidget(choose);
    layout->addLayout(where);
    m_status = new QLabel;
    m_status->setWordWrap(true);
    layout->addWidget(m_status);

    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
    m_export = buttons->addButton(tr("&Export"), QDialogButtonBox::ActionRole);
    m_export->setObjectName(QStringLiteral("export"));
    m_export->setDefault(true);
    m_export->setEnabled(false);
    m_open = buttons->addButton(tr("&Open the pruned model"), QDialogButtonBox::ActionRole);
    m_open->setObjectName(QStringLiteral("openExported"));
    m_open->hide();
    layout->addWidget(buttons);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::close);
    connect(m_export, &QPushButton::clicked, this, &ExportDialog::begin);
    connect(choose, &QPushButton::clicked, this, &ExportDialog::browse);
    connect(m_folder, &QLineEdit::textChanged, this, [this](const QString& chosen) {
        m_status->setText(QFileInfo::exists(chosen)
                              ? tr("There is something of that name already; nothing is overwritten.")
                              : QString());
        updateTexts();
    });
    connect(m_form, &QComboBox::currentIndexChanged, this, [this] {
        m_export->setEnabled(false);
        updateTexts();
        Q_EMIT dryRunWanted(form());
    });
    connect(m_format, &QComboBox::currentIndexChanged, this, [this] {
        // One number of states for all layers is what GGUF has.
        if (format().gguf && form() == prune::Form::Ragged) setForm(prune::Form::Uniform);
        updateTexts();
    });
    updateTexts();
}

bool ExportDialog::possible() const {
    return !(format().gguf && form() == prune::Form::Ragged);
}

prune::Format ExportDialog::format() const {
    return formatChoices()[static_cast<std::size_t>(m_format->currentIndex())].format;
}

void ExportDialog::setFormat(const prune::Format& format) {
    const std::vector<FormatChoice> choices = formatChoices();
    for (std::size_t i = 0; i < choices.size(); ++i) {
        const prune::Format& other = choices[i].format;
        if (other.gguf == format.gguf && other.matrices == format.matrices)
            m_format->setCurrentIndex(static_cast<int>(i));
    }
}

prune::Form ExportDialog::form() const {
    return static_cast<prune::Form>(m_form->currentData().toInt());
}

void ExportDialog::setForm(prune::Form form) {
    m_form->setCurrentIndex(m_form->findData(static_cast<int>(form)));
}

QString ExportDialog::folder() const {
    return m_folder->text();
}

void ExportDialog::setFolder(const QString& folder) {
    m_folder->setText(folder);
}

void ExportDialog::setChanges(const std::vector<prune::TensorChange>& changes) {
    m_table->setSortingEnabled(false);
    m_table->setRowCount(0);
    std::int64_t before = 0;
    std::int64_t after = 0;
    int unchanged = 0;
    for (const prune::TensorChange& change : changes) {
        before += change.bytes_before;
        after += change.bytes_after;
        if (change.before == change.after && change.zeroed == 0) {
            ++unchanged;
            continue;
        }
        const int row = m_table->rowCount();
        m_table->insertRow(row);
        m_table->setItem(row, Tensor, cell(QString::fromStdString(change.name), Qt::AlignLeft));
        m_table->setItem(row, Before, cell(shape(change.before)));
        m_table->setItem(row, After, cell(shape(change.after)));
        m_table->setItem(row, Zeroed, cell(change.zeroed > 0 ? QVariant(qint64{change.zeroed}) : QVariant()));
        m_table->setItem(row, BytesBefore, cell(qint64{change.bytes_before}));
        m_table->setItem(row, BytesAfter, cell(qint64{change.bytes_after}));
    }
    m_table->setSortingEnabled(true);
    Q_EMIT m_table->model()->layoutChanged();  // for the filter
    m_summary->setText(
        tr("%1 tensors change, %2 stay as they are. Weights: %3 → %4.")
            .arg(m_table->rowCount())
            .arg(unchanged)
            .arg(widgets::bytesText(static_cast<double>(before)), widgets::bytesText(static_cast<double>(after))));
    updateTexts();
    m_export->setEnabled(possible() && !m_working && !m_folder->text().isEmpty());
}

void ExportDialog::setProgress(const QString& text) {
    if (m_working) m_status->setText(text);
}

void ExportDialog::setDone(const prune::Exported& exported) {
    m_working = false;
    const QString agree = exported.largest_difference > 0
                              ? tr("to %1 of the largest").arg(QString::number(exported.largest_difference, 'e', 1))
                              : tr("exactly");
    const QString folder = QString::fromStdString(exported.folder.string());
    m_status->setText(tr("Written to %1 (%2). Read back, its logits agree with the live model's %3, at %4 positions.")
                          .arg(folder, widgets::bytesText(static_cast<double>(exported.bytes)), agree,
                               widgets::grouped(exported.positions)));
    m_open->disconnect(this);
    connect(m_open, &QPushButton::clicked, this, [this, folder] { Q_EMIT openWanted(folder); });
    m_open->show();
    if (!exported.note.empty()) {
        m_status->setText(m_status->text() + QLatin1Char('\n') +
                          tr("Note: %1.").arg(QString::fromStdString(exported.note)));
    }
    updateTexts();
}

void ExportDialog::setFailed(const QString& why) {
    if (!m_working) return;
    m_working = false;
    m_status->setText(tr("Nothing was exported: %1").arg(why));
    updateTexts();
}

void ExportDialog::browse() {
    const QString parent = QFileInfo(m_folder->text()).absolutePath();
    const QString chosen = QFileDialog::getExistingDirectory(this, tr("Where to make the new folder"), parent);
    if (!chosen.isEmpty()) m_folder->setText(chosen + QLatin1Char('/') + QFileInfo(m_folder->text()).fileName());
}

void ExportDialog::begin() {
    m_working = true;
    m_open->hide();
    m_status->setText(tr("Waiting for the engine…"));
    updateTexts();
    Q_EMIT exportWanted(form(), {std::filesystem::path(QFile::encodeName(m_folder->text()).toStdString()), format()});
}

void ExportDialog::updateTexts() {
    switch (form()) {
        case prune::Form::Ragged:
            m_explanation->setText(
                tr("Each layer keeps its own number of states: smallest and fastest. Read by this "
                   "program (state_size_per_layer in config.json)."));
            break;
        case prune::Form::Uniform:
            m_explanation->setText(
                tr("The same number of states everywhere, that of the fullest layer; where fewer stay, "
                   "zeroed ones fill up. Loads in transformers and other stock code."));
            break;
        case prune::Form::Masked:
            m_explanation->setText(
                tr("The original shapes with the pruned states zeroed: nothing gets faster. Loads "
                   "wherever the original does."));
            break;
    }
    if (format().gguf) {
        m_explanation->setText(!possible()
                                   ? tr("GGUF has one number of states for all layers: choose uniform or masked.")
                                   : m_explanation->text() + QLatin1Char(' ') + tr("model.gguf is for llama.cpp."));
    }
    const bool exists = QFileInfo::exists(m_folder->text());
    m_export->setEnabled(possible() && !m_working && !exists && !m_folder->text().isEmpty() && m_table->rowCount() > 0);
    m_form->setEnabled(!m_working);
    m_format->setEnabled(!m_working);
    m_folder->setEnabled(!m_working);
}

}  // namespace perfmamba::app
