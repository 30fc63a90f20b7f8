// What checking a recipe or an export found: all of it at once, never an exception.
#pragma once

#include <string>
#include <vector>

namespace graticule {

enum class Severity { note, warning, error };

struct Diagnostic {
    Severity severity = Severity::error;
    std::string where; ///< layer, rule, or field the text is about; empty: the whole document
    std::string text;  ///< what is wrong, the value, the way out
    bool operator==(const Diagnostic&) const = default;
};

struct Diagnostics {
    std::vector<Diagnostic> items;

    void add(Severity severity, std::string where, std::string text);
    void append(const Diagnostics& other);
    [[nodiscard]] bool has_errors() const;
    [[nodiscard]] std::string text() const; ///< one line an item: "error: where: text"
    bool operator==(const Diagnostics&) const = default;
};

} // namespace graticule
