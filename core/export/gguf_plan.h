// The tensors of a GGUF file: where each of a model's goes, which of them share one, and in which type. Private to the
// GGUF exporter.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/export/gguf_blocks.h"
#include "core/io/gguf/gguf_architecture.h"
#include "core/model/model.h"
#include "core/recipe/layer_choices.h"

namespace graticule {

/// One tensor of the file: linears whose rows follow each other, or one other tensor of the model.
struct GgufPlanned {
    std::string name;                   ///< "blk.0.attn_qkv", without the ending
    std::string ending;                 ///< ".weight" or ".bias"
    std::string stored_name;            ///< in the checkpoint, of what is no linear's
    std::vector<const Linear*> linears; ///< empty: `plain`
    HostTensor plain;                   ///< as the checkpoint has it; empty: what folding made of it alone
    GgufChange change = GgufChange::none;

    [[nodiscard]] std::string full_name() const { return name + ending; }
    [[nodiscard]] bool of_weights() const { return !linears.empty() && ending == ".weight"; }
    [[nodiscard]] std::int64_t rows() const; ///< of its linears together
};

/// In the order of llama.cpp's own files.
class GgufPlan {
public:
    /// `head`: with a head of its own where the checkpoint ties it to the embedding.
    GgufPlan(const Model& model, const GgufArchitecture& architecture, bool head = false);

    [[nodiscard]] const std::vector<GgufPlanned>& tensors() const { return tensors_; }
    /// Names that the architecture has no place for.
    [[nodiscard]] const std::vector<std::string>& unknown() const { return unknown_; }

private:
    void add_norm(const Norm& norm);
    void add_plain(const std::string& stored_name, const char* ending, const HostTensor& tensor);
    void add_linear(const Linear& linear);
    void add_rows(const GgufMapping& place, const char* ending, const Linear& linear);

    const Model& model_;
    const GgufArchitecture& architecture_;
    std::vector<GgufPlanned> tensors_;
    std::vector<std::string> unknown_;
};

/// The type that the linears of one tensor share; absent: none of them is quantized.
[[nodiscard]] std::optional<GgufForm> gguf_form_of(const GgufPlanned& tensor, const LayerChoices& choices);

/// Whether there is one to be written into the file.
[[nodiscard]] bool has_gguf_tokenizer(const Model& model);

} // namespace graticule
