// The scaling study: at the left what to measure, at the right what was found, by length or by number of states.
#pragma once

#include <QWidget>
#include <optional>

#include "core/study/scaling.h"

class QAction;
class QStackedWidget;

namespace perfmamba::widgets {

class EmptyPage;
class ScalingForm;
class ScalingView;
class StatesCostView;

class ScalingPage : public QWidget {
    Q_OBJECT
public:
    enum class Side { Lengths, States };

    explicit ScalingPage(QWidget* parent = nullptr);
    /// What fills it: shown where it is empty. `without_model`: where nothing can be run, instead.
    void setActions(QAction* run, QAction* sweep, QAction* open_report, const QList<QAction*>& without_model);
    void setStudy(const study::ScalingPtr& study);
    /// A study of which the form takes models and options, too.
    void openStudy(const study::ScalingPtr& study);
    void setSide(Side side);
    /// @param seconds_left  none: not known
    void setProgress(std::size_t cell, double done, const std::optional<double>& seconds_left, const QString& what);
    void setRunning(bool running);

    [[nodiscard]] const study::ScalingPtr& study() const { return m_study; }
    /// Whether running goes on with the study that is shown.
    [[nodiscard]] bool resumes() const;
    [[nodiscard]] ScalingForm* form() const { return m_form; }
    [[nodiscard]] ScalingView* lengths() const { return m_lengths; }
    [[nodiscard]] StatesCostView* states() const { return m_states; }
    [[nodiscard]] bool empty() const;
    [[nodiscard]] EmptyPage* emptyPage() const { return m_empty; }

private:
    void refresh();
    /// The side that is hidden follows when it is shown.
    void fillSide();

    study::ScalingPtr m_study;
    Side m_side = Side::Lengths;
    bool m_running = false;
    QAction* m_run = nullptr;
    QAction* m_sweep = nullptr;
    QAction* m_open_report = nullptr;
    QList<QAction*> m_without_model;
    ScalingForm* m_form = nullptr;
    QStackedWidget* m_stack = nullptr;
    EmptyPage* m_empty = nullptr;
    ScalingView* m_lengths = nullptr;
    StatesCostView* m_states = nullptr;
};

}  // namespace perfmamba::widgets
