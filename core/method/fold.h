// Moving scales: which sites, what judges them, and the exact change of the tensors. Private to core/method.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/method/stages.h"
#include "core/recipe/layer_choices.h"
#include "core/result/layer_report.h"
#include "core/runtime/decoder.h"

namespace graticule {

/// The transform that the site's quantized consumers want (resolve made sure they agree).
[[nodiscard]] Chosen<Transform> transform_of(const FoldSite& site, const LayerChoices& choices);
/// Where the layer's input can be scaled; null: nowhere.
[[nodiscard]] const FoldSite* fold_site_of(const Model& model, LayerId layer);
/// False where the source has not one output per channel of the site (values shared by several heads).
[[nodiscard]] bool scale_fits(const FoldSite& site, const Model& model);

/// Everything but statistics, inputs and module outputs. `weight_of` gives the consumers' weights.
[[nodiscard]] FoldRequest fold_request(const FoldSite& site, const LayerChoices& choices, const ParamMap& params,
                                       const Device& device, const std::function<at::Tensor(LayerId)>& weight_of);
/// Lets attention and the gated MLP judge the site: `length` tokens a sequence.
void add_module_outputs(FoldRequest& request, const Decoder& decoder, const Block& block, const BlockWeights& weights,
                        std::int64_t length);

/// Tensors that folding changed, on the device, by checkpoint name.
using Folded = std::map<std::string, at::Tensor>;

/// Divides the source and multiplies the consumers' columns: norms, biases and weights. Norms of `rms_plus_one` store
/// w - 1.
void apply_fold(const FoldSite& site, const Model& model, const Block& block, const at::Tensor& scale,
                BlockWeights& weights, Folded& folded);

void add_to_report(const FoldResult& result, LayerReport& report);
[[nodiscard]] at::Tensor channel_mask(const std::vector<std::int32_t>& channels, std::int64_t count,
                                      const Device& device);

} // namespace graticule
