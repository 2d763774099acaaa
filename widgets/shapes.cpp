#include "widgets/shapes.h"

#include <QCoreApplication>
#include <QStringList>
#include <algorithm>
#include <initializer_list>

namespace perfmamba::widgets {
namespace {

QString shape(std::initializer_list<std::int64_t> extents) {
    QStringList parts;
    for (const std::int64_t extent : extents) parts << QString::number(extent);
    return QLatin1Char('(') + parts.join(QStringLiteral(", ")) + QLatin1Char(')');
}

QString tr(const char* text) {
    return QCoreApplication::translate("Shapes", text);
}

bool dependsOnStates(const model::Config& config, Component component) {
    const bool projects = component == Component::InProj || component == Component::Conv1d;
    return component == Component::Ssm || component == Component::XProj ||
           (projects && config.architecture == model::Architecture::Mamba2);
}

Shapes shapesOfLayer(const model::Config& config, Component component, std::int64_t layer, profile::Mode mode,
                     std::int64_t batch, std::int64_t length) {
    const bool step = mode == profile::Mode::Decode;
    const bool second = config.architecture == model::Architecture::Mamba2;
    const std::int64_t b = batch;
    const std::int64_t l = step ? 1 : length;
    const std::int64_t d = config.d_model;
    const std::int64_t di = config.d_inner;
    const std::int64_t n = config.states(layer);
    const std::int64_t vocab = config.vocab_padded > 0 ? config.vocab_padded : config.vocab_size;
    switch (component) {
        case Component::Embedding:
            return {tr("looks up a row for each token"), shape({b, l}), shape({vocab, d}), shape({b, l, d})};
        case Component::Norm:
        case Component::NormF: return {tr("RMS norm over d_model"), shape({b, l, d}), shape({d}), shape({b, l, d})};
        case Component::InProj:
            return {second ? tr("one GEMM to z, x, B, C and dt") : tr("one GEMM to x and z"), shape({b, l, d}),
                    shape({config.inProjRows(layer), d}), shape({b, l, config.inProjRows(layer)})};
        case Component::Conv1d: {
            const std::int64_t width = config.convWidth(layer);
            if (step) {
                return {tr("one step of the causal depthwise convolution, and SiLU"),
                        tr("%1 and the inputs before it").arg(shape({b, l, width})), shape({width, config.d_conv}),
                        shape({b, l, width})};
            }
            return {tr("causal depthwise convolution and SiLU"), shape({b, l, width}), shape({width, config.d_conv}),
                    shape({b, l, width})};
        }
        case Component::XProj:
            return {tr("GEMM to dt, B and C"), shape({b, l, di}), shape({config.dt_rank + 2 * n, di}),
                    shape({b, l, config.dt_rank + 2 * n})};
        case Component::DtProj:
            return {tr("GEMM from dt_rank to the channels"), shape({b, l, config.dt_rank}), shape({di, config.dt_rank}),
                    shape({b, l, di})};
        case Component::Ssm:
            if (second) {
                const bool even = config.evenGroups(layer);
                const std::int64_t group = n / config.n_groups;
                const QString h =
                    even ? shape({b, config.n_heads, config.head_dim, group}) : shape({b, config.ssmState(layer)});
                const QString x_b_c = tr("x %1, B and C %2")
                                          .arg(shape({b, l, config.n_heads, config.head_dim}),
                                               even ? shape({b, l, config.n_groups, group}) : shape({b, l, n}));
                return {step ? tr("one step of the recurrence: h from the last h, y from h")
                             : tr("SSD: the scan over time, in chunks"),
                        step ? tr("%1, h %2").arg(x_b_c, h) : x_b_c,
                        tr("A, D, dt_bias %1").arg(shape({config.n_heads})),
                        tr("y %1, h %2").arg(shape({b, l, di}), h)};
            } else {
                const QString h = shape({b, di, n});
                const QString x_b_c = tr("x %1, B and C %2").arg(shape({b, l, di}), shape({b, l, n}));
                return {step ? tr("one step of the recurrence: h from the last h, y from h")
                             : tr("selective scan over time"),
                        step ? tr("%1, h %2").arg(x_b_c, h) : x_b_c, tr("A %1, D %2").arg(shape({di, n}), shape({di})),
                        tr("y %1, h %2").arg(shape({b, l, di}), h)};
            }
        case Component::Gate:
            return {second ? tr("y · SiLU(z), then RMS norm over d_inner") : tr("y · SiLU(z)"),
                    tr("y and z %1").arg(shape({b, l, di})), second ? shape({di}) : QString(), shape({b, l, di})};
        case Component::OutProj:
            return {tr("GEMM back to d_model, added to the residual"), shape({b, l, di}), shape({d, di}),
                    shape({b, l, d})};
        case Component::LmHead:
            return {tr("GEMM to the vocabulary"), shape({b, l, d}), shape({vocab, d}),
                    tr("%1 for each position asked for").arg(shape({vocab}))};
        case Component::Other:
            return {tr("what lies between components: copies, the engine's own bookkeeping"), {}, {}, {}};
    }
    return {};
}

}  // namespace

Shapes shapesOf(const model::Config& config, Component component, std::int32_t layer, profile::Mode mode,
                std::int64_t batch, std::int64_t length) {
    const Shapes shapes = shapesOfLayer(config, component, std::max(layer, 0), mode, batch, length);
    if (layer == kNoLayer && !config.state_sizes.empty() && dependsOnStates(config, component)) {
        return {shapes.what, {}, {}, {}};
    }
    return shapes;
}

}  // namespace perfmamba::widgets
