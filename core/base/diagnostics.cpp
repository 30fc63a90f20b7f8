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

} // namespace graticule
