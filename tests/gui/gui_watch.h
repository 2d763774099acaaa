// Watches how long the GUI thread works without looking at its events. Its own processor time counts, not the wall
// clock's: other work on the machine does not make a test fail.
#pragma once

#include <QApplication>
#include <QElapsedTimer>
#include <QMetaEnum>
#include <QString>
#include <QThread>
#include <functional>
#include <utility>

#include "tests/support/cpu_clock.h"

namespace perfmamba::test {

/// The application, with a clock around every event.
class WatchedApplication : public QApplication {
public:
    using QApplication::QApplication;

    bool notify(QObject* receiver, QEvent* event) override {
        if (m_inside || QThread::currentThread() != thread()) return QApplication::notify(receiver, event);
        m_inside = true;
        const QMetaObject* type = receiver->metaObject();
        const QEvent::Type what = event->type();
        const double begin = threadCpuMs();
        const bool result = QApplication::notify(receiver, event);
        const double ms = threadCpuMs() - begin;
        m_inside = false;
        if (ms > m_longest_ms) {
            m_longest_ms = ms;
            m_longest_type = type;
            m_longest_event = what;
        }
        return result;
    }

    /// The longest event since the last call: how long, of what kind and for whom.
    QString takeLongest() {
        const char* event = QMetaEnum::fromType<QEvent::Type>().valueToKey(m_longest_event);
        const QString text = m_longest_type == nullptr ? QStringLiteral("no event")
                                                       : QStringLiteral("%1 for %2, %3 ms")
                                                             .arg(QLatin1String(event != nullptr ? event : "an event"),
                                                                  QLatin1String(m_longest_type->className()))
                                                             .arg(m_longest_ms, 0, 'f', 1);
        m_longest_ms = 0;
        m_longest_type = nullptr;
        return text;
    }

private:
    bool m_inside = false;
    double m_longest_ms = 0;
    const QMetaObject* m_longest_type = nullptr;
    QEvent::Type m_longest_event = QEvent::None;
};

/// Turns of the event loop, one after the other, and the longest of them.
class Watch {
public:
    explicit Watch(WatchedApplication& application) : m_application(application) {}

    /// What a user does. It counts as a turn.
    void act(const char* what, const std::function<void()>& does) {
        m_step = what;
        turn(does);
    }
    /// Turns until that holds; false where it does not in time.
    bool until(const std::function<bool()>& holds, int patience_ms) {
        QElapsedTimer clock;
        clock.start();
        while (!holds()) {
            if (clock.elapsed() > patience_ms) return false;
            turn([] { QCoreApplication::processEvents(QEventLoop::AllEvents); });
            QThread::usleep(500);
        }
        return true;
    }
    /// Turns for so long.
    void rest(int ms) {
        QElapsedTimer clock;
        clock.start();
        until([&] { return clock.elapsed() >= ms; }, ms + 1000);
    }

    [[nodiscard]] double longest_ms() const { return m_longest_ms; }
    /// What went on in it.
    [[nodiscard]] const QString& during() const { return m_during; }

private:
    void turn(const std::function<void()>& does) {
        m_application.takeLongest();
        const double begin = threadCpuMs();
        does();
        const double ms = threadCpuMs() - begin;
        const QString event = m_application.takeLongest();
        constexpr double kWorthTelling_ms = 12;
        if (ms > kWorthTelling_ms) qInfo("%6.1f ms after '%s': %s", ms, m_step, qPrintable(event));
        if (ms <= m_longest_ms) return;
        m_longest_ms = ms;
        m_during = QStringLiteral("%1 ms after '%2': %3").arg(ms, 0, 'f', 1).arg(QLatin1String(m_step), event);
    }

    WatchedApplication& m_application;
    const char* m_step = "start";
    double m_longest_ms = 0;
    QString m_during;
};

}  // namespace perfmamba::test
