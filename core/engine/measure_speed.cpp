#include "core/engine/measure_speed.h"

#include <algorithm>
#include <array>

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

std::vector<TimedModel::Shape> shapes_of(const SpeedSpec& spec, const Model& model) {
    if (spec.before < 0) throw Error(ErrorKind::usage, "tokens before the decoded one are a number from 0");
    std::vector<TimedModel::Shape> shapes;
    for (const std::int64_t length : lengths_of(spec, model)) shapes.push_back({1, length});
    for (const std::int64_t batch : spec.batches) {
        if (batch < 1)
            throw Error(ErrorKind::usage, "a batch is a number of sequences from 1; give some, such as 1,16");
        shapes.push_back({batch, 1, std::min(spec.before, model.config().max_positions - 1)});
    }
    return shapes;
}

/// Of the pass in the middle by time, among a few where they are short: one alone may have met other work.
std::vector<SpeedShare> usual_shares(TimedModel& timed, const TimedModel::Shape& shape, const SpeedCeilings& ceilings,
                                     JobContext& ctx) {
    struct Watched {
        double seconds = 0;
        std::vector<SpeedShare> shares;
    };
    std::vector<Watched> passes;
    for (double spent = 0; passes.empty() || (std::ssize(passes) < watched_passes && spent < seconds_per_point);) {
        Watched& pass = passes.emplace_back();
        pass.shares = timed.watched_pass(shape, ceilings, ctx);
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

SpeedPoint measure_point(TimedModel& timed, const TimedModel::Shape& shape, SpeedPhase phase,
                         const SpeedCeilings& ceilings, const Device& device, JobContext& ctx) {
    SpeedPoint point;
    point.phase = phase;
    point.batch = shape.batch;
    point.length = shape.length;
    point.before = shape.before;
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
    point.shares = usual_shares(timed, shape, ceilings, ctx);
    for (const SpeedShare& share : point.shares) point.floor_seconds += share.floor_seconds.value_or(0);
    return point;
}

} // namespace

std::shared_ptr<const SpeedStudy> measure_speed(Workbench& work, const SpeedSpec& spec, JobContext& ctx,
                                                const SpeedCallback& on_run) {
    const WorkClock clock;
    const auto model = work.model();
    model->start_hashing();
    const std::vector<TimedModel::Shape> shapes = shapes_of(spec, *model);
    const std::size_t prefills = shapes.size() - spec.batches.size();

    struct Wanted {
        std::string name;
        std::optional<Recipe> recipe;
    };
    std::vector<Wanted> wanted;
    const Execution plain = settle_execution({ctx.execution.compute, Arithmetic::simulated}, ctx.device, *model);
    wanted.push_back({std::string(to_text(plain.compute)), std::nullopt});
    for (const SpeedSetting& setting : speed_settings())
        wanted.push_back({std::string(setting.name), read_recipe(std::string(setting.recipe))});
    for (const Recipe& recipe : spec.recipes) wanted.push_back({summary_line(recipe), recipe});
    for (const Wanted& run : wanted)
        if (run.recipe) (void)work.resolve(*run.recipe); // before the long work

    auto study = std::make_shared<SpeedStudy>();
    const Device device = open_device(ctx.device);
    ctx.progress.begin("Measuring what " + ctx.device + " reaches", 0);
    study->ceilings = measure_ceilings(device, plain, ctx);
    study->provenance = run_provenance(device, plain, {}, {});
    study->provenance.protocol =
        "median of up to " + std::to_string(most_passes) +
        " passes, one run after another; on a card a pass behind its embedding is one CUDA graph where "
        "it can be recorded";
    for (const Wanted& run : wanted) {
        SpeedRun measured;
        measured.name = run.name;
        measured.execution = plain;
        std::shared_ptr<const QuantizedModel> quantized;
        if (run.recipe) {
            measured.recipe_line = summary_line(*run.recipe);
            measured.execution.arithmetic = Arithmetic::integer;
            quantized = work.quantize(*run.recipe, false, ctx);
        }
        ctx.progress.begin("Timing " + run.name, std::ssize(shapes));
        TimedModel timed(model, quantized, device, measured.execution, ctx);
        measured.weight_bytes = timed.weight_bytes();
        measured.kernels = timed.kernels();
        for (std::size_t i = 0; i < shapes.size(); ++i) {
            TimedModel::Shape shape = shapes[i];
            if (!timed.keeps_tokens()) shape.before = 0;
            measured.points.push_back(measure_point(
                timed, shape, i < prefills ? SpeedPhase::prefill : SpeedPhase::decode, study->ceilings, device, ctx));
            ctx.advance();
        }
        study->runs.push_back(std::move(measured));
        study->seconds = clock.seconds();
        if (on_run) on_run(*study);
    }
    study->provenance.model_hash = model->hash(ctx);
    study->seconds = clock.seconds();
    return study;
}

} // namespace graticule
