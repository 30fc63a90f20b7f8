// What quantizing one linear alone, or a few that must share a scheme, costs the model's predictions, scheme by scheme:
// predicted from gradients, and measured.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/provenance.h"
#include "core/model/linear_groups.h"
#include "core/result/evaluation.h"

namespace graticule {

/// Of projections: what they predict together. 0 of none.
[[nodiscard]] double mean_square(const std::vector<double>& projections);

struct LayerSensitivity {
    std::string name; ///< of the linear, or of the group
    std::vector<LayerId> layers;
    double predicted = 0; ///< expected KL(full precision || these linears quantized), nats per token, to second order
    /// For each draw of each window what `predicted` is the mean square of; sums over layers predict them together.
    std::vector<double> projections;
    std::optional<double> measured;  ///< mean KL(full precision || these quantized), nats; absent: not measured
    Interval measured_interval = {}; ///< of that, as of Divergence::over_windows
};

struct SchemeSensitivity {
    std::string scheme_line;
    std::vector<LayerSensitivity> layers; ///< every linear once, in the order of execution
    /// Spearman's, of the two over the layers that were measured.
    [[nodiscard]] std::optional<double> rank_correlation() const;
    /// Indices in `layers`, the most sensitive first: by prediction.
    [[nodiscard]] std::vector<std::size_t> worst_first() const;
};

struct Sensitivity {
    Protocol protocol; ///< of the text that both were found on; both in its execution, float32
    std::int64_t draws = 0;
    std::vector<SchemeSensitivity> schemes;
    double prediction_seconds = 0, measuring_seconds = 0;
    Provenance provenance;
};

} // namespace graticule
