// Moving scales: which sites, what judges them, and the exact change of the tensors. Private to core/method.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/method/stages.h"
#include "core/result/layer_report.h"
#include "core/runtime/decoder.h"

namespace graticule {

using LayerChoices = std::vector<std::optional<SchemeChoice>>; ///< index = LayerId

/// The transform that the site's quantized consumers want (resolve made sure they agree); null: none.
[[nodiscard]] const MethodStep* transform_of(const FoldSite& site, const LayerChoices& choices);
/// False where the source has not one output a channel of the site (values shared by several heads).
[[nodiscard]] bool scale_fits(const FoldSite& site, const Model& model);

/// Everything but statistics, inputs and module outputs. `weight_of` gives the consumers' weights.
[[nodiscard]] FoldRequest fold_request(const FoldSite& site, const LayerChoices& choices, const ParamMap& params,
                                       const Device& device, const std::function<at::Tensor(LayerId)>& weight_of);
/// Lets attention and the gated MLP judge the site: `length` tokens a sequence.
void add_module_outputs(FoldRequest& request, const Decoder& decoder, const Block& block, const BlockWeights& weights,
                        std::int64_t length);

/// Divides the source and multiplies the consumers' columns. What changed goes to `folded` and, for the tensors of
/// norms, biases and weights, to `replaced` under its checkpoint name. Norms of `rms_plus_one` store w - 1.
void apply_fold(const FoldSite& site, const Model& model, const Block& block, const at::Tensor& scale,
                BlockWeights& folded, std::map<std::string, HostTensor>& replaced);

void add_to_report(const FoldResult& result, LayerReport& report);
[[nodiscard]] at::Tensor channel_mask(const std::vector<std::int32_t>& channels, std::int64_t count,
                                      const Device& device);

} // namespace graticule
