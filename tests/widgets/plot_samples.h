// Made-up inputs for the plot tests: one of each plot, of any size, and the same with what goes wrong in practice.
#pragma once

#include "widgets/plots/plot_builders.h"

#include <cmath>
#include <limits>
#include <vector>

namespace graticule::testing {

struct NamedScene {
    QString name;
    plots::PlotScene scene;
};

inline constexpr double sample_nan = std::numeric_limits<double>::quiet_NaN();

inline plots::DistributionData sample_distribution(std::size_t bins) {
    plots::DistributionData data;
    data.layer = QStringLiteral("layers.3.self_attn.v_proj");
    data.about = QStringLiteral("weight · 256 × 256");
    data.x_label = QStringLiteral("weight / step of its channel");
    data.x_symbol = QStringLiteral("u");
    data.what = QStringLiteral("weights");
    for (std::size_t i = 0; i <= bins; ++i) data.full_precision.edges.push_back(-9 + 18.0 * double(i) / double(bins));
    for (std::size_t i = 0; i < bins; ++i) {
        const double middle = (data.full_precision.edges[i] + data.full_precision.edges[i + 1]) / 2;
        data.full_precision.counts.push_back(std::floor(1000 * std::exp(-middle * middle / 12)));
    }
    data.smoothed = data.full_precision;
    plots::FormatLevels int4;
    int4.name = QStringLiteral("INT4");
    for (int level = -7; level <= 7; ++level) int4.levels.push_back(level);
    int4.zero_bin = {-0.5, 0.5};
    int4.underflow_share = 0.177;
    int4.reach = plots::Span{-7.5, 7.5};
    int4.clipped_share = 0.004;
    plots::FormatLevels dint4 = int4;
    dint4.name = QStringLiteral("dINT4");
    dint4.extra = {-0.5, 0.5};
    dint4.zero_bin = {-0.25, 0.25};
    dint4.underflow_share = 0.104;
    data.current = int4;
    data.candidate = dint4;
    data.provenance.model = QStringLiteral("sample-opt");
    data.provenance.recipe_hash = QStringLiteral("4f2a91c0");
    data.provenance.seed = 7;
    return data;
}

inline plots::ChannelsData sample_channels(std::size_t count) {
    plots::ChannelsData data;
    for (std::size_t i = 0; i < count; ++i) {
        data.values.push_back(1.2 + 0.4 * std::sin(double(i) * 12.9898));
        data.factors.push_back(std::sqrt(data.values.back()));
    }
    if (count > 250) data.values[4] = 9.9, data.values[233] = 13.2, data.values[60] = 0;
    for (const double value : data.values) data.smoothed.push_back(std::sqrt(value));
    return data;
}

inline ErrorSources sample_sources(double underflow, double cross) {
    return {{underflow, 1, 0.1}, {0.05, 0.5, 0.02}, cross, underflow + 1.67 + cross};
}

inline plots::ErrorSplitData sample_errors(std::size_t rows) {
    plots::ErrorSplitData data;
    data.unit = QStringLiteral("%");
    data.recipes = {QStringLiteral("INT4"), QStringLiteral("dINT4")};
    for (std::size_t i = 0; i < rows; ++i) {
        const double size = 1 + double((i * 7) % rows);
        data.rows.push_back({QStringLiteral("layers.%1.fc2").arg(i),
                             qint64(100 + i),
                             {{sample_sources(size, -0.2), 12, QStringLiteral("measured")},
                              {sample_sources(size / 2, 0.1), 14, QStringLiteral("estimated from 512 rows")}}});
    }
    return data;
}

inline plots::PerplexityData sample_perplexity(std::size_t windows, std::size_t runs = 4) {
    plots::PerplexityData data;
    data.protocol = QStringLiteral("WikiText-2 test, windows of 2048, GPTQ protocol");
    data.baseline = QStringLiteral("full precision");
    for (std::size_t r = 0; r < runs; ++r) {
        plots::PerplexityRun run;
        run.name = r == 0 ? data.baseline : QStringLiteral("recipe %1").arg(r);
        for (std::size_t i = 1; i <= windows; ++i) {
            const double value = 53 + 3 * double(r) + 8 * std::sin(double(i)) / double(i);
            run.windows.push_back(double(i));
            run.perplexity.push_back(value);
            run.lower.push_back(value - 9 / std::sqrt(double(i)));
            run.upper.push_back(value + 9 / std::sqrt(double(i)));
            if (r == 0) continue;
            run.difference.push_back(3 * double(r) + 0.5 / double(i));
            run.difference_lower.push_back(run.difference.back() - 0.2);
            run.difference_upper.push_back(run.difference.back() + 0.2);
        }
        data.runs.push_back(run);
    }
    return data;
}

inline plots::SequenceLengthData sample_lengths(std::size_t count) {
    plots::SequenceLengthData data;
    data.statistic = QStringLiteral("max |x|");
    plots::LengthLine line{QStringLiteral("maximum"), {}, {}};
    for (std::size_t i = 0; i < count; ++i) {
        line.lengths.push_back(64 * std::exp2(double(i) * 6 / double(count)));
        line.values.push_back(8 + double(i) / double(count));
    }
    data.lines = {line};
    data.ratios = {line};
    data.advised = 128;
    data.reason = QStringLiteral("prompts are short");
    return data;
}

inline plots::HeatMapData sample_heat(std::size_t rows, std::size_t columns) {
    plots::HeatMapData data;
    data.title = QStringLiteral("Underflow");
    data.unit = QStringLiteral("%");
    for (std::size_t r = 0; r < rows; ++r) data.rows.push_back(QString::number(r));
    for (std::size_t c = 0; c < columns; ++c) data.columns.push_back(QStringLiteral("kind %1").arg(c));
    for (std::size_t i = 0; i < rows * columns; ++i) data.values.push_back(double((i * 37) % 101));
    return data;
}

inline plots::ParetoData sample_pareto(std::size_t count) {
    plots::ParetoData data;
    data.cost_label = QStringLiteral("bits a weight");
    data.loss_label = QStringLiteral("perplexity");
    for (std::size_t i = 0; i < count; ++i)
        data.points.push_back(
            {QStringLiteral("r%1").arg(i), qint64(i), 3 + double(i) / 10, 60 - double(i) / 20, i % 3 == 0, i % 5 == 0});
    return data;
}

/// One of each at size `n`.
inline std::vector<NamedScene> sample_scenes(std::size_t n) {
    return {{QStringLiteral("distribution"), plots::distribution_scene(sample_distribution(n))},
            {QStringLiteral("channels"), plots::channels_scene(sample_channels(n))},
            {QStringLiteral("error"), plots::error_split_scene(sample_errors(n))},
            {QStringLiteral("perplexity"), plots::perplexity_scene(sample_perplexity(n))},
            {QStringLiteral("length"), plots::sequence_length_scene(sample_lengths(n))},
            {QStringLiteral("heat"), plots::heat_map_scene(sample_heat(n, 6))},
            {QStringLiteral("pareto"), plots::pareto_scene(sample_pareto(n))}};
}

/// What goes wrong: nothing, one point, only NaN, all equal, infinite.
inline std::vector<NamedScene> broken_scenes() {
    std::vector<NamedScene> scenes{{QStringLiteral("no distribution"), plots::distribution_scene({})},
                                   {QStringLiteral("no channels"), plots::channels_scene({})},
                                   {QStringLiteral("no errors"), plots::error_split_scene({})},
                                   {QStringLiteral("no perplexity"), plots::perplexity_scene({})},
                                   {QStringLiteral("no lengths"), plots::sequence_length_scene({})},
                                   {QStringLiteral("no cells"), plots::heat_map_scene({})},
                                   {QStringLiteral("no points"), plots::pareto_scene({})},
                                   {QStringLiteral("no scene"), {}}};
    for (auto& [name, scene] : sample_scenes(1)) scenes.push_back({QStringLiteral("one: ") + name, scene});
    for (const double odd :
         {sample_nan, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), 0.0, -3.0}) {
        const QString tag = QString::number(odd);
        plots::ChannelsData channels;
        channels.values.assign(40, odd);
        channels.smoothed = channels.factors = channels.values;
        scenes.push_back({QStringLiteral("channels of ") + tag, plots::channels_scene(channels)});
        auto distribution = sample_distribution(20);
        distribution.full_precision.counts.assign(20, odd);
        scenes.push_back({QStringLiteral("counts of ") + tag, plots::distribution_scene(distribution)});
        auto perplexity = sample_perplexity(20);
        for (auto& run : perplexity.runs) run.perplexity[7] = run.lower[7] = run.difference_upper.emplace_back() = odd;
        scenes.push_back({QStringLiteral("perplexity with ") + tag, plots::perplexity_scene(perplexity)});
        auto heat = sample_heat(4, 4);
        heat.values.assign(16, odd);
        scenes.push_back({QStringLiteral("cells of ") + tag, plots::heat_map_scene(heat)});
        auto errors = sample_errors(3);
        for (auto& row : errors.rows) row.recipes.front().error.cross = row.recipes.front().error.total = odd;
        scenes.push_back({QStringLiteral("errors with ") + tag, plots::error_split_scene(errors)});
    }
    return scenes;
}

} // namespace graticule::testing
