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

PackedSpecs packed_specs(const TensorScheme& scheme, std::int64_t rows, std::int64_t columns, const std::string& name) {
    const int bits = scheme.format->bits;
    const Shape blocks = blocks_of(layout_of(scheme.grain(), rows, columns), rows, columns);
    PackedSpecs specs;
    specs.codes = {name + ".codes", DType::u8, {rows, PackedCodes::row_bytes(columns, bits)}};
    specs.scales = {name + ".scales", stored_type(scheme.levels.front().coding), blocks};
    if (scheme.levels.size() > 1)
        specs.coarse_scales = {name + ".coarse_scales", stored_type(scheme.levels[1].coding),
                               blocks_of(layout_of(scheme.levels[1].grain, rows, columns), rows, columns)};
    if (!has_zeros(scheme)) return specs;
    specs.zeros = {name + ".zeros", DType::i8, blocks};
    if (scheme.zero_coding == ZeroCoding::code)
        specs.zeros = {name + ".zeros", DType::u8, {blocks[0], PackedCodes::row_bytes(blocks[1], bits)}};
    return specs;
}

LinearUnit packed_unit(const TensorScheme& scheme, const Linear& shape, const std::string& name) {
    const PackedSpecs specs = packed_specs(scheme, shape.out_features(), shape.in_features(), name);
    LinearUnit unit;
    unit.specs = {specs.codes, specs.scales};
    if (specs.coarse_scales) unit.specs.push_back(*specs.coarse_scales);
    if (specs.zeros) unit.specs.push_back(*specs.zeros);
    unit.make = [&shape, scheme, specs](const QuantizedLinear& linear) {
        const std::string& layer = shape.short_name;
        const std::int64_t rows = shape.out_features(), columns = shape.in_features();
        const QParams& params = linear.params;
        refuse_what_is_beside_codes(linear, shape, "a packed folder");
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
        return tensors;
    };
    return unit;
}

} // namespace graticule
