#include "core/engine/measure_speed.h"

#include <algorithm>
#include <array>

#include "core/base/byte_text.h"
#include "core/base/hold.h"
#include "core/engine/peak_memory.h"
#include "core/engine/run_provenance.h"
#include "core/runtime/settle_execution.h"
#include "core/runtime/timed_passes.h"

namespace graticule {

std::span<const SpeedSetting> speed_settings() {
    static constexpr std::array settings{
        SpeedSetting{"A8W8", "w=int8/sym/channel a=int8/sym/token", "INT8 weights per channel, INT8 inputs per token"},
        SpeedSetting{"A16W4", "w=int4/asym/g128", "INT4 weights in groups of 128, inputs as they are"},
        SpeedSetting{"A8W4 dual grain", "w=int4/asym/dual128 a=int8/sym/token",
                     "INT4 weights with INT8 group scales under a channel scale (DGQ), INT8 inputs per token"},
        SpeedSetting{"A8W4 dINT4", "w=dint4/asym/channel a=int8/sym/token",
                     "dINT4 weights per channel, INT8 inputs per token"},
    };
    return settings;
}

FittedSetting fitted(const SpeedSetting& setting, const Model& model) {
    static constexpr std::string_view usual = "128";
    FittedSetting fitted{std::string(setting.name), std::nullopt, {}};
    for (const std::string_view group : {usual, std::string_view("64"), std::string_view("32")}) {
        std::string line(setting.recipe);
        const std::size_t place = line.find(usual);
        if (place != std::string::npos) line.replace(place, usual.size(), group);
        const Recipe recipe = read_recipe(line);
        const Resolution found = resolve(recipe, model);
        if (found.resolved) {
            if (group != usual) fitted.name += " g" + std::string(group);
            fitted.recipe = recipe;
            fitted.problem.clear();
            return fitted;
        }
        if (fitted.problem.empty()) fitted.problem = found.diagnostics.lines(Severity::error).front();
        if (place == std::string::npos) break;
    }
    return fitted;
}

namespace {

constexpr int most_passes = 15, least_passes = 3, watched_passes = 5;
constexpr double seconds_per_point = 0.4; // enough for a median of what takes milliseconds

std::vector<std::int64_t> lengths_of(const SpeedSpec& spec, const Model& model) {
    const std::int64_t most = model.config().max_positions;
    std::vector<std::int64_t> lengths = spec.lengths;
    if (lengths.empty()) {
        std::ranges::copy_if(SpeedSpec::default_lengths, std::back_inserter(lengths),
                             [&](std::int64_t length) { return length <= most; });
        if (lengths.empty()) lengths = {most};
    }
    std::ranges::sort(lengths);
    const auto [first, last] = std::ranges::unique(lengths);
    lengths.erase(first, last);
    if (lengths.front() < 1)
        throw Error(ErrorKind::usage, "a length is a number of tokens from 1; give some, such as 128,512");
    if (lengths.back() > most)
        throw Error(ErrorKind::bad_input, model.parts().path.string() + ": " + std::to_string(lengths.back()) +
                                              " tokens are more than its " + std::to_string(most) +
                                              " positions; take --lengths up to that");
    return lengths;
}

/// What is measured of every run, with nothing measured yet.
std::vector<SpeedPoint> points_of(const SpeedSpec& spec, const Model& model) {
    if (spec.before < 0) throw Error(ErrorKind::usage, "tokens before the decoded one are a number from 0");
    std::vector<SpeedPoint> points;
    for (const std::int64_t length : lengths_of(spec, model)) {
        SpeedPoint& point = points.emplace_back();
        point.length = length;
    }
    for (const std::int64_t batch : spec.batches) {
        if (batch < 1)
            throw Error(ErrorKind::usage, "a batch is a number of sequences from 1; give some, such as 1,16");
        SpeedPoint& point = points.emplace_back();
        point.phase = SpeedPhase::decode;
        point.batch = batch;
        point.before = std::min(spec.before, model.config().max_positions - 1);
    }
    return points;
}

std::int64_t bytes_of(Compute compute) { return compute == Compute::float64 ? 8 : compute == Compute::float32 ? 4 : 2; }

/// Keys and values of the tokens before, hidden states and what the widest linear gives, logits: what a pass cannot do
/// without, beside the weights.
std::int64_t least_bytes(const SpeedPoint& point, const ModelConfig& config, std::int64_t element) {
    const std::int64_t kept = 2 * config.blocks * config.kv_heads * config.head_dim * point.batch * point.before;
    const std::int64_t states = point.tokens() * (config.hidden + config.mlp_hidden);
    return element * (kept + states + point.batch * config.vocabulary);
}

std::string smaller_pass(const SpeedPoint& point) {
    return point.phase == SpeedPhase::prefill ? "take smaller --lengths" : "take a smaller --batch or --before";
}

/// What a pass lacks; empty: nothing that is known beforehand.
std::string lacking(const SpeedPoint& point, const ModelConfig& config, Compute compute, const Device& device) {
    const std::int64_t least = least_bytes(point, config, bytes_of(compute));
    const std::int64_t free = device.free_bytes();
    if (least <= free) return {};
    return "at least " + byte_text(least) + " on " + device.name() + " are needed beside the weights, and " +
           byte_text(free) + " are free; " + smaller_pass(point);
}

Error too_large(const SpeedPoint& point, const std::string& lacks) {
    return {ErrorKind::out_of_memory, point.name() + ": " + lacks};
}

/// Of the pass in the middle by time, among a few where they are short: one alone may have met other work.
std::vector<SpeedShare> usual_shares(TimedModel& timed, const TimedModel::Shape& shape, JobContext& ctx) {
    struct Watched {
        double seconds = 0;
        std::vector<SpeedShare> shares;
    };
    std::vector<Watched> passes;
    for (double spent = 0; passes.empty() || (std::ssize(passes) < watched_passes && spent < seconds_per_point);) {
        Watched& pass = passes.emplace_back();
        pass.shares = timed.watched_pass(shape, ctx);
        for (const SpeedShare& share : pass.shares) pass.seconds += share.seconds;
        spent += pass.seconds;
    }
    std::ranges::sort(passes, {}, &Watched::seconds);
    return std::move(passes[(passes.size() - 1) / 2].shares);
}

/// In order of their length.
std::vector<double> seconds_of_passes(TimedModel& timed, const TimedModel::Shape& shape, JobContext& ctx) {
    std::vector<double> seconds;
    for (double spent = 0;
         std::ssize(seconds) < most_passes && (std::ssize(seconds) < least_passes || spent < seconds_per_point);
         spent += seconds.back())
        seconds.push_back(timed.pass(shape, ctx));
    std::ranges::sort(seconds);
    return seconds;
}

void measure_point(TimedModel& timed, SpeedPoint& point, const Device& device, JobContext& ctx) {
    const TimedModel::Shape shape{point.batch, point.length, point.before};
    timed.forget(); // the point before
    const PeakMemory host;
    device.start_peak();
    (void)timed.pass(shape, ctx); // tables, scratch memory and code that is loaded on first use
    std::vector<double> seconds = seconds_of_passes(timed, shape, ctx);
    point.peak_bytes = device.is_cuda() ? device.peak_bytes() : timed.held_bytes() + host.bytes();
    if (timed.record(shape, ctx)) {
        point.one_by_one_seconds = seconds[seconds.size() / 2];
        (void)timed.pass(shape, ctx);
        seconds = seconds_of_passes(timed, shape, ctx);
    }
    point.passes = static_cast<int>(seconds.size());
    point.seconds = seconds[seconds.size() / 2];
    point.least_seconds = seconds.front();
    point.p10_seconds = seconds[(seconds.size() - 1) / 10];
    point.p90_seconds = seconds[seconds.size() - 1 - (seconds.size() - 1) / 10];
    point.shares = usual_shares(timed, shape, ctx);
}

/// Why a point could not be measured; of memory with this command's own way out.
std::string reason_of(const SpeedPoint& point, const ErrorInfo& error) {
    if (error.kind != ErrorKind::out_of_memory) return error.message;
    return error.message.substr(0, error.message.find("; ")) + "; " + smaller_pass(point);
}

struct Wanted {
    std::string name;
    std::optional<Recipe> recipe; ///< absent: full precision
    std::string problem;          ///< why the model has no such setting
};

std::vector<Wanted> wanted_runs(const Workbench& work, const SpeedSpec& spec, const Execution& plain) {
    std::vector<Wanted> wanted{{std::string(to_text(plain.compute)), std::nullopt, {}}};
    for (const SpeedSetting& setting : speed_settings()) {
        FittedSetting one = fitted(setting, *work.model());
        wanted.push_back({std::move(one.name), std::move(one.recipe), std::move(one.problem)});
    }
    for (const Recipe& recipe : spec.recipes) {
        (void)work.resolve(recipe); // before the long work: who asks for one wants to know
        wanted.push_back({summary_line(recipe), recipe, {}});
    }
    return wanted;
}

/// One study as it grows, run by run.
class Measuring {
public:
    Measuring(Workbench& work, std::vector<SpeedPoint> points, const Execution& plain, Device device, JobContext& ctx)
        : work_(work)
        , points_(std::move(points))
        , plain_(plain)
        , device_(std::move(device))
        , ctx_(ctx) {}

    [[nodiscard]] SpeedCeilings ceilings() {
        ctx_.progress.begin("Measuring what " + device_.name() + " reaches", 0);
        return measure_ceilings(device_, plain_, ctx_);
    }

    /// Problems of points are in the run; the first that is no property of the model is kept.
    [[nodiscard]] SpeedRun run(const Wanted& wanted) {
        SpeedRun run;
        run.name = wanted.name;
        run.execution = plain_;
        run.points = points_;
        if (wanted.recipe) {
            run.recipe_line = summary_line(*wanted.recipe);
            run.execution.arithmetic = Arithmetic::integer;
        }
        if (!wanted.problem.empty()) {
            for (SpeedPoint& point : run.points) point.problem = wanted.problem;
            return run;
        }
        try {
            measure(run, wanted.recipe);
        } catch (const Error& error) {
            keep(error.info());
            for (SpeedPoint& point : run.points)
                if (point.seconds == 0 && point.measured()) point.problem = error.info().message;
        }
        return run;
    }
    [[nodiscard]] const std::optional<ErrorInfo>& failure() const { return failure_; }

private:
    void keep(const ErrorInfo& error) {
        if (!failure_) failure_ = error;
    }

    void measure(SpeedRun& run, const std::optional<Recipe>& recipe) {
        const std::shared_ptr<const QuantizedModel> quantized = recipe ? work_.quantize(*recipe, false, ctx_) : nullptr;
        ctx_.progress.begin("Timing " + run.name, std::ssize(run.points));
        TimedModel timed(work_.model(), quantized, device_, run.execution, ctx_);
        run.weight_bytes = timed.weight_bytes();
        run.kernels = timed.kernels();
        for (SpeedPoint& point : run.points) {
            if (!timed.keeps_tokens()) point.before = 0;
            const SpeedPoint unmeasured = point;
            try {
                point.problem = lacking(point, work_.model()->config(), plain_.compute, device_);
                if (point.measured())
                    measure_point(timed, point, device_, ctx_);
                else
                    keep(too_large(point, point.problem).info());
            } catch (const Error& error) { // the others may fit
                point = unmeasured;
                point.problem = reason_of(point, error.info());
                keep({error.info().kind, point.name() + ": " + point.problem, error.info().context});
            }
            ctx_.advance();
        }
    }

    Workbench& work_;
    std::vector<SpeedPoint> points_;
    Execution plain_;
    Device device_;
    JobContext& ctx_;
    std::optional<ErrorInfo> failure_;
};

} // namespace

std::shared_ptr<const SpeedStudy> measure_speed(Workbench& work, const SpeedSpec& spec, JobContext& ctx,
                                                const SpeedCallback& on_run) {
    const WorkClock clock;
    const auto model = work.model();
    const std::vector<SpeedPoint> points = points_of(spec, *model);
    const Execution plain = settle_execution({ctx.execution.compute, Arithmetic::simulated}, ctx.device, *model);
    const std::vector<Wanted> wanted = wanted_runs(work, spec, plain);
    const Device device = open_device(ctx.device);
    for (const SpeedPoint& point : points)
        if (const std::string lacks = lacking(point, model->config(), plain.compute, device); !lacks.empty())
            throw too_large(point, lacks);
    model->start_hashing();

    auto study = std::make_shared<SpeedStudy>();
    study->provenance = run_provenance(device, plain, {}, {});
    study->provenance.protocol =
        "median of up to " + std::to_string(most_passes) +
        " passes, one run after another; on a card a pass behind its embedding is one CUDA graph where "
        "it can be recorded; what the device reaches alone: the best of what was measured before every run and after "
        "the last";
    Measuring measuring(work, points, plain, device, ctx);
    std::vector<SpeedCeilings> around{measuring.ceilings()}; // runs
    study->take_ceilings(around.back());
    for (const Wanted& one : wanted) {
        study->runs.push_back(measuring.run(one));
        around.push_back(measuring.ceilings());
        study->take_ceilings(around.back());
        for (std::size_t i = 0; i < study->runs.size(); ++i)
            study->runs[i].device_share =
                std::min(around[i].share_of(study->ceilings), around[i + 1].share_of(study->ceilings));
        study->failure = measuring.failure();
        study->seconds = clock.seconds();
        if (on_run) on_run(*study);
    }
    const bool any = std::ranges::any_of(
        study->runs, [](const SpeedRun& run) { return std::ranges::any_of(run.points, &SpeedPoint::measured); });
    if (!any && study->failure) throw Error(study->failure->kind, study->failure->message);
    study->provenance.model_hash = model->hash(ctx);
    study->seconds = clock.seconds();
    study->complete = true;
    return study;
}

} // namespace graticule
