#include "core/method/method.h"

#include <algorithm>

namespace graticule {

const MethodRow* find_method(std::string_view name) {
    const auto rows = all_methods();
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const MethodRow& r) { return r.name == name; });
    return row == rows.end() ? nullptr : &*row;
}

ParamMap complete_params(const MethodRow& row, const ParamMap& set) {
    ParamMap all;
    for (const ParamSpec& spec : row.params) {
        const auto found = set.find(spec.name);
        ParamValue value = found == set.end() ? spec.default_value : found->second;
        if (const auto* whole = std::get_if<std::int64_t>(&value); whole != nullptr && spec.kind == ParamKind::real)
            value = double(*whole);
        all.emplace(spec.name, std::move(value));
    }
    return all;
}

SchemeChoice without_defaults(const SchemeChoice& choice) {
    SchemeChoice concise = choice;
    for (MethodStep& step : concise.steps)
        if (const MethodRow* row = find_method(step.method))
            for (const ParamSpec& spec : row->params)
                if (const auto set = step.params.find(spec.name);
                    set != step.params.end() && set->second == spec.default_value)
                    step.params.erase(set);
    return concise;
}

bool uses_samples(const SchemeChoice& choice) {
    return std::ranges::any_of(choice.steps, [](const MethodStep& step) {
        const MethodRow* row = find_method(step.method);
        return row != nullptr && row->needs == Needs::samples;
    });
}

const MethodStep* step_of(const SchemeChoice& choice, Stage stage) {
    for (const MethodStep& step : choice.steps)
        if (const MethodRow* row = find_method(step.method); row != nullptr && row->stage() == stage) return &step;
    return nullptr;
}

} // namespace graticule
