#include "core/study/merge_scaling.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/study/identity.h"
#include "kernels/error.h"

namespace perfmamba::study {
namespace {

/// Whether the two are the same measurement: the same passes.
bool samePasses(const ScalingCell& a, const ScalingCell& b) {
    return a.point.total.samples == b.point.total.samples && a.point.untraced.samples == b.point.untraced.samples;
}

/// Joins part by part.
class Merger {
public:
    explicit Merger(const ScalingPart& first) : m_first(first), m_merged(*first.study) {
        m_merged.shard = 1;
        m_merged.shards = 1;
        m_merged.provenances.clear();
        for (ScalingCell& cell : m_merged.cells) {
            const Series series = cell.series;
            const std::int64_t length = cell.length;
            cell = {};
            cell.series = series;
            cell.length = length;
        }
        m_from.resize(m_merged.cells.size());
    }

    void add(const ScalingPart& part) {
        if (const std::string differs = difference(*m_first.study, *part.study); !differs.empty()) {
            throw Error(part.name, fmt::format("is of another study than {} ({})", m_first.name, differs),
                        "merge parts of the same study");
        }
        for (std::size_t i = 0; i < m_merged.cells.size(); ++i) take(i, part);
    }

    ScalingPtr result() {
        m_merged.complete = m_merged.done() == m_merged.cells.size();
        return std::make_shared<const ScalingStudy>(std::move(m_merged));
    }

private:
    void take(std::size_t index, const ScalingPart& part) {
        ScalingCell& mine = m_merged.cells[index];
        const ScalingCell& theirs = part.study->cells[index];
        if (theirs.state == CellState::Waiting) return;
        if (mine.state == CellState::Measured) {
            if (theirs.state == CellState::Failed || samePasses(mine, theirs)) return;
            throw Error(
                part.name,
                fmt::format("holds another measurement of '{}' than {}", inWords(m_merged, mine), *m_from[index]),
                "leave one of them out");
        }
        mine = theirs;
        if (mine.state == CellState::Measured) {
            mine.provenance = rowOf(m_merged.provenances, part.study->provenances[theirs.provenance]);
        }
        m_from[index] = &part.name;
    }

    const ScalingPart& m_first;
    ScalingStudy m_merged;
    std::vector<const std::string*> m_from;  // a cell each: the part that it is from
};

}  // namespace

ScalingPtr mergeScaling(const std::vector<ScalingPart>& parts) {
    if (parts.empty()) throw Error("parts", "there are none");
    Merger merger(parts.front());
    for (const ScalingPart& part : parts) merger.add(part);
    return merger.result();
}

std::string missingText(const ScalingStudy& merged, const std::vector<ScalingPart>& parts) {
    const std::size_t missing = merged.cells.size() - merged.done();
    if (missing == 0) return {};
    std::string text = fmt::format("{} of {} cells are missing", missing, merged.cells.size());
    std::set<std::size_t> counts;
    for (const ScalingPart& part : parts) {
        if (part.study->shards > 1) counts.insert(part.study->shards);
    }
    if (counts.size() != 1) return text;
    const std::size_t shards = *counts.begin();
    std::set<std::size_t> waiting;
    for (std::size_t i = 0; i < merged.cells.size(); ++i) {
        if (merged.cells[i].state == CellState::Waiting) waiting.insert(merged.shardOf(i, shards));
    }
    return text +
           fmt::format(", of shard{} {} of {}", waiting.size() == 1 ? "" : "s", fmt::join(waiting, ", "), shards);
}

}  // namespace perfmamba::study
