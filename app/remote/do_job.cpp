// A worker's job in its own process: the same verbs as `eval`, and what comes of them told into the job's file.
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/remote/job_folder.h"
#include "app/remote/messages.h"
#include "core/base/host_name.h"
#include "core/engine/plan.h"
#include "core/engine/workbench.h"
#include "core/io/output_file.h"
#include "core/report/json_results.h"
#include "core/runtime/torch_error.h"

namespace graticule {

namespace fs = std::filesystem;

namespace {

/// Tells of progress once a second and stops the job when that is asked for.
class Watch {
public:
    Watch(const JobFolder& folder, JobEvents& events, JobContext& ctx)
        : thread_([this, &folder, &events, &ctx](const std::stop_token& stop) { loop(stop, folder, events, ctx); }) {}

private:
    void loop(const std::stop_token& stop, const JobFolder& folder, JobEvents& events, JobContext& ctx) {
        std::string stage;
        std::int64_t done = -1;
        auto told = std::chrono::steady_clock::now();
        std::unique_lock lock(mutex_);
        while (!wake_.wait_for(lock, stop, std::chrono::milliseconds(200), [&] { return stop.stop_requested(); })) {
            std::error_code ignored;
            if (fs::exists(folder.stop(), ignored)) ctx.cancel.request();
            const Progress::Snapshot at = ctx.progress.snapshot();
            const auto now = std::chrono::steady_clock::now();
            const bool later = at.done != done && now - told >= std::chrono::seconds(1);
            if (at.stage.empty() || (at.stage == stage && !later)) continue;
            stage = at.stage;
            done = at.done;
            told = now;
            try {
                events.write({{"event", "progress"},
                              {"stage", stage},
                              {"done", done},
                              {"total", at.total},
                              {"before", at.before},
                              {"windows", at.counted == Progress::Counted::windows}});
            } catch (const Error&) { // the next line of the job itself fails the same, and ends it
            }
        }
    }

    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread thread_; // last: begins when the rest is there
};

/// The recipe's calibration text, as a file of the name that it has where it was asked for.
std::string calibration_file(const JobFolder& folder, const OrderText& text) {
    if (text.name.empty()) return {};
    const fs::path place = folder.path() / "calibration";
    fs::create_directories(place);
    atomic_write_file(place / text.name, text.content);
    return (place / text.name).string();
}

void check_model(const Model& model, const EvaluationOrder& order, JobContext& ctx) {
    ctx.progress.begin("Hashing the model", 0);
    const std::string hash = model.hash(ctx);
    if (hash == order.model_hash) return;
    throw Error(ErrorKind::bad_input, order.model + " on " + host_name() + " is another model: its hash is " + hash +
                                          ", and what was asked for has " + order.model_hash +
                                          "; copy the model there, or name the folder that holds it");
}

std::shared_ptr<const QuantizedModel> quantize_for(const EvaluationOrder& order, const OpenedModel& opened,
                                                   const JobFolder& folder, JobContext& ctx) {
    if (!order.recipe) return nullptr;
    const Recipe& recipe = *order.recipe;
    Workbench work;
    work.adopt(opened);
    const ResolvedRecipe resolved = work.resolve(recipe);
    const Target* target = order.served_as.empty() ? nullptr : &target_named(order.served_as);
    if (target != nullptr) (void)check_served(*opened.model, choices_of(resolved), *target);
    std::shared_ptr<ActivationStats> stats;
    for (const Step step : plan_of({Step::quantize, &resolved, false}, {})) {
        if (step != Step::calibrate) continue;
        CalibrationSpec here = recipe.calibration;
        here.text = calibration_file(folder, order.calibration);
        stats = std::make_shared<ActivationStats>(*calibrate(*opened.model, work.tokenizer(), here, ctx));
        stats->spec = recipe.calibration; // the text is the same, and results name it as it was asked for
    }
    QuantizeOptions options;
    options.journal = folder.path() / "quantization";
    auto quantized = quantize(opened.model, stats, resolved, ctx, {}, options);
    if (target == nullptr) return quantized;
    return as_served(*quantized, check_served(*opened.model, choices_of(*quantized), *target), *target);
}

Corpus text_of(const EvaluationOrder& order) {
    const TextRule rule = parse_text_rule(order.text_rule);
    if (order.text.name.empty()) return load_text({}, BuiltInText::evaluation, rule);
    return make_corpus(order.text.name, order.text.content, rule);
}

/// The job's last line.
nlohmann::json evaluate_order(const EvaluationOrder& order, const JobFolder& folder,
                              std::shared_ptr<const Evaluation> before, JobEvents& events, JobContext& ctx) {
    ctx.device = order.device;
    ctx.execution = order.execution;
    ctx.weight_budget = order.weight_budget;
    const Corpus corpus = text_of(order);
    const OpenedModel opened = open_model(resolve_model_path(order.model), ctx);
    if (!opened.tokenizer) throw Error(ErrorKind::bad_input, opened.tokenizer_problem);
    opened.model->check_positions(order.window);
    check_model(*opened.model, order, ctx);
    const auto quantized = quantize_for(order, opened, folder, ctx);
    EvaluationSpec spec;
    spec.window = order.window;
    spec.max_windows = order.max_windows;
    spec.protocol = order.protocol;
    spec.resume = std::move(before);
    const auto here = [](Evaluation evaluation) {
        evaluation.provenance.host = host_name();
        return evaluation;
    };
    bool first = true; // what was told before this process began may have been of another device
    const auto whole =
        evaluate(opened.model, quantized, *opened.tokenizer, corpus, spec, ctx,
                 [&](const Evaluation& so_far) { events.tell(here(so_far), std::exchange(first, false)); });
    verify_mappings(); // no file that was cut short went into it
    return {{"event", "done"},
            {"evaluation", to_json(here(*whole), Timing::include)},
            {"size", quantized ? to_json(size_of(*quantized)) : nlohmann::json()}};
}

/// What the runs before this one had, told again; then their files are not needed. A run that ended before its first
/// evaluation says nothing of those before it.
std::shared_ptr<const Evaluation> take_over(const JobFolder& folder, std::int64_t run, JobEvents& events) {
    std::shared_ptr<Evaluation> before;
    for (std::int64_t earlier = run - 1; earlier > 0 && !before; --earlier)
        if (const JobNews news = read_events(folder.events(earlier), folder.id(), earlier); news.evaluation())
            before = std::make_shared<Evaluation>(*news.evaluation());
    if (before) {
        events.tell(*before);
        before->provenance.host.clear(); // it was this machine
    }
    std::error_code ignored;
    for (std::int64_t earlier = run - 1; earlier > 0; --earlier) fs::remove(folder.events(earlier), ignored);
    return before;
}

} // namespace

void do_job(const JobFolder& folder, JobContext& ctx) {
    const std::int64_t run = folder.run();
    const auto events = std::make_shared<JobEvents>(folder.events(run), folder.id(), run);
    std::error_code ignored;
    try {
        const auto before = take_over(folder, run, *events);
        ctx.log = [events](const std::string& line) {
            events->write({{"event", "log"}, {"text", line.substr(0, 4096)}});
        };
        nlohmann::json done;
        {
            const Watch watch(folder, *events, ctx);
            done =
                evaluate_order(read_order(read_json_file(folder.order(), asked_limits)), folder, before, *events, ctx);
        }
        events->write(std::move(done));
    } catch (const Cancelled&) {
        events->write({{"event", "cancelled"}});
        throw;
    } catch (...) {
        events->write({{"event", "failed"}, {"error", to_json(current_error())}});
        throw;
    }
    // Only what was said is asked for again.
    for (const char* name : {"order.json", "quantization", "calibration"})
        fs::remove_all(folder.path() / name, ignored);
}

} // namespace graticule
