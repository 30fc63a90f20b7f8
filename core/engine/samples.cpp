// Text to token ids to calibration samples.
#include <algorithm>

#include "core/base/python_random.h"
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
    // The published scripts draw random.randint(0, tokens - length - 1): the last possible start never comes up.
    const auto starts = static_cast<std::uint64_t>(std::max<std::int64_t>(1, there - spec.length));
    PythonRandom generator(spec.seed);
    for (std::int64_t i = 0; i < spec.samples; ++i) {
        const std::int64_t start = random ? static_cast<std::int64_t>(generator.below(starts)) : i * spec.length;
        samples.emplace_back(ids.begin() + start, ids.begin() + start + spec.length);
    }
    return samples;
}

} // namespace graticule
