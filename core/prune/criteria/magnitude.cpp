#include <cmath>

#include <fmt/format.h>

#include "core/prune/criteria/criteria.h"

namespace perfmamba::prune {
namespace {

double norm(const HostTensor& matrix, std::int64_t row) {
    const auto width = static_cast<std::size_t>(matrix.shape[1]);
    std::vector<float> values(width);
    convertToFloat(matrix.dtype, matrix.data + static_cast<std::size_t>(row) * width * sizeOf(matrix.dtype), width,
                   values.data());
    double sum = 0;
    for (const float value : values) sum += double{value} * double{value};
    return std::sqrt(sum);
}

class Magnitude : public Criterion {
public:
    [[nodiscard]] std::string_view id() const override { return "magnitude"; }
    [[nodiscard]] std::string_view title() const override { return "Magnitude, paired"; }
    [[nodiscard]] std::string_view description() const override {
        return "‖W_B,n‖ · ‖W_C,n‖: the norms of the rows that write and read state n, multiplied. Weights alone; the "
               "static proxy of GHOST (arXiv 2602.11408).";
    }
    [[nodiscard]] Needs needs() const override { return Needs::Weights; }
    [[nodiscard]] std::vector<double> score(const LayerInputs& inputs) const override {
        return pairedNorms(inputs.checkpoint, inputs.layer);
    }
};

}  // namespace

std::vector<double> pairedNorms(const model::Checkpoint& checkpoint, std::int64_t layer) {
    const model::Config& config = checkpoint.config();
    const bool mamba1 = config.architecture == model::Architecture::Mamba1;
    const HostTensor& matrix =
        checkpoint.tensor(fmt::format("backbone.layers.{}.mixer.{}_proj.weight", layer, mamba1 ? "x" : "in"));
    // x_proj's rows are dt, B, C; in_proj's z, x, B, C, dt. B and C each lie group by group.
    const std::int64_t first = mamba1 ? config.dt_rank : 2 * config.d_inner;
    const std::int64_t states = config.states(layer);
    std::vector<double> result;
    for (std::int64_t n = 0; n < states; ++n) {
        result.push_back(norm(matrix, first + n) * norm(matrix, first + states + n));
    }
    return result;
}

const Criterion& magnitudeCriterion() {
    static const Magnitude criterion;
    return criterion;
}

}  // namespace perfmamba::prune
