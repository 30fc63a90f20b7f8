#include "app/session/run_list.h"

#include <QtCore/QFileInfo>
#include <algorithm>
#include <chrono>
#include <utility>

#include "app/session/kept_reports.h"

namespace graticule {

RunList::RunList(JobRunner& jobs, RunJournal journal, QObject* parent)
    : QObject(parent)
    , jobs_(jobs)
    , journal_(std::move(journal)) {
    keep_soon_.setSingleShot(true);
    connect(&keep_soon_, &QTimer::timeout, this, &RunList::keep);
}

RunList::~RunList() {
    if (keep_soon_.isActive()) keep();
    keeper_->finish();
}

QString RunList::modelFile() const { return QString::fromStdString(model_->parts().path.string()); }

int RunList::nextColour() const {
    int colour = 0; // the unquantized model's
    for (const Run& run : runs_) colour = std::max(colour, run.colour);
    return colour + 1;
}

const Run* RunList::find(int id) const {
    const auto found = std::find_if(runs_.begin(), runs_.end(), [id](const Run& run) { return run.id == id; });
    return found == runs_.end() ? nullptr : &*found;
}

Run* RunList::findMutable(int id) { return const_cast<Run*>(find(id)); }

std::optional<Comparison> RunList::comparison(int a, int b) const {
    const Run *first = find(a), *second = find(b);
    if (!first || !second || !first->finished() || !second->finished()) return std::nullopt;
    return compare(*first->evaluation, *second->evaluation);
}

const Run* RunList::unquantized(const RunProtocol& protocol) const {
    const auto found = std::find_if(runs_.begin(), runs_.end(), [&](const Run& run) {
        return run.full_precision && run.protocol() == protocol && run.alive();
    });
    return found == runs_.end() ? nullptr : &*found;
}

int RunList::baselineOf(const RunProtocol& protocol) const {
    for (auto id = chosen_.rbegin(); id != chosen_.rend(); ++id)
        if (const Run* run = find(*id); run && run->alive() && run->protocol() == protocol) return *id;
    if (const Run* run = unquantized(protocol)) return run->id;
    const auto first = std::find_if(runs_.begin(), runs_.end(),
                                    [&](const Run& run) { return run.finished() && run.protocol() == protocol; });
    return first == runs_.end() ? 0 : first->id;
}

std::vector<RunName> RunList::names() const { return run_names(runs_); }

void RunList::setModel(std::shared_ptr<const Model> model) {
    if (keep_soon_.isActive()) keep(); // of the model before, and under its name
    model_ = std::move(model);
    runs_.clear();
    pending_ = {};
    hash_waiters_.clear();
    chosen_.clear();
    protocol_ = {};
    seen_ = {};
    kept_blocks_ = {};
    readJournal();
    if (QFileInfo::exists(journal_.quantizationFile())) whenHashed([this] { lookAtKept(); }); // perhaps another model's
}

int RunList::add(Run run) {
    protocol_ = run.protocol();
    return append(std::move(run));
}

int RunList::append(Run run) {
    run.id = ++last_run_;
    run.colour = run.full_precision ? 0 : nextColour();
    runs_.push_back(std::move(run));
    return last_run_;
}

int RunList::bringBack(Run run) {
    for (Run& here : runs_) {
        const bool behind = continues(run, here);
        if (!behind && !same_result(here, run) && !continues(here, run)) continue;
        if (behind && !here.alive()) { // else its own job goes on from where it was
            here.take(*run.evaluation, run.evaluation->complete);
            here.state = run.state;
            here.weight_bits = run.weight_bits;
            here.bytes = run.bytes;
        }
        if (!here.reports) here.reports = run.reports;
        if (!here.alive()) here.kept = run.kept;
        return here.id;
    }
    if (runs_.empty()) protocol_ = run.protocol();
    return append(std::move(run));
}

void RunList::show(int id) {
    const Run* run = find(id);
    if (!run || run->protocol() == protocol_) return;
    protocol_ = run->protocol();
    Q_EMIT changed();
}

void RunList::showNewest() {
    if (runs_.empty()) return;
    const auto finished = std::find_if(runs_.rbegin(), runs_.rend(), [](const Run& run) { return run.finished(); });
    protocol_ = (finished == runs_.rend() ? runs_.back() : *finished).protocol();
}

void RunList::markCutOff() {
    for (Run& run : runs_)
        if (run.alive() && !run.finished()) run.window = journal_.mark().name();
    keep();
}

void RunList::leaveCutOff() {
    for (Run& run : runs_)
        if (run.cutOff()) run.window.clear();
    keep();
    Q_EMIT changed();
}

const Run* RunList::stopped(const Run& like) const {
    const auto found = std::find_if(runs_.begin(), runs_.end(), [&](const Run& run) {
        return !run.alive() && run.full_precision == like.full_precision && run.protocol() == like.protocol() &&
               run.recipe == like.recipe && run.served_as == like.served_as && run.madeOn() == like.madeOn();
    });
    return found == runs_.end() ? nullptr : &*found;
}

void RunList::setSize(int id, const ModelSize& size) {
    if (Run* run = findMutable(id)) run->setSize(size);
}

void RunList::setJobs(int id, std::vector<JobId> jobs) {
    Run* run = findMutable(id);
    if (!run) return;
    run->jobs = std::move(jobs);
    run->state = JobState::waiting;
    run->error.clear();
    run->kept.reset();
    run->window.clear();
    run->in_another_window = false;
}

void RunList::takeReports(Run& run, const QuantizedModel& quantized) {
    auto reports = std::make_shared<std::vector<LayerReport>>(*reports_of(quantized));
    for (const Run& before : runs_)
        if (before.reports && before.recipe == run.recipe && before.execution == run.execution)
            keep_measured(*reports, *before.reports);
    run.reports = std::move(reports);
    keepReports(run);
}

// What a kill costs at most; the last of many that came quickly is kept as well.
void RunList::keepSoon() {
    constexpr qint64 between_ms = 500;
    if (!since_kept_.isValid() || since_kept_.hasExpired(between_ms)) return keep();
    if (!keep_soon_.isActive()) keep_soon_.start(std::chrono::milliseconds(between_ms - since_kept_.elapsed()));
}

void RunList::receive(int id, const Evaluation& so_far, const std::shared_ptr<const QuantizedModel>& quantized) {
    Run* run = findMutable(id);
    if (!run || run->state == JobState::done) return; // removed, or a late part
    run->take(so_far, false);
    if (quantized && !run->reports) takeReports(*run, *quantized);
    keepSoon();
    Q_EMIT changed();
}

void RunList::finish(int id, const Evaluation& whole, std::shared_ptr<const QuantizedModel> quantized) {
    Run* run = findMutable(id);
    if (!run) return; // removed meanwhile
    run->take(whole, true);
    run->state = JobState::done;
    run->window.clear();
    if (quantized) {
        run->setSize(quantized->size()); // no estimate any more
        takeReports(*run, *quantized);
    }
    run->quantized = std::move(quantized);
    keep();
    Q_EMIT changed();
}

QString RunList::quantizedAgain(int id, std::shared_ptr<const QuantizedModel> quantized) {
    Run* run = findMutable(id);
    if (!run) return {}; // removed meanwhile
    const auto now = reports_of(*quantized);
    int others = 0;
    for (std::size_t i = 0; run->reports && i < now->size(); ++i) {
        const LayerReport *before = find_report(*run->reports, (*now)[i].layer, (*now)[i].scheme_line),
                          &after = (*now)[i];
        others += !before || before->weight_mse != after.weight_mse || before->bytes_after != after.bytes_after;
    }
    const bool known = run->reports != nullptr;
    if (!known) run->reports = now;
    run->quantized = std::move(quantized);
    Q_EMIT changed();
    if (others > 0)
        return tr("%n linear(s) came out other than in the run: its calibration text, the device or the program has "
                  "changed since",
                  nullptr, others);
    return {};
}

void RunList::setBaseline(int id) {
    const Run* run = find(id);
    if (!run) return;
    std::erase(chosen_, id);
    chosen_.push_back(id);
    protocol_ = run->protocol();
    pending_.baseline = -1; // chosen here, after the session was saved
    Q_EMIT changed();
}

void RunList::remove(int id) {
    if (const Run* gone = find(id))
        for (const JobId job : gone->jobs) jobs_.cancel(job);
    std::erase_if(runs_, [id](const Run& run) { return run.id == id; });
    std::erase(chosen_, id);
    keep();
    Q_EMIT changed();
}

void RunList::poll() {
    if (runs_.empty()) return;
    bool any = false, keep_now = false;
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
        const bool stopped = state != run.state && !run.finished();
        any = any || state != run.state;
        run.state = state;
        keep_now = keep_now || (stopped && !run.alive());
    }
    if (keep_now) {
        keep();
        lookAtKept();
    }
    if (any) Q_EMIT changed();
}

} // namespace graticule
