// Evaluations on another machine (app/remote): the same lines of the table of runs, computed by a worker there. A job
// here follows each; what it computes goes on there when this window leaves, and is found again when the same is asked.
#include <algorithm>

#include "app/jobs/throttle.h"
#include "app/remote/remote_evaluation.h"
#include "app/session/session.h"
#include "core/engine/plan.h"
#include "core/runtime/settle_execution.h"

namespace graticule {

void Session::leaveJobs(const QString& spared_tag) {
    left_->store(true);
    left_ = std::make_shared<std::atomic<bool>>(false); // of the jobs to come
    jobs_.cancelAll(spared_tag);
}

void Session::reachMachine(const Machine& machine, std::vector<int> then) {
    jobs_.submit<WorkerHello>(
        request(QStringLiteral("machine"), tr("Connect by %1").arg(machine.command), {}, 0),
        [command = machine.command.toStdString()](JobContext& ctx) {
            ctx.progress.begin("Waiting for the worker", 0);
            return std::make_shared<const WorkerHello>(greet_worker(command, ctx));
        },
        [this, machine, model = model(), then = std::move(then)](std::shared_ptr<const WorkerHello> hello) {
            if (model != this->model()) return;
            machine_ = ReachedMachine{machine, *hello};
            for (const auto& [name, version] : current_versions())
                for (const auto& [name_there, version_there] : hello->versions)
                    if (name_there == name && version_there != version)
                        Q_EMIT logged(tr("%1 has version %2 of %3, here is %4: results may differ")
                                          .arg(machine_->host(), QString::fromStdString(version_there),
                                               QString::fromStdString(name), QString::fromStdString(version)));
            std::string best = "cpu";
            for (const DeviceRow& row : hello->devices)
                if (best == "cpu" && row.problem.empty()) best = row.name;
            setDeviceElsewhere(best);
            for (const int run : then) continueRun(run);
        },
        reporter());
}

void Session::setDeviceElsewhere(const std::string& device) {
    device_elsewhere_ = machine_ ? device : std::string();
    if (!device_elsewhere_.empty())
        Q_EMIT logged(tr("Evaluations run on %1 (%2) from now on; all else runs here, on %3")
                          .arg(machine_->host(), QString::fromStdString(device), QString::fromStdString(device_)));
    Q_EMIT devicesChanged();
}

void Session::forgetMachine() {
    if (!machine_) return;
    if (!device_elsewhere_.empty())
        Q_EMIT logged(
            tr("Evaluations run here again: “elsewhere …” in the list of devices asks where this model lies on %1")
                .arg(machine_->host()));
    machine_.reset();
    device_elsewhere_.clear();
    Q_EMIT devicesChanged();
}

void Session::evaluateElsewhere(const EvaluationChoice& choice, Calibrate when, const QString& served_as) {
    const Execution there = settle_execution(execution_, device_elsewhere_, *model());
    // Before anything is queued: a target may refuse the recipe.
    Run run = newRun(recipe(), *resolution_.resolved, choice, served_as);
    run.execution = there;
    const auto calibrated = std::make_shared<Calibrated>();
    Chain here{calibrated, {}};
    std::vector<JobId> after;
    if (when == Calibrate::always && !joinStats(subjectOfNow(), here, after))
        calibrateInto(calibrated, recipe().calibration, {}, settled());
    PlanHave have;
    have.statistics = have.quantized = true; // that is done there
    have.unquantized_evaluation = runs_.unquantized(run.protocol()) != nullptr;
    for (const Step step : plan_of({Step::evaluate, &*resolution_.resolved}, have))
        queueElsewhere(step == Step::evaluate ? run : newRun(choice, there));
    Q_EMIT runsChanged(); // the window keeps its draft
    runs_.keep();
}

void Session::queueElsewhere(Run run) {
    run.host = machine_->host();
    const Run* stopped = runs_.stopped(run);
    const int id = stopped ? stopped->id : runs_.add(run);
    const Throttle<Evaluation> windows(&jobs_, std::chrono::milliseconds(100),
                                       [this, id](const Evaluation& so_far) { runs_.receive(id, so_far); });
    const double tokens = static_cast<double>(run.choice.window * run.choice.windows);
    JobRequest asked{{}, tr("Evaluate %1 on %2").arg(run.name, machine_->host()), {}, tokens};
    asked.execution = run.execution;
    const auto work = [run, machine = machine_->where, device = device_elsewhere_, opened = opened_, left = left_,
                       offer = windows.handle()](JobContext& ctx) {
        EvaluationOrder order = order_for(*opened.model, machine.model.toStdString(), device, run.execution, ctx);
        if (!run.full_precision) add_recipe(order, run.recipe, opened);
        order.served_as = run.served_as.toStdString();
        order.text = order_text(run.choice.text.toStdString());
        order.window = run.choice.window;
        order.max_windows = run.choice.windows;
        return std::make_shared<const RemoteEvaluation>(
            evaluate_on_worker(machine.command.toStdString(), order, ctx, offer, [left] { return left->load(); }));
    };
    const JobId job = jobs_.submit<RemoteEvaluation>(
        asked, work,
        [this, id](std::shared_ptr<const RemoteEvaluation> result) {
            if (const auto& size = result->size) runs_.setSize(id, {size->bits_per_weight, size->bytes_after});
            runs_.finish(id, *result->evaluation, nullptr);
        },
        reporter());
    runs_.setJobs(id, {job});
}

} // namespace graticule
