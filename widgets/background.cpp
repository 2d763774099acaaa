#include "widgets/background.h"

#include <exception>
#include <utility>

namespace perfmamba::widgets {

Background::~Background() {
    if (m_lane) m_lane->dropWaiting();
    m_lane.reset();
}

void Background::ask(std::function<Answer()> job) {
    if (!m_lane) m_lane.emplace();
    m_lane->post("question", [this, question = ++m_asked, job = std::move(job)] {
        Answer answer;
        try {
            answer = job();
        } catch (const std::exception&) {
            // Too little memory, mostly: there is no answer then.
        }
        {
            const std::lock_guard lock(m_mutex);
            m_answer = std::move(answer);
            m_answered = question;
        }
        QMetaObject::invokeMethod(this, "takeAnswer", Qt::QueuedConnection);
    });
}

void Background::takeAnswer() {
    Answer answer;
    unsigned answered = 0;
    {
        const std::lock_guard lock(m_mutex);
        answer = std::exchange(m_answer, {});
        answered = m_answered;
    }
    if (answered <= m_forgotten) return;
    m_given = answered;
    if (answer) answer();
}

}  // namespace perfmamba::widgets
