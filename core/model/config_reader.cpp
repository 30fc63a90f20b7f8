#include "core/model/config_reader.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/cut_short.h"
#include "core/base/error.h"
#include "core/model/config_fields.h"

namespace graticule {

using nlohmann::json;

ConfigReader::ConfigReader(const std::string& json_text) {
    json parsed;
    try {
        parsed = json::parse(json_text);
    } catch (const json::exception& problem) {
        throw Error(ErrorKind::bad_input, std::string("not valid JSON: ") + problem.what());
    }
    if (!parsed.is_object())
        throw Error(ErrorKind::bad_input, "holds " + cut_short(parsed) + " where an object is expected");
    json_ = std::make_shared<const json>(std::move(parsed));
    asked_ = std::make_shared<std::set<std::string>>();
}

ConfigReader::ConfigReader(std::shared_ptr<const json> value, std::string path,
                           std::shared_ptr<std::set<std::string>> asked)
    : json_(std::move(value))
    , path_(std::move(path))
    , asked_(std::move(asked)) {}

ConfigReader::~ConfigReader() = default;

const json* ConfigReader::find(const std::string& field) const {
    asked_->insert(path_ + field);
    const auto found = json_->find(field);
    return found == json_->end() || found->is_null() ? nullptr : &*found;
}

void ConfigReader::wrong(const std::string& field, const std::string& expected) const {
    const json* value = find(field);
    throw Error(ErrorKind::bad_input,
                "\"" + path_ + field + "\" " +
                    (value != nullptr ? "is " + cut_short(*value) + "; expected " : "is missing; it must be ") +
                    expected);
}

bool ConfigReader::has(const std::string& field) const { return find(field) != nullptr; }

bool ConfigReader::absent(const std::string& field) const {
    asked_->insert(path_ + field);
    return !json_->contains(field);
}

std::string ConfigReader::json_with(const ConfigReader& other, const std::vector<std::string>& fields) const {
    json merged = *json_;
    for (const std::string& field : fields)
        if (const json* value = other.find(field); value != nullptr && !merged.contains(field)) merged[field] = *value;
    return merged.dump();
}

std::vector<std::string> ConfigReader::unread() const {
    std::vector<std::string> fields;
    for (const auto& [field, value] : json_->items()) {
        if (!asked_->contains(path_ + field)) fields.push_back(path_ + field);
        const std::string inside = path_ + field + ".";
        const auto opened = asked_->lower_bound(inside); // an object that was looked into
        if (!value.is_object() || opened == asked_->end() || !opened->starts_with(inside)) continue;
        const auto rest = ConfigReader(std::shared_ptr<const json>(json_, &value), inside, asked_).unread();
        fields.insert(fields.end(), rest.begin(), rest.end());
    }
    return fields;
}

std::int64_t ConfigReader::integer(const std::string& field, std::int64_t maximum) const {
    const json* value = find(field);
    const auto in_range = [&](auto number) {
        return number >= 1 && static_cast<std::uint64_t>(number) <= static_cast<std::uint64_t>(maximum);
    };
    const bool good = value != nullptr && (value->is_number_unsigned()
                                               ? in_range(value->get<std::uint64_t>())
                                               : value->is_number_integer() && in_range(value->get<std::int64_t>()));
    if (!good) wrong(field, "an integer from 1 to " + std::to_string(maximum));
    return value->get<std::int64_t>();
}

std::int64_t ConfigReader::integer(const std::string& field, std::int64_t maximum, std::int64_t fallback) const {
    return has(field) ? integer(field, maximum) : fallback;
}

std::optional<std::int64_t> ConfigReader::limit(const std::string& field, std::int64_t maximum,
                                                std::optional<std::int64_t> when_absent) const {
    if (absent(field)) return when_absent;
    const json* value = find(field);
    if (value == nullptr || *value == 0) return std::nullopt;
    return integer(field, maximum);
}

std::string ConfigReader::shown(const std::string& path) const {
    const json* value = &*json_;
    std::string_view rest = path;
    while (value->is_object() && !value->contains(rest) && rest.find('.') != std::string_view::npos) {
        const auto inner = value->find(rest.substr(0, rest.find('.')));
        if (inner == value->end()) return {};
        value = &*inner;
        rest.remove_prefix(rest.find('.') + 1);
    }
    const auto found = value->is_object() ? value->find(rest) : value->end();
    return found == value->end() ? std::string() : cut_short(*found);
}

double ConfigReader::real(const std::string& field, double fallback, double minimum, double maximum) const {
    const json* value = find(field);
    if (value == nullptr) return fallback;
    const double number = value->is_number() ? value->get<double>() : std::numeric_limits<double>::quiet_NaN();
    if (!std::isfinite(number) || number < minimum || number > maximum) {
        const auto plain = [](double bound) { return json(bound).dump(); };
        wrong(field, "a number from " + plain(minimum) + " to " + plain(maximum));
    }
    return number;
}

bool ConfigReader::flag(const std::string& field, bool fallback) const {
    const json* value = find(field);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) wrong(field, "true or false");
    return value->get<bool>();
}

std::string ConfigReader::text(const std::string& field, const std::string& fallback) const {
    const json* value = find(field);
    if (value == nullptr) return fallback;
    if (!value->is_string()) wrong(field, "a text");
    return value->get<std::string>();
}

std::vector<std::string> ConfigReader::texts(const std::string& field) const {
    const json* value = find(field);
    if (value == nullptr) return {};
    std::vector<std::string> all;
    if (!value->is_array()) wrong(field, "a list of texts");
    for (const json& item : *value) {
        if (!item.is_string()) wrong(field, "a list of texts");
        all.push_back(item.get<std::string>());
    }
    return all;
}

std::vector<double> ConfigReader::positive_reals(const std::string& field) const {
    const json* value = find(field);
    if (value == nullptr) return {};
    std::vector<double> all;
    if (!value->is_array()) wrong(field, "a list of numbers above 0");
    for (const json& item : *value) {
        if (!item.is_number() || !std::isfinite(item.get<double>()) || item.get<double>() <= 0)
            wrong(field, "a list of numbers above 0");
        all.push_back(item.get<double>());
    }
    return all;
}

std::vector<std::int64_t> ConfigReader::indices(const std::string& field, std::int64_t maximum) const {
    const json* value = find(field);
    if (value == nullptr) return {};
    const std::string expected = "a list of integers from 0 to " + std::to_string(maximum);
    std::vector<std::int64_t> all;
    if (!value->is_array()) wrong(field, expected);
    for (const json& item : *value) {
        if (!item.is_number_unsigned() || item.get<std::uint64_t>() > static_cast<std::uint64_t>(maximum))
            wrong(field, expected);
        all.push_back(item.get<std::int64_t>());
    }
    return all;
}

std::optional<std::int32_t> ConfigReader::token_id(const std::string& field) const {
    const json* value = find(field);
    if (value == nullptr) return std::nullopt;
    const json& id = value->is_array() && !value->empty() ? value->front() : *value;
    if (!id.is_number_integer()) wrong(field, "a token id");
    const auto number = id.get<std::int64_t>();
    if (number < 0) return std::nullopt; // some files write -1 for "none"
    if (number >= limits::vocabulary) wrong(field, "a token id below " + std::to_string(limits::vocabulary));
    return static_cast<std::int32_t>(number);
}

bool ConfigReader::empty() const { return json_->empty(); }

std::optional<ConfigReader> ConfigReader::object(const std::string& field) const {
    const json* value = find(field);
    if (value == nullptr) return std::nullopt;
    if (!value->is_object()) wrong(field, "an object");
    return ConfigReader(std::shared_ptr<const json>(json_, value), path_ + field + ".", asked_);
}

ConfigReader ConfigReader::updated_by(const ConfigReader& other) const {
    json merged = *json_;
    merged.update(*other.json_);
    for (const auto& [field, value] : json_->items()) asked_->insert(path_ + field); // they are looked at below
    return ConfigReader(std::make_shared<const json>(std::move(merged)), other.path_, asked_);
}

std::string second_name(const ConfigReader& config, const std::string& own, const std::string& second,
                        ModelConfig& model) {
    if (!config.has(second)) return own;
    if (config.has(own) && config.shown(own) != config.shown(second))
        model.notes.push_back("config.json has \"" + own + "\" " + config.shown(own) + " and \"" + second + "\" " +
                              config.shown(second) +
                              ", two names of one thing; the second is used, as in transformers");
    return second;
}

void read_common(const ConfigReader& config, bool tied, ModelConfig& model) {
    model.model_type = config.text("model_type", "");
    model.tied_head = config.flag("tie_word_embeddings", tied);
    model.bos = config.token_id("bos_token_id");
    model.eos = config.token_id("eos_token_id");
    model.stored_dtype = config.text("dtype", config.text("torch_dtype", ""));
}

namespace {

struct RopeTypeName {
    std::string_view name;
    RopeConfig::Type type;
};
constexpr RopeTypeName rope_types[] = {
    {"default", RopeConfig::Type::standard}, {"linear", RopeConfig::Type::linear},
    {"dynamic", RopeConfig::Type::dynamic},  {"llama3", RopeConfig::Type::llama3},
    {"yarn", RopeConfig::Type::yarn},        {"longrope", RopeConfig::Type::longrope},
    {"su", RopeConfig::Type::longrope}, // Phi-3's first files
};

RopeConfig::Type parse_rope_type(const std::string& name) {
    std::string known;
    for (const RopeTypeName& row : rope_types) {
        if (row.name == name) return row.type;
        known += (known.empty() ? "" : ", ") + std::string(row.name);
    }
    throw Error(ErrorKind::unsupported, "rotary embedding type \"" + name + "\" is not done; known: " + known);
}

/// YaRN's correction of the softmax temperature for a context stretched by `factor`.
double yarn_magnitude(double factor, double scale) { return factor <= 1 ? 1 : 0.1 * scale * std::log(factor) + 1; }

/// formats.md section 4.7: what an absent attention_factor is.
double default_attention_factor(const ConfigReader& keys, const RopeConfig& rope) {
    if (rope.type == RopeConfig::Type::longrope)
        return rope.factor <= 1
                   ? 1
                   : std::sqrt(1 + std::log(rope.factor) / std::log(static_cast<double>(rope.original_positions)));
    if (rope.type != RopeConfig::Type::yarn) return 1;
    const double scale = keys.real("mscale", 0, 0, 1e6), scale_all = keys.real("mscale_all_dim", 0, 0, 1e6);
    if (scale != 0 && scale_all != 0)
        return yarn_magnitude(rope.factor, scale) / yarn_magnitude(rope.factor, scale_all);
    return yarn_magnitude(rope.factor, 1);
}

void check_factors(const std::vector<double>& factors, std::int64_t pairs, const char* what) {
    if (std::cmp_not_equal(factors.size(), pairs))
        throw Error(ErrorKind::bad_input, std::to_string(factors.size()) + " rotary " + what + " for " +
                                              std::to_string(pairs) + " pairs of dimensions");
}

} // namespace

RopeConfig read_rope(const ConfigReader& config, RopeDefaults defaults) {
    if (!defaults.own_names) {
        defaults.theta = config.real("rope_theta", defaults.theta, 1, 1e12);
        if (defaults.partial_is_read)
            defaults.partial = config.real("partial_rotary_factor", defaults.partial, 0.01, 1);
    }
    if (config.has("rotary_dimensions"))
        defaults.partial = static_cast<double>(config.integer("rotary_dimensions", defaults.head_dim)) /
                           static_cast<double>(defaults.head_dim);
    // Phi-3 keeps the first training's length beside the set rather than in it.
    defaults.original_positions =
        config.integer("original_max_position_embeddings", limits::positions, defaults.original_positions);
    const std::optional<ConfigReader> older = config.object("rope_scaling"), newer = config.object("rope_parameters");
    return read_rope_keys(older && !older->empty() ? older : newer, defaults);
}

RopeConfig read_rope_keys(const std::optional<ConfigReader>& keys, const RopeDefaults& defaults) {
    RopeConfig rope;
    rope.type = RopeConfig::Type::standard;
    rope.theta = defaults.theta;
    double partial = defaults.partial;
    if (keys) {
        rope.theta = keys->real("rope_theta", rope.theta, 1, 1e12);
        if (defaults.partial_is_read) partial = keys->real("partial_rotary_factor", partial, 0.01, 1);
        rope.type = parse_rope_type(keys->text("rope_type", keys->text("type", "default")));
        if (defaults.yarn_is_longrope && rope.type == RopeConfig::Type::yarn) rope.type = RopeConfig::Type::longrope;
        rope.original_positions =
            keys->integer("original_max_position_embeddings", limits::positions, defaults.max_positions);
        if (defaults.original_positions > 0) rope.original_positions = defaults.original_positions;
        const bool stretches = rope.type == RopeConfig::Type::yarn || rope.type == RopeConfig::Type::longrope;
        rope.factor = keys->real(
            "factor",
            stretches ? static_cast<double>(defaults.max_positions) / static_cast<double>(rope.original_positions) : 1,
            1e-6, 1e6);
        rope.low_frequency_factor = keys->real("low_freq_factor", 1, 1e-6, 1e6);
        rope.high_frequency_factor = keys->real("high_freq_factor", 4, 1e-6, 1e6);
        rope.beta_fast = keys->real("beta_fast", 32, 1e-6, 1e6);
        rope.beta_slow = keys->real("beta_slow", 1, 1e-6, 1e6);
        rope.truncate = keys->flag("truncate", true);
        rope.attention_factor = keys->real("attention_factor", default_attention_factor(*keys, rope), 1e-6, 1e6);
        rope.frequency_divisors = keys->positive_reals("frequency_divisors");
        rope.short_factors = keys->positive_reals("short_factor");
        rope.long_factors = keys->positive_reals("long_factor");
    }
    rope.rotary_dim = static_cast<std::int64_t>(static_cast<double>(defaults.head_dim) * partial);
    if (rope.rotary_dim < 2 || rope.rotary_dim % 2 != 0)
        throw Error(ErrorKind::bad_input, "rotary embedding over " + std::to_string(rope.rotary_dim) + " of " +
                                              std::to_string(defaults.head_dim) + " head dimensions; it must be even");
    const std::int64_t pairs = rope.rotary_dim / 2;
    if (rope.rotary_dim == defaults.head_dim) rope.rotary_dim = 0;
    if (!rope.frequency_divisors.empty()) check_factors(rope.frequency_divisors, pairs, "frequency divisors");
    if (rope.type == RopeConfig::Type::longrope) {
        check_factors(rope.short_factors, pairs, "short factors");
        check_factors(rope.long_factors, pairs, "long factors");
    }
    if (rope.type == RopeConfig::Type::llama3 && rope.high_frequency_factor <= rope.low_frequency_factor)
        throw Error(ErrorKind::bad_input, "rotary \"high_freq_factor\" must be above \"low_freq_factor\"");
    return rope;
}

Activation parse_activation(const std::string& field, const std::string& name) {
    if (name == "relu") return Activation::relu;
    if (name == "silu" || name == "swish") return Activation::silu;
    if (name == "gelu" || name == "gelu_python") return Activation::gelu_erf;
    for (const char* of_tanh : {"gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_fast", "gelu_accurate"})
        if (name == of_tanh) return Activation::gelu_tanh;
    throw Error(ErrorKind::unsupported, "activation \"" + name + "\" of \"" + field +
                                            "\" is not done; relu, silu, gelu, gelu_new and gelu_pytorch_tanh are");
}

void finish_config(const ConfigReader& config, ModelConfig& model) {
    const auto refuse = [](const std::string& text) { throw Error(ErrorKind::bad_input, text); };
    if (model.heads % model.kv_heads != 0)
        refuse(std::to_string(model.heads) + " attention heads cannot share " + std::to_string(model.kv_heads) +
               " key-value heads evenly");
    if (model.heads * model.head_dim > limits::width)
        refuse(std::to_string(model.heads) + " heads of " + std::to_string(model.head_dim) + " are more than " +
               std::to_string(limits::width) + " columns");
    if (!model.sliding_blocks.empty() && std::cmp_not_equal(model.sliding_blocks.size(), model.blocks))
        refuse(std::to_string(model.sliding_blocks.size()) + " entries in \"layer_types\" for " +
               std::to_string(model.blocks) + " layers");
    note_unread_fields(config, model);
}

} // namespace graticule
