#include "widgets/state_details.h"

#include <QObject>

#include "widgets/format.h"
#include "widgets/state_arithmetic.h"
#include "widgets/states_page.h"

namespace perfmamba::widgets {

std::vector<DetailRow> rowsOfState(const StateEvidence& evidence, std::int64_t layer, std::int64_t state) {
    if (!evidence.activity || layer < 0 || layer >= std::ssize(evidence.activity->layers)) return {};
    const activity::Activity& activity = *evidence.activity;
    const activity::LayerActivity& of = activity.layers[static_cast<std::size_t>(layer)];
    if (state < 0 || state >= of.states()) return {};

    const auto index = static_cast<std::size_t>(state);
    const bool mamba1 = activity.model.config.architecture == model::Architecture::Mamba1;
    const QString rows = mamba1 ? QObject::tr("channels") : QObject::tr("heads");
    std::vector<DetailRow> result;
    if (of.group_states.size() > 1) {
        const StateInGroup at = inGroup(of, state);
        result.push_back({QObject::tr("group"), QObject::tr("%1, its state %2").arg(at.group).arg(at.state), {}});
    }
    for (const activity::Statistic statistic : kernels::kStatistics) {
        const std::vector<double> means = of.stateMeans(statistic);
        result.push_back({nameOf(statistic), threeDigits(means[index]),
                          QObject::tr("mean over %1 tokens and the group's %2; rank %3 of %4 in the layer; "
                                      "the largest of all: %5")
                              .arg(grouped(activity.tokens_seen), rows)
                              .arg(rankOf(means, index))
                              .arg(means.size())
                              .arg(threeDigits(of.stateMost(statistic)[index]))});
    }
    if (evidence.scores && fits(*evidence.scores, activity)) {
        const std::vector<double>& scores = evidence.scores->layers[static_cast<std::size_t>(layer)];
        result.push_back(
            {QObject::tr("score"), threeDigits(scores[index]),
             QObject::tr("%1, %2; rank %3 of %4 in the layer")
                 .arg(QString::fromStdString(evidence.scores->criterion), QString::fromStdString(evidence.scores->unit))
                 .arg(rankOf(scores, index))
                 .arg(scores.size())});
    }
    if (evidence.plan && fits(*evidence.plan, activity)) {
        const bool stays = evidence.plan->layers[static_cast<std::size_t>(layer)][index] != 0;
        result.push_back({QObject::tr("plan"), stays ? QObject::tr("kept") : QObject::tr("pruned"), {}});
    }
    return result;
}

}  // namespace perfmamba::widgets
