#include "core/prune/export.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <span>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "core/model/gguf_export.h"
#include "core/model/json_file.h"
#include "core/model/safetensors_writer.h"
#include "core/prune/config_text.h"
#include "core/prune/score.h"
#include "core/prune/unmasked.h"
#include "core/prune/work_folder.h"
#include "core/report/files.h"
#include "kernels/error.h"

namespace perfmamba::prune {
namespace {

namespace fs = std::filesystem;
using model::Checkpoint;

constexpr const char* kWeightsFile = "model.safetensors";
constexpr const char* kGgufFile = "model.gguf";
constexpr const char* kConfigFile = "config.json";
constexpr const char* kPlanFile = "pruning.json";
// A tokenizer's vocabulary has 20 MB at most; what is larger is no small file.
constexpr std::uintmax_t kLargestCopy = std::uintmax_t{64} << 20U;
// For what is not weights, and the file system's own.
constexpr std::uintmax_t kSpareBytes = std::uintmax_t{4} << 20U;
// Of the largest logit. Summing in another order makes 1e-6; a wrong tensor 1e-2 and more.
constexpr double kTolerance = 1e-4;
// Where the export rounds what the model had more exactly, rounding is what shows most.
constexpr double kToleranceF16 = 1e-2;
constexpr double kToleranceBF16 = 1e-1;
// Tokens whose logits are held at once: 128 × 50,000 × 4 bytes are 26 MB.
constexpr std::size_t kComparedAtOnce = 128;
constexpr double kWritingShare = 0.7;  // of the whole, for the progress

/// The folder without "." and a slash at its end, absolute.
fs::path plainPath(const fs::path& folder) {
    fs::path plain = fs::absolute(folder).lexically_normal();
    return plain.has_filename() ? plain : plain.parent_path();
}

bool isInside(const fs::path& path, const fs::path& folder) {
    return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

bool endsWithAny(const std::string& name, std::span<const std::string_view> ends) {
    return std::ranges::any_of(ends, [&](std::string_view end) { return name.ends_with(end); });
}

/// Files that belong to the model whatever its states: tokenizer, task, generation settings, licence. Weights, pickles
/// and code stay behind, and so do the card and the training log, which are of the unpruned model.
bool isCopied(const fs::directory_entry& entry) {
    constexpr std::array<std::string_view, 4> kKinds = {".json", ".txt", ".model", ".jinja"};
    constexpr std::array<std::string_view, 4> kNever = {".index.json", kConfigFile, kPlanFile, "training.json"};
    const std::string name = entry.path().filename().string();
    std::error_code code;
    return entry.is_regular_file(code) && entry.file_size(code) <= kLargestCopy && !name.starts_with('.') &&
           (endsWithAny(name, kKinds) || name == "LICENSE") && !endsWithAny(name, kNever);
}

std::vector<fs::directory_entry> entriesOf(const fs::path& folder) {
    std::vector<fs::directory_entry> entries;
    std::error_code code;
    for (fs::directory_iterator at(folder, code), end; !code && at != end; at.increment(code)) entries.push_back(*at);
    return entries;
}

std::uintmax_t fileBytes(const fs::directory_entry& entry) {
    std::error_code code;
    const std::uintmax_t bytes = entry.file_size(code);
    return code ? 0 : bytes;
}

std::vector<fs::directory_entry> filesToCopy(const Checkpoint& source) {
    if (!source.ownsFolder()) return {};
    std::vector<fs::directory_entry> files = entriesOf(source.folder());
    std::erase_if(files, [](const fs::directory_entry& entry) { return !isCopied(entry); });
    std::ranges::sort(files);
    return files;
}

std::vector<model::TensorOutline> outlinesOf(const Checkpoint& source, const Plan& plan, Form form) {
    std::vector<model::TensorOutline> outlines;
    for (TensorChange& change : dryRun(source, plan, form)) {
        outlines.push_back({change.name, source.tensor(change.name).dtype, std::move(change.after)});
    }
    return outlines;
}

model::GgufRequest ggufRequest(const Checkpoint& source, const Plan& plan, Form form, const Format& format) {
    return {source, configOf(source.config(), plan, form), outlinesOf(source, plan, form), format.matrices};
}

std::uintmax_t bytesNeeded(const Checkpoint& source, const Plan& plan, Form form, const Format& format) {
    std::uintmax_t bytes = kSpareBytes;
    if (format.gguf) {
        bytes += std::uintmax_t(model::ggufBytes(ggufRequest(source, plan, form, format)));
    } else {
        for (const TensorChange& change : dryRun(source, plan, form)) bytes += std::uintmax_t(change.bytes_after);
    }
    for (const fs::directory_entry& file : filesToCopy(source)) bytes += fileBytes(file);
    return bytes;
}

/// One export.
class Export {
public:
    Export(engine::Engine& live, const Plan& plan, Form form, const Format& format,
           const std::function<void(const profile::Progress&)>& progress, const std::stop_token& stop)
        : m_live(live),
          m_source(live.checkpoint()),
          m_plan(plan),
          m_form(form),
          m_format(format),
          m_progress(progress),
          m_stop(stop) {}

    /// Returns what to know about using it.
    std::string write(const fs::path& folder, const std::string& results) {
        std::string note;
        if (m_format.gguf) {
            note = writeGguf(folder / kGgufFile);
        } else {
            writeWeights(folder / kWeightsFile);
            writeConfig(folder / kConfigFile);
        }
        writePlan(folder / kPlanFile, results);
        for (const fs::directory_entry& file : filesToCopy(m_source)) {
            goOn();
            report::replaceFile(folder / file.path().filename(), report::readWholeFile(file, kLargestCopy));
        }
        return note;
    }

    /// What the written model's logits may differ by, of the largest.
    [[nodiscard]] double tolerance() const {
        const auto as_stored = [&](const auto& named) {
            return named.second.shape.size() < 2 || named.second.dtype == *m_format.matrices;
        };
        if (!m_format.gguf || !m_format.matrices || std::ranges::all_of(m_source.tensors(), as_stored))
            return kTolerance;
        switch (*m_format.matrices) {
            case DType::F32: return kTolerance;
            case DType::F16: return kToleranceF16;
            case DType::BF16: return kToleranceBF16;
        }
        return kTolerance;
    }

    /// Reads the written folder as anyone would, and compares what it computes.
    double largestDifference(const fs::path& folder, const MakeBackend& make_backend,
                             const std::vector<std::int32_t>& tokens) {
        report(kWritingShare, "reloading");
        engine::Engine reloaded(Checkpoint::open(folder), make_backend(), {.stop = m_stop});
        engine::State live_state = m_live.newState(1);
        engine::State reloaded_state = reloaded.newState(1);
        m_live.setMask(maskOf(m_plan));
        double difference = 0;
        double largest = 0;
        for (std::size_t begin = 0; begin < tokens.size(); begin += kComparedAtOnce) {
            goOn();
            const auto piece = std::span(tokens).subspan(begin, std::min(kComparedAtOnce, tokens.size() - begin));
            const std::vector<float> expected = m_live.logits(piece, live_state, engine::LogitsFor::EveryToken);
            const std::vector<float> got = reloaded.logits(piece, reloaded_state, engine::LogitsFor::EveryToken);
            for (std::size_t i = 0; i < expected.size(); ++i) {
                if (!std::isfinite(expected[i])) {
                    throw Error(m_source.folder().string(),
                                "overflows: its logits are not finite, and nothing that is written can be compared",
                                "choose another precision");
                }
                // A difference that is no number must not pass for none.
                const double off = std::abs(double{got[i]} - double{expected[i]});
                difference = std::isfinite(off) ? std::max(difference, off) : HUGE_VAL;
                largest = std::max(largest, std::abs(double{expected[i]}));
            }
            const double done = static_cast<double>(begin + piece.size()) / static_cast<double>(tokens.size());
            report(kWritingShare + (1 - kWritingShare) * done, "comparing logits");
        }
        return largest > 0 ? difference / largest : difference;
    }

private:
    void goOn() const {
        if (m_stop.stop_requested()) throw Cancelled();
    }

    void report(double done, const std::string& what) const {
        if (!m_progress) return;
        profile::Progress progress;
        progress.done = done;
        progress.what = what;
        m_progress(progress);
    }

    /// The tensors one by one, with the progress of their bytes.
    [[nodiscard]] std::function<HostTensor(const std::string&)> tensors(
        const std::vector<model::TensorOutline>& outlines) const {
        double all = 0;
        for (const model::TensorOutline& outline : outlines) all += static_cast<double>(outline.bytes());
        return [this, all, written = 0.0](const std::string& name) mutable {
            goOn();
            report(kWritingShare * written / all, "writing " + name);
            HostTensor tensor = prunedTensor(m_source, m_plan, m_form, name);
            written += static_cast<double>(tensor.bytes());
            return tensor;
        };
    }

    void writeWeights(const fs::path& file) const {
        const std::vector<model::TensorOutline> outlines = outlinesOf(m_source, m_plan, m_form);
        // Older versions of transformers refuse a file without "format".
        model::writeSafetensors(file, outlines, {{"format", "pt"}}, tensors(outlines));
        m_source.releasePages();
    }

    [[nodiscard]] std::string writeGguf(const fs::path& file) const {
        const model::GgufRequest request = ggufRequest(m_source, m_plan, m_form, m_format);
        std::string note = model::writeGgufModel(file, request, tensors(request.tensors));
        m_source.releasePages();
        return note;
    }

    void writeConfig(const fs::path& file) const {
        std::string text = m_source.configText();
        if (m_form != Form::Masked) {
            text = withStateSizes(std::move(text), configOf(m_source.config(), m_plan, m_form), file);
        }
        writeText(file, text);
    }

    void writePlan(const fs::path& file, const std::string& results) const {
        if (m_plan.kept() < m_plan.states()) return writeText(file, planText(results));
        if (const auto own = pruningFileOf(m_source))
            report::replaceFile(file, report::readWholeFile(*own, kLargestCopy));
    }

    static void writeText(const fs::path& file, const std::string& text) {
        report::replaceFile(file, std::as_bytes(std::span(text)));
    }

    /// A member a line: for people to look into, without a line for each of thousands of states.
    [[nodiscard]] std::string planText(const std::string& results) const {
        using nlohmann::ordered_json;
        ordered_json object = {
            {"creator", "PerfMamba Explorer " PERFMAMBA_VERSION},
            {"source", {{"name", m_source.name()}, {"hash", m_source.hash()}}},
            {"form", name(m_form)},
            {"results",
             results.empty() ? ordered_json::object() : ordered_json(model::parseJsonObject(results, "results"))},
            {"plan", ordered_json::parse(toJson(m_plan))},
        };
        if (const auto own = pruningFileOf(m_source)) {
            const std::vector<std::byte> bytes = report::readWholeFile(*own, kLargestCopy);
            object["earlier"] =
                model::parseJsonObject({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, *own);
        }
        std::string text;
        for (const auto& [key, value] : object.items()) {
            text += fmt::format("{}\n  \"{}\": {}", text.empty() ? "{" : ",", key,
                                value.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
        }
        return text + "\n}\n";
    }

    engine::Engine& m_live;
    const Checkpoint& m_source;
    const Plan& m_plan;
    Form m_form;
    Format m_format;
    const std::function<void(const profile::Progress&)>& m_progress;
    const std::stop_token& m_stop;
};

std::int64_t bytesIn(const fs::path& folder) {
    std::uintmax_t bytes = 0;
    for (const fs::directory_entry& file : entriesOf(folder)) bytes += fileBytes(file);
    return static_cast<std::int64_t>(bytes);
}

}  // namespace

void checkFormat(const Checkpoint& source, const Plan& plan, Form form, const Format& format) {
    if (format.gguf) model::checkGguf(ggufRequest(source, plan, form, format));
}

std::optional<fs::path> pruningFileOf(const Checkpoint& model) {
    const fs::path own = model.folder() / kPlanFile;
    std::error_code code;
    if (!model.ownsFolder() || !fs::is_regular_file(own, code)) return std::nullopt;
    return own;
}

void checkTarget(const Checkpoint& source, const Plan& plan, Form form, const Target& given) {
    const fs::path& folder = given.folder;
    const fs::path target = plainPath(folder);
    const fs::path parent = target.parent_path();
    std::error_code code;
    if (fs::exists(fs::symlink_status(target, code))) {
        throw Error(folder.string(), "is there already", "give the name of a new folder");
    }
    if (!fs::is_directory(parent, code)) {
        throw Error(folder.string(), "cannot be made: there is no folder " + parent.string());
    }
    checkFormat(source, plan, form, given.format);
    if (source.ownsFolder() &&
        isInside(fs::weakly_canonical(target, code), fs::weakly_canonical(source.folder(), code))) {
        throw Error(folder.string(), "lies inside the model it is made from", "give a folder elsewhere");
    }
    if (::access(parent.c_str(), W_OK | X_OK) != 0) {
        throw Error(folder.string(), "cannot be made: " + std::generic_category().message(errno));
    }
    const std::uintmax_t needed = bytesNeeded(source, plan, form, given.format);
    struct statvfs disk {};
    if (::statvfs(parent.c_str(), &disk) != 0) return;  // a file system that cannot say is believed to have the room
    const std::uintmax_t free = std::uintmax_t{disk.f_bavail} * disk.f_frsize;
    if (free < needed) {
        throw Error(folder.string(),
                    fmt::format("needs {} MB, but the disk has {} MB left", (needed >> 20U) + 1, free >> 20U));
    }
}

Exported exportModel(engine::Engine& live, const MakeBackend& make_backend, const Plan& plan, Form form,
                     const Target& given, const std::string& results, const std::vector<std::int32_t>& tokens,
                     const std::function<void(const profile::Progress&)>& progress, const std::stop_token& stop) {
    if (tokens.empty()) throw Error("tokens", "there are none to compare the export with");
    if (!results.empty()) model::parseJsonObject(results, "results");
    checkTarget(live.checkpoint(), plan, form, given);

    const fs::path target = plainPath(given.folder);
    WorkFolder work(target);
    const Unmasked unmasked(live);
    Export exporting(live, plan, form, given.format, progress, stop);
    std::string note = exporting.write(work.path(), results);
    const double difference = exporting.largestDifference(work.path(), make_backend, tokens);
    if (!(difference <= exporting.tolerance())) {
        throw Error(given.folder.string(),
                    fmt::format("was not kept: reloaded, its logits differ by {:.1e} of the largest", difference),
                    "please report this with the model's config.json");
    }
    Exported exported{target, form, std::move(note), bytesIn(work.path()), difference, std::ssize(tokens)};
    if (stop.stop_requested()) throw Cancelled();
    work.moveToTarget();
    return exported;
}

}  // namespace perfmamba::prune
