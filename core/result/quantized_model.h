// The outcome of quantizing a model: codes and parameters of every quantized linear, and the float tensors that folding
// changed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/provenance.h"
#include "core/format/packed_codes.h"
#include "core/format/qparams.h"
#include "core/model/model.h"
#include "core/recipe/recipe.h"
#include "core/result/input_map.h"
#include "core/result/layer_report.h"
#include "core/result/stored_size.h"

namespace graticule {

struct LowRank { ///< LoRC: added to the dequantized weight. a (out, rank), b (rank, in)
    HostTensor a, b;
};

struct StaticScale { ///< one scale for the whole tensor, from calibration
    float scale = 1;
    float zero = 0;
    bool operator==(const StaticScale&) const = default;
};

struct QuantizedLinear {
    LayerId layer{};
    SchemeChoice choice;                     ///< scheme and steps that were used
    PackedCodes codes;                       ///< (out, in); empty: weight not quantized
    QParams params;                          ///< of `codes`
    InputMap input_map;                      ///< from the site's input to what the codes multiply
    std::optional<StaticScale> static_input; ///< of a static input scheme
    /// Attention operands with static schemes: query at the block's q, key at k, value and probability at v.
    std::map<Operand, StaticScale> static_operands;
    std::vector<std::int32_t> kept_channels; ///< mixed precision: input channels left in 16 bit, ascending
    HostTensor kept_columns;                 ///< (out, kept) their weights; empty: none
    std::optional<LowRank> low_rank;
    LayerReport report;
};

struct QuantizedModel {
    std::shared_ptr<const Model> base;
    Recipe recipe;
    std::vector<std::optional<QuantizedLinear>> linears; ///< index = LayerId; absent: left as it is
    /// Float tensors that folding changed, by checkpoint name with ".weight" or ".bias": norms, biases, and weights of
    /// linears that are not quantized themselves.
    std::map<std::string, HostTensor> replaced;
    bool head_untied = false; ///< one of them is a head of its own, which the checkpoint has tied to the embedding
    Provenance provenance;
    double seconds = 0;
    std::int64_t peak_bytes = 0; ///< of the host's memory that the job took at most, mapped files not counted; measured
    std::int64_t peak_device_bytes = 0; ///< of a card's, allocated at most; 0 on the CPU

    [[nodiscard]] std::int64_t bytes_before() const; ///< whole model as stored
    [[nodiscard]] ModelSize size() const;            ///< with what is held here
};

/// Dequantized weight (out, in) of one linear as the decoder uses it: folded, with kept columns and low rank put back.
/// For a linear that is absent, the replaced or the stored weight. It multiplies mapped inputs (QuantizedLinear's map);
/// `plain_weight` is the same for inputs that no forward pass transforms.
[[nodiscard]] std::vector<float> plain_weight(const QuantizedModel& model, LayerId layer);
[[nodiscard]] std::vector<float> effective_weight(const QuantizedModel& model, LayerId layer);
/// Of one linear that has codes, without its model. `shape` is the linear it was made from.
[[nodiscard]] std::vector<float> effective_weight(const QuantizedLinear& quantized, const Linear& shape);
[[nodiscard]] std::optional<std::vector<float>> effective_bias(const QuantizedModel& model, LayerId layer);

/// Puts what is stored beside the codes into rows of their dequantized weight: the kept columns (rows, channels) in
/// their places, and what low rank (its `a` of these rows) adds.
void put_beside(std::span<const std::int32_t> kept_channels, const HostTensor& kept_columns,
                const std::optional<LowRank>& low_rank, std::int64_t columns, std::span<float> weight);

/// Reports of the layers that are quantized, in the order of execution.
[[nodiscard]] std::vector<const LayerReport*> layers_of(const QuantizedModel& model);
/// Worst first; those alike in the order in which they were.
[[nodiscard]] std::vector<const LayerReport*> worst_first(std::vector<const LayerReport*> reports);

/// What the linear stores beside codes, scales and zero points.
[[nodiscard]] StoredParts stored_parts(const QuantizedLinear& quantized);
/// Packed codes, scales, zero points, kept columns and low-rank factors of one linear.
[[nodiscard]] std::int64_t packed_bytes(const QuantizedLinear& quantized, const Linear& linear);

} // namespace graticule
