// Names of files, as core takes them.
#pragma once

#include <QString>
#include <filesystem>

namespace perfmamba::app {

inline std::filesystem::path pathOf(const QString& text) {
    return {text.toStdU16String()};
}

}  // namespace perfmamba::app
