#include "core/engine/engine.h"
#include "core/runtime/model_runner.h"

namespace graticule {

HostTensor logits(std::shared_ptr<const Model> model, std::shared_ptr<const QuantizedModel> quantized,
                  const std::vector<std::vector<std::int32_t>>& ids, JobContext& ctx) {
    if (ids.empty() || ids.front().empty()) throw Error(ErrorKind::bad_input, "there are no token ids to run");
    for (const auto& row : ids)
        if (row.size() != ids.front().size())
            throw Error(ErrorKind::bad_input, "rows of token ids must be equally long; one has " +
                                                  std::to_string(row.size()) + ", the first " +
                                                  std::to_string(ids.front().size()));
    ctx.progress.begin("Computing logits", static_cast<std::int64_t>(ids.size()));
    const std::vector<ModelRunner::Window> rows(ids.begin(), ids.end());
    RunnerOptions options;
    options.execution = ctx.execution;
    ModelRunner runner(std::move(model), std::move(quantized), open_device(ctx.device), options);
    HostTensor result = runner.logits(rows, ctx);
    ctx.advance(static_cast<std::int64_t>(ids.size()));
    return result;
}

} // namespace graticule
