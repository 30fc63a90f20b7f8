// What a run's provenance has in common, whichever verb ran.
#pragma once

#include <cstdint>
#include <span>

#include "core/base/provenance.h"
#include "core/io/corpus.h"
#include "core/model/model.h"
#include "core/runtime/device.h"

namespace graticule {

/// Model, data (the token ids that were used), device, versions.
[[nodiscard]] Provenance run_provenance(const Model& model, const Device& device, const Corpus& corpus,
                                        std::span<const std::span<const std::int32_t>> windows);

} // namespace graticule
