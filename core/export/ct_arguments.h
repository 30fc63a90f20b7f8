// What the quantization_config of a compressed-tensors checkpoint, ours or another program's, says about each linear's
// weight. Private to the compressed-tensors reader.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace graticule {

struct CtWeightArguments {
    int bits = 0;
    bool floating = false; ///< "type": "float"
    bool symmetric = true;
};

class CtArguments {
public:
    CtArguments() = default;
    /// Throws Error{unsupported} for what changes the arithmetic and is not done (sparse weights, rotations at run
    /// time, keys of early versions), Error{bad_input} for what is no such config. Messages name the key.
    explicit CtArguments(const nlohmann::json& quantization_config);

    /// Of the group that takes the module: by name before by pattern before by class, as transformers does. Absent:
    /// none does, and of tensors that are stored quantized all the same nothing is known.
    [[nodiscard]] std::optional<CtWeightArguments> of_module(const std::string& name) const;
    /// What is asked for and not done, though the weights are right: a sentence each.
    [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

private:
    struct Group {
        std::vector<std::string> targets;
        CtWeightArguments weights;
    };
    std::vector<Group> groups_;
    std::vector<std::string> warnings_;
};

} // namespace graticule
