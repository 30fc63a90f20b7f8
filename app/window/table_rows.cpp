#include "app/window/table_rows.h"

#include <algorithm>
#include <cmath>

#include "app/session/recipe_edit.h"
#include "core/method/method.h"

namespace graticule {

namespace {
QString qs(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

RunRow::State row_state(JobState state) {
    switch (state) {
    case JobState::waiting:
        return RunRow::State::waiting;
    case JobState::running:
        return RunRow::State::running;
    case JobState::done:
        return RunRow::State::done;
    case JobState::failed:
        return RunRow::State::failed;
    case JobState::cancelled:
    case JobState::skipped:
        return RunRow::State::cancelled;
    }
    return RunRow::State::waiting;
}

JobRow::State row_state_of_job(JobState state) {
    switch (state) {
    case JobState::waiting:
        return JobRow::State::waiting;
    case JobState::running:
        return JobRow::State::running;
    case JobState::done:
        return JobRow::State::done;
    case JobState::failed:
        return JobRow::State::failed;
    case JobState::cancelled:
        return JobRow::State::cancelled;
    case JobState::skipped:
        return JobRow::State::skipped;
    }
    return JobRow::State::waiting;
}

void add_difference(RunRow& row, const Session& session, const Run& run) {
    const Run* baseline = session.run(session.baseline());
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
    if (losses.empty() || losses.size() > base.size() || baseline->choice != run.choice) return;
    const double there = running_perplexity(base, losses.size());
    row.difference = running_perplexity(losses, losses.size()) - there;
    row.percent = *row.difference / there * 100;
}
} // namespace

QString scheme_label(const SchemeChoice& choice) {
    QString label = QString::fromStdString(short_label(choice.scheme));
    if (label.isEmpty()) label = QStringLiteral("16 bit");
    for (const MethodStep& step : choice.steps)
        if (step.method != "rtn") label += QStringLiteral(" · ") + qs(step.method);
    return label;
}

std::vector<double> running_curve(const std::vector<double>& losses) {
    std::vector<double> curve;
    double sum = 0;
    for (const double loss : losses) {
        sum += loss;
        curve.push_back(std::exp(sum / static_cast<double>(curve.size() + 1)));
    }
    return curve;
}

const LayerReport* report_for(const Session& session, LayerId layer, const SchemeChoice& choice) {
    if (const auto known = session.whatIfs().find(layer, choice, false)) return &known->report;
    const QuantizedModel* quantized = session.newestQuantized();
    if (!quantized) return nullptr;
    const auto& linear = quantized->linears.at(index_of(layer));
    return linear && without_defaults(linear->choice) == without_defaults(choice) ? &linear->report : nullptr;
}

std::vector<LayerRow> layer_rows(const Session& session) {
    std::vector<LayerRow> rows;
    if (!session.model()) return rows;
    for (const Linear& linear : session.model()->linears()) {
        LayerRow row;
        row.id = linear.id;
        row.block = static_cast<int>(linear.block);
        row.kind = qs(to_text(linear.role));
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
        row.scheme = scheme_label(now.choice);
        row.scheme_line = now.ignored ? QString() : QString::fromStdString(to_line(now.choice));
        const LayerChoice before = session.referenceRules().choice_of(linear);
        row.edited = now.ignored != before.ignored || (!now.ignored && now.choice != before.choice);
        if (const LayerReport* report = now.ignored ? nullptr : report_for(session, linear.id, now.choice)) {
            if (now.choice.scheme.weight) row.underflow_percent = report->weight_underflow_percent;
            row.sqnr_db = report->output_sqnr_db;
            if (!row.sqnr_db && now.choice.scheme.weight) row.sqnr_db = report->weight_sqnr_db;
            row.bytes_after = report->bytes_after;
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

std::vector<RunRow> run_rows(const Session& session) {
    std::vector<RunRow> rows;
    for (const Run& run : session.runs()) {
        RunRow row;
        row.id = run.id;
        row.colour = run.colour;
        row.name = run.name;
        row.recipe = run.full_precision ? run.name : QString::fromStdString(to_json(run.recipe));
        row.weight_bits = run.weight_bits;
        row.input_bits = run.input_bits;
        row.bytes = run.bytes;
        row.state = row_state(run.state);
        row.share_done = run.share_done;
        row.error = run.error;
        row.baseline = run.id == session.baseline();
        if (run.evaluation && !run.evaluation->window_losses.empty()) {
            row.curve = running_curve(run.evaluation->window_losses);
            row.perplexity = row.curve.back();
            if (run.finished()) row.standard_error = run.evaluation->standard_error;
            row.protocol =
                QString::fromStdString(run.evaluation->provenance.data_name + ", " + run.evaluation->protocol.text());
            add_difference(row, session, run);
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

std::vector<JobRow> job_rows(const std::vector<JobView>& jobs) {
    std::vector<JobRow> rows;
    for (const JobView& job : jobs) {
        if (job.title.isEmpty()) continue;
        JobRow row;
        row.id = static_cast<int>(job.id);
        row.title = job.title;
        row.state = row_state_of_job(job.state);
        row.stage = QString::fromStdString(job.progress.stage);
        row.done = job.progress.done;
        row.total = job.progress.total;
        row.seconds = job.seconds;
        row.stopping = job.stopping;
        row.error = QString::fromStdString(job.error.message.empty() ? std::string() : job.error.text());
        const double share = row.total > 0 ? static_cast<double>(row.done) / static_cast<double>(row.total) : 0;
        if (job.state == JobState::running && share > 0) {
            row.seconds_left = job.progress.seconds_in_stage * (1 - share) / share;
            if (job.progress.seconds_in_stage > 0.2)
                row.tokens_per_second = job.tokens * share / job.progress.seconds_in_stage;
        } else if (job.state == JobState::done && job.seconds > 0) {
            row.tokens_per_second = job.tokens / job.seconds;
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace graticule
