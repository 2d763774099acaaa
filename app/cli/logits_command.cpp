#include <fmt/format.h>

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "app/cli/common.h"
#include "app/cli/interruption.h"
#include "app/cli/model_options.h"
#include "app/cli/progress_line.h"
#include "core/engine/engine.h"
#include "core/report/files.h"
#include "core/report/logits_file.h"
#include "kernels/devices.h"
#include "kernels/error.h"

namespace perfmamba::cli {
namespace {

// Positions that are computed at once: enough for fast products, and the logits of a piece fit in memory.
constexpr std::int64_t kPiece = 512;
constexpr std::uint64_t kLargestTokenFile = std::uint64_t{1} << 30;

struct LogitsOptions {
    ModelOptions model;
    std::string tokens;
    std::string out;
    bool all = false;
};

/// Sequences of equal length, row-major.
struct TokenBatch {
    std::int64_t batch = 0;
    std::int64_t length = 0;
    std::vector<std::int32_t> ids;
};

std::int32_t idIn(std::string_view word, const std::string& source) {
    const auto id = numberIn<std::int32_t>(word);
    if (!id) throw Error(source, fmt::format("'{}' is not a token id", word.substr(0, 40)));
    return *id;
}

/// Ids between commas and white space; ';' or the end of a line ends a sequence. An id stands before each comma
/// and ';', and after each comma.
TokenBatch parseTokens(std::string_view text, const std::string& source) {
    TokenBatch tokens;
    std::int64_t in_row = 0;
    bool due = false;  // an id, after a comma
    const auto endRow = [&] {
        if (in_row == 0) return;
        if (tokens.batch > 0 && in_row != tokens.length) {
            throw Error(source,
                        fmt::format("sequence {} has {} ids and the first one {}", tokens.batch, in_row, tokens.length),
                        "sequences of a batch are equally long");
        }
        tokens.length = in_row;
        ++tokens.batch;
        in_row = 0;
    };
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find_first_of(", \t\r;\n", at), text.size());
        if (end > at) {
            tokens.ids.push_back(idIn(text.substr(at, end - at), source));
            ++in_row;
            due = false;
        }
        at = end + 1;
        const char separator = end < text.size() ? text[end] : '\n';
        const bool ends_line = separator == '\n';
        if (separator != ',' && separator != ';' && !ends_line) continue;
        if (due || (in_row == 0 && !ends_line)) {
            throw Error(source, fmt::format("sequence {} has an empty item", tokens.batch));
        }
        due = separator == ',';
        if (!due) endRow();
    }
    if (tokens.ids.empty()) throw Error(source, "there are no token ids");
    return tokens;
}

TokenBatch readTokens(const std::string& argument) {
    if (!argument.starts_with('@')) {
        try {
            return parseTokens(argument, "--tokens");
        } catch (const Error& error) {
            throw UsageError(error.what());
        }
    }
    const std::string file = argument.substr(1);
    const std::vector<std::byte> bytes = report::readWholeFile(file, kLargestTokenFile);
    return parseTokens({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file);
}

/// Before anything is written or computed, with positions counted in the whole input.
void checkVocabulary(const TokenBatch& tokens, std::int64_t vocab) {
    for (std::size_t i = 0; i < tokens.ids.size(); ++i) {
        if (tokens.ids[i] >= 0 && tokens.ids[i] < vocab) continue;
        const auto at = static_cast<std::int64_t>(i);
        throw Error("tokens", fmt::format("id {} at position {} of sequence {} is outside the vocabulary of {}",
                                          tokens.ids[i], at % tokens.length, at / tokens.length, vocab));
    }
}

std::vector<std::int32_t> slice(const TokenBatch& tokens, std::int64_t first, std::int64_t count) {
    std::vector<std::int32_t> piece;
    piece.reserve(static_cast<std::size_t>(tokens.batch * count));
    for (std::int64_t b = 0; b < tokens.batch; ++b) {
        const auto begin = tokens.ids.begin() + b * tokens.length + first;
        piece.insert(piece.end(), begin, begin + count);
    }
    return piece;
}

void logits(const LogitsOptions& options) {
    checkIsFile({"--out", options.out});
    const std::string ids = options.tokens.starts_with('@') ? options.tokens.substr(1) : "";
    checkTargets({{"--out", options.out}}, {{ids}, {options.model.model}});
    report::LogitsFile::checkTarget(options.out);
    const TokenBatch tokens = readTokens(options.tokens);
    const Interruption interruption;
    const auto checkpoint = openModel(options.model.model);
    checkVocabulary(tokens, checkpoint->config().vocab_size);

    ProgressLine line;
    const auto engine = options.model.load(checkpoint, line, interruption.token());
    engine::State state = engine->newState(tokens.batch);
    report::LogitsFile file(options.out, tokens.batch, options.all ? tokens.length : 1, engine->config().vocab_padded,
                            tokens.ids, checkpoint->name(), checkpoint->hash());
    try {
        for (std::int64_t first = 0; first < tokens.length; first += kPiece) {
            const std::int64_t count = std::min(kPiece, tokens.length - first);
            const bool last = first + count == tokens.length;
            const auto wanted = options.all ? engine::LogitsFor::EveryToken
                                : last      ? engine::LogitsFor::LastToken
                                            : engine::LogitsFor::None;
            const engine::Logits values =
                engine->forward(slice(tokens, first, count), state, wanted, interruption.token());
            line.show(static_cast<double>(first + count) / static_cast<double>(tokens.length),
                      fmt::format("{} of {} tokens", first + count, tokens.length));
            if (wanted == engine::LogitsFor::None) continue;
            std::vector<float> host(static_cast<std::size_t>(values.batch * values.positions * values.vocab));
            engine->backend().toHost(values.values.data(), host);
            file.write(options.all ? first : 0, values.positions, host);
        }
    } catch (const Cancelled&) {
        throw Interrupted("interrupted: no logits were written");
    }
    file.finish();
    line.say(fmt::format("{}: logits of {} sequence{}, {} position{}, {} tokens of vocabulary", options.out,
                         tokens.batch, tokens.batch == 1 ? "" : "s", options.all ? tokens.length : 1,
                         options.all && tokens.length != 1 ? "s" : "", engine->config().vocab_padded));
}

}  // namespace

Command logitsCommand(CLI::App& app) {
    auto options = std::make_shared<LogitsOptions>();
    CLI::App* command = app.add_subcommand("logits", "Write a model's logits for given tokens as HDF5");
    addModelOptions(*command, options->model);
    command
        ->add_option("--tokens", options->tokens,
                     "Token ids, separated by commas or spaces, sequences by ';'; or a file of them, a sequence a line")
        ->type_name("IDS|@FILE")
        ->required();
    command->add_flag("--all", options->all, "Logits at every position, not only the last");
    command->add_option("--out", options->out, "Where to: dataset 'logits' (batch, positions, vocabulary), float32")
        ->type_name("FILE.h5")
        ->required();
    command->footer(
        "Examples:\n"
        "  perfmamba-cli logits ~/models/mamba2-130m --tokens 12,7,99 --out logits.h5\n"
        "  perfmamba-cli logits ~/models/mamba2-130m --tokens '1 2 3; 4 5 6' --all --out logits.h5\n"
        "  perfmamba-cli logits ~/models/mamba2-130m --tokens @ids.txt --out logits.h5");
    return {command, [options] { logits(*options); }};
}

}  // namespace perfmamba::cli
