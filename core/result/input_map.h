// What happens to a site's input before a linear reads it, so that both round better: x -> m(x), with the inverse
// folded into the linear's weights, x W^T = m(x) m'(W)^T. Maps come one after the other:
//
//     diagonal           x / s        W s       s was folded into what makes x (a norm, the rows of a linear)
//     block Hadamard     x H          W H       H of consecutive channels, orthonormal and its own inverse; done at run
//                                               time, or folded into what makes x (rotated residual stream)
//
// Applied to tensors by core/runtime/input_mapping.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "kernels/api/hadamard.h"

namespace graticule {

struct DiagonalMap {
    std::vector<float> scale; ///< s, one per channel: > 0, of a norm any but 0
    bool of_norm = false;     ///< the factors of a norm, which a rotated residual stream takes out of it
    bool operator==(const DiagonalMap&) const = default;
};

struct HadamardMap {
    std::int64_t block = 1; ///< a power of two that divides the channels
    bool folded = false;    ///< the input comes rotated; false: the forward pass rotates it
    bool operator==(const HadamardMap&) const = default;
};

struct InputMap {
    std::vector<std::variant<DiagonalMap, HadamardMap>> steps;

    [[nodiscard]] bool empty() const { return steps.empty(); }
    /// Of the Hadamard transform that remains to be done at run time, its block; absent: nothing remains.
    [[nodiscard]] std::optional<std::int64_t> online() const {
        for (const auto& step : steps)
            if (const auto* hadamard = std::get_if<HadamardMap>(&step); hadamard != nullptr && !hadamard->folded)
                return hadamard->block;
        return std::nullopt;
    }
    /// What smoothing divides the channels of the input by, as calibration saw it; empty: nothing, or the channels of a
    /// rotated input.
    [[nodiscard]] std::vector<float> smoothing() const {
        std::vector<float> product;
        for (const auto& step : steps) {
            const auto* diagonal = std::get_if<DiagonalMap>(&step);
            if (diagonal == nullptr) break;
            if (diagonal->of_norm) continue;
            if (product.empty()) product.assign(diagonal->scale.size(), 1.0F);
            std::transform(product.begin(), product.end(), diagonal->scale.begin(), product.begin(),
                           std::multiplies<>());
        }
        return product;
    }
    bool operator==(const InputMap&) const = default;
};

/// The largest power of two that divides `width`, at most 256.
[[nodiscard]] inline std::int64_t hadamard_block(std::int64_t width) {
    std::int64_t block = 1;
    while (block < largest_hadamard && width % (2 * block) == 0) block *= 2;
    return block;
}

} // namespace graticule
