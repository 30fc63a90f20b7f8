#include "core/export/stored_weights.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/cut_short.h"
#include "core/base/error.h"
#include "core/export/compressed_tensors.h"
#include "core/export/gptq_awq_reader.h"
#include "core/export/packed.h"
#include "core/export/qserve.h"
#include "core/io/json_file.h"

namespace graticule {

namespace {

using nlohmann::json;
using Stored = std::shared_ptr<const Checkpoint>;

/// Who reads a checkpoint by the "quant_method" of its quantization_config.
struct MethodReader {
    std::string_view method;
    Stored (*decode)(Stored checkpoint,
                     const json& quantization_config); ///< null: it is not read, and `way_out` says more
    bool in_own_file = false;      ///< AutoGPTQ and AutoAWQ wrote the configuration into a file beside config.json
    std::string_view way_out = {}; ///< of one that is not read
};

constexpr MethodReader method_readers[] = {
    {"compressed-tensors", decode_compressed_tensors},
    {"gptq", decode_gptq_awq, true},
    {"awq", decode_gptq_awq, true},
    {"qoq", decode_qserve},
    {"bitsandbytes", nullptr, false,
     "weights quantized by bitsandbytes (NF4, FP4 or LLM.int8) are not read; open the model that they were made from, "
     "or "
     "save it dequantized: model.dequantize() in transformers"},
};

const MethodReader* reader_of(const std::string& method) {
    const auto* found = std::ranges::find(method_readers, method, &MethodReader::method);
    return found == std::end(method_readers) ? nullptr : found;
}

std::string all_read() {
    std::string names;
    for (const MethodReader& reader : method_readers)
        if (reader.decode != nullptr) names += std::string(reader.method) + ", ";
    return names.substr(0, names.size() - 2);
}

/// Eight-bit weights with scales beside them that nothing announces: without the scales they are other weights.
void refuse_unannounced_scales(const Checkpoint& checkpoint) {
    for (const std::string& name : checkpoint.tensor_names())
        for (const std::string_view ending : {".weight_scale", ".weight_scale_inv", ".SCB"}) {
            if (!name.ends_with(ending)) continue;
            const std::string weight = name.substr(0, name.size() - ending.size()) + ".weight";
            if (!checkpoint.contains(weight) || row_of(checkpoint.tensor(weight).dtype).block_bytes != 1) continue;
            const bool modelopt = std::filesystem::exists(checkpoint.folder() / "hf_quant_config.json");
            throw Error(ErrorKind::unsupported,
                        checkpoint.file_of(name).string() + ": tensor \"" + name +
                            "\" scales the codes of a weight, and no \"quantization_config\" says how" +
                            (modelopt ? " (hf_quant_config.json beside it is ModelOpt's, which is not read)" : "") +
                            "; open the model that it was made from, or save it as compressed-tensors");
        }
}

/// The file of AutoGPTQ, or of AutoAWQ; absent where the folder has none, or no weights that it could be about.
Stored decode_by_own_file(Stored checkpoint) {
    std::filesystem::path file = checkpoint->folder() / "quantize_config.json";
    const char* unnamed = "gptq";
    if (!std::filesystem::exists(file)) {
        file.replace_filename("quant_config.json");
        unnamed = "awq";
    }
    const auto names = checkpoint->tensor_names();
    const bool packed = std::ranges::any_of(names, [](const auto& name) { return name.ends_with(".qweight"); });
    if (!packed || !std::filesystem::exists(file)) return checkpoint;
    json said = read_json_file(file);
    if (!said.is_object()) throw Error(ErrorKind::bad_input, file.string() + ": not a JSON object");
    json& method = said["quant_method"];
    if (method.is_null()) method = unnamed;
    const MethodReader* reader = method.is_string() ? reader_of(method.get<std::string>()) : nullptr;
    if (reader == nullptr || !reader->in_own_file)
        throw Error(ErrorKind::unsupported,
                    file.string() + ": \"quant_method\" is " + method.dump() + "; gptq and awq are read");
    try {
        return reader->decode(std::move(checkpoint), said);
    } catch (const Error& error) {
        throw Error(error.info().kind, file.string() + ": " + error.info().message);
    }
}

Stored decode_by_config(Stored checkpoint) {
    const std::string file = (checkpoint->folder() / "config.json").string();
    const json config = parse_json(checkpoint->config_json(), file);
    if (config.contains("compression_config"))
        throw Error(ErrorKind::unsupported,
                    file + ": \"compression_config\" is how early versions of compressed-tensors said that weights are "
                           "quantized; load the model with the version that wrote it and save it with a current one, "
                           "which writes \"quantization_config\"");
    const auto quantization = config.find("quantization_config");
    if (quantization == config.end() || !quantization->is_object()) return decode_by_own_file(std::move(checkpoint));
    try {
        const json named = quantization->value("quant_method", json());
        if (!named.is_string())
            throw Error(ErrorKind::bad_input, file + ": \"quantization_config\" has no \"quant_method\" (" +
                                                  cut_short(named) + "), so who quantized is not known; " + all_read() +
                                                  " are read");
        const auto method = named.get<std::string>();
        const MethodReader* reader = reader_of(method);
        if (reader == nullptr)
            throw Error(ErrorKind::unsupported, file + ": weights quantized by \"" + method + "\" are not read; " +
                                                    all_read() + " and unquantized checkpoints are");
        if (reader->decode == nullptr) throw Error(ErrorKind::unsupported, file + ": " + std::string(reader->way_out));
        return reader->decode(std::move(checkpoint), *quantization);
    } catch (Error& error) {
        if (error.info().message.starts_with(file)) throw;
        throw Error(error.info().kind, file + ": \"quantization_config\": " + error.info().message);
    } catch (const json::exception& problem) {
        throw Error(ErrorKind::bad_input, file + ": \"quantization_config\": " + problem.what());
    }
}

} // namespace

Stored decode_stored_weights(Stored checkpoint) {
    if (const std::string packed = packed_description(*checkpoint); !packed.empty())
        return decode_packed(std::move(checkpoint), packed);
    Stored decoded = decode_by_config(std::move(checkpoint));
    refuse_unannounced_scales(*decoded);
    return decoded;
}

Stored read_back_folder(const std::filesystem::path& folder) { return decode_stored_weights(open_checkpoint(folder)); }

} // namespace graticule
