#include "core/engine/run_provenance.h"

#include "core/base/hash.h"

namespace graticule {

Provenance run_provenance(const Device& device, const Execution& execution, const Corpus& corpus,
                          std::span<const std::span<const std::int32_t>> windows) {
    Sha256 ids;
    for (const auto& window : windows) ids.update(std::as_bytes(window));
    Provenance provenance;
    provenance.data_hash = ids.hex();
    provenance.data_name = corpus.name;
    provenance.device = device.label();
    provenance.execution = to_text(execution);
    provenance.versions = current_versions();
    provenance.versions.emplace_back("libtorch", torch_version());
    return provenance;
}

} // namespace graticule
