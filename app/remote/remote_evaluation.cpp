#include "app/remote/remote_evaluation.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/remote/check_answer.h"
#include "app/remote/messages.h"
#include "core/engine/plan.h"
#include "core/engine/workbench.h"
#include "core/runtime/settle_execution.h"

namespace graticule {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

class Follower {
public:
    Follower(std::string command, const EvaluationOrder& order, JobContext& ctx, const WindowCallback& on_window)
        : command_(std::move(command))
        , order_(order)
        , ctx_(ctx)
        , on_window_(on_window) {}

    /// Until the job's end.
    RemoteEvaluation follow() {
        while (news_.end() == JobNews::End::none) {
            try {
                connect();
                while (news_.end() == JobNews::End::none)
                    if (const auto message = worker_->next(milliseconds(200), ctx_)) hear(*message);
            } catch (const ConnectionLost& lost) {
                worker_.reset();
                wait_after(lost);
            }
        }
        if (news_.end() == JobNews::End::failed) {
            ErrorInfo told = news_.error();
            told.context.push_back("evaluating on " + host_);
            throw_as_told(told);
        }
        if (news_.end() == JobNews::End::cancelled)
            throw Error(ErrorKind::device, "somebody stopped the job on " + host_ +
                                               "; evaluate again to go on behind the windows that it has done");
        return {std::make_shared<const Evaluation>(*news_.evaluation()), news_.size()};
    }

    /// Asks the job to stop, also one that is being started, and on another connection where this one does not answer.
    void cancel() {
        if (news_.job().empty() && !ordered_) return;
        ctx_.progress.begin("Asking " + host_ + " to stop", 0);
        std::string problem;
        const auto stop = [this](WorkerConnection& worker, const JobContext& aside) {
            worker.send({{"ask", "cancel"}, {"job", news_.job()}}, aside);
            (void)worker.answer("cancelling", aside);
        };
        if (worker_) {
            problem = within(seconds(5), [&](const JobContext& aside) {
                if (ordered_) hear_started(aside);
                stop(*worker_, aside);
            });
            if (problem.empty()) return tell_what_stays();
            worker_.reset();
        }
        if (!news_.job().empty())
            problem = within(seconds(15), [&](const JobContext& aside) {
                WorkerConnection other(command_, aside);
                stop(other, aside);
            });
        if (!problem.empty()) return ctx_.log("the job on " + host_ + " was not stopped: " + problem);
        tell_what_stays();
    }

    [[nodiscard]] const std::string& host() const { return host_; }

private:
    static constexpr std::array delays{1, 1, 2, 4, 8, 15}; ///< seconds; then as the last
    static constexpr seconds patience{600};

    /// Does it, in a context in which a stop is due when the time is over; what went wrong, empty: nothing.
    template <class Act>
    static std::string within(seconds time, const Act& act) {
        JobContext aside;
        const std::jthread clock([&](const std::stop_token& done) {
            std::mutex mutex;
            std::condition_variable_any over;
            std::unique_lock lock(mutex);
            if (!over.wait_for(lock, done, time, [&] { return done.stop_requested(); })) aside.cancel.request();
        });
        try {
            act(aside);
            return {};
        } catch (const Cancelled&) {
            return "no answer within " + std::to_string(time.count()) + " s";
        } catch (const std::exception& problem) {
            return problem.what();
        }
    }

    void tell_what_stays() {
        ctx_.log("the job was stopped; its windows so far, " + std::to_string(windows()) +
                 ", and what it has calibrated and quantized stay on " + host_ +
                 ": asked for again, it goes on behind them");
    }

    void connect() {
        if (worker_) return;
        ordered_ = false;
        if (host_.empty()) ctx_.progress.begin("Starting the worker", 0);
        worker_ = std::make_unique<WorkerConnection>(command_, ctx_);
        host_ = worker_->hello().host;
        if (news_.job().empty())
            start();
        else
            attach();
    }

    void start() {
        worker_->send({{"ask", "start"}, {"order", to_json(order_)}}, ctx_);
        ordered_ = true; // it begins from here on, whatever becomes of this side
        hear_started(ctx_);
    }

    void hear_started(const JobContext& ctx) {
        const json answer = worker_->answer("started", ctx);
        ordered_ = false;
        const std::string where = "the worker's answer", state = text_member(answer, "state", where);
        if (state == "running")
            ctx_.log("this evaluation runs on " + host_ + " already; it is followed from its start");
        if (state == "done") ctx_.log("this evaluation was done on " + host_ + " before; this is its result");
        began_with_ = windows();
        news_.begin(hash_member(answer, "job", where), number_member(answer, "run", 1, INT64_MAX, where));
    }

    void attach() {
        worker_->send({{"ask", "attach"}, {"job", news_.job()}, {"run", news_.run()}, {"from", news_.next()}}, ctx_);
        const json answer = worker_->answer("attached", ctx_);
        const std::string where = "the worker's answer";
        const std::int64_t run = number_member(answer, "run", 1, INT64_MAX, where);
        if (run != news_.run()) news_.begin(news_.job(), run);
        ctx_.log("connected to " + host_ + " again");
    }

    void hear(const json& message) {
        const std::string event = message.at("event").get<std::string>();
        if (event == "refused") throw_as_told(read_error(message.value("error", json())));
        lost_since_ = {}; // attaching alone is no sign that the job's lines get through
        tries_ = 0;
        if (event == "alive") return;
        if (event == "died") return start_after(text_member(message, "message", "the worker's line"));
        const std::size_t before = windows();
        news_.take(message);
        if (event == "progress") show(message);
        if (event == "log") ctx_.log(host_ + ": " + text_member(message, "text", "a line of the log"));
        if ((event == "window" || event == "evaluation") && windows() > 0 && windows() != before && on_window_)
            on_window_(*news_.evaluation());
    }

    // It goes on behind what it had; without one window more since then it would end like this again.
    void start_after(const std::string& message) {
        if (windows() <= began_with_ && died_before_)
            throw Error(ErrorKind::device, message + "; it ended so twice without a window between");
        died_before_ = true;
        ctx_.log(message + "; starting it again");
        start();
    }

    void show(const json& message) {
        const std::string where = "a line of progress";
        const std::string stage = text_member(message, "stage", where) + " on " + host_;
        const std::int64_t done = number_member(message, "done", 0, INT64_MAX, where),
                           total = number_member(message, "total", 0, INT64_MAX, where),
                           before = message.contains("before") ? number_member(message, "before", 0, done, where) : 0;
        const auto windows = message.find("windows");
        const auto counted =
            windows != message.end() && *windows == true ? Progress::Counted::windows : Progress::Counted::steps;
        const Progress::Snapshot shown = ctx_.progress.snapshot();
        if (shown.stage != stage || shown.total != total || shown.done > done)
            ctx_.progress.begin(stage, total, before, counted);
        ctx_.progress.add(done - ctx_.progress.snapshot().done);
    }

    void wait_after(const ConnectionLost& lost) {
        const auto now = std::chrono::steady_clock::now();
        if (news_.job().empty()) throw Error(ErrorKind::device, lost.what());
        if (lost_since_ == decltype(lost_since_){}) {
            lost_since_ = now;
            ctx_.log(std::string(lost.what()) + "; the job goes on there, and connecting is tried again");
        }
        if (now - lost_since_ > patience)
            throw Error(ErrorKind::device, std::string(lost.what()) + "; the job goes on on " + host_ +
                                               ": evaluate again, and it is found there");
        ctx_.progress.begin("Connection to " + host_ + " lost, trying again", 0);
        const auto until = now + seconds(delays[std::min(tries_++, delays.size() - 1)]);
        while (std::chrono::steady_clock::now() < until) {
            ctx_.check_cancelled();
            std::this_thread::sleep_for(milliseconds(50));
        }
    }

    [[nodiscard]] std::size_t windows() const {
        return news_.evaluation() ? news_.evaluation()->window_losses.size() : 0;
    }

    std::string command_, host_;
    const EvaluationOrder& order_;
    JobContext& ctx_;
    const WindowCallback& on_window_;
    std::unique_ptr<WorkerConnection> worker_;
    JobNews news_;
    bool ordered_ = false; ///< by this connection, and the answer is not here yet
    bool died_before_ = false;
    std::size_t began_with_ = 0; ///< windows
    std::size_t tries_ = 0;
    std::chrono::steady_clock::time_point lost_since_;
};

} // namespace

RemoteEvaluation evaluate_on_worker(const std::string& command, const EvaluationOrder& order, JobContext& ctx,
                                    const WindowCallback& on_window, const std::function<bool()>& leave) {
    Follower follower(command, order, ctx, on_window);
    try {
        RemoteEvaluation answer = follower.follow();
        check_answer(*answer.evaluation, order, ctx);
        return answer;
    } catch (const Cancelled&) {
        if (!leave || !leave()) follower.cancel();
        throw;
    }
}

WorkerHello greet_worker(const std::string& command, const JobContext& ctx) {
    try {
        return WorkerConnection(command, ctx).hello();
    } catch (const ConnectionLost& lost) {
        throw Error(ErrorKind::device, lost.what());
    }
}

EvaluationOrder order_for(const Model& model, const std::string& path_there, const std::string& device,
                          const Execution& execution, JobContext& ctx) {
    ctx.progress.begin("Hashing the model", 0);
    EvaluationOrder order;
    order.model = path_there;
    order.model_hash = model.hash(ctx);
    order.device = device;
    order.execution = settle_execution(execution, device, model);
    order.weight_budget = ctx.weight_budget;
    return order;
}

void add_recipe(EvaluationOrder& order, const Recipe& recipe, const OpenedModel& opened) {
    Workbench work;
    work.adopt(opened);
    const ResolvedRecipe resolved = work.resolve(recipe);
    order.recipe = recipe;
    for (const Step step : plan_of({Step::quantize, &resolved, false}, {}))
        if (step == Step::calibrate) order.calibration = order_text(recipe.calibration.text);
}

} // namespace graticule
