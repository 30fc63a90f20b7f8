// How large models are: the one place where bytes and bits are counted. Estimates before a run (engine/resolve), what a
// QuantizedModel holds, the tables and the plots all come from here.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "core/model/model.h"
#include "core/recipe/tensor_scheme.h"

namespace graticule {

/// What a linear stores beside codes, scales and zero points.
struct StoredParts {
    std::int64_t kept_channels = 0; ///< input channels left in 16 bits
    std::int64_t rank = 0;          ///< of the 16-bit factors that are added to the weight
    bool operator==(const StoredParts&) const = default;
};

/// The weight of one linear under a scheme. Without one it is written as it was read, decoded where the file had it
/// quantized; then nothing is beside it.
[[nodiscard]] StoredBits weight_bits(const Linear& linear, const std::optional<TensorScheme>& scheme,
                                     StoredParts parts);
/// Whole bytes.
[[nodiscard]] std::int64_t weight_bytes(const Linear& linear, const std::optional<TensorScheme>& scheme,
                                        StoredParts parts);

struct ModelSize {
    StoredBits bits_per_weight; ///< average over the decoder linears
    std::int64_t bytes = 0;     ///< of the whole model
    bool operator==(const ModelSize&) const = default;
};
struct LinearForm {
    std::optional<TensorScheme> scheme;
    StoredParts parts;
};
/// The model with this form of every linear; everything else as the checkpoint stores it. `head_untied`: the head is no
/// longer the embedding's (a rotated residual stream) and stored beside it, in the same type.
[[nodiscard]] ModelSize size_of(const Model& model, const std::function<LinearForm(const Linear&)>& form_of,
                                bool head_untied);

/// Bytes of all tensors of the model as they are stored in the checkpoint.
[[nodiscard]] std::int64_t stored_bytes(const Model& model);
/// Weights of the decoder linears, biases left out: what averages are over.
[[nodiscard]] double linear_weights(const Model& model);
/// Of stored_bytes, what no scheme changes.
[[nodiscard]] std::int64_t bytes_beside_weights(const Model& model);
/// Average stored bits a weight over the decoder linears, before anything is quantized here.
[[nodiscard]] double stored_bits_per_weight(const Model& model);

} // namespace graticule
