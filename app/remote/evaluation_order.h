// One evaluation as it is asked of a worker, whole: what must be there on its machine is the model alone. Its id says
// what is asked, so that who asks the same again finds the same job, whoever asked first and whatever became of them.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "core/base/execution.h"
#include "core/engine/engine.h"
#include "core/recipe/recipe.h"

namespace graticule {

/// A file as it is, UTF-8. Its name decides how it becomes a text (core/io/corpus.h).
struct OrderText {
    std::string name; ///< without folders; empty: the built-in text
    std::string content;
    bool operator==(const OrderText&) const = default;
};

struct EvaluationOrder {
    std::string model;      ///< path on the worker's machine, or a sample's name
    std::string model_hash; ///< SHA-256 as in provenance; a model of another one is refused
    std::string device = "cpu";
    Execution execution;             ///< settled (core/runtime/settle_execution.h)
    std::int64_t weight_budget = -1; ///< as JobContext::weight_budget
    std::optional<Recipe> recipe;    ///< none: the model as it is
    std::string served_as;           ///< Target::name; empty: as the recipe says
    OrderText calibration;           ///< what the recipe's calibration text is
    OrderText text;
    std::string text_rule = "auto"; ///< parse_text_rule
    std::string protocol = "gptq";  ///< ProtocolRow::name
    std::int64_t window = 2048;     ///< tokens
    std::int64_t max_windows = 0;   ///< 0: all
};

/// The file at `path` as it is sent; the built-in text where that is empty. Throws Error{bad_input} naming the file
/// where it cannot be read, is larger than 48 MB or is not UTF-8.
[[nodiscard]] OrderText order_text(const std::string& path);

[[nodiscard]] nlohmann::json to_json(const EvaluationOrder& order);
/// Throws Error{bad_input} or Error{usage} naming the member, what it must be and what it is.
[[nodiscard]] EvaluationOrder read_order(const nlohmann::json& value);
/// Of this order done by this build of the program: 64 hexadecimal digits.
[[nodiscard]] std::string order_id(const EvaluationOrder& order);

} // namespace graticule
