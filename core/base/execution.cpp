#include "core/base/execution.h"

#include "core/base/error.h"

namespace graticule {

namespace {

constexpr ExecutionName<Compute> computes[] = {
    {Compute::automatic, "auto", "Auto"},        {Compute::float32, "float32", "float32"},
    {Compute::bfloat16, "bfloat16", "bfloat16"}, {Compute::float16, "float16", "float16"},
    {Compute::float64, "float64", "float64"},
};
constexpr ExecutionName<Arithmetic> arithmetics[] = {
    {Arithmetic::simulated, "simulated", "Simulated"},
    {Arithmetic::integer, "integer", "Integer"},
};

template <class Value>
std::string_view name_of(std::span<const ExecutionName<Value>> names, Value value) {
    for (const auto& row : names)
        if (row.value == value) return row.name;
    return {};
}

template <class Value>
Value parse(std::span<const ExecutionName<Value>> names, std::string_view text, const char* what) {
    std::string allowed;
    for (const auto& row : names) {
        if (row.name == text) return row.value;
        allowed += (allowed.empty() ? "" : ", ") + std::string(row.name);
    }
    throw Error(ErrorKind::usage, "\"" + std::string(text) + "\" is no " + what + "; use one of " + allowed);
}

} // namespace

std::span<const ExecutionName<Compute>> compute_names() { return computes; }
std::span<const ExecutionName<Arithmetic>> arithmetic_names() { return arithmetics; }

std::string_view to_text(Compute compute) { return name_of(compute_names(), compute); }
std::string_view to_text(Arithmetic arithmetic) { return name_of(arithmetic_names(), arithmetic); }
Compute parse_compute(std::string_view text) { return parse(compute_names(), text, "precision"); }
Arithmetic parse_arithmetic(std::string_view text) { return parse(arithmetic_names(), text, "arithmetic"); }

std::string to_text(const Execution& execution) {
    std::string text(to_text(execution.compute));
    if (execution.arithmetic == Arithmetic::integer) text += ", integer arithmetic";
    return text;
}

} // namespace graticule
