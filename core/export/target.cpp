#include "core/export/target.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/export/exporter.h"

namespace graticule {
namespace {

std::string inputs_text(const std::optional<TensorScheme>& input) {
    return input ? "a=" + to_text(*input) : std::string("inputs in 16 bits");
}

std::string line_of(const TargetReport::Part& part) {
    const Served& served = part.served;
    std::string text;
    switch (served.fate) {
    case Fate::as_asked:
        text = "runs as asked";
        break;
    case Fate::other_inputs:
        text = inputs_text(served.input) + " instead of a=" + (part.asked ? to_text(*part.asked) : "none");
        break;
    case Fate::refused:
        text = "is refused";
        break;
    case Fate::other_model:
        text = "loads as another model";
        break;
    }
    if (!served.why.empty()) text += ": " + served.why;
    if (!served.source.empty()) text += " [" + served.source + "]";
    return text;
}

std::optional<StoredLinear> stored_by(const Exporter& exporter, const Model& model, const Linear& linear,
                                      const std::optional<SchemeChoice>& choice) {
    auto stored = choice ? exporter.stored(linear, *choice) : std::nullopt;
    if (stored) stored->config = &model.config();
    return stored;
}

} // namespace

std::string_view to_text(Fate fate) {
    static constexpr std::string_view names[] = {"as asked", "other inputs", "refused", "another model"};
    return names[static_cast<std::size_t>(fate)];
}

const Target& target_named(std::string_view name) {
    std::string known;
    for (const Target& target : all_targets()) {
        if (target.name == name) return target;
        known += (known.empty() ? "" : ", ") + std::string(target.name);
    }
    throw Error(ErrorKind::usage, "target \"" + std::string(name) + "\" is not known; there is: " + known);
}

TargetReport target_report(const Model& model, const LayerChoices& choices, const Exporter& exporter,
                           const Target& target) {
    TargetReport report;
    report.target = &target;
    for (const Linear& linear : model.linears()) {
        const auto& choice = choices.at(index_of(linear.id));
        const auto stored = stored_by(exporter, model, linear, choice);
        if (!stored) continue;
        Served served = served_at(target, *stored);
        report.fate = std::max(report.fate, served.fate);
        const auto same = std::ranges::find_if(report.parts, [&](const TargetReport::Part& part) {
            return part.served.fate == served.fate && part.served.why == served.why &&
                   part.served.input == served.input && part.asked == stored->input;
        });
        if (same == report.parts.end())
            report.parts.push_back({std::move(served), stored->input, linear.short_name, 1});
        else
            ++same->layers;
    }
    return report;
}

std::vector<TargetReport> target_reports(const Model& model, const LayerChoices& choices, const Exporter& exporter) {
    std::vector<TargetReport> reports;
    for (const Target& target : all_targets())
        if (std::ranges::find(target.exporters, exporter.name) != target.exporters.end())
            reports.push_back(target_report(model, choices, exporter, target));
    return reports;
}

std::vector<std::string> to_lines(const TargetReport& report) {
    std::vector<std::string> lines;
    for (const TargetReport::Part& part : report.parts) {
        const std::string layers =
            part.first_layer + (part.layers > 1 ? " and " + std::to_string(part.layers - 1) + " more: " : ": ");
        lines.push_back((report.parts.size() > 1 ? layers : std::string()) + line_of(part));
    }
    return lines;
}

nlohmann::json to_json(const std::vector<TargetReport>& reports) {
    using nlohmann::json;
    const auto inputs = [](const std::optional<TensorScheme>& input) {
        return input ? json(to_text(*input)) : json(nullptr);
    };
    json all = json::array();
    for (const TargetReport& report : reports) {
        json parts = json::array();
        for (const TargetReport::Part& part : report.parts)
            parts.push_back({{"fate", to_text(part.served.fate)},
                             {"first_layer", part.first_layer},
                             {"layers", part.layers},
                             {"inputs_asked", inputs(part.asked)},
                             {"inputs", runs(part.served.fate) ? inputs(part.served.input) : json(nullptr)},
                             {"why", part.served.why},
                             {"source", part.served.source.empty() ? json(nullptr) : json(part.served.source)}});
        all.push_back({{"name", report.target->name},
                       {"program", report.target->program},
                       {"label", report.target->label},
                       {"basis", report.target->basis},
                       {"fate", to_text(report.fate)},
                       {"parts", std::move(parts)}});
    }
    return all;
}

LayerChoices served_choices(const Model& model, LayerChoices choices, const Exporter& exporter, const Target& target) {
    for (const Linear& linear : model.linears()) {
        auto& choice = choices.at(index_of(linear.id));
        const auto stored = stored_by(exporter, model, linear, choice);
        if (!stored) continue;
        const Served there = served_at(target, *stored);
        if (!runs(there.fate))
            throw Error(ErrorKind::unsupported, std::string(target.label) + " does not run " + linear.short_name +
                                                    ": " + line_of({there, {}, {}, 1}));
        choice->scheme.input = there.input;
    }
    return choices;
}

std::shared_ptr<const QuantizedModel> as_served(const QuantizedModel& model, const Exporter& exporter,
                                                const Target& target) {
    const LayerChoices there = served_choices(*model.base, choices_of(model), exporter, target);
    auto served = std::make_shared<QuantizedModel>(model); // codes and tensors are shared
    for (std::size_t i = 0; i < there.size(); ++i) {
        auto& linear = served->linears.at(i);
        if (!linear || linear->choice.scheme.input == there[i]->scheme.input) continue;
        linear->choice.scheme.input = there[i]->scheme.input;
        linear->static_input.reset(); // of the scheme that is not used
    }
    served->provenance.served_as = std::string(target.name);
    return served;
}

} // namespace graticule
