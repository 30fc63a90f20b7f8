// What the quantization_config of a compressed-tensors checkpoint, ours or another program's, says about each linear's
// weight. Private to the compressed-tensors reader.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace graticule {

struct CtWeightArguments {
    /// The part of a weight that shares a scale; 0: all of it that way.
    struct Tile {
        std::int64_t rows = 0, columns = 0;
    };
    int bits = 8;
    bool floating = false; ///< "type": "float"
    bool symmetric = true;
    Tile tile;
    std::string tile_said; ///< what the config says of it, for messages: "strategy" group, "group_size" 128
};

class CtArguments {
public:
    CtArguments() = default;
    /// Throws Error{unsupported} for what changes the arithmetic and is not done (sparse weights, rotations at run
    /// time, keys of early versions) and for fields that the format does not have, Error{bad_input} for what is no such
    /// config. Messages name the key.
    explicit CtArguments(const nlohmann::json& quantization_config);

    /// Of the group that takes the module: by name before by pattern before by class, as transformers does. Absent:
    /// none does, or "ignore" lists it; of tensors that are stored quantized all the same nothing is known.
    [[nodiscard]] std::optional<CtWeightArguments> of_module(const std::string& name) const;
    [[nodiscard]] bool ignores(const std::string& name) const;
    /// What is asked for and not done, though the weights are right, and what is not known: a sentence each.
    [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

private:
    struct Group {
        std::vector<std::string> targets;
        CtWeightArguments weights;
    };
    std::vector<Group> groups_;
    std::vector<std::string> ignored_, warnings_;
};

/// The same config with groups that are named by a preset of compressed-tensors ("W4A16": ["Linear"]) written out.
/// Throws Error{unsupported} for a name that is none.
[[nodiscard]] nlohmann::json with_presets_written_out(nlohmann::json quantization_config);

} // namespace graticule
