#include "core/runtime/rotary.h"

#include <cmath>
#include <numbers>
#include <vector>

namespace graticule {

namespace {

/// LLaMA 3: long wavelengths are stretched by `factor`, short ones kept, those between interpolated.
double llama3_frequency(const RopeConfig& rope, double frequency) {
    const double wavelength = 2 * std::numbers::pi / frequency;
    const auto original = static_cast<double>(rope.original_positions);
    if (wavelength < original / rope.high_frequency_factor) return frequency;
    if (wavelength > original / rope.low_frequency_factor) return frequency / rope.factor;
    const double smooth =
        (original / wavelength - rope.low_frequency_factor) / (rope.high_frequency_factor - rope.low_frequency_factor);
    return (1 - smooth) * frequency / rope.factor + smooth * frequency;
}

std::vector<double> frequencies(const ModelConfig& config, std::int64_t tokens) {
    const RopeConfig& rope = config.rope;
    const auto dimensions = static_cast<double>(rope.rotary_dim == 0 ? config.head_dim : rope.rotary_dim);
    double theta = rope.theta;
    if (rope.type == RopeConfig::Type::dynamic && tokens > config.max_positions && dimensions > 2) {
        const double stretch = rope.factor * static_cast<double>(tokens) / static_cast<double>(config.max_positions);
        theta *= std::pow(stretch - (rope.factor - 1), dimensions / (dimensions - 2));
    }
    std::vector<double> all;
    for (double i = 0; i < dimensions; i += 2) {
        double frequency = std::pow(theta, -i / dimensions);
        if (rope.type == RopeConfig::Type::linear) frequency /= rope.factor;
        if (rope.type == RopeConfig::Type::llama3) frequency = llama3_frequency(rope, frequency);
        if (!rope.frequency_divisors.empty()) frequency /= rope.frequency_divisors[all.size()];
        all.push_back(frequency);
    }
    return all;
}

} // namespace

RotaryTable make_rotary_table(const ModelConfig& config, std::int64_t tokens, at::Device device, at::ScalarType type) {
    const std::vector<double> values = frequencies(config, tokens);
    const at::Tensor frequency = at::tensor(values, at::kDouble);
    const at::Tensor position = at::arange(tokens, at::kDouble);
    const at::Tensor angles = at::outer(position, frequency).unsqueeze(1); // (tokens, 1, pairs)
    return {tokens, angles.cos().to(type).to(device), angles.sin().to(type).to(device)};
}

at::Tensor rotate(const at::Tensor& x, const RotaryTable& table) {
    const std::int64_t pairs = table.cosine.size(-1);
    const at::Tensor first = x.narrow(-1, 0, pairs);
    const at::Tensor second = x.narrow(-1, pairs, pairs);
    at::Tensor turned = at::empty_like(x, at::MemoryFormat::Contiguous);
    at::Tensor low = turned.narrow(-1, 0, pairs);
    at::Tensor high = turned.narrow(-1, pairs, pairs);
    at::mul_out(low, first, table.cosine);
    low.addcmul_(second, table.sine, -1);
    at::mul_out(high, second, table.cosine);
    high.addcmul_(first, table.sine);
    const std::int64_t rest = x.size(-1) - 2 * pairs;
    if (rest > 0) turned.narrow(-1, 2 * pairs, rest).copy_(x.narrow(-1, 2 * pairs, rest));
    return turned;
}

} // namespace graticule
