#include "core/base/param_spec.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/base/error.h"

namespace graticule {

namespace {

std::string real_text(double value) {
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    return {buffer, end};
}

std::string choices_text(const ParamSpec& spec) {
    std::string all;
    for (const std::string& choice : spec.choices) all += (all.empty() ? "" : ", ") + choice;
    return all;
}

std::string range_text(const ParamSpec& spec) {
    switch (spec.kind) {
    case ParamKind::flag:
        return "true or false";
    case ParamKind::integer:
        return "a whole number from " + real_text(spec.minimum) + " to " + real_text(spec.maximum);
    case ParamKind::real:
        return "a number from " + real_text(spec.minimum) + " to " + real_text(spec.maximum);
    case ParamKind::choice:
        return "one of " + choices_text(spec);
    }
    return {};
}

bool in_range(const ParamSpec& spec, double value) {
    return std::isfinite(value) && value >= spec.minimum && value <= spec.maximum;
}

template <class T>
bool parse_number(const std::string& text, T& value) {
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    return status == std::errc() && end == text.data() + text.size();
}

} // namespace

std::string to_text(const ParamValue& value) {
    struct Visitor {
        std::string operator()(bool flag) const { return flag ? "true" : "false"; }
        std::string operator()(std::int64_t whole) const { return std::to_string(whole); }
        std::string operator()(double real) const { return real_text(real); }
        std::string operator()(const std::string& choice) const { return choice; }
    };
    return std::visit(Visitor{}, value);
}

std::string check_param(const ParamSpec& spec, const ParamValue& value) {
    bool good = false;
    switch (spec.kind) {
    case ParamKind::flag:
        good = std::holds_alternative<bool>(value);
        break;
    case ParamKind::integer:
        good = std::holds_alternative<std::int64_t>(value) && in_range(spec, double(std::get<std::int64_t>(value)));
        break;
    case ParamKind::real:
        if (const auto* real = std::get_if<double>(&value)) good = in_range(spec, *real);
        if (const auto* whole = std::get_if<std::int64_t>(&value)) good = in_range(spec, double(*whole));
        break;
    case ParamKind::choice:
        if (const auto* text = std::get_if<std::string>(&value))
            good = std::find(spec.choices.begin(), spec.choices.end(), *text) != spec.choices.end();
        break;
    }
    if (good) return {};
    return "parameter " + spec.name + " is " + to_text(value) + ", but must be " + range_text(spec);
}

ParamValue parse_param(const ParamSpec& spec, const std::string& text) {
    ParamValue value = text;
    double real = 0;
    std::int64_t whole = 0;
    switch (spec.kind) {
    case ParamKind::flag:
        if (text == "true" || text == "1") value = true;
        if (text == "false" || text == "0") value = false;
        break;
    case ParamKind::integer:
        if (parse_number(text, whole)) value = whole;
        break;
    case ParamKind::real:
        if (parse_number(text, real)) value = real;
        break;
    case ParamKind::choice:
        break;
    }
    if (const std::string problem = check_param(spec, value); !problem.empty())
        throw Error(ErrorKind::bad_input, problem);
    return value;
}

} // namespace graticule
