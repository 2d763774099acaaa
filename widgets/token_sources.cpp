#include "widgets/token_sources.h"

#include <algorithm>
#include <array>

#include "core/study/study.h"

namespace perfmamba::widgets {
namespace {

bool isGenerated(const QString& source) {
    return source == QLatin1String("task") || source == QLatin1String("random");
}

evaluate::TokenRequest requestOf(const TokenSources& sources, const QString& source, std::uint64_t seed) {
    evaluate::TokenRequest request;
    request.source = source.toStdString();
    // A task says itself how long it is.
    if (source != QLatin1String("task")) request.length = sources.window;
    request.seed = seed;
    // Of two files one may have fields and the other not.
    if (hasFields(source)) request.field = sources.field.toStdString();
    return request;
}

}  // namespace

bool hasFields(const QString& source) {
    static constexpr std::array kEndings = {".jsonl", ".ndjson", ".json", ".h5", ".hdf5"};
    return std::any_of(kEndings.begin(), kEndings.end(),
                       [&](const char* ending) { return source.endsWith(QLatin1String(ending)); });
}

evaluate::TokenRequest calibrationOf(const TokenSources& sources) {
    return requestOf(sources, sources.calibrate, evaluate::kCalibrationSeed);
}

evaluate::TokenRequest evaluationOf(const TokenSources& sources) {
    evaluate::TokenRequest request = requestOf(sources, sources.evaluate, evaluate::kEvaluationSeed);
    if (!sources.last_word || isGenerated(sources.evaluate)) return request;
    request.last_word = true;
    request.length = 0;  // lines are as long as they are
    return request;
}

}  // namespace perfmamba::widgets
