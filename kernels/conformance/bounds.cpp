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

std::string compare_steps(const StepCounts& got, const StepCounts& expected) {
    std::string text = compare_exactly("largest", got.largest, expected.largest);
    if (text.empty()) text = compare_exactly("first", got.first, expected.first);
    if (text.empty()) text = compare_exactly("bins", got.counts.size(), expected.counts.size());
    for (std::size_t bin = 0; bin < expected.counts.size() && text.empty(); ++bin)
        if (got.counts[bin] != expected.counts[bin])
            text = difference("steps", bin, got.counts[bin], expected.counts[bin]);
    return text;
}

Statistics::Statistics(std::int64_t segments_, std::int64_t columns_)
    : segments(segments_)
    , columns(columns_)
    , memory(SiteAccumulators::bytes(segments_, columns_) / sizeof(double)) {}

SiteAccumulators Statistics::view() const {
    return {const_cast<double*>(memory.data()), segments, columns}; // the layout knows no constant memory
}

namespace {

std::string compare_segment(const Statistics& got, const Statistics& expected, std::int64_t segment,
                            std::int64_t rows) {
    const std::int64_t columns = expected.columns;
    const SiteAccumulators is = got.view(), should = expected.view();
    const auto part = [&](const float* values) {
        return without_sign_of_zero({values + segment * columns, values + (segment + 1) * columns});
    };
    std::string text = compare_bits(part(is.minimum), part(should.minimum), "minimum");
    if (text.empty()) text = compare_bits(part(is.maximum), part(should.maximum), "maximum");
    const auto n = static_cast<double>(rows);
    for (std::int64_t column = 0; column < columns && text.empty(); ++column) {
        const std::int64_t at = segment * columns + column;
        const auto low = static_cast<double>(should.minimum[at]), high = static_cast<double>(should.maximum[at]);
        const auto moment = [&](const char* what, double found, double wanted, int order) {
            const double count = order == 1 ? 1.0 : n;
            const double bound = 1e-5 * (order == 1 ? 0.0 : std::fabs(wanted)) +
                                 1e-8 * count * std::pow(high - low, order) * (order == 1 ? 100 : 1) +
                                 1e-12 * count * std::pow(std::max(std::fabs(low), std::fabs(high)), order);
            if (text.empty() && !near(found, wanted, bound))
                text = difference(what, static_cast<std::size_t>(column), found, wanted);
        };
        moment("mean", is.mean[at], should.mean[at], 1);
        moment("m2", is.m2[at], should.m2[at], 2);
        moment("m3", is.m3[at], should.m3[at], 3);
        moment("m4", is.m4[at], should.m4[at], 4);
    }
    for (std::int64_t bin = 0; bin < 2 * histogram_bins && text.empty(); ++bin) {
        const std::int64_t at = segment * 2 * histogram_bins + bin;
        if (is.histogram[at] != should.histogram[at])
            text = difference(bin < histogram_bins ? "non-negative histogram" : "negative histogram",
                              static_cast<std::size_t>(bin % histogram_bins), is.histogram[at], should.histogram[at]);
    }
    return text.empty() ? text : "segment " + std::to_string(segment) + ": " + text;
}

} // namespace

std::string compare_statistics(const Statistics& got, const Statistics& expected, std::int64_t samples,
                               SegmentEnds ends) {
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
        std::string text = compare_segment(got, expected, static_cast<std::int64_t>(i), samples * (ends[i] - begin));
        if (!text.empty()) return text;
        begin = ends[i];
    }
    return {};
}

} // namespace graticule::conformance
