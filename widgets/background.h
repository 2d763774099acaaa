// What takes longer than the GUI thread may wait: done on a thread of its own, the answer brought back.
#pragma once

#include <QObject>
#include <functional>
#include <mutex>
#include <optional>

#include "widgets/lane.h"

namespace perfmamba::widgets {

/// One question at a time: a newer one takes the place of one that waits, not of one that is being answered. The thread
/// starts with the first question. GUI thread only.
class Background : public QObject {
    Q_OBJECT
public:
    using Answer = std::function<void()>;

    using QObject::QObject;
    /// Waits for the job under way.
    ~Background() override;

    /// `job` runs on the thread and may read only what never changes; what it returns is then called on the GUI thread.
    /// One that throws has no answer.
    void ask(std::function<Answer()> job);
    /// No answer to what was asked until now is wanted any more.
    void forget() { m_forgotten = m_given = m_asked; }
    /// Whether an answer is still to come.
    [[nodiscard]] bool busy() const { return m_given != m_asked; }

private:
    Q_INVOKABLE void takeAnswer();

    // Numbers of questions, counted on the GUI thread.
    unsigned m_asked = 0;
    unsigned m_given = 0;
    unsigned m_forgotten = 0;

    std::mutex m_mutex;
    Answer m_answer;  // to question m_answered; taken once
    unsigned m_answered = 0;
    std::optional<Lane> m_lane;
};

}  // namespace perfmamba::widgets
