// A Hugging Face folder: weights in one safetensors file or shards with an index, config.json, tokenizer. Shared by the
// exporters that write one; private to core/export. An exporter says how it stores a linear, the rest is done here:
//
//     std::unique_ptr<ModelWriter> open_gptq(heading, choices, folder, options) {
//         return open_folder(heading, {unit_of, config}, folder, options);
//     }
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/export/exporter.h"
#include "core/io/safetensors.h"

namespace graticule {

/// How one linear is stored. Its tensors are written together and never split over two files.
struct LinearUnit {
    std::vector<SafetensorsSpec> specs;                                  ///< under the names of clients
    std::function<std::vector<HostTensor>(const QuantizedLinear&)> make; ///< in the order of `specs`
};

struct FolderLayout {
    std::function<std::optional<LinearUnit>(const Linear&)> unit_of; ///< absent: stored as the checkpoint has it
    std::string quantization_config;                                 ///< JSON, for config.json; "null": none
    std::map<std::string, std::string> files = {};                   ///< further ones, whole, by name
    std::string stem = "model";                                      ///< of the weights' file, or of shards and index
    std::map<std::string, std::string> header = {};                  ///< beside what every weight file says of itself
    /// Linears that the checkpoint stores fused or turned and this folder alone, (out, in), with their biases; and the
    /// names of the tensors that held them.
    std::vector<LayerId> taken_apart = {};
    std::vector<std::string> replaced_tensors = {};
    /// The folder's reader; none: that of quantization_config.
    std::function<std::shared_ptr<const Checkpoint>(std::shared_ptr<const Checkpoint>)> decode = {};
};

/// Throws Error{bad_input} naming tensor, row and column of a value that is NaN or infinite: what is written is what
/// others compute with.
void refuse_what_is_not_finite(const Model& model, const std::string& name, const HostTensor& tensor);
/// The same of whole rows of it, decoded already, `first_row` and on.
void refuse_what_is_not_finite(const Model& model, const std::string& name, const std::vector<float>& rows,
                               std::int64_t first_row, std::int64_t columns);
/// As many of its rows as are float32 values of a few megabytes.
[[nodiscard]] std::int64_t rows_decoded_at_once(const HostTensor& tensor);

/// Linears first, in the model's order, then what folding replaced, then every other tensor of the checkpoint but
/// buffers. A shard is written as its linears come; those of the last one wait for what else it will hold. take and
/// finish throw Error{bad_input} naming the tensor for a value that is not finite; finish looks whether the files hold
/// what take was given.
[[nodiscard]] std::unique_ptr<ModelWriter> open_folder(const QuantizedModel& heading, FolderLayout layout,
                                                       const std::filesystem::path& folder,
                                                       const ExportOptions& options);

} // namespace graticule
