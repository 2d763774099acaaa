// Writes what the layouts name as members of a JSON object.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>

#include "core/report/utf8.h"

namespace perfmamba::report {

/// Takes what a visit… function names.
struct MemberWriter {
    nlohmann::json& object;

    template <class T>
    void operator()(const char* member, const T& value) const {
        if constexpr (std::is_enum_v<T>) {
            object[member] = name(value);
        } else if constexpr (std::is_same_v<T, std::string>) {
            object[member] = toPlainUtf8(value);
        } else {
            object[member] = value;  // what is not finite is printed as null
        }
    }
};

}  // namespace perfmamba::report
