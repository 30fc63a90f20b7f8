#include "kernels/conformance/bounds.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <sstream>

namespace graticule::conformance {
namespace {

template <class T>
std::string difference(const char* what, std::size_t at, T got, T expected) {
    std::ostringstream text;
    text.precision(17);
    text << what << '[' << at << "] is " << +got << ", expected " << +expected;
    return text.str();
}

template <class T>
std::string compare_exactly(const char* what, T got, T expected) {
    return got == expected ? std::string() : difference(what, 0, got, expected);
}

/// -0 and 0 are the same extreme; which one a column of both gives depends on the order of its rows.
std::vector<float> without_sign_of_zero(std::vector<float> values) {
    for (float& value : values) value = value == 0.0F ? 0.0F : value;
    return values;
}

bool near(double got, double expected, double bound) {
    if (std::isnan(expected)) return std::isnan(got);
    return got == expected || std::fabs(got - expected) <= bound;
}

} // namespace

std::string compare_bits(const std::vector<float>& got, const std::vector<float>& expected, const char* what) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (std::isnan(got[i]) && std::isnan(expected[i])) continue;
        if (std::memcmp(&got[i], &expected[i], sizeof(float)) != 0) return difference(what, i, got[i], expected[i]);
    }
    return {};
}

std::string compare_bits(const std::vector<std::uint8_t>& got, const std::vector<std::uint8_t>& expected,
                         const char* what) {
    for (std::size_t i = 0; i < expected.size(); ++i)
        if (got[i] != expected[i]) return difference(what, i, got[i], expected[i]);
    return {};
}

std::string compare_counts(const QuantizeCounts& got, const QuantizeCounts& expected) {
    std::string text = compare_exactly("total", got.total, expected.total);
    if (text.empty()) text = compare_exactly("zeros_in", got.zeros_in, expected.zeros_in);
    if (text.empty()) text = compare_exactly("underflow", got.underflow, expected.underflow);
    if (text.empty()) text = compare_exactly("clipped", got.clipped, expected.clipped);
    if (text.empty()) text = compare_exactly("not_finite", got.not_finite, expected.not_finite);
    for (std::size_t code = 0; code < 256 && text.empty(); ++code)
        if (got.codes_used[code] != expected.codes_used[code])
            text = difference("codes_used", code, got.codes_used[code], expected.codes_used[code]);
    const auto sum = [&](const char* what, double is, double should) {
        if (text.empty() && !near(is, should, 1e-6 * std::fabs(should) + 1e-12 * expected.squared_value))
            text = difference(what, 0, is, should);
    };
    sum("squared_value", got.squared_value, expected.squared_value);
    sum("squared_error", got.squared_error, expected.squared_error);
    sum("squared_underflow_error", got.squared_underflow_error, expected.squared_underflow_error);
    sum("squared_clip_error", got.squared_clip_error, expected.squared_clip_error);
    return text;
}

Statistics::Statistics(std::int64_t columns)
    : minimum(static_cast<std::size_t>(columns))
    , maximum(minimum.size())
    , mean(minimum.size())
    , m2(minimum.size())
    , m3(minimum.size())
    , m4(minimum.size())
    , negative(histogram_bins, 1)
    , positive(histogram_bins, 2) {}

ColumnStatistics Statistics::view() {
    return {minimum.data(), maximum.data(), mean.data(), m2.data(), m3.data(), m4.data()};
}

std::string compare_statistics(const Statistics& got, const Statistics& expected, std::int64_t rows) {
    std::string text =
        compare_bits(without_sign_of_zero(got.minimum), without_sign_of_zero(expected.minimum), "minimum");
    if (text.empty())
        text = compare_bits(without_sign_of_zero(got.maximum), without_sign_of_zero(expected.maximum), "maximum");
    const auto n = static_cast<double>(rows);
    const auto moment = [&](const char* what, std::size_t c, double is, double should, int order) {
        const auto low = static_cast<double>(expected.minimum[c]), high = static_cast<double>(expected.maximum[c]);
        const double count = order == 1 ? 1.0 : n;
        const double bound = 1e-5 * (order == 1 ? 0.0 : std::fabs(should)) +
                             1e-8 * count * std::pow(high - low, order) * (order == 1 ? 100 : 1) +
                             1e-12 * count * std::pow(std::max(std::fabs(low), std::fabs(high)), order);
        if (text.empty() && !near(is, should, bound)) text = difference(what, c, is, should);
    };
    for (std::size_t c = 0; c < expected.mean.size() && text.empty(); ++c) {
        moment("mean", c, got.mean[c], expected.mean[c], 1);
        moment("m2", c, got.m2[c], expected.m2[c], 2);
        moment("m3", c, got.m3[c], expected.m3[c], 3);
        moment("m4", c, got.m4[c], expected.m4[c], 4);
    }
    for (std::size_t bin = 0; bin < static_cast<std::size_t>(histogram_bins) && text.empty(); ++bin) {
        if (got.negative[bin] != expected.negative[bin])
            text = difference("negative histogram", bin, got.negative[bin], expected.negative[bin]);
        else if (got.positive[bin] != expected.positive[bin])
            text = difference("positive histogram", bin, got.positive[bin], expected.positive[bin]);
    }
    return text;
}

} // namespace graticule::conformance
