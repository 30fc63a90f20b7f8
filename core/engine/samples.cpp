// Text to token ids to calibration samples.
#include <random>

#include "core/engine/engine.h"

namespace graticule {

std::vector<std::int32_t> tokenize(const Tokenizer& tokenizer, const Corpus& corpus) {
    try {
        return tokenizer.encode(corpus.text);
    } catch (Error& error) {
        error.add_context("tokenizing " + corpus.name);
        throw;
    }
}

namespace {

/// Uniform in [0, bound), the same on every platform (std::uniform_int_distribution is not).
std::uint64_t uniform(std::mt19937_64& random, std::uint64_t bound) {
    const std::uint64_t limit = std::mt19937_64::max() - std::mt19937_64::max() % bound;
    std::uint64_t value = random();
    while (value >= limit) value = random();
    return value % bound;
}

} // namespace

std::vector<std::vector<std::int32_t>> pick_samples(const std::vector<std::int32_t>& ids, const CalibrationSpec& spec) {
    if (spec.samples < 1 || spec.length < 2)
        throw Error(ErrorKind::bad_input, "calibration asks for " + std::to_string(spec.samples) + " samples of " +
                                              std::to_string(spec.length) + " tokens; at least 1 of 2 is needed");
    const auto there = static_cast<std::int64_t>(ids.size());
    const bool random = spec.pick == CalibrationSpec::Pick::random;
    const std::int64_t windows = there / spec.length;
    if (windows < 1)
        throw Error(ErrorKind::bad_input, "the calibration text has " + std::to_string(there) +
                                              " tokens, fewer than one sample of " + std::to_string(spec.length) +
                                              "; take a longer text or shorter samples");
    if (!random && windows < spec.samples)
        throw Error(ErrorKind::bad_input,
                    "the calibration text holds " + std::to_string(windows) + " samples of " +
                        std::to_string(spec.length) + " tokens, not the " + std::to_string(spec.samples) +
                        " asked for; take fewer or shorter samples, a longer text, or random ones");
    std::vector<std::vector<std::int32_t>> samples;
    std::mt19937_64 generator(spec.seed);
    for (std::int64_t i = 0; i < spec.samples; ++i) {
        const std::int64_t start =
            random ? static_cast<std::int64_t>(uniform(generator, static_cast<std::uint64_t>(there - spec.length + 1)))
                   : i * spec.length;
        samples.emplace_back(ids.begin() + start, ids.begin() + start + spec.length);
    }
    return samples;
}

} // namespace graticule
