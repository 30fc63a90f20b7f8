#include "app/remote/evaluation_order.h"

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/remote/messages.h"
#include "core/base/cut_short.h"
#include "core/base/device_name.h"
#include "core/base/hash.h"
#include "core/engine/record_folder.h"
#include "core/export/target.h"
#include "core/io/corpus.h"
#include "core/io/text/utf8.h"

namespace graticule {

using nlohmann::json;

namespace {

constexpr std::size_t longest_text = std::size_t{48} << 20; // two of them, escaped, are as a rule within asked_limits
constexpr std::int64_t most = 1'000'000'000;

json to_json(const OrderText& text) { return {{"name", text.name}, {"content", text.content}}; }

OrderText read_text(const json& value, const char* name) {
    const std::string where = std::string("the order's ") + name;
    OrderText text{text_member(value, "name", where), text_member(value, "content", where)};
    // It becomes a file's name over there.
    if (text.name.size() > 200 || text.name.find_first_of(std::string_view("/\0", 2)) != std::string::npos ||
        text.name == "." || text.name == "..")
        throw Error(ErrorKind::bad_input, where + ": " + cut_short(text.name) + " is no name of a file");
    return text;
}

void refuse_others(const json& value) {
    constexpr std::array known{"model",         "model_hash", "device",    "precision",  "arithmetic",
                               "weight_budget", "recipe",     "served_as", "text",       "text_rule",
                               "protocol",      "window",     "windows",   "calibration"};
    for (const auto& [name, ignored] : value.items())
        if (std::ranges::find(known, name) == known.end())
            throw Error(ErrorKind::bad_input, "the order: there is no " + cut_short(name));
}

} // namespace

OrderText order_text(const std::string& path) {
    if (path.empty()) return {};
    OrderText text{std::filesystem::path(path).filename().string(), read_text_file(path, longest_text)};
    require_utf8(text.content, path);
    return text;
}

json to_json(const EvaluationOrder& order) {
    return {{"model", order.model},
            {"model_hash", order.model_hash},
            {"device", order.device},
            {"precision", to_text(order.execution.compute)},
            {"arithmetic", to_text(order.execution.arithmetic)},
            {"weight_budget", order.weight_budget},
            {"recipe", order.recipe ? json::parse(to_json(*order.recipe)) : json()},
            {"served_as", order.served_as},
            {"calibration", to_json(order.calibration)},
            {"text", to_json(order.text)},
            {"text_rule", order.text_rule},
            {"protocol", order.protocol},
            {"window", order.window},
            {"windows", order.max_windows}};
}

EvaluationOrder read_order(const json& value) {
    const std::string where = "the order";
    EvaluationOrder order;
    order.model = text_member(value, "model", where);
    if (order.model.empty() || order.model.size() > 4096)
        throw Error(ErrorKind::bad_input,
                    where + ": \"model\" must be a path of the worker's machine, not " + cut_short(order.model));
    refuse_others(value);
    order.model_hash = hash_member(value, "model_hash", where);
    order.device = text_member(value, "device", where);
    check_device_name(order.device);
    order.execution = {parse_compute(text_member(value, "precision", where)),
                       parse_arithmetic(text_member(value, "arithmetic", where))};
    order.weight_budget = number_member(value, "weight_budget", -1, INT64_MAX, where);
    if (const json& recipe = member(value, "recipe", where); !recipe.is_null())
        order.recipe = parse_recipe(recipe.dump(-1, ' ', false, json::error_handler_t::replace));
    order.served_as = text_member(value, "served_as", where);
    if (!order.served_as.empty()) (void)target_named(order.served_as);
    if (!order.served_as.empty() && !order.recipe)
        throw Error(ErrorKind::bad_input, where + ": \"served_as\" needs a recipe");
    order.calibration = read_text(member(value, "calibration", where), "calibration");
    order.text = read_text(member(value, "text", where), "text");
    order.text_rule = text_member(value, "text_rule", where);
    (void)parse_text_rule(order.text_rule);
    order.protocol = protocol_named(text_member(value, "protocol", where)).name;
    order.window = number_member(value, "window", 2, most, where);
    order.max_windows = number_member(value, "windows", 0, most, where);
    return order;
}

std::string order_id(const EvaluationOrder& order) { return sha256_hex(line_of(to_json(order)) + build_stamp()); }

} // namespace graticule
