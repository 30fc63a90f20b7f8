#include "core/export/carrier.h"

#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/export/e2m1.h"
#include "core/tensor/dtype.h"

namespace graticule {
namespace {

int bits_for_magnitude(std::int64_t magnitude) { // two's complement without the lowest code
    int bits = 2;
    while ((std::int64_t{1} << (bits - 1)) - 1 < magnitude) ++bits;
    return bits;
}

void plan_dint(const TensorScheme& scheme, CarrierPlan& plan) {
    const CodeGrid& grid = scheme.format->grid;
    // Specials are +-1/2 in the paper; a quarter or an eighth would need a finer unit than s/2.
    for (int i = 0; i < grid.special_count; ++i)
        if (std::fabs(grid.specials[static_cast<std::size_t>(i)]) != 0.5F)
            plan.problem = "has special codes other than half a step";
    plan.bits = bits_for_magnitude(2 * (grid.levels - 1));
    if (plan.bits > 8)
        plan.problem = std::string(scheme.format->label) + " needs " + std::to_string(plan.bits) +
                       "-bit integers, and 8 is the most that can be packed; use dint6 or narrower";
    plan.note = std::string(scheme.format->label) + " travels as " + std::to_string(plan.bits) +
                "-bit integers with half the scale: the same values, but " + std::to_string(plan.bits) +
                " bits a weight in the file";
}

std::uint8_t e4m3_byte(float value) {
    for (int byte = 0; byte < 256; ++byte) {
        float decoded = 0;
        const auto bits = static_cast<std::byte>(byte);
        row_of(DType::f8_e4m3).decode(&bits, 1, &decoded);
        if (decoded == value && std::signbit(decoded) == std::signbit(value)) return static_cast<std::uint8_t>(byte);
    }
    throw Error(ErrorKind::internal, "a code of fp8_e4m3 that is no E4M3 value: " + std::to_string(value));
}

[[noreturn]] void does_not_fit(const std::string& name, const std::string& what, double value, int bits) {
    throw Error(ErrorKind::unsupported, name + ": " + what + " " + std::to_string(static_cast<long long>(value)) +
                                            " does not fit " + std::to_string(bits) +
                                            " bits of the exported format; use w=int8/sym/channel for this layer");
}

std::size_t block_of(const BlockLayout& layout, std::int64_t columns, std::int64_t row, std::int64_t column) {
    return static_cast<std::size_t>((row / layout.rows_per_block) * layout.blocks_across(columns) +
                                    column / layout.columns_per_block);
}

/// Signed carrier value of every code at one zero point: the table that the inner loop looks up.
std::array<int, 256> carried_values(const CodeGrid& grid, FormatKind kind, int zero) {
    std::array<int, 256> values{};
    for (int code = 0; code < grid.code_count() && code < 256; ++code) {
        if (code >= grid.levels)
            values[static_cast<std::size_t>(code)] =
                grid.specials[static_cast<std::size_t>(code - grid.levels)] > 0 ? 1 : -1;
        else
            values[static_cast<std::size_t>(code)] = (kind == FormatKind::dint ? 2 : 1) * (code - zero);
    }
    return values;
}

} // namespace

CarrierPlan plan_carrier(const SchemeChoice& choice, bool exact_int8) {
    CarrierPlan plan;
    if (!choice.scheme.weight) {
        plan.problem = "quantizes the activations but not the weights";
        return plan;
    }
    const TensorScheme& scheme = *choice.scheme.weight;
    plan.bits = scheme.format->bits;
    const bool dual = is_dual_grain(scheme.levels);
    plan.group = !dual && scheme.grain().kind == Granularity::Kind::group ? scheme.grain().group_size : 0;
    if (!dual && scheme.levels.size() > 1 && scheme.format->kind != FormatKind::floating) {
        plan.problem = "has scales of two levels (" + to_text(scheme.levels) +
                       "), which compressed-tensors has no form for; use one level, such as g128";
        return plan;
    }
    switch (scheme.format->kind) {
    case FormatKind::integer:
        plan.symmetric = scheme.symmetric;
        if (dual && exact_int8) {
            plan.bits = 8;
            plan.symmetric = true;
            plan.note = "the dual grain's int8 products travel as 8-bit weights: the arithmetic of the int8 product, "
                        "but 8 bits a weight in the file";
        } else if (dual) {
            plan.symmetric = false;
            plan.group = scheme.grain().group_size;
            plan.note = "the dual grain's two scales are multiplied out to one scale per group";
        }
        break;
    case FormatKind::dint:
        plan_dint(scheme, plan);
        break;
    case FormatKind::floating:
        plan.encoding = CarrierPlan::Encoding::float8;
        if (const BlockFormat* block = find_block_format(scheme.format->name, scheme.levels)) {
            plan.group = scheme.grain().group_size;
            if (block->name == "nvfp4") {
                plan.encoding = CarrierPlan::Encoding::nvfp4;
                plan.note = "NVFP4's scale of the whole tensor is stored as a divisor, as clients want it: its "
                            "reciprocal is rounded once, so weights differ in the last bit of float32";
            } else if (block->name == "mxfp4") {
                plan.encoding = CarrierPlan::Encoding::mxfp4;
            } else {
                plan.problem = std::string(block->label) +
                               " has no form in compressed-tensors here; use fp8_e4m3 per channel, nvfp4 or mxfp4";
            }
        } else if (scheme.format->name != "fp8_e4m3" || plan.group != 0 || scheme.levels.size() > 1)
            plan.problem = std::string(scheme.format->label) + (plan.group != 0 ? " in groups" : "") +
                           (scheme.levels.size() > 1 ? " with scales of two levels" : "") +
                           " has no form in compressed-tensors here; use fp8_e4m3 per channel, or an integer format";
        break;
    }
    return plan;
}

namespace {

CarriedWeight carry_float8(const QuantizedLinear& linear, CarriedWeight weight) {
    const CodeGrid& grid = linear.choice.scheme.weight->format->grid;
    std::array<std::uint8_t, 256> bytes{};
    for (int code = 0; code < grid.levels; ++code)
        bytes[static_cast<std::size_t>(code)] = e4m3_byte(grid.table[static_cast<std::size_t>(code)]);
    for (std::uint8_t& field : weight.fields) field = bytes[field];
    for (std::int64_t row = 0; row < weight.rows; ++row)
        weight.scale[static_cast<std::size_t>(row)] =
            linear.params.scale[block_of(linear.params.layout, weight.columns, row, 0)];
    return weight;
}

CarriedWeight carry_fp4(const QuantizedLinear& linear, const CarrierPlan& plan, CarriedWeight weight) {
    const CodeGrid& grid = linear.choice.scheme.weight->format->grid;
    std::array<std::uint8_t, 256> fields{};
    for (int code = 0; code < grid.levels; ++code)
        fields[static_cast<std::size_t>(code)] = e2m1_field(grid.table[static_cast<std::size_t>(code)]);
    for (std::uint8_t& field : weight.fields) field = fields[field];
    weight.scale = fine_scales(linear.params, weight.columns);
    if (plan.encoding == CarrierPlan::Encoding::nvfp4) weight.tensor_scale = linear.params.coarse->scale.front();
    return weight;
}

/// Dual grain for the int8 GEMM: (code - zero) * group scale, with the channel's scale.
CarriedWeight carry_dual_products(const QuantizedLinear& linear, const std::string& name, CarriedWeight weight) {
    const QParams& params = linear.params;
    GRATICULE_ASSERT(params.coarse.has_value(), "a dual grain with the scales of its channels");
    const std::vector<float> fine = fine_scales(params, weight.columns);
    for (std::int64_t row = 0; row < weight.rows; ++row) {
        weight.scale[static_cast<std::size_t>(row)] = params.coarse->scale[static_cast<std::size_t>(row)];
        for (std::int64_t column = 0; column < weight.columns; ++column) {
            const std::size_t block = block_of(params.layout, weight.columns, row, column);
            const auto at = static_cast<std::size_t>(row * weight.columns + column);
            const int value =
                (weight.fields[at] - static_cast<int>(params.zero[block])) * static_cast<int>(fine[block]);
            if (value < -127 || value > 127) does_not_fit(name, "the int8 product", value, 8);
            weight.fields[at] = static_cast<std::uint8_t>(value + 128);
        }
    }
    return weight;
}

CarriedWeight carry_lattice(const QuantizedLinear& linear, const std::string& name, const CarrierPlan& plan,
                            CarriedWeight weight) {
    const TensorScheme& scheme = *linear.choice.scheme.weight;
    const QParams& params = linear.params;
    const bool dint = scheme.format->kind == FormatKind::dint;
    const int middle = 1 << (plan.bits - 1);
    const std::int64_t group = plan.group > 0 ? plan.group : weight.columns;
    const std::int64_t groups = weight.columns / group;
    if (!plan.symmetric) weight.zero.resize(static_cast<std::size_t>(weight.rows * groups));
    for (std::int64_t row = 0; row < weight.rows; ++row)
        for (std::int64_t g = 0; g < groups; ++g) {
            const std::size_t block = block_of(params.layout, weight.columns, row, g * group);
            const auto cell = static_cast<std::size_t>(row * groups + g);
            const int zero = static_cast<int>(params.zero[block]);
            weight.scale[cell] = params.scale[block] * (dint ? 0.5F : 1.0F);
            if (!plan.symmetric) {
                if (zero < 0 || zero > 255 >> (8 - plan.bits)) does_not_fit(name, "the zero point", zero, plan.bits);
                weight.zero[cell] = static_cast<std::uint8_t>(zero);
            }
            const int shift = plan.symmetric ? middle : zero;
            const std::array<int, 256> values = carried_values(scheme.format->grid, scheme.format->kind, zero);
            for (std::int64_t column = g * group; column < (g + 1) * group; ++column) {
                const auto at = static_cast<std::size_t>(row * weight.columns + column);
                const int field = values[weight.fields[at]] + shift;
                if (field < 0 || field >= 2 * middle) does_not_fit(name, "the code", field - shift, plan.bits);
                weight.fields[at] = static_cast<std::uint8_t>(field);
            }
        }
    return weight;
}

} // namespace

CarriedWeight carry(const QuantizedLinear& linear, const Linear& shape, const CarrierPlan& plan) {
    CarriedWeight weight;
    weight.rows = shape.out_features();
    weight.columns = shape.in_features();
    const std::int64_t groups = plan.group > 0 ? weight.columns / plan.group : 1;
    weight.fields = linear.codes.unpack(); // codes, which become fields in their places
    GRATICULE_ASSERT(std::ssize(weight.fields) == weight.rows * weight.columns, "a quantized linear without its codes");
    weight.scale.resize(static_cast<std::size_t>(weight.rows * groups));
    if (plan.encoding == CarrierPlan::Encoding::float8) return carry_float8(linear, std::move(weight));
    if (plan.fp4()) return carry_fp4(linear, plan, std::move(weight));
    const bool dual = is_dual_grain(linear.choice.scheme.weight->levels);
    if (dual && plan.group == 0) return carry_dual_products(linear, shape.short_name, std::move(weight));
    return carry_lattice(linear, shape.short_name, plan, std::move(weight));
}

std::vector<float> decode(const CarriedWeight& weight, const CarrierPlan& plan) {
    std::vector<float> values(weight.fields.size());
    const std::int64_t group = plan.group > 0 ? plan.group : weight.columns;
    const std::int64_t groups = weight.columns / group;
    const bool float8 = plan.encoding == CarrierPlan::Encoding::float8;
    std::array<float, 256> plain{};
    for (int field = 0; field < 256; ++field) {
        const auto byte = static_cast<std::byte>(field);
        if (float8) row_of(DType::f8_e4m3).decode(&byte, 1, &plain[static_cast<std::size_t>(field)]);
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto at = static_cast<std::int64_t>(i);
        const auto cell = static_cast<std::size_t>(at / weight.columns * groups + at % weight.columns / group);
        const int zero = weight.zero.empty() ? 1 << (plan.bits - 1) : weight.zero[cell];
        float code = float8 ? plain[weight.fields[i]] : static_cast<float>(weight.fields[i] - zero);
        if (plan.fp4()) code = e2m1_value(weight.fields[i]);
        values[i] = code * (weight.scale[cell] * weight.tensor_scale);
    }
    return values;
}

} // namespace graticule
