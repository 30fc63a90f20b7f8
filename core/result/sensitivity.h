// What quantizing one linear alone costs the model's predictions, scheme by scheme: predicted from gradients, and
// measured.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/provenance.h"
#include "core/model/model.h"
#include "core/result/evaluation.h"

namespace graticule {

struct LayerSensitivity {
    LayerId layer{};
    std::string name;
    double predicted = 0;           ///< half the squared gradient times the squared output error, nats per token
    std::optional<double> measured; ///< mean KL(full precision || this linear quantized), nats; absent: not measured
};

struct SchemeSensitivity {
    std::string scheme_line;
    std::vector<LayerSensitivity> layers; ///< every linear, in the order of LayerId
    /// Spearman's, of the two over the layers that were measured.
    [[nodiscard]] std::optional<double> rank_correlation() const;
    /// Indices in `layers`, the most sensitive first: by prediction.
    [[nodiscard]] std::vector<std::size_t> worst_first() const;
};

struct Sensitivity {
    Protocol protocol; ///< of the text that both were found on
    std::vector<SchemeSensitivity> schemes;
    double prediction_seconds = 0, measuring_seconds = 0;
    Provenance provenance;
};

} // namespace graticule
