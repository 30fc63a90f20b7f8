#include "core/method/length_probe.h"

#include "core/method/sample_stream.h"
#include "core/method/solvers/gptq.h"
#include "core/runtime/torch_error.h"

namespace graticule {

namespace {

LengthEffect effect_of(const SiteSamples& samples, double damping) {
    LengthEffect effect;
    effect.absmax = samples.absmax().max().item<double>();
    if (const auto ratio = solvers::update_ratio(solvers::hessian_of(samples.gram, samples.sequences), damping)) {
        effect.update_ratio = ratio->largest;
        effect.mean_update_ratio = ratio->mean;
    }
    return effect;
}

std::vector<SiteLengths> empty_rows(const Model& model) {
    std::vector<SiteLengths> rows;
    for (const InputSite& site : model.input_sites()) {
        SiteLengths row{site.id, site.name, {}, {}};
        for (const LayerId layer : site.consumers) row.layers.push_back(model.linear(layer).short_name);
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace

std::vector<SiteLengths> probe_lengths(const std::shared_ptr<const Model>& model,
                                       const std::vector<std::vector<std::int32_t>>& samples,
                                       const std::vector<std::int64_t>& lengths, double damping, const Device& device,
                                       const Execution& execution, JobContext& ctx) {
    return translate_torch_errors("comparing calibration lengths", [&] {
        const TorchScope scope(device);
        const Decoder decoder(model, stored_weights(), device, execution);
        std::vector<SiteLengths> rows = empty_rows(*model);
        std::vector<SampleStream> streams;
        for (const std::int64_t length : lengths) streams.emplace_back(decoder, samples, length);
        for (const Block& block : model->blocks()) {
            const BlockWeights weights = decoder.load(block.id);
            for (SampleStream& stream : streams) {
                std::vector<SampleQuestion> questions;
                for (const InputSite& site : model->input_sites())
                    if (site.block == block.id) questions.push_back({site.id, {.gram = true, .magnitudes = true}});
                for (const auto& [question, seen] : stream.collect(decoder, block.id, weights, questions))
                    rows.at(index_of(question.site)).at.push_back(effect_of(seen, damping));
                stream.advance(decoder, block.id, weights);
                ctx.advance();
            }
        }
        return rows;
    });
}

} // namespace graticule
