// The number formats there are. A row here is everything a new format needs.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/format/quant_format.h"
#include "kernels/api/scale_coding.h"

namespace graticule {

namespace {

constexpr CodeGrid int_grid(int bits) {
    CodeGrid grid;
    grid.shape = CodeGrid::Shape::lattice;
    grid.levels = 1 << bits;
    return grid;
}

// Lee et al. 2023, section 4.2: two of the 2^b codes are taken from the lattice and mean +-s/2, whatever the zero
// point is; the range is therefore spanned by p = 2^b - 3 steps.
constexpr CodeGrid dint_grid(int bits) {
    CodeGrid grid;
    grid.shape = CodeGrid::Shape::lattice;
    grid.levels = (1 << bits) - 2;
    grid.special_count = 2;
    grid.specials = {0.5F, -0.5F};
    return grid;
}

/// Every finite value of a sign-exponent-mantissa format, once each (one zero), ascending. `top_values` is how many
/// magnitudes of the highest exponent are numbers; the rest of them are infinity or NaN.
constexpr CodeGrid float_grid(int exponent_bits, int mantissa_bits, int bias, int top_values) {
    CodeGrid grid;
    grid.shape = CodeGrid::Shape::table;
    const int mantissas = 1 << mantissa_bits;
    const int exponents = 1 << exponent_bits;
    const int magnitudes = (exponents - 1) * mantissas + top_values; // zero is one of them
    for (int code = 0; code < magnitudes; ++code) {
        const int exponent = code / mantissas;
        const float mantissa = float(code % mantissas) / float(mantissas);
        const float value =
            exponent == 0 ? mantissa * power_of_two(1 - bias) : (1 + mantissa) * power_of_two(exponent - bias);
        grid.table[std::size_t(magnitudes - 1 + code)] = value;
        grid.table[std::size_t(magnitudes - 1 - code)] = code == 0 ? 0.0F : -value;
    }
    grid.levels = 2 * magnitudes - 1;
    return grid;
}

constexpr QuantFormat integer(std::string_view name, std::string_view label, int bits, std::string_view help) {
    return {name, label, FormatKind::integer, bits, int_grid(bits), true, help};
}

constexpr QuantFormat dint(std::string_view name, std::string_view label, int bits, std::string_view help) {
    return {name, label, FormatKind::dint, bits, dint_grid(bits), true, help};
}

constexpr std::array formats = {
    integer("int2", "INT2", 2, "4 levels"),
    integer("int3", "INT3", 3, "8 levels"),
    integer("int4", "INT4", 4, "16 levels"),
    integer("int5", "INT5", 5, "32 levels"),
    integer("int6", "INT6", 6, "64 levels"),
    integer("int7", "INT7", 7, "128 levels"),
    integer("int8", "INT8", 8, "256 levels"),
    dint("dint3", "dINT3", 3, "6 levels and +-1/2 step for what would underflow (Lee et al. 2023, section 4.2)"),
    dint("dint4", "dINT4", 4, "14 levels and +-1/2 step for what would underflow (Lee et al. 2023, section 4.2)"),
    dint("dint5", "dINT5", 5, "30 levels and +-1/2 step; dINT4's rule at 5 bits"),
    dint("dint6", "dINT6", 6, "62 levels and +-1/2 step; dINT4's rule at 6 bits"),
    dint("dint7", "dINT7", 7, "126 levels and +-1/2 step; dINT4's rule at 7 bits"),
    dint("dint8", "dINT8", 8, "254 levels and +-1/2 step; dINT4's rule at 8 bits"),
    QuantFormat{"fp8_e4m3", "FP8 E4M3", FormatKind::floating, 8, float_grid(4, 3, 7, 7), false,
                "253 values up to 448, no infinities (OCP FP8)"},
    QuantFormat{"fp8_e5m2", "FP8 E5M2", FormatKind::floating, 8, float_grid(5, 2, 15, 0), false,
                "247 values up to 57344 (OCP FP8)"},
    QuantFormat{"fp4_e2m1", "FP4 E2M1", FormatKind::floating, 4, float_grid(2, 1, 1, 2), false,
                "0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives (OCP MX)"},
};

} // namespace

std::span<const QuantFormat> all_formats() { return formats; }

const QuantFormat* find_format(std::string_view name) {
    const auto row = std::find_if(formats.begin(), formats.end(), [&](const QuantFormat& f) { return f.name == name; });
    return row == formats.end() ? nullptr : &*row;
}

} // namespace graticule
