#include "core/export/packed_layout.h"

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/export/stored_scales.h"

namespace graticule {
namespace {

using nlohmann::json;

Shape blocks_of(const BlockLayout& layout, std::int64_t rows, std::int64_t columns) {
    return {layout.blocks_down(rows), layout.blocks_across(columns)};
}

bool has_zeros(const TensorScheme& scheme) {
    return !scheme.symmetric && scheme.format->grid.shape == CodeGrid::Shape::lattice;
}

HostTensor coded_zeros(const QParams& params, const SafetensorsSpec& spec, const Shape& blocks, int bits,
                       const std::string& layer) {
    const bool bytes = spec.dtype == DType::i8;
    std::vector<std::uint8_t> fields;
    for (const float zero : params.zero) {
        const bool fits = bytes ? zero >= -128 && zero <= 127 : zero >= 0 && zero < float(1 << bits);
        if (!fits)
            throw Error(ErrorKind::unsupported, layer + ": a zero point of " + std::to_string(int(zero)) +
                                                    " does not fit its coding; quantize with asym:i8");
        fields.push_back(static_cast<std::uint8_t>(static_cast<int>(zero)));
    }
    if (bytes) return HostTensor::from_vector(std::move(fields), DType::i8, spec.shape);
    return PackedCodes::pack(fields, blocks[0], blocks[1], bits).bytes();
}

/// Values that have 16 bits already.
HostTensor in_half(const HostTensor& tensor) {
    std::vector<std::uint16_t> halves;
    for (const float value : to_floats(tensor)) halves.push_back(float_to_half(value));
    return HostTensor::from_vector(std::move(halves), DType::f16, tensor.shape);
}

} // namespace

json describe(const TensorScheme& scheme) {
    const CodeGrid& grid = scheme.format->grid;
    json levels = json::array();
    for (const ScaleLevel& level : scheme.levels)
        levels.push_back({{"grain", to_text(level.grain)}, {"coding", row_of(level.coding).name}});
    json described = {{"bits", scheme.format->bits}, {"levels", levels}};
    if (grid.shape == CodeGrid::Shape::table) {
        described["values"] = std::vector<float>(grid.table.begin(), grid.table.begin() + grid.levels);
        return described;
    }
    described["lattice"] = grid.levels;
    described["specials"] = std::vector<float>(grid.specials.begin(), grid.specials.begin() + grid.special_count);
    if (scheme.symmetric) described["zero"] = grid.levels / 2;
    return described;
}

std::vector<SafetensorsSpec> PackedSpecs::all() const {
    std::vector<SafetensorsSpec> specs{codes, scales};
    for (const auto* more : {&coarse_scales, &zeros, &kept_channels, &kept_columns, &low_rank_a, &low_rank_b})
        if (*more) specs.push_back(**more);
    return specs;
}

PackedSpecs packed_specs(const TensorScheme& scheme, std::int64_t rows, std::int64_t columns, const StoredParts& parts,
                         const std::string& name) {
    const int bits = scheme.format->bits;
    const Shape blocks = blocks_of(layout_of(scheme.grain(), rows, columns), rows, columns);
    PackedSpecs specs;
    specs.codes = {name + ".codes", DType::u8, {rows, PackedCodes::row_bytes(columns, bits)}};
    specs.scales = {name + ".scales", stored_type(scheme.levels.front().coding), blocks};
    if (scheme.levels.size() > 1)
        specs.coarse_scales = {name + ".coarse_scales", stored_type(scheme.levels[1].coding),
                               blocks_of(layout_of(scheme.levels[1].grain, rows, columns), rows, columns)};
    if (parts.kept_channels > 0) {
        specs.kept_channels = {name + ".kept_channels", DType::i32, {parts.kept_channels}};
        specs.kept_columns = {name + ".kept_columns", DType::f16, {rows, parts.kept_channels}};
    }
    if (parts.rank > 0) {
        specs.low_rank_a = {name + ".low_rank_a", DType::f16, {rows, parts.rank}};
        specs.low_rank_b = {name + ".low_rank_b", DType::f16, {parts.rank, columns}};
    }
    if (!has_zeros(scheme)) return specs;
    specs.zeros = {name + ".zeros", DType::i8, blocks};
    if (scheme.zero_coding == ZeroCoding::code)
        specs.zeros = {name + ".zeros", DType::u8, {blocks[0], PackedCodes::row_bytes(blocks[1], bits)}};
    return specs;
}

LinearUnit packed_unit(const TensorScheme& scheme, const Linear& shape, const StoredParts& parts,
                       const std::string& name) {
    const PackedSpecs specs = packed_specs(scheme, shape.out_features(), shape.in_features(), parts, name);
    LinearUnit unit;
    unit.specs = specs.all();
    unit.make = [&shape, scheme, specs](const QuantizedLinear& linear) {
        const std::string& layer = shape.short_name;
        const std::int64_t rows = shape.out_features(), columns = shape.in_features();
        const QParams& params = linear.params;
        GRATICULE_ASSERT(params.layout == layout_of(scheme.grain(), rows, columns), "blocks as the scheme has them");
        GRATICULE_ASSERT(params.coarse.has_value() == specs.coarse_scales.has_value(), "levels as the scheme has them");
        const bool as_kept = linear.codes.bits() == scheme.format->bits;
        std::vector<HostTensor> tensors;
        tensors.push_back(as_kept
                              ? linear.codes.bytes()
                              : PackedCodes::pack(linear.codes.unpack(), rows, columns, scheme.format->bits).bytes());
        tensors.push_back(
            store_scales(fine_scales(params, columns), scheme.levels.front().coding, specs.scales.shape, layer));
        if (params.coarse)
            tensors.push_back(
                store_scales(params.coarse->scale, scheme.levels[1].coding, specs.coarse_scales->shape, layer));
        if (specs.zeros)
            tensors.push_back(coded_zeros(params, *specs.zeros, specs.scales.shape, scheme.format->bits, layer));
        if (specs.kept_channels) {
            tensors.push_back(
                HostTensor::from_vector(linear.kept_channels, DType::i32, {std::ssize(linear.kept_channels)}));
            tensors.push_back(in_half(linear.kept_columns));
        }
        if (specs.low_rank_a) tensors.insert(tensors.end(), {in_half(linear.low_rank->a), in_half(linear.low_rank->b)});
        return tensors;
    };
    return unit;
}

} // namespace graticule
