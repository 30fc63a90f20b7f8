#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "core/base/error.h"
#include "core/io/gguf/gguf_file.h"
#include "core/io/text/utf8.h"

namespace graticule {
namespace {

template <class T>
T load(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

std::optional<std::int64_t> signed_value(GgufKind kind, const std::byte* at) {
    switch (kind) {
    case GgufKind::u8:
        return load<std::uint8_t>(at);
    case GgufKind::i8:
        return load<std::int8_t>(at);
    case GgufKind::u16:
        return load<std::uint16_t>(at);
    case GgufKind::i16:
        return load<std::int16_t>(at);
    case GgufKind::u32:
        return load<std::uint32_t>(at);
    case GgufKind::i32:
        return load<std::int32_t>(at);
    case GgufKind::i64:
        return load<std::int64_t>(at);
    case GgufKind::u64:
        if (const auto value = load<std::uint64_t>(at); value <= static_cast<std::uint64_t>(INT64_MAX))
            return static_cast<std::int64_t>(value);
        return std::nullopt;
    default:
        return std::nullopt;
    }
}

} // namespace

const GgufMetadata::Value* GgufMetadata::find(const std::string& key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : &found->second;
}

std::optional<GgufMetadata::Stored> GgufMetadata::stored(const std::string& key) const {
    const Value* value = find(key);
    return value == nullptr ? std::nullopt : std::optional(*value);
}

std::vector<std::string> GgufMetadata::keys() const {
    std::vector<std::string> all;
    for (const auto& [key, value] : values_) all.push_back(key);
    std::sort(all.begin(), all.end());
    return all;
}

std::string GgufMetadata::shown(const std::string& key) const {
    const Value* value = find(key);
    if (value == nullptr) return {};
    if (value->kind == GgufKind::array)
        return std::to_string(value->count) + " values of type " + std::string(row_of(value->element).name);
    if (value->kind == GgufKind::text) return "\"" + text(key)->substr(0, 60) + "\"";
    if (value->kind == GgufKind::boolean) return *flag(key) ? "true" : "false";
    char digits[32];
    std::snprintf(digits, sizeof digits, "%g", real(key).value_or(0));
    return digits;
}

void GgufMetadata::wrong_kind(const std::string& key, const Value& value, std::string_view wanted) const {
    std::string found(row_of(value.kind).name);
    if (value.kind == GgufKind::array) found += " of " + std::string(row_of(value.element).name);
    throw Error(ErrorKind::bad_input, file_ + ": metadata \"" + key + "\" is not " + std::string(wanted) +
                                          ", it is of type " + found + "; convert the model again");
}

std::optional<std::uint64_t> GgufMetadata::integer(GgufKind kind, const std::byte* at) const {
    const auto value = signed_value(kind, at);
    if (!value || *value < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*value);
}

std::optional<std::uint64_t> GgufMetadata::whole(const std::string& key) const {
    const Value* value = find(key);
    if (value == nullptr) return std::nullopt;
    const auto number = integer(value->kind, value->bytes.data());
    if (!number) wrong_kind(key, *value, "a whole number from 0 up");
    return number;
}

std::optional<double> GgufMetadata::real(const std::string& key) const {
    const Value* value = find(key);
    if (value == nullptr) return std::nullopt;
    double number = 0;
    if (value->kind == GgufKind::f32)
        number = static_cast<double>(load<float>(value->bytes.data()));
    else if (value->kind == GgufKind::f64)
        number = load<double>(value->bytes.data());
    else if (const auto whole_number = signed_value(value->kind, value->bytes.data()))
        number = static_cast<double>(*whole_number);
    else
        wrong_kind(key, *value, "a number");
    if (!std::isfinite(number))
        throw Error(ErrorKind::bad_input, file_ + ": metadata \"" + key + "\" is not a finite number");
    return number;
}

std::optional<bool> GgufMetadata::flag(const std::string& key) const {
    const Value* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind != GgufKind::boolean) wrong_kind(key, *value, "a bool");
    return load<std::uint8_t>(value->bytes.data()) != 0;
}

std::optional<std::string> GgufMetadata::text(const std::string& key) const {
    const Value* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind != GgufKind::text) wrong_kind(key, *value, "a string");
    std::string result(reinterpret_cast<const char*>(value->bytes.data()) + 8, value->bytes.size() - 8);
    require_utf8(result, file_ + ": metadata \"" + key + "\"");
    return result;
}

std::optional<std::vector<std::string>> GgufMetadata::texts(const std::string& key) const {
    const Value* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind != GgufKind::array || value->element != GgufKind::text)
        wrong_kind(key, *value, "an array of strings");
    std::vector<std::string> result;
    result.reserve(value->count);
    const std::byte* at = value->bytes.data(); // the lengths were checked when the file was opened
    for (std::uint64_t i = 0; i < value->count; ++i) {
        const auto length = load<std::uint64_t>(at);
        result.emplace_back(reinterpret_cast<const char*>(at) + 8, length);
        at += 8 + length;
    }
    return result;
}

std::optional<std::vector<float>> GgufMetadata::reals(const std::string& key) const {
    const Value* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind != GgufKind::array || value->element != GgufKind::f32) wrong_kind(key, *value, "an array of f32");
    std::vector<float> result(value->count);
    if (!result.empty()) std::memcpy(result.data(), value->bytes.data(), value->bytes.size());
    return result;
}

std::optional<std::vector<std::int64_t>> GgufMetadata::wholes(const std::string& key) const {
    const Value* value = find(key);
    if (value == nullptr) return std::nullopt;
    const GgufKind kind = value->kind == GgufKind::array ? value->element : value->kind;
    if (!row_of(kind).integer) wrong_kind(key, *value, "an array of whole numbers");
    std::vector<std::int64_t> result;
    result.reserve(value->count);
    for (std::uint64_t i = 0; i < value->count; ++i) {
        const auto number = signed_value(kind, value->bytes.data() + i * row_of(kind).size);
        if (!number) wrong_kind(key, *value, "an array of whole numbers below 2^63");
        result.push_back(*number);
    }
    return result;
}

std::optional<std::uint64_t> GgufMetadata::array_size(const std::string& key) const {
    const Value* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind != GgufKind::array) wrong_kind(key, *value, "an array");
    return value->count;
}

} // namespace graticule
