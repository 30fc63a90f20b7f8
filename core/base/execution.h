// How a model is computed: part of a protocol, because a perplexity in bfloat16 is another figure than one in float32.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace graticule {

/// Type of the products. Norms, softmax, rotary angles, residual sums and losses are float32 (float64 with `float64`).
enum class Compute : std::uint8_t {
    automatic, ///< on a GPU the checkpoint's own 16-bit type, bfloat16 where it has none; on a CPU float32
    float32,
    bfloat16,
    float16,
    float64,
};

/// What a product of a quantized linear multiplies.
enum class Arithmetic : std::uint8_t {
    simulated, ///< values that quantization can represent, in the compute type
    integer,   ///< integer codes with int32 sums, where a kernel for the scheme exists; else simulated
};

struct Execution {
    Compute compute = Compute::automatic;
    Arithmetic arithmetic = Arithmetic::simulated;
    bool operator==(const Execution&) const = default;
};

template <class Value>
struct ExecutionName {
    Value value;
    std::string_view name;  ///< on the command line and in files: "bfloat16"
    std::string_view label; ///< on screen
};
[[nodiscard]] std::span<const ExecutionName<Compute>> compute_names();
[[nodiscard]] std::span<const ExecutionName<Arithmetic>> arithmetic_names();

[[nodiscard]] std::string_view to_text(Compute compute);
[[nodiscard]] std::string_view to_text(Arithmetic arithmetic);
/// Throw Error{usage} naming what there is.
[[nodiscard]] Compute parse_compute(std::string_view text);
[[nodiscard]] Arithmetic parse_arithmetic(std::string_view text);
/// "bfloat16", or with integer products "bfloat16, integer arithmetic".
[[nodiscard]] std::string to_text(const Execution& execution);

} // namespace graticule
