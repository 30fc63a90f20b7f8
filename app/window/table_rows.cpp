#include "app/window/table_rows.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "app/session/layer_figures.h"
#include "app/session/run_names.h"
#include "app/window/process_memory.h"
#include "core/method/method.h"
#include "core/recipe/label_words.h"
#include "core/recipe/recipe_text.h"
#include "core/runtime/card_memory.h"
#include "widgets/models/qt_text.h"

namespace graticule {

namespace {

void add_difference(RunRow& row, const Session& session, const Run& run) {
    const Run* baseline = session.run(session.runList().baselineOf(run.protocol()));
    if (!baseline || baseline->id == run.id || !baseline->finished() || !run.evaluation) return;
    if (const auto compared = session.comparison(baseline->id, run.id)) {
        if (!compared->difference) {
            row.not_comparable = QString::fromStdString(compared->notes.text());
            return;
        }
        const PairedDifference& difference = *compared->difference;
        row.difference = difference.perplexity_difference;
        if (std::isfinite(difference.interval_high)) { // one window has no interval
            row.difference_low = difference.interval_low;
            row.difference_high = difference.interval_high;
        }
        row.percent = difference.percent;
        row.significant = difference.significant;
        return;
    }
    // While it runs: against the baseline's first windows, without an interval.
    const auto& losses = run.evaluation->window_losses;
    const auto& base = baseline->evaluation->window_losses;
    if (losses.empty() || losses.size() > base.size() || baseline->protocol() != run.protocol()) return;
    const double there = perplexity_of(std::span(base).first(losses.size()));
    row.difference = perplexity_of(losses) - there;
    row.percent = *row.difference / there * 100;
}
} // namespace

namespace {
struct LabelForm {
    bool brief = false, inputs = true; ///< short words, for little room; all that is rounded beside the weights
    bool zero_points = false;
    std::set<std::pair<std::string, std::string>> settings = {}; ///< (method, name) of those that are said
};

QString label_of(const SchemeChoice& choice, const LabelForm& form) {
    const LabelWords words = label_words(choice.scheme);
    QString label = QString::fromStdString(words.format);
    if (form.zero_points && choice.scheme.weight)
        label += choice.scheme.weight->symmetric ? QStringLiteral(" sym") : QStringLiteral(" asym");
    if (!words.grain.empty())
        label += u' ' + QString::fromStdString(form.brief && words.grain == "channel" ? "ch" : words.grain);
    for (const std::string& operand : form.inputs ? words.operands : words.static_operands)
        label += QStringLiteral(" / ") + QString::fromStdString(operand);
    QStringList methods;
    for (const MethodStep& step : choice.steps) {
        ParamMap said;
        for (const auto& [name, value] : step.params)
            if (form.settings.contains({step.method, name})) said[name] = value;
        if (step.method == "rtn" && said.empty()) continue;
        const MethodRow* row = form.brief ? find_method(step.method) : nullptr;
        const std::string name(row && !row->brief.empty() ? row->brief : std::string_view(step.method));
        methods << QString::fromStdString(to_line({.scheme = {}, .steps = {{name, std::move(said)}}}));
    }
    const QString between = QStringLiteral(" · ");
    return methods.isEmpty() ? label : label + between + methods.join(form.brief ? QStringLiteral("+") : between);
}

/// What must be said of choices whose labels are the same and that are not.
LabelForm telling_form(const std::vector<SchemeChoice>& choices) {
    LabelForm form;
    std::map<QString, const SchemeChoice*> first;
    for (const SchemeChoice& choice : choices) {
        const SchemeChoice& other = *first.try_emplace(label_of(choice, {}), &choice).first->second;
        const auto &weight = choice.scheme.weight, &others = other.scheme.weight;
        if (weight && others && weight->symmetric != others->symmetric) form.zero_points = true;
        for (const auto& [here, there] : {std::pair(&choice, &other), std::pair(&other, &choice)})
            for (const MethodStep& step : here->steps) {
                const auto same = std::ranges::find(there->steps, step.method, &MethodStep::method);
                for (const auto& [name, value] : step.params)
                    if (same == there->steps.end() || !same->params.contains(name) || same->params.at(name) != value)
                        form.settings.insert({step.method, name});
            }
    }
    return form;
}
} // namespace

QString scheme_label(const SchemeChoice& choice) { return label_of(choice, {}); }

std::vector<QStringList> scheme_labels(const std::vector<SchemeChoice>& choices) {
    std::set<std::vector<std::string>> operands;
    for (const SchemeChoice& choice : choices)
        if (choice.scheme != QuantScheme{}) operands.insert(label_words(choice.scheme).operands);
    std::vector<LabelForm> forms(operands.size() < 2 ? 3 : 2, telling_form(choices));
    for (std::size_t i = 1; i < forms.size(); ++i) {
        forms[i].brief = true;
        forms[i].inputs = i == 1;
    }
    std::vector<QStringList> labels;
    for (const SchemeChoice& choice : choices) {
        QStringList& texts = labels.emplace_back();
        for (const LabelForm& form : forms) texts << label_of(choice, form);
    }
    return labels;
}

std::vector<LayerRow> layer_rows(const Session& session) {
    std::vector<LayerRow> rows;
    if (!session.model()) return rows;
    std::vector<SchemeChoice> choices; // different ones
    std::vector<std::size_t> chosen;   // of each row
    for (const Linear& linear : session.model()->linears()) {
        LayerRow row;
        row.id = linear.id;
        row.block = static_cast<int>(linear.block);
        row.kind = qt_text(to_text(linear.role));
        row.name = QString::fromStdString(linear.short_name);
        row.leaf = row.name.section(u'.', -1);
        row.rows = linear.out_features();
        row.columns = linear.in_features();
        row.bytes_before = linear.stored_bytes;
        if (index_of(linear.site) < session.outliers().size()) {
            const OutlierReport& outliers = session.outliers()[index_of(linear.site)];
            if (outliers.max_absmax > 0) {
                row.absmax = outliers.max_absmax;
                row.outlier_ratio = outliers.ratio;
            }
        }
        const LayerChoice now = session.recipeRules().choice_of(linear);
        row.ignored = now.ignored;
        if (!now.ignored) {
            const auto known = std::ranges::find(choices, now.choice);
            chosen.push_back(static_cast<std::size_t>(known - choices.begin()));
            if (known == choices.end()) choices.push_back(now.choice);
        }
        row.scheme_line = now.ignored ? QString() : QString::fromStdString(to_line(now.choice));
        const LayerChoice before = session.referenceRules().choice_of(linear);
        row.edited = now.ignored != before.ignored || (!now.ignored && now.choice != before.choice);
        if (const LayerFigures known = now.ignored ? LayerFigures() : figures_of(session, linear.id, now.choice)) {
            const LayerReport& report = *known.report;
            if (now.choice.scheme.weight) row.underflow_percent = report.weight_underflow_percent;
            if (report.output_sqnr_db) row.sqnr_db = sqnr_for_order(report); // the weights' own is another figure
            row.bytes_after = report.bytes_after;
            if (now.choice.scheme.weight) row.weight_sqnr_db = report.weight_sqnr_db;
            row.input_underflow_percent = report.input_underflow_percent;
            if (const auto& error = report.output_error; error && error->total > 0) {
                const ErrorSources::Parts& of = error->input;
                row.input_share_percent = 100 * (of.underflow + of.rounding + of.clipping) / error->total;
            }
            row.bits = 8 * static_cast<double>(report.bytes_after) / static_cast<double>(row.rows * row.columns);
            row.estimated = known.estimated();
            row.doubtful = known.doubtful();
            row.basis = basis_text(session, known);
        }
        if (const LayerSensitivity* known = now.ignored ? nullptr : session.sensitivityOf(linear.id, now.choice)) {
            row.damage = known->predicted;
            row.damage_measured = known->measured;
        }
        rows.push_back(std::move(row));
    }
    const std::vector<QStringList> labels = scheme_labels(choices);
    for (auto label = chosen.begin(); LayerRow & row : rows)
        if (!row.ignored) row.schemes = labels[*label++];
    return rows;
}

std::vector<RunRow> run_rows(const Session& session) {
    std::vector<RunRow> rows;
    const std::vector<RunName> names = session.runList().names();
    for (std::size_t i = 0; i < names.size(); ++i) {
        const Run& run = session.runs()[i];
        RunRow row;
        row.id = run.id;
        row.colour = run.colour;
        row.name = names[i].name;
        row.whole_name = names[i].whole();
        row.group = protocol_text(run.protocol());
        row.recipe = row.whole_name;
        if (!run.full_precision) row.recipe += QStringLiteral("\n\n") + QString::fromStdString(recipe_text(run.recipe));
        row.weight_bits = run.weight_bits.actual;
        row.ideal_bits = run.weight_bits.ideal;
        row.input_bits = run.input_bits;
        row.bytes = run.bytes;
        row.state = run.state;
        row.share_done = run.share_done;
        row.error = run.error;
        if (run.evaluation) row.meaningless = QString::fromStdString(run.evaluation->meaningless);
        row.in_another_window = run.in_another_window;
        if (run.resumable()) {
            row.stopped_at = static_cast<int>(run.evaluation->window_losses.size());
            row.windows = static_cast<int>(run.evaluation->protocol.windows_used);
        }
        if (run.kept) {
            row.quantized = static_cast<int>(run.kept->linears);
            row.to_quantize = static_cast<int>(run.kept->of);
        }
        row.baseline = run.id == session.runList().baselineOf(run.protocol());
        row.current = run.protocol() == session.runList().protocol();
        if (run.evaluation && !run.evaluation->window_losses.empty()) {
            row.curve = running_perplexity(run.evaluation->window_losses);
            row.perplexity = row.curve.back();
            if (run.finished()) row.standard_error = run.evaluation->standard_error;
            row.protocol =
                QString::fromStdString(run.evaluation->provenance.data_name + ", " + run.evaluation->protocol.text());
            if (const Provenance& from = run.evaluation->provenance; !from.host.empty())
                row.protocol += QStringLiteral(", ") + QString::fromStdString(from.place());
            add_difference(row, session, run);
        }
        rows.push_back(std::move(row));
    }
    // Runs of one protocol stand together, the groups in the order in which they began.
    std::vector<QString> groups;
    for (const RunRow& row : rows)
        if (std::find(groups.begin(), groups.end(), row.group) == groups.end()) groups.push_back(row.group);
    std::stable_sort(rows.begin(), rows.end(), [&](const RunRow& a, const RunRow& b) {
        return std::find(groups.begin(), groups.end(), a.group) < std::find(groups.begin(), groups.end(), b.group);
    });
    return rows;
}

namespace {
/// The run whose windows the job is evaluating now; null: it does something else.
const Run* evaluated_by(const Session& session, const JobView& job) {
    if (job.state != JobState::running || job.progress.counted != Progress::Counted::windows) return nullptr;
    const auto found = std::ranges::find_if(session.runs(), [&](const Run& run) {
        return run.alive() && run.evaluation && !run.jobs.empty() && run.jobs.back() == job.id;
    });
    return found == session.runs().end() ? nullptr : &*found;
}

/// Without what was there before it began.
double share_made(const Progress::Snapshot& at) {
    return at.total > 0 ? static_cast<double>(at.total - at.before) / static_cast<double>(at.total) : 1;
}
} // namespace

std::vector<JobRow> job_rows(const Session& session, JobPace& pace) {
    std::vector<JobRow> rows;
    for (const JobView& job : session.jobs().jobs()) {
        if (job.title.isEmpty()) continue;
        JobRow row;
        row.id = static_cast<int>(job.id);
        row.title = job.title;
        row.state = job.state;
        row.stage = QString::fromStdString(job.progress.stage);
        row.done = job.progress.done;
        row.total = job.progress.total;
        row.share = job.progress.share;
        if (const Run* run = evaluated_by(session, job)) { // as its curve has it
            row.done = std::ssize(run->losses());
            row.total = run->evaluation->protocol.windows_used;
        }
        row.seconds = job.seconds;
        row.stopping = job.stopping;
        if (const auto memory = job.state == JobState::running ? process_memory() : std::nullopt) {
            row.memory = memory->now;
            row.memory_peak = memory->peak;
        }
        if (const auto card = job.state == JobState::running ? card_memory(job.device) : std::nullopt) {
            row.card = card->now;
            row.card_peak = card->peak;
        }
        row.held = job.held;
        row.note = job.note;
        row.place = job.place;
        row.error = QString::fromStdString(job.error.message.empty() ? std::string() : job.error.text());
        if (job.state == JobState::running) {
            constexpr double ticks = 1000; // of a whole plan, whose stages follow one another
            const JobPace::Estimate at =
                row.share ? pace.look(row.id, {}, std::llround(ticks * *row.share), std::llround(ticks), job.seconds)
                          : pace.look(row.id, row.stage, row.done, row.total, job.progress.seconds_in_stage);
            if (!job.held) row.seconds_left = at.seconds_left;
            if (row.total > 0)
                row.tokens_per_second = job.tokens * at.steps_per_second / static_cast<double>(row.total);
        } else {
            pace.forget(row.id);
            if (job.state == JobState::done && job.seconds > 0)
                row.tokens_per_second = job.tokens * share_made(job.progress) / job.seconds;
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace graticule
