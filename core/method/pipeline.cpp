#include "core/method/pipeline.h"

#include <algorithm>
#include <set>

#include "core/method/fold.h"
#include "core/method/linear_stage.h"
#include "core/method/method.h"
#include "core/method/sample_stream.h"
#include "core/method/static_ranges.h"
#include "core/method/tensor_quantizer.h"
#include "core/runtime/torch_error.h"

namespace graticule {

namespace {

std::int64_t calibration_length(const MethodStep& step) {
    const auto found = step.params.find("length");
    return found == step.params.end() ? 0 : std::get<std::int64_t>(found->second);
}

/// Whether the step works on states that the blocks quantized before have produced.
bool compensates(const MethodStep& step) {
    const MethodRow& row = *find_method(step.method);
    return (row.rounding != nullptr && row.rounding->propagates(step.params)) ||
           (row.transform != nullptr && row.transform->on_quantized_states(step.params));
}

bool wants_static_operands(const QuantScheme& scheme) {
    const auto fixed = [](const std::optional<TensorScheme>& operand) { return operand && !operand->dynamic; };
    return fixed(scheme.query) || fixed(scheme.key) || fixed(scheme.value) || fixed(scheme.probability);
}

} // namespace

struct QuantizePipeline::Impl {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const ActivationStats> stats;
    std::vector<std::optional<SchemeChoice>> choices;
    Device device;
    Decoder decoder;
    std::map<std::int64_t, SampleStream> clean, compensated; ///< by calibration length
    bool quantized_inputs = false;                           ///< what `compensated` propagates
    std::map<std::string, HostTensor> replaced;
    std::vector<SearchTrace> traces;

    Impl(std::shared_ptr<const Model> model_, std::shared_ptr<const ActivationStats> stats_,
         std::vector<std::optional<SchemeChoice>> choices_, Device device_)
        : model(model_)
        , stats(std::move(stats_))
        , choices(std::move(choices_))
        , device(device_)
        , decoder(model_, stored_weights(), device_) {}

    void open_streams();
    SampleStream& stream_for(const MethodStep& step);
    /// Results by consumer.
    std::map<LayerId, FoldResult> fold_block(const Block& block, const BlockWeights& original, BlockWeights& folded);
    using OperandRanges = std::map<LayerId, std::map<Operand, StaticRange>>; ///< by the linear that owns the operand
    /// Where the block's static attention operands are, and how all of them will be rounded at run time.
    OperandRanges find_operands(const Block& block, const BlockWeights& folded, AttentionPlan& plan);
    /// The states that the rounding works on; null: it looks at the weights alone.
    SampleStream* rounding_stream(const SchemeChoice& choice);

    /// What one block's linears have in common while they are quantized.
    struct BlockJob {
        const BlockWeights& original;
        const BlockWeights& before; ///< what the states that rounding compensates for are captured with
        const std::map<LayerId, FoldResult>& folds;
        const OperandRanges& ranges;
    };
    LinearOutcome quantize(const Linear& linear, const BlockJob& block, const at::Tensor& weight);
    /// `quantized`: what the block became, with everything rounded as at run time.
    void advance(const Block& block, const BlockWeights& original, const BlockWeights& quantized);
    [[nodiscard]] bool sequential(const Block& block) const;
};

QuantizePipeline::QuantizePipeline(std::shared_ptr<const Model> model, std::shared_ptr<const ActivationStats> stats,
                                   std::vector<std::optional<SchemeChoice>> choices, Device device)
    : impl_(std::make_unique<Impl>(std::move(model), std::move(stats), std::move(choices), device)) {}

QuantizePipeline::~QuantizePipeline() = default;
std::map<std::string, HostTensor>& QuantizePipeline::replaced() { return impl_->replaced; }
const std::vector<SearchTrace>& QuantizePipeline::traces() const { return impl_->traces; }

void QuantizePipeline::Impl::open_streams() {
    for (const auto& choice : choices) {
        if (!choice) continue;
        for (const MethodStep& step : choice->steps) {
            const MethodRow& row = *find_method(step.method);
            if (row.needs != Needs::samples && !compensates(step)) continue;
            if (stats == nullptr || stats->samples.empty())
                throw Error(ErrorKind::bad_input, step.method + " needs calibration samples; calibrate first");
            // DGQ hands on states with quantized inputs too, and so does its transform.
            if (compensates(step) && (row.rounding == nullptr || row.rounding->quantized_inputs(step.params)))
                quantized_inputs = true;
            auto& streams = compensates(step) ? compensated : clean;
            streams.try_emplace(calibration_length(step), decoder, stats->samples, calibration_length(step));
        }
        if (wants_static_operands(choice->scheme) && rounding_stream(*choice) == nullptr)
            clean.try_emplace(0, decoder, stats->samples, 0);
    }
}

SampleStream* QuantizePipeline::Impl::rounding_stream(const SchemeChoice& choice) {
    const MethodStep* step = step_of(choice, Stage::round);
    return step != nullptr && find_method(step->method)->needs == Needs::samples ? &stream_for(*step) : nullptr;
}

SampleStream& QuantizePipeline::Impl::stream_for(const MethodStep& step) {
    return (compensates(step) ? compensated : clean).at(calibration_length(step));
}

std::map<LayerId, FoldResult> QuantizePipeline::Impl::fold_block(const Block& block, const BlockWeights& original,
                                                                 BlockWeights& folded) {
    std::vector<std::pair<const FoldSite*, FoldResult>> found;
    for (const FoldSite& site : model->fold_sites()) {
        if (site.block != block.id) continue;
        const MethodStep* step = transform_of(site, choices);
        if (step == nullptr) continue;
        const MethodRow& row = *find_method(step->method);
        if (!row.transform->applies(site, step->params) || !scale_fits(site, *model)) continue;
        FoldRequest request =
            fold_request(site, choices, step->params, device, [&](LayerId id) { return original.at(id).weight; });
        if (stats != nullptr) request.statistics = &stats->sites.at(index_of(site.site)).all().channels;
        if (row.needs == Needs::samples || compensates(*step)) {
            SampleStream& stream = stream_for(*step);
            request.inputs = stream.inputs(decoder, block.id, original, site.site);
            if (row.needs == Needs::samples) add_module_outputs(request, decoder, block, original, stream.length());
        }
        // Searches are independent of each other: all are made on the unscaled block, then all are folded.
        if (auto result = row.transform->scale(request)) found.emplace_back(&site, std::move(*result));
    }
    // Rounding sees the folded block, not what a transform saw of it.
    for (auto& [length, stream] : compensated) stream.forget();
    std::map<LayerId, FoldResult> results;
    for (auto& [site, result] : found) {
        apply_fold(*site, *model, block, result.scale, folded, replaced);
        if (result.loss)
            traces.push_back({site->name, result.ratios, result.losses, result.loss_before.value_or(0), *result.loss});
        for (const LayerId id : site->consumers) results[id] = result;
    }
    return results;
}

QuantizePipeline::Impl::OperandRanges
QuantizePipeline::Impl::find_operands(const Block& block, const BlockWeights& folded, AttentionPlan& plan) {
    OperandRanges ranges;
    std::map<Operand, StaticRange> found;
    for (const Operand operand : attention_operands) {
        const LayerId layer = owner_of(operand, block);
        const auto& choice = choices[index_of(layer)];
        if (!choice || !choice->scheme[operand]) continue;
        const TensorScheme& scheme = *choice->scheme[operand];
        std::optional<StaticScale> fixed;
        if (!scheme.dynamic) {
            if (found.empty()) { // the block's attention linears agree, so one pass serves all four
                SampleStream* stream = rounding_stream(*choice);
                found = attention_ranges(choice->scheme, static_rule(*choice),
                                         stream != nullptr ? *stream : clean.at(0), decoder, block.id, folded);
            }
            const StaticRange& range = ranges[layer][operand] = found.at(operand);
            fixed = static_scale(device, scheme, range.low, range.high);
        }
        plan.operands.emplace(operand, ActivationRounding{scheme, fixed});
    }
    return ranges;
}

LinearOutcome QuantizePipeline::Impl::quantize(const Linear& linear, const BlockJob& block, const at::Tensor& weight) {
    const SchemeChoice& choice = *choices[index_of(linear.id)];
    LinearJob job{linear, choice, device, weight, {}, nullptr, {}, {}, {}, 0};
    if (const auto fold = block.folds.find(linear.id); fold != block.folds.end()) job.input_scale = fold->second.scale;
    if (const auto owned = block.ranges.find(linear.id); owned != block.ranges.end())
        job.operand_ranges = owned->second;
    if (stats != nullptr) job.statistics = &stats->sites.at(index_of(linear.site));
    const auto needs_samples = [](const MethodStep* step) {
        return step != nullptr && find_method(step->method)->needs == Needs::samples;
    };
    if (const MethodStep* step = step_of(choice, Stage::clip); needs_samples(step))
        job.clip_inputs = [&, step] {
            const at::Tensor& x = stream_for(*step).inputs(decoder, linear.block, block.original, linear.site);
            return job.input_scale.defined() ? x / job.input_scale : x;
        };
    if (const MethodStep* step = step_of(choice, Stage::round); needs_samples(step)) {
        SampleStream& stream = stream_for(*step);
        const bool one_site = sequential(model->blocks().at(index_of(linear.block)));
        job.sequences = stream.sequences();
        job.round_inputs = [&, one_site] {
            return stream.inputs(decoder, linear.block, block.before, linear.site, one_site);
        };
        job.gram = [&] {
            (void)job.round_inputs();
            return stream.gram(linear.site);
        };
        return quantize_linear(job);
    }
    return quantize_linear(job);
}

/// True-sequential: each site of the block sees what the ones before it became.
bool QuantizePipeline::Impl::sequential(const Block& block) const {
    for (const Linear& linear : model->linears()) {
        if (linear.block != block.id || !choices[index_of(linear.id)]) continue;
        const MethodStep* step = step_of(*choices[index_of(linear.id)], Stage::round);
        if (step == nullptr) continue;
        const auto found = step->params.find("true_sequential");
        if (found != step->params.end() && std::get<bool>(found->second)) return true;
    }
    return false;
}

void QuantizePipeline::Impl::advance(const Block& block, const BlockWeights& original, const BlockWeights& quantized) {
    if (block.id == model->blocks().back().id) return;
    for (auto& [length, stream] : clean) stream.advance(decoder, block.id, original);
    for (auto& [length, stream] : compensated) stream.advance(decoder, block.id, quantized);
}

void QuantizePipeline::run(BlockId id, JobContext& ctx, const LinearSink& sink) {
    Impl& impl = *impl_;
    const TorchScope scope(impl.device);
    const Block& block = impl.model->blocks().at(index_of(id));
    translate_torch_errors("quantizing block " + std::to_string(index_of(id)), [&] {
        if (index_of(id) == 0) impl.open_streams();
        const BlockWeights original = impl.decoder.load(id);
        BlockWeights folded = original;
        const std::map<LayerId, FoldResult> folds = impl.fold_block(block, original, folded);
        ctx.check_cancelled();
        AttentionPlan plan;
        const Impl::OperandRanges ranges = impl.find_operands(block, folded, plan);
        if (impl.quantized_inputs) folded.attention = plan; // the states that rounding compensates for have it
        BlockWeights current = folded;
        std::map<LayerId, std::optional<ActivationRounding>> inputs; // as at run time, once all linears are done
        const bool one_by_one = impl.sequential(block);
        std::set<SiteId> seen;
        for (const Linear& linear : impl.model->linears()) {
            if (linear.block != id) continue;
            if (one_by_one && seen.insert(linear.site).second)
                for (auto& [length, stream] : impl.compensated) stream.forget();
            if (!impl.choices[index_of(linear.id)]) continue;
            LinearOutcome outcome = impl.quantize(linear, {original, one_by_one ? current : folded, folds, ranges},
                                                  folded.at(linear.id).weight);
            if (const auto fold = folds.find(linear.id); fold != folds.end())
                add_to_report(fold->second, outcome.quantized.report);
            // A quantized weight is given by its codes; what folding made of it is not needed beside them.
            if (!outcome.quantized.codes.empty()) impl.replaced.erase(linear.name + ".weight");
            current.at(linear.id).weight = outcome.effective;
            if (impl.quantized_inputs) inputs[linear.id] = input_rounding(outcome.quantized);
            sink(std::move(outcome.quantized));
            ctx.advance();
        }
        for (const auto& [layer, rounding] : inputs) current.at(layer).input = rounding;
        impl.advance(block, original, current);
    });
}

} // namespace graticule
