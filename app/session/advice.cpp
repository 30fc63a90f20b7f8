#include "app/session/advice.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "app/session/layer_figures.h"
#include "app/session/recipe_edit.h"
#include "core/method/method.h"
#include "widgets/models/number_text.h"

namespace graticule {

namespace {

QString tr(const char* text) { return QObject::tr(text); }

constexpr double much_underflow_percent = 10;
constexpr double much_clipping = 0.05; // of a linear's output error
constexpr double much_outlier = 10;    // times the median channel

/// A decoder linear with its choice, and what is known of it.
struct Known {
    const Linear* linear = nullptr;
    SchemeChoice choice;
    LayerFigures figures;
};

std::vector<Known> known_layers(const Session& session) {
    std::vector<Known> all;
    for (const Linear& linear : session.model()->linears()) {
        const LayerChoice now = session.recipeRules().choice_of(linear);
        if (now.ignored) continue;
        all.push_back({&linear, now.choice, figures_of(session, linear.id, now.choice)});
    }
    return all;
}

/// The integer format's twin with denormal values (Lee et al. 2023, section 4.2); null: it has none.
const QuantFormat* denormal_twin(const QuantFormat* format) {
    return format == nullptr ? nullptr : find_format("d" + std::string(format->name));
}

std::optional<Advice> advice(const Session& session, const QString& title, const QString& evidence,
                             const QString& action, Recipe recipe, double weight) {
    if (recipe == session.recipe() || !resolve(recipe, *session.model()).resolved) return std::nullopt;
    return Advice{title, evidence, action, std::move(recipe), weight};
}

/// Where errors were made to cancel (GPTQ), what one source would make alone is no part of what is left.
bool has_shares(const std::optional<ErrorSources>& error) {
    return error && error->total > 0 && std::abs(error->cross) <= error->total / 2;
}

std::optional<Advice> underflow(const Session& session, const std::vector<Known>& layers) {
    std::vector<LayerId> wanted;
    double sum = 0, share = 0, worst = 0;
    QString worst_name;
    std::size_t split = 0;
    for (const Known& layer : layers) {
        const auto& weight = layer.choice.scheme.weight;
        if (!layer.figures || !weight || denormal_twin(weight->format) == nullptr) continue;
        const LayerReport& report = *layer.figures.report;
        if (report.weight_underflow_percent < much_underflow_percent) continue;
        wanted.push_back(layer.linear->id);
        sum += report.weight_underflow_percent;
        if (report.weight_underflow_percent > worst) {
            worst = report.weight_underflow_percent;
            worst_name = QString::fromStdString(layer.linear->short_name);
        }
        if (has_shares(report.output_error)) {
            share += std::clamp(report.output_error->weight.underflow / report.output_error->total, 0.0, 1.0);
            ++split;
        }
    }
    if (wanted.empty()) return std::nullopt;
    const auto count = static_cast<double>(wanted.size());
    QString evidence = tr("%1 % of their weights that are not zero round to zero, in %2 %3 %")
                           .arg(fixed_text(sum / count, 1), worst_name, fixed_text(worst, 1));
    if (split > 0)
        evidence +=
            tr("; that alone makes %1 of the output error").arg(percent_text(share / static_cast<double>(split), 0));
    return advice(session, tr("Weights vanish in %1 linears").arg(wanted.size()), evidence, tr("Use dINT there"),
                  edit_layers(session.recipe(), *session.model(), wanted,
                              [](SchemeChoice& choice) {
                                  choice.scheme.weight->format = denormal_twin(choice.scheme.weight->format);
                              }),
                  split > 0 ? share / static_cast<double>(split) * count / static_cast<double>(layers.size())
                            : sum / count / 100 * count / static_cast<double>(layers.size()));
}

std::optional<Advice> outliers(const Session& session, const std::vector<Known>& layers) {
    std::set<LayerId> foldable;
    for (const FoldSite& site : session.model()->fold_sites())
        if (site.kind == FoldSite::Kind::attention_input || site.kind == FoldSite::Kind::mlp_input)
            foldable.insert(site.consumers.begin(), site.consumers.end());
    std::vector<LayerId> wanted;
    std::set<SiteId> sites;
    double worst = 0, share = 0;
    QString worst_name;
    for (const Known& layer : layers) {
        if (!layer.choice.scheme.input || !foldable.contains(layer.linear->id) ||
            step_of(layer.choice, Stage::transform) != nullptr ||
            index_of(layer.linear->site) >= session.outliers().size())
            continue;
        wanted.push_back(layer.linear->id); // a fold changes all that read the input, and is worth little for one
        const OutlierReport& report = session.outliers()[index_of(layer.linear->site)];
        if (report.ratio < much_outlier) continue;
        sites.insert(layer.linear->site);
        if (report.ratio > worst) {
            worst = report.ratio;
            worst_name = QString::fromStdString(session.model()->site(layer.linear->site).name);
        }
        if (layer.figures && layer.figures.report->output_error && layer.figures.report->output_error->total > 0) {
            const ErrorSources::Parts& input = layer.figures.report->output_error->input;
            share += std::clamp((input.underflow + input.rounding + input.clipping) /
                                    layer.figures.report->output_error->total,
                                0.0, 1.0);
        }
    }
    if (sites.empty()) return std::nullopt;
    return advice(
        session, tr("Outlier channels in %1 inputs").arg(sites.size()),
        tr("the largest channel of %1 has %2 times the median; one scale a token leaves the others few levels")
            .arg(worst_name, fixed_text(worst, 1)),
        tr("Smooth the inputs"),
        edit_layers(session.recipe(), *session.model(), wanted,
                    [](SchemeChoice& choice) {
                        choice.steps.insert(choice.steps.begin(), MethodStep{"smoothquant", {}});
                    }),
        share / static_cast<double>(layers.size()));
}

std::optional<Advice> clipping(const Session& session, const std::vector<Known>& layers) {
    std::vector<LayerId> wanted;
    double share = 0;
    for (const Known& layer : layers) {
        const auto& input = layer.choice.scheme.input;
        if (!layer.figures || !input || input->dynamic) continue;
        const auto& error = layer.figures.report->output_error;
        if (!error || error->total <= 0 || error->input.clipping < much_clipping * error->total) continue;
        wanted.push_back(layer.linear->id);
        share += std::min(1.0, error->input.clipping / error->total);
    }
    if (wanted.empty()) return std::nullopt;
    return advice(session, tr("Static ranges clip the inputs of %1 linears").arg(wanted.size()),
                  tr("values beyond what calibration saw make %1 of their output error")
                      .arg(percent_text(share / static_cast<double>(wanted.size()), 0)),
                  tr("Find their scales at run time"),
                  edit_layers(session.recipe(), *session.model(), wanted,
                              [](SchemeChoice& choice) {
                                  choice.scheme.input->dynamic = true;
                                  choice.scheme.input->levels.front().grain = {Granularity::Kind::token, 0};
                              }),
                  share / static_cast<double>(layers.size()));
}

std::optional<Advice> calibration_length(const Session& session) {
    const CalibrationLengths* lengths = session.lengthsOfNow();
    if (!lengths || lengths->advice.length == session.recipe().calibration.length) return std::nullopt;
    const LengthAdvice& advised = lengths->advice;
    Recipe recipe = session.recipe();
    recipe.calibration.length = advised.length;
    QString evidence = QString::fromStdString(advised.reason);
    if (lengths->measured()) evidence += tr("; of %1").arg(QString::fromStdString(lengths->study.recipe_line));
    return advice(session, tr("Calibration at %1 tokens").arg(session.recipe().calibration.length), evidence,
                  tr("Calibrate at %1 tokens").arg(advised.length), std::move(recipe),
                  std::clamp(advised.ratio_change, 0.0, 1.0));
}

std::optional<Advice> silent_channels(const Session& session) {
    if (!session.statsComplete() || !session.resolution().resolved ||
        !session.resolution().resolved->needs_calibration())
        return std::nullopt;
    std::size_t silent = 0, channels = 0;
    for (const SiteStats& site : session.stats()->sites) {
        const ChannelStats& all = site.all().channels;
        if (all.tokens == 0) continue;
        channels += all.channels();
        for (std::size_t channel = 0; channel < all.channels(); ++channel) silent += all.dead(channel) ? 1 : 0;
    }
    if (silent == 0) return std::nullopt;
    Recipe recipe = session.recipe();
    recipe.calibration.samples *= 2;
    return advice(session, tr("%1 channels were silent in calibration").arg(silent),
                  tr("of %1; methods that fit themselves to inputs know nothing of them").arg(channels),
                  tr("Calibrate on twice the text"), std::move(recipe),
                  static_cast<double>(silent) / static_cast<double>(channels));
}

/// The fewest groups of linears that make a third of the predicted damage, and what 8 bits would leave of it. Each
/// linear is held against 8 bits under its own inputs' scheme.
std::optional<Advice> eight_bits(const Session& session, const std::vector<Known>& layers) {
    if (!session.sensitivity()) return std::nullopt;
    std::map<LayerId, double> gain;
    double damage = 0;
    for (const Known& layer : layers) {
        if (layer.choice == SchemeChoice{}) continue; // as it is
        const LayerSensitivity* now = session.sensitivityOf(layer.linear->id, layer.choice);
        if (now == nullptr) return std::nullopt; // of another recipe
        damage += now->predicted;
        if (const LayerSensitivity* eight = session.sensitivityOf(layer.linear->id, with_eight_bits(layer.choice)))
            gain[layer.linear->id] = now->predicted - eight->predicted;
    }
    std::vector<std::pair<double, LinearGroup>> groups;
    for (LinearGroup& group : linear_groups(*session.model(), Grouping::fused)) {
        double sum = 0;
        for (const LayerId layer : group.layers) sum += gain[layer];
        groups.emplace_back(sum, std::move(group));
    }
    std::ranges::stable_sort(groups, std::ranges::greater(), [](const auto& group) { return group.first; });
    std::vector<LayerId> wanted;
    QStringList names;
    double saved = 0;
    for (const auto& [sum, group] : groups) {
        if (names.size() == 3 || saved > damage / 3 || sum <= 0) break;
        saved += sum;
        wanted.insert(wanted.end(), group.layers.begin(), group.layers.end());
        names << QString::fromStdString(group.name);
    }
    if (wanted.empty() || damage <= 0) return std::nullopt;
    Recipe recipe = edit_layers(session.recipe(), *session.model(), wanted,
                                [](SchemeChoice& choice) { choice = with_eight_bits(choice); });
    const Resolution resolution = resolve(recipe, *session.model());
    if (!resolution.resolved || !session.resolution().resolved) return std::nullopt;
    const std::int64_t more = resolution.resolved->size().bytes - session.resolution().resolved->size().bytes;
    return advice(session, tr("8 bits buy most in %1").arg(names.join(QStringLiteral(", "))),
                  tr("they would take away %1 of the predicted damage of %2 nats a token, for %3 more")
                      .arg(percent_text(saved / damage, 0), number_text(damage), bytes_text(more)),
                  tr("Give them 8 bits"), std::move(recipe), saved / damage);
}

} // namespace

SchemeChoice with_eight_bits(SchemeChoice choice) {
    choice.steps.clear();
    choice.scheme.weight = parse_scheme_line("w=int8/asym/channel").scheme.weight;
    return choice;
}

std::vector<Advice> advice_for(const Session& session) {
    std::vector<Advice> all;
    if (!session.model()) return all;
    const std::vector<Known> layers = known_layers(session);
    if (layers.empty()) return all;
    for (std::optional<Advice> found :
         {eight_bits(session, layers), underflow(session, layers), outliers(session, layers), clipping(session, layers),
          calibration_length(session), silent_channels(session)})
        if (found) all.push_back(std::move(*found));
    std::ranges::stable_sort(all, std::ranges::greater(), &Advice::weight);
    return all;
}

} // namespace graticule
