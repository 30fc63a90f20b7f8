#include "core/method/lorc.h"

#include <algorithm>

#include "core/method/solvers/low_rank.h"

namespace graticule {

std::pair<at::Tensor, at::Tensor> LowRankCompensation::factors(const at::Tensor& weight, const at::Tensor& rounded,
                                                               const ParamMap& params) const {
    const solvers::LowRankFactors found =
        solvers::low_rank_factors(weight, rounded, param<std::int64_t>(params, "rank"));
    const auto stored = [](const at::Tensor& x) { return x.to(at::kHalf).to(at::kFloat); }; // 16 bits, as counted
    return {stored(found.a), stored(found.b)};
}

std::int64_t LowRankCompensation::rank(std::int64_t rows, std::int64_t columns, const ParamMap& params) const {
    return std::min({param<std::int64_t>(params, "rank"), rows, columns});
}

} // namespace graticule
