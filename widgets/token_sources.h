// Which tokens a criterion sees, and which accuracy is measured on.
#pragma once

#include <QString>

namespace perfmamba::evaluate {
struct TokenRequest;
}

namespace perfmamba::widgets {

struct TokenSources {
    QString calibrate;       // "task", "random" or a file
    QString evaluate;        // the same
    int window = 0;          // tokens; 0: the task's, or the usual
    QString field;           // of JSON lines and HDF5 files; empty: the usual
    bool last_word = false;  // judge by the last word of each line alone

    bool operator==(const TokenSources&) const = default;
};

/// Whether the file is of a kind that a field is chosen of.
bool hasFields(const QString& source);

evaluate::TokenRequest calibrationOf(const TokenSources& sources);
evaluate::TokenRequest evaluationOf(const TokenSources& sources);

}  // namespace perfmamba::widgets
