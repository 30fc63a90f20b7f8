#include "tests/rtl/operand_streams.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <string>

#include "core/engine/resources.h"
#include "core/engine/workbench.h"
#include "kernels/api/backends.h"
#include "tests/rtl/reference.h"

namespace graticule::testing {
namespace {

constexpr std::array operands{
    UnitOperands{"int8_int8", "w=int8/asym/channel a=int8/sym/token"},
    UnitOperands{"int4_int8", "w=int4/asym/channel a=int8/sym/token"},
    UnitOperands{"dint4_int8", "w=dint4/asym/channel a=int8/sym/token"},
    UnitOperands{"dint4_int8_symmetric", "w=dint4/sym/channel a=int8/sym/token"},
    UnitOperands{"dint3_int8", "w=dint3/asym/channel a=int8/sym/token"},
    UnitOperands{"dgq_int4_int8", "w=int4/asym/dual64 a=int8/sym/token dgq"},
    UnitOperands{"fp8_fp8", "w=fp8_e4m3/sym/channel a=fp8_e4m3/sym/token"},
    UnitOperands{"fp4_fp4", "w=fp4_e2m1/sym/g16 a=fp4_e2m1/sym/g16"},
};

/// A code as the bits on a port: floats by OCP's, weights of a lattice as they are, inputs of a lattice as integers.
std::uint8_t port_bits(const QuantFormat& format, std::uint8_t code, bool is_input) {
    if (format.kind == FormatKind::floating) return ocp_bits(format.grid, format.bits, code);
    return is_input ? static_cast<std::uint8_t>(code - format.grid.levels / 2) : code;
}

std::size_t block_of(const QParams& params, std::int64_t row, std::int64_t channel, std::int64_t width) {
    return static_cast<std::size_t>(row / params.layout.rows_per_block * params.layout.blocks_across(width) +
                                    channel / params.layout.columns_per_block);
}

/// A dual grain's whole numbers, one per group; empty for every other weight.
std::vector<float> group_scales(const QParams& params, std::int64_t width) {
    return params.coarse ? fine_scales(params, width) : std::vector<float>{};
}

/// The weight's constants: a dual grain's group scale and zero point, else the zero point.
std::uint16_t constants_of(const QParams& params, const std::vector<float>& group_scale, std::size_t block) {
    const auto zero = static_cast<unsigned>(params.zero[block]);
    // A unit without constants does not look: INT8's zero point has no place in the dozen bits.
    if (group_scale.empty()) return static_cast<std::uint16_t>(zero & 0xfU);
    return static_cast<std::uint16_t>(static_cast<unsigned>(group_scale[block]) << 4U | zero);
}

/// What a unit adds up, from the values that codes stand for at scale 1.
struct ExpectedSum {
    std::int64_t integer = 0;
    float floating = 0;

    /// An integer unit counts the weight in half (dINT) or quarter (both E2M1) steps, and from the middle of its range:
    /// the rest of a channel's zero point is taken off after the sum. DGQ's expansion takes it off inside.
    void add(const QuantFormat& format, const QParams& params, const std::vector<float>& group_scale, std::size_t block,
             std::uint8_t code, float input) {
        const float value = value_of(format.grid, code, static_cast<int>(params.zero[block]));
        floating += value * input;
        const float parts = format.kind == FormatKind::dint ? 2 : format.kind == FormatKind::floating ? 4 : 1;
        const float from_middle =
            format.kind == FormatKind::floating ? 0 : params.zero[block] - float(format.grid.levels / 2);
        const float weight = group_scale.empty() ? parts * (value + from_middle) : value * group_scale[block];
        integer += std::lround(weight * input);
    }
    [[nodiscard]] std::uint32_t bits(const QuantFormat& format) const {
        return format.name == "fp8_e4m3" ? std::bit_cast<std::uint32_t>(floating)
                                         : static_cast<std::uint32_t>(static_cast<std::int32_t>(integer));
    }
};

} // namespace

std::span<const UnitOperands> unit_operands() { return operands; }

std::vector<std::uint8_t> input_codes(const TensorScheme& scheme, const HostTensor& rows) {
    const std::vector<float> values = to_floats(rows);
    const MatrixView<const float> view(values.data(), rows.rows(), rows.columns());
    const BlockLayout layout = layout_of(scheme.grain(), view.rows, view.columns);
    const auto blocks = static_cast<std::size_t>(layout.count(view.rows, view.columns));
    std::vector<float> scale(blocks), zero(blocks);
    std::vector<std::uint8_t> codes(values.size());
    ScaleOptions options;
    options.rule = ScaleRule::symmetric_absmax;
    options.epsilon = 1e-5F;
    const Backend& backend = cpu_backend();
    backend.find_scales(view, layout, scheme.format->grid, options, scale.data(), zero.data(), {});
    backend.quantize(view, layout, scheme.format->grid, scale.data(), zero.data(),
                     {codes.data(), view.rows, view.columns}, nullptr, {});
    return codes;
}

std::vector<OperandLane> operand_lanes(const QuantizedModel& quantized, const ActivationStats& stats,
                                       std::int64_t lanes_per_linear, std::int64_t terms_wanted) {
    std::vector<OperandLane> lanes;
    for (const std::optional<QuantizedLinear>& linear : quantized.linears) {
        const Linear& shape = quantized.base->linear(linear->layer);
        const QuantFormat& weight = *linear->choice.scheme.weight->format;
        const QuantFormat& input = *linear->choice.scheme.input->format;
        const SiteStats& site = stats.sites.at(index_of(shape.site));
        const std::vector<std::uint8_t> inputs = input_codes(*linear->choice.scheme.input, site.kept_rows);
        const std::vector<std::uint8_t> codes = linear->codes.unpack();
        const std::int64_t width = shape.in_features(), tokens = site.kept_rows.rows();
        const std::int64_t terms = terms_wanted == 0 ? width : terms_wanted;
        const std::vector<float> group_scale = group_scales(linear->params, width);
        for (std::int64_t i = 0; i < lanes_per_linear; ++i) {
            OperandLane lane{linear->layer,
                             (i * 97 + 13) % shape.out_features(),
                             (i * 31 + 7) % tokens,
                             i % (width / terms) * terms,
                             {},
                             0};
            const auto block_at = [&](std::int64_t channel) {
                return block_of(linear->params, lane.row, std::min(channel, width - 1), width);
            };
            ExpectedSum expected;
            std::uint16_t in_force = constants_of(linear->params, group_scale, block_at(lane.first_channel));
            lane.clocks.push_back({0, 0, in_force, true, true});
            for (std::int64_t k = 0; k < terms; ++k) {
                const std::int64_t channel = lane.first_channel + k;
                const std::uint8_t code = codes[std::size_t(lane.row * width + channel)];
                const std::uint8_t x_code = inputs[std::size_t(lane.token * width + channel)];
                const std::uint16_t next = constants_of(linear->params, group_scale, block_at(channel + 1));
                lane.clocks.push_back(
                    {port_bits(weight, code, false), port_bits(input, x_code, true), next, k == 0, next != in_force});
                in_force = next;
                expected.add(weight, linear->params, group_scale, block_at(channel), code,
                             value_of(input.grid, x_code, input.grid.levels / 2));
            }
            lane.sum = expected.bits(weight);
            lanes.push_back(std::move(lane));
        }
    }
    return lanes;
}

QuantizedSample quantized_sample(std::string_view model, std::string_view recipe) {
    // Every unit's tests ask for both samples: opened and calibrated once each.
    static std::map<std::string, Workbench, std::less<>> opened;
    JobContext ctx;
    const auto [found, is_new] = opened.try_emplace(std::string(model));
    Workbench& work = found->second;
    if (is_new) work.open(resolve_model_path(std::string(model)), ctx);
    Recipe chosen = read_recipe(std::string(recipe));
    chosen.calibration.samples = 4;
    chosen.calibration.length = 128;
    QuantizedSample sample;
    sample.stats = work.calibrate(chosen.calibration, ctx);
    sample.quantized = work.quantize(chosen, false, ctx);
    return sample;
}

} // namespace graticule::testing
