// A quantized linear as a product that the tables of kernels/api/gemm.h know: what the integer and the weight-only
// operations have in common.
#pragma once

#include <optional>
#include <string>

#include "core/runtime/linear/linear_op.h"
#include "kernels/api/gemm.h"

namespace graticule {

/// Shape, codes and grain of the weight; the grid stays the format's. Absent: `why` says what no table has.
[[nodiscard]] std::optional<GemmProblem> product_of(const QuantizedLinear& quantized, const Linear& linear,
                                                    at::ScalarType type, std::string& why);

/// Codes and parameters on a device as rows pack them. Needed until they are packed.
class ProductWeights {
public:
    ProductWeights(const GemmProblem& problem, const QuantizedLinear& quantized, const Linear& linear,
                   const at::Tensor& bias, ParameterLoader& loader);
    [[nodiscard]] GemmWeights view() const;

private:
    at::Tensor codes_, scale_, zero_, group_scale_, bias_;
};

} // namespace graticule
