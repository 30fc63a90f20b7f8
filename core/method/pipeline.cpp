#include "core/method/pipeline.h"

#include <algorithm>
#include <utility>

#include "core/method/fold.h"
#include "core/method/linear_stage.h"
#include "core/method/method.h"
#include "core/method/residual_rotation.h"
#include "core/method/result_params.h"
#include "core/method/sample_stream.h"
#include "core/method/static_ranges.h"
#include "core/runtime/block_loader.h"
#include "core/runtime/input_mapping.h"
#include "core/runtime/torch_error.h"

namespace graticule {

namespace {

std::int64_t calibration_length(const MethodStep& step) {
    return std::visit(
        [&](const auto* method) -> std::int64_t {
            if constexpr (requires { method->calibration_length(step.params); })
                return method->calibration_length(step.params);
            else
                return 0;
        },
        find_method(step.method)->method);
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

/// When a linear's rounding sees its inputs.
enum class Capture : std::uint8_t {
    before_the_block, ///< no linear of the block quantized yet: all sites at once
    in_turn,          ///< true-sequential: the sites before have become what they will be
};

Capture capture_of(const Chosen<Rounding>& rounding) {
    return rounding.method->true_sequential(rounding.params()) ? Capture::in_turn : Capture::before_the_block;
}

bool wants_static_operands(const QuantScheme& scheme) {
    const auto fixed = [](const std::optional<TensorScheme>& operand) { return operand && !operand->dynamic; };
    return fixed(scheme.query) || fixed(scheme.key) || fixed(scheme.value) || fixed(scheme.probability);
}

/// What the linear's site was scaled by; null: by nothing.
const DiagonalMap* site_scale(const InputMap& map) {
    for (const auto& step : map.steps)
        if (const auto* diagonal = std::get_if<DiagonalMap>(&step); diagonal != nullptr && !diagonal->of_norm)
            return diagonal;
    return nullptr;
}

} // namespace

/// Blocks of the model as it is stored, in order, each loaded once for all pipelines that stand beside each other.
class QuantizePipeline::Blocks {
public:
    Blocks(const std::shared_ptr<const Model>& model, const Device& device, const Execution& execution)
        : decoder_(model, stored_weights(), device, execution)
        , loader_(device, [this](BlockId id) { return decoder_.load(id); }) {}

    [[nodiscard]] const Decoder& decoder() const { return decoder_; }
    /// The one after it is on its way then.
    [[nodiscard]] const BlockWeights& load(BlockId id);

private:
    Decoder decoder_;
    BlockLoader<BlockWeights> loader_;
    /// The block at hand: given up when the next one is there, see BlockLoader.
    std::shared_ptr<const BlockWeights> passing_;
    BlockId passing_id_{};
};

struct QuantizePipeline::Impl {
    std::shared_ptr<Blocks> blocks;
    const Decoder& decoder;
    std::shared_ptr<const Model> model;
    std::shared_ptr<const ActivationStats> stats;
    LayerChoices choices;
    Device device;
    std::map<StreamKey, SampleStream> streams;
    SampleBudget budget;
    std::optional<ResidualRotation> residual; ///< present: the whole model's stream is rotated
    bool makes_some = true;                   ///< else all is there from before
    std::map<std::string, HostTensor> replaced;
    std::vector<SearchTrace> traces;

    Impl(std::shared_ptr<Blocks> blocks_, std::shared_ptr<const Model> model_,
         std::shared_ptr<const ActivationStats> stats_, LayerChoices choices_, Device device_,
         std::int64_t sample_bytes)
        : blocks(std::move(blocks_))
        , decoder(blocks->decoder())
        , model(std::move(model_))
        , stats(std::move(stats_))
        , choices(std::move(choices_))
        , device(std::move(device_))
        , budget{sample_bytes, {}} {
        if (const auto block = residual_block(choices, *model)) residual.emplace(*model, device, *block);
    }

    [[nodiscard]] bool tf32() const { return c10::elementSize(decoder.type()) == 2; }
    using Done = std::map<LayerId, QuantizedLinear>; ///< linears of a block that were made before
    void open_streams();
    SampleStream& stream_for(const MethodStep& step) { return streams.at(stream_key(step)); }
    void open_stream(StreamKey key, const std::string& method);
    /// Runs what all samples of the stream pass through; where memory runs out, with fewer of them at a time.
    void passing(SampleStream& stream, const std::function<void()>& step);
    /// From the input that calibration saw to what the linear's quantized weight multiplies.
    [[nodiscard]] InputMap map_of(const Linear& linear, const std::map<LayerId, FoldResult>& folds) const;
    /// Results by consumer.
    std::map<LayerId, FoldResult> fold_block(const Block& block, const BlockWeights& original, BlockWeights& weights,
                                             Folded& folded, const Done& done);
    using OperandRanges = std::map<LayerId, std::map<Operand, StaticRange>>; ///< by the linear that owns the operand
    /// Where the block's static attention operands are, and how all of them will be rounded at run time.
    OperandRanges find_operands(const Block& block, const BlockWeights& folded, AttentionPlan& plan, const Done& done);
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
        std::map<StreamKey, BlockSamples> exact_samples = {};
        std::map<std::pair<StreamKey, Capture>, BlockSamples> round_samples = {};
    };
    [[nodiscard]] BlockSamples& exact_samples(BlockJob& job, const StreamKey& key);
    [[nodiscard]] BlockSamples& round_samples(BlockJob& job, const Chosen<Rounding>& rounding);
    void announce(BlockJob& job, const Linear& linear);
    /// `done`: what it has become before; null: it is to be quantized.
    LinearOutcome quantize(const Linear& linear, BlockJob& job, QuantizedLinear* done);
    void advance(const Block& block, const BlockWeights& original, const Forms& quantized);
};

QuantizePipeline::QuantizePipeline(std::shared_ptr<const Model> model, std::shared_ptr<const ActivationStats> stats,
                                   LayerChoices choices, Device device, const PipelineOptions& options)
    : impl_(std::make_unique<Impl>(std::make_shared<Blocks>(model, device, options.execution), model, std::move(stats),
                                   std::move(choices), device,
                                   options.sample_bytes >= 0 ? options.sample_bytes : device.free_bytes() / 4)) {}

QuantizePipeline::QuantizePipeline(const QuantizePipeline& beside, std::shared_ptr<const ActivationStats> stats,
                                   LayerChoices choices)
    : impl_(std::make_unique<Impl>(beside.impl_->blocks, beside.impl_->model, std::move(stats), std::move(choices),
                                   beside.impl_->device, beside.impl_->budget.bytes)) {}

QuantizePipeline::~QuantizePipeline() = default;
void QuantizePipeline::none_to_make() { impl_->makes_some = false; }
std::map<std::string, HostTensor>& QuantizePipeline::replaced() { return impl_->replaced; }
const std::vector<SearchTrace>& QuantizePipeline::traces() const { return impl_->traces; }

const BlockWeights& QuantizePipeline::Blocks::load(BlockId id) {
    if (passing_ && passing_id_ == id) return *passing_;
    if (loader_.started() != id) {
        loader_.reset();
        loader_.start(id);
    }
    if (!decoder_.device().is_cuda()) passing_.reset(); // nothing is under way that could still read it
    passing_ = loader_.take();
    passing_id_ = id;
    const std::vector<Block>& blocks = decoder_.model().blocks();
    if (id != blocks.back().id) loader_.start(blocks[index_of(id) + 1].id);
    return *passing_;
}

void QuantizePipeline::Impl::open_stream(StreamKey key, const std::string& method) {
    if (streams.contains(key)) return;
    if (stats == nullptr || stats->samples.empty())
        throw Error(ErrorKind::bad_input, method + " needs calibration samples; calibrate first");
    std::int64_t batch = SampleStream::usual_batch;
    with_less_memory(
        device, [&] { streams.try_emplace(key, decoder, stats->samples, key.length, batch); },
        [&] {
            if (std::cmp_less_equal(batch, key.length > 0 ? std::size_t(key.length) : stats->samples.front().size()))
                return false;
            batch /= 2;
            budget.on_smaller("fewer samples at a time, whose sums may differ in the last digits");
            return true;
        });
    if (!residual) return;
    SampleStream& stream = streams.at(key);
    passing(stream, [&] { stream.change_states([&](const at::Tensor& hidden) { return residual->states(hidden); }); });
}

void QuantizePipeline::Impl::passing(SampleStream& stream, const std::function<void()>& step) {
    with_less_memory(device, step, [&] { return pass_fewer(stream, budget); });
}

void QuantizePipeline::Impl::open_streams() {
    for (const Linear& linear : model->linears()) {
        const auto& choice = choices[index_of(linear.id)];
        if (!choice) continue;
        const bool rotated = hadamard_of(*choice, linear, *model).has_value();
        for (const MethodStep& step : choice->steps)
            if (runs_samples(step)) open_stream(stream_key(step), step.method);
        if (range_wants(*choice, rotated) != SampleWants()) open_stream({}, "a range of rotated inputs");
        if (residual && chosen<Transform>(*choice)) open_stream({}, "scaling a rotated stream");
        if (wants_static_operands(choice->scheme) && rounding_stream(*choice) == nullptr)
            open_stream({}, "a static attention operand");
    }
}

InputMap QuantizePipeline::Impl::map_of(const Linear& linear, const std::map<LayerId, FoldResult>& folds) const {
    const auto fold = folds.find(linear.id);
    return input_map(residual ? residual->map(linear) : InputMap(),
                     fold != folds.end() ? to_vector(fold->second.scale) : std::vector<float>(),
                     hadamard_of(*choices[index_of(linear.id)], linear, *model));
}

SampleStream* QuantizePipeline::Impl::rounding_stream(const SchemeChoice& choice) {
    const auto rounding = chosen<Rounding>(choice);
    return rounding && runs_samples(*rounding.step) ? &stream_for(*rounding.step) : nullptr;
}

std::map<LayerId, FoldResult> QuantizePipeline::Impl::fold_block(const Block& block, const BlockWeights& original,
                                                                 BlockWeights& weights, Folded& folded,
                                                                 const Done& done) {
    struct Search {
        const Transform& transform;
        FoldRequest request;
        BlockSamples* samples = nullptr; ///< null: it reads none
        SampleQuestion question{};
    };
    std::vector<Search> searches;
    std::map<StreamKey, BlockSamples> samples;
    std::vector<std::pair<const FoldSite*, FoldResult>> found;
    for (const FoldSite& site : model->fold_sites()) {
        if (site.block != block.id) continue;
        const auto before = std::ranges::find_if(site.consumers, [&](LayerId id) { return done.contains(id); });
        if (before != site.consumers.end()) { // a search that was made then is not made again
            if (const DiagonalMap* kept = site_scale(done.at(*before).input_map))
                found.emplace_back(
                    &site, FoldResult{.scale = at::tensor(at::ArrayRef<float>(kept->scale)).to(torch_device(device)),
                                      .ratios = {},
                                      .losses = {},
                                      .loss = {},
                                      .loss_before = {},
                                      .note = {}});
            continue;
        }
        const auto transform = transform_of(site, choices);
        if (!transform || !scale_fits(site, *model)) continue;
        if (!transform.method->applies(site, transform.params())) continue;
        Search& search = searches.emplace_back(
            Search{*transform.method, fold_request(site, choices, transform.params(), device,
                                                   [&](LayerId id) { return original.at(id).weight.to(at::kFloat); })});
        search.request.tf32 = tf32();
        if (stats != nullptr) search.request.statistics = &stats->sites.at(index_of(site.site)).all().channels;
        // Statistics are of the stream as it was: of a rotated one they come from the samples.
        const bool rotated = residual && reads_residual(model->linear(site.consumers.front()));
        if (!runs_samples(*transform.step) && !rotated) continue;
        const StreamKey key = runs_samples(*transform.step) ? stream_key(*transform.step) : StreamKey();
        SampleStream& stream = streams.at(key);
        if (transform.row->needs == Needs::samples)
            add_module_outputs(search.request, decoder, block, original, stream.length());
        search.samples = &samples.try_emplace(key, stream, decoder, block.id, original, budget).first->second;
        search.question = {site.site, transform.method->wants(search.request)};
        if (rotated) search.question.wants.magnitudes = true;
        search.samples->expect(search.question);
    }
    // Searches are independent of each other: all are made on the unscaled block, then all are folded.
    for (Search& search : searches) {
        if (search.samples != nullptr) search.request.samples = search.samples->at(search.question);
        if (search.samples != nullptr && search.request.samples.tokens == 0) continue; // an expert nobody went to
        std::optional<FoldResult> result;
        with_less_memory(
            device, [&] { result = search.transform.scale(search.request); },
            [&] {
                std::int64_t& together = search.request.samples_at_once;
                if (together == 0) together = search.request.samples.sequences;
                if (together <= 1) return false;
                together /= 2;
                budget.on_smaller("fewer samples at a time in the search of a scale");
                return true;
            });
        if (result) found.emplace_back(&search.request.site, std::move(*result));
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

QuantizePipeline::Impl::OperandRanges QuantizePipeline::Impl::find_operands(const Block& block,
                                                                            const BlockWeights& folded,
                                                                            AttentionPlan& plan, const Done& done) {
    OperandRanges ranges;
    std::map<Operand, StaticRange> found;
    for (const Operand operand : attention_operands) {
        const LayerId layer = owner_of(operand, block);
        const auto& choice = choices[index_of(layer)];
        if (!choice || !choice->scheme[operand]) continue;
        const TensorScheme& scheme = *choice->scheme[operand];
        std::optional<StaticScale> fixed;
        if (const auto before = done.find(layer); before != done.end() && !scheme.dynamic) {
            fixed = before->second.static_operands.at(operand);
        } else if (!scheme.dynamic) {
            if (found.empty()) { // the block's attention linears agree, so one pass serves all four
                SampleStream* rounding = rounding_stream(*choice);
                SampleStream& stream = rounding != nullptr ? *rounding : streams.at({});
                passing(stream, [&] {
                    found = attention_ranges(choice->scheme, static_rule(*choice), stream, decoder, block.id, folded);
                });
            }
            const StaticRange& range = ranges[layer][operand] = found.at(operand);
            fixed = static_scale(device, scheme, range.low, range.high);
        }
        plan.operands.emplace(operand, ActivationRounding{scheme, fixed});
    }
    return ranges;
}

BlockSamples& QuantizePipeline::Impl::exact_samples(BlockJob& job, const StreamKey& key) {
    return job.exact_samples.try_emplace(key, streams.at(key), decoder, job.block.id, job.folded.plain, budget)
        .first->second;
}

BlockSamples& QuantizePipeline::Impl::round_samples(BlockJob& job, const Chosen<Rounding>& rounding) {
    const StreamKey key = stream_key(*rounding.step);
    const Capture capture = capture_of(rounding);
    const bool in_turn = capture == Capture::in_turn;
    return job.round_samples
        .try_emplace({key, capture}, streams.at(key), decoder, job.block.id,
                     (in_turn ? job.current : job.folded).read_by(key.states), budget, in_turn)
        .first->second;
}

/// What the linear will ask, before the first one does: sites that fit the budget together share a pass.
void QuantizePipeline::Impl::announce(BlockJob& job, const Linear& linear) {
    const SchemeChoice& choice = *choices[index_of(linear.id)];
    const InputMap map = map_of(linear, job.folds);
    const auto question = [&](SampleWants wants) {
        wants.hadamard = map.online().value_or(0);
        return SampleQuestion{linear.site, wants};
    };
    if (const SampleWants wants = range_wants(choice, rotates(map)); wants != SampleWants())
        exact_samples(job, {}).expect(question(wants));
    if (const SampleWants wants = clip_wants(choice, linear.role); wants != SampleWants())
        exact_samples(job, stream_key(*chosen<Clip>(choice).step)).expect(question(wants));
    if (const SampleWants wants = round_wants(choice); wants != SampleWants())
        round_samples(job, chosen<Rounding>(choice)).expect(question(wants));
}

LinearOutcome QuantizePipeline::Impl::quantize(const Linear& linear, BlockJob& block, QuantizedLinear* done) {
    const SchemeChoice& choice = *choices[index_of(linear.id)];
    LinearJob job{.linear = linear,
                  .choice = choice,
                  .device = device,
                  .weight = {},
                  .map = map_of(linear, block.folds),
                  .tf32 = tf32()};
    const std::int64_t online = job.map.online().value_or(0);
    const at::Tensor& folded = block.folded.plain.at(linear.id).weight;
    const at::Tensor exact = online > 0 ? hadamard(folded, online, device) : folded;
    job.weight = exact.to(at::kFloat);
    if (const auto owned = block.ranges.find(linear.id); owned != block.ranges.end())
        job.operand_ranges = owned->second;
    if (stats != nullptr) job.statistics = &stats->sites.at(index_of(linear.site));
    const auto question = [&linear, online](SampleWants wants) {
        wants.hadamard = online;
        return SampleQuestion{linear.site, wants};
    };
    // Ranges are those of all samples as they are, clipping has a length of its own.
    job.range_samples = [&](const SampleWants& wants) { return exact_samples(block, {}).at(question(wants)); };
    job.clip_samples = [&](const SampleWants& wants) {
        return exact_samples(block, stream_key(*chosen<Clip>(choice).step)).at(question(wants));
    };
    job.round_samples = [&](const SampleWants& wants) {
        return round_samples(block, chosen<Rounding>(choice)).at(question(wants));
    };
    LinearOutcome outcome = done != nullptr ? restored_linear(job, std::move(*done)) : quantize_linear(job);
    outcome.effective = outcome.quantized.codes.empty() ? exact : outcome.effective.to(folded.scalar_type());
    return outcome;
}

void QuantizePipeline::Impl::advance(const Block& block, const BlockWeights& original, const Forms& quantized) {
    if (block.id == model->blocks().back().id) return;
    for (auto& [key, stream] : streams) {
        const BlockWeights& weights = key.states == States::full_precision ? original : quantized.read_by(key.states);
        passing(stream, [&] { stream.advance(decoder, block.id, weights); });
    }
}

void QuantizePipeline::run(BlockId id, JobContext& ctx, const LinearSink& sink,
                           std::map<LayerId, QuantizedLinear> done) {
    Impl& impl = *impl_;
    const TorchScope scope(impl.device);
    const Block& block = impl.model->blocks().at(index_of(id));
    impl.budget.on_smaller = [&](const std::string& what) {
        ctx.log("out of memory on " + impl.device.name() + " in block " + std::to_string(index_of(id)) +
                "; once more with " + what);
    };
    translate_torch_errors("quantizing block " + std::to_string(index_of(id)), [&] {
        if (index_of(id) == 0 && impl.makes_some) impl.open_streams();
        Folded changed; // on the device until the block is done
        BlockWeights original = impl.blocks->load(id);
        if (impl.residual) impl.residual->rotate(block, original, changed);
        if (impl.residual && index_of(id) == 0)
            changed.merge(impl.residual->ends(original.at(block.q).weight.scalar_type()));
        Impl::Forms folded;
        folded.plain = original;
        const std::map<LayerId, FoldResult> folds = impl.fold_block(block, original, folded.plain, changed, done);
        ctx.check_cancelled();
        folded.run_time = folded.plain;
        const Impl::OperandRanges ranges = impl.find_operands(block, folded.plain, folded.run_time.attention, done);
        Impl::Forms current = folded;
        std::map<LayerId, std::optional<ActivationRounding>> inputs; // as at run time, once all linears are done
        Impl::BlockJob job{block, original, folded, current, folds, ranges};
        std::vector<const Linear*> linears;
        for (const Linear& linear : impl.model->linears())
            if (linear.block == id && impl.choices[index_of(linear.id)]) linears.push_back(&linear);
        for (const Linear* linear : linears)
            if (!done.contains(linear->id)) impl.announce(job, *linear);
        for (const Linear* linear : linears) {
            const auto before = done.find(linear->id);
            LinearOutcome outcome = impl.quantize(*linear, job, before != done.end() ? &before->second : nullptr);
            QuantizedLinear& quantized = outcome.quantized;
            if (const auto fold = folds.find(linear->id); fold != folds.end() && before == done.end())
                add_to_report(fold->second, quantized.report);
            const auto online = quantized.input_map.online();
            // A quantized weight is given by its codes; what folding made of it is not needed beside them.
            if (!quantized.codes.empty())
                changed.erase(linear->name + ".weight");
            else if (online)
                changed.insert_or_assign(linear->name + ".weight", outcome.effective);
            if (!impl.streams.empty()) // samples are all that passes through what it has become
                for (BlockWeights* weights : {&current.plain, &current.run_time}) {
                    weights->at(linear->id).weight = outcome.effective;
                    weights->at(linear->id).input.hadamard = online;
                }
            inputs[linear->id] = input_rounding(quantized);
            const bool made = before == done.end();
            sink(std::move(quantized));
            if (made)
                ctx.advance();
            else
                ctx.check_cancelled();
        }
        for (const auto& [name, tensor] : changed) impl.replaced.insert_or_assign(name, to_host(tensor));
        for (const auto& [layer, rounding] : inputs) current.run_time.at(layer).input.rounding = rounding;
        impl.advance(block, original, current);
    });
}

} // namespace graticule
