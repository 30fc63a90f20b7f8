#include "core/result/layer_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace graticule {

ErrorSources scaled(const ErrorSources& error, double factor) {
    const auto parts = [factor](const ErrorSources::Parts& of) {
        return ErrorSources::Parts{of.underflow * factor, of.rounding * factor, of.clipping * factor};
    };
    return {parts(error.weight), parts(error.input), error.cross * factor, error.total * factor};
}

std::span<const ErrorSource> error_sources() {
    using Sources = const ErrorSources&;
    static constexpr std::array<ErrorSource, 7> rows{
        {{"weight_underflow", "weights: underflow", "w underflow", "w un",
          [](Sources error) { return error.weight.underflow; }},
         {"weight_rounding", "weights: rounding", "w rounding", "w ro",
          [](Sources error) { return error.weight.rounding; }},
         {"weight_clipping", "weights: clipping", "w clipping", "w cl",
          [](Sources error) { return error.weight.clipping; }},
         {"input_rounding", "input: rounding", "a rounding", "a ro",
          [](Sources error) { return error.input.rounding; }},
         {"input_clipping", "input: clipping", "a clipping", "a cl",
          [](Sources error) { return error.input.clipping; }},
         {"input_underflow", "input: underflow", "a underflow", "a un",
          [](Sources error) { return error.input.underflow; }},
         {"cross", "cross term", "cross term", "cross", [](Sources error) { return error.cross; }}}};
    return rows;
}

bool errors_cancel(const ErrorSources& error) {
    return error.total > 0 && std::ranges::any_of(error_sources(), [&](const ErrorSource& source) {
               return source.of(error) > error.total;
           });
}

std::string shares_note(std::span<const LayerReport* const> reports) {
    const bool cancel = std::ranges::any_of(reports, [](const LayerReport* report) {
        return report->output_error && errors_cancel(*report->output_error);
    });
    return std::string("they add up to 100 %") +
           (cancel ? ", and one above it cancels with others: the cross term takes it away" : "");
}

double sqnr_for_order(const LayerReport& report) {
    const double sqnr = report.output_sqnr_db.value_or(report.weight_sqnr_db);
    return std::isnan(sqnr) ? -std::numeric_limits<double>::infinity() : sqnr;
}

std::span<const FigureWords> figure_words() {
    using Report = const LayerReport&;
    static constexpr std::array<FigureWords, 4> rows{
        {{"output SQNR, dB", "SQNR, dB", [](Report report) { return report.output_sqnr_db; }},
         {"weight SQNR, dB", "w SQNR, dB", [](Report report) { return std::optional(report.weight_sqnr_db); }},
         {"weight underflow, %", "w underfl., %",
          [](Report report) { return std::optional(report.weight_underflow_percent); }},
         {"input underflow, %", "a underfl., %", [](Report report) { return report.input_underflow_percent; }}}};
    return rows;
}

const FigureWords& words_of(Figure figure) { return figure_words()[static_cast<std::size_t>(figure)]; }

} // namespace graticule
