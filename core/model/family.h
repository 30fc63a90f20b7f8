// A model family is one descriptor row: which configs it takes, how its tensors are called, which linears exist, where
// scales may be folded, block options. Adding a family is a row in all_families.cpp.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/model.h"

namespace graticule {

struct ModelFamily {
    std::string_view name;                     ///< "opt", "llama"
    std::string_view label;                    ///< "OPT", "LLaMA"
    std::vector<std::string_view> model_types; ///< values of config.json's model_type
    std::string_view help;
    /// Reads config.json text. Throws Error{bad_input} naming field and value, Error{unsupported} naming what is not
    /// done.
    ModelConfig (*read_config)(const std::string& config_json) = nullptr;
    /// Tensor names of the checkpoint, "{N}" = block number, "{E}" = number of the expert. Empty: there is none.
    struct Names {
        std::vector<std::string_view> prefixes; ///< tried in turn: "model.decoder.", "decoder."
        std::string_view embedding, embedding_norm, positions, project_in, project_out, final_norm,
            head;               ///< under the prefix but for head
        std::string_view block; ///< "layers.{N}."; what follows is under it
        /// By NormSlot. Those of attention and mlp must be there, unless ModelConfig::parallel leaves mlp out.
        std::array<std::string_view, norm_slots> norms;
        /// Second names to look for: Falcon's larger models.
        std::vector<std::pair<NormSlot, std::string_view>> alternative_norms;
        std::string_view q, k, v, o, gate, up, down;
        /// Rows [q; k; v] (as ModelConfig::fused_by_head says) and [gate; up]; empty: separate tensors.
        std::string_view fused_qkv, fused_gate_up;
        std::string_view router, expert_gate, expert_up, expert_down;
        bool transposed_linears = false; ///< GPT-2's Conv1D: stored (in, out)
        [[nodiscard]] std::string_view& norm(NormSlot slot) { return norms[std::size_t(slot)]; }
    } names;
};

[[nodiscard]] std::span<const ModelFamily> all_families();

/// The row for this config.json text. Throws Error{unsupported} naming the architecture and the families there are.
[[nodiscard]] const ModelFamily& family_of(const std::string& config_json);

/// Builds the model: every tensor found, shapes checked against the config. Throws Error{bad_input} naming file,
/// tensor, shapes.
[[nodiscard]] std::shared_ptr<const Model> build_model(std::shared_ptr<const Checkpoint> checkpoint, std::string name);

} // namespace graticule
