// Where the elements of an activation begin, and of which type they are: float32, float16 or bfloat16.
//
// A view: it owns nothing, and knows no length. The memory is the device's, not to be read by the host where the device
// is not the host. Offsets and strides count elements, whatever their type.
#pragma once

#include <cassert>
#include <cstddef>

#include "kernels/tensor.h"

namespace perfmamba::kernels {

struct ConstElements {
    const void* data = nullptr;
    DType type = DType::F32;

    ConstElements() = default;
    ConstElements(const void* begin, DType of) : data(begin), type(of) {}
    ConstElements(const float* begin) : data(begin) {}  // implicit: a float's type is no question
    ConstElements(std::nullptr_t) {}

    explicit operator bool() const { return data != nullptr; }
    [[nodiscard]] const float* f32() const {
        assert(type == DType::F32);
        return static_cast<const float*>(data);
    }
};

struct Elements {
    void* data = nullptr;
    DType type = DType::F32;

    Elements() = default;
    Elements(void* begin, DType of) : data(begin), type(of) {}
    Elements(float* begin) : data(begin) {}
    Elements(std::nullptr_t) {}

    explicit operator bool() const { return data != nullptr; }
    operator ConstElements() const { return {data, type}; }
    [[nodiscard]] float* f32() const {
        assert(type == DType::F32);
        return static_cast<float*>(data);
    }
};

/// The view that begins `count` elements further on.
inline ConstElements operator+(ConstElements from, std::ptrdiff_t count) {
    return {static_cast<const std::byte*>(from.data) + count * static_cast<std::ptrdiff_t>(sizeOf(from.type)),
            from.type};
}
inline Elements operator+(Elements from, std::ptrdiff_t count) {
    return {static_cast<std::byte*>(from.data) + count * static_cast<std::ptrdiff_t>(sizeOf(from.type)), from.type};
}
inline ConstElements& operator+=(ConstElements& from, std::ptrdiff_t count) {
    return from = from + count;
}
inline Elements& operator+=(Elements& from, std::ptrdiff_t count) {
    return from = from + count;
}

}  // namespace perfmamba::kernels
