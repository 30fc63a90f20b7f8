// A Hugging Face folder: weights in one safetensors file or shards with an index, config.json. Shared by the exporters
// that write one; private to core/export.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
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
};

/// How a linear is stored; absent: as the checkpoint has it.
using UnitOf = std::function<std::optional<TensorUnit>(const Linear&)>;
/// The linears, what folding replaced, then every other tensor of the checkpoint but buffers.
[[nodiscard]] std::vector<TensorUnit> plan_units(const QuantizedModel& model, const UnitOf& unit_of);

/// Throws Error{bad_input} naming the tensor for a value that is not finite.
void write_units(const QuantizedModel& model, const std::vector<TensorUnit>& units, const std::filesystem::path& folder,
                 std::uint64_t shard_bytes, JobContext& ctx);

/// The model's own config.json with this "quantization_config".
void write_config(const QuantizedModel& model, nlohmann::ordered_json quantization,
                  const std::filesystem::path& folder);

} // namespace graticule
