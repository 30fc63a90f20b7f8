#include "core/export/gguf_blocks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/base/error.h"
#include "core/export/e2m1.h"

namespace graticule {
namespace {

/// q * d, and how far q reaches. From narrow to wide.
struct WholeRow {
    DType type;
    int least, most;
};
constexpr std::array whole_rows = {WholeRow{DType::q4_0, -8, 7}, WholeRow{DType::q5_0, -16, 15},
                                   WholeRow{DType::q6_k, -32, 31}, WholeRow{DType::q8_0, -128, 127}};

/// code * d + m: where the minimum -zero * scale is a float16 whatever the zero point is.
struct MinimumRow {
    DType type;
    int bits;
};
constexpr std::array minimum_rows = {MinimumRow{DType::q4_1, 4}, MinimumRow{DType::q5_1, 5}};

constexpr std::int64_t most_block = 256, least_block = 32, part_of_q6_k = 16;
constexpr int half_digits = 11, int8_reach = 127;

struct Reach {
    int least = 0, most = 0;
};

/// Of code - zero, doubled for dINT.
Reach reach_of(const TensorScheme& weight) {
    const int levels = weight.format->grid.levels;
    const int zero = levels / 2; // where symmetric
    const int factor = weight.format->kind == FormatKind::dint ? 2 : 1;
    return weight.symmetric ? Reach{-zero * factor, (levels - 1 - zero) * factor}
                            : Reach{-(levels - 1) * factor, (levels - 1) * factor};
}

bool holds(const WholeRow& row, Reach reach) { return reach.least >= row.least && reach.most <= row.most; }

/// Whether every run of `block` columns that begins at a multiple of it has one scale.
bool one_scale(Granularity grain, std::int64_t block) {
    return grain.kind != Granularity::Kind::group || grain.group_size % block == 0;
}

std::string with_half_scales(TensorScheme weight) {
    weight.levels.back().coding = Coding::f16;
    return to_text(weight);
}

/// What is not about the width: the kind of format and the coding of its scales.
std::string coding_problem(const TensorScheme& weight) {
    const std::string name = "w=" + to_text(weight);
    if (weight.format->kind == FormatKind::floating)
        return name + ": of the floating-point formats GGUF's MXFP4 is written; use mxfp4, or an integer format";
    if (weight.levels.size() > 1 && !is_dual_grain(weight.levels))
        return name + " has scales of two levels, which GGUF has no type for; use one level, such as " +
               std::string(weight.format->name) + (weight.symmetric ? "/sym" : "/asym") + "/g32:f16";
    if (weight.levels.back().coding == Coding::f32)
        return name +
               ": GGUF's blocks hold float16 scales; quantize with such scales, as in w=" + with_half_scales(weight) +
               ", so that what is exported is what was measured";
    return {};
}

std::string width_problem(const TensorScheme& weight, std::int64_t columns) {
    const std::string name = "w=" + to_text(weight);
    if (columns % least_block != 0)
        return "its " + std::to_string(columns) +
               " input channels are no multiple of 32, the smallest block of GGUF's quantized types; ignore the layer "
               "(it is then written as it is stored)";
    if (!is_dual_grain(weight.levels) && !one_scale(weight.grain(), least_block))
        return name + ": the groups are narrower than GGUF's blocks of 32, or no multiple of them; use g32";
    const Reach reach = reach_of(weight);
    return name + ": its codes reach from " + std::to_string(reach.least) + " to " + std::to_string(reach.most) +
           (weight.format->kind == FormatKind::dint ? " halves of a step" : " steps") +
           ", and GGUF's widest type holds -128 to 127; use w=int8/sym/g32:f16";
}

std::size_t block_of(const BlockLayout& layout, std::int64_t columns, std::int64_t row, std::int64_t column) {
    return static_cast<std::size_t>((row / layout.rows_per_block) * layout.blocks_across(columns) +
                                    column / layout.columns_per_block);
}

[[noreturn]] void does_not_fit(const Linear& shape, const std::string& what) {
    throw Error(ErrorKind::unsupported, shape.short_name + ": " + what + "; use w=int8/sym/g32:f16 for this layer");
}

std::uint16_t exact_half(float value, const Linear& shape, const char* what) {
    const std::uint16_t half = float_to_half(value);
    if (half_to_float(half) == value) return half;
    char digits[40];
    std::snprintf(digits, sizeof digits, "%.9g", double(value));
    does_not_fit(shape, std::string("a ") + what + " of " + digits + " is no float16, which GGUF's blocks hold");
}

template <class T>
void put(std::byte*& at, T value) {
    std::memcpy(at, &value, sizeof value);
    at += sizeof value;
}

/// Two fields of 4 bits per byte: column j low, column j + 16 high.
void put_nibbles(std::byte*& at, const std::array<int, 32>& fields) {
    for (std::size_t j = 0; j < 16; ++j)
        put(at, static_cast<std::uint8_t>((fields[j] & 15) | ((fields[j + 16] & 15) << 4)));
}

/// The fifth bits of all columns.
void put_fifth_bits(std::byte*& at, const std::array<int, 32>& fields) {
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 32; ++j) bits |= static_cast<std::uint32_t>((fields[j] >> 4) & 1) << j;
    put(at, bits);
}

void put_six_bits(std::byte*& at, const std::array<int, 256>& fields) {
    std::array<std::uint8_t, 128> low{};
    std::array<std::uint8_t, 64> high{};
    for (std::size_t i = 0; i < 256; ++i) { // a half of 128 columns: four runs of 32 share its bytes
        const std::size_t half = i / 128, run = i % 128 / 32, l = i % 32;
        const auto field = static_cast<unsigned>(fields[i]);
        low[64 * half + 32 * (run % 2) + l] |= static_cast<std::uint8_t>((field & 15U) << (4 * (run / 2)));
        high[32 * half + l] |= static_cast<std::uint8_t>((field >> 4) << (2 * run));
    }
    std::memcpy(at, low.data(), low.size());
    std::memcpy(at + low.size(), high.data(), high.size());
    at += low.size() + high.size();
}

class RowWriter {
public:
    RowWriter(const QuantizedLinear& linear, const Linear& shape, DType type)
        : linear_(linear)
        , shape_(shape)
        , scheme_(*linear.choice.scheme.weight)
        , params_(linear.params)
        , type_(type)
        , columns_(shape.in_features())
        , dual_(is_dual_grain(scheme_.levels))
        , fine_(dual_ ? fine_scales(params_, columns_) : std::vector<float>())
        , codes_(static_cast<std::size_t>(columns_))
        , values_(static_cast<std::size_t>(columns_)) {}

    void write(std::int64_t row, std::byte* at) {
        linear_.codes.unpack(row, 1, codes_.data());
        if (type_ == DType::q4_1 || type_ == DType::q5_1)
            std::ranges::copy(codes_, values_.begin());
        else if (type_ != DType::mxfp4)
            find_whole_numbers(row);
        const std::int64_t block = row_of(type_).block_elements;
        for (std::int64_t first = 0; first < columns_; first += block) write_block(row, first, at);
    }

private:
    [[nodiscard]] std::size_t params_at(std::int64_t row, std::int64_t column) const {
        return block_of(params_.layout, columns_, row, column);
    }

    void find_whole_numbers(std::int64_t row) {
        const CodeGrid& grid = scheme_.format->grid;
        const int factor = scheme_.format->kind == FormatKind::dint ? 2 : 1;
        const auto range = std::ranges::find(whole_rows, type_, &WholeRow::type);
        for (std::int64_t column = 0; column < columns_; ++column) {
            const std::size_t block = params_at(row, column);
            const int code = codes_[static_cast<std::size_t>(column)];
            int value = factor * (code - static_cast<int>(params_.zero[block]));
            if (code >= grid.levels) value = grid.specials[static_cast<std::size_t>(code - grid.levels)] > 0 ? 1 : -1;
            if (dual_ && type_ == DType::q8_0) value *= static_cast<int>(fine_[block]);
            if (value < range->least || value > range->most)
                does_not_fit(shape_, "a weight of " + std::to_string(value) + " steps does not fit " +
                                         std::string(row_of(type_).name));
            values_[static_cast<std::size_t>(column)] = value;
        }
    }

    /// Of the block that begins at this column: what its whole numbers are multiplied with.
    [[nodiscard]] float block_scale(std::int64_t row, std::int64_t column) const {
        if (dual_) return params_.coarse->scale[static_cast<std::size_t>(row)];
        return params_.scale[params_at(row, column)] * (scheme_.format->kind == FormatKind::dint ? 0.5F : 1.0F);
    }

    template <std::size_t count>
    [[nodiscard]] std::array<int, count> fields(std::int64_t first, int shift) const {
        std::array<int, count> result{};
        for (std::size_t i = 0; i < count; ++i) result[i] = values_[static_cast<std::size_t>(first) + i] + shift;
        return result;
    }

    void write_block(std::int64_t row, std::int64_t first, std::byte*& at) const {
        if (type_ == DType::mxfp4) {
            write_mxfp4(row, first, at);
            return;
        }
        const std::uint16_t scale = exact_half(block_scale(row, first), shape_, "scale");
        switch (type_) {
        case DType::q4_0:
            put(at, scale);
            put_nibbles(at, fields<32>(first, 8));
            return;
        case DType::q5_0: {
            const std::array<int, 32> five = fields<32>(first, 16);
            put(at, scale);
            put_fifth_bits(at, five);
            put_nibbles(at, five);
            return;
        }
        case DType::q4_1:
        case DType::q5_1: {
            const std::size_t block = params_at(row, first);
            put(at, scale);
            // Without the sign that a zero point of 0 would leave.
            put(at, exact_half(0.0F - params_.zero[block] * params_.scale[block], shape_, "minimum"));
            const std::array<int, 32> plain = fields<32>(first, 0);
            if (type_ == DType::q5_1) put_fifth_bits(at, plain);
            put_nibbles(at, plain);
            return;
        }
        case DType::q8_0:
            put(at, scale);
            for (const int value : fields<32>(first, 0)) put(at, static_cast<std::int8_t>(value));
            return;
        case DType::q6_k:
            put_six_bits(at, fields<256>(first, 32));
            for (std::int64_t column = first; column < first + most_block; column += part_of_q6_k)
                put(at, static_cast<std::int8_t>(dual_ ? fine_[params_at(row, column)] : 1.0F));
            put(at, scale);
            return;
        default:
            GRATICULE_ASSERT(false, "a type that gguf_form gives");
        }
    }

    void write_mxfp4(std::int64_t row, std::int64_t first, std::byte*& at) const {
        const float scale = params_.scale[params_at(row, first)];
        put(at, static_cast<std::uint8_t>(exponent_of(scale) + 127));
        std::array<int, 32> four{};
        for (std::size_t i = 0; i < four.size(); ++i)
            four[i] = e2m1_field(scheme_.format->grid.table[codes_[static_cast<std::size_t>(first) + i]]);
        put_nibbles(at, four);
    }

    const QuantizedLinear& linear_;
    const Linear& shape_;
    const TensorScheme& scheme_;
    const QParams& params_;
    DType type_;
    std::int64_t columns_;
    bool dual_;
    std::vector<float> fine_;
    std::vector<std::uint8_t> codes_;
    std::vector<int> values_;
};

} // namespace

GgufForm gguf_form(const TensorScheme& weight, std::int64_t columns) {
    const bool fits_blocks = columns % least_block == 0;
    if (const BlockFormat* block = find_block_format(weight.format->name, weight.levels);
        block != nullptr && block->name == "mxfp4" && !weight.four_over_six)
        return {DType::mxfp4, fits_blocks ? std::string() : width_problem(weight, columns)};
    if (std::string problem = coding_problem(weight); !problem.empty()) return {DType::q8_0, std::move(problem)};
    const bool dual = is_dual_grain(weight.levels);
    if (!fits_blocks || (!dual && !one_scale(weight.grain(), least_block)))
        return {DType::q8_0, width_problem(weight, columns)};
    const int scale_digits = row_of(weight.levels.front().coding).numbers.mantissa_bits + 1;
    if (!weight.symmetric && !dual && weight.format->kind == FormatKind::integer)
        for (const MinimumRow& row : minimum_rows)
            if (row.bits == weight.format->bits && scale_digits + row.bits <= half_digits) return {row.type, {}};
    for (const WholeRow& row : whole_rows) {
        const bool superblocks = row.type == DType::q6_k;
        if (superblocks && (columns % most_block != 0 || !one_scale(weight.grain(), dual ? part_of_q6_k : most_block)))
            continue;
        if (dual ? (superblocks && holds(row, reach_of(weight))) || row.type == DType::q8_0
                 : holds(row, reach_of(weight)))
            return {row.type, {}};
    }
    return {DType::q8_0, width_problem(weight, columns)};
}

std::vector<std::byte> gguf_rows(const QuantizedLinear& linear, const Linear& shape, DType type) {
    GRATICULE_ASSERT(linear.codes.rows() == shape.out_features() && linear.codes.columns() == shape.in_features(),
                     "one code per weight");
    const DTypeRow& row = row_of(type);
    const std::int64_t row_bytes = shape.in_features() / row.block_elements * row.block_bytes;
    std::vector<std::byte> bytes(static_cast<std::size_t>(shape.out_features() * row_bytes));
    RowWriter writer(linear, shape, type);
    for (std::int64_t r = 0; r < shape.out_features(); ++r) writer.write(r, bytes.data() + r * row_bytes);
    return bytes;
}

} // namespace graticule
