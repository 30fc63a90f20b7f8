// calibrate: what goes into every linear, worst first, and with a recipe what it would cost there.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/engine/workbench.h"
#include "core/format/quant_format.h"
#include "core/report/json_results.h"

namespace graticule::cli {
namespace {

using nlohmann::json;

struct Args {
    ModelInput model;
    CalibrationInput calibration;
    std::string recipe, format = "int8", sort = "ratio";
    std::int64_t top = 0;
};

/// One linear and the statistics of the input it reads.
struct Row {
    const Linear* linear = nullptr;
    const InputSite* site = nullptr;
    double max_absmax = 0, median_absmax = 0, ratio = 0;
    std::vector<std::int64_t> outliers;
    double underflow = 0; ///< share of the non-zero values that one scale for the whole tensor makes zero
    double kurtosis = 0;  ///< of all values of the site
    double p999 = 0;      ///< magnitude that 99.9 % of the values stay below
    const LayerReport* report = nullptr;
};

/// Kurtosis of all values together: the channels' moments merged as if they were one channel.
double pooled_kurtosis(const ChannelStats& stats) {
    ChannelStats all;
    for (std::size_t c = 0; c < stats.channels(); ++c) {
        ChannelStats one{stats.tokens,  {stats.minimum[c]}, {stats.maximum[c]}, {stats.mean[c]},
                         {stats.m2[c]}, {stats.m3[c]},      {stats.m4[c]}};
        if (c == 0)
            all = std::move(one);
        else
            all.merge(one);
    }
    return stats.channels() == 0 ? 0 : all.kurtosis(0);
}

/// Half the width of the symmetric grid's zero bin when `absmax` is its largest value.
double zero_bin(const QuantFormat& format, double absmax) {
    const CodeGrid& grid = format.grid;
    if (grid.shape == CodeGrid::Shape::lattice) {
        const double step = absmax / (grid.levels / 2 - 1);
        return grid.special_count > 0 ? step * 0.25 : step * 0.5; // midpoint to the half step
    }
    double smallest = 0, largest = 0;
    for (int i = 0; i < grid.levels; ++i) {
        const double value = std::fabs(grid.table[static_cast<std::size_t>(i)]);
        largest = std::max(largest, value);
        if (value > 0 && (smallest == 0 || value < smallest)) smallest = value;
    }
    return largest > 0 ? absmax / largest * smallest * 0.5 : 0;
}

std::vector<Row> make_rows(const Model& model, const ActivationStats& stats, const QuantFormat& format,
                           const QuantizedModel* quantized) {
    std::vector<Row> rows;
    for (const Linear& linear : model.linears()) {
        const BucketStats& seen = stats.sites.at(index_of(linear.site)).all();
        const OutlierReport outliers = find_outliers(seen.channels);
        Row row;
        row.linear = &linear;
        row.site = &model.site(linear.site);
        row.max_absmax = outliers.max_absmax;
        row.median_absmax = outliers.median_absmax;
        row.ratio = outliers.ratio;
        row.outliers = outliers.channels;
        row.underflow = underflow_share(seen.histogram, zero_bin(format, outliers.max_absmax));
        row.kurtosis = pooled_kurtosis(seen.channels);
        row.p999 = seen.histogram.magnitude_percentile(99.9);
        if (quantized && quantized->linears[index_of(linear.id)])
            row.report = &quantized->linears[index_of(linear.id)]->report;
        rows.push_back(std::move(row));
    }
    return rows;
}

/// Worst first by the chosen column; "model" keeps the order of execution.
void sort_rows(std::vector<Row>& rows, const std::string& by) {
    const auto badness = [&](const Row& row) {
        if (by == "max") return row.max_absmax;
        if (by == "underflow") return row.underflow;
        if (by == "kurtosis") return row.kurtosis;
        if (by == "sqnr") return row.report ? -sqnr_for_order(*row.report) : -1e300;
        return row.ratio;
    };
    if (by != "model")
        std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) { return badness(a) > badness(b); });
}

json rows_json(const std::vector<Row>& rows, const ActivationStats& stats) {
    json layers = json::array();
    for (const Row& row : rows) {
        json value = {{"name", row.linear->short_name},
                      {"role", to_text(row.linear->role)},
                      {"shape", row.linear->weight.shape},
                      {"input", row.site->name},
                      {"max_abs", row.max_absmax},
                      {"median_channel_max_abs", row.median_absmax},
                      {"outlier_ratio", row.ratio},
                      {"outlier_channels", row.outliers},
                      {"underflow_percent", 100 * row.underflow},
                      {"kurtosis", row.kurtosis},
                      {"magnitude_p99_9", row.p999}};
        json lengths = json::array();
        for (const BucketStats& bucket : stats.sites[index_of(row.linear->site)].buckets) {
            const OutlierReport outliers = find_outliers(bucket.channels);
            lengths.push_back({{"length", bucket.length},
                               {"max_abs", outliers.max_absmax},
                               {"outlier_channels", outliers.channels.size()},
                               {"magnitude_p99_9", bucket.histogram.magnitude_percentile(99.9)}});
        }
        value["lengths"] = std::move(lengths);
        if (row.report) value["report"] = to_json(*row.report, Timing::include);
        layers.push_back(std::move(value));
    }
    return layers;
}

std::string rows_text(const std::vector<Row>& rows, std::size_t shown, const std::string& format, bool with_report) {
    std::vector<Column> columns{{"layer"},
                                {"max|x|", Align::right},
                                {"median", Align::right},
                                {"outlier ratio", Align::right},
                                {"outliers", Align::right},
                                {"a underfl. " + format + ", %", Align::right},
                                {"kurtosis", Align::right}};
    constexpr Figure measured[] = {Figure::weight_underflow, Figure::weight_sqnr, Figure::output_sqnr};
    if (with_report)
        for (const Figure figure : measured) columns.push_back({std::string(words_of(figure).brief), Align::right});
    Table table(columns);
    for (std::size_t i = 0; i < shown; ++i) {
        const Row& row = rows[i];
        std::vector<std::string> cells{row.linear->short_name,
                                       fixed(row.max_absmax, 2),
                                       fixed(row.median_absmax, 3),
                                       fixed(row.ratio, 1),
                                       std::to_string(row.outliers.size()),
                                       fixed(100 * row.underflow, 2),
                                       fixed(row.kurtosis, 1)};
        if (with_report)
            for (const Figure figure : measured) {
                const auto value = row.report ? words_of(figure).of(*row.report) : std::nullopt;
                cells.push_back(value ? fixed(*value, 2) : "-");
            }
        table.add(std::move(cells));
    }
    return table.text();
}

std::string overhead_text(const ActivationStats& stats) {
    const double forward = stats.seconds - stats.seconds_observing;
    return std::to_string(stats.spec.samples) + " samples of " + std::to_string(stats.spec.length) + " tokens of " +
           stats.provenance.data_name + " in " + duration_text(stats.seconds) + "; statistics took " +
           fixed(stats.seconds_observing, 2) + " s, " +
           (forward > 0 ? fixed(100 * stats.seconds_observing / forward, 1) : std::string("-")) +
           " % on top of the forward pass\n";
}

void calibrate_command(const Args& args, Console& console) {
    const QuantFormat* format = find_format(args.format);
    if (!format)
        throw Error(ErrorKind::usage, "format \"" + args.format + "\" is not known; see: graticule-cli formats");
    Recipe recipe;
    if (!args.recipe.empty()) recipe = read_recipe_for(args.recipe, console);
    recipe.calibration = args.calibration.over(recipe.calibration);
    console.files().reads("the calibration text", recipe.calibration.text);
    if (args.sort == "sqnr" && args.recipe.empty())
        throw Error(ErrorKind::usage, "--sort sqnr needs a --recipe to measure; give one, or sort by ratio");
    Workbench work;
    work.adopt(args.model.open(console));
    if (!args.recipe.empty()) (void)work.resolve(recipe);
    const auto stats = work.calibrate(recipe.calibration, console.job());
    std::shared_ptr<const QuantizedModel> quantized;
    if (!args.recipe.empty()) quantized = work.quantize(recipe, true, console.job());

    std::vector<Row> rows = make_rows(*work.model(), *stats, *format, quantized.get());
    sort_rows(rows, args.sort);
    console.print_json(
        {{"layers", rows_json(rows, *stats)},
         {"format", format->name},
         {"seconds", stats->seconds},
         {"seconds_observing", stats->seconds_observing},
         {"outlier_rule", "channel maximum above " + significant(outlier_factor, 3) + " x the median channel's"},
         {"stored_quantization", stored_json(*work.model())},
         {"provenance", to_json(stats->provenance)}});
    const std::size_t shown =
        args.top > 0 ? std::min<std::size_t>(static_cast<std::size_t>(args.top), rows.size()) : rows.size();
    console.print(rows_text(rows, shown, args.format, quantized != nullptr) + "\n" + overhead_text(*stats) +
                  "outlier: a channel whose maximum exceeds " + significant(outlier_factor, 3) +
                  " x the median channel's (of those that fire); outlier ratio: largest over median; SQNR: of the "
                  "output; w: of the weights; a underfl.: input underflow, non-zero inputs that one " +
                  args.format + " scale for the tensor makes zero\n" + stored_text(*work.model()));
}

} // namespace

Action declare_calibrate(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    args->calibration.declare(options);
    not_empty(options.add_option("--recipe", args->recipe, "Also quantize as this says, and show the errors"),
              "leave --recipe out to look at the inputs in full precision")
        ->type_name("RECIPE");
    options.add_option("--format", args->format, "Candidate format of the column of input underflow")
        ->capture_default_str()
        ->type_name("NAME");
    options
        .add_option(
            "--sort", args->sort,
            "Worst first by outlier ratio, max |x|, input underflow, kurtosis or output sqnr; model: as executed")
        ->check(CLI::IsMember({"ratio", "max", "underflow", "kurtosis", "sqnr", "model"}))
        ->capture_default_str()
        ->type_name("COLUMN");
    options.add_option("--top", args->top, "Only so many layers in the table; 0: all")
        ->check(CLI::Range(0, 1000000))
        ->type_name("N");
    return [args](Console& console) { calibrate_command(*args, console); };
}

} // namespace graticule::cli
