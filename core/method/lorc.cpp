#include "core/method/lorc.h"

#include <algorithm>

namespace graticule {

std::pair<at::Tensor, at::Tensor> LowRankCompensation::factors(const at::Tensor& error, const ParamMap& params) const {
    const std::int64_t rank = std::min({param<std::int64_t>(params, "rank"), error.size(0), error.size(1)});
    const auto [u, s, v] = at::linalg_svd(error, /*full_matrices=*/false);
    const at::Tensor root = s.slice(0, 0, rank).sqrt();
    const auto stored = [](const at::Tensor& x) { return x.to(at::kHalf).to(at::kFloat); }; // 16 bits, as counted
    return {stored(u.slice(1, 0, rank) * root), stored(root.unsqueeze(1) * v.slice(0, 0, rank))};
}

} // namespace graticule
