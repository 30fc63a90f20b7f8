// A pattern of layer names as recipes and the layer filter have them, compiled once and asked often.
#pragma once

#include <memory>
#include <string>

namespace graticule {

/// Made from any text: one that cannot be read says so in `problem()` and matches nothing. Patterns come from outside
/// and are asked while somebody types, so asking never throws and is bounded: the matcher gives up instead of hanging.
class LayerPattern {
public:
    enum class Answer { no, yes, too_long };

    /// A glob ("*.v_proj", "layers.{0,7}.*") or a regular expression.
    explicit LayerPattern(std::string pattern, bool regex = false);

    /// Empty when the pattern can be read, else what is wrong with it.
    [[nodiscard]] const std::string& problem() const { return problem_; }
    /// `yes` when the pattern matches `name` or an end of it that starts after a dot ("layers.3.fc2" matches
    /// "model.decoder.layers.3.fc2"). Regular expressions are anchored at both ends likewise.
    [[nodiscard]] Answer ask(const std::string& name) const noexcept;
    [[nodiscard]] bool matches(const std::string& name) const noexcept { return ask(name) == Answer::yes; }
    /// What to say where `ask(name)` was `too_long`.
    [[nodiscard]] std::string too_long_on(const std::string& name) const;

private:
    std::string text_;
    std::string problem_;
    std::shared_ptr<const void> code_; // pcre2_code
};

} // namespace graticule
