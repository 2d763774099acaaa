#include "core/model/pickle.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::model {
namespace {

// A model of a hundred layers takes some twenty thousand; each costs up to a hundred bytes.
constexpr std::size_t kMostObjects = std::size_t{1} << 20U;
constexpr std::uint8_t kLastProtocol = 5;
// What one object may hold of what others hold too, so that a small pickle makes no large result.
constexpr std::size_t kMostExtents = 8;
constexpr std::size_t kLongestName = 512;

/// The instructions that are carried out, by the names that Python's pickletools gives them.
enum Op : std::uint8_t {
    kMark = '(',
    kStop = '.',
    kNone = 'N',
    kBinInt = 'J',
    kBinInt1 = 'K',
    kBinInt2 = 'M',
    kBinFloat = 'G',
    kBinUnicode = 'X',
    kShortBinUnicode = 0x8c,
    kLong1 = 0x8a,
    kNewTrue = 0x88,
    kNewFalse = 0x89,
    kEmptyTuple = ')',
    kTuple = 't',
    kTuple1 = 0x85,
    kTuple2 = 0x86,
    kTuple3 = 0x87,
    kEmptyList = ']',
    kAppend = 'a',
    kAppends = 'e',
    kEmptyDict = '}',
    kSetItem = 's',
    kSetItems = 'u',
    kBinPut = 'q',
    kLongBinPut = 'r',
    kMemoize = 0x94,
    kBinGet = 'h',
    kLongBinGet = 'j',
    kGlobal = 'c',
    kStackGlobal = 0x93,
    kBinPersId = 'Q',
    kReduce = 'R',
    kBuild = 'b',
    kProto = 0x80,
    kFrame = 0x95,
};

/// Names of those that are not, for the message.
struct OpName {
    std::uint8_t op;
    std::string_view name;
};
constexpr std::array kRefused = {
    OpName{'0', "POP"},
    OpName{'1', "POP_MARK"},
    OpName{'2', "DUP"},
    OpName{'F', "FLOAT"},
    OpName{'I', "INT"},
    OpName{'L', "LONG"},
    OpName{'P', "PERSID"},
    OpName{'S', "STRING"},
    OpName{'T', "BINSTRING"},
    OpName{'U', "SHORT_BINSTRING"},
    OpName{'V', "UNICODE"},
    OpName{'d', "DICT"},
    OpName{'g', "GET"},
    OpName{'i', "INST"},
    OpName{'l', "LIST"},
    OpName{'o', "OBJ"},
    OpName{'p', "PUT"},
    OpName{'B', "BINBYTES"},
    OpName{'C', "SHORT_BINBYTES"},
    OpName{0x81, "NEWOBJ"},
    OpName{0x82, "EXT1"},
    OpName{0x83, "EXT2"},
    OpName{0x84, "EXT4"},
    OpName{0x8b, "LONG4"},
    OpName{0x8d, "BINUNICODE8"},
    OpName{0x8e, "BINBYTES8"},
    OpName{0x8f, "EMPTY_SET"},
    OpName{0x90, "ADDITEMS"},
    OpName{0x91, "FROZENSET"},
    OpName{0x92, "NEWOBJ_EX"},
    OpName{0x96, "BYTEARRAY8"},
    OpName{0x97, "NEXT_BUFFER"},
    OpName{0x98, "READONLY_BUFFER"},
};

enum class Function : std::uint8_t { Storage, RebuildTensor, RebuildParameter, OrderedDict };

struct Global {
    std::string_view module, name;
    Function function;
    std::string_view dtype = {};  // of a storage
};
constexpr std::array kGlobals = {
    Global{"collections", "OrderedDict", Function::OrderedDict},
    Global{"torch._utils", "_rebuild_tensor_v2", Function::RebuildTensor},
    Global{"torch._utils", "_rebuild_parameter", Function::RebuildParameter},
    Global{"torch._utils", "_rebuild_parameter_with_state", Function::RebuildParameter},
    Global{"torch", "DoubleStorage", Function::Storage, "F64"},
    Global{"torch", "FloatStorage", Function::Storage, "F32"},
    Global{"torch", "HalfStorage", Function::Storage, "F16"},
    Global{"torch", "BFloat16Storage", Function::Storage, "BF16"},
    Global{"torch", "LongStorage", Function::Storage, "I64"},
    Global{"torch", "IntStorage", Function::Storage, "I32"},
    Global{"torch", "ShortStorage", Function::Storage, "I16"},
    Global{"torch", "CharStorage", Function::Storage, "I8"},
    Global{"torch", "ByteStorage", Function::Storage, "U8"},
    Global{"torch", "BoolStorage", Function::Storage, "BOOL"},
};

enum class Kind : std::uint8_t { Mark, None, Bool, Number, Float, Text, Tuple, List, Dict, Function, Storage, Tensor };

/// An object on the machine's stack. Small and flat, so that however deep a pickle nests, nothing is walked
/// recursively.
struct Value {
    Kind kind = Kind::None;
    std::int64_t a = 0;  // a number; where a text, a tuple's items, or the object itself begin
    std::int64_t b = 0;  // a text's or a tuple's length
};

struct Storage {
    std::string_view dtype;
    std::string_view key;
    std::int64_t elements = 0;
};

struct Tensor {
    std::size_t storage = 0;
    std::int64_t offset = 0;
    Value shape, strides;
};

class Machine {
public:
    Machine(std::span<const std::byte> pickle, const std::filesystem::path& file)
        : m_code(reinterpret_cast<const char*>(pickle.data()), pickle.size()), m_file(file) {}

    std::vector<PickledTensor> run() {
        while (step()) {
        }
        return tensorsOf(pop());
    }

private:
    [[noreturn]] void fail(const std::string& reason, const std::string& advice = {}) const {
        throw Error(m_file.string(), reason, advice);
    }
    [[noreturn]] void broken() const { fail("holds a broken pickle", "the file is damaged or not a PyTorch file"); }

    // The code -----------------------------------------------------------------------------------------------------

    std::string_view take(std::uint64_t bytes) {
        if (bytes > m_code.size() - m_at) broken();
        const std::string_view taken = m_code.substr(m_at, bytes);
        m_at += bytes;
        return taken;
    }
    template <class Integer>
    Integer integer() {
        Integer value = 0;
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }
    std::string_view line() {
        const std::size_t end = m_code.find('\n', m_at);
        if (end == std::string_view::npos) broken();
        const std::string_view text = take(end - m_at);
        ++m_at;
        return text;
    }

    // The stack ----------------------------------------------------------------------------------------------------

    void push(Value value) {
        if (++m_pushed > kMostObjects) fail("holds a pickle of more than a million objects", "no model has so many");
        m_stack.push_back(value);
    }
    void push(Kind kind, std::int64_t a = 0, std::int64_t b = 0) { push({kind, a, b}); }
    Value pop() {
        if (m_stack.empty() || m_stack.back().kind == Kind::Mark) broken();
        const Value value = m_stack.back();
        m_stack.pop_back();
        return value;
    }
    [[nodiscard]] const Value& top() const {
        if (m_stack.empty() || m_stack.back().kind == Kind::Mark) broken();
        return m_stack.back();
    }
    /// Where what was pushed since the last mark begins; the mark itself is one before.
    std::size_t sinceMark() {
        const auto mark =
            std::find_if(m_stack.rbegin(), m_stack.rend(), [](const Value& value) { return value.kind == Kind::Mark; });
        if (mark == m_stack.rend()) broken();
        return static_cast<std::size_t>(m_stack.rend() - mark);
    }
    void pushText(std::string_view text) {
        push(Kind::Text, text.data() - m_code.data(), static_cast<std::int64_t>(text.size()));
    }
    void makeTuple(std::size_t begin) {
        if (begin > m_stack.size()) broken();
        const auto first = m_stack.begin() + static_cast<std::ptrdiff_t>(begin);
        if (std::any_of(first, m_stack.end(), [](const Value& value) { return value.kind == Kind::Mark; })) broken();
        const Value tuple{Kind::Tuple, static_cast<std::int64_t>(m_items.size()),
                          static_cast<std::int64_t>(m_stack.size() - begin)};
        m_items.insert(m_items.end(), first, m_stack.end());
        m_stack.resize(begin);
        push(tuple);
    }

    // The objects --------------------------------------------------------------------------------------------------

    [[nodiscard]] std::string_view text(const Value& value) const {
        if (value.kind != Kind::Text) broken();
        return m_code.substr(static_cast<std::size_t>(value.a), static_cast<std::size_t>(value.b));
    }
    [[nodiscard]] std::int64_t number(const Value& value) const {
        if (value.kind != Kind::Number) broken();
        return value.a;
    }
    [[nodiscard]] std::span<const Value> items(const Value& value) const {
        if (value.kind != Kind::Tuple) broken();
        return std::span(m_items).subspan(static_cast<std::size_t>(value.a), static_cast<std::size_t>(value.b));
    }
    void pushDict() {
        push(Kind::Dict, static_cast<std::int64_t>(m_dicts.size()));
        m_dicts.emplace_back();
    }
    /// Moves the pairs that lie on the stack from `begin` on into the dictionary below `to`.
    void fillDict(std::size_t begin, std::size_t to) {
        if (begin > m_stack.size() || to < 1 || m_stack[to - 1].kind != Kind::Dict || (m_stack.size() - begin) % 2 != 0)
            broken();
        auto& dict = m_dicts[static_cast<std::size_t>(m_stack[to - 1].a)];
        for (std::size_t i = begin; i < m_stack.size(); i += 2) dict.emplace_back(m_stack[i], m_stack[i + 1]);
        m_stack.resize(to);
    }
    /// Lists occur beside tensors only: what is in them is of no use.
    void fillList(std::size_t to) {
        if (to < 1 || to > m_stack.size() || m_stack[to - 1].kind != Kind::List) broken();
        m_stack.resize(to);
    }
    void remember(std::size_t index) {
        if (index > m_pushed) broken();  // pickles number what they remember one by one
        if (index >= m_memo.size()) m_memo.resize(index + 1, Value{Kind::Mark, 0, 0});
        m_memo[index] = top();
    }
    void recall(std::size_t index) {
        if (index >= m_memo.size() || m_memo[index].kind == Kind::Mark) broken();
        push(m_memo[index]);
    }

    void pushGlobal(std::string_view module, std::string_view name) {
        const auto* const known = std::ranges::find_if(
            kGlobals, [&](const Global& global) { return global.module == module && global.name == name; });
        if (known == kGlobals.end()) {
            fail(fmt::format("asks for {}.{}, which is not needed to build tensors",
                             report::toPlainUtf8(module.substr(0, kLongestName)),
                             report::toPlainUtf8(name.substr(0, kLongestName))),
                 "it is refused, since it could run any code; save the state dict with torch.save, or as safetensors");
        }
        push(Kind::Function, known - kGlobals.begin());
    }

    /// ("storage", type, key, device, elements)
    void pushStorage(const Value& id) {
        const std::span<const Value> parts = items(id);
        if (parts.size() < 5 || text(parts[0]) != "storage" || parts[1].kind != Kind::Function) broken();
        const Global& type = kGlobals[static_cast<std::size_t>(parts[1].a)];
        if (type.function != Function::Storage) broken();
        push(Kind::Storage, static_cast<std::int64_t>(m_storages.size()));
        m_storages.push_back({type.dtype, text(parts[2]), number(parts[4])});
        if (m_storages.back().key.size() > kLongestName) broken();
    }

    void call(const Value& function, const Value& arguments) {
        if (function.kind != Kind::Function) broken();
        const std::span<const Value> given = items(arguments);
        switch (kGlobals[static_cast<std::size_t>(function.a)].function) {
            case Function::OrderedDict:
                if (!given.empty()) broken();
                return pushDict();
            case Function::RebuildTensor:
                // (storage, offset, shape, strides, requires_grad, hooks)
                if (given.size() < 4 || given[0].kind != Kind::Storage) broken();
                m_tensors.push_back({static_cast<std::size_t>(given[0].a), number(given[1]), given[2], given[3]});
                return push(Kind::Tensor, static_cast<std::int64_t>(m_tensors.size()) - 1);
            case Function::RebuildParameter:
                if (given.empty() || given[0].kind != Kind::Tensor) broken();
                return push(given[0]);
            case Function::Storage: broken();
        }
    }

    // An instruction -----------------------------------------------------------------------------------------------

    /// False at the end.
    bool step() {
        const auto op = integer<std::uint8_t>();
        switch (op) {
            case kStop: return false;
            case kProto:
                if (integer<std::uint8_t>() > kLastProtocol) broken();
                break;
            case kFrame: take(sizeof(std::uint64_t)); break;
            case kMark: push(Kind::Mark); break;
            case kNone: push(Kind::None); break;
            case kNewTrue: push(Kind::Bool, 1); break;
            case kNewFalse: push(Kind::Bool, 0); break;
            case kBinInt: push(Kind::Number, integer<std::int32_t>()); break;
            case kBinInt1: push(Kind::Number, integer<std::uint8_t>()); break;
            case kBinInt2: push(Kind::Number, integer<std::uint16_t>()); break;
            case kLong1: push(Kind::Number, longInteger()); break;
            case kBinFloat:
                take(sizeof(double));
                push(Kind::Float);
                break;
            case kBinUnicode: pushText(take(integer<std::uint32_t>())); break;
            case kShortBinUnicode: pushText(take(integer<std::uint8_t>())); break;
            case kEmptyTuple: makeTuple(m_stack.size()); break;
            case kTuple: {
                const std::size_t begin = sinceMark();
                makeTuple(begin);
                dropMark();
                break;
            }
            case kTuple1:
            case kTuple2:
            case kTuple3: {
                const std::size_t count = op - kTuple1 + std::size_t{1};
                if (m_stack.size() < count) broken();
                makeTuple(m_stack.size() - count);
                break;
            }
            case kEmptyList: push(Kind::List); break;
            case kAppend:
                pop();
                fillList(m_stack.size());
                break;
            case kAppends: fillList(sinceMark() - 1); break;
            case kEmptyDict: pushDict(); break;
            case kSetItem:
                if (m_stack.size() < 3) broken();
                fillDict(m_stack.size() - 2, m_stack.size() - 2);
                break;
            case kSetItems: {
                const std::size_t begin = sinceMark();
                fillDict(begin, begin - 1);
                break;
            }
            case kBinPut: remember(integer<std::uint8_t>()); break;
            case kLongBinPut: remember(integer<std::uint32_t>()); break;
            case kMemoize: remember(m_memo.size()); break;
            case kBinGet: recall(integer<std::uint8_t>()); break;
            case kLongBinGet: recall(integer<std::uint32_t>()); break;
            case kGlobal: {
                const std::string_view module = line();
                pushGlobal(module, line());
                break;
            }
            case kStackGlobal: {
                const Value name = pop();
                pushGlobal(text(pop()), text(name));
                break;
            }
            case kBinPersId: pushStorage(pop()); break;
            case kReduce: {
                const Value arguments = pop();
                call(pop(), arguments);
                break;
            }
            case kBuild:
                // An ordered dictionary's attributes, such as the versions of the modules it came from.
                pop();
                if (top().kind != Kind::Dict) fail("sets attributes of an object that is no dictionary");
                break;
            default: refuse(op);
        }
        return true;
    }

    std::int64_t longInteger() {
        const auto bytes = integer<std::uint8_t>();
        if (bytes > sizeof(std::int64_t)) broken();
        const std::string_view digits = take(bytes);
        if (bytes == 0) return 0;
        std::int64_t value = digits.back() < 0 ? -1 : 0;
        std::memcpy(&value, digits.data(), bytes);
        return value;
    }

    /// Of the tuple on top of it.
    void dropMark() {
        const Value tuple = pop();
        m_stack.back() = tuple;
    }

    [[noreturn]] void refuse(std::uint8_t op) const {
        const auto* const known = std::ranges::find(kRefused, op, &OpName::op);
        fail(fmt::format("uses the pickle instruction {}, which is not needed to build tensors",
                         known == kRefused.end() ? fmt::format("{:#04x}", op) : std::string(known->name)),
             "it is refused; save the state dict with torch.save, or as safetensors");
    }

    // The result ---------------------------------------------------------------------------------------------------

    [[nodiscard]] std::vector<std::int64_t> extents(const Value& tuple) const {
        std::vector<std::int64_t> result;
        if (items(tuple).size() > kMostExtents) broken();
        for (const Value& item : items(tuple)) {
            result.push_back(number(item));
            if (result.back() < 0) broken();
        }
        return result;
    }

    [[nodiscard]] std::vector<PickledTensor> tensorsOf(const Value& result) const {
        if (result.kind != Kind::Dict) {
            fail("holds no state dict, a dictionary of tensors", "save model.state_dict() with torch.save");
        }
        std::vector<PickledTensor> tensors;
        for (const auto& [key, value] : m_dicts[static_cast<std::size_t>(result.a)]) {
            if (key.kind != Kind::Text) fail("holds a dictionary with keys that are not names of tensors");
            if (text(key).size() > kLongestName) fail("holds names too long for tensors");
            const std::string name = report::toPlainUtf8(text(key));
            if (value.kind != Kind::Tensor) {
                fail(fmt::format("holds \"{}\", which is no tensor", name), "save model.state_dict() with torch.save");
            }
            const Tensor& tensor = m_tensors[static_cast<std::size_t>(value.a)];
            const Storage& storage = m_storages[tensor.storage];
            tensors.push_back({name, std::string(storage.dtype), std::string(storage.key), storage.elements,
                               tensor.offset, extents(tensor.shape), extents(tensor.strides)});
            if (tensors.back().shape.size() != tensors.back().strides.size()) broken();
        }
        return tensors;
    }

    std::string_view m_code;
    const std::filesystem::path& m_file;
    std::size_t m_at = 0;
    std::size_t m_pushed = 0;
    std::vector<Value> m_stack;
    std::vector<Value> m_memo;
    std::vector<Value> m_items;  // of all tuples
    std::vector<std::vector<std::pair<Value, Value>>> m_dicts;
    std::vector<Storage> m_storages;
    std::vector<Tensor> m_tensors;
};

}  // namespace

std::vector<PickledTensor> readTensorPickle(std::span<const std::byte> pickle, const std::filesystem::path& file) {
    return Machine(pickle, file).run();
}

}  // namespace perfmamba::model
