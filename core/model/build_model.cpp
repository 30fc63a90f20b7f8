// From an opened checkpoint to a Model: every tensor that the family's row names is found and its shape compared with
// what the configuration promises, before anything computes with it.
#include <algorithm>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "core/io/checkpoint.h"
#include "core/model/family.h"

namespace graticule {

namespace {

std::string numbered(std::string_view pattern, std::int64_t number) {
    std::string text(pattern);
    const auto at = text.find("{N}");
    if (at != std::string::npos) text.replace(at, 3, std::to_string(number));
    return text;
}

/// Rows [first, first + count) of a matrix or vector as a view of the same bytes.
HostTensor slice_rows(const HostTensor& tensor, std::int64_t first, std::int64_t count) {
    const DTypeRow& row = row_of(tensor.dtype);
    const std::int64_t columns = tensor.columns();
    GRATICULE_ASSERT(columns % row.block_elements == 0, "a row of a fused tensor that cuts a block");
    const std::int64_t row_bytes = columns / row.block_elements * row.block_bytes;
    HostTensor slice = tensor;
    slice.shape[0] = count;
    slice.bytes =
        tensor.bytes.subspan(static_cast<std::size_t>(first * row_bytes), static_cast<std::size_t>(count * row_bytes));
    return slice;
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

/// Readers of the configuration say which field is wrong; which file it stands in is known here.
template <class Read>
decltype(auto) from_config(const Checkpoint& checkpoint, Read read) {
    try {
        return read(checkpoint.config_json());
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

    void find_prefix() {
        for (const std::string_view prefix : names_.prefixes) {
            parts_.prefix = prefix_ = prefix;
            if (checkpoint_->contains(prefix_ + std::string(names_.embedding) + ".weight")) return;
        }
        throw Error(ErrorKind::bad_input, "the checkpoint has no tensor \"" + std::string(names_.prefixes.front()) +
                                              std::string(names_.embedding) + ".weight\", which every " +
                                              std::string(family_.label) + " model has; is it complete?");
    }

    /// The tensor, known to hold numbers and to have this shape.
    HostTensor take(const std::string& name, const Shape& expected) {
        HostTensor tensor = checkpoint_->tensor(name);
        used_.insert(name);
        if (row_of(tensor.dtype).decode == nullptr)
            throw Error(ErrorKind::bad_input,
                        "tensor \"" + name + "\" is of type " + std::string(row_of(tensor.dtype).name) +
                            ", which holds no weights; was this model quantized by another program?");
        if (tensor.shape != expected)
            throw Error(ErrorKind::bad_input, "tensor \"" + name + "\" has shape " + to_text(tensor.shape) +
                                                  "; config.json asks for " + to_text(expected));
        return tensor;
    }

    std::optional<HostTensor> take_if_there(const std::string& name, const Shape& expected) {
        if (!checkpoint_->contains(name)) return std::nullopt;
        return take(name, expected);
    }

    Norm take_norm(const std::string& name, std::int64_t width) {
        Norm norm{name, take(name + ".weight", {width}), std::nullopt};
        if (config().norm == NormKind::layer) norm.bias = take_if_there(name + ".bias", {width});
        return norm;
    }

    Norm take_norm_if_there(std::string_view name, const std::string& block, std::int64_t width) {
        if (name.empty() || !checkpoint_->contains(block + std::string(name) + ".weight")) return {};
        return take_norm(block + std::string(name), width);
    }

    /// A linear's weight as (out, in), whichever way it is stored.
    HostTensor take_weight(const std::string& name, std::int64_t out, std::int64_t in) {
        if (!names_.transposed_linears) return take(name, {out, in});
        // GPT-2's containers do not agree (GGUF keeps (out, in)). The fused q, k, v is never square and so decides.
        const std::string fused = prefix_ + numbered(names_.block, 0) + std::string(names_.fused_qkv) + ".weight";
        const bool stored_in_out = checkpoint_->tensor(fused).rows() == config().hidden;
        return stored_in_out ? transposed(take(name, {in, out})) : take(name, {out, in});
    }

    void add_outer_tensors() {
        const std::int64_t vocabulary = config().vocabulary;
        const std::int64_t hidden = config().hidden;
        const std::int64_t width = config().embedding_width;
        const auto full = [&](std::string_view name) { return prefix_ + std::string(name) + ".weight"; };
        parts_.embedding = take(full(names_.embedding), {vocabulary, width});
        if (!names_.positions.empty())
            parts_.positions =
                take(full(names_.positions), {config().max_positions + config().position_offset, hidden});
        if (width != hidden) {
            parts_.project_in = take(full(names_.project_in), {hidden, width});
            parts_.project_out = take(full(names_.project_out), {width, hidden});
        }
        const std::string final_norm = prefix_ + std::string(names_.final_norm);
        // Post-norm OPT has none; everything else must, and take_norm says so by name.
        if (!config().norm_after || checkpoint_->contains(final_norm + ".weight"))
            parts_.final_norm = take_norm(final_norm, hidden);
        add_head(vocabulary, width);
    }

    void add_head(std::int64_t vocabulary, std::int64_t width) {
        const std::string name = std::string(names_.head) + ".weight";
        if (!config().tied_head) {
            parts_.head = take(name, {vocabulary, width});
            return;
        }
        if (!checkpoint_->contains(name)) return;
        const HostTensor stored = take(name, {vocabulary, width});
        if (!std::ranges::equal(stored.bytes, parts_.embedding.bytes))
            parts_.warnings.push_back("\"" + name +
                                      "\" differs from the embedding, but config.json says that they are "
                                      "tied; the embedding is used, as transformers does");
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
                          checkpoint_->stored_bytes(full + ".weight"), take_if_there(full + ".bias", {out}));
    }

    struct Piece {
        Role role;
        std::string_view name;
        std::int64_t out;
    };
    /// Several linears that the checkpoint stores as one, rows of the first above rows of the next.
    std::vector<LayerId> take_fused(BlockId block, SiteId site, std::string_view fused,
                                    const std::vector<Piece>& pieces, std::int64_t in) {
        std::int64_t all_rows = 0;
        for (const Piece& piece : pieces) all_rows += piece.out;
        const std::string full =
            prefix_ + numbered(names_.block, static_cast<std::int64_t>(block)) + std::string(fused);
        const HostTensor weight = take_weight(full + ".weight", all_rows, in);
        const std::optional<HostTensor> bias = take_if_there(full + ".bias", {all_rows});
        const std::int64_t stored_bytes = checkpoint_->stored_bytes(full + ".weight");
        std::vector<LayerId> ids;
        std::int64_t first = 0;
        for (const Piece& piece : pieces) {
            ids.push_back(add_linear(block, site, piece.role, piece.name, slice_rows(weight, first, piece.out),
                                     stored_bytes * piece.out / all_rows,
                                     bias ? std::optional(slice_rows(*bias, first, piece.out)) : std::nullopt));
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

    SiteId add_site(BlockId block, std::string_view name, std::int64_t channels) {
        const auto id = static_cast<SiteId>(parts_.sites.size());
        parts_.sites.push_back(
            {id, block, numbered(names_.block, static_cast<std::int64_t>(block)) + std::string(name), {}, channels});
        return id;
    }

    void add_block(std::int64_t number) {
        const auto id = static_cast<BlockId>(number);
        const std::string full = prefix_ + numbered(names_.block, number);
        const std::int64_t hidden = config().hidden;
        const std::int64_t head_columns = config().heads * config().head_dim;
        const std::int64_t kv_columns = config().kv_heads * config().head_dim;
        Block block;
        block.id = id;
        block.sliding_window = config().sliding_window && !config().sliding_blocks.empty() &&
                               config().sliding_blocks.at(static_cast<std::size_t>(number)) != 0;
        block.attention_norm = take_norm(full + std::string(names_.attention_norm), hidden);
        block.mlp_norm = take_norm(full + std::string(names_.mlp_norm), hidden);
        block.post_attention_norm = take_norm_if_there(names_.post_attention_norm, full, hidden);
        block.post_mlp_norm = take_norm_if_there(names_.post_mlp_norm, full, hidden);
        block.query_norm = take_norm_if_there(names_.query_norm, full, config().head_dim);
        block.key_norm = take_norm_if_there(names_.key_norm, full, config().head_dim);

        const SiteId attention_input = add_site(id, "attention_input", hidden);
        const SiteId attention_output = add_site(id, "attention_output", head_columns);
        const SiteId mlp_input = add_site(id, "mlp_input", hidden);
        const SiteId mlp_hidden = add_site(id, "mlp_hidden", config().mlp_hidden);
        const auto qkv = take_pieces(
            id, attention_input, names_.fused_qkv,
            {{Role::q, names_.q, head_columns}, {Role::k, names_.k, kv_columns}, {Role::v, names_.v, kv_columns}},
            hidden);
        block.q = qkv[0];
        block.k = qkv[1];
        block.v = qkv[2];
        block.o = take_linear(id, attention_output, Role::o, names_.o, hidden, head_columns);
        if (config().gated_mlp) {
            const auto gate_up = take_pieces(
                id, mlp_input, names_.fused_gate_up,
                {{Role::gate, names_.gate, config().mlp_hidden}, {Role::up, names_.up, config().mlp_hidden}}, hidden);
            block.gate = gate_up[0];
            block.up = gate_up[1];
        } else {
            block.up = take_linear(id, mlp_input, Role::fc1, names_.up, config().mlp_hidden, hidden);
        }
        block.down = take_linear(id, mlp_hidden, config().gated_mlp ? Role::down : Role::fc2, names_.down, hidden,
                                 config().mlp_hidden);
        add_fold_sites(block, number);
        parts_.blocks.push_back(std::move(block));
    }

    void add_fold(const Block& block, std::int64_t number, std::string_view name, const Norm* norm,
                  std::optional<LayerId> linear, std::vector<LayerId> consumers, bool judged_by_attention = false) {
        FoldSite site;
        site.name = numbered(names_.block, number) + std::string(name);
        site.block = block.id;
        site.source = norm != nullptr ? FoldSite::Source::norm : FoldSite::Source::linear;
        if (norm != nullptr) site.norm = norm->name;
        site.linear = linear;
        site.site = parts_.linears.at(index_of(consumers.front())).site;
        site.consumers = std::move(consumers);
        site.judged_by_attention = judged_by_attention;
        parts_.fold_sites.push_back(std::move(site));
    }

    void add_fold_sites(const Block& block, std::int64_t number) {
        // After the residual a norm feeds the next residual too, so nothing can be moved out of it.
        const bool norms_fold = !config().norm_after;
        if (norms_fold)
            add_fold(block, number, "qkv", &block.attention_norm, std::nullopt, {block.q, block.k, block.v}, true);
        // Under grouped heads one row of v feeds several columns of o.
        if (config().heads == config().kv_heads) add_fold(block, number, "out", nullptr, block.v, {block.o});
        if (block.gate) {
            if (norms_fold) add_fold(block, number, "gate_up", &block.mlp_norm, std::nullopt, {*block.gate, block.up});
            add_fold(block, number, "down", nullptr, block.up, {block.down});
            return;
        }
        if (norms_fold) add_fold(block, number, "fc1", &block.mlp_norm, std::nullopt, {block.up});
        // A positive scale passes through ReLU and through nothing smoother.
        if (config().activation == Activation::relu) add_fold(block, number, "fc2", nullptr, block.up, {block.down});
    }

    void warn_about_the_rest() {
        static constexpr const char* buffers[] = {".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias",
                                                  ".attention.bias", ".attention.masked_bias"};
        std::vector<std::string> unknown;
        for (const std::string& name : checkpoint_->tensor_names()) {
            const bool buffer =
                std::ranges::any_of(buffers, [&](const char* ending) { return name.ends_with(ending); });
            if (!buffer && !used_.contains(name)) unknown.push_back(name);
        }
        if (unknown.empty()) return;
        std::string text = std::to_string(unknown.size()) + " tensors of the checkpoint are not used: ";
        for (std::size_t i = 0; i < std::min<std::size_t>(unknown.size(), 4); ++i)
            text += (i > 0 ? ", " : "") + unknown[i];
        parts_.warnings.push_back(text + (unknown.size() > 4 ? " ..." : ""));
    }

    std::shared_ptr<const Checkpoint> checkpoint_;
    const ModelFamily& family_;
    const ModelFamily::Names& names_;
    std::string prefix_;
    std::set<std::string> used_;
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
