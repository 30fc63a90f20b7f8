// The tensors of one linear in our own container (docs/packed). Private to its writer and reader.
//
//     NAME.codes          U8  (out, ceil(in * bits / 8))   fields of `bits` bits, lowest first; a row begins on a byte
//     NAME.scales         (down, across)                   one per block of the finest level, as its coding stores it
//     NAME.coarse_scales  (down, across)                   of the level above, where there is one
//     NAME.zeros          (down, ...)                      asymmetric lattices: packed like codes, or a byte each (I8)
//     NAME.kept_channels  I32 (channels)                   those of the input whose columns are not codes but ...
//     NAME.kept_columns   F16 (out, channels)              ... these
//     NAME.low_rank_a     F16 (out, rank)                  a b is added to the weight
//     NAME.low_rank_b     F16 (rank, in)
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/export/checkpoint_writer.h"
#include "core/result/quantized_model.h"

namespace graticule {

inline constexpr int packed_version = 2;       ///< the newest that is read
inline constexpr int packed_codes_version = 1; ///< of files that hold codes and scales alone: older programs read them
/// Key of the description in a file's "__metadata__", and what the files' names begin with.
inline constexpr const char* packed_header = "graticule_packed";
inline constexpr const char* packed_stem = "packed";

/// What the grid of a scheme means, for readers that know none of this program's formats.
[[nodiscard]] nlohmann::json describe(const TensorScheme& scheme);

/// Name and type of a tensor by the scheme and the shape (out, in) of the weight.
struct PackedSpecs {
    SafetensorsSpec codes, scales;
    std::optional<SafetensorsSpec> coarse_scales, zeros;
    std::optional<SafetensorsSpec> kept_channels, kept_columns, low_rank_a, low_rank_b;

    [[nodiscard]] std::vector<SafetensorsSpec> all() const; ///< that are there, in the order of the file
};
[[nodiscard]] PackedSpecs packed_specs(const TensorScheme& scheme, std::int64_t rows, std::int64_t columns,
                                       const StoredParts& parts, const std::string& name);

[[nodiscard]] LinearUnit packed_unit(const TensorScheme& scheme, const Linear& shape, const StoredParts& parts,
                                     const std::string& name);

} // namespace graticule
