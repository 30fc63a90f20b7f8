#include "core/runtime/timed_passes.h"

#include <algorithm>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <chrono>
#include <map>
#include <mutex>
#include <set>

#include "core/base/byte_text.h"
#include "core/base/error.h"
#include "core/format/quant_format.h"
#include "core/runtime/decoder.h"
#include "core/runtime/kernel_uses.h"
#include "core/runtime/linear/workspace.h"
#include "core/runtime/parameters.h"
#include "core/runtime/torch_error.h"
#include "core/runtime/torch_stopwatch.h"
#include "kernels/api/kernel_error.h"

namespace graticule {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int ceiling_tries = 3; // after one that warms up; and they are measured around every run

/// Seconds of `work` until the device has done it.
template <class Work>
double seconds_of(const Device& device, const Work& work) {
    const Clock::time_point begin = Clock::now();
    Stopwatch watch(device);
    work();
    watch.stop();
    (void)watch.seconds();
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// The best of a few tries after one that warms up.
template <class Work>
double least_seconds(const Device& device, JobContext& ctx, const Work& work) {
    ctx.check_cancelled();
    work();
    double least = seconds_of(device, work);
    for (int i = 1; i < ceiling_tries; ++i) {
        ctx.check_cancelled();
        least = std::min(least, seconds_of(device, work));
    }
    return least;
}

struct Rate {
    double per_second = 0;
    std::string by;
    void offer(double units, double seconds, std::string how) {
        if (seconds <= 0 || units / seconds <= per_second) return;
        per_second = units / seconds;
        by = std::move(how);
    }
};

Rate memory_rate(const Device& device, JobContext& ctx) {
    const std::int64_t elements = std::int64_t{device.is_cuda() ? 256 : 64} << 20;
    const at::Tensor from = at::ones({elements}, at::TensorOptions().device(torch_device(device)).dtype(at::kFloat));
    const auto bytes = static_cast<double>(from.nbytes());
    ctx.check_cancelled();
    Rate rate;
    at::Tensor to = at::empty_like(from);
    rate.offer(2 * bytes, least_seconds(device, ctx, [&] { to.copy_(from); }), "copy");
    rate.offer(bytes, least_seconds(device, ctx, [&] { (void)from.sum(); }), "sum");
    return rate;
}

Rate float_rate(const Device& device, at::ScalarType type, JobContext& ctx) {
    const std::int64_t size = device.is_cuda() ? 8192 : 1024;
    const auto options = at::TensorOptions().device(torch_device(device)).dtype(type);
    const at::Tensor a = at::rand({size, size}, options), b = at::rand({size, size}, options);
    at::Tensor out = at::empty({size, size}, options);
    Rate rate;
    rate.offer(2.0 * static_cast<double>(size * size * size),
               least_seconds(device, ctx, [&] { at::matmul_out(out, a, b.t()); }),
               "LibTorch's product of " + std::to_string(size) + " x " + std::to_string(size));
    return rate;
}

/// One product of the table, with codes that mean nothing.
void offer_integer_rate(const Device& device, const GemmTable& table, std::string_view format, Rate& rate,
                        JobContext& ctx) {
    const std::int64_t tokens = device.is_cuda() ? 8192 : 512, size = device.is_cuda() ? 8192 : 2048;
    GemmProblem problem;
    problem.tokens = tokens;
    problem.outputs = problem.inputs = size;
    problem.grid = &find_format(format)->grid;
    problem.output = device.is_cuda() ? ValueType::bf16 : ValueType::f32;
    std::string why;
    const GemmRow* row = choose_gemm(table, problem, why);
    if (row == nullptr) return;
    const auto options = at::TensorOptions().device(torch_device(device));
    const at::Tensor codes = at::randint(problem.grid->levels, {size, size}, options.dtype(at::kByte));
    const at::Tensor ones = at::ones({std::max(tokens, size)}, options.dtype(at::kFloat));
    const at::Tensor zeros = at::full({size}, problem.grid->levels / 2 - 1, options.dtype(at::kFloat));
    at::Tensor packed = aligned_bytes(row->packed_bytes(problem), device);
    GemmWeights weights;
    weights.codes = {codes.data_ptr<std::uint8_t>(), size, size};
    weights.scale = ones.data_ptr<float>();
    weights.zero = zeros.data_ptr<float>();
    row->pack(problem, weights, packed.data_ptr(), current_stream(device));
    at::Tensor values = aligned_bytes(quantized_input_bytes(row->input_layout, tokens, size), device);
    values.view(at::kChar).copy_(at::randint(-127, 128, values.sizes(), options.dtype(at::kChar)));
    const at::Tensor sums = at::zeros({tokens}, options.dtype(at::kInt));
    at::Tensor y =
        at::empty({tokens, size}, options.dtype(problem.output == ValueType::f32 ? at::kFloat : at::kBFloat16));
    Workspace workspace(device);
    void* scratch = workspace.at_least(row->workspace_bytes(problem));
    const GemmInput input{reinterpret_cast<const std::int8_t*>(values.data_ptr()), ones.data_ptr<float>(), nullptr,
                          sums.data_ptr<std::int32_t>()};
    rate.offer(
        2.0 * static_cast<double>(tokens * size * size),
        least_seconds(
            device, ctx,
            [&] {
                row->run(problem, packed.data_ptr(), input, {y.data_ptr(), size}, scratch, current_stream(device));
            }),
        std::string(row->name) + " with " + std::string(format) + " weights, " + std::to_string(tokens) + " x " +
            std::to_string(size) + " x " + std::to_string(size));
}

} // namespace

SpeedCeilings measure_ceilings(const Device& device, const Execution& execution, JobContext& ctx) {
    return translate_torch_errors("measuring what " + device.name() + " reaches", [&] {
        const TorchScope scope(device);
        SpeedCeilings ceilings;
        Rate rate = memory_rate(device, ctx);
        ceilings.bytes_per_second = rate.per_second;
        ceilings.bytes_by = rate.by;
        rate = float_rate(device, scalar_type(execution.compute), ctx);
        ceilings.float_operations = rate.per_second;
        ceilings.float_by = rate.by;
        Rate integers;
        if (const GemmTable* table = gemm_table(device))
            for (const std::string_view format : {"int8", "int4"})
                offer_integer_rate(device, *table, format, integers, ctx);
        if (integers.per_second > 0) ceilings.integer_operations = integers.per_second;
        ceilings.integer_by = integers.by;
        return ceilings;
    });
}

namespace {

/// The products of one kind of layer in one pass.
struct KindRecord {
    std::vector<Stopwatch> watches;
    std::set<std::string> kernels;
    std::vector<SpeedWork> work;

    void add(double bytes, double operations, bool integers) {
        const auto same = std::ranges::find_if(work, [&](const SpeedWork& one) {
            return one.bytes == bytes && one.operations == operations && one.integers == integers;
        });
        if (same != work.end())
            ++same->products;
        else
            work.push_back({1, bytes, operations, integers});
    }
};

/// What the timed operations write to while a pass is watched.
struct Watch {
    bool on = false;                   ///< else nobody watches
    RecordedWork* recording = nullptr; ///< the pass that is recorded, if one is
    std::vector<std::string> order;
    std::map<std::string, KindRecord> kinds;

    KindRecord& of(const std::string& kind) {
        const auto [record, fresh] = kinds.try_emplace(kind);
        if (fresh) order.push_back(kind);
        return record->second;
    }
    [[nodiscard]] Stopwatch stopwatch(const Device& device) const {
        return recording != nullptr ? Stopwatch(*recording) : Stopwatch(device);
    }
};

/// Nobody watches once it is gone, whatever became of the pass.
class Watching {
public:
    explicit Watching(Watch& watch)
        : watch_(watch) {
        watch_ = {true, nullptr, {}, {}};
    }
    ~Watching() {
        watch_.on = false;
        watch_.recording = nullptr;
    }
    Watching(const Watching&) = delete;
    Watching& operator=(const Watching&) = delete;

private:
    Watch& watch_;
};

class TimedOp final : public LinearOp {
public:
    TimedOp(std::shared_ptr<const LinearOp> operation, const Linear& linear, const Device& device,
            std::shared_ptr<Watch> watch)
        : operation_(std::move(operation))
        , kind_(to_text(linear.role))
        , outputs_(linear.out_features())
        , inputs_(linear.in_features())
        , integers_(operation_->multiplies_integers())
        , device_(device)
        , watch_(std::move(watch)) {}

    [[nodiscard]] at::Tensor run(const SiteInput& x) const override {
        if (!watch_->on) return operation_->run(x);
        KindRecord& record = watch_->of(kind_);
        Stopwatch stopwatch = watch_->stopwatch(device_);
        at::Tensor y = operation_->run(x);
        stopwatch.stop();
        record.watches.push_back(std::move(stopwatch));
        const std::int64_t tokens = tokens_of(x);
        record.kernels.emplace(operation_->kernel_for(tokens));
        const auto element = static_cast<std::int64_t>(x.options().dtype().itemsize());
        const std::int64_t bytes =
            operation_->device_bytes() + tokens * inputs_ * (integers_ ? 1 : element) + tokens * outputs_ * element;
        record.add(static_cast<double>(bytes), 2.0 * static_cast<double>(tokens * inputs_ * outputs_), integers_);
        return y;
    }
    [[nodiscard]] std::int64_t device_bytes() const override { return operation_->device_bytes(); }
    [[nodiscard]] std::string_view kernel() const override { return operation_->kernel(); }
    [[nodiscard]] std::string_view kernel_for(std::int64_t tokens) const override {
        return operation_->kernel_for(tokens);
    }

private:
    std::shared_ptr<const LinearOp> operation_;
    std::string kind_;
    std::int64_t outputs_, inputs_;
    bool integers_;
    Device device_;
    std::shared_ptr<Watch> watch_;
};

constexpr const char* outer_kind = "embedding and head";
constexpr const char* rest_kind = "attention, norms and sums";

/// One stream for the passes of each card: LibTorch keeps megabytes of scratch memory for every stream that multiplies.
c10::Stream pass_stream(const Device& device) {
    static std::mutex mutex;
    static std::map<int, c10::Stream> streams;
    const std::lock_guard lock(mutex);
    const auto found = streams.find(device.index());
    if (found != streams.end()) return found->second;
    const c10::impl::VirtualGuardImpl cards(at::kCUDA);
    return streams.emplace(device.index(), cards.getStreamFromGlobalPool(torch_device(device))).first->second;
}

} // namespace

struct TimedModel::Impl {
    /// What each function of the class is done under.
    class OnStream {
    public:
        explicit OnStream(const Impl& impl)
            : scope_(impl.device) {
            if (impl.stream) stream_.emplace(*impl.stream);
        }

    private:
        TorchScope scope_;
        std::optional<c10::StreamGuard> stream_;
    };

    Impl(std::shared_ptr<const Model> model, const std::shared_ptr<const QuantizedModel>& quantized, Device where,
         const Execution& execution, JobContext& ctx)
        : device(std::move(where))
        , stream(device.is_cuda() ? std::optional(pass_stream(device)) : std::nullopt)
        , decoder(std::move(model), quantized ? quantized_weights(quantized) : stored_weights(), device, execution) {
        const OnStream on(*this);
        const std::vector<Block>& all = decoder.model().blocks();
        decoder.load_outer();
        for (const Block& block : all) {
            BlockOperations operations = decoder.prepare(block.id);
            std::int64_t bytes = 0;
            for (auto& [id, prepared] : operations.linears) {
                const Linear& linear = decoder.model().linear(id);
                uses.add(prepared, linear);
                bytes += prepared.operation->device_bytes();
                prepared.operation = std::make_shared<TimedOp>(std::move(prepared.operation), linear, device, watch);
            }
            weight_bytes += bytes;
            blocks.push_back(std::move(operations));
            ctx.check_cancelled();
            if (blocks.size() == 1) check_room(bytes * (std::ssize(all) - 1));
        }
        decoder.verify_parameters();
    }

    void check_room(std::int64_t more) const {
        const std::int64_t free = device.free_bytes();
        if (more <= free) return;
        throw Error(ErrorKind::out_of_memory, decoder.model().parts().path.string() + ": its other blocks take " +
                                                  byte_text(more) + " on " + device.name() + " and " + byte_text(free) +
                                                  " are free; speed is measured with every block in memory: take a "
                                                  "device with more, or a smaller model");
    }

    /// Keys and values of `before` tokens that mean nothing: how fast they are read does not depend on it. A copy reads
    /// the same memory and writes its next token into the room behind them.
    KeyValueCache earlier_tokens(const Shape& shape) {
        if (shape.before == 0) return {};
        if (!earlier || earlier->first != std::pair(shape.batch, shape.before)) {
            earlier.reset();
            const ModelConfig& config = decoder.model().config();
            const at::Tensor random = at::randn({shape.batch, config.kv_heads, shape.before, config.head_dim},
                                                at::TensorOptions().device(torch_device(device)).dtype(decoder.type()));
            KeyValueCache cache;
            for (const Block& block : decoder.model().blocks()) (void)cache.append(block.id, random, random);
            earlier.emplace(std::pair(shape.batch, shape.before), std::move(cache));
        }
        return earlier->second;
    }

    at::Tensor embed(const Shape& shape) {
        const std::int64_t vocabulary = decoder.model().parts().embedding.rows();
        std::vector<std::vector<std::int32_t>> ids(static_cast<std::size_t>(shape.batch));
        for (std::int64_t row = 0; row < shape.batch; ++row)
            for (std::int64_t i = 0; i < shape.length; ++i)
                ids[static_cast<std::size_t>(row)].push_back(
                    static_cast<std::int32_t>((1 + 977 * row + 7919 * i) % vocabulary));
        const std::vector<std::span<const std::int32_t>> rows(ids.begin(), ids.end());
        return outer([&] { return decoder.embed(rows, shape.before); });
    }
    /// All that follows: nothing of it comes from the host.
    at::Tensor finish(const Shape& shape, at::Tensor hidden) {
        KeyValueCache cache = earlier_tokens(shape);
        for (const Block& block : decoder.model().blocks())
            hidden = decoder.forward(block.id, blocks[index_of(block.id)], hidden, nullptr,
                                     shape.before > 0 ? &cache : nullptr);
        at::Tensor logits = outer([&] { return decoder.logits(hidden.narrow(1, shape.length - 1, 1)); });
        if (!watch->on) return logits;
        const double width = static_cast<double>(logits.size(-1)) * static_cast<double>(hidden.size(-1));
        const double head_bytes = width * static_cast<double>(c10::elementSize(decoder.type()));
        watch->of(outer_kind).add(head_bytes, 2.0 * static_cast<double>(shape.batch) * width, false);
        return logits;
    }
    template <class Work>
    at::Tensor outer(const Work& work) {
        if (!watch->on) return work();
        Stopwatch stopwatch = watch->stopwatch(device);
        at::Tensor result = work();
        stopwatch.stop();
        watch->of(outer_kind).watches.push_back(std::move(stopwatch));
        return result;
    }

    /// A pass behind its embedding, started as a whole.
    struct Recording {
        Shape shape;
        at::Tensor hidden, logits; ///< what it reads and what it makes
        std::unique_ptr<RecordedWork> work;
        std::optional<Stopwatch> whole; ///< of one that is watched
    };
    /// Memory that the pass takes and gives back belongs to its stream, on which nothing but passes runs until the
    /// recording is gone: one started again meets nobody in it.
    Recording recording_of(const Shape& shape, const at::Tensor& hidden) {
        Recording made{shape, hidden, {}, device.kernels().record(current_stream(device)), {}};
        if (watch->on) {
            watch->recording = made.work.get();
            made.whole.emplace(*made.work);
        }
        made.logits = finish(shape, made.hidden);
        if (made.whole) made.whole->stop();
        watch->recording = nullptr;
        made.work->finish();
        return made;
    }
    [[nodiscard]] bool has_recorded(const Shape& shape) const { return recorded && recorded->shape == shape; }
    void run(const Shape& shape) {
        const at::Tensor hidden = embed(shape);
        if (!has_recorded(shape)) {
            last = finish(shape, hidden);
            return;
        }
        recorded->hidden.copy_(hidden);
        recorded->work->start();
        last = recorded->logits;
    }
    /// Seconds of the whole pass; those of its parts are in `watch`.
    double run_watched(const Shape& shape) {
        Stopwatch whole(device);
        if (!has_recorded(shape)) {
            run(shape);
            whole.stop();
            return whole.seconds();
        }
        const at::Tensor hidden = embed(shape);
        whole.stop(); // of the embedding
        watched.emplace(recording_of(shape, hidden));
        for (int warm = 0; warm < 2; ++warm) watched->work->start(); // the marks are of the second
        last = watched->logits;
        return whole.seconds() + watched->whole->seconds();
    }

    Device device;
    std::optional<c10::Stream> stream; ///< of a card: the default one cannot be recorded
    Decoder decoder;
    std::shared_ptr<Watch> watch = std::make_shared<Watch>();
    std::vector<BlockOperations> blocks;
    KernelUses uses;
    std::int64_t weight_bytes = 0;
    at::Tensor last; ///< logits: kept, so that no pass is without a reader
    std::optional<std::pair<std::pair<std::int64_t, std::int64_t>, KeyValueCache>> earlier; ///< by batch and tokens
    std::optional<Recording> recorded, watched;
};

TimedModel::TimedModel(std::shared_ptr<const Model> model, std::shared_ptr<const QuantizedModel> quantized,
                       Device device, const Execution& execution, JobContext& ctx) {
    translate_torch_errors("bringing the weights to " + device.name(), [&] {
        impl_ = std::make_unique<Impl>(std::move(model), quantized, device, execution, ctx);
    });
}
TimedModel::~TimedModel() = default;

bool TimedModel::keeps_tokens() const {
    return std::ranges::all_of(impl_->blocks, [](const BlockOperations& block) { return token_by_token(block); });
}

std::int64_t TimedModel::weight_bytes() const { return impl_->weight_bytes; }

std::int64_t TimedModel::held_bytes() const { return impl_->weight_bytes + impl_->decoder.outer_bytes(); }

void TimedModel::forget() {
    impl_->recorded.reset();
    impl_->watched.reset();
    impl_->earlier.reset();
    impl_->decoder.forget_scratch();
}

std::vector<float> TimedModel::logits() const {
    const Impl::OnStream on(*impl_);
    return to_vector(impl_->last);
}

std::vector<KernelUse> TimedModel::kernels() const { return impl_->uses.list(); }

double TimedModel::pass(const Shape& shape, JobContext& ctx) {
    ctx.check_cancelled();
    return translate_torch_errors(
        "timing a pass of " + std::to_string(shape.batch) + " x " + std::to_string(shape.length) + " tokens", [&] {
            const Impl::OnStream on(*impl_);
            (void)impl_->earlier_tokens(shape); // made before the clock runs
            return seconds_of(impl_->device, [&] { impl_->run(shape); });
        });
}

bool TimedModel::record(const Shape& shape, JobContext& ctx) {
    ctx.check_cancelled();
    impl_->recorded.reset();
    if (!impl_->device.is_cuda()) return false;
    const Impl::OnStream on(*impl_);
    try {
        impl_->recorded.emplace(impl_->recording_of(shape, impl_->embed(shape)));
        return true;
    } catch (const c10::Error&) {
        return false;
    } catch (const KernelError&) {
        return false;
    }
}

std::vector<SpeedShare> TimedModel::watched_pass(const Shape& shape, JobContext& ctx) {
    ctx.check_cancelled();
    return translate_torch_errors("timing the layers of a pass", [&] {
        const Impl::OnStream on(*impl_);
        Watch& watch = *impl_->watch;
        const Watching watching(watch);
        const double all = impl_->run_watched(shape);
        std::vector<SpeedShare> shares;
        double seen = 0;
        for (const std::string& kind : watch.order) {
            const KindRecord& record = watch.kinds.at(kind);
            SpeedShare& share = shares.emplace_back();
            share.kind = kind;
            for (const std::string& kernel : record.kernels)
                share.kernel += (share.kernel.empty() ? "" : ", ") + kernel;
            for (const Stopwatch& stopwatch : record.watches) share.seconds += stopwatch.seconds();
            share.work = record.work;
            seen += share.seconds;
        }
        SpeedShare& rest = shares.emplace_back();
        rest.kind = rest_kind;
        rest.seconds = std::max(0.0, all - seen);
        for (SpeedShare& share : shares) share.share = share.seconds / std::max(all, seen);
        return shares;
    });
}

} // namespace graticule
