// What an error says to the user.
#pragma once

#include <QString>
#include <QTest>
#include <functional>

#include "kernels/error.h"

namespace perfmamba::tests {

inline QString messageOf(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& error) {
        return QString::fromUtf8(error.what());
    }
    return QStringLiteral("no error");
}

}  // namespace perfmamba::tests

/// The call fails, and the message has that part.
#define VERIFY_MESSAGE(call, part)                                                  \
    do {                                                                            \
        const QString message = perfmamba::tests::messageOf([&] { (void)(call); }); \
        QVERIFY2(message.contains(QStringLiteral(part)), qPrintable(message));      \
    } while (false)
