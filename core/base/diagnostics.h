// What checking a recipe or an export found: all of it at once, never an exception.
#pragma once

#include <cstddef>
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
    [[nodiscard]] std::string text() const;                                ///< one line per item: "error: where: text"
    [[nodiscard]] std::vector<std::string> lines(Severity severity) const; ///< of these items: "where: text"
    bool operator==(const Diagnostics&) const = default;
};

/// Problems of many layers, said once each: "layers.0.fc2 and 7 more: ...". Sentences are told apart by their text, so
/// they name no layer themselves.
class LayerProblems {
public:
    void add(const std::string& text, const std::string& layer);
    void report(Severity severity, Diagnostics& all) const;

private:
    struct Problem {
        std::string text, first_layer;
        std::size_t layers = 0;
    };
    std::vector<Problem> found_;
};

} // namespace graticule
