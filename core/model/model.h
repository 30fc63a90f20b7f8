// A language model opened for looking at and quantizing: configuration, the decoder's linears by role, where scales may
// be folded, and every other tensor. Immutable after open.
//
//     for (const Linear& linear : model.linears()) std::cout << linear.name << to_text(linear.weight.shape);
#pragma once

#include <array>
#include <filesystem>
#include <functional>
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

/// Where a norm stands in a block. A family has some of them; an absent one passes its input on.
enum class NormSlot : std::uint8_t {
    attention,      ///< before attention (after it, where ModelConfig::norm_after)
    mlp,            ///< before the MLP, or before router and experts
    post_attention, ///< Gemma, OLMo 2: on the attention's output, before the residual
    post_mlp,
    query, ///< on the query: per head (Qwen 3, Gemma 3) or over all heads (OLMo 2), as wide as its weight says
    key,
};
inline constexpr std::size_t norm_slots = 6;

/// One input tensor that one or several linears read: q, k and v share one, gate and up another. Activations are
/// observed and reported once per site. An expert reads the tokens that its router sends, so its sites see fewer.
struct InputSite {
    SiteId id{};
    BlockId block{};
    /// Short name: "layers.3.attention_input", ".attention_output", ".mlp_input", ".mlp_hidden"; of an expert
    /// "layers.3.experts.5.mlp_input".
    std::string name;
    std::vector<LayerId> consumers;
    std::int64_t channels = 0;
};

/// "A scale s may be moved from this norm or linear into these linears": source /= s, consumers' columns *= s.
struct FoldSite {
    enum class Kind : std::uint8_t {
        attention_input,  ///< norm -> q, k, v
        attention_output, ///< v -> o
        mlp_input,        ///< norm -> gate and up, or fc1
        mlp_hidden,       ///< up -> down, or fc1 -> fc2
    };
    Kind kind = Kind::attention_input;
    std::string name; ///< "layers.3.qkv", ".out", ".fc1", ".fc2", ".gate_up", ".down", ".experts.5.down"
    BlockId block{};
    std::optional<NormSlot> norm;  ///< the source, when it is a norm of the block
    std::optional<LayerId> linear; ///< when it is a linear: its output rows are divided
    SiteId site{};                 ///< the input that changes
    std::vector<LayerId> consumers;
    bool gated = false; ///< mlp_hidden: the source is the `up` of a gated MLP
    /// AWQ, AQAS: what is searched for is judged by the attention module's output.
    [[nodiscard]] bool judged_by_attention() const { return kind == Kind::attention_input; }
};

struct Mlp {
    std::optional<LayerId> gate; ///< gated: down(act(gate x) * up x); else up = fc1, down = fc2
    LayerId up{}, down{};
};

/// Which experts a token goes to. Not among Model::linears(): a router is never quantized.
struct Router {
    std::string name;  ///< "model.layers.3.block_sparse_moe.gate"
    HostTensor weight; ///< (experts, hidden)
};

struct Block {
    BlockId id{};
    std::array<Norm, norm_slots> norms; ///< by NormSlot
    LayerId q{}, k{}, v{}, o{};
    std::vector<Mlp> mlps;        ///< one; with a router: the experts, in the router's order
    std::optional<Router> router; ///< ModelConfig::experts_per_token of the experts answer each token
    bool sliding_window = false;  ///< attention limited to ModelConfig::sliding_window

    [[nodiscard]] const Norm& norm(NormSlot slot) const { return norms[std::size_t(slot)]; }
    [[nodiscard]] Norm& norm(NormSlot slot) { return norms[std::size_t(slot)]; }
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
        Norm embedding_norm; ///< BLOOM: on the embedding, before the first block
        Norm final_norm;
        std::optional<HostTensor> head;               ///< absent: tied to the embedding
        std::shared_ptr<const Checkpoint> checkpoint; ///< what it was read from; null for hand-made models
        std::string prefix;                           ///< what tensor names begin with: "model.decoder."
        /// What this checkpoint puts before every name of the family, prefix and head included: "module."; mostly
        /// empty.
        std::string outer_prefix;
        std::string name; ///< folder or file name, for people
        std::filesystem::path path;
        std::vector<std::string> warnings; ///< tensors that were not understood ...
    };
    explicit Model(Parts parts);

    [[nodiscard]] const ModelConfig& config() const { return parts_.config; }
    [[nodiscard]] const ModelFamily& family() const { return *parts_.family; }
    /// Throws Error{bad_input} where the positions are learned and fewer than `tokens`.
    void check_positions(std::int64_t tokens) const;
    [[nodiscard]] const std::vector<Linear>& linears() const { return parts_.linears; }
    [[nodiscard]] const Linear& linear(LayerId id) const { return parts_.linears.at(index_of(id)); }
    [[nodiscard]] const std::vector<InputSite>& input_sites() const { return parts_.sites; }
    [[nodiscard]] const InputSite& site(SiteId id) const { return parts_.sites.at(index_of(id)); }
    [[nodiscard]] const std::vector<FoldSite>& fold_sites() const { return parts_.fold_sites; }
    [[nodiscard]] const std::vector<Block>& blocks() const { return parts_.blocks; }
    [[nodiscard]] const Parts& parts() const { return parts_; }
    [[nodiscard]] const std::string& name() const { return parts_.name; }

    /// Where a fold site takes its scale from: a norm's name or a linear's short name.
    [[nodiscard]] const std::string& source_name(const FoldSite& site) const;
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

/// One tensor of the checkpoint as the model holds it.
struct ModelTensor {
    std::string name; ///< in the checkpoint; of a part of a fused tensor: the part's
    const HostTensor& values;
    std::int64_t stored_bytes = 0;  ///< in the file, scales and zero points included
    const Linear* linear = nullptr; ///< whose weight or bias it is; null: neither
};
/// Every tensor once, in an order that follows from the configuration alone. `values` is what the model holds: where
/// the file is quantized, decoded.
void for_each_tensor(const Model& model, const std::function<void(const ModelTensor&)>& visit);

} // namespace graticule
