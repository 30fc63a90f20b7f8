#include "core/engine/logits_check.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/engine/resolve.h"

namespace graticule {

namespace {

/// What happens to each linear's inputs, and nothing else.
Recipe inputs_alone(const QuantizedModel& quantized) {
    Recipe recipe;
    for (const auto& linear : quantized.linears) {
        if (!linear) continue;
        if (linear->static_input || !linear->static_operands.empty())
            throw Error(ErrorKind::unsupported, linear->report.name + " has static input ranges, which a checkpoint "
                                                                      "does not hold; logits are not compared");
        SchemeChoice choice;
        choice.scheme = linear->choice.scheme;
        choice.scheme.weight.reset();
        if (choice != SchemeChoice()) recipe.rules.push_back({linear->report.name, false, choice});
    }
    return recipe;
}

LogitsCheck differences(const std::vector<float>& meant, const std::vector<float>& found, std::size_t vocabulary) {
    LogitsCheck check;
    check.tokens = static_cast<std::int64_t>(meant.size() / vocabulary);
    for (std::size_t row = 0; row + vocabulary <= meant.size(); row += vocabulary) {
        for (std::size_t i = row; i < row + vocabulary; ++i) {
            check.largest_logit = std::max(check.largest_logit, std::abs(double{meant[i]}));
            check.largest_difference = std::max(check.largest_difference, std::abs(double{meant[i]} - found[i]));
        }
        const auto first = [row, vocabulary](const std::vector<float>& logits) {
            const auto begin = logits.begin() + static_cast<std::ptrdiff_t>(row);
            return std::max_element(begin, begin + static_cast<std::ptrdiff_t>(vocabulary)) - begin;
        };
        check.other_choices += first(meant) != first(found);
    }
    return check;
}

} // namespace

LogitsCheck check_logits(std::shared_ptr<const QuantizedModel> quantized, const std::filesystem::path& written,
                         const std::vector<std::int32_t>& window, JobContext& ctx) {
    const Recipe recipe = inputs_alone(*quantized);
    const std::vector<std::vector<std::int32_t>> rows{window};
    const HostTensor meant = logits(quantized->base, quantized, rows, ctx);
    const OpenedModel again = open_model(written, ctx);
    std::shared_ptr<const QuantizedModel> inputs;
    if (!recipe.rules.empty()) {
        const Resolution resolution = resolve(recipe, *again.model);
        if (!resolution.resolved)
            throw Error(ErrorKind::unsupported, written.string() + ": its inputs cannot be quantized as before: " +
                                                    resolution.diagnostics.text());
        inputs = quantize(again.model, nullptr, *resolution.resolved, ctx);
    }
    const HostTensor found = logits(again.model, inputs, rows, ctx);
    if (meant.shape != found.shape)
        throw Error(ErrorKind::internal, written.string() + " gives logits of shape " + to_text(found.shape) +
                                             " instead of " + to_text(meant.shape));
    return differences(to_floats(meant), to_floats(found), static_cast<std::size_t>(meant.shape.back()));
}

} // namespace graticule
