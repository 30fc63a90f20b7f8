#include <algorithm>

#include "core/engine/engine.h"
#include "core/runtime/model_runner.h"

namespace graticule {
namespace {

/// How many a row may have; 0: any number. Rotary embeddings that are stretched reach as far as the model says.
std::int64_t positions_of(const Model& model) {
    const ModelConfig& config = model.config();
    if (model.parts().positions) return config.max_positions;
    if (config.positions == PositionKind::alibi) return 0;
    // Rotary angles go on beyond what was trained and some look there on purpose; this far nobody does.
    return static_cast<std::int64_t>(4 * static_cast<double>(config.max_positions) * std::max(1.0, config.rope.factor));
}

} // namespace

void check_token_ids(const Model& model, const std::vector<std::vector<std::int32_t>>& ids) {
    if (ids.empty() || ids.front().empty()) throw Error(ErrorKind::bad_input, "there are no token ids to run");
    const std::int64_t vocabulary = model.parts().embedding.rows(), positions = positions_of(model);
    const auto refuse = [&](const std::string& why) {
        throw Error(ErrorKind::bad_input, model.parts().path.string() + ": " + why);
    };
    for (std::size_t row = 0; row < ids.size(); ++row) {
        if (ids[row].size() != ids.front().size())
            throw Error(ErrorKind::bad_input, "rows of token ids must be equally long; one has " +
                                                  std::to_string(ids[row].size()) + ", the first " +
                                                  std::to_string(ids.front().size()));
        if (positions > 0 && std::ssize(ids[row]) > positions)
            refuse("rows of " + std::to_string(ids[row].size()) + " token ids are longer than the " +
                   std::to_string(positions) + " positions of the model; use shorter ones");
        for (const std::int32_t id : ids[row])
            if (id < 0 || id >= vocabulary)
                refuse("token id " + std::to_string(id) + " in row " + std::to_string(row + 1) +
                       " is outside the vocabulary of " + std::to_string(vocabulary));
    }
}

HostTensor logits(std::shared_ptr<const Model> model, std::shared_ptr<const QuantizedModel> quantized,
                  const std::vector<std::vector<std::int32_t>>& ids, JobContext& ctx) {
    check_token_ids(*model, ids);
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
