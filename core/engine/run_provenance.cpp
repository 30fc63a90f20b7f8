#include "core/engine/run_provenance.h"

#include <algorithm>

#include "core/base/hash.h"

namespace graticule {

Protocol evaluation_protocol(const EvaluationSpec& spec, const Tokenizer& tokenizer,
                             const std::vector<std::int32_t>& ids, const Corpus& corpus, std::int64_t there) {
    Protocol protocol;
    protocol.name = spec.protocol;
    protocol.window = spec.window;
    protocol.windows_there = there;
    protocol.windows_used = spec.max_windows > 0 ? std::min(spec.max_windows, there) : there;
    const bool set = tokenizer.bos() && ids.front() == *tokenizer.bos();
    protocol.bos = !set ? "none" : protocol_named(spec.protocol).bos_each_window ? "each window" : "once";
    protocol.text_rule = corpus.rule;
    return protocol;
}

void describe_machine(Provenance& provenance, const Device& device) {
    provenance.device = device.label();
    provenance.versions = current_versions();
    provenance.versions.emplace_back("libtorch", torch_version());
}

namespace {
/// Empty where there is none for the device: the model as it is can do without.
std::string backend_of(const Device& device) {
    try {
        return std::string(device.kernels().name());
    } catch (const Error&) {
        return {};
    }
}
} // namespace

Provenance run_provenance(const Device& device, const Execution& execution, const Corpus& corpus,
                          std::span<const std::span<const std::int32_t>> windows) {
    Sha256 ids;
    for (const auto& window : windows) ids.update(std::as_bytes(window));
    Provenance provenance;
    provenance.data_hash = ids.hex();
    provenance.data_name = corpus.name;
    provenance.execution = to_text(execution);
    provenance.backend = backend_of(device);
    describe_machine(provenance, device);
    return provenance;
}

void describe_recipe(Provenance& provenance, const QuantizedModel* quantized) {
    if (quantized == nullptr) return;
    provenance.recipe_hash = quantized->provenance.recipe_hash;
    provenance.recipe_line = summary_line(quantized->recipe);
    provenance.backend = quantized->provenance.backend;
    provenance.served_as = quantized->provenance.served_as;
    provenance.seed = quantized->provenance.seed;
}

std::string run_name(const QuantizedModel& quantized) {
    const std::string& target = quantized.provenance.served_as;
    return summary_line(quantized.recipe) + (target.empty() ? "" : " as " + target);
}

std::string side_name(const EvaluationSide& side, const Model& model) {
    if (!side.run_name.empty()) return side.run_name;
    return side.quantized ? run_name(*side.quantized) : unquantized_name(model);
}

} // namespace graticule
