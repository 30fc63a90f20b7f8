#include "core/export/gguf.h"

#include <cstdio>

#include "core/base/error.h"
#include "core/export/gguf_metadata.h"
#include "core/export/gguf_plan.h"
#include "core/io/checkpoint.h"
#include "core/io/gguf/gguf_tokenizer_writer.h"

namespace graticule {
namespace {

/// Why the layer's recipe has no form in the file; empty: it has.
std::string choice_problem(const SchemeChoice& choice) {
    const QuantScheme& scheme = choice.scheme;
    if (scheme.query || scheme.key || scheme.value || scheme.probability)
        return "quantized attention operands (q= k= v= p=) have no form in GGUF; leave them out";
    if (scheme.input)
        return "a=" + to_text(*scheme.input) +
               ": GGUF holds weights alone, and llama.cpp rounds activations by its own rule; leave a= out";
    return scheme.weight ? "" : "quantizes no weights";
}

double bits_of(DType type) {
    const DTypeRow& row = row_of(type);
    return 8.0 * row.block_bytes / row.block_elements;
}

/// Errors that name a layer: its recipe, its shape, what it shares a tensor with.
void check_layers(const Model& model, const LayerChoices& choices, const GgufPlan& plan, Diagnostics& all) {
    LayerProblems errors, notes;
    for (const Linear& linear : model.linears())
        if (const auto& choice = choices.at(index_of(linear.id)))
            if (const std::string problem = choice_problem(*choice); !problem.empty())
                errors.add(problem, linear.short_name);
    for (const GgufPlanned& tensor : plan.tensors()) {
        if (!tensor.of_weights()) continue;
        const auto form = gguf_form_of(tensor, choices);
        if (!form) continue;
        if (!form->problem.empty()) {
            errors.add(form->problem, tensor.linears.front()->short_name);
            continue;
        }
        char bits[32];
        std::snprintf(bits, sizeof bits, "%.4g", bits_of(form->type));
        notes.add("written as " + std::string(row_of(form->type).name) + ", " + bits +
                      " bits a weight: the same values, bit for bit",
                  tensor.linears.front()->short_name);
    }
    errors.report(Severity::error, all);
    notes.report(Severity::note, all);
}

} // namespace

Diagnostics check_gguf(const Model& model, const LayerChoices& choices, const ExportOptions&) {
    Diagnostics all;
    if (!model.parts().checkpoint) {
        all.add(Severity::error, "", "the model has no checkpoint to take the other tensors from");
        return all;
    }
    const GgufArchitecture* architecture = gguf_architecture_for(model.config().model_type);
    if (architecture == nullptr) {
        all.add(Severity::error, "",
                "models of the type \"" + model.config().model_type + "\" are not written as GGUF; " +
                    gguf_architecture_names() + " are. Export to compressed-tensors instead");
        return all;
    }
    all.append(check_gguf_config(model, *architecture));
    const GgufPlan plan(model, *architecture);
    if (const auto& unknown = plan.unknown(); !unknown.empty())
        all.add(Severity::error, "",
                "tensor \"" + unknown.front() + "\"" +
                    (unknown.size() > 1 ? " and " + std::to_string(unknown.size() - 1) + " more have" : " has") +
                    " no place in llama.cpp's " + std::string(architecture->name) +
                    "; export to compressed-tensors instead");
    check_layers(model, choices, plan, all);
    if (!has_gguf_tokenizer(model)) {
        all.add(Severity::warning, "",
                "no tokenizer files lie beside the model, so the file has none: llama.cpp takes token ids only");
        return all;
    }
    try {
        for (const std::string& note :
             gguf_tokenizer_entries(*model.parts().checkpoint, model.config().vocabulary).notes)
            all.add(Severity::warning, "", note);
    } catch (const Error& error) {
        all.add(Severity::error, "", error.info().message);
    }
    return all;
}

std::optional<StoredLinear> stored_as_gguf(const Linear& linear, const SchemeChoice& choice) {
    if (!choice_problem(choice).empty()) return std::nullopt;
    const GgufForm form = gguf_form(*choice.scheme.weight, linear.in_features());
    if (!form.problem.empty()) return std::nullopt;
    StoredLinear stored;
    stored.layout = row_of(form.type).name;
    stored.bits = choice.scheme.weight->format->bits;
    stored.group = row_of(form.type).block_elements;
    stored.in_features = linear.in_features();
    return stored;
}

} // namespace graticule
