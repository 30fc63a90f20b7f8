#include "core/method/pipeline.h"

#include <algorithm>

#include "core/method/fold.h"
#include "core/method/linear_stage.h"
#include "core/method/method.h"
#include "core/method/result_params.h"
#include "core/method/sample_stream.h"
#include "core/method/static_ranges.h"
#include "core/runtime/torch_error.h"

namespace graticule {

namespace {

std::int64_t calibration_length(const MethodStep& step) {
    const auto found = step.params.find("length");
    return found == step.params.end() ? 0 : std::get<std::int64_t>(found->second);
}

/// The states that the step looks at.
States states_of(const MethodStep& step) {
    const auto& method = find_method(step.method)->method;
    if (const auto* rounding = std::get_if<const Rounding*>(&method); rounding && (*rounding)->propagates(step.params))
        return (*rounding)->quantized_inputs(step.params) ? States::quantized_weights_and_inputs
                                                          : States::quantized_weights;
    // DGQ hands on states with quantized inputs, and this is its transform.
    const auto* transform = std::get_if<const Transform*>(&method);
    return transform && (*transform)->on_quantized_states(step.params) ? States::quantized_weights_and_inputs
                                                                       : States::full_precision;
}

StreamKey stream_key(const MethodStep& step) { return {calibration_length(step), states_of(step)}; }

bool runs_samples(const MethodStep& step) {
    return find_method(step.method)->needs == Needs::samples || states_of(step) != States::full_precision;
}

/// When the linear's rounding captures what it reads.
Capture capture_of(const MethodStep& rounding) {
    const auto found = rounding.params.find("true_sequential");
    return found != rounding.params.end() && std::get<bool>(found->second) ? Capture::in_turn
                                                                           : Capture::before_the_block;
}

bool wants_static_operands(const QuantScheme& scheme) {
    const auto fixed = [](const std::optional<TensorScheme>& operand) { return operand && !operand->dynamic; };
    return fixed(scheme.query) || fixed(scheme.key) || fixed(scheme.value) || fixed(scheme.probability);
}

} // namespace

struct QuantizePipeline::Impl {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const ActivationStats> stats;
    LayerChoices choices;
    Device device;
    Decoder decoder;
    std::map<StreamKey, SampleStream> streams;
    SampleBudget budget;
    std::map<std::string, HostTensor> replaced;
    std::vector<SearchTrace> traces;

    Impl(std::shared_ptr<const Model> model_, std::shared_ptr<const ActivationStats> stats_, LayerChoices choices_,
         Device device_, std::int64_t sample_bytes)
        : model(model_)
        , stats(std::move(stats_))
        , choices(std::move(choices_))
        , device(device_)
        , decoder(model_, stored_weights(), device_)
        , budget{sample_bytes >= 0 ? sample_bytes : device_.free_bytes() / 4, {}} {}

    void open_streams();
    SampleStream& stream_for(const MethodStep& step) { return streams.at(stream_key(step)); }
    void open_stream(StreamKey key) { streams.try_emplace(key, decoder, stats->samples, key.length); }
    /// Results by consumer.
    std::map<LayerId, FoldResult> fold_block(const Block& block, const BlockWeights& original, BlockWeights& weights,
                                             Folded& folded);
    using OperandRanges = std::map<LayerId, std::map<Operand, StaticRange>>; ///< by the linear that owns the operand
    /// Where the block's static attention operands are, and how all of them will be rounded at run time.
    OperandRanges find_operands(const Block& block, const BlockWeights& folded, AttentionPlan& plan);
    /// The states that the rounding works on; null: it looks at the weights alone.
    SampleStream* rounding_stream(const SchemeChoice& choice);

    /// The same weights, read in full precision and with activations rounded as at run time.
    struct Forms {
        BlockWeights plain, run_time;
        [[nodiscard]] const BlockWeights& read_by(States states) const {
            return states == States::quantized_weights_and_inputs ? run_time : plain;
        }
    };
    /// What one block's linears have in common while they are quantized.
    struct BlockJob {
        const Block& block;
        const BlockWeights& original;
        const Forms& folded;
        const Forms& current; ///< folded, with what has been quantized so far
        const std::map<LayerId, FoldResult>& folds;
        const OperandRanges& ranges;
        std::map<StreamKey, BlockSamples> clip_samples = {};
        std::map<std::pair<StreamKey, Capture>, BlockSamples> round_samples = {};
    };
    [[nodiscard]] BlockSamples& clip_samples(BlockJob& job, const MethodStep& step);
    [[nodiscard]] BlockSamples& round_samples(BlockJob& job, const MethodStep& step);
    void announce(BlockJob& job, const Linear& linear);
    LinearOutcome quantize(const Linear& linear, BlockJob& job);
    void advance(const Block& block, const BlockWeights& original, const Forms& quantized);
};

QuantizePipeline::QuantizePipeline(std::shared_ptr<const Model> model, std::shared_ptr<const ActivationStats> stats,
                                   LayerChoices choices, Device device, std::int64_t sample_bytes)
    : impl_(std::make_unique<Impl>(std::move(model), std::move(stats), std::move(choices), device, sample_bytes)) {}

QuantizePipeline::~QuantizePipeline() = default;
std::map<std::string, HostTensor>& QuantizePipeline::replaced() { return impl_->replaced; }
const std::vector<SearchTrace>& QuantizePipeline::traces() const { return impl_->traces; }

void QuantizePipeline::Impl::open_streams() {
    for (const auto& choice : choices) {
        if (!choice) continue;
        for (const MethodStep& step : choice->steps) {
            if (!runs_samples(step)) continue;
            if (stats == nullptr || stats->samples.empty())
                throw Error(ErrorKind::bad_input, step.method + " needs calibration samples; calibrate first");
            open_stream(stream_key(step));
        }
        if (wants_static_operands(choice->scheme) && rounding_stream(*choice) == nullptr) open_stream({});
    }
}

SampleStream* QuantizePipeline::Impl::rounding_stream(const SchemeChoice& choice) {
    const auto rounding = chosen<Rounding>(choice);
    return rounding && runs_samples(*rounding.step) ? &stream_for(*rounding.step) : nullptr;
}

std::map<LayerId, FoldResult> QuantizePipeline::Impl::fold_block(const Block& block, const BlockWeights& original,
                                                                 BlockWeights& weights, Folded& folded) {
    struct Search {
        const Transform& transform;
        FoldRequest request;
        BlockSamples* samples = nullptr; ///< null: it reads none
        SampleQuestion question{};
    };
    std::vector<Search> searches;
    std::map<StreamKey, BlockSamples> samples;
    for (const FoldSite& site : model->fold_sites()) {
        if (site.block != block.id) continue;
        const auto transform = transform_of(site, choices);
        if (!transform || !scale_fits(site, *model)) continue;
        if (!transform.method->applies(site, transform.params())) continue;
        Search& search = searches.emplace_back(
            Search{*transform.method, fold_request(site, choices, transform.params(), device,
                                                   [&](LayerId id) { return original.at(id).weight; })});
        if (stats != nullptr) search.request.statistics = &stats->sites.at(index_of(site.site)).all().channels;
        if (!runs_samples(*transform.step)) continue;
        SampleStream& stream = stream_for(*transform.step);
        if (transform.row->needs == Needs::samples)
            add_module_outputs(search.request, decoder, block, original, stream.length());
        search.samples = &samples.try_emplace(stream_key(*transform.step), stream, decoder, block.id, original, budget)
                              .first->second;
        search.question = {site.site, transform.method->wants(search.request)};
        search.samples->expect(search.question);
    }
    // Searches are independent of each other: all are made on the unscaled block, then all are folded.
    std::vector<std::pair<const FoldSite*, FoldResult>> found;
    for (Search& search : searches) {
        if (search.samples != nullptr) search.request.samples = search.samples->at(search.question);
        if (auto result = search.transform.scale(search.request))
            found.emplace_back(&search.request.site, std::move(*result));
        search.request.samples = {};
    }
    std::map<LayerId, FoldResult> results;
    for (auto& [site, result] : found) {
        apply_fold(*site, *model, block, result.scale, weights, folded);
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
                                         stream != nullptr ? *stream : streams.at({}), decoder, block.id, folded);
            }
            const StaticRange& range = ranges[layer][operand] = found.at(operand);
            fixed = static_scale(device, scheme, range.low, range.high);
        }
        plan.operands.emplace(operand, ActivationRounding{scheme, fixed});
    }
    return ranges;
}

BlockSamples& QuantizePipeline::Impl::clip_samples(BlockJob& job, const MethodStep& step) {
    return job.clip_samples.try_emplace(stream_key(step), stream_for(step), decoder, job.block.id, job.original, budget)
        .first->second;
}

BlockSamples& QuantizePipeline::Impl::round_samples(BlockJob& job, const MethodStep& step) {
    const StreamKey key = stream_key(step);
    const Capture capture = capture_of(step);
    const bool in_turn = capture == Capture::in_turn;
    return job.round_samples
        .try_emplace({key, capture}, stream_for(step), decoder, job.block.id,
                     (in_turn ? job.current : job.folded).read_by(key.states), budget, in_turn)
        .first->second;
}

/// What the linear will ask, before the first one does: sites that fit the budget together share a pass.
void QuantizePipeline::Impl::announce(BlockJob& job, const Linear& linear) {
    const SchemeChoice& choice = *choices[index_of(linear.id)];
    if (const SampleWants wants = clip_wants(choice, linear.role); wants != SampleWants())
        clip_samples(job, *chosen<Clip>(choice).step).expect({linear.site, wants});
    if (const SampleWants wants = round_wants(choice); wants != SampleWants())
        round_samples(job, *chosen<Rounding>(choice).step).expect({linear.site, wants});
}

LinearOutcome QuantizePipeline::Impl::quantize(const Linear& linear, BlockJob& block) {
    const SchemeChoice& choice = *choices[index_of(linear.id)];
    LinearJob job{
        .linear = linear, .choice = choice, .device = device, .weight = block.folded.plain.at(linear.id).weight};
    if (const auto fold = block.folds.find(linear.id); fold != block.folds.end()) job.input_scale = fold->second.scale;
    if (const auto owned = block.ranges.find(linear.id); owned != block.ranges.end())
        job.operand_ranges = owned->second;
    if (stats != nullptr) job.statistics = &stats->sites.at(index_of(linear.site));
    job.clip_samples = [&](const SampleWants& wants) {
        return clip_samples(block, *chosen<Clip>(choice).step).at({linear.site, wants}).divided_by(job.input_scale);
    };
    job.round_samples = [&](const SampleWants& wants) {
        return round_samples(block, *chosen<Rounding>(choice).step).at({linear.site, wants});
    };
    return quantize_linear(job);
}

void QuantizePipeline::Impl::advance(const Block& block, const BlockWeights& original, const Forms& quantized) {
    if (block.id == model->blocks().back().id) return;
    for (auto& [key, stream] : streams) {
        const BlockWeights& weights = key.states == States::full_precision ? original : quantized.read_by(key.states);
        with_less_memory(
            device, [&] { stream.advance(decoder, block.id, weights); }, [&] { return stream.halve_batches(); });
    }
}

void QuantizePipeline::run(BlockId id, JobContext& ctx, const LinearSink& sink) {
    Impl& impl = *impl_;
    const TorchScope scope(impl.device);
    const Block& block = impl.model->blocks().at(index_of(id));
    impl.budget.on_smaller = [&](const std::string& what) {
        ctx.log("out of memory on " + impl.device.name() + " in block " + std::to_string(index_of(id)) +
                "; once more with " + what);
    };
    translate_torch_errors("quantizing block " + std::to_string(index_of(id)), [&] {
        if (index_of(id) == 0) impl.open_streams();
        const BlockWeights original = impl.decoder.load(id);
        Impl::Forms folded;
        folded.plain = original;
        Folded changed;
        const std::map<LayerId, FoldResult> folds = impl.fold_block(block, original, folded.plain, changed);
        ctx.check_cancelled();
        folded.run_time = folded.plain;
        const Impl::OperandRanges ranges = impl.find_operands(block, folded.plain, folded.run_time.attention);
        Impl::Forms current = folded;
        std::map<LayerId, std::optional<ActivationRounding>> inputs; // as at run time, once all linears are done
        Impl::BlockJob job{block, original, folded, current, folds, ranges};
        std::vector<const Linear*> linears;
        for (const Linear& linear : impl.model->linears())
            if (linear.block == id && impl.choices[index_of(linear.id)]) linears.push_back(&linear);
        for (const Linear* linear : linears) impl.announce(job, *linear);
        for (const Linear* linear : linears) {
            LinearOutcome outcome = impl.quantize(*linear, job);
            QuantizedLinear& quantized = outcome.quantized;
            if (const auto fold = folds.find(linear->id); fold != folds.end())
                add_to_report(fold->second, quantized.report);
            // A quantized weight is given by its codes; what folding made of it is not needed beside them.
            if (!quantized.codes.empty()) changed.erase(linear->name + ".weight");
            current.plain.at(linear->id).weight = current.run_time.at(linear->id).weight = outcome.effective;
            inputs[linear->id] = input_rounding(quantized);
            sink(std::move(quantized));
            ctx.advance();
        }
        for (const auto& [name, tensor] : changed) impl.replaced.insert_or_assign(name, to_host(tensor));
        for (const auto& [layer, rounding] : inputs) current.run_time.at(layer).input = rounding;
        impl.advance(block, original, current);
    });
}

} // namespace graticule
