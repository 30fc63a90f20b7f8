// The largest singular values of a matrix and their vectors: of a rounding error a few directions are kept, and all of
// its thousands are never needed. A block Krylov space (Musco and Musco 2015, algorithm 2) that is restarted with the
// best directions found (Wu and Simon 2000), in the products of fixed_products.h: the same bits for any number of threads,
// and a cancel point in every tile of every product.
#pragma once

#include <cstdint>

#include "core/runtime/torch_bridge.h"

namespace graticule::solvers {

struct Singular {
    at::Tensor u, s, vh; ///< (m, r), (r), (r, n); s falling
};

/// Of float32 `matrix` (m, n) the best r = min(rank, m, n) directions: what U S V^T leaves of it is the least that any
/// matrix of that rank leaves but for a millionth of it, or of the whole matrix where that is more. The values are within
/// 1e-4 of the largest. So the tests find it; the search ends when a further step gains little, and after a hundred steps
/// in any case. A matrix of lower rank gets zeros at the end.
[[nodiscard]] Singular leading_singular(const at::Tensor& matrix, std::int64_t rank);

} // namespace graticule::solvers
