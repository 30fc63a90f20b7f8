#include "app/window/recipe_presenter.h"

#include <QtCore/QTimer>
#include <algorithm>
#include <cmath>
#include <utility>

#include "app/session/layer_figures.h"
#include "app/session/recipe_edit.h"
#include "app/session/run_names.h"
#include "app/window/table_rows.h"
#include "core/method/method.h"
#include "core/method/reach.h"
#include "core/method/what_if_layer.h"
#include "core/recipe/hardware_cost.h"
#include "core/recipe/label_words.h"
#include "core/recipe/recipe_text.h"
#include "widgets/models/number_text.h"
#include "widgets/models/qt_text.h"
#include "widgets/panels/panel_header.h"

namespace graticule {

namespace {

// The formats, or what else tells the two apart; empty: nothing that has short words.
std::pair<QString, QString> different_words(const SchemeChoice& before, const SchemeChoice& now) {
    const auto format = [](const SchemeChoice& choice) {
        return choice.scheme.weight ? qt_text(choice.scheme.weight->format->label) : QObject::tr("16 bit");
    };
    if (format(before) != format(now)) return {format(before), format(now)};
    const auto methods = [](const SchemeChoice& choice) {
        QStringList names;
        for (const MethodStep& step : choice.steps) names << qt_text(step.method);
        return names.isEmpty() ? QObject::tr("plain") : names.join(u'+');
    };
    if (methods(before) != methods(now)) return {methods(before), methods(now)};
    return label_words(before.scheme).static_operands == label_words(now.scheme).static_operands
               ? std::pair<QString, QString>()
               : std::pair(format(before), format(now));
}

// Headings of the card. Static inputs against dynamic ones are said as well: "INT4 / A8", "INT4 / A8 static".
std::pair<QString, QString> headings(const SchemeChoice& before, const SchemeChoice& now) {
    auto words = different_words(before, now);
    if (words.first.isEmpty()) return {QObject::tr("current"), QObject::tr("candidate")};
    const LabelWords of_before = label_words(before.scheme), of_now = label_words(now.scheme);
    if (of_before.static_operands == of_now.static_operands) return words;
    for (const std::string& operand : of_before.operands) words.first += QStringLiteral(" / ") + qt_text(operand);
    for (const std::string& operand : of_now.operands) words.second += QStringLiteral(" / ") + qt_text(operand);
    return words;
}

// "2.41 MB, 4.28 bit (ideal 4.16)"
QString predicted_text(const ResolvedRecipe& resolved) {
    const ModelSize& size = resolved.size();
    const QString actual = fixed_text(size.bits_per_weight.actual, 2),
                  ideal = fixed_text(size.bits_per_weight.ideal, 2);
    QString text = QObject::tr("%1, %2 bit").arg(bytes_text(size.bytes), actual);
    if (actual != ideal) text += QObject::tr(" (ideal %1)").arg(ideal);
    return resolved.size_is_exact() ? text : QObject::tr("at least %1").arg(text);
}

// `row` names what is compared. A difference below `least` is said and has no colour: other inputs would change it.
WhatIfRow compare_row(WhatIfRow row, std::optional<double> before, std::optional<double> now, int digits,
                      int higher_is_better, double least) {
    if (before) row.current = fixed_text(*before, digits);
    if (now) row.candidate = fixed_text(*now, digits);
    if (!before || !now) return row;
    const double delta = *now - *before;
    row.delta = signed_text(delta, digits);
    if (std::abs(delta) >= least) row.better = (delta > 0 ? 1 : -1) * higher_is_better;
    return row;
}

std::optional<double> share_of_error(const LayerReport& report, const ErrorSource& source) {
    const auto& error = report.output_error;
    return error && error->total > 0 ? std::optional(100 * source.of(*error) / error->total) : std::nullopt;
}

// The sources of the error, those that are nowhere left out; parts of one error have no better and worse.
void add_sources(WhatIfTable& table, const LayerReport& a, const LayerReport& b) {
    bool headed = false;
    const bool cancel =
        (a.output_error && errors_cancel(*a.output_error)) || (b.output_error && errors_cancel(*b.output_error));
    for (const ErrorSource& source : error_sources()) {
        const auto before = share_of_error(a, source), now = share_of_error(b, source);
        if (before.value_or(0) == 0 && now.value_or(0) == 0) continue;
        if (!std::exchange(headed, true))
            table.rows.push_back({.name = cancel ? QObject::tr("parts of the output error, %; they cancel")
                                                 : QObject::tr("parts of the output error, %")});
        table.rows.push_back(
            compare_row({.name = qt_text(source.label),
                         .tip = QObject::tr("What this source would make alone, in % of the mean squared output error "
                                            "E[(ŷ−y)²]. With the cross term the parts add up to 100 %; where errors "
                                            "cancel, as GPTQ has them do, single parts are above 100 %"),
                         .shorter = qt_text(source.shorter),
                         .scored = true},
                        before, now, 1, 0, 0));
    }
}

// Two figures that are not to be held against each other: the tip says why.
void leave_apart(WhatIfRow& row, const QString& why) {
    row.delta.clear();
    row.better = 0;
    row.tip += QStringLiteral(". ") + why;
}

// What a fit left of the rows it was made on, beside what another fit left of rows that it has not seen.
void leave_unlike_apart(WhatIfTable& table, const LayerFigures& measured, const SchemeChoice& measured_choice,
                        const LayerFigures& estimated) {
    if (measured.estimated() || !estimated.estimated() || estimated.report->rows_fitted == 0 ||
        !fits_rounding(measured_choice))
        return;
    table.warning =
        QObject::tr("The measured one was fitted to the rows it is scored on, the other was not: the two are "
                    "not to be held against each other. Evaluate it to compare.");
    for (WhatIfRow& row : table.rows)
        if (row.fitted) row.delta.clear();
}

// Where the figures come from, and whether they can be trusted.
void add_basis(WhatIfTable& table, const Session& session, const LayerFigures& current, const LayerFigures& candidate,
               const Linear& linear) {
    const QString a = basis_text(session, current), b = basis_text(session, candidate);
    table.basis = table.candidate_label.isEmpty() || a == b ? b : QObject::tr("%1; candidate %2").arg(a, b);
    if (candidate.estimated() && candidate.report->seconds > 0.1)
        table.basis += QObject::tr(" (took %1)").arg(duration_text(candidate.report->seconds));
    for (const LayerFigures* figures : {&current, &candidate}) {
        if (!figures->doubtful()) continue;
        const QString only = figures->estimated()
                                 ? QObject::tr("Only %1 rows for the %2 inputs that the method fits to: not to be "
                                               "trusted. Calibrate on more tokens, or quantize to measure it.")
                                 : QObject::tr("Measured on only %1 tokens for the %2 inputs that the method fits to, "
                                               "and fitted to them: not to be trusted. Calibrate on more tokens.");
        table.warning = only.arg(figures->report->rows_fitted).arg(linear.in_features());
    }
    if (!table.warning.isEmpty()) // a doubtful figure is no reason for green
        for (WhatIfRow& row : table.rows) row.better = 0;
}
} // namespace

WhatIfTable what_if_table(const Session& session) {
    WhatIfTable table;
    const auto layer = session.primary();
    if (!session.model() || !layer) {
        table.note = QObject::tr("Select a linear to see what a change would do to it.");
        return table;
    }
    const SchemeChoice now = session.choiceFor(*layer, session.recipeRules()),
                       before = session.choiceFor(*layer, session.referenceRules());
    const auto [current, answer, same_rows] = compared_figures(session, *layer, before, now);
    if ((!answer || !current) && !session.statsComplete()) { // what was measured needs none
        table.note = QObject::tr("Calibrate first: the answer comes from the inputs that calibration keeps.");
        return table;
    }
    if (const QString problem = session.whatIfs().problem(*layer, now); !problem.isEmpty())
        table.note = problem;
    else if (!answer || !current)
        table.note =
            QObject::tr("computing … (a method that fits itself to inputs takes longer than a frame; the recipe "
                        "can be edited on)");
    if (!answer || !current) return table;
    if (before != now)
        std::tie(table.current_label, table.candidate_label) = headings(before, now);
    else
        table.current_label = headings(now, {}).first; // one column: nothing to compare
    const LayerReport &a = *current.report, &b = *answer.report;
    const Linear& linear = session.model()->linear(*layer);
    // Of what a method makes of the weights, so it depends on the rows that one is fitted to.
    const auto figure_row = [&](Figure figure, const QString& tip, int digits, int higher_is_better) {
        const FigureWords& words = words_of(figure);
        table.rows.push_back(compare_row({.name = qt_text(words.label),
                                          .tip = tip,
                                          .shorter = qt_text(words.brief),
                                          .fitted = true,
                                          .scored = figure == Figure::output_sqnr},
                                         words.of(a), words.of(b), digits, higher_is_better, 0.1));
    };
    figure_row(Figure::output_sqnr,
               QObject::tr("10 log10(E[y²] / E[(ŷ−y)²]) of the linear's output, weights and input quantized. "
                           "Differences below 0.1 dB have no colour"),
               2, 1);
    figure_row(Figure::weight_sqnr, QObject::tr("10 log10(Σw² / Σ(ŵ−w)²)"), 2, 1);
    figure_row(Figure::weight_underflow, QObject::tr("Share of non-zero weights that become zero"), 1, -1);
    if (a.input_mse && b.input_mse) { // of any size, so digits that count, and the difference in %
        const double before_rms = std::sqrt(*a.input_mse), now_rms = std::sqrt(*b.input_mse);
        WhatIfRow row = compare_row({.name = QObject::tr("input RMS error"),
                                     .tip = QObject::tr("Root of the mean squared error of the quantized input"),
                                     .shorter = QObject::tr("input RMS"),
                                     .scored = true},
                                    before_rms, now_rms, 4, -1, 0.01 * before_rms);
        const auto short_text = [](double rms) { // as wide as the other figures
            return rms >= 0.01 || rms == 0 ? fixed_text(rms, 4) : exponent_text(rms, 2);
        };
        row.current = short_text(before_rms);
        row.candidate = short_text(now_rms);
        row.delta = before_rms > 0 ? signed_text(100 * (now_rms / before_rms - 1), 0) + QObject::tr(" %") : QString();
        if (!same_input_units(*session.model(), *layer, before, now))
            leave_apart(row, QObject::tr("No Δ: the two scale the input's channels differently before it is quantized, "
                                         "so that their errors are in different units"));
        table.rows.push_back(std::move(row));
    }
    const double weights = double(linear.out_features()) * double(linear.in_features());
    const auto bits = [&](const LayerReport& report) { return double(report.bytes_after) * 8 / weights; };
    table.rows.push_back(
        compare_row({.name = QObject::tr("bits / weight"),
                     .tip = QObject::tr("Stored bits: codes, scales, zero points and what is kept in 16 bits")},
                    bits(a), bits(b), 2, -1, 0.005));
    const MacUnit *before_unit = mac_unit_of(before.scheme), *unit = mac_unit_of(now.scheme);
    const auto unit_row = [&](const QString& name, double MacUnit::*figure) {
        const auto of = [&](const MacUnit* u) { return u ? std::optional(u->*figure) : std::nullopt; };
        table.rows.push_back(compare_row(
            {.name = name, .tip = QObject::tr("Of a multiply-accumulate unit, %1").arg(qt_text(mac_unit_source()))},
            of(before_unit), of(unit), 2, -1, 0.005));
    };
    if (before_unit || unit) {
        unit_row(QObject::tr("unit area"), &MacUnit::area);
        unit_row(QObject::tr("unit power"), &MacUnit::power);
    }
    add_sources(table, a, b);
    if (!same_rows)
        for (WhatIfRow& row : table.rows)
            if (row.scored && !row.delta.isEmpty())
                leave_apart(row,
                            QObject::tr("No Δ: the two are means over different rows of the input, which are named "
                                        "below"));
    leave_unlike_apart(table, current, before, answer);
    leave_unlike_apart(table, answer, now, current);
    add_basis(table, session, current, answer, linear);
    return table;
}

namespace {
// A text whose line for the calibration was taken out means the default's, and the next run would calibrate again.
void add_unsaid_calibration(Diagnostics& said, const Session& session) {
    const CalibrationSpec& now = session.recipe().calibration;
    if (!session.model() || !session.completeStats() || says_calibration(session.history().text())) return;
    const CalibrationSpec& there = session.completeStats()->spec;
    if (there == now) return;
    said.add(Severity::warning, "calibration",
             QObject::tr("the recipe's text has no such line, so that it asks for the default, %1; what is there was "
                         "calibrated %2")
                 .arg(samples_text(now), samples_text(there))
                 .toStdString());
}

// A transform that reaches none of the linears it is chosen for.
void add_idle_transform(Diagnostics& said, const Session& session) {
    if (!session.model()) return;
    LayerProblems idle;
    for (const LayerId layer : session.selection()) {
        const SchemeChoice choice = session.choiceFor(layer, session.recipeRules());
        const MethodRow* row = idle_transform(*session.model(), layer, choice);
        if (!row) return;
        idle.add(std::string(row->label) + " changes nothing here: it does not scale what this linear reads",
                 session.model()->linear(layer).short_name);
    }
    idle.report(Severity::warning, said);
}
} // namespace

std::vector<RuleRow> rule_rows(const Session& session) {
    std::vector<RuleRow> rows;
    if (!session.model()) return rows;
    const Recipe& recipe = session.recipe();
    const LayerRules& rules = session.recipeRules();
    std::optional<LayerChoice> here;
    if (const auto layer = session.primary()) here = rules.choice_of(session.model()->linear(*layer));
    const auto matched = [&](const LayerPattern& pattern) {
        const auto& linears = session.model()->linears();
        return static_cast<int>(std::count_if(linears.begin(), linears.end(),
                                              [&](const Linear& linear) { return pattern.matches(linear.name); }));
    };
    // How many of a rule's layers it decides, and what takes the others.
    std::vector<LayerChoice> decided;
    for (const Linear& linear : session.model()->linears()) decided.push_back(rules.choice_of(linear));
    const auto fate_of = [&](std::size_t rule) {
        int won = 0;
        QStringList takers;
        for (const Linear& linear : session.model()->linears()) {
            if (!rules.rules()[rule].matches(linear.name)) continue;
            const LayerChoice& choice = decided[index_of(linear.id)];
            if (!choice.ignored && choice.rule == static_cast<int>(rule)) {
                ++won;
                continue;
            }
            const QString taker =
                choice.ignored ? QObject::tr("the ignore list")
                               : QString::fromStdString(recipe.rules[static_cast<std::size_t>(choice.rule)].pattern);
            if (!takers.contains(taker)) takers << taker;
        }
        return std::pair(won, takers.join(QStringLiteral(", ")));
    };
    const auto wins = [&](int rule) { return here && !here->ignored && here->rule == rule; };
    RuleRow all{RuleRow::Kind::defaults,
                0,
                QStringLiteral("*"),
                {},
                QString::fromStdString(to_line(recipe.defaults)),
                wins(-1),
                false};
    const auto total = static_cast<std::int64_t>(session.model()->linears().size());
    // Short, so that method and grain stand beside the pattern: a tick for the rule that decides the layer shown.
    const QString wins_here = QStringLiteral("✓");
    std::vector<SchemeChoice> choices{recipe.defaults};
    for (const Rule& rule : recipe.rules) choices.push_back(rule.choice);
    const std::vector<QStringList> labels = scheme_labels(choices);
    const auto say = [](RuleRow& row, const QString& layers, const QStringList& schemes) {
        const QString text = QObject::tr("%1 · %2");
        row.info = text.arg(layers, schemes.front());
        for (const QString& scheme : schemes.mid(1)) row.shorter << text.arg(layers, scheme);
    };
    say(all, all.wins_here && !recipe.rules.empty() ? wins_here : thousands_text(total), labels.front());
    rows.push_back(all);
    for (std::size_t i = 0; i < recipe.rules.size(); ++i) {
        const Rule& rule = recipe.rules[i];
        RuleRow row{RuleRow::Kind::rule,
                    static_cast<int>(i),
                    QString::fromStdString(rule.pattern),
                    {},
                    QString::fromStdString(to_line(rule.choice)),
                    wins(static_cast<int>(i)),
                    false};
        const int count = matched(rules.rules()[i]);
        const auto [won, takers] = fate_of(i);
        row.problem = won == 0;
        if (count == 0)
            row.info = QObject::tr("matches nothing");
        else if (won == 0)
            row.info = QObject::tr("shadowed by %1").arg(takers);
        else
            say(row,
                row.wins_here ? wins_here
                : won < count ? QObject::tr("%1 of %2").arg(won).arg(count)
                              : QString::number(count),
                labels[i + 1]);
        if (!takers.isEmpty())
            row.tip += QObject::tr("\n%1 of its %2 linears are decided by %3").arg(count - won).arg(count).arg(takers);
        rows.push_back(row);
    }
    for (std::size_t i = 0; i < recipe.ignore.size(); ++i) {
        const int count = matched(rules.ignored()[i]);
        RuleRow row{RuleRow::Kind::ignored,
                    static_cast<int>(i),
                    QString::fromStdString(recipe.ignore[i]),
                    QObject::tr("%1 · ignored").arg(count),
                    QObject::tr("Left in full precision"),
                    false,
                    false};
        rows.push_back(row);
    }
    return rows;
}

RecipePresenter::RecipePresenter(Session& session, RecipePanel& panel, QObject* parent)
    : QObject(parent)
    , session_(session)
    , panel_(panel)
    , advice_soon_(new QTimer(this)) {
    advice_soon_->setSingleShot(true);
    advice_soon_->setInterval(250);
    connect(advice_soon_, &QTimer::timeout, this, &RecipePresenter::refreshAdvice);
    const auto soon = [this] {
        if (!advice_soon_->isActive()) advice_soon_->start();
    };
    for (const auto signal : {&Session::modelChanged, &Session::recipeChanged, &Session::statsChanged,
                              &Session::reportsChanged, &Session::decisionsChanged})
        connect(&session, signal, this, soon);
    connect(&session, &Session::whatIfChanged, this, soon);
    connect(panel.advice(), &AdviceView::wanted, this, [this](int row) {
        if (std::cmp_greater_equal(row, advice_.size())) return;
        const Advice taken = advice_[static_cast<std::size_t>(row)];
        session_.setRecipe(taken.recipe, taken.action);
    });
    connect(panel.editor(), &SchemeEditor::edited, this,
            [this](const SchemeEditor::Edit& edit, const QString& name, const QString& group) {
                session_.editSelected(edit, name, group);
            });
    connect(&panel, &RecipePanel::textEdited, this, &RecipePresenter::textEdited);
    connect(&panel, &RecipePanel::jsonEdited, this, &RecipePresenter::jsonEdited);
    connect(&panel, &RecipePanel::mendWanted, &session, &Session::shareTransform);
    connectRules();
    connect(&session, &Session::recipeChanged, this, &RecipePresenter::refresh);
    connect(&session, &Session::selectionChanged, this, &RecipePresenter::refresh);
    connect(&session, &Session::statsChanged, this, &RecipePresenter::refreshWhatIf);
    connect(&session, &Session::statsChanged, this, &RecipePresenter::refreshDiagnostics);
    connect(&session, &Session::reportsChanged, this, &RecipePresenter::refreshWhatIf);
    connect(&session, &Session::whatIfChanged, this, [this](LayerId layer) {
        if (session_.primary() == layer) refreshWhatIf();
    });
    refresh();
}

void RecipePresenter::connectRules() {
    connect(panel_.rules(), &RulesView::renamed, this, &RecipePresenter::ruleRenamed);
    connect(panel_.rules(), &RulesView::removed, this, &RecipePresenter::ruleRemoved);
    connect(panel_.rules(), &RulesView::moved, this, &RecipePresenter::ruleMoved);
    connect(panel_.rules(), &RulesView::selectWanted, this, [this](const RuleRow& row) {
        const LayerPattern pattern(row.pattern.toStdString(), isRegex(row));
        session_.selectWhere(
            [&](const Linear& linear) { return row.kind == RuleRow::Kind::defaults || pattern.matches(linear.name); });
    });
}

void RecipePresenter::refresh() {
    refreshForm();
    refreshRules();
    refreshWhatIf();
}

void RecipePresenter::refreshForm() {
    std::vector<SchemeChoice> now, before;
    std::vector<std::int64_t> columns;
    if (session_.model())
        for (const LayerId layer : session_.selection()) {
            now.push_back(session_.choiceFor(layer, session_.recipeRules()));
            before.push_back(session_.choiceFor(layer, session_.referenceRules()));
            columns.push_back(session_.model()->linear(layer).in_features());
        }
    panel_.editor()->setChoices(now, before, columns);
    const auto total = session_.model() ? session_.model()->linears().size() : 0;
    panel_.setSelectionText(total == 0 ? QString() : QObject::tr("%1 of %2").arg(now.size()).arg(total),
                            QObject::tr("%1 selected; what is chosen here is for them")
                                .arg(linears_text(static_cast<std::int64_t>(now.size()))));
    const bool open = session_.model() != nullptr;
    panel_.setTexts(open ? QString::fromStdString(session_.history().text()) : QString(),
                    open ? QString::fromStdString(to_json(session_.recipe())) : QString());
    const Resolution& resolution = session_.resolution();
    panel_.setPredicted(resolution.resolved && session_.model() ? predicted_text(*resolution.resolved)
                                                                : QStringLiteral("–"));
    refreshDiagnostics();
}

void RecipePresenter::refreshDiagnostics() {
    const Resolution& resolution = session_.resolution();
    const std::vector<LayerId> others =
        resolution.diagnostics.has_errors() ? session_.otherTransforms() : std::vector<LayerId>();
    QStringList names;
    for (const LayerId layer : others)
        names << QString::fromStdString(session_.model()->linear(layer).short_name).section(u'.', -1);
    Diagnostics said = session_.model() ? resolution.diagnostics : Diagnostics{};
    add_idle_transform(said, session_);
    add_unsaid_calibration(said, session_);
    panel_.setDiagnostics(said, names.isEmpty() ? QString() : tr("apply to %1 too").arg(names.join(tr(" and "))));
}

void RecipePresenter::refreshRules() { panel_.setRules(rule_rows(session_)); }

void RecipePresenter::refreshAdvice() {
    constexpr std::size_t shown = 4; // the rest would push the recipe's text out of sight
    advice_ = advice_for(session_);
    if (advice_.size() > shown) advice_.resize(shown);
    std::vector<AdviceRow> rows;
    for (const Advice& one : advice_) rows.push_back({one.title, one.evidence, one.action});
    const bool measured = session_.stats() || session_.sensitivity() || session_.newestQuantized() != nullptr;
    panel_.advice()->setRows(rows, measured);
}

void RecipePresenter::refreshWhatIf() {
    const auto layer = session_.model() ? session_.primary() : std::nullopt;
    panel_.setLinear(layer ? QString::fromStdString(session_.model()->linear(*layer).short_name) : QString());
    panel_.setWhatIf(what_if_table(session_));
}

// What cannot be read yet is said under the text and changes nothing: somebody is still typing.
void RecipePresenter::textEdited(const QString& text) {
    try {
        session_.setRecipeText(text);
        panel_.setTextProblem({});
    } catch (const Error& error) {
        panel_.setTextProblem(QString::fromStdString(error.info().message));
    }
}

void RecipePresenter::jsonEdited(const QString& json) {
    try {
        Recipe recipe = parse_recipe(json.toStdString());
        panel_.setTextProblem({});
        session_.setRecipe(std::move(recipe), tr("typed recipe"), QStringLiteral("json"));
    } catch (const Error& error) {
        panel_.setTextProblem(QString::fromStdString(error.info().message));
    }
}

void RecipePresenter::ruleRenamed(const RuleRow& row, const QString& pattern) {
    if (pattern.isEmpty()) return refreshRules();
    if (const std::string bad = LayerPattern(pattern.toStdString(), isRegex(row)).problem(); !bad.empty())
        return showUnreadable(row, pattern, QString::fromStdString(bad));
    Recipe recipe = session_.recipe();
    const std::size_t there = row.kind == RuleRow::Kind::rule ? recipe.rules.size() : recipe.ignore.size();
    if (static_cast<std::size_t>(row.index) >= there) return refreshRules(); // gone while its name was edited
    if (row.kind == RuleRow::Kind::rule)
        recipe.rules.at(static_cast<std::size_t>(row.index)).pattern = pattern.toStdString();
    if (row.kind == RuleRow::Kind::ignored)
        recipe.ignore.at(static_cast<std::size_t>(row.index)) = pattern.toStdString();
    session_.setRecipe(std::move(recipe), tr("rule %1 to %2").arg(row.pattern, pattern));
}

bool RecipePresenter::isRegex(const RuleRow& row) const {
    const auto& rules = session_.recipe().rules;
    const auto at = static_cast<std::size_t>(row.index);
    return row.kind == RuleRow::Kind::rule && at < rules.size() && rules[at].regex;
}

// The recipe keeps the rule it has; what was typed stays in the row, to be mended.
void RecipePresenter::showUnreadable(const RuleRow& row, const QString& pattern, const QString& why) {
    std::vector<RuleRow> rows = rule_rows(session_);
    for (RuleRow& shown : rows) {
        if (shown.kind != row.kind || shown.index != row.index) continue;
        shown.pattern = pattern;
        shown.info = tr("cannot be read");
        shown.tip = why;
        shown.problem = true;
    }
    panel_.setRules(rows);
    Q_EMIT session_.logged(why);
}

void RecipePresenter::ruleRemoved(const RuleRow& row) {
    Recipe recipe = session_.recipe();
    if (row.kind == RuleRow::Kind::rule) recipe.rules.erase(recipe.rules.begin() + row.index);
    if (row.kind == RuleRow::Kind::ignored) recipe.ignore.erase(recipe.ignore.begin() + row.index);
    session_.setRecipe(std::move(recipe), tr("rule %1 removed").arg(row.pattern));
}

void RecipePresenter::ruleMoved(const RuleRow& row, int by) {
    Recipe recipe = session_.recipe();
    const int to = row.index + by;
    if (to < 0 || to >= static_cast<int>(recipe.rules.size())) return;
    std::swap(recipe.rules[static_cast<std::size_t>(row.index)], recipe.rules[static_cast<std::size_t>(to)]);
    session_.setRecipe(std::move(recipe), tr("rule %1 moved").arg(row.pattern));
}

} // namespace graticule
