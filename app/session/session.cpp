#include "app/session/session.h"

#include <QtCore/QDir>
#include <QtCore/QFileInfo>
#include <algorithm>

#include "app/session/recipe_edit.h"
#include "core/base/new_mappings.h"
#include "core/engine/resources.h"
#include "core/method/method.h"
#include "core/recipe/few_rules.h"
#include "core/recipe/recipe_text.h"
#include "core/runtime/settle_execution.h"

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
    , what_ifs_(this)
    , jobs_(this)
    , decision_journal_(journal)
    , runs_(jobs_, std::move(journal), this) {
    connect(&runs_, &RunList::changed, this, &Session::runsChanged);
    connect(&runs_, &RunList::restored, this, &Session::restored);
    connect(&runs_, &RunList::cameBack, this, &Session::reportsChanged); // with the figures of their layers
    connect(&runs_, &RunList::logged, this, &Session::logged);
    connect(&what_ifs_, &WhatIfService::ready, this, &Session::whatIfChanged);
    connect(&what_ifs_, &WhatIfService::damaged, this, &Session::modelDamaged);
    connect(&jobs_, &JobRunner::logged, this, &Session::logged);
    findDevices();
}

// The ends of jobs change what is still there now; who listens may be half gone.
Session::~Session() {
    jobs_.blockSignals(true);
    leaveJobs();
    if (looking_) looking_->cancel.request();
}

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
    device_elsewhere_.clear();
    what_ifs_.setDevice(device_);
    Q_EMIT devicesChanged();
}

void Session::setExecution(const Execution& execution) {
    execution_ = execution;
    Q_EMIT devicesChanged();
}

JobRequest Session::request(const QString& tag, const QString& title, std::vector<JobId> after, double tokens) const {
    // Settled for this device: a job that goes on elsewhere keeps to its protocol.
    return {tag, title, std::move(after), tokens, device_, model() ? settled() : execution_};
}

Execution Session::settled() const { return settle_execution(execution_, device_, *model()); }

Session::Subject Session::subjectOfNow() const { return {recipe(), resolution_.resolved, settled()}; }

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
    const auto before = std::make_shared<MappingMark>(); // the files of the model that is open, perhaps damaged
    const QString name = QDir::cleanPath(path).section(u'/', -1);
    JobRequest asked = request(QString::fromLatin1(open_tag), tr("Open %1").arg(name), {}, 0);
    asked.new_files = true;
    asked.opens = name;
    *id = jobs_.submit<OpenedModel>(
        std::move(asked),
        [from = path.toStdString(), before](JobContext& ctx) {
            *before = mapping_mark();
            return std::make_shared<const OpenedModel>(open_model(resolve_model_path(from), ctx));
        },
        [this, path, id, before](std::shared_ptr<const OpenedModel> opened) {
            opened_by_ = *id;
            give_up_mappings(*before);
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
    if (model()) Q_EMIT modelLeaving();
    // They belong to the model before; a model that was asked for meanwhile does not.
    leaveJobs(QString::fromLatin1(open_tag));
    forgetMachine(); // where this one lies there, nobody said
    opened_ = std::move(opened);
    model_path_ = path;
    stats_.reset();
    complete_stats_.reset();
    stats_complete_ = false;
    lengths_.reset();
    speed_study_.reset();
    sensitivity_ = {};
    searches_.clear();
    pending_decisions_ = {};
    divergence_ = {};
    task_ = {};
    prompt_study_.reset();
    outliers_.clear();
    calibration_wanted_ = false;
    reports_ = std::make_shared<const std::vector<LayerReport>>();
    quantized_.reset();
    calibrating_.reset();
    kept_answer_.reset();
    if (looking_) looking_->cancel.request();
    runs_.setModel(opened_.model);
    const QString file = QString::fromStdString(opened_.model->parts().path.string());
    if (QFileInfo::exists(decision_journal_.file(file)) || !runs_.keeper().idle())
        takeDecisions([journal = decision_journal_, file, keeper = runs_.sharedKeeper()] {
            keeper->finish(); // the model may be the one that was open before
            return journal.read(file);
        });
    history_.reset(starting_recipe(*opened_.model), tr("start"));
    recipe_rules_ = LayerRules(recipe());
    setReference(recipe());
    resolution_ = resolve(recipe(), *opened_.model);
    what_ifs_.setSource(opened_.model, nullptr);
    selection_.clear();
    in_sight_.clear();
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

void Session::dropStats() {
    stats_.reset();
    outliers_.clear();
    Q_EMIT statsChanged();
}

std::optional<LayerId> Session::primary() const {
    return selection_.empty() ? std::nullopt : std::optional(selection_.front());
}

std::vector<LayerId> Session::layersNamed(const QStringList& names) const {
    std::vector<LayerId> layers;
    for (const QString& name : names)
        if (const auto layer = model()->find_linear(name.toStdString())) layers.push_back(*layer);
    return layers;
}

void Session::select(std::vector<LayerId> layers) {
    if (layers == selection_) return;
    selection_ = std::move(layers);
    wantWhatIfs();
    Q_EMIT selectionChanged();
}

void Session::setInSight(std::vector<LayerId> layers) {
    if (layers == in_sight_) return;
    in_sight_ = std::move(layers);
    wantWhatIfs();
}

void Session::setPinned(std::vector<LayerId> layers) {
    if (layers == pinned_) return;
    pinned_ = std::move(layers);
    wantWhatIfs();
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

void Session::setRecipeText(const QString& text) {
    Recipe read = parse_recipe_text(text.toStdString());
    read.name = recipe().name; // which the text does not hold
    if (history_.pushText(text.toStdString(), std::move(read), tr("typed recipe"), QStringLiteral("text")))
        recipeWasChanged();
}

void Session::editSelected(const std::function<void(SchemeChoice&)>& edit, const QString& name, const QString& group) {
    if (!model() || selection_.empty()) return;
    const QString where = selection_.size() == 1
                              ? QString::fromStdString(model()->linear(selection_.front()).short_name)
                              : tr("%1 linears").arg(selection_.size());
    setRecipe(edit_layers(recipe(), *model(), selection_, edit), tr("%1 on %2").arg(name, where),
              group.isEmpty() ? group : group + where);
}

std::vector<LayerId> Session::otherTransforms() const {
    std::vector<LayerId> others;
    if (!model() || !primary()) return others;
    const SchemeChoice here = choiceFor(*primary(), recipe_rules_);
    const auto transform = [](const SchemeChoice& choice) {
        const MethodStep* step = step_of(choice, Stage::transform);
        return step ? std::optional(*step) : std::nullopt;
    };
    for (const FoldSite& site : model()->fold_sites()) {
        if (std::find(site.consumers.begin(), site.consumers.end(), *primary()) == site.consumers.end()) continue;
        for (const LayerId layer : site.consumers)
            if (transform(choiceFor(layer, recipe_rules_)) != transform(here)) others.push_back(layer);
    }
    return others;
}

void Session::shareTransform() {
    const std::vector<LayerId> others = otherTransforms();
    if (others.empty()) return;
    const SchemeChoice own = choiceFor(*primary(), recipe_rules_);
    const MethodStep* step = step_of(own, Stage::transform);
    const std::optional<MethodStep> wanted = step ? std::optional(*step) : std::nullopt;
    const auto edit = [wanted](SchemeChoice& choice) {
        std::erase_if(choice.steps, [](const MethodStep& old) {
            const MethodRow* row = find_method(old.method);
            return row && row->stage() == Stage::transform;
        });
        if (wanted) choice.steps.insert(choice.steps.begin(), *wanted);
    };
    setRecipe(edit_layers(recipe(), *model(), others, edit),
              tr("the same transform on %1 linears").arg(others.size() + 1));
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
    const auto want_whole = [&](LayerId layer) {
        requests.push_back({layer, choiceFor(layer, recipe_rules_), true});
        requests.push_back({layer, choiceFor(layer, reference_rules_), true});
    };
    if (const auto layer = primary()) {
        want_whole(*layer);
        SchemeChoice now = choiceFor(*layer, recipe_rules_), before = choiceFor(*layer, reference_rules_);
        const bool fits = uses_samples(now);
        if (fits != uses_samples(before)) // what compares them wants both of the rows that the fit leaves
            requests.push_back({*layer, std::move(fits ? before : now), false, ScoredOn::held_out});
    }
    for (const LayerId layer : pinned_) want_whole(layer);
    const auto want = [&](LayerId layer, const LayerRules& rules) { // what was measured needs no estimate
        SchemeChoice choice = choiceFor(layer, rules);
        if (!measured(layer, choice)) requests.push_back({layer, std::move(choice), false});
    };
    for (const LayerId layer : selection_) want(layer, recipe_rules_);
    for (const LayerId layer : in_sight_) want(layer, recipe_rules_);
    for (const Linear& linear : model()->linears()) want(linear.id, recipe_rules_);
    if (recipe() != reference_) // last: only plots that draw both need it
        for (const Linear& linear : model()->linears()) want(linear.id, reference_rules_);
    what_ifs_.want(std::move(requests));
}

} // namespace graticule
