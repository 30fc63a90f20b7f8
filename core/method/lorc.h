// LoRC: the largest singular directions of what rounding lost, put back as a product of two narrow matrices.
#pragma once

#include "core/method/stages.h"

namespace graticule {

class LowRankCompensation final : public Compensation {
public:
    [[nodiscard]] std::pair<at::Tensor, at::Tensor> factors(const at::Tensor& weight, const at::Tensor& rounded,
                                                            const ParamMap& params) const override;
    [[nodiscard]] std::int64_t rank(std::int64_t rows, std::int64_t columns, const ParamMap& params) const override;
};

} // namespace graticule
