// What model is open: the few numbers one compares models by.
#pragma once

#include <QWidget>
#include <optional>

#include "core/profile/profile.h"

class QAction;
class QGridLayout;
class QLabel;
class QToolButton;

namespace perfmamba::widgets {

class ModelCard : public QWidget {
    Q_OBJECT
public:
    explicit ModelCard(QWidget* parent = nullptr);
    /// Empty: nothing is open.
    void setModel(const std::optional<profile::ModelSummary>& model);
    /// What else must be known of it; empty: nothing.
    void setNote(const QString& note);
    /// A button beside the note while there is one, shown where it can be done.
    void setNoteAction(QAction* action);

private:
    void addRow(int row, const QString& name, const QString& value, const QString& tip = {});

    QLabel* m_name = nullptr;
    QLabel* m_kind = nullptr;
    QLabel* m_note = nullptr;
    QToolButton* m_note_button = nullptr;
    QGridLayout* m_grid = nullptr;
    std::optional<QString> m_shows;  // what identifies the model that the card is filled with; empty: no model
};

}  // namespace perfmamba::widgets
