#include "app/remote/messages.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/cut_short.h"
#include "core/base/error_word.h"

namespace graticule {

using nlohmann::json;

namespace {
[[noreturn]] void refuse(const std::string& where, const char* name, const std::string& must, const json& value) {
    throw Error(ErrorKind::bad_input, where + ": \"" + name + "\" must be " + must + ", not " + cut_short(value));
}
} // namespace

json to_json(const ErrorInfo& error) {
    return {{"kind", error_word(error.kind)}, {"message", error.message}, {"context", error.context}};
}

ErrorInfo read_error(const json& value) {
    ErrorInfo error;
    if (!value.is_object()) return error;
    const auto text = [](const json& from) { return from.is_string() ? from.get<std::string>() : std::string(); };
    error.kind = error_kind_called(text(value.value("kind", json())));
    error.message = text(value.value("message", json()));
    if (const json context = value.value("context", json()); context.is_array())
        for (const json& line : context) error.context.push_back(text(line));
    return error;
}

void throw_as_told(const ErrorInfo& told) {
    Error error(told.kind, told.message);
    for (const std::string& line : told.context) error.add_context(line);
    throw error;
}

std::string line_of(const json& message) { return message.dump(-1, ' ', false, json::error_handler_t::replace); }

const json& member(const json& object, const char* name, const std::string& where) {
    if (!object.is_object()) throw Error(ErrorKind::bad_input, where + " must be an object, not " + cut_short(object));
    const auto found = object.find(name);
    if (found == object.end()) throw Error(ErrorKind::bad_input, where + ": \"" + name + "\" is missing");
    return *found;
}

std::string text_member(const json& object, const char* name, const std::string& where) {
    const json& value = member(object, name, where);
    if (!value.is_string()) refuse(where, name, "a text", value);
    return value.get<std::string>();
}

std::int64_t number_member(const json& object, const char* name, std::int64_t least, std::int64_t most,
                           const std::string& where) {
    const json& value = member(object, name, where);
    const bool small = value.is_number_unsigned() ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX)
                                                  : value.is_number_integer();
    if (!small || value.get<std::int64_t>() < least || value.get<std::int64_t>() > most)
        refuse(where, name, "a whole number from " + std::to_string(least) + " to " + std::to_string(most), value);
    return value.get<std::int64_t>();
}

bool is_hash(std::string_view text) {
    const auto digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    return text.size() == 64 && std::ranges::all_of(text, digit);
}

std::string hash_member(const json& object, const char* name, const std::string& where) {
    const std::string text = text_member(object, name, where);
    if (!is_hash(text)) refuse(where, name, "64 hexadecimal digits", object.at(name));
    return text;
}

} // namespace graticule
