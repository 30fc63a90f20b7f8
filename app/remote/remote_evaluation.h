// An evaluation on another machine, followed until its end: what comes is told as it comes, a lost connection is made
// again, and the job over there goes on meanwhile.
//
//     const RemoteEvaluation result = evaluate_on_worker("ssh gpu-host graticule-cli worker", order, ctx, on_window);
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/remote/evaluation_order.h"
#include "app/remote/job_events.h"
#include "app/remote/worker_connection.h"

namespace graticule {

struct RemoteEvaluation {
    std::shared_ptr<const Evaluation> evaluation; ///< its provenance names the host
    std::optional<RemoteSize> size;               ///< of a recipe's
};

/// Asking again for what was asked before finds the same job: one that runs is followed, one that is done gives its
/// result, one that was stopped goes on behind its windows. Progress and log of the job are `ctx`'s. Throws Cancelled
/// when a stop is due, after the job was asked to stop as well (for twenty seconds at most; the log says where that
/// fails), unless `leave` says that it is to go on; the Error that the job fails with; Error{device} where the worker
/// cannot be reached, at first or for ten minutes.
[[nodiscard]] RemoteEvaluation evaluate_on_worker(const std::string& command, const EvaluationOrder& order,
                                                  JobContext& ctx, const WindowCallback& on_window = {},
                                                  const std::function<bool()>& leave = {});

/// Who answers there. Throws Error{device} where nobody does.
[[nodiscard]] WorkerHello greet_worker(const std::string& command, const JobContext& ctx);

/// The order for the model that is open here, of the hash that it has: waits for that. Throws as order_text.
[[nodiscard]] EvaluationOrder order_for(const Model& model, const std::string& path_there, const std::string& device,
                                        const Execution& execution, JobContext& ctx);
/// Puts the recipe into the order, with the calibration text that it needs. Throws as order_text, and as
/// Workbench::resolve.
void add_recipe(EvaluationOrder& order, const Recipe& recipe, const OpenedModel& opened);

} // namespace graticule
