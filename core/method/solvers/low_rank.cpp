#include "core/method/solvers/low_rank.h"

#include "core/base/error.h"
#include "core/method/solvers/leading_singular.h"

namespace graticule::solvers {

LowRankFactors low_rank_factors(const at::Tensor& weight, const at::Tensor& rounded, std::int64_t rank) {
    GRATICULE_ASSERT(weight.sizes() == rounded.sizes() && rank > 0, "a rank of an error matrix");
    const auto [u, s, vh] = leading_singular(weight - rounded, rank);
    const at::Tensor root = s.sqrt();
    return {(u * root).contiguous(), (root.unsqueeze(1) * vh).contiguous()};
}

} // namespace graticule::solvers
