// What is generated: multi-query associative recall, and ids at random.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/evaluate/draw.h"
#include "core/evaluate/generate.h"
#include "core/model/json_file.h"
#include "core/model/mapped_file.h"
#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::evaluate {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLongestTask = std::int64_t{1} << 20;

/// task.json of a checkpoint.
class TaskFile {
public:
    explicit TaskFile(const model::Checkpoint& checkpoint) : m_path(checkpoint.folder() / "task.json") {
        std::error_code ignored;
        if (!fs::exists(m_path, ignored)) return;
        const auto file = model::MappedFile::open(m_path);
        m_json =
            model::parseJsonObject({reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()}, m_path);
        const auto task = m_json.find("task");
        if (task == m_json.end() || !task->is_string()) throw broken("\"task\" is not there, or not a text");
        m_task = task->get<std::string>();
    }

    /// Empty where there is no file.
    [[nodiscard]] const std::string& task() const { return m_task; }
    [[nodiscard]] Error broken(const std::string& reason) const { return {m_path.string(), reason}; }

    [[nodiscard]] std::int64_t number(const char* key, std::int64_t low, std::int64_t high) const {
        const auto value = m_json.find(key);
        if (value == m_json.end()) throw broken(fmt::format("lacks \"{}\"", key));
        const bool whole = value->is_number_integer();
        // Beyond 2⁶³ an unsigned number would come out negative: it is below every bound, and refused as well.
        if (!whole || value->get<std::int64_t>() < low || value->get<std::int64_t>() > high) {
            throw broken(fmt::format("\"{}\" is {}, not a whole number from {} to {}", key,
                                     report::toPlainUtf8(value->dump().substr(0, 40)), low, high));
        }
        return value->get<std::int64_t>();
    }

private:
    fs::path m_path;
    nlohmann::json m_json;
    std::string m_task;
};

}  // namespace

std::optional<RecallTask> recallTask(const model::Checkpoint& checkpoint) {
    const TaskFile file(checkpoint);
    if (file.task() != "recall") return {};
    const std::int64_t vocab = checkpoint.config().vocab_size;
    RecallTask task;
    task.keys = file.number("keys", 1, vocab);
    task.values = file.number("values", 1, vocab);
    task.length = file.number("length", 3, kLongestTask);
    task.pairs = file.number("pairs", 1, kLongestTask);
    if (1 + task.keys + task.values > vocab) {
        throw file.broken(fmt::format("a filler, {} keys and {} values do not fit into the model's vocabulary of {}",
                                      task.keys, task.values, vocab));
    }
    if (task.pairs > task.keys) {
        throw file.broken(fmt::format("{} pairs need as many keys, and there are {}", task.pairs, task.keys));
    }
    if (3 * task.pairs > task.length) {
        throw file.broken(fmt::format("{} pairs and a question for each need {} tokens, and \"length\" is {}",
                                      task.pairs, 3 * task.pairs, task.length));
    }
    return task;
}

bool tokensAreBytes(const model::Checkpoint& checkpoint) {
    const TaskFile file(checkpoint);
    const std::int64_t vocab = checkpoint.config().vocab_size;
    if (file.task().empty()) return vocab == 256;
    if (file.task() != "bytes") return false;
    if (vocab < 256)
        throw file.broken(fmt::format("the 256 bytes do not fit into the model's vocabulary of {}", vocab));
    return true;
}

TokenSet generateRecall(const RecallTask& task, std::int64_t count, std::uint64_t seed) {
    TokenSet set;
    set.source = "task";
    set.length = task.length;
    set.seed = seed;
    set.description = fmt::format("recall: {} pairs in {} tokens, {} sequence{}, seed {}", task.pairs, task.length,
                                  count, count == 1 ? "" : "s", seed);
    Draw draw(seed);
    const auto length = static_cast<std::size_t>(task.length);
    for (std::int64_t s = 0; s < count; ++s) {
        std::vector<std::int32_t> tokens(length, 0);
        std::vector<std::int32_t> wanted(length, -1);
        const std::vector<std::int64_t> keys = draw.distinct(task.pairs, task.keys);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            tokens[2 * i] = static_cast<std::int32_t>(1 + keys[i]);
            tokens[2 * i + 1] = static_cast<std::int32_t>(1 + task.keys + draw.below(task.values));
        }
        // Places in the order drawn, which is random: so is the order of the questions.
        const std::vector<std::int64_t> places = draw.distinct(task.pairs, task.length - 2 * task.pairs);
        for (std::size_t i = 0; i < places.size(); ++i) {
            const auto place = static_cast<std::size_t>(2 * task.pairs + places[i]);
            tokens[place] = tokens[2 * i];
            wanted[place] = tokens[2 * i + 1];
        }
        set.sequences.push_back(std::move(tokens));
        set.targets.push_back(std::move(wanted));
    }
    return set;
}

TokenSet generateRandom(std::int64_t vocab, std::int64_t length, std::int64_t count, std::uint64_t seed) {
    TokenSet set;
    set.source = "random";
    set.length = length;
    set.seed = seed;
    set.description =
        fmt::format("random: {} sequence{} of {} tokens, seed {}", count, count == 1 ? "" : "s", length, seed);
    Draw draw(seed);
    for (std::int64_t s = 0; s < count; ++s) {
        std::vector<std::int32_t>& tokens = set.sequences.emplace_back(static_cast<std::size_t>(length));
        for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(draw.below(vocab));
    }
    return set;
}

}  // namespace perfmamba::evaluate
