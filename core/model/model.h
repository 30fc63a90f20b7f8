// A language model opened for looking at and quantizing: configuration, the decoder's linears by role, where scales may
// be folded, and every other tensor. Immutable after open.
//
//     for (const Linear& linear : model.linears()) std::cout << linear.name << to_text(linear.weight.shape);
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/model/model_config.h"
#include "core/tensor/host_tensor.h"

namespace graticule {

class Checkpoint;
class ContentHash;
struct JobContext;
struct ModelFamily;

enum class Role : std::uint8_t { q, k, v, o, gate, up, down, fc1, fc2, head };
[[nodiscard]] std::string_view to_text(Role role); ///< "q", "k" ... for filters (kind=down)

struct Linear { // y = x W^T + b
    LayerId id{};
    BlockId block{};
    SiteId site{}; ///< which input tensor it reads
    Role role = Role::q;
    std::string name;       ///< as in the checkpoint: "model.layers.3.self_attn.q_proj"
    std::string short_name; ///< without the leading "model." or "model.decoder.": "layers.3.self_attn.q_proj"
    HostTensor weight;      ///< (out, in), stored type; dequantized where Checkpoint::stored_quantization says so
    std::int64_t stored_bytes = 0;  ///< of the weight in the file, scales and zero points included
    std::optional<HostTensor> bias; ///< (out)

    [[nodiscard]] std::int64_t out_features() const { return weight.shape.at(0); }
    [[nodiscard]] std::int64_t in_features() const { return weight.shape.at(1); }
};

struct Norm {         // LayerNorm or RMSNorm
    std::string name; ///< "model.layers.3.input_layernorm"; empty: absent
    HostTensor weight;
    std::optional<HostTensor> bias;
    [[nodiscard]] bool present() const { return !name.empty(); }
};

/// One input tensor that one or several linears read: q, k and v share one, gate and up another. Activations are
/// observed and reported once a site.
struct InputSite {
    SiteId id{};
    BlockId block{};
    std::string
        name; ///< short name of the site: "layers.3.attention_input", ".attention_output", ".mlp_input", ".mlp_hidden"
    std::vector<LayerId> consumers;
    std::int64_t channels = 0;
};

/// "A scale s may be moved from this norm or linear into these linears": source /= s, consumers' columns *= s.
struct FoldSite {
    enum class Source : std::uint8_t { norm, linear };
    std::string name; ///< "layers.3.qkv", ".out", ".fc1", ".fc2", ".gate_up", ".down"
    BlockId block{};
    Source source = Source::norm;
    std::string norm; ///< Norm::name, when the source is a norm
    std::optional<LayerId>
        linear;    ///< when it is a linear (v -> out, fc1 -> fc2, up -> down): its output rows are divided
    SiteId site{}; ///< the input that changes
    std::vector<LayerId> consumers;
    bool judged_by_attention = false; ///< AWQ/AQAS: the objective is the attention module's output
};

struct Block {
    BlockId id{};
    Norm attention_norm; ///< before attention (after it, where ModelConfig::norm_after)
    Norm mlp_norm;
    Norm post_attention_norm; ///< Gemma 2: on the attention's output, before the residual
    Norm post_mlp_norm;
    Norm query_norm, key_norm; ///< Qwen 3, Gemma 3: per head
    LayerId q{}, k{}, v{}, o{};
    std::optional<LayerId> gate; ///< gated MLPs: gate, up, down; else up = fc1, down = fc2
    LayerId up{}, down{};
    bool sliding_window = false; ///< attention limited to ModelConfig::sliding_window
};

class Model {
public:
    /// What the parts are made from; open_model and tests fill it.
    struct Parts {
        ModelConfig config;
        const ModelFamily* family = nullptr;
        std::vector<Linear> linears; ///< decoder linears in execution order; index = LayerId
        std::vector<InputSite> sites;
        std::vector<FoldSite> fold_sites;
        std::vector<Block> blocks;
        HostTensor embedding;                 ///< (vocab, width)
        std::optional<HostTensor> positions;  ///< learned positions (rows, hidden)
        std::optional<HostTensor> project_in; ///< OPT-350m
        std::optional<HostTensor> project_out;
        Norm final_norm;
        std::optional<HostTensor> head;               ///< absent: tied to the embedding
        std::shared_ptr<const Checkpoint> checkpoint; ///< what it was read from; null for hand-made models
        std::string prefix;                           ///< what tensor names begin with: "model.decoder."
        std::string name;                             ///< folder or file name, for people
        std::filesystem::path path;
        std::vector<std::string> warnings; ///< tensors that were not understood ...
    };
    explicit Model(Parts parts);

    [[nodiscard]] const ModelConfig& config() const { return parts_.config; }
    [[nodiscard]] const ModelFamily& family() const { return *parts_.family; }
    [[nodiscard]] const std::vector<Linear>& linears() const { return parts_.linears; }
    [[nodiscard]] const Linear& linear(LayerId id) const { return parts_.linears.at(index_of(id)); }
    [[nodiscard]] const std::vector<InputSite>& input_sites() const { return parts_.sites; }
    [[nodiscard]] const InputSite& site(SiteId id) const { return parts_.sites.at(index_of(id)); }
    [[nodiscard]] const std::vector<FoldSite>& fold_sites() const { return parts_.fold_sites; }
    [[nodiscard]] const std::vector<Block>& blocks() const { return parts_.blocks; }
    [[nodiscard]] const Parts& parts() const { return parts_; }
    [[nodiscard]] const std::string& name() const { return parts_.name; }

    [[nodiscard]] std::optional<LayerId> find_linear(const std::string& name_or_short_name) const;
    [[nodiscard]] std::int64_t parameter_count() const; ///< all tensors
    [[nodiscard]] std::int64_t linear_parameter_count() const;

    /// SHA-256 over configuration and weights (core/io/content_hash.h). Opening reads none of them: what needs the hash
    /// starts it, works, and waits for it at its end. All of these are thread-safe.
    void start_hashing() const;
    /// Empty: not yet. Throws Error{bad_input} when the files cannot be read or have changed since they were opened.
    [[nodiscard]] std::optional<std::string> known_hash() const;
    [[nodiscard]] std::string hash(JobContext& ctx) const; ///< waits; throws as known_hash does, and Cancelled

private:
    Parts parts_;
    std::shared_ptr<ContentHash> file_hash_; // null for hand-made models
};

} // namespace graticule
