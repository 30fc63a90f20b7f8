// Which block Hadamard transform a recipe asks for at each linear (the transform `hadamard`). No Torch here: resolve
// reads this too.
//
// Without `residual` a linear's input is rotated at run time and the inverse folded into its weights; o's within a
// head. `residual=true` is a choice for the whole model (QuaRot, Ashkboos et al. 2024, section 4): the residual stream
// itself is rotated, folded into embedding, norms, linears and head, so that q, k, v, gate and up find their inputs
// rotated and nothing is left to do for them at run time; o and down rotate theirs as without it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/model.h"
#include "core/recipe/layer_choices.h"
#include "core/result/input_map.h"

namespace graticule {

struct HadamardChoice {
    std::int64_t block = 1;
    bool residual = false;       ///< the input comes rotated
    bool writes_rotated = false; ///< what the linear gives goes into a rotated stream
};
/// Absent: the choice does not rotate.
[[nodiscard]] std::optional<HadamardChoice> hadamard_of(const SchemeChoice& choice, const Linear& linear,
                                                        const Model& model);
/// Block of the residual stream's rotation; absent: no layer asks for one.
[[nodiscard]] std::optional<std::int64_t> residual_block(const LayerChoices& choices, const Model& model);
/// Empty where the residual stream of this model can be rotated, else why not and the way out.
[[nodiscard]] std::string why_residual_stays(const Model& model);
/// What a rotated residual stream has done to an input behind a norm with these factors.
[[nodiscard]] InputMap residual_map(std::vector<float> norm_factors, std::int64_t block);
/// From the input that calibration saw to what the linear's quantized weight multiplies: `before`, a residual_map or
/// nothing; the scale of its site, empty where it has none; the rotation that is left for run time.
[[nodiscard]] InputMap input_map(InputMap before, std::vector<float> scale,
                                 const std::optional<HadamardChoice>& rotation);
[[nodiscard]] bool reads_residual(const Linear& linear);

} // namespace graticule
