// Activations rounded as a scheme says, in float32, so that any format can be evaluated without kernels of its own: the
// one quantizer of evaluation, of the states that methods work on, and of what-if.
#pragma once

#include <optional>
#include <vector>

#include "core/recipe/tensor_scheme.h"
#include "core/result/quantized_model.h"
#include "core/runtime/torch_bridge.h"
#include "kernels/api/gemm.h"

namespace graticule {

/// How one tensor is rounded at run time.
struct ActivationRounding {
    TensorScheme scheme;
    std::optional<StaticScale> fixed = {};        ///< the scale of a static scheme
    std::vector<std::int32_t> kept_channels = {}; ///< left as they are; they do not count for scales
    bool operator==(const ActivationRounding&) const = default;
};
/// What the linear's own scheme says about its input; absent: full precision.
[[nodiscard]] std::optional<ActivationRounding> input_rounding(const QuantizedLinear& linear);

/// Whether what becomes of a token depends on that token alone: no scale is found over several of them.
[[nodiscard]] bool token_by_token(const ActivationRounding& rounding);

/// Throws Error{bad_input} naming `owner` when a static scheme has no scale.
void check_calibrated(const ActivationRounding& rounding, const Linear& owner);

/// Rounded copy of x, whose last dimension is channels and whose second to last is tokens of one sample (or of one head
/// of it). Scales: `token` one per row, `gN` one per row and group, `channel` one per column of each (tokens, channels)
/// matrix, `tensor` one for each index of the first dimension; a coarse level likewise. A static scheme needs its
/// scale.
[[nodiscard]] at::Tensor round_activation(const ActivationRounding& rounding, const at::Tensor& x,
                                          const Device& device);

/// The same as integers (points of the format at scale 1) and their scale, for schemes with one scale per token or one
/// for all: value = units * scale. 16-bit types hold units exactly, so a product of units has no rounding of its own.
struct UnitActivation {
    at::Tensor units; ///< like x; kept channels are zero
    at::Tensor scale; ///< float32 (..., tokens, 1), or (1) of a static scheme
};
[[nodiscard]] bool has_units(const ActivationRounding& rounding);
[[nodiscard]] UnitActivation round_to_units(const ActivationRounding& rounding, const at::Tensor& x,
                                            const Device& device);

/// As int8 with a scale, a zero point and a sum per token: what integer products read (kernels/api/gemm.h).
struct IntegerActivation {
    at::Tensor values;  ///< bytes in the layout that was asked for; kept channels are codes of zero
    at::Tensor scale;   ///< (tokens) float32
    at::Tensor zero;    ///< (tokens) float32; undefined where the scheme is symmetric
    at::Tensor row_sum; ///< (tokens) int32
};
/// Whether there is such a form: 8-bit integers, one float32 scale per token or a static one.
[[nodiscard]] bool integer_input(const ActivationRounding& rounding);
[[nodiscard]] IntegerActivation round_to_integers(const ActivationRounding& rounding, const at::Tensor& x,
                                                  InputLayout layout, const Device& device);

/// The same of what kernels make of other values while they quantize it; no channel is kept.
[[nodiscard]] IntegerActivation quantize_source(const ActivationRounding& rounding, const InputSource& source,
                                                InputLayout layout, const Device& device);

/// The table of integer products of a device; null: there is none.
[[nodiscard]] const GemmTable* gemm_table(const Device& device);
/// Torch's type as the table's; absent: it takes no such values.
[[nodiscard]] std::optional<ValueType> value_type(at::ScalarType type);

} // namespace graticule
