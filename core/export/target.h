// Programs that read what is exported, as rows with their versions, and what becomes of a recipe in each: it runs as
// asked, with other inputs than asked, or not at all. A row says what it rests on; a rule of a program that was not run
// here names the source, documentation or public report it is taken from.
//
//     for (const TargetReport& report : target_reports(model, choices, exporter_named("compressed-tensors")))
//         std::cout << report.target->label << ": " << to_text(report.fate) << "\n";
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/recipe/layer_choices.h"
#include "core/result/quantized_model.h"

namespace graticule {

struct Exporter;

/// How an exporter stores one linear, as far as its readers decide by it.
struct StoredLinear {
    /// "pack-quantized", "int-quantized", "float-quantized", "gptq", "awq", "qserve", "packed"; of GGUF "Q4_1"
    std::string layout;
    int bits = 0;           ///< of the codes in the file
    bool symmetric = true;  ///< no zero points are stored
    std::int64_t group = 0; ///< 0: one scale an output channel
    std::int64_t in_features = 0;
    std::optional<TensorScheme> input;   ///< that the file asks for
    const ModelConfig* config = nullptr; ///< of the model, for readers that do not take every one; null: not known
};

/// From the best to the worst: a program that says nothing and computes something else is worse than one that stops.
enum class Fate : std::uint8_t { as_asked, other_inputs, refused, other_model };
[[nodiscard]] std::string_view to_text(Fate fate); ///< "as asked", "other inputs", "refused", "another model"
[[nodiscard]] constexpr bool runs(Fate fate) { return fate < Fate::refused; }

struct Target {
    std::string_view name;                   ///< on the command line: "vllm-sm90"
    std::string_view label;                  ///< on screen: "vLLM on Hopper (sm90)"
    std::string_view program;                ///< "vLLM"
    std::string_view basis;                  ///< versions, and whether they were run here
    std::vector<std::string_view> exporters; ///< whose files it is given, the most telling first
};
[[nodiscard]] std::span<const Target> all_targets();
/// Throws Error{usage} naming the targets there are.
[[nodiscard]] const Target& target_named(std::string_view name);

/// What a target does with one linear.
struct Served {
    Fate fate = Fate::as_asked;
    std::optional<TensorScheme> input; ///< what its inputs are rounded to there; absent: they stay as they are
    std::string why;                   ///< what happens and the way round; empty: nothing needs saying
    std::string source;                ///< address of what that is taken from; empty: tried here
};
[[nodiscard]] Served served_at(const Target& target, const StoredLinear& linear);

/// What a target does with a whole model: linears of the same fate are told together.
struct TargetReport {
    struct Part {
        Served served;
        std::optional<TensorScheme> asked; ///< inputs that the recipe asks for
        std::string first_layer;
        std::size_t layers = 0;
    };
    const Target* target = nullptr;
    Fate fate = Fate::as_asked; ///< the worst of its parts
    std::vector<Part> parts;    ///< in order of their first layers
};
/// Of the exporter's own targets; linears that it cannot store are left out (Exporter::check tells of them).
[[nodiscard]] std::vector<TargetReport> target_reports(const Model& model, const LayerChoices& choices,
                                                       const Exporter& exporter);
[[nodiscard]] TargetReport target_report(const Model& model, const LayerChoices& choices, const Exporter& exporter,
                                         const Target& target);
/// "layers.0.q_proj and 7 more: a=fp8_e4m3/sym/token instead of a=int8/sym/token; ...": one line a part, without the
/// names of layers where there is one part only.
[[nodiscard]] std::vector<std::string> to_lines(const TargetReport& report);

[[nodiscard]] nlohmann::json to_json(const std::vector<TargetReport>& reports);

/// The choices with the inputs that the target rounds to. Throws Error{unsupported} where it does not run a linear.
[[nodiscard]] LayerChoices served_choices(const Model& model, LayerChoices choices, const Exporter& exporter,
                                          const Target& target);
/// The model with the inputs of its linears rounded as the report says: an evaluation of it gives the figures that one
/// gets there, but for what its parts' `why` names. Throws as served_choices.
[[nodiscard]] std::shared_ptr<const QuantizedModel> as_served(const QuantizedModel& model, const Exporter& exporter,
                                                              const Target& target);

} // namespace graticule
