// Reads numbers out of config.json and refuses the absurd ones: every error names the field and the value, the caller
// adds the file.
//
//     ConfigReader config(text);
//     model.hidden = config.integer("hidden_size", limits::hidden);         // required
//     model.norm_epsilon = config.real("rms_norm_eps", 1e-6, 0, 1);         // with a default
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/model/model_config.h"

namespace graticule {

/// Upper bounds of what a configuration may claim (formats.md section 15.2).
namespace limits {
inline constexpr std::int64_t blocks = 1024;
inline constexpr std::int64_t width = std::int64_t{1} << 20;
inline constexpr std::int64_t heads = 4096;
inline constexpr std::int64_t vocabulary = std::int64_t{1} << 24;
inline constexpr std::int64_t positions = std::int64_t{1} << 32;
inline constexpr std::int64_t experts = 4096;
} // namespace limits

class ConfigReader {
public:
    explicit ConfigReader(const std::string& json_text);
    ~ConfigReader();

    [[nodiscard]] bool has(const std::string& field) const;    ///< present and not null
    [[nodiscard]] bool absent(const std::string& field) const; ///< not even as null
    /// In 1 .. maximum. Without a fallback the field is required.
    [[nodiscard]] std::int64_t integer(const std::string& field, std::int64_t maximum) const;
    [[nodiscard]] std::int64_t integer(const std::string& field, std::int64_t maximum, std::int64_t fallback) const;
    /// A limit that null and 0 switch off. `when_absent`: where the field is not there at all.
    [[nodiscard]] std::optional<std::int64_t> limit(const std::string& field, std::int64_t maximum,
                                                    std::optional<std::int64_t> when_absent = std::nullopt) const;
    [[nodiscard]] double real(const std::string& field, double fallback, double minimum, double maximum) const;
    [[nodiscard]] bool flag(const std::string& field, bool fallback) const;
    [[nodiscard]] std::string text(const std::string& field, const std::string& fallback) const;
    [[nodiscard]] std::vector<std::string> texts(const std::string& field) const;
    [[nodiscard]] std::vector<double> positive_reals(const std::string& field) const;
    /// Each in 0 .. maximum.
    [[nodiscard]] std::vector<std::int64_t> indices(const std::string& field, std::int64_t maximum) const;
    [[nodiscard]] std::optional<std::int32_t> token_id(const std::string& field) const; ///< of a list: the first
    [[nodiscard]] std::optional<ConfigReader> object(const std::string& field) const;
    [[nodiscard]] bool empty() const; ///< no field at all
    /// This object with the fields of `other` before its own; for messages they are all fields of `other`.
    [[nodiscard]] ConfigReader updated_by(const ConfigReader& other) const;
    /// The text of this object, with those fields of `other` that it lacks.
    [[nodiscard]] std::string json_with(const ConfigReader& other, const std::vector<std::string>& fields) const;
    /// Fields that nobody has asked for, those of objects that were opened included: "rope_parameters.beta".
    [[nodiscard]] std::vector<std::string> unread() const;
    /// The value as JSON for a message, cut short; `path` as unread() gives it.
    [[nodiscard]] std::string shown(const std::string& path) const;

private:
    ConfigReader(std::shared_ptr<const nlohmann::json> json, std::string path,
                 std::shared_ptr<std::set<std::string>> asked);
    [[nodiscard]] const nlohmann::json* find(const std::string& field) const;
    [[noreturn]] void wrong(const std::string& field, const std::string& expected) const;

    std::shared_ptr<const nlohmann::json> json_;
    std::string path_;                             ///< "rope_parameters." inside that object
    std::shared_ptr<std::set<std::string>> asked_; ///< shared with the objects inside
};

/// What every family shares: vocabulary, tokens, stored type, tied head (`tied` where the field is absent).
void read_common(const ConfigReader& config, bool tied, ModelConfig& model);
/// Which name of a field counts that has two: transformers lets the second win where it is there. Notes in `model`
/// where both are there and differ.
[[nodiscard]] std::string second_name(const ConfigReader& config, const std::string& own, const std::string& second,
                                      ModelConfig& model);
/// What a set of RoPE keys leaves out.
struct RopeDefaults {
    double theta = 10000;
    double partial = 1;            ///< leading share of a head's dimensions that turns
    bool partial_is_read = false;  ///< others have the field ignored by transformers: it is said (config_fields.h)
    bool own_names = false;        ///< GPT-NeoX: beside the set, theta and partial are not called so
    bool yarn_is_longrope = false; ///< Phi-3's first files
    std::int64_t head_dim = 0;
    std::int64_t max_positions = 0;
    std::int64_t original_positions = 0; ///< of the first training, before what the set says; 0: not said beside it
};
/// Both generations of RoPE keys: "rope_parameters", or "rope_theta" beside "rope_scaling", which goes before it where
/// both are there, as in transformers. "rotary_dimensions" is our own, for GGUF files. Error{unsupported} naming the
/// type for unknown ones.
[[nodiscard]] RopeConfig read_rope(const ConfigReader& config, RopeDefaults defaults);
/// One set of keys ("rope_type", "factor" ...); absent: the defaults.
[[nodiscard]] RopeConfig read_rope_keys(const std::optional<ConfigReader>& keys, const RopeDefaults& defaults);
/// Call last. Products that sizes are computed from stay in range and heads fit; what was not read of the configuration
/// is known to change nothing (core/model/config_fields.h), refused by name, or noted in `model`.
void finish_config(const ConfigReader& config, ModelConfig& model);
[[nodiscard]] Activation parse_activation(const std::string& field, const std::string& name);

} // namespace graticule
