#include "app/remote/check_answer.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace graticule {
namespace {

[[noreturn]] void refuse(const std::string& member, const std::string& is, const std::string& must) {
    throw Error(ErrorKind::bad_input, "the worker's answer: " + member + " is " + is + ", but must be " + must +
                                          "; is it the worker that the command was meant to start?");
}

void expect(const std::string& member, const std::string& is, const std::string& must) {
    if (is != must) refuse(member, "\"" + is + "\"", "\"" + must + "\"");
}

void expect(const std::string& member, std::int64_t is, std::int64_t must) {
    if (is != must) refuse(member, std::to_string(is), std::to_string(must));
}

} // namespace

void check_answer(const Evaluation& evaluation, const EvaluationOrder& order, JobContext& ctx) {
    const Protocol& protocol = evaluation.protocol;
    expect("the model's hash", evaluation.provenance.model_hash, order.model_hash);
    expect("the protocol", protocol.name, order.protocol);
    expect("the window", protocol.window, order.window);
    expect("the precision", to_text(protocol.execution), to_text(order.execution));
    expect("windows_used", protocol.windows_used,
           order.max_windows == 0 ? protocol.windows_there : std::min(order.max_windows, protocol.windows_there));
    const std::vector<double>& losses = evaluation.window_losses;
    expect("the number of losses", static_cast<std::int64_t>(losses.size()), protocol.windows_used);
    for (const double loss : losses)
        if (std::isnan(loss) || loss < 0) refuse("a loss", std::to_string(loss), "a number from 0 on");
    const double perplexity = perplexity_of(losses);
    if (std::abs(evaluation.perplexity - perplexity) > 1e-9 * perplexity)
        refuse("the perplexity", std::to_string(evaluation.perplexity), std::to_string(perplexity) + " by its losses");
    for (const auto& [name, version] : current_versions())
        for (const auto& [name_there, version_there] : evaluation.provenance.versions)
            if (name_there == name && version_there != version)
                ctx.log(evaluation.provenance.host + " has version " + version_there + " of " + name + ", here is " +
                        version + ": results may differ");
}

} // namespace graticule
