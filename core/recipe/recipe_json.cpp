// Recipes as JSON, schema version 1. Reading is strict: every unknown key, wrong type and impossible value is
// collected, so that a file is corrected once and not once an error.
#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/io/json_file.h"
#include "core/recipe/layer_pattern.h"
#include "core/recipe/recipe.h"

namespace graticule {

namespace {

using Json = nlohmann::ordered_json;

// ---- writing

Json scheme_json(Operand operand, const TensorScheme& scheme) {
    Json json = {
        {"format", scheme.format->name}, {"symmetric", scheme.symmetric}, {"granularity", to_text(scheme.levels)}};
    // Written only where they are not what goes without saying, so that the hashes of older recipes stay.
    if (scheme.zero_coding == ZeroCoding::i8 && !scheme.symmetric && !is_dual_grain(scheme.levels))
        json["zero_point"] = "i8";
    if (scheme.four_over_six) json["four_over_six"] = true;
    if (operand != Operand::weight) json["dynamic"] = scheme.dynamic;
    return json;
}

Json value_json(const ParamValue& value) {
    return std::visit([](const auto& held) { return Json(held); }, value);
}

Json choice_json(const SchemeChoice& choice) {
    Json json = Json::object();
    for (const OperandName& row : operand_names())
        if (const auto& tensor = choice.scheme[row.operand])
            json[std::string(row.name)] = scheme_json(row.operand, *tensor);
    Json steps = Json::array();
    for (const MethodStep& step : choice.steps) {
        Json params = Json::object();
        for (const auto& [name, value] : step.params) params[name] = value_json(value);
        steps.push_back({{"method", step.method}, {"params", std::move(params)}});
    }
    if (!steps.empty()) json["methods"] = std::move(steps);
    return json;
}

// ---- reading

/// Collects problems with the place they are at: "rules[1].choice.weight.format".
class Reader {
public:
    [[nodiscard]] Recipe read(const Json& json);
    [[nodiscard]] const Diagnostics& problems() const { return problems_; }

private:
    void problem(const std::string& where, const std::string& text) { problems_.add(Severity::error, where, text); }

    bool is_object(const Json& json, const std::string& where, std::initializer_list<std::string_view> known) {
        if (!json.is_object()) {
            problem(where, std::string("this is ") + json.type_name() + ", but must be an object");
            return false;
        }
        for (const auto& [key, value] : json.items()) {
            if (std::find(known.begin(), known.end(), key) != known.end()) continue;
            std::string names;
            for (const std::string_view name : known) names += (names.empty() ? "" : ", ") + std::string(name);
            problem(where, "there is no key \"" + key + "\" here; keys are " + names);
            misspelled_.insert(&json);
        }
        return true;
    }

    /// A required key that is not there. Beside an unknown key it is taken for misspelled, which was said.
    bool lacks(const Json& json, const char* key) const { return !json.contains(key) && !misspelled_.contains(&json); }

    static bool is_text(const Json& json, const char* key) { return json.contains(key) && json.at(key).is_string(); }

    template <class T>
    void take(const Json& json, const char* key, const std::string& where, T& out) {
        const auto found = json.find(key);
        if (found == json.end()) return;
        bool good = false;
        const char* wanted = "text";
        if constexpr (std::is_same_v<T, bool>) {
            good = found->is_boolean();
            wanted = "true or false";
        } else if constexpr (std::is_integral_v<T>) {
            good = found->is_number_integer() && (found->is_number_unsigned() || std::is_signed_v<T>);
            wanted = "a whole number";
        } else {
            good = found->is_string();
        }
        if (good)
            out = found->template get<T>();
        else
            problem(join(where, key), "this is " + found->dump() + ", but must be " + wanted);
    }

    static std::string join(const std::string& where, const std::string& key) {
        return where.empty() ? key : where + "." + key;
    }

    SchemeChoice read_choice(const Json& json, const std::string& where);
    std::optional<TensorScheme> read_scheme(const Json& json, const OperandName& operand, const std::string& where);
    MethodStep read_step(const Json& json, const std::string& where);
    Rule read_rule(const Json& json, const std::string& where);
    CalibrationSpec read_calibration(const Json& json, const std::string& where);

    Diagnostics problems_;
    std::set<const Json*> misspelled_; // objects with a key that is unknown
};

std::optional<TensorScheme> Reader::read_scheme(const Json& json, const OperandName& operand,
                                                const std::string& where) {
    if (!is_object(json, where, {"format", "symmetric", "granularity", "zero_point", "four_over_six", "dynamic"}))
        return std::nullopt;
    std::string format, granularity, zero_point;
    take(json, "format", where, format);
    take(json, "granularity", where, granularity);
    if (lacks(json, "format")) problem(where, "the key \"format\" is missing, such as \"int4\"");
    if (!is_text(json, "format")) return std::nullopt; // there is nothing to check the rest against
    if (format.find('/') != std::string::npos) {
        problem(join(where, "format"), "\"" + format + "\" is a line of notation; a format is its first part alone");
        return std::nullopt;
    }
    if (!granularity.empty() && parse_levels(granularity).empty()) {
        problem(join(where, "granularity"),
                "\"" + granularity +
                    "\" does not say who shares a scale, as tensor, channel, token, g128 or dual128 do");
        granularity.clear();
    }
    // The notation knows the defaults; going through it keeps one place for them.
    std::string line = std::string(operand.letter) + "=" + format;
    bool symmetric = true, dynamic = true, four_over_six = false;
    take(json, "symmetric", where, symmetric);
    take(json, "dynamic", where, dynamic);
    take(json, "zero_point", where, zero_point);
    take(json, "four_over_six", where, four_over_six);
    if (json.contains("zero_point") && (zero_point != "i8" || symmetric))
        problem(join(where, "zero_point"),
                "this is " + json.at("zero_point").dump() + ", but must be \"i8\", beside \"symmetric\": false");
    if (json.contains("symmetric")) line += symmetric ? "/sym" : zero_point == "i8" ? "/asym:i8" : "/asym";
    if (four_over_six) line += "/four_over_six";
    if (!granularity.empty()) line += "/" + granularity;
    if (json.contains("dynamic")) {
        if (operand.operand == Operand::weight)
            problem(join(where, "dynamic"), "weights are known beforehand; remove this key");
        else
            line += dynamic ? "/dynamic" : "/static";
    }
    try {
        return parse_scheme_line(line).scheme[operand.operand];
    } catch (const Error& error) {
        problem(where, error.info().message);
        return std::nullopt;
    }
}

MethodStep Reader::read_step(const Json& json, const std::string& where) {
    MethodStep step;
    if (!is_object(json, where, {"method", "params"})) return step;
    take(json, "method", where, step.method);
    if (lacks(json, "method")) problem(where, "the key \"method\" is missing");
    const auto params = json.find("params");
    if (params == json.end()) return step;
    if (!params->is_object()) {
        problem(join(where, "params"), "this must be an object of parameter values");
        return step;
    }
    for (const auto& [name, value] : params->items()) {
        if (value.is_boolean())
            step.params[name] = value.get<bool>();
        else if (value.is_number_integer())
            step.params[name] = value.get<std::int64_t>();
        else if (value.is_number())
            step.params[name] = value.get<double>();
        else if (value.is_string())
            step.params[name] = value.get<std::string>();
        else
            problem(join(where, "params." + name),
                    "this is " + value.dump() + ", but must be true, false, a number or text");
    }
    return step;
}

SchemeChoice Reader::read_choice(const Json& json, const std::string& where) {
    SchemeChoice choice;
    if (json.is_string()) {
        try {
            return parse_scheme_line(json.get<std::string>());
        } catch (const Error& error) {
            problem(where, error.info().message);
            return choice;
        }
    }
    if (!is_object(json, where, {"weight", "input", "query", "key", "value", "probability", "methods"})) return choice;
    for (const OperandName& operand : operand_names())
        if (const auto found = json.find(std::string(operand.name)); found != json.end())
            choice.scheme[operand.operand] = read_scheme(*found, operand, join(where, std::string(operand.name)));
    const auto steps = json.find("methods");
    if (steps == json.end()) return choice;
    if (!steps->is_array()) {
        problem(join(where, "methods"), "this must be a list of {\"method\", \"params\"}");
        return choice;
    }
    for (std::size_t i = 0; i < steps->size(); ++i)
        choice.steps.push_back(read_step((*steps)[i], join(where, "methods[" + std::to_string(i) + "]")));
    return choice;
}

Rule Reader::read_rule(const Json& json, const std::string& where) {
    Rule rule;
    if (!is_object(json, where, {"pattern", "regex", "choice"})) return rule;
    take(json, "pattern", where, rule.pattern);
    take(json, "regex", where, rule.regex);
    const bool pattern_read = is_text(json, "pattern") || lacks(json, "pattern");
    if (const std::string bad = LayerPattern(rule.pattern, rule.regex).problem(); pattern_read && !bad.empty())
        problem(join(where, "pattern"), bad);
    if (const auto choice = json.find("choice"); choice != json.end())
        rule.choice = read_choice(*choice, join(where, "choice"));
    else if (lacks(json, "choice"))
        problem(where, "the key \"choice\" is missing: a line of notation, or an object with weight, input, methods");
    return rule;
}

CalibrationSpec Reader::read_calibration(const Json& json, const std::string& where) {
    CalibrationSpec spec;
    if (!is_object(json, where, {"text", "samples", "length", "pick", "seed"})) return spec;
    take(json, "text", where, spec.text);
    take(json, "samples", where, spec.samples);
    take(json, "length", where, spec.length);
    take(json, "seed", where, spec.seed);
    std::string pick = "first";
    take(json, "pick", where, pick);
    if (pick != "first" && pick != "random")
        problem(join(where, "pick"), "this is \"" + pick + "\", but must be first or random");
    spec.pick = pick == "random" ? CalibrationSpec::Pick::random : CalibrationSpec::Pick::first;
    if (spec.samples < 1 || spec.samples > 1'000'000)
        problem(join(where, "samples"), "this is " + std::to_string(spec.samples) + ", but must be 1 to 1000000");
    if (spec.length < 1 || spec.length > 1'000'000)
        problem(join(where, "length"), "this is " + std::to_string(spec.length) + ", but must be 1 to 1000000 tokens");
    return spec;
}

Recipe Reader::read(const Json& json) {
    Recipe recipe;
    // What another version of this document means is not known, so nothing else of it is judged.
    if (const auto schema = json.is_object() ? json.find("schema") : json.end();
        schema != json.end() && schema->is_number_integer() && *schema != Recipe::current_schema) {
        problem("schema", "version " + schema->dump() + " is not known; this program reads version " +
                              std::to_string(Recipe::current_schema));
        return recipe;
    }
    if (!is_object(json, "", {"schema", "name", "defaults", "rules", "ignore", "calibration"})) return recipe;
    if (lacks(json, "schema")) problem("schema", "the key is missing; this program writes version 1");
    take(json, "schema", "", recipe.schema);
    take(json, "name", "", recipe.name);
    if (const auto defaults = json.find("defaults"); defaults != json.end())
        recipe.defaults = read_choice(*defaults, "defaults");
    const auto list = [&](const char* key) -> const Json& {
        static const Json nothing = Json::array();
        const auto found = json.find(key);
        if (found == json.end()) return nothing;
        if (found->is_array()) return *found;
        problem(key, "this must be a list");
        return nothing;
    };
    const Json& rules = list("rules");
    for (std::size_t i = 0; i < rules.size(); ++i)
        recipe.rules.push_back(read_rule(rules[i], "rules[" + std::to_string(i) + "]"));
    const Json& ignore = list("ignore");
    for (std::size_t i = 0; i < ignore.size(); ++i) {
        const std::string where = "ignore[" + std::to_string(i) + "]";
        if (!ignore[i].is_string())
            problem(where, "this is " + ignore[i].dump() + ", but must be a pattern");
        else if (const std::string bad = LayerPattern(ignore[i].get<std::string>()).problem(); !bad.empty())
            problem(where, bad);
        else
            recipe.ignore.push_back(ignore[i].get<std::string>());
    }
    if (const auto calibration = json.find("calibration"); calibration != json.end())
        recipe.calibration = read_calibration(*calibration, "calibration");
    return recipe;
}

} // namespace

std::string to_json(const Recipe& recipe) {
    Json json = {{"schema", recipe.schema}, {"name", recipe.name}, {"defaults", choice_json(recipe.defaults)}};
    json["rules"] = Json::array();
    for (const Rule& rule : recipe.rules)
        json["rules"].push_back(
            {{"pattern", rule.pattern}, {"regex", rule.regex}, {"choice", choice_json(rule.choice)}});
    json["ignore"] = recipe.ignore;
    json["calibration"] = {{"text", recipe.calibration.text},
                           {"samples", recipe.calibration.samples},
                           {"length", recipe.calibration.length},
                           {"pick", recipe.calibration.pick == CalibrationSpec::Pick::random ? "random" : "first"},
                           {"seed", recipe.calibration.seed}};
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Recipe parse_recipe(const std::string& json_text) {
    const Json json = parse_json(json_text, "recipe");
    Reader reader;
    Recipe recipe = reader.read(json);
    if (reader.problems().items.empty()) return recipe;
    throw Error(ErrorKind::bad_input, "the recipe has " + std::to_string(reader.problems().items.size()) +
                                          (reader.problems().items.size() == 1 ? " problem" : " problems") + "\n" +
                                          reader.problems().text());
}

std::string recipe_hash(const Recipe& recipe) {
    Recipe nameless = recipe;
    nameless.name.clear();
    return sha256_hex(to_json(nameless));
}

} // namespace graticule
