// Products, sums and factors of float32 matrices whose result on a CPU does not depend on how many threads there are
// (core/runtime/fixed_products.h says how): a search that compares two sums, or GPTQ's walk, would otherwise end at
// other codes. On a card, whose sums are the same each time, these are Torch's own operations.
//
//     at::Tensor gram = at::zeros({channels, channels});
//     for (const at::Tensor& batch : batches) add_gram(gram, batch);          // in their order
//     const at::Tensor upper = inverse_factor(gram);
#pragma once

#include "core/runtime/torch_bridge.h"

namespace graticule::solvers {

/// While it lives, and `allowed`, this thread's `product` and `products` on a card round factors to ten bits (TF32):
/// many times faster, and enough to tell the candidates of a search apart where the forward pass has sixteen bits
/// itself.
class Tf32Products {
public:
    explicit Tf32Products(bool allowed);
    ~Tf32Products();
    Tf32Products(const Tf32Products&) = delete;
    Tf32Products& operator=(const Tf32Products&) = delete;

private:
    bool before_;
};

/// a (m, k) times b (k, n): (m, n).
[[nodiscard]] at::Tensor product(const at::Tensor& a, const at::Tensor& b);
/// The same of each of a (g, m, k) and b (g, k, n): (g, m, n).
[[nodiscard]] at::Tensor products(const at::Tensor& a, const at::Tensor& b);
/// target (m, n) -= a b, in place; `target` may be a part of a matrix.
void subtract_product(at::Tensor target, const at::Tensor& a, const at::Tensor& b);
/// sum (n, n) += rows^T rows, in place: rows are (tokens, n).
void add_gram(at::Tensor& sum, const at::Tensor& rows);

/// X^T X / tokens of inputs (tokens, channels).
[[nodiscard]] at::Tensor mean_gram(const at::Tensor& inputs);

/// Of all elements, in float64: a tensor of one element, which asks a card for nothing yet, or its value.
[[nodiscard]] at::Tensor sum_of(const at::Tensor& values);
[[nodiscard]] double total(const at::Tensor& values);
[[nodiscard]] double mean_square(const at::Tensor& values);

/// The upper triangular U with U^T U = matrix^-1 of a symmetric matrix; undefined where it is not positive definite.
[[nodiscard]] at::Tensor inverse_factor(const at::Tensor& matrix);

} // namespace graticule::solvers
