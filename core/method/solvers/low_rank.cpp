#include "core/method/solvers/low_rank.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/method/solvers/fixed_sums.h"

namespace graticule::solvers {

LowRankFactors low_rank_factors(const at::Tensor& weight, const at::Tensor& rounded, std::int64_t rank) {
    GRATICULE_ASSERT(weight.sizes() == rounded.sizes() && rank > 0, "a rank of an error matrix");
    const auto [u, s, vh] = singular_values(weight - rounded);
    const std::int64_t kept = std::min(rank, s.size(0));
    const at::Tensor root = s.slice(0, 0, kept).sqrt();
    return {(u.slice(1, 0, kept) * root).contiguous(), (root.unsqueeze(1) * vh.slice(0, 0, kept)).contiguous()};
}

} // namespace graticule::solvers
