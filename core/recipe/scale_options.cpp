#include "core/recipe/scale_options.h"

#include "core/base/error.h"

namespace graticule {

namespace {

constexpr float four = 4; // FP4's second largest point that a block's largest magnitude may be mapped to

ScaleOptions options_of(const TensorScheme& scheme, std::size_t level, float epsilon) {
    ScaleOptions options;
    options.rule = scheme.symmetric ? ScaleRule::symmetric_absmax : ScaleRule::asymmetric_through_zero;
    options.epsilon = epsilon;
    options.coding = row_of(scheme.levels[level].coding).numbers;
    return options;
}

} // namespace

ScaleOptions fine_scale_options(const TensorScheme& scheme, float epsilon) {
    ScaleOptions options = options_of(scheme, 0, epsilon);
    if (scheme.four_over_six) options.second_largest = four;
    return options;
}

ScaleOptions coarse_scale_options(const TensorScheme& scheme, float epsilon) {
    GRATICULE_ASSERT(scheme.levels.size() == 2, "a scheme of two levels");
    ScaleOptions options = options_of(scheme, 1, epsilon);
    options.finer_largest = row_of(scheme.levels[0].coding).largest_under;
    return options;
}

} // namespace graticule
