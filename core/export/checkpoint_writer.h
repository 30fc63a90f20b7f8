// A Hugging Face folder: weights in one safetensors file or shards with an index, config.json. Shared by the exporters
// that write one; private to core/export.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/base/job_context.h"
#include "core/io/safetensors.h"
#include "core/result/quantized_model.h"

namespace graticule {

/// What is written together and never split over two files: one linear's tensors, or one other tensor.
struct TensorUnit {
    std::vector<SafetensorsSpec> specs;            ///< under the names of clients
    std::function<std::vector<HostTensor>()> make; ///< in the order of `specs`; called when its turn comes
    std::uint64_t bytes = 0;                       ///< filled by plan_units
    /// Other tensors of the checkpoint that this one stands for: what a fused tensor was, a bias.
    std::vector<std::string> covers = {};
};

/// How a linear is stored; absent: as the checkpoint has it.
using UnitOf = std::function<std::optional<TensorUnit>(const Linear&)>;
/// The linears, what folding replaced, then every other tensor of the checkpoint but buffers.
[[nodiscard]] std::vector<TensorUnit> plan_units(const QuantizedModel& model, const UnitOf& unit_of);

struct WeightFiles {
    std::string stem = "model";                ///< of the file, or of shards and their index
    std::map<std::string, std::string> header; ///< beside what every file says of itself
};
/// Throws Error{bad_input} naming the tensor for a value that is not finite.
void write_units(const QuantizedModel& model, const std::vector<TensorUnit>& units, const std::filesystem::path& folder,
                 std::uint64_t shard_bytes, JobContext& ctx, const WeightFiles& files = {});
/// A tensor in a type that safetensors has; others are decoded.
[[nodiscard]] TensorUnit plain_unit(const std::string& name, const HostTensor& tensor);

/// Throws Error{bad_input} naming tensor, row and column of a value that is NaN or infinite: what is written is what
/// others compute with.
void refuse_what_is_not_finite(const QuantizedModel& model, const std::string& name, const HostTensor& tensor);

/// The model's own config.json with this "quantization_config"; null: with none.
void write_config(const QuantizedModel& model, nlohmann::ordered_json quantization,
                  const std::filesystem::path& folder);

} // namespace graticule
