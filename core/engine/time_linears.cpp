#include "core/engine/time_linears.h"

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/recipe/recipe.h"
#include "core/runtime/settle_execution.h"
#include "core/runtime/timed_passes.h"

namespace graticule {

namespace {

constexpr int most_passes = 15, least_passes = 5;
constexpr double seconds_per_recipe = 1; // enough for a median of what takes milliseconds

} // namespace

TimedPass fitted_pass(TimedPass pass, const Model& model) {
    const std::int64_t most = model.config().max_positions;
    if (pass.batch < 1 || pass.length < 1)
        throw Error(ErrorKind::usage, "a timed pass has at least one sequence of at least one token");
    if (pass.length > most)
        throw Error(ErrorKind::bad_input, model.parts().path.string() + ": " + std::to_string(pass.length) +
                                              " tokens are more than its " + std::to_string(most) +
                                              " positions; time a pass of up to that");
    pass.before = std::clamp<std::int64_t>(pass.before, 0, most - pass.length);
    return pass;
}

Execution timing_execution(const Model& model, const JobContext& ctx) {
    return settle_execution({ctx.execution.compute, Arithmetic::integer}, ctx.device, model);
}

LinearTimes time_linears(const std::shared_ptr<const Model>& model,
                         const std::shared_ptr<const QuantizedModel>& quantized, const TimedPass& pass,
                         JobContext& ctx) {
    TimedModel timed(model, quantized, open_device(ctx.device), timing_execution(*model, ctx), ctx);
    const TimedModel::Shape shape{pass.batch, pass.length, timed.keeps_tokens() ? pass.before : 0};
    (void)timed.pass(shape, ctx);   // tables, scratch memory and code that is loaded on first use
    (void)timed.record(shape, ctx); // or short kernels would wait for the host between the stopwatches
    LinearTimes times;
    times.scheme_line = summary_line(quantized->recipe);
    std::map<std::string, std::vector<double>> seconds;
    double spent = 0;
    for (int passes = 0; passes < most_passes && (passes < least_passes || spent < seconds_per_recipe); ++passes)
        for (const SpeedShare& share : timed.watched_pass(shape, ctx)) {
            spent += share.seconds;
            if (share.kernel.empty()) continue; // no linears
            if (passes == 0) times.kinds.push_back({share.kind, share.kernel, 0, 0});
            seconds[share.kind].push_back(share.seconds);
        }
    for (LinearTime& time : times.kinds) {
        std::vector<double>& all = seconds.at(time.kind);
        std::ranges::sort(all);
        time.seconds = all[all.size() / 2];
        time.linears = std::ranges::count_if(model->linears(),
                                             [&](const Linear& linear) { return to_text(linear.role) == time.kind; });
    }
    return times;
}

} // namespace graticule
