// The tensors of one linear in our own container (docs/formats/packed.md). Private to its writer and reader.
//
//     NAME.codes          U8  (out, ceil(in * bits / 8))   fields of `bits` bits, lowest first; a row begins on a byte
//     NAME.scales         (down, across)                   one per block of the finest level, as its coding stores it
//     NAME.coarse_scales  (down, across)                   of the level above, where there is one
//     NAME.zeros          (down, ...)                      asymmetric lattices: packed like codes, or a byte each (I8)
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "core/export/checkpoint_writer.h"
#include "core/result/quantized_model.h"

namespace graticule {

inline constexpr int packed_version = 1;
/// Key of the description in a file's "__metadata__", and what the files' names begin with.
inline constexpr const char* packed_header = "graticule_packed";
inline constexpr const char* packed_stem = "packed";

/// What the grid of a scheme means, for readers that know none of this program's formats.
[[nodiscard]] nlohmann::json describe(const TensorScheme& scheme);

/// Name and type of a tensor by the scheme and the shape (out, in) of the weight.
struct PackedSpecs {
    SafetensorsSpec codes, scales;
    std::optional<SafetensorsSpec> coarse_scales, zeros;
};
[[nodiscard]] PackedSpecs packed_specs(const TensorScheme& scheme, std::int64_t rows, std::int64_t columns,
                                       const std::string& name);

[[nodiscard]] LinearUnit packed_unit(const TensorScheme& scheme, const Linear& shape, const std::string& name);

} // namespace graticule
