#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/cli/common.h"
#include "app/cli/model_options.h"
#include "core/model/checkpoint.h"
#include "core/profile/profiler.h"
#include "core/report/layout.h"
#include "core/report/text.h"
#include "core/report/utf8.h"

namespace perfmamba::cli {
namespace {

struct InfoOptions {
    std::string model;
    std::string json;
};

/// What one sequence carries from token to token, in float32.
struct StateBytes {
    std::int64_t conv = 0;
    std::int64_t ssm = 0;
};

StateBytes stateBytes(const model::Config& config) {
    constexpr std::int64_t kFloat = sizeof(float);
    StateBytes bytes;
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
        bytes.conv += (config.d_conv - 1) * config.convWidth(layer) * kFloat;
        bytes.ssm += config.ssmState(layer) * kFloat;
    }
    return bytes;
}

/// The name with each number between dots replaced: the same tensor of every layer has the same.
std::string pattern(const std::string& name) {
    std::string result;
    std::size_t begin = 0;
    while (begin <= name.size()) {
        const std::size_t end = std::min(name.find('.', begin), name.size());
        const std::string part = name.substr(begin, end - begin);
        const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
        result += (begin == 0 ? "" : ".") + (number ? "*" : part);
        begin = end + 1;
    }
    return result;
}

/// Tensors of the same pattern, shape and type as one line.
std::string tensorText(const model::Checkpoint& checkpoint) {
    std::map<std::string, std::int64_t> counts;
    std::size_t width = 0;
    for (const auto& [name, tensor] : checkpoint.tensors()) {
        const std::string key = report::toPlainUtf8(pattern(name));
        width = std::max(width, report::columns(key));
        ++counts[key + '\t' + fmt::format("{}  {}", perfmamba::name(tensor.dtype), model::shapeText(tensor.shape))];
    }
    std::string text;
    for (const auto& [line, count] : counts) {
        const std::size_t tab = line.find('\t');
        text += fmt::format("  {}{}  {}{}\n", line.substr(0, tab),
                            std::string(width - report::columns(line.substr(0, tab)), ' '), line.substr(tab + 1),
                            count > 1 ? fmt::format("  × {}", count) : "");
    }
    return text;
}

std::string infoText(const model::Checkpoint& checkpoint) {
    const model::Config& config = checkpoint.config();
    const StateBytes state = stateBytes(config);
    const auto bytes = [](std::int64_t count) { return report::formatBytes(static_cast<double>(count)); };
    std::string text;
    const auto line = [&](const char* label, const std::string& value) {
        text += fmt::format("{:14}{}\n", label, value);
    };
    line("model", report::toPlainUtf8(checkpoint.name()));
    line("architecture", std::string(name(config.architecture)));
    line("parameters", fmt::format("{} ({})", report::formatCount(static_cast<double>(checkpoint.parameters())),
                                   checkpoint.parameters()));
    line("stored", fmt::format("{} as {}", bytes(checkpoint.fileBytes()), checkpoint.storedType()));
    line("hash", checkpoint.hash());
    line("layers", fmt::format("{}", config.n_layer));
    line("d_model", fmt::format("{}", config.d_model));
    line("d_inner", fmt::format("{}", config.d_inner));
    line("d_state", model::stateSizeText(config));
    line("d_conv", fmt::format("{}", config.d_conv));
    if (config.architecture == model::Architecture::Mamba1) {
        line("dt_rank", fmt::format("{}", config.dt_rank));
    } else {
        line("heads", fmt::format("{} of {}", config.n_heads, config.head_dim));
        line("groups", fmt::format("{}", config.n_groups));
        line("chunk", fmt::format("{}", config.chunk_size));
        line("dt limits", fmt::format("{} … {}", config.dt_min, report::formatNumber(config.dt_max)));
    }
    line("norm eps", fmt::format("{:g}", config.norm_eps));
    line("vocabulary", config.vocab_padded == config.vocab_size
                           ? fmt::format("{}", config.vocab_size)
                           : fmt::format("{}, padded to {}", config.vocab_size, config.vocab_padded));
    line("lm_head", config.tie_embeddings ? "tied to the embedding" : "of its own");
    line("biases", fmt::format("convolution {}, projections {}", config.use_conv_bias ? "yes" : "no",
                               config.use_bias ? "yes" : "no"));
    line("state", fmt::format("{} for each sequence: convolution {}, ssm {}", bytes(state.conv + state.ssm),
                              bytes(state.conv), bytes(state.ssm)));
    return text + "\ntensors\n" + tensorText(checkpoint);
}

nlohmann::json infoJson(const model::Checkpoint& checkpoint) {
    const profile::ModelSummary summary = profile::summaryOf(checkpoint);
    nlohmann::json object;
    object["name"] = checkpoint.name();
    object["hash"] = checkpoint.hash();
    report::layout::visitModel(summary, [&](const std::string& member, const auto& value) {
        using Value = std::remove_cvref_t<decltype(value)>;
        if constexpr (std::is_enum_v<Value>) {
            object[member] = name(value);
        } else {
            object[member] = value;
        }
    });
    object.erase("compute_chunk");
    object.erase("compute_type");  // nothing is computed here
    const StateBytes state = stateBytes(checkpoint.config());
    object["state_bytes"] = {{"conv", state.conv}, {"ssm", state.ssm}, {"total", state.conv + state.ssm}};
    object["tensors"] = nlohmann::json::array();
    for (const auto& [name, tensor] : checkpoint.tensors()) {
        object["tensors"].push_back({{"name", name}, {"shape", tensor.shape}, {"type", perfmamba::name(tensor.dtype)}});
    }
    return object;
}

void info(const InfoOptions& options) {
    checkTargets({{"--json", options.json}}, {{}, {options.model}});
    checkText(options.json);
    const auto checkpoint = openModel(options.model);
    print(onlyJson(options.json), {[&] { return infoJson(*checkpoint); }, {}, [&] { return infoText(*checkpoint); }});
}

}  // namespace

Command infoCommand(CLI::App& app) {
    auto options = std::make_shared<InfoOptions>();
    CLI::App* command = app.add_subcommand("info", "Show what a checkpoint is: architecture, sizes, tensors");
    command
        ->add_option("MODEL", options->model,
                     "A Mamba-1 or Mamba-2 model: a folder of Hugging Face or state-spaces, or a GGUF file")
        ->required();
    command->add_option("--json", options->json, "Write it as JSON to FILE, or to standard output for '-'")
        ->type_name("FILE|-");
    command->footer(
        "Examples:\n"
        "  perfmamba-cli info ~/models/mamba2-130m\n"
        "  perfmamba-cli info ~/models/mamba2-130m --json - | jq .parameters");
    return {command, [options] { info(*options); }};
}

}  // namespace perfmamba::cli
