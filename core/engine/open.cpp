// Opening a model: container by content, family by configuration, and the tokenizer beside it where there is one.
#include "core/engine/engine.h"
#include "core/export/stored_weights.h"
#include "core/io/checkpoint.h"
#include "core/model/family.h"

namespace graticule {

namespace {

/// What people call the model: the folder's name, a lone file's stem, or org/name in the Hugging Face cache.
std::string display_name(const std::filesystem::path& path) {
    for (const std::filesystem::path& part : std::filesystem::absolute(path).lexically_normal()) {
        std::string name = part.string();
        if (!name.starts_with("models--")) continue;
        name.erase(0, 8);
        if (const auto dashes = name.find("--"); dashes != std::string::npos) name.replace(dashes, 2, "/");
        return name;
    }
    std::error_code ignored;
    if (path.extension() == ".gguf") return path.stem().string();
    const bool file = std::filesystem::is_regular_file(path, ignored);
    std::filesystem::path folder = std::filesystem::absolute(path).lexically_normal();
    if (file) folder = folder.parent_path();
    return folder.filename().empty() ? folder.parent_path().filename().string() : folder.filename().string();
}

} // namespace

OpenedModel open_model(const std::filesystem::path& path, JobContext& ctx) {
    ctx.progress.begin("Opening " + path.filename().string(), 0);
    const std::shared_ptr<const Checkpoint> checkpoint = decode_stored_weights(open_checkpoint(path));
    ctx.check_cancelled();
    OpenedModel opened;
    opened.model = build_model(checkpoint, display_name(path));
    for (const std::string& warning : opened.model->parts().warnings) ctx.log("warning: " + warning);
    ctx.check_cancelled();
    try {
        opened.tokenizer = open_tokenizer(*checkpoint);
        for (const std::string& note : opened.tokenizer->notes()) ctx.log("warning: " + note);
    } catch (const Error& error) {
        opened.tokenizer_problem = error.info().message; // layers can be looked at; what needs text says this
    }
    return opened;
}

std::optional<StoredQuantization> stored_quantization(const Model& model) {
    const auto& checkpoint = model.parts().checkpoint;
    return checkpoint ? checkpoint->stored_quantization() : std::nullopt;
}

std::string stored_note(const Model& model) {
    const auto stored = stored_quantization(model);
    if (!stored) return {};
    std::string text = "the weights are stored quantized (" + stored->format + ") and dequantized as they are read";
    if (!stored->quantizes_inputs) return text;
    const std::string inputs = stored->input_line.empty() ? "a=..." : stored->input_line;
    text += "; the file asks for quantized inputs too, which is done only where a recipe says so: --recipe '" + inputs;
    return text + "'; integer products need the weights' scheme in it as well: 'w=... " + inputs + "'";
}

std::string unquantized_name(const Model& model) { return stored_quantization(model) ? "as stored" : "full precision"; }

} // namespace graticule
