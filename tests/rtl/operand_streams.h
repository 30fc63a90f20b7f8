// Operands as a unit meets them: weights and inputs of the sample models' linears, quantized by the engine, in the
// order in which one unit works through one output of a linear, input channel by input channel.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/result/quantized_model.h"
#include "core/stats/activation_stats.h"
#include "tests/rtl/simulated_unit.h"

namespace graticule::testing {

/// Which recipe feeds a unit.
struct UnitOperands {
    std::string_view unit;   ///< "dint4_int8"
    std::string_view recipe; ///< weights asymmetric where the format can be, as Lee et al. quantize them
};
[[nodiscard]] std::span<const UnitOperands> unit_operands();

/// One output of a linear for one token, or as many input channels of it as were asked for.
struct OperandLane {
    LayerId layer{};
    std::int64_t row = 0, token = 0, first_channel = 0;
    std::vector<UnitPorts> clocks; ///< one that loads the first constants, then one a term
    std::uint32_t sum = 0;         ///< what the register must hold after them, from the engine's own values
};

/// `lanes_per_linear` of every linear, spread over its outputs, tokens and channels by a fixed rule, each of `terms`
/// input channels (0: all of the linear's).
[[nodiscard]] std::vector<OperandLane> operand_lanes(const QuantizedModel& quantized, const ActivationStats& stats,
                                                     std::int64_t lanes_per_linear, std::int64_t terms);

/// The input of a linear as its scheme quantizes it: codes (rows, channels).
[[nodiscard]] std::vector<std::uint8_t> input_codes(const TensorScheme& scheme, const HostTensor& rows);

/// A sample model calibrated on a little text, and quantized by `recipe`.
struct QuantizedSample {
    std::shared_ptr<const ActivationStats> stats;
    std::shared_ptr<const QuantizedModel> quantized;
};
[[nodiscard]] QuantizedSample quantized_sample(std::string_view model, std::string_view recipe);

} // namespace graticule::testing
