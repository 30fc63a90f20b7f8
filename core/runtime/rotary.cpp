#include "core/runtime/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/runtime/gradients.h"

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

/// YaRN: pairs that turn often over the first training's length keep their frequency, those that turn less than
/// beta_slow times are stretched by `factor`, and a ramp over the pairs between.
struct YarnRamp {
    double begin = 0, end = 0; ///< in dimensions

    YarnRamp(const RopeConfig& rope, double dimensions) {
        const auto dimension_of = [&](double turns) {
            return dimensions *
                   std::log(static_cast<double>(rope.original_positions) / (turns * 2 * std::numbers::pi)) /
                   (2 * std::log(rope.theta));
        };
        begin = dimension_of(rope.beta_fast);
        end = dimension_of(rope.beta_slow);
        if (rope.truncate) {
            begin = std::floor(begin);
            end = std::ceil(end);
        }
        begin = std::max(begin, 0.0);
        end = std::min(end, dimensions - 1);
        if (begin == end) end += 0.001;
    }
    [[nodiscard]] double frequency(double frequency, double pair, double factor) const {
        const double stretched = std::clamp((pair - begin) / (end - begin), 0.0, 1.0);
        return frequency * (1 - stretched) + frequency / factor * stretched;
    }
};

std::vector<double> frequencies(const ModelConfig& config, const RopeConfig& rope, std::int64_t tokens) {
    const auto dimensions = static_cast<double>(rope.rotary_dim == 0 ? config.head_dim : rope.rotary_dim);
    double theta = rope.theta;
    if (rope.type == RopeConfig::Type::dynamic && tokens > config.max_positions && dimensions > 2) {
        const double stretch = rope.factor * static_cast<double>(tokens) / static_cast<double>(config.max_positions);
        theta *= std::pow(stretch - (rope.factor - 1), dimensions / (dimensions - 2));
    }
    const YarnRamp ramp(rope, dimensions);
    const std::vector<double>& stretches =
        tokens > rope.original_positions ? rope.long_factors : rope.short_factors; // longrope only
    std::vector<double> all;
    for (double i = 0; i < dimensions; i += 2) {
        double frequency = std::pow(theta, -i / dimensions);
        if (rope.type == RopeConfig::Type::linear) frequency /= rope.factor;
        if (rope.type == RopeConfig::Type::llama3) frequency = llama3_frequency(rope, frequency);
        if (rope.type == RopeConfig::Type::yarn)
            frequency = ramp.frequency(frequency, static_cast<double>(all.size()), rope.factor);
        if (rope.type == RopeConfig::Type::longrope) frequency /= stretches[all.size()];
        if (!rope.frequency_divisors.empty()) frequency /= rope.frequency_divisors[all.size()];
        all.push_back(frequency);
    }
    return all;
}

} // namespace

std::int64_t rotary_regime(const ModelConfig& config, const RopeConfig& rope, std::int64_t tokens) {
    if (rope.type == RopeConfig::Type::dynamic && tokens > config.max_positions) return tokens;
    return rope.type == RopeConfig::Type::longrope && tokens > rope.original_positions ? 1 : 0;
}

RotaryTable make_rotary_table(const ModelConfig& config, const RopeConfig& rope, std::int64_t tokens,
                              std::int64_t positions, at::Device device, at::ScalarType type) {
    const at::Tensor frequency = at::tensor(frequencies(config, rope, tokens), at::kDouble);
    const at::Tensor position = at::arange(positions, at::kDouble);
    const at::Tensor angles = at::outer(position, frequency).unsqueeze(1); // (positions, 1, pairs)
    const auto table = [&](const at::Tensor& values) {
        return (rope.attention_factor == 1 ? values : values * rope.attention_factor).to(type).to(device);
    };
    return {table(angles.cos()), table(angles.sin())};
}

at::Tensor rotate(const at::Tensor& x, const RotaryTable& table) {
    const std::int64_t pairs = table.cosine.size(-1);
    const at::Tensor first = x.narrow(-1, 0, pairs);
    const at::Tensor second = x.narrow(-1, pairs, pairs);
    const std::int64_t rest = x.size(-1) - 2 * pairs;
    if (differentiating())
        return at::cat({first * table.cosine - second * table.sine, second * table.cosine + first * table.sine,
                        x.narrow(-1, 2 * pairs, rest)},
                       -1);
    at::Tensor turned = at::empty_like(x, at::MemoryFormat::Contiguous);
    at::Tensor low = turned.narrow(-1, 0, pairs);
    at::Tensor high = turned.narrow(-1, pairs, pairs);
    at::mul_out(low, first, table.cosine);
    low.addcmul_(second, table.sine, -1);
    at::mul_out(high, second, table.cosine);
    high.addcmul_(first, table.sine);
    if (rest > 0) turned.narrow(-1, 2 * pairs, rest).copy_(x.narrow(-1, 2 * pairs, rest));
    return turned;
}

} // namespace graticule
