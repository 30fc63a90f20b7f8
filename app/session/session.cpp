#include "app/session/session.h"

#include <algorithm>

#include "app/session/recipe_edit.h"
#include "core/engine/resources.h"

namespace graticule {

Recipe starting_recipe(const Model& model) {
    Recipe recipe;
    recipe.defaults = parse_scheme_line("w=int4/asym/channel a=int8/sym/token");
    recipe.calibration.length = std::min<std::int64_t>(512, model.config().max_positions);
    recipe.calibration.samples = 8;
    return recipe;
}

Session::Session(QObject* parent, RunJournal journal)
    : QObject(parent)
    , jobs_(this)
    , what_ifs_(this)
    , journal_(std::move(journal)) {
    connect(&what_ifs_, &WhatIfService::ready, this, &Session::whatIfChanged);
    connect(&jobs_, &JobRunner::logged, this, &Session::logged);
    findDevices();
}

Session::~Session() = default;

void Session::findDevices() {
    // An untitled job, because a driver may take its time to answer, and nobody's business.
    jobs_.submit<std::vector<DeviceRow>>(
        {}, [](JobContext&) { return std::make_shared<const std::vector<DeviceRow>>(list_devices()); },
        [this](std::shared_ptr<const std::vector<DeviceRow>> rows) {
            devices_ = *rows;
            Q_EMIT devicesChanged();
        });
}

void Session::setDevice(const std::string& device) {
    device_ = device.empty() ? "cpu" : device == "cuda" ? "cuda:0" : device; // as list_devices names them
    Q_EMIT devicesChanged();
}

void Session::setExecution(const Execution& execution) {
    execution_ = execution;
    Q_EMIT devicesChanged();
}

JobRequest Session::request(const QString& tag, const QString& title, std::vector<JobId> after, double tokens) const {
    return {tag, title, std::move(after), tokens, device_, execution_};
}

std::function<void(const JobView&)> Session::reporter() {
    return [this](const JobView& job) {
        if (job.state == JobState::failed) {
            Q_EMIT logged(tr("%1 failed: %2").arg(job.title, QString::fromStdString(job.error.text())));
            Q_EMIT failed(job.title, QString::fromStdString(job.error.text()));
        } else if (job.state == JobState::cancelled || job.state == JobState::skipped) {
            Q_EMIT logged(job.state == JobState::cancelled
                              ? tr("%1 cancelled").arg(job.title)
                              : tr("%1 not run: what it needs did not finish").arg(job.title));
        } else {
            Q_EMIT logged(tr("%1 done in %2 s").arg(job.title).arg(job.seconds, 0, 'f', 1));
        }
        poll();
    };
}

JobId Session::open(const QString& path) {
    const auto report = reporter();
    const auto id = std::make_shared<JobId>();
    *id = jobs_.submit<OpenedModel>(
        request(QString::fromLatin1(open_tag), tr("Open %1").arg(path.section(u'/', -1)), {}, 0),
        [name = path.toStdString()](JobContext& ctx) {
            return std::make_shared<const OpenedModel>(open_model(resolve_model_path(name), ctx));
        },
        [this, path, id](std::shared_ptr<const OpenedModel> opened) {
            opened_by_ = *id;
            takeModel(*opened, path);
        },
        [this, path, report](const JobView& job) {
            if (job.state == JobState::failed)
                Q_EMIT openFailed(path, QString::fromStdString(job.error.text()));
            else
                report(job);
        });
    return *id;
}

void Session::takeModel(OpenedModel opened, const QString& path) {
    // They belong to the model before; a model that was asked for meanwhile does not.
    jobs_.cancelAll(QString::fromLatin1(open_tag));
    opened_ = std::move(opened);
    model_path_ = path;
    stats_.reset();
    complete_stats_.reset();
    stats_complete_ = false;
    length_study_.reset();
    length_advice_.reset();
    outliers_.clear();
    runs_.clear();
    other_runs_.clear();
    journal_taken_ = false;
    pending_ = {};
    reports_.clear();
    quantized_.reset();
    calibrating_.reset();
    baseline_ = 0;
    history_.reset(starting_recipe(*opened_.model), tr("start"));
    recipe_rules_ = LayerRules(recipe());
    setReference(recipe());
    resolution_ = resolve(recipe(), *opened_.model);
    what_ifs_.setSource(opened_.model, nullptr);
    selection_.clear();
    if (!opened_.model->linears().empty()) selection_ = {opened_.model->linears().front().id};
    wantWhatIfs();
    for (const std::string& warning : opened_.model->parts().warnings) Q_EMIT logged(QString::fromStdString(warning));
    if (!opened_.tokenizer)
        Q_EMIT logged(tr("No tokenizer: %1").arg(QString::fromStdString(opened_.tokenizer_problem)));
    Q_EMIT modelChanged();
    Q_EMIT recipeChanged();
    Q_EMIT selectionChanged();
    Q_EMIT runsChanged();
    Q_EMIT reportsChanged();
    restoreRuns();
}

void Session::takeStats(std::shared_ptr<const ActivationStats> stats, bool complete) {
    stats_ = std::move(stats);
    stats_complete_ = complete;
    outliers_.clear();
    for (const SiteStats& site : stats_->sites)
        outliers_.push_back(site.buckets.empty() || site.all().channels.tokens == 0
                                ? OutlierReport{}
                                : find_outliers(site.all().channels));
    if (complete) {
        complete_stats_ = stats_;
        what_ifs_.setSource(opened_.model, stats_);
        wantWhatIfs();
    }
    Q_EMIT statsChanged();
}

std::optional<LayerId> Session::primary() const {
    return selection_.empty() ? std::nullopt : std::optional(selection_.front());
}

void Session::select(std::vector<LayerId> layers) {
    if (layers == selection_) return;
    selection_ = std::move(layers);
    wantWhatIfs();
    Q_EMIT selectionChanged();
}

void Session::selectWhere(const std::function<bool(const Linear&)>& wanted) {
    if (!model()) return;
    std::vector<LayerId> layers;
    for (const Linear& linear : model()->linears())
        if (wanted(linear)) layers.push_back(linear.id);
    select(std::move(layers));
}

SchemeChoice Session::choiceFor(LayerId layer, const LayerRules& rules) const {
    return rules.scheme_of(model()->linear(layer));
}

void Session::setRecipe(Recipe recipe, const QString& name, const QString& group) {
    if (history_.push(std::move(recipe), name, group)) recipeWasChanged();
}

void Session::editSelected(const std::function<void(SchemeChoice&)>& edit, const QString& name, const QString& group) {
    if (!model() || selection_.empty()) return;
    const QString where = selection_.size() == 1
                              ? QString::fromStdString(model()->linear(selection_.front()).short_name)
                              : tr("%1 linears").arg(selection_.size());
    setRecipe(edit_layers(recipe(), *model(), selection_, edit), tr("%1 on %2").arg(name, where),
              group.isEmpty() ? group : group + where);
}

void Session::addRule(const QString& pattern, const std::vector<LayerId>& layers) {
    if (!model() || layers.empty()) return;
    const std::vector<std::string> patterns =
        pattern.isEmpty() ? patterns_for(*model(), layers) : std::vector<std::string>{pattern.toStdString()};
    Recipe changed = recipe();
    // It starts from what its first layer has now, so that nothing changes before it is edited.
    for (const std::string& text : patterns)
        changed.rules.push_back({text, false, LayerRules(changed).choice_of(model()->linear(layers.front())).choice});
    setRecipe(std::move(changed), tr("rule %1").arg(QString::fromStdString(patterns.front())));
    select(layers);
}

void Session::undo() {
    history_.undo();
    recipeWasChanged();
}

void Session::redo() {
    history_.redo();
    recipeWasChanged();
}

void Session::goToStep(std::size_t step) {
    history_.go(step);
    recipeWasChanged();
}

void Session::setReferenceToCurrent() {
    setReference(recipe());
    wantWhatIfs();
    Q_EMIT recipeChanged();
}

void Session::setReference(const Recipe& recipe) {
    reference_ = recipe;
    reference_rules_ = LayerRules(reference_);
}

void Session::recipeWasChanged() {
    recipe_rules_ = LayerRules(recipe());
    if (model()) resolution_ = resolve(recipe(), *model());
    wantWhatIfs();
    Q_EMIT recipeChanged();
}

void Session::wantWhatIfs() {
    if (model() && primary()) what_ifs_.wantWeights(*primary());
    if (!model() || !stats_complete_) return;
    std::vector<WhatIfService::Request> requests;
    if (const auto layer = primary()) {
        requests.push_back({*layer, choiceFor(*layer, recipe_rules_), true});
        requests.push_back({*layer, choiceFor(*layer, reference_rules_), true});
    }
    for (const LayerId layer : selection_) requests.push_back({layer, choiceFor(layer, recipe_rules_), false});
    for (const Linear& linear : model()->linears())
        requests.push_back({linear.id, choiceFor(linear.id, recipe_rules_), false});
    what_ifs_.want(std::move(requests));
}

const Run* Session::run(int id) const {
    const auto found = std::find_if(runs_.begin(), runs_.end(), [id](const Run& run) { return run.id == id; });
    return found == runs_.end() ? nullptr : &*found;
}

Run* Session::findRun(int id) { return const_cast<Run*>(run(id)); }

void Session::setBaseline(int run_id) {
    if (!run(run_id)) return;
    baseline_ = run_id;
    pending_.baseline = -1; // chosen here, after the session was saved
    Q_EMIT runsChanged();
}

void Session::removeRun(int run_id) {
    if (const Run* gone = run(run_id))
        for (const JobId job : gone->jobs) jobs_.cancel(job);
    std::erase_if(runs_, [run_id](const Run& run) { return run.id == run_id; });
    if (baseline_ == run_id) baseline_ = 0;
    keepRuns();
    Q_EMIT runsChanged();
}

std::optional<Comparison> Session::comparison(int a, int b) const {
    const Run *first = run(a), *second = run(b);
    if (!first || !second || !first->evaluation || !second->evaluation) return std::nullopt;
    if (!first->finished() || !second->finished()) return std::nullopt;
    return compare(*first->evaluation, *second->evaluation);
}

void Session::poll() {
    if (runs_.empty()) return;
    bool changed = false;
    const std::vector<JobView> views = jobs_.jobs();
    for (Run& run : runs_) {
        if (run.jobs.empty() || run.state == JobState::done) continue;
        JobState state = run.state;
        for (const JobView& view : views) {
            if (std::find(run.jobs.begin(), run.jobs.end(), view.id) == run.jobs.end()) continue;
            state = view.state;
            if (view.state == JobState::failed) run.error = QString::fromStdString(view.error.text());
            if (view.state != JobState::done)
                break; // the first of the chain that is not done says where the run stands
        }
        // Done means that the result has arrived as well, which the evaluation's own callback says.
        if (state == JobState::done) state = JobState::running;
        changed = changed || state != run.state;
        run.state = state;
    }
    if (changed) Q_EMIT runsChanged();
}

} // namespace graticule
