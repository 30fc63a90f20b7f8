// From an opened checkpoint to a Model: every tensor that the family's row names is found and its shape compared with
// what the configuration promises, before anything computes with it.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/io/checkpoint.h"
#include "core/model/config_reader.h"
#include "core/model/family.h"
#include "core/model/head_as_embedding.h"

namespace graticule {

namespace {

std::string numbered(std::string_view pattern, std::int64_t number, std::string_view placeholder = "{N}") {
    std::string text(pattern);
    const auto at = text.find(placeholder);
    if (at != std::string::npos) text.replace(at, placeholder.size(), std::to_string(number));
    return text;
}

/// Rows of `whole` from `first` on.
class RowsFrom final : public EncodedRows {
public:
    RowsFrom(std::shared_ptr<const EncodedRows> whole, std::int64_t first)
        : whole_(std::move(whole))
        , first_(first) {}
    void decode(std::int64_t first, std::int64_t count, float* out) const override {
        whole_->decode(first_ + first, count, out);
    }

private:
    std::shared_ptr<const EncodedRows> whole_;
    std::int64_t first_;
};

/// Rows [first, first + count) of a matrix or vector as a view of the same bytes.
HostTensor slice_rows(const HostTensor& tensor, std::int64_t first, std::int64_t count) {
    GRATICULE_ASSERT(tensor.columns() % row_of(tensor.dtype).block_elements == 0,
                     "a row of a fused tensor that cuts a block");
    const std::int64_t row_bytes = std::ssize(tensor.bytes) / tensor.rows();
    HostTensor slice = tensor;
    if (tensor.encoded) slice.encoded = std::make_shared<RowsFrom>(tensor.encoded, first);
    slice.shape[0] = count;
    slice.bytes =
        tensor.bytes.subspan(static_cast<std::size_t>(first * row_bytes), static_cast<std::size_t>(count * row_bytes));
    return slice;
}

/// The rows at these places one after another, as a copy.
HostTensor gather_rows(const HostTensor& tensor, const std::vector<std::int64_t>& rows) {
    if (tensor.encoded) return gather_rows(HostTensor::from_floats(to_floats(tensor), tensor.shape), rows);
    const std::size_t row_bytes = tensor.bytes.size() / std::size_t(tensor.shape[0]);
    std::vector<std::byte> gathered;
    gathered.reserve(rows.size() * row_bytes);
    for (const std::int64_t row : rows) {
        const auto bytes = tensor.bytes.subspan(std::size_t(row) * row_bytes, row_bytes);
        gathered.insert(gathered.end(), bytes.begin(), bytes.end());
    }
    Shape shape = tensor.shape;
    shape[0] = std::int64_t(rows.size());
    return HostTensor::from_vector(std::move(gathered), tensor.dtype, std::move(shape));
}

bool same_values(const HostTensor& a, const HostTensor& b) {
    return a.encoded || b.encoded ? to_floats(a) == to_floats(b) : std::ranges::equal(a.bytes, b.bytes);
}

HostTensor transposed(const HostTensor& tensor) {
    const std::vector<float> values = to_floats(tensor);
    const std::int64_t rows = tensor.rows();
    const std::int64_t columns = tensor.columns();
    std::vector<float> turned(values.size());
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < columns; ++c)
            turned[static_cast<std::size_t>(c * rows + r)] = values[static_cast<std::size_t>(r * columns + c)];
    return HostTensor::from_floats(std::move(turned), {columns, rows});
}

/// The part of a configuration that describes the language model: all of it, or "text_config" of a model with more
/// parts, with what only the whole says.
std::string language_part(const std::string& config_json) {
    const ConfigReader whole(config_json);
    const auto text = whole.object("text_config");
    return text
               ? text->json_with(whole, {"tie_word_embeddings", "dtype", "torch_dtype", "bos_token_id", "eos_token_id"})
               : config_json;
}

/// Readers of the configuration say which field is wrong; which file it stands in is known here.
template <class Read>
decltype(auto) from_config(const Checkpoint& checkpoint, Read read) {
    try {
        return read(language_part(checkpoint.config_json()));
    } catch (const Error& error) {
        const auto files = checkpoint.files();
        throw Error(error.info().kind,
                    (files.empty() ? checkpoint.folder() : files.front()).string() + ": " + error.info().message);
    }
}

class Builder {
public:
    Builder(std::shared_ptr<const Checkpoint> checkpoint, std::string name)
        : checkpoint_(std::move(checkpoint))
        , family_(from_config(*checkpoint_, family_of))
        , names_(family_.names) {
        parts_.family = &family_;
        parts_.config = from_config(*checkpoint_, family_.read_config);
        parts_.name = std::move(name);
        parts_.path = checkpoint_->folder();
        find_tied_matrix();
        parts_.checkpoint = checkpoint_;
    }

    std::shared_ptr<const Model> build() {
        find_prefix();
        add_outer_tensors();
        for (std::int64_t block = 0; block < config().blocks; ++block) add_block(block);
        warn_about_the_rest();
        return std::make_shared<const Model>(std::move(parts_));
    }

private:
    [[nodiscard]] const ModelConfig& config() const { return parts_.config; }

    /// Tied models have one matrix for embedding and head, under whichever of the two names.
    void find_tied_matrix() {
        const std::string head = std::string(names_.head) + ".weight";
        if (!config().tied_head || !checkpoint_->contains(head)) return;
        const auto names = checkpoint_->tensor_names();
        for (const std::string_view prefix : names_.prefixes) {
            const std::string embedding = std::string(prefix) + std::string(names_.embedding) + ".weight";
            const std::string first_block = std::string(prefix) + numbered(names_.block, 0);
            if (checkpoint_->contains(embedding)) return;
            if (std::ranges::none_of(names, [&](const auto& name) { return name.starts_with(first_block); })) continue;
            checkpoint_ = head_as_embedding(checkpoint_, head, embedding);
            return;
        }
    }

    /// The family's own prefixes first; else one that the checkpoint puts before all of them: "language_model.",
    /// "module.", "_orig_mod.".
    void find_prefix() {
        const std::string embedding = std::string(names_.embedding) + ".weight";
        for (const std::string_view prefix : names_.prefixes) {
            parts_.prefix = prefix_ = prefix;
            if (checkpoint_->contains(prefix_ + embedding)) return;
        }
        std::map<std::string, std::string_view> found; // what stands before, and the family's prefix after it
        for (const std::string& name : checkpoint_->tensor_names())
            for (const std::string_view prefix : names_.prefixes) {
                const std::string ending = "." + std::string(prefix) + embedding;
                if (!name.ends_with(ending)) continue;
                found.emplace(name.substr(0, name.size() - ending.size() + 1), prefix);
                break;
            }
        if (found.size() > 1)
            throw Error(ErrorKind::bad_input, "the checkpoint holds several models: there is \"" + embedding +
                                                  "\" under \"" + found.begin()->first + "\" and under \"" +
                                                  std::next(found.begin())->first +
                                                  "\"; keep the tensors of one of them");
        if (found.size() == 1) {
            parts_.outer_prefix = found.begin()->first;
            parts_.prefix = prefix_ = parts_.outer_prefix + std::string(found.begin()->second);
            parts_.warnings.push_back("the tensors' names begin with \"" + parts_.outer_prefix +
                                      "\", which is no part of " + std::string(family_.label) +
                                      "'s names; the model under it is read");
            return;
        }
        throw Error(ErrorKind::bad_input, "the checkpoint has no tensor \"" + std::string(names_.prefixes.front()) +
                                              std::string(names_.embedding) + ".weight\", which every " +
                                              std::string(family_.label) + " model has; is it complete?");
    }

    /// The tensor, known to hold numbers and to have this shape.
    HostTensor take(const std::string& name, const Shape& expected) {
        HostTensor tensor = checkpoint_->tensor(name);
        used_.insert(name);
        if (!tensor.holds_numbers())
            throw Error(ErrorKind::bad_input,
                        "tensor \"" + name + "\" is of type " + std::string(row_of(tensor.dtype).name) +
                            ", which holds no weights; was this model quantized by another program?");
        if (tensor.shape != expected)
            throw Error(ErrorKind::bad_input, "tensor \"" + name + "\" has shape " + to_text(tensor.shape) +
                                                  "; the configuration asks for " + to_text(expected));
        return tensor;
    }

    std::optional<HostTensor> take_if_there(const std::string& name, const Shape& expected) {
        if (!checkpoint_->contains(name)) return std::nullopt;
        return take(name, expected);
    }

    [[nodiscard]] bool has_bias(Role role) const {
        const ModelConfig::Biases& biases = config().biases;
        if (role == Role::q || role == Role::k || role == Role::v) return biases.qkv;
        return role == Role::o ? biases.output : biases.mlp;
    }

    /// As the configuration says: one that is stored all the same is left out, one that is not there is zero. Both are
    /// said at the end, and both are what transformers does.
    std::optional<HostTensor> take_bias(const std::string& name, Role role, std::int64_t out) {
        if (!has_bias(role)) return std::nullopt;
        if (!checkpoint_->contains(name)) missing_biases_.push_back(name);
        return take_if_there(name, {out});
    }

    Norm take_norm(const std::string& name, std::int64_t width) {
        Norm norm{name, take(name + ".weight", {width}), std::nullopt};
        if (config().norm == NormKind::layer) norm.bias = take_if_there(name + ".bias", {width});
        return norm;
    }

    /// A linear's weight as (out, in), whichever way it is stored.
    HostTensor take_weight(const std::string& name, std::int64_t out, std::int64_t in) {
        if (!names_.transposed_linears) return take(name, {out, in});
        // GPT-2's containers do not agree (GGUF keeps (out, in)). The fused q, k, v is never square and so decides.
        const std::string fused = prefix_ + numbered(names_.block, 0) + std::string(names_.fused_qkv) + ".weight";
        // A container that has taken it apart keeps (out, in), too.
        const bool stored_in_out = checkpoint_->contains(fused) && checkpoint_->tensor(fused).rows() == config().hidden;
        return stored_in_out ? transposed(take(name, {in, out})) : take(name, {out, in});
    }

    void add_outer_tensors() {
        const std::int64_t vocabulary = config().vocabulary;
        const std::int64_t hidden = config().hidden;
        const std::int64_t width = config().embedding_width;
        const auto full = [&](std::string_view name) { return prefix_ + std::string(name) + ".weight"; };
        parts_.embedding = take(full(names_.embedding), {vocabulary, width});
        if (!names_.embedding_norm.empty())
            parts_.embedding_norm = take_norm(prefix_ + std::string(names_.embedding_norm), width);
        if (!names_.positions.empty())
            parts_.positions =
                take(full(names_.positions), {config().max_positions + config().position_offset, hidden});
        if (width != hidden) {
            parts_.project_in = take(full(names_.project_in), {hidden, width});
            parts_.project_out = take(full(names_.project_out), {width, hidden});
        }
        const std::string final_norm = prefix_ + std::string(names_.final_norm);
        if (config().final_norm) parts_.final_norm = take_norm(final_norm, hidden);
        add_head(vocabulary, width);
    }

    void add_head(std::int64_t vocabulary, std::int64_t width) {
        std::string name = parts_.outer_prefix + std::string(names_.head) + ".weight";
        if (!checkpoint_->contains(name)) name = std::string(names_.head) + ".weight";
        if (!config().tied_head) {
            parts_.head = take(name, {vocabulary, width});
            return;
        }
        if (!checkpoint_->contains(name)) return;
        HostTensor stored = take(name, {vocabulary, width});
        if (same_values(stored, parts_.embedding)) return;
        parts_.head = std::move(stored);
        parts_.config.tied_head = false;
        parts_.warnings.push_back(
            "\"" + name +
            "\" differs from the embedding, but config.json says that they are tied; the "
            "stored head is used, as current transformers does; older versions use the embedding");
    }

    LayerId add_linear(BlockId block, SiteId site, Role role, std::string_view name, HostTensor weight,
                       std::int64_t stored_bytes, std::optional<HostTensor> bias) {
        Linear linear;
        linear.id = static_cast<LayerId>(parts_.linears.size());
        linear.block = block;
        linear.site = site;
        linear.role = role;
        linear.short_name = numbered(names_.block, static_cast<std::int64_t>(block)) + std::string(name);
        linear.name = prefix_ + linear.short_name;
        linear.weight = std::move(weight);
        linear.stored_bytes = stored_bytes;
        linear.bias = std::move(bias);
        parts_.linears.push_back(std::move(linear));
        parts_.sites.at(index_of(site)).consumers.push_back(parts_.linears.back().id);
        return parts_.linears.back().id;
    }

    LayerId take_linear(BlockId block, SiteId site, Role role, std::string_view name, std::int64_t out,
                        std::int64_t in) {
        const std::string full = prefix_ + numbered(names_.block, static_cast<std::int64_t>(block)) + std::string(name);
        return add_linear(block, site, role, name, take_weight(full + ".weight", out, in),
                          checkpoint_->stored_bytes(full + ".weight"), take_bias(full + ".bias", role, out));
    }

    struct Piece {
        Role role;
        std::string_view name;
        std::int64_t out;
    };
    /// Which rows of a fused q, k, v are those of piece `which`, where it is stored head by head.
    [[nodiscard]] std::vector<std::int64_t> rows_by_head(std::size_t which) const {
        const std::int64_t width = config().head_dim, queries = config().heads / config().kv_heads;
        const std::int64_t group = (queries + 2) * width; // the query heads of one key-value head, its k, its v
        const std::int64_t first = which == 0 ? 0 : (queries + std::int64_t(which) - 1) * width;
        const std::int64_t count = which == 0 ? queries * width : width;
        std::vector<std::int64_t> rows;
        for (std::int64_t head = 0; head < config().kv_heads; ++head)
            for (std::int64_t row = 0; row < count; ++row) rows.push_back(head * group + first + row);
        return rows;
    }

    /// Several linears that the checkpoint stores as one: rows of the first above rows of the next, or head by head.
    std::vector<LayerId> take_fused(BlockId block, SiteId site, std::string_view fused,
                                    const std::vector<Piece>& pieces, std::int64_t in) {
        std::int64_t all_rows = 0;
        for (const Piece& piece : pieces) all_rows += piece.out;
        const std::string full =
            prefix_ + numbered(names_.block, static_cast<std::int64_t>(block)) + std::string(fused);
        const HostTensor weight = take_weight(full + ".weight", all_rows, in);
        const std::optional<HostTensor> bias = take_bias(full + ".bias", pieces.front().role, all_rows);
        const std::int64_t stored_bytes = checkpoint_->stored_bytes(full + ".weight");
        const bool by_head = config().fused_by_head && fused == names_.fused_qkv;
        std::vector<LayerId> ids;
        std::int64_t first = 0;
        for (const Piece& piece : pieces) {
            const auto part = [&](const HostTensor& whole) {
                return by_head ? gather_rows(whole, rows_by_head(ids.size())) : slice_rows(whole, first, piece.out);
            };
            ids.push_back(add_linear(block, site, piece.role, piece.name, part(weight),
                                     stored_bytes * piece.out / all_rows,
                                     bias ? std::optional(part(*bias)) : std::nullopt));
            first += piece.out;
        }
        return ids;
    }

    std::vector<LayerId> take_pieces(BlockId block, SiteId site, std::string_view fused,
                                     const std::vector<Piece>& pieces, std::int64_t in) {
        const std::string full = prefix_ + numbered(names_.block, static_cast<std::int64_t>(block));
        // A container may have taken a fused tensor apart already (GGUF's phi3 and gpt2 differ in this).
        if (!fused.empty() && !checkpoint_->contains(full + std::string(pieces.front().name) + ".weight"))
            return take_fused(block, site, fused, pieces, in);
        std::vector<LayerId> ids;
        for (const Piece& piece : pieces)
            ids.push_back(take_linear(block, site, piece.role, piece.name, piece.out, in));
        return ids;
    }

    SiteId add_site(BlockId block, const std::string& name, std::int64_t channels) {
        const auto id = static_cast<SiteId>(parts_.sites.size());
        parts_.sites.push_back(
            {id, block, numbered(names_.block, static_cast<std::int64_t>(block)) + name, {}, channels});
        return id;
    }

    void add_block(std::int64_t number) {
        Block block;
        block.id = static_cast<BlockId>(number);
        block.sliding_window = marked(config().sliding_blocks, number) && config().sliding_window;
        take_norms(block, number);
        add_attention(block);
        if (config().experts > 0 && !marked(config().dense_blocks, number))
            add_experts(block, number);
        else
            block.mlps.push_back(add_mlp(block.id, "", {names_.gate, names_.up, names_.down}, config().mlp_hidden));
        add_fold_sites(block);
        parts_.blocks.push_back(std::move(block));
    }

    static bool marked(const std::vector<std::uint8_t>& blocks, std::int64_t number) {
        return !blocks.empty() && blocks.at(static_cast<std::size_t>(number)) != 0;
    }

    void take_norms(Block& block, std::int64_t number) {
        const std::string full = prefix_ + numbered(names_.block, number);
        const ModelConfig& model = config();
        for (std::size_t slot = 0; slot < norm_slots; ++slot) {
            std::string_view name = names_.norms[slot];
            for (const auto& [which, other] : names_.alternative_norms)
                if (which == NormSlot(slot) && checkpoint_->contains(full + std::string(other) + ".weight"))
                    name = other;
            if (name.empty()) continue;
            if ((NormSlot(slot) == NormSlot::query || NormSlot(slot) == NormSlot::key) && !model.query_key_norms)
                continue;
            const bool of_query = NormSlot(slot) == NormSlot::query, of_key = NormSlot(slot) == NormSlot::key;
            // Attention and MLP that stand side by side may read one norm; every other must be there.
            const std::string norm = full + std::string(name);
            const bool shared = NormSlot(slot) == NormSlot::mlp && model.parallel;
            if (shared && !checkpoint_->contains(norm + ".weight")) continue;
            std::int64_t width = model.hidden;
            if (of_query || of_key) { // per head, or over all heads at once
                const std::int64_t all = (of_query ? model.heads : model.kv_heads) * model.head_dim;
                width = checkpoint_->tensor(norm + ".weight").shape == Shape{all} ? all : model.head_dim;
            }
            block.norms[slot] = take_norm(norm, width);
        }
    }

    void add_attention(Block& block) {
        const std::int64_t hidden = config().hidden;
        const std::int64_t head_columns = config().heads * config().head_dim;
        const std::int64_t kv_columns = config().kv_heads * config().head_dim;
        const SiteId input = add_site(block.id, "attention_input", hidden);
        const SiteId output = add_site(block.id, "attention_output", head_columns);
        const auto qkv = take_pieces(
            block.id, input, names_.fused_qkv,
            {{Role::q, names_.q, head_columns}, {Role::k, names_.k, kv_columns}, {Role::v, names_.v, kv_columns}},
            hidden);
        block.q = qkv[0];
        block.k = qkv[1];
        block.v = qkv[2];
        block.o = take_linear(block.id, output, Role::o, names_.o, hidden, head_columns);
    }

    struct MlpNames {
        std::string_view gate, up, down;
    };
    /// `place` is what the sites' names have before "mlp_input": "" or "experts.5.".
    Mlp add_mlp(BlockId block, const std::string& place, const MlpNames& names, std::int64_t width) {
        const std::int64_t hidden = config().hidden;
        const SiteId input = add_site(block, place + "mlp_input", hidden);
        const SiteId inner = add_site(block, place + "mlp_hidden", width);
        Mlp mlp;
        if (config().gated_mlp) {
            const std::string_view fused = place.empty() ? names_.fused_gate_up : std::string_view();
            const auto gate_up = take_pieces(block, input, fused,
                                             {{Role::gate, names.gate, width}, {Role::up, names.up, width}}, hidden);
            mlp.gate = gate_up[0];
            mlp.up = gate_up[1];
        } else {
            mlp.up = take_linear(block, input, Role::fc1, names.up, width, hidden);
        }
        mlp.down = take_linear(block, inner, config().gated_mlp ? Role::down : Role::fc2, names.down, hidden, width);
        return mlp;
    }

    void add_experts(Block& block, std::int64_t number) {
        const std::string router = prefix_ + numbered(names_.block, number) + std::string(names_.router);
        block.router = Router{router, take(router + ".weight", {config().experts, config().hidden})};
        for (std::int64_t expert = 0; expert < config().experts; ++expert) {
            const auto named = [&](std::string_view name) { return numbered(name, expert, "{E}"); };
            const std::string gate = named(names_.expert_gate), up = named(names_.expert_up),
                              down = named(names_.expert_down);
            block.mlps.push_back(
                add_mlp(block.id, "experts." + std::to_string(expert) + ".", {gate, up, down}, config().expert_hidden));
        }
    }

    FoldSite& add_fold(const Block& block, FoldSite::Kind kind, const std::string& name,
                       std::vector<LayerId> consumers) {
        FoldSite site;
        site.kind = kind;
        site.name = numbered(names_.block, static_cast<std::int64_t>(block.id)) + name;
        site.block = block.id;
        site.site = parts_.linears.at(index_of(consumers.front())).site;
        site.consumers = std::move(consumers);
        return parts_.fold_sites.emplace_back(std::move(site));
    }

    void add_fold_sites(const Block& block) {
        using enum FoldSite::Kind;
        // After the residual a norm feeds the next residual too, so nothing can be moved out of it; and where attention
        // and MLP read one norm, what suits the one would have to suit the other.
        const auto folds = [&](NormSlot slot) {
            return !config().norm_after && block.norm(slot).present() &&
                   !(config().parallel && !block.norm(NormSlot::mlp).present());
        };
        if (folds(NormSlot::attention))
            add_fold(block, attention_input, "qkv", {block.q, block.k, block.v}).norm = NormSlot::attention;
        // Under grouped heads one row of v feeds several columns of o.
        if (config().heads == config().kv_heads) add_fold(block, attention_output, "out", {block.o}).linear = block.v;
        for (std::size_t i = 0; i < block.mlps.size(); ++i) {
            const Mlp& mlp = block.mlps[i];
            const std::string place = block.router ? "experts." + std::to_string(i) + "." : "";
            // A norm in front of a router feeds every expert and the router itself: no scale is moved out of it.
            if (folds(NormSlot::mlp) && !block.router) {
                std::vector<LayerId> readers = {mlp.up};
                if (mlp.gate) readers.insert(readers.begin(), *mlp.gate);
                add_fold(block, mlp_input, mlp.gate ? "gate_up" : "fc1", std::move(readers)).norm = NormSlot::mlp;
            }
            // A positive scale passes through the product with the gate, through ReLU, and through nothing smoother.
            if (!mlp.gate && config().activation != Activation::relu) continue;
            FoldSite& site = add_fold(block, mlp_hidden, place + (mlp.gate ? "down" : "fc2"), {mlp.down});
            site.linear = mlp.up;
            site.gated = mlp.gate.has_value();
        }
    }

    void warn_about(const std::vector<std::string>& names, const std::string& what, const std::string& how) {
        if (names.empty()) return;
        std::string text = std::to_string(names.size()) + what;
        for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 4); ++i) text += (i > 0 ? ", " : "") + names[i];
        parts_.warnings.push_back(text + (names.size() > 4 ? " ..." : "") + how);
    }

    void warn_about_the_rest() {
        static constexpr const char* buffers[] = {".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias",
                                                  ".attention.bias", ".attention.masked_bias"};
        std::vector<std::string> unknown, biases;
        for (const std::string& name : checkpoint_->tensor_names()) {
            const bool buffer =
                std::ranges::any_of(buffers, [&](const char* ending) { return name.ends_with(ending); });
            if (buffer || used_.contains(name)) continue;
            const bool bias = name.ends_with(".bias") && used_.contains(name.substr(0, name.size() - 4) + "weight");
            (bias ? biases : unknown).push_back(name);
        }
        warn_about(unknown, " tensors of the checkpoint are not used: ", "");
        warn_about(biases, " biases of the checkpoint are not used: ",
                   "; the configuration announces none there, and transformers drops them, too");
        warn_about(missing_biases_,
                   " biases that the configuration announces are not in the checkpoint: ", "; they are taken as zero");
        for (const std::string& note : config().notes) parts_.warnings.push_back(note);
        for (std::string& warning : checkpoint_->warnings()) parts_.warnings.push_back(std::move(warning));
        std::error_code none; // the folder may not be one
        if (std::filesystem::exists(checkpoint_->folder() / "adapter_config.json", none))
            parts_.warnings.push_back("an adapter lies beside the model (adapter_config.json) and is not applied, as "
                                      "transformers with peft would; merge it into the weights first");
    }

    std::shared_ptr<const Checkpoint> checkpoint_;
    const ModelFamily& family_;
    const ModelFamily::Names& names_;
    std::string prefix_;
    std::set<std::string> used_;
    std::vector<std::string> missing_biases_;
    Model::Parts parts_;
};

} // namespace

std::shared_ptr<const Model> build_model(std::shared_ptr<const Checkpoint> checkpoint, std::string name) {
    GRATICULE_ASSERT(checkpoint != nullptr, "a model without a checkpoint");
    const std::string context = "reading the model \"" + name + "\" from " + checkpoint->folder().string();
    try {
        return Builder(std::move(checkpoint), std::move(name)).build();
    } catch (Error& error) {
        error.add_context(context);
        throw;
    }
}

} // namespace graticule
