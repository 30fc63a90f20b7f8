// One linear of the forward pass, prepared for one device. Kinds, one file each:
//
//     dense       a product with the weight in full
//     simulated   codes stay on the device; dequantized for each product with rounded inputs
//     integer     a row of the table of integer products (kernels/api/gemm.h)
//     weight_only a row of the products of 16-bit inputs with codes (likewise)
//     sum         a main operation, and beside it what it leaves out: a low-rank product, columns kept in 16 bits
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result/quantized_model.h"
#include "core/runtime/site_input.h"

namespace graticule {

class ParameterLoader;
class WeightSource;

class LinearOp {
public:
    virtual ~LinearOp() = default;
    /// y (..., out) from x (..., in): a fresh tensor of x's type, which the caller may write into.
    [[nodiscard]] virtual at::Tensor run(const SiteInput& x) const = 0;
    [[nodiscard]] virtual std::int64_t device_bytes() const = 0; ///< of the parameters it holds
    /// KernelUse::kernel, and on how many tokens it depends where there are two: "w4a16 mma.sync, dense from 129 tokens".
    [[nodiscard]] virtual std::string_view kernel() const = 0;
    /// What `run` multiplies so many tokens with: what results of a pass name. Lives as long as the operation.
    [[nodiscard]] virtual std::string_view kernel_for(std::int64_t tokens) const {
        (void)tokens;
        return kernel();
    }
    [[nodiscard]] virtual bool multiplies_integers() const { return false; }
};

/// weight (out, in), bias (out) or undefined; converted once where the inputs are of another type. What its site does
/// to the inputs before is in its name.
[[nodiscard]] std::shared_ptr<const LinearOp> dense_op(at::Tensor weight, at::Tensor bias, bool inputs_rounded = false);

/// Codes of `linear.weight`'s shape with their parameters; kept columns and low rank are left to sum_op.
[[nodiscard]] std::shared_ptr<const LinearOp> simulated_op(const QuantizedLinear& quantized, const Linear& linear,
                                                           at::Tensor bias, ParameterLoader& loader);

/// A product of integers; null: `why` says what has no row in the table of this device. Kept columns and low rank are
/// left to sum_op.
[[nodiscard]] std::shared_ptr<const LinearOp> integer_op(const QuantizedLinear& quantized, const Linear& linear,
                                                         const at::Tensor& bias, at::ScalarType type,
                                                         ParameterLoader& loader, std::string& why);

/// A product of 16-bit inputs, which are not quantized, with codes; otherwise as integer_op.
[[nodiscard]] std::shared_ptr<const LinearOp> weight_only_op(const QuantizedLinear& quantized, const Linear& linear,
                                                             const at::Tensor& bias, at::ScalarType type,
                                                             ParameterLoader& loader, std::string& why);

/// What is added to the main product, each undefined where there is none.
struct SumParts {
    at::Tensor low_rank_out;  ///< (out, rank)
    at::Tensor low_rank_in;   ///< (rank, in); reads the rounded inputs
    at::Tensor kept_columns;  ///< (out, kept)
    at::Tensor kept_channels; ///< (kept) indices; these columns read the inputs before rounding
};
[[nodiscard]] std::shared_ptr<const LinearOp> sum_op(std::shared_ptr<const LinearOp> main, SumParts parts);

/// Rows of the input, as kernel_for counts them.
[[nodiscard]] std::int64_t tokens_of(const SiteInput& x);

/// An operation and what its site does to the input before.
struct PreparedLinear {
    std::shared_ptr<const LinearOp> operation;
    InputPreparation input = {};
    std::string no_integers = {}; ///< why integer products were asked for and it has none
};
/// The operation that fits what `weights` says of `linear`, for inputs of the compute type of a settled `execution`.
/// Throws Error{bad_input} when a static scheme has no scale or a parameter is not finite.
[[nodiscard]] PreparedLinear prepare_linear(ParameterLoader& loader, const Linear& linear, const WeightSource& weights,
                                            const Execution& execution);

} // namespace graticule
