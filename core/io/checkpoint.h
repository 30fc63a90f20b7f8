// One face for every container a model comes in: safetensors (one file or shards), GGUF, folders of the Hugging Face
// cache.
//
//     auto checkpoint = open_checkpoint("models/opt-125m");
//     HostTensor weight = checkpoint->tensor("model.decoder.layers.0.fc1.weight");   // a view of the mapped file
//     auto tokenizer = open_tokenizer(*checkpoint);                                  // core/io/tokenizer.h
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor/host_tensor.h"

namespace graticule {

class Tokenizer;

/// What another run did to the weights before they were stored. They are dequantized as they are read.
struct StoredQuantization {
    std::string format;            ///< "compressed-tensors pack-quantized", "GGUF Q4_1"
    bool quantizes_inputs = false; ///< the file asks for it; here only a recipe does it
    std::string input_line;        ///< that recipe, "a=int8/sym/token"; empty: no one line says it
};

/// Read-only. Tensors are views of the mapped files: nothing is read, let alone decoded, before it is looked at. Names
/// and shapes are those of the Hugging Face checkpoint of the architecture, whatever the container calls them.
class Checkpoint {
public:
    virtual ~Checkpoint() = default;

    [[nodiscard]] virtual std::vector<std::string> tensor_names() const = 0; ///< in file order
    [[nodiscard]] virtual bool contains(const std::string& name) const = 0;
    /// Throws Error{bad_input} naming the file and the tensor if it is not there.
    [[nodiscard]] virtual HostTensor tensor(const std::string& name) const = 0;
    /// Bytes that stand for the tensor in the file, scales and zero points included.
    [[nodiscard]] virtual std::int64_t stored_bytes(const std::string& name) const {
        return static_cast<std::int64_t>(tensor(name).bytes.size());
    }
    /// The file the tensor lies in, for messages; the folder where that is not one file.
    [[nodiscard]] virtual std::filesystem::path file_of(const std::string& name) const {
        return static_cast<void>(name), folder();
    }
    /// Absent: the weights are stored as they were trained.
    [[nodiscard]] virtual std::optional<StoredQuantization> stored_quantization() const { return std::nullopt; }
    /// Text of config.json as transformers would write it; a GGUF file's is made from its metadata.
    [[nodiscard]] virtual const std::string& config_json() const = 0;
    [[nodiscard]] virtual std::filesystem::path folder() const = 0; ///< where tokenizer and other files lie
    /// What was guessed or mended while opening, a sentence each.
    [[nodiscard]] virtual std::vector<std::string> warnings() const { return {}; }
    /// Every file the model was taken from, the one with the configuration first, for `info` and for hashing.
    [[nodiscard]] virtual std::vector<std::filesystem::path> files() const = 0;
    [[nodiscard]] virtual std::string container() const = 0; ///< "safetensors", "safetensors, 3 shards", "GGUF v3"
    /// Use open_tokenizer(checkpoint). Throws Error{bad_input} if the checkpoint has none.
    [[nodiscard]] virtual std::shared_ptr<const Tokenizer> tokenizer() const = 0;
};

/// Opens, by content rather than by extension: a folder, a `.safetensors` with its config.json beside it, a
/// `model.safetensors.index.json`, a `.gguf` (any part of a split one), a folder of the Hugging Face cache
/// (`models--org--name`), or `org/name` looked up in that cache.
[[nodiscard]] std::shared_ptr<const Checkpoint> open_checkpoint(const std::filesystem::path& path);

} // namespace graticule
