#include "core/prune/apply.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <utility>

#include "kernels/error.h"

namespace perfmamba::prune {
namespace {

using model::Architecture;
using model::Checkpoint;
using model::Config;
using Indices = std::vector<std::int64_t>;

constexpr std::int64_t kZero = -1;  // stands for a row of zeros
constexpr std::string_view kLayerPrefix = "backbone.layers.";

/// Which rows (or columns) of a tensor the result is made of, in order.
struct Selection {
    bool columns = false;
    Indices sources;

    [[nodiscard]] std::int64_t zeroed() const { return std::ranges::count(sources, kZero); }
};

/// The states of the result's layer, group by group: the number each has in the source, or kZero.
Indices statesOf(const Config& config, const Plan& plan, Form form, std::int64_t layer, const Config& result) {
    Indices states;
    std::int64_t first = 0;
    for (std::int64_t group = 0; group < config.groups(); ++group) {
        const std::size_t begin = states.size();
        for (std::int64_t n = first; n < first + config.states(layer, group); ++n) {
            const bool stays = plan.layers[static_cast<std::size_t>(layer)][static_cast<std::size_t>(n)] != 0;
            if (stays || form == Form::Masked) states.push_back(stays ? n : kZero);
        }
        first += config.states(layer, group);
        states.resize(begin + static_cast<std::size_t>(result.states(layer, group)), kZero);
    }
    return states;
}

void appendRange(Indices& indices, std::int64_t begin, std::int64_t count) {
    for (std::int64_t i = begin; i < begin + count; ++i) indices.push_back(i);
}

/// B's rows, then C's, of a tensor in which B begins at row `first`.
void appendStates(Indices& indices, std::int64_t first, std::int64_t all, const Indices& states) {
    for (const std::int64_t begin : {first, first + all}) {
        for (const std::int64_t n : states) indices.push_back(n == kZero ? kZero : begin + n);
    }
}

/// The layer's number and what follows "backbone.layers.N.mixer." in a tensor's name; an empty text for others.
std::pair<std::int64_t, std::string> partsOf(const std::string& name) {
    constexpr std::string_view kMixer = ".mixer.";
    const std::size_t mixer = name.find(kMixer);
    if (!name.starts_with(kLayerPrefix) || mixer == std::string::npos) return {};
    const std::string number = name.substr(kLayerPrefix.size(), mixer - kLayerPrefix.size());
    constexpr std::size_t kMostDigits = 9;
    const bool digits = std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
    if (number.empty() || number.size() > kMostDigits || !digits) return {};
    return {std::stoll(number), name.substr(mixer + kMixer.size())};
}

/// A plan on a checkpoint in a form: what becomes of each tensor.
class Surgery {
public:
    Surgery(const Checkpoint& checkpoint, const Plan& plan, Form form) : m_config(checkpoint.config()), m_form(form) {
        checkFor(plan, m_config, checkpoint.name(), checkpoint.hash());
        m_result = configOf(m_config, plan, form);
        if (form == Form::Uniform && m_config.isFalcon() && m_result.d_state != m_config.norm_states) {
            throw Error(checkpoint.name(),
                        "cannot lose states in the uniform form: its norms of B and C are taken over all states, and "
                        "stock code would divide by the number of those that are left",
                        "choose the masked form, or the ragged one, which this program reads");
        }
        for (std::int64_t layer = 0; layer < m_config.n_layer; ++layer) {
            m_states.push_back(statesOf(m_config, plan, form, layer, m_result));
        }
    }

    [[nodiscard]] const Config& result() const { return m_result; }

    /// Nothing where the tensor stays as it is.
    [[nodiscard]] std::optional<Selection> of(const HostTensor& tensor) const {
        const auto [layer, part] = partsOf(tensor.name);
        if (part.empty() || layer >= m_config.n_layer) return std::nullopt;
        std::optional<Selection> selection =
            m_config.architecture == Architecture::Mamba1 ? ofMamba1(part, layer) : ofMamba2(part, layer);
        if (!selection) return std::nullopt;
        Indices same;
        appendRange(same, 0, tensor.shape[selection->columns ? 1 : 0]);
        if (selection->sources == same) return std::nullopt;
        return selection;
    }

private:
    [[nodiscard]] std::optional<Selection> ofMamba1(const std::string& part, std::int64_t layer) const {
        const Indices& states = m_states[static_cast<std::size_t>(layer)];
        // A masked state's A may stay: without B and C nothing goes in or comes out.
        if (part == "A_log" && m_form != Form::Masked) return Selection{true, states};
        if (part != "x_proj.weight") return std::nullopt;
        Selection rows;
        appendRange(rows.sources, 0, m_config.dt_rank);
        appendStates(rows.sources, m_config.dt_rank, m_config.states(layer), states);
        return rows;
    }

    /// A, Δ, D, the norm and out_proj belong to heads and channels, and stay.
    [[nodiscard]] std::optional<Selection> ofMamba2(const std::string& part, std::int64_t layer) const {
        const bool in_proj = part == "in_proj.weight" || part == "in_proj.bias";
        if (!in_proj && part != "conv1d.weight" && part != "conv1d.bias") return std::nullopt;
        // in_proj: z, x, B, C, dt. conv1d: x, B, C.
        const std::int64_t before = m_config.d_inner * (in_proj ? 2 : 1);
        const std::int64_t all = m_config.states(layer);
        Selection rows;
        appendRange(rows.sources, 0, before);
        appendStates(rows.sources, before, all, m_states[static_cast<std::size_t>(layer)]);
        if (in_proj) appendRange(rows.sources, before + 2 * all, m_config.n_heads);
        return rows;
    }

    const Config& m_config;
    Form m_form;
    Config m_result;
    std::vector<Indices> m_states;
};

std::vector<std::int64_t> shapeOf(const HostTensor& tensor, const Selection& selection) {
    std::vector<std::int64_t> shape = tensor.shape;
    shape[selection.columns ? 1 : 0] = std::ssize(selection.sources);
    return shape;
}

/// The selected rows or columns, byte for byte.
HostTensor select(const HostTensor& tensor, const Selection& selection) {
    HostTensor result{tensor.name, tensor.dtype, shapeOf(tensor, selection), nullptr, nullptr};
    // A matrix of columns is a row of single elements, over and over.
    const auto rows = static_cast<std::size_t>(tensor.shape[0]);
    const std::size_t repeats = selection.columns ? rows : 1;
    const std::size_t extent = static_cast<std::size_t>(tensor.shape[selection.columns ? 1 : 0]);
    const std::size_t item = extent == 0 ? 0 : tensor.bytes() / (repeats * extent);
    auto bytes = std::make_shared<std::vector<std::byte>>(result.bytes());
    std::byte* to = bytes->data();
    for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
        const std::byte* from = tensor.data + repeat * extent * item;
        for (const std::int64_t source : selection.sources) {
            if (source != kZero) std::memcpy(to, from + static_cast<std::size_t>(source) * item, item);
            to += item;
        }
    }
    result.data = bytes->data();
    result.owner = std::move(bytes);
    return result;
}

}  // namespace

std::string_view name(Form form) {
    switch (form) {
        case Form::Uniform: return "uniform";
        case Form::Ragged: return "ragged";
        case Form::Masked: return "masked";
    }
    return "";
}

std::optional<Form> formFromName(std::string_view text) {
    for (const Form form : {Form::Uniform, Form::Ragged, Form::Masked}) {
        if (name(form) == text) return form;
    }
    return std::nullopt;
}

std::vector<TensorChange> dryRun(const Checkpoint& checkpoint, const Plan& plan, Form form) {
    const Surgery surgery(checkpoint, plan, form);
    std::vector<TensorChange> changes;
    for (const auto& [key, tensor] : checkpoint.tensors()) {
        const auto bytes = static_cast<std::int64_t>(tensor.bytes());
        TensorChange change{key, tensor.shape, tensor.shape, bytes, bytes, 0};
        if (const std::optional<Selection> selection = surgery.of(tensor)) {
            change.after = shapeOf(tensor, *selection);
            HostTensor after{key, tensor.dtype, change.after, nullptr, nullptr};
            change.bytes_after = static_cast<std::int64_t>(after.bytes());
            change.zeroed = selection->zeroed();
        }
        changes.push_back(std::move(change));
    }
    return changes;
}

Config configOf(const Config& config, const Plan& plan, Form form) {
    if (form == Form::Masked) return config;
    Config result = compactConfig(config, plan);
    if (form == Form::Uniform) result.state_sizes.clear();
    return result;
}

HostTensor prunedTensor(const Checkpoint& checkpoint, const Plan& plan, Form form, const std::string& name) {
    const HostTensor& tensor = checkpoint.tensor(name);
    const std::optional<Selection> selection = Surgery(checkpoint, plan, form).of(tensor);
    return selection ? select(tensor, *selection) : tensor;
}

std::shared_ptr<const Checkpoint> apply(const std::shared_ptr<const Checkpoint>& checkpoint, const Plan& plan,
                                        Form form) {
    const Surgery surgery(*checkpoint, plan, form);
    std::map<std::string, HostTensor> replaced;
    for (const auto& [key, tensor] : checkpoint->tensors()) {
        if (const std::optional<Selection> selection = surgery.of(tensor)) replaced[key] = select(tensor, *selection);
    }
    return Checkpoint::derive(checkpoint, surgery.result(), std::move(replaced));
}

}  // namespace perfmamba::prune
