#include "core/base/diagnostics.h"

#include <algorithm>
#include <utility>

namespace graticule {

void Diagnostics::add(Severity severity, std::string where, std::string text) {
    items.push_back({severity, std::move(where), std::move(text)});
}

void Diagnostics::append(const Diagnostics& other) {
    items.insert(items.end(), other.items.begin(), other.items.end());
}

bool Diagnostics::has_errors() const {
    return std::any_of(items.begin(), items.end(), [](const Diagnostic& d) { return d.severity == Severity::error; });
}

std::string Diagnostics::text() const {
    static constexpr const char* names[] = {"note", "warning", "error"};
    std::string all;
    for (const Diagnostic& d : items) {
        if (!all.empty()) all += '\n';
        all += names[static_cast<int>(d.severity)];
        all += ": ";
        if (!d.where.empty()) all += d.where + ": ";
        all += d.text;
    }
    return all;
}

std::vector<std::string> Diagnostics::lines(Severity severity) const {
    std::vector<std::string> lines;
    for (const Diagnostic& d : items)
        if (d.severity == severity) lines.push_back((d.where.empty() ? "" : d.where + ": ") + d.text);
    return lines;
}

void LayerProblems::add(const std::string& text, const std::string& layer) {
    auto known =
        std::find_if(found_.begin(), found_.end(), [&](const Problem& problem) { return problem.text == text; });
    if (known == found_.end()) known = found_.insert(known, Problem{text, layer, 0});
    ++known->layers;
}

void LayerProblems::report(Severity severity, Diagnostics& all) const {
    for (const Problem& problem : found_)
        all.add(severity,
                problem.first_layer +
                    (problem.layers > 1 ? " and " + std::to_string(problem.layers - 1) + " more" : std::string()),
                problem.text);
}

} // namespace graticule
