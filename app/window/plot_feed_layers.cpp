// Plots over all layers and over runs.
#include <algorithm>
#include <cmath>
#include <map>

#include "app/session/layer_figures.h"
#include "app/window/plot_feed.h"
#include "app/window/table_rows.h"
#include "core/recipe/hardware_cost.h"
#include "widgets/models/number_text.h"
#include "widgets/plots/plot_builders.h"

namespace graticule {

using namespace plots;

namespace {
QString tr(const char* text) { return QObject::tr(text); }

// The sources in percent of the output's power, so that layers can be set side by side.
std::optional<ErrorTerms> error_terms(const Session& session, const LayerFigures& known) {
    const LayerReport& report = *known.report;
    if (!report.output_error || !report.output_mse || !report.output_sqnr_db) return std::nullopt;
    const double power = *report.output_mse * std::pow(10, *report.output_sqnr_db / 10);
    if (!(power > 0) || !std::isfinite(power)) return std::nullopt;
    return ErrorTerms{scaled(*report.output_error, 100 / power), *report.output_sqnr_db, basis_text(session, known)};
}

// "3 v_proj": what fits under a bar.
QString short_name(const Linear& linear) {
    const QString leaf = QString::fromStdString(linear.short_name).section(u'.', -1);
    return static_cast<int>(linear.block) < 0 ? leaf
                                              : QStringLiteral("%1 %2").arg(static_cast<int>(linear.block)).arg(leaf);
}

PerplexityRun perplexity_run(const Session& session, const Run& run, const QString& name, const Run* baseline) {
    PerplexityRun line;
    line.name = name;
    line.id = run.id;
    line.colour = static_cast<std::size_t>(run.colour);
    line.running = run.state == JobState::running || run.state == JobState::waiting;
    line.stopped = !line.running && !run.finished();
    const auto& losses = run.evaluation->window_losses;
    line.perplexity = running_perplexity(losses);
    for (std::size_t i = 0; i < losses.size(); ++i) line.windows.push_back(static_cast<double>(i + 1));
    if (!baseline || baseline->id == run.id || !baseline->evaluation || baseline->protocol() != run.protocol())
        return line;
    const bool refused =
        run.finished() && baseline->finished() && !session.comparison(baseline->id, run.id)->difference;
    if (refused) return line;
    for (const PairedDifference& so_far : running_difference(baseline->evaluation->window_losses, losses)) {
        const bool known = std::isfinite(so_far.interval_high); // the band begins where there is a spread
        line.difference.push_back(so_far.perplexity_difference);
        line.difference_lower.push_back(known ? so_far.interval_low : std::nan(""));
        line.difference_upper.push_back(known ? so_far.interval_high : std::nan(""));
    }
    return line;
}
} // namespace

PlotScene error_plot(const Session& session) {
    const QString title = tr("Output error by source");
    if (!session.model()) return empty_scene(title, tr("Open a model first"));
    ErrorSplitData data;
    data.title = title;
    data.unit = tr("% of the output's power");
    data.sign = tr("%");
    const bool two = session.recipe() != session.reference();
    data.recipes = two ? QStringList{tr("current"), tr("candidate")}
                       : QStringList{QString::fromStdString(summary_line(session.recipe()))};
    std::size_t measured = 0, estimated = 0;
    for (const Linear& linear : session.model()->linears()) {
        ErrorSplitRow row;
        row.layer = short_name(linear);
        row.id = static_cast<qint64>(linear.id);
        std::vector<const LayerRules*> recipes{&session.recipeRules()};
        if (two) recipes.insert(recipes.begin(), &session.referenceRules());
        bool estimates = false; // among them
        for (const LayerRules* rules : recipes) {
            const LayerFigures known = figures_of(session, linear.id, session.choiceFor(linear.id, *rules));
            const auto terms = known ? error_terms(session, known) : std::nullopt;
            if (!terms) continue;
            row.recipes.push_back(*terms);
            estimates = estimates || known.estimated();
        }
        if (row.recipes.size() != recipes.size()) continue;
        ++(estimates ? estimated : measured);
        data.rows.push_back(std::move(row));
    }
    data.about.add(tr("weights and inputs quantized"))
        .add(tr("%1 of %2 linears").arg(data.rows.size()).arg(session.model()->linears().size()))
        .add(basis_text(measured, estimated), Subtitle::Rank::basis);
    data.provenance = provenance_of(session);
    if (data.rows.empty()) return empty_scene(title, tr("Calibrate to see what quantization costs each linear"));
    return error_split_scene(data);
}

PlotScene perplexity_plot(const Session& session) {
    PerplexityData data;
    const RunList& list = session.runList();
    const Run* baseline = session.run(list.baseline());
    const std::vector<RunName> names = list.names();
    std::size_t others = 0; // under other protocols: they share no axis with these
    for (std::size_t i = 0; i < names.size(); ++i) {
        const Run& run = list.all()[i];
        if (!run.evaluation || run.evaluation->window_losses.empty()) continue;
        if (run.protocol() != list.protocol()) {
            ++others;
            continue;
        }
        data.runs.push_back(perplexity_run(session, run, names[i].name, baseline));
        data.text = QString::fromStdString(run.evaluation->provenance.data_name);
        data.protocol = QString::fromStdString(run.evaluation->protocol.text());
        data.total_windows = std::max(data.total_windows, static_cast<double>(run.evaluation->protocol.windows_used));
    }
    if (data.runs.empty()) return empty_scene(tr("Perplexity"), tr("Evaluate to see perplexity grow window by window"));
    if (others > 0)
        data.warning = (others == 1 ? tr("%1 run of another protocol: select it to see it")
                                    : tr("%1 runs of other protocols: select one to see them"))
                           .arg(others);
    if (baseline) data.baseline = names[static_cast<std::size_t>(baseline - list.all().data())].name;
    data.provenance = provenance_of(session);
    data.provenance.recipe.clear(); // of many runs, which the legend names; what they share is the protocol
    data.provenance.recipe_hash.clear();
    data.provenance.conditions = data.conditions();
    return perplexity_scene(data);
}

namespace {

void add_length_study(const Session& session, SiteId site, SequenceLengthData& data) {
    const LengthStudy& study = session.calibrationLengths()->study;
    LengthLine largest{tr("maximum"), {}, {}, false}, ratio{tr("largest update ratio"), {}, {}, false},
        mean{tr("mean update ratio"), {}, {}, true};
    const SiteLengths& effects = study.sites.at(index_of(site));
    for (std::size_t i = 0; i < study.lengths.size(); ++i) {
        const LengthEffect& effect = effects.at.at(i);
        const auto add = [&](LengthLine& line, double value) {
            line.lengths.push_back(static_cast<double>(study.lengths[i]));
            line.values.push_back(value);
        };
        add(largest, effect.absmax);
        if (effect.update_ratio) add(ratio, *effect.update_ratio);
        if (effect.mean_update_ratio) add(mean, *effect.mean_update_ratio);
    }
    data.lines = {largest};
    data.ratios = {ratio, mean};
    const CalibrationLengths* of_now = session.lengthsOfNow();
    if (!of_now) return; // what is advised for another recipe is no advice
    data.advised = static_cast<double>(of_now->advice.length);
    data.reason = tr("for sequences of %1 tokens").arg(of_now->advice.target);
}

} // namespace

PlotScene speed_plot(const Session& session, SpeedFigure figure) {
    const QString title = tr("Speed");
    if (!session.model()) return empty_scene(title, tr("Open a model first"));
    const auto& study = session.speedStudy();
    if (!study)
        return empty_scene(title, tr("Measure speed (below) to see time, tokens per second and memory by length"));
    SequenceLengthData data;
    const QString unit = speed_figure_names().at(static_cast<qsizetype>(figure));
    data.title = tr("Prefill, %1").arg(unit);
    data.about = QString::fromStdString(study->provenance.device + ", " + study->provenance.execution);
    data.statistic = unit;
    for (const SpeedRun& run : study->runs) {
        LengthLine line{QString::fromStdString(run.label()), {}, {}, run.recipe_line.empty()};
        line.run = true;
        for (const SpeedPoint& point : run.points) {
            if (point.phase != SpeedPhase::prefill || !point.measured()) continue;
            line.lengths.push_back(static_cast<double>(point.length));
            line.values.push_back(speed_value(figure, point));
            if (const auto spread = speed_spread(figure, point)) {
                line.lower.push_back(spread->first);
                line.upper.push_back(spread->second);
            }
        }
        if (!line.lengths.empty()) data.lines.push_back(std::move(line));
    }
    if (data.lines.empty()) return empty_scene(title, tr("Nothing could be measured so far; below is why"));
    data.provenance = provenance_of(session);
    data.provenance.recipe.clear(); // of the study's own settings, which the legend names
    data.provenance.recipe_hash.clear();
    data.provenance.conditions = QString::fromStdString(study->provenance.protocol);
    return sequence_length_scene(data);
}

PlotScene sequence_length_plot(const Session& session, std::optional<LayerId> layer) {
    if (!layer) layer = session.primary();
    const QString title = tr("Sequence length");
    if (!session.model() || !layer) return empty_scene(title, tr("Select a linear in the layer table"));
    const Linear& linear = session.model()->linear(*layer);
    const bool calibrated = session.stats() && index_of(linear.site) < session.stats()->sites.size();
    if (!calibrated && !session.calibrationLengths())
        return empty_scene(title, tr("Calibrate to see how the input changes with the length of the text, or "
                                     "compare calibration lengths (Run menu)"));
    SequenceLengthData data;
    if (session.calibrationLengths()) add_length_study(session, linear.site, data);
    data.title = QString::fromStdString(linear.short_name);
    if (data.about.isEmpty()) data.about = tr("input seen by texts of 64 tokens and longer");
    data.statistic = tr("magnitude |x|"); // bars alone, turned on their side, read as another sign
    LengthLine largest{tr("maximum"), {}, {}, false}, high{tr("99.9th percentile"), {}, {}, false},
        usual{tr("99th percentile"), {}, {}, true};
    data.provenance = provenance_of(session);
    if (!calibrated) return sequence_length_scene(data);
    for (const BucketStats& bucket : session.stats()->sites[index_of(linear.site)].buckets) {
        if (bucket.channels.tokens == 0) continue;
        const auto length = static_cast<double>(bucket.length);
        const auto absmax = bucket.channels.absmax_per_channel();
        for (LengthLine* line : {&largest, &high, &usual}) line->lengths.push_back(length);
        largest.values.push_back(*std::max_element(absmax.begin(), absmax.end()));
        high.values.push_back(bucket.histogram.magnitude_percentile(99.9));
        usual.values.push_back(bucket.histogram.magnitude_percentile(99));
    }
    data.lines = {largest, high, usual};
    return sequence_length_scene(data);
}

namespace {
struct HeatGrid {
    std::vector<QString> kinds;
    std::vector<int> blocks;
    std::map<std::pair<int, QString>, const LayerRow*> cells;
};

HeatGrid heat_grid(const std::vector<LayerRow>& rows) {
    HeatGrid grid;
    for (const LayerRow& row : rows) {
        if (std::find(grid.kinds.begin(), grid.kinds.end(), row.leaf) == grid.kinds.end())
            grid.kinds.push_back(row.leaf);
        if (std::find(grid.blocks.begin(), grid.blocks.end(), row.block) == grid.blocks.end())
            grid.blocks.push_back(row.block);
        grid.cells[{row.block, row.leaf}] = &row;
    }
    return grid;
}
} // namespace

namespace {
struct StatisticRow {
    const char *name, *title, *unit;
    int decimals;
    bool logarithmic, low_is_worse;
    bool of_recipe; ///< of what the recipe makes of the linear: measured or estimated
    std::optional<double> (*value)(const LayerRow&);
};
// In the order of LayerStatistic.
constexpr StatisticRow statistics[] = {
    {QT_TRANSLATE_NOOP("QObject", "output SQNR"), QT_TRANSLATE_NOOP("QObject", "Output SQNR"), "dB", 1, false, true,
     true, [](const LayerRow& row) { return row.sqnr_db; }},
    {QT_TRANSLATE_NOOP("QObject", "outlier ratio"), QT_TRANSLATE_NOOP("QObject", "Outlier ratio of the input"), "×", 1,
     true, false, false, [](const LayerRow& row) { return row.outlier_ratio; }},
    {QT_TRANSLATE_NOOP("QObject", "weight underflow"), QT_TRANSLATE_NOOP("QObject", "Weights that underflow"), "%", 1,
     false, false, true, [](const LayerRow& row) { return row.underflow_percent; }},
    {QT_TRANSLATE_NOOP("QObject", "max |x|"), QT_TRANSLATE_NOOP("QObject", "Largest |x| of the input"), "", 2, true,
     false, false, [](const LayerRow& row) { return row.absmax; }},
    {QT_TRANSLATE_NOOP("QObject", "input underflow"), QT_TRANSLATE_NOOP("QObject", "Inputs that underflow"), "%", 1,
     false, false, true, [](const LayerRow& row) { return row.input_underflow_percent; }},
    {QT_TRANSLATE_NOOP("QObject", "weight SQNR"), QT_TRANSLATE_NOOP("QObject", "SQNR of the weights"), "dB", 1, false,
     true, true, [](const LayerRow& row) { return row.weight_sqnr_db; }},
    {QT_TRANSLATE_NOOP("QObject", "error made by the input"),
     QT_TRANSLATE_NOOP("QObject", "Share of the output error made by quantizing the input"), "%", 1, false, false, true,
     [](const LayerRow& row) { return row.input_share_percent; }},
    {QT_TRANSLATE_NOOP("QObject", "bits per weight"), QT_TRANSLATE_NOOP("QObject", "Stored bits per weight"), "bit", 2,
     false, false, true, [](const LayerRow& row) { return row.bits; }},
    {QT_TRANSLATE_NOOP("QObject", "predicted damage"),
     QT_TRANSLATE_NOOP("QObject", "Divergence that each linear alone is predicted to cause"), "nats / token", 6, true,
     false, true, [](const LayerRow& row) { return row.damage; }}};
static_assert(std::size(statistics) == static_cast<std::size_t>(LayerStatistic::damage) + 1);
} // namespace

QStringList layer_statistic_names() {
    QStringList names;
    for (const StatisticRow& row : statistics) names << tr(row.name);
    return names;
}

PlotScene heat_map_plot(const Session& session, LayerStatistic statistic) {
    const StatisticRow& chosen = statistics[static_cast<std::size_t>(statistic)];
    const std::vector<LayerRow> rows = layer_rows(session);
    const HeatGrid grid = heat_grid(rows);
    HeatMapData data;
    data.title = tr(chosen.title);
    data.unit = QString::fromUtf8(chosen.unit);
    data.decimals = chosen.decimals;
    data.logarithmic = chosen.logarithmic;
    data.low_is_worse = chosen.low_is_worse;
    data.about.add(tr("bright is worse; click a linear to select it"));
    const auto estimated = std::count_if(rows.begin(), rows.end(), [](const LayerRow& row) { return row.estimated; });
    const auto known =
        std::count_if(rows.begin(), rows.end(), [](const LayerRow& row) { return !row.basis.isEmpty(); });
    if (chosen.of_recipe && known > 0)
        data.about.add(basis_text(static_cast<std::size_t>(known - estimated), static_cast<std::size_t>(estimated)),
                       Subtitle::Rank::basis);
    data.row_label = tr("block");
    data.column_label = tr("linear");
    data.columns = grid.kinds;
    bool any = false;
    for (const int block : grid.blocks) {
        data.rows.push_back(block < 0 ? tr("head") : QString::number(block));
        for (const QString& kind : grid.kinds) {
            const auto found = grid.cells.find({block, kind});
            const auto value = found == grid.cells.end() ? std::nullopt : chosen.value(*found->second);
            any = any || value.has_value();
            data.values.push_back(value.value_or(not_a_number));
            const auto& selected = session.selection();
            if (found != grid.cells.end() &&
                std::find(selected.begin(), selected.end(), found->second->id) != selected.end())
                data.marked.emplace_back(data.rows.size() - 1, (data.values.size() - 1) % grid.kinds.size());
        }
    }
    if (!any) return empty_scene(tr("Heat map"), tr("Calibrate to see every layer at once"));
    data.provenance = provenance_of(session);
    return heat_map_scene(data);
}

std::optional<LayerId> heat_map_layer(const Session& session, qint64 row, qint64 column) {
    const std::vector<LayerRow> rows = layer_rows(session);
    const HeatGrid grid = heat_grid(rows);
    if (row < 0 || column < 0 || row >= static_cast<qint64>(grid.blocks.size()) ||
        column >= static_cast<qint64>(grid.kinds.size()))
        return std::nullopt;
    const auto found =
        grid.cells.find({grid.blocks[static_cast<std::size_t>(row)], grid.kinds[static_cast<std::size_t>(column)]});
    return found == grid.cells.end() ? std::nullopt : std::optional(found->second->id);
}

namespace {
struct CostAxis { // index = ParetoCost
    const char* label;
    double HardwareCost::*figure; ///< null: bytes
};
constexpr CostAxis cost_axes[] = {
    {"size of the model, MB", nullptr},
    {"area of the units, of INT8 × INT8's", &HardwareCost::area},
    {"power of the units, of INT8 × INT8's", &HardwareCost::power},
};

/// Absent where a linear of the run has no unit; full precision has none, nor what a program makes of a recipe.
std::optional<double> cost_of(const Session& session, const Run& run, const CostAxis& axis) {
    if (!axis.figure) return static_cast<double>(run.bytes) / 1e6;
    if (run.full_precision || !run.served_as.isEmpty() || !session.model()) return std::nullopt;
    const auto hardware = hardware_cost(*session.model(), LayerRules(run.recipe));
    return hardware ? std::optional(*hardware.*axis.figure) : std::nullopt;
}
} // namespace

PlotScene pareto_plot(const Session& session, ParetoCost cost) {
    ParetoData data;
    data.about = tr("measured runs under the baseline's protocol; click one to load its recipe");
    const CostAxis& axis = cost_axes[static_cast<std::size_t>(cost)];
    data.cost_label = tr(axis.label);
    data.loss_label = tr("perplexity");
    int without = 0, meaningless = 0;
    std::vector<QString> of_runs; // as the table of runs has them
    const std::vector<RunName> names = session.runList().names();
    for (std::size_t i = 0; i < names.size(); ++i) {
        const Run& run = session.runs()[i];
        if (!run.finished() || run.protocol() != session.runList().protocol()) continue;
        if (!run.evaluation->meaningless.empty()) {
            ++meaningless;
            continue;
        }
        const auto spent = cost_of(session, run, axis);
        if (!spent) {
            ++without;
            continue;
        }
        // The scheme as a table has it, then whatever tells the run from others of the same recipe.
        QString name = run.full_precision ? run.name : scheme_label(run.recipe.defaults);
        const std::vector<Rule>& rules = run.recipe.rules;
        if (!run.full_precision && !rules.empty()) {
            name += QStringLiteral(" + ") + QString::fromStdString(rule_names(run.recipe));
            if (rules.size() == 1) name += u' ' + scheme_label(rules.front().choice);
        }
        name += names[i].name.mid(run.name.size());
        data.points.push_back(
            {name, run.id, *spent, run.evaluation->perplexity, true, false, static_cast<std::size_t>(run.colour)});
        of_runs.push_back(names[i].name);
    }
    if (data.points.empty())
        return empty_scene(tr("Pareto"), without > 0
                                             ? tr("No run has a measured unit for every linear: quantize weights and "
                                                  "inputs to a pair that the recipe form names a unit for")
                                             : tr("Evaluate some recipes to see what each megabyte buys"));
    if (axis.figure) {
        data.about = tr("multiply-accumulate units as measured in docs/results/mac_unit.md");
        if (without > 0) data.about.add(tr("runs without a unit, left out: %1").arg(without));
    }
    // Methods' parameters are in no label: where two are alike, the runs' names tell them apart.
    std::map<QString, int> alike;
    for (const ParetoPoint& point : data.points) ++alike[point.name];
    for (std::size_t i = 0; i < data.points.size(); ++i)
        if (alike[data.points[i].name] > 1) data.points[i].name = of_runs[i];
    if (meaningless > 0) data.about.add(tr("runs that mean nothing, left out: %1").arg(meaningless));
    for (ParetoPoint& point : data.points)
        point.on_front = std::none_of(data.points.begin(), data.points.end(), [&](const ParetoPoint& other) {
            return (other.cost < point.cost && other.loss <= point.loss) ||
                   (other.cost <= point.cost && other.loss < point.loss);
        });
    data.provenance = provenance_of(session);
    return pareto_scene(data);
}

} // namespace graticule
