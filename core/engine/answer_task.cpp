#include "core/engine/answer_task.h"

#include <algorithm>

#include "core/base/hold.h"
#include "core/engine/run_provenance.h"
#include "core/runtime/model_runner.h"
#include "core/runtime/settle_execution.h"

namespace graticule {

namespace {

struct Request {
    std::size_t item = 0, choice = 0;
};

struct Requests {
    std::vector<ScoreRequest> texts;
    std::vector<Request> of; ///< which choice each is
    std::int64_t tokens = 0, shortened = 0;
};

ScoreRequest request_of(const TaskChoice& choice, const Tokenizer& tokenizer, const std::string& where) {
    ScoreRequest request{tokenizer.encode(choice.context + choice.continuation),
                         static_cast<std::int64_t>(tokenizer.encode(choice.context).size())};
    if (request.first == 0)
        throw Error(ErrorKind::bad_input, where + " begins with a choice; something must stand before it, and this "
                                                  "model's tokenizer adds nothing");
    if (std::cmp_greater_equal(request.first, request.tokens.size()))
        throw Error(ErrorKind::bad_input,
                    where + ": the choice \"" + choice.continuation + "\" adds no tokens to what stands before it");
    return request;
}

Requests requests_of(const TaskSet& set, const Tokenizer& tokenizer, const Model& model, JobContext& ctx) {
    // Nothing is predicted from the last token, so a request may have one more than the model has positions.
    const std::int64_t most = model.config().max_positions > 0 ? model.config().max_positions + 1 : 0;
    Requests requests;
    for (std::size_t i = 0; i < set.items.size(); ++i) {
        const TaskItem& item = set.items[i];
        for (std::size_t choice = 0; choice < item.choices.size(); ++choice) {
            const std::string where = set.name + ", " + item.place;
            ScoreRequest request = request_of(item.choices[choice], tokenizer, where);
            const std::int64_t over = most > 0 ? std::ssize(request.tokens) - most : 0;
            if (over >= request.first)
                throw Error(ErrorKind::bad_input,
                            where + ": a choice of " + std::to_string(std::ssize(request.tokens) - request.first) +
                                " tokens does not fit the model's " + std::to_string(most - 1) + " positions");
            if (over > 0) {
                request.tokens.erase(request.tokens.begin(), request.tokens.begin() + over);
                request.first -= over;
                ++requests.shortened;
            }
            requests.tokens += std::ssize(request.tokens);
            requests.texts.push_back(std::move(request));
            requests.of.push_back({i, choice});
        }
        ctx.check_cancelled();
    }
    return requests;
}

/// Bytes of a choice as it is written, without the blank before it.
double written_bytes(const std::string& continuation) {
    return static_cast<double>(continuation.size() - (continuation.starts_with(' ') ? 1 : 0));
}

void judge(AnsweredItem& item, const Task& task) {
    if (task.first_choice) {
        item.right = item.right_norm = item.first_choice;
    } else {
        item.right = item.choice() == item.gold;
        item.right_norm = item.choice(true) == item.gold;
    }
    item.pending = false;
}

std::shared_ptr<TaskRun> begin_run(const EvaluationSide& side, const Model& model, const TaskSet& set,
                                   const Requests& requests, const TaskProtocol& protocol, const Provenance& common) {
    auto run = std::make_shared<TaskRun>();
    run->protocol = protocol;
    run->tokens = requests.tokens;
    run->shortened = requests.shortened;
    run->provenance = common;
    describe_recipe(run->provenance, side.quantized.get());
    run->run_name = side_name(side, model);
    for (const TaskItem& item : set.items) {
        AnsweredItem& answered = run->items.emplace_back();
        answered.place = item.place;
        answered.gold = item.gold;
        answered.pending = true;
        answered.scores.resize(item.choices.size());
        for (const TaskChoice& choice : item.choices) answered.bytes.push_back(written_bytes(choice.continuation));
    }
    return run;
}

} // namespace

void check_task(const TaskSet& set, const Tokenizer& tokenizer, const Model& model, JobContext& ctx) {
    ctx.progress.begin("Tokenizing " + set.name, 0);
    (void)requests_of(set, tokenizer, model, ctx);
}

std::vector<std::shared_ptr<const TaskRun>> answer_task(std::shared_ptr<const Model> model,
                                                        std::span<const EvaluationSide> sides,
                                                        const Tokenizer& tokenizer, const TaskSet& set, JobContext& ctx,
                                                        const TaskCallback& on_answer) {
    const WorkClock clock;
    model->start_hashing();
    ctx.progress.begin("Tokenizing " + set.name, 0);
    const Requests requests = requests_of(set, tokenizer, *model, ctx);
    if (requests.shortened > 0)
        ctx.log(std::to_string(requests.shortened) + " of " + std::to_string(requests.texts.size()) +
                " requests lost their beginning to the model's " + std::to_string(model->config().max_positions) +
                " positions");

    const Device device = open_device(ctx.device);
    TaskProtocol protocol{std::string(set.task->name),
                          std::string(set.task->label),
                          set.name,
                          std::ssize(set.items),
                          std::int64_t(set.there),
                          set.task->spread,
                          std::int64_t(set.examples),
                          settle_execution(ctx.execution, ctx.device, *model),
                          {}};
    std::vector<std::span<const std::int32_t>> ids;
    for (const ScoreRequest& request : requests.texts) ids.emplace_back(request.tokens);
    Provenance common = run_provenance(device, protocol.execution, Corpus{set.name, {}, {}}, ids);
    protocol.data_hash = common.data_hash;
    common.protocol = protocol.text();
    std::vector<std::shared_ptr<TaskRun>> runs;
    std::vector<std::shared_ptr<const QuantizedModel>> weights;
    for (const EvaluationSide& side : sides) {
        runs.push_back(begin_run(side, *model, set, requests, protocol, common));
        weights.push_back(side.quantized);
    }

    const std::vector<std::shared_ptr<const TaskRun>> so_far(runs.begin(), runs.end());
    std::vector<std::size_t> open; // choices of each item without a score
    for (const TaskItem& item : set.items) open.push_back(item.choices.size());

    ctx.progress.begin("Answering " + protocol.label, std::ssize(requests.texts));
    RunnerOptions options;
    options.execution = protocol.execution;
    options.weight_budget = ctx.weight_budget;
    ModelRunner runner(model, weights, device, options);
    runner.score(requests.texts, ctx, [&](std::size_t request, std::span<const TokenPredictions> predictions) {
        const auto [item, choice] = requests.of[request];
        for (std::size_t side = 0; side < runs.size(); ++side) {
            AnsweredItem& answered = runs[side]->items[item];
            double score = 0;
            for (const TokenPrediction& token : predictions[side]) score -= double(token.loss);
            answered.scores[choice] = score;
            if (choice == answered.gold)
                answered.first_choice = std::ranges::all_of(
                    predictions[side], [](const TokenPrediction& token) { return token.choice == token.token; });
        }
        if (--open[item] == 0) {
            for (const auto& run : runs) judge(run->items[item], *set.task);
            if (on_answer) on_answer(so_far);
        }
        ctx.advance();
    });
    for (const auto& run : runs) {
        run->provenance.model_hash = model->hash(ctx);
        run->provenance.product_tokens = runner.smaller_products();
        run->seconds = clock.seconds();
    }
    return so_far;
}

} // namespace graticule
