// What is asked before long jobs, and files in and out.
#include <QtCore/QDir>
#include <QtCore/QEventLoop>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>
#include <QtCore/QRegularExpression>
#include <QtCore/QSettings>
#include <QtCore/QSysInfo>
#include <QtGui/QClipboard>
#include <QtGui/QDesktopServices>
#include <QtGui/QGuiApplication>
#include <QtWidgets/QFileDialog>
#include <QtWidgets/QInputDialog>
#include <QtWidgets/QMenu>
#include <QtWidgets/QMessageBox>
#include <QtWidgets/QPushButton>
#include <algorithm>

#include "app/session/command_line_text.h"
#include "app/session/recent_models.h"
#include "app/session/run_names.h"
#include "app/window/catalogue.h"
#include "app/window/main_window.h"
#include "core/base/provenance.h"
#include "core/engine/export.h"
#include "core/io/output_file.h"
#include "core/report/html_report.h"
#include "core/runtime/settle_execution.h"
#include "widgets/models/number_text.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/elided_label.h"
#include "widgets/panels/jobs_panel.h"
#include "widgets/panels/run_dialogs.h"
#include "widgets/panels/runs_panel.h"

namespace graticule {

void MainWindow::openPath(const QString& path) {
    if (path.endsWith(QLatin1String(session_suffix)) && QFileInfo(path).isFile()) return openSession(path);
    if (path.endsWith(QStringLiteral(".json")) && QFileInfo(path).isFile() &&
        !path.endsWith(QStringLiteral(".index.json")))
        return openRecipe(path);
    if (!mayOpenAnother()) return;
    giveUpOpening(path);
    session_.open(path);
}

void MainWindow::giveUpOpening(const QString& other) {
    if (!opening_) return;
    jobs_->addLogLine(
        tr("%1 is not opened: %2 was asked for meanwhile").arg(QFileInfo(opening_->path).fileName(), other));
    session_.jobs().cancel(std::exchange(opening_, std::nullopt)->job);
}

void MainWindow::openRecipe(const QString& file_or_line) {
    if (!session_.model())
        return showFailure(tr("Open recipe"), tr("A recipe is chosen for a model: open the model first."));
    try {
        const QFileInfo file(file_or_line); // a line has strokes as a path has
        session_.setRecipe(read_recipe(file_or_line.toStdString()),
                           tr("recipe %1").arg(file.exists() ? file.fileName() : file_or_line));
    } catch (const Error& error) {
        showFailure(tr("Open recipe"), QString::fromStdString(error.info().text()));
    }
}

void MainWindow::askFolder() {
    const QString path = QFileDialog::getExistingDirectory(this, tr("Model folder: config.json and safetensors"));
    if (!path.isEmpty()) openPath(path);
}

void MainWindow::askFile() {
    const QString path = QFileDialog::getOpenFileName(
        this, tr("Model file"), {}, tr("Models (*.safetensors *.gguf *.safetensors.index.json);;All files (*)"));
    if (!path.isEmpty()) openPath(path);
}

void MainWindow::askRecipe() {
    const QString path = QFileDialog::getOpenFileName(this, tr("Recipe"), {}, tr("Recipes (*.json)"));
    if (!path.isEmpty()) openRecipe(path);
}

void MainWindow::saveRecipe() {
    const QString path =
        QFileDialog::getSaveFileName(this, tr("Save recipe"), QStringLiteral("recipe.json"), tr("Recipes (*.json)"));
    if (path.isEmpty()) return;
    try {
        session_.mayWrite(path);
        atomic_write_file(path.toStdString(), to_json(session_.recipe()), Origin::checked_before);
    } catch (const Error& error) {
        showFailure(tr("Save recipe"), QString::fromStdString(error.info().text()));
    }
}

void MainWindow::askCalibrate() {
    CalibrationSpec spec = session_.recipe().calibration;
    if (asking_) {
        CalibrationDialog dialog(spec, session_.model()->config().max_positions, this);
        if (dialog.exec() != QDialog::Accepted) return;
        spec = dialog.spec();
    }
    jobs_->showJobs();
    session_.calibrate(spec);
}

void MainWindow::askLengths(bool measure) {
    if (!session_.model()) return;
    std::int64_t target = session_.calibrationLengths() ? session_.calibrationLengths()->advice.target : 128;
    const Session::LengthsOffer offer = measure ? session_.lengthsOffer() : Session::LengthsOffer();
    if (!offer.refusal.isEmpty()) {
        showFailure(tr("Measure calibration lengths"), offer.refusal);
        return;
    }
    if (asking_) {
        LengthsDialog dialog(measure ? tr("Measure calibration lengths") : tr("Compare calibration lengths"),
                             measure ? tr("%1.").arg(offer.what) : QString(), target, this);
        if (dialog.exec() != QDialog::Accepted) return;
        target = dialog.target();
    }
    jobs_->showJobs();
    plots_->showTab(PlotArea::SequenceLength);
    session_.studyLengths(target, measure);
}

void MainWindow::measureSpeed() {
    if (!session_.model()) return;
    jobs_->showJobs();
    plots_->showTab(PlotArea::Speed);
    session_.measureSpeed();
}

void MainWindow::searchRecipe(double bits) {
    if (!session_.model()) return;
    jobs_->showJobs();
    plots_->showTab(PlotArea::Search);
    session_.searchRecipe({bits, std::nullopt}, evaluationChoice());
}

void MainWindow::predictSensitivity(int measured) {
    jobs_->showJobs();
    plots_->showTab(PlotArea::Sensitivity);
    session_.predictSensitivity(evaluationChoice(), measured);
}

void MainWindow::measureDivergence() {
    jobs_->showJobs();
    plots_->showTab(PlotArea::Divergence);
    session_.measureDivergence(evaluationChoice());
}

void MainWindow::quantize() {
    jobs_->showJobs();
    session_.quantize();
}

EvaluationChoice MainWindow::evaluationChoice() const {
    EvaluationChoice choice = evaluation_;
    if (session_.model()) choice.window = std::min(choice.window, session_.model()->config().max_positions);
    return choice;
}

QString MainWindow::measuredOn(bool own_type) const {
    if (!session_.model()) return {};
    Execution execution = session_.execution();
    if (own_type && execution.compute == Compute::automatic) execution.compute = Compute::float32;
    execution = settle_execution(execution, session_.device(), *session_.model());
    return tr("on %1").arg(protocol_text({evaluationChoice(), execution}));
}

QString MainWindow::beforeEvaluation(Session::Calibrate when) const {
    QStringList lines;
    const auto& machine = session_.machine();
    if (!session_.deviceElsewhere().empty())
        lines << tr("Runs on %1 (%2), quantized there as well; figures of single layers stay there.")
                     .arg(machine->host(), QString::fromStdString(session_.deviceElsewhere()));
    const auto use = session_.calibrationOf(when);
    if (!use) return lines.join(u'\n');
    using From = Session::CalibrationUse::From;
    const QString wanted = samples_text(use->spec);
    const auto& shown = session_.completeStats();
    const bool there = use->from == From::made_there;
    switch (use->from) {
    case From::screen:
        lines << tr("Takes the calibration on the screen: %1 tokens.").arg(wanted);
        break;
    case From::job:
        lines << tr("Takes the calibration under way: %1 tokens.").arg(wanted);
        break;
    case From::weights:
        lines << tr("Takes the weights that were quantized with %1 tokens.").arg(wanted);
        break;
    case From::kept:
        lines << tr("Takes the calibration kept from before: %1 tokens.").arg(wanted);
        break;
    case From::made_here:
        lines << (shown ? tr("Calibrates again: %1 tokens.") : tr("Calibrates first: %1 tokens.")).arg(wanted);
        break;
    case From::made_there:
        lines << tr("%1 calibrates for it: %2 tokens.").arg(machine->host(), wanted);
        break;
    }
    if (!use->ahead() || !shown) return lines.join(u'\n');
    if (shown->spec != use->spec)
        lines << (there ? tr("The figures of layers on the screen stay those of %1 tokens.")
                        : tr("The figures of layers on the screen are of %1 tokens and will be replaced."))
                     .arg(samples_text(shown->spec));
    else if (!there)
        lines << tr("The figures of layers on the screen were computed as %1 and will be replaced.")
                     .arg(QString::fromStdString(shown->provenance.execution));
    return lines.join(u'\n');
}

void MainWindow::sayKept() {
    const auto kept = session_.model() ? session_.keptOf(session_.recipe()) : std::nullopt;
    kept_said_ = kept ? tr("%1 before: it goes on behind them.").arg(kept_text(*kept)) : QString();
    updateActions();
}

void MainWindow::askEvaluate() {
    if (asking_) {
        const EvaluationChoice offered = evaluationChoice();
        std::vector<TargetEntry> targets;
        if (const auto& resolved = session_.resolution().resolved)
            targets = target_entries(*session_.model(), choices_of(*resolved));
        EvaluationDialog dialog(offered, QString::fromStdString(summary_line(session_.recipe())),
                                session_.model()->config().max_positions, targets, served_as_, this);
        const auto say = [this, &dialog] {
            dialog.setBefore(beforeEvaluation(Session::Calibrate::where_needed));
            updateActions(); // whose tips say the same
        };
        say();
        session_.lookWhetherKept(&dialog, say);
        if (dialog.exec() != QDialog::Accepted) return;
        served_as_ = dialog.servedAs();
        // A window that the model cut short stays wished for, unless another one was typed.
        const std::int64_t wished = evaluation_.window;
        evaluation_ = dialog.choice();
        if (evaluation_.window == offered.window) evaluation_.window = wished;
    }
    jobs_->showJobs();
    plots_->showTab(PlotArea::Perplexity);
    session_.evaluate(evaluationChoice(), Session::Calibrate::where_needed, asking_ ? served_as_ : QString());
}

std::vector<int> MainWindow::stoppedRuns() const {
    std::vector<int> chosen, all;
    const std::vector<int> selected = runs_->selectedRuns();
    for (const Run& run : session_.runs()) {
        if (run.alive() || run.in_another_window) continue;
        all.push_back(run.id);
        if (std::ranges::find(selected, run.id) != selected.end()) chosen.push_back(run.id);
    }
    return chosen.empty() ? all : chosen;
}

std::vector<int> MainWindow::cutOffRuns() const {
    std::vector<int> runs;
    for (const Run& run : session_.runs())
        if (run.cutOff()) runs.push_back(run.id);
    return runs;
}

void MainWindow::continueRuns(const std::vector<int>& runs) {
    jobs_->showJobs();
    plots_->showTab(PlotArea::Perplexity);
    std::vector<int> there; // of a machine that is not connected, or not chosen
    for (const int id : runs) {
        const Run* run = session_.run(id);
        if (run && !session_.machineMissing(*run).isEmpty())
            there.push_back(id);
        else
            session_.continueRun(id);
    }
    if (!there.empty()) askMachine(there);
}

void MainWindow::askMachine(const std::vector<int>& then) {
    if (!session_.model())
        return showFailure(tr("Another machine"),
                           tr("Open a model first: where it lies on the other machine is asked."));
    const QString group = QStringLiteral("machine/");
    const QString place =
        group + QStringLiteral("models/") + QString::fromLatin1(session_.modelPath().toUtf8().toPercentEncoding());
    MachineDialog dialog(settings_.value(group + QStringLiteral("command")).toString(),
                         settings_.value(place, session_.modelPath()).toString(), session_.modelPath(),
                         then.empty() ? QString()
                                      : tr("%1 ran on %2: once that machine is reached it goes on there.")
                                            .arg(session_.runList().find(then.front())->name,
                                                 session_.runList().find(then.front())->madeOn()),
                         this);
    if (dialog.exec() != QDialog::Accepted) return;
    settings_.setValue(group + QStringLiteral("command"), dialog.command());
    settings_.setValue(place, dialog.model());
    jobs_->showJobs();
    session_.reachMachine({dialog.command(), dialog.model()}, then);
}

void MainWindow::runEverything() {
    jobs_->showJobs();
    plots_->showTab(PlotArea::Perplexity);
    session_.evaluate(evaluationChoice(), Session::Calibrate::always);
}

void MainWindow::cancelAll() { session_.jobs().cancelAll(); }

void MainWindow::pauseRunning() {
    bool go_on = false; // jobs that share a pass stand and go together
    const std::vector<JobView> jobs = session_.jobs().jobs();
    for (const JobView& job : jobs) go_on = go_on || job.held;
    for (const JobView& job : jobs)
        if (job.state == JobState::running) session_.jobs().hold(job.id, !go_on);
}

// The job stands meanwhile, and the list of jobs lets it go on or cancels it as well.
void MainWindow::askForMemory(JobId job, const QString& title, const QString& why) {
    jobs_->addLogLine(tr("%1 stands: %2").arg(title, why));
    auto* box = new QMessageBox(QMessageBox::NoIcon, title, tr("The card's memory does not suffice: the job stands."),
                                QMessageBox::NoButton, this);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setInformativeText(
        tr("%1\n\nMake room on the card and try again, or let it go on where there is memory.").arg(why));
    connect(box->addButton(tr("Try again"), QMessageBox::AcceptRole), &QAbstractButton::clicked, this,
            [this, job] { session_.jobs().hold(job, false); });
    connect(box->addButton(tr("Go on on the CPU"), QMessageBox::ActionRole), &QAbstractButton::clicked, this,
            [this, job] { session_.jobs().tryOn(job, "cpu"); });
    connect(box->addButton(tr("Cancel the job"), QMessageBox::DestructiveRole), &QAbstractButton::clicked, this,
            [this, job] { session_.jobs().cancel(job); });
    box->addButton(tr("Later"), QMessageBox::RejectRole);
    box->open();
}

// Closing or another model in the middle of a job loses that job, so it is asked. What is finished is on disk already,
// a model that is being opened is no work, and what is being stopped was given up before.
bool MainWindow::mayStopJobs(const QString& title, const QString& stop) {
    QStringList titles;
    for (const JobView& job : session_.jobs().jobs())
        if (!job.title.isEmpty() && !job.stopping && job.tag != QLatin1String(Session::open_tag) &&
            (job.state == JobState::running || job.state == JobState::waiting))
            titles << job.title;
    if (!asking_ || titles.isEmpty()) return true;
    QMessageBox box(QMessageBox::NoIcon, title,
                    titles.size() == 1
                        ? tr("“%1” is not finished.").arg(titles.front())
                        : tr("“%1” is not finished, and %2 more.").arg(titles.front()).arg(titles.size() - 1),
                    QMessageBox::NoButton, this);
    box.setInformativeText(
        tr("What is under way is stopped. Finished runs are kept and shown again when the model is "
           "opened; an evaluation goes on from the windows that it had by then when it is continued, "
           "a quantization from its last whole block when it is asked for again. What another machine computes goes on "
           "there."));
    auto* leave = box.addButton(stop, QMessageBox::DestructiveRole);
    box.setDefaultButton(box.addButton(tr("Stay"), QMessageBox::RejectRole));
    box.exec();
    if (box.clickedButton() != leave) return false;
    session_.runList().markCutOff();
    session_.leaveJobs();
    return true;
}

// What waits is written in its order, whatever is opened meanwhile; only what failed is tried again and waited for,
// with the event loop going on.
bool MainWindow::mayLoseWork(const QString& title) {
    if (!session_.model() || keeper().problems().isEmpty()) return true;
    keeper().retry();
    waitUntilKept();
    const QStringList problems = keeper().problems();
    if (!asking_ || problems.isEmpty()) return true;
    QMessageBox box(QMessageBox::Warning, title, tr("What you have done is not on the disk."), QMessageBox::NoButton,
                    this);
    box.setInformativeText(
        tr("%1\n\nStay and make room, or save the session in another place (Ctrl+Shift+S).").arg(problems.join(u'\n')));
    auto* leave = box.addButton(tr("Lose it"), QMessageBox::DestructiveRole);
    box.setDefaultButton(box.addButton(tr("Stay"), QMessageBox::RejectRole));
    box.exec();
    return box.clickedButton() == leave;
}

void MainWindow::waitUntilKept() {
    if (keeper().idle()) return;
    QEventLoop loop;
    keeper().ask<bool>([] { return true; }, &loop, [&loop](bool) { loop.quit(); });
    loop.exec(QEventLoop::ExcludeUserInputEvents);
    keeper().finish(); // where somebody ends the program meanwhile
}

bool MainWindow::mayOpenAnother() {
    const QString title = tr("Open another model");
    return mayStopJobs(title, tr("Stop and open")) && mayLoseWork(title);
}

std::vector<int> MainWindow::selectedRecipes() const {
    std::vector<int> recipes;
    for (const int id : runs_->selectedRuns())
        if (const Run* run = session_.run(id); run && !run->full_precision) recipes.push_back(id);
    return recipes;
}

std::optional<int> MainWindow::askWhichRun(const QString& title) {
    const std::vector<int> several = selectedRecipes();
    if (several.size() < 2) return chosenRun();
    const std::vector<RunName> all = session_.runList().names();
    QStringList names; // each tells its run from the others
    for (const int id : several)
        names << all[static_cast<std::size_t>(session_.run(id) - session_.runs().data())].whole();
    if (!asking_) { // a script
        showFailure(title,
                    tr("%1 runs are selected; select one of them: %2").arg(several.size()).arg(names.join("; ")));
        return std::nullopt;
    }
    bool given = false;
    const QString name = QInputDialog::getItem(this, title, tr("Several runs are selected. Which one is meant?"), names,
                                               0, false, &given);
    if (!given) return std::nullopt;
    return several[static_cast<std::size_t>(names.indexOf(name))];
}

int MainWindow::chosenRun() const {
    const std::vector<int> selected = runs_->selectedRuns(), recipes = selectedRecipes();
    if (!recipes.empty()) return recipes.front();
    if (!selected.empty()) return selected.front(); // a model as it is, which whoever takes it refuses
    // None is chosen: what is on the screen counts, and nothing else is written in its place.
    const auto newest = [&](const auto& suits) {
        for (auto run = session_.runs().rbegin(); run != session_.runs().rend(); ++run)
            if (!run->full_precision && run->recipe == session_.recipe() && suits(*run)) return run->id;
        return 0;
    };
    if (const int run = newest([](const Run& of) { return of.quantized != nullptr; }); run != 0) return run;
    return quantizedRecipe() ? 0 : newest([](const Run& of) { return of.finished(); }); // of before
}

const QuantizedModel* MainWindow::quantizedRecipe() const {
    const QuantizedModel* newest = session_.newestQuantized();
    return newest && newest->recipe == session_.recipe() ? newest : nullptr;
}

namespace {
// "w=int4/asym/g128 a=int8/sym/token gptq" as part of a file's name: "w-int4-asym-g128_a-int8-sym-token_gptq"
QString file_name_of(const std::string& scheme_line) {
    QString name = QString::fromStdString(scheme_line);
    name.replace(u' ', u'_');
    name.replace(QRegularExpression(QStringLiteral("[^A-Za-z0-9_.+]+")), QStringLiteral("-"));
    return name;
}
} // namespace

QString MainWindow::exportFolder(int run_id) const {
    if (!asking_ && !export_folder_.isEmpty()) return export_folder_; // a script says where
    const Run* run = session_.run(run_id);
    const std::string line = summary_line(run ? run->recipe : session_.recipe());
    const QDir beside = export_folder_.isEmpty() ? QDir::home() : QFileInfo(export_folder_).absoluteDir();
    return beside.filePath(QString::fromStdString(session_.model()->name()) + u'-' + file_name_of(line));
}

void MainWindow::askReport() {
    const std::optional<int> which = askWhichRun(tr("Write report"));
    if (!which) return;
    const int run = *which;
    const Run* chosen = session_.run(run);
    const Run* base = chosen ? session_.runList().unquantized(chosen->protocol()) : nullptr;
    if (!chosen || !chosen->finished() || chosen->full_precision || !base || !base->finished())
        return showFailure(tr("Write report"),
                           tr("A report is of a finished run of a recipe, beside “%1” under the same protocol: select "
                              "one, or evaluate the recipe first.")
                               .arg(QString::fromStdString(unquantized_name(*session_.model()))));
    const QString folder = asking_ ? QFileDialog::getExistingDirectory(this, tr("Report of %1: folder for report.html, "
                                                                                "model_card.md and layers.csv")
                                                                                 .arg(chosen->name))
                                   : QFileInfo(exportFolder(run)).absolutePath();
    if (folder.isEmpty()) return;
    chosen = session_.run(run);                          // the dialog took its time
    if (chosen && !chosen->quantized) jobs_->showJobs(); // it is quantized again
    session_.withWeights(run, [this, run, folder](const auto&) { writeReport(run, folder); });
}

void MainWindow::writeReport(int run, const QString& folder) {
    const auto input = session_.reportOf(run);
    if (!input) return;
    const std::pair<QString, std::string> files[] = {{QStringLiteral("report.html"), report_html(*input)},
                                                     {QStringLiteral("model_card.md"), model_card(*input, {})},
                                                     {QStringLiteral("layers.csv"), layers_csv(*input)}};
    try {
        for (const auto& [name, text] : files) session_.mayWrite(QDir(folder).filePath(name));
        for (const auto& [name, text] : files) // of jobs that were checked at their ends
            atomic_write_file(QDir(folder).filePath(name).toStdString(), text, Origin::checked_before);
    } catch (const Error& error) {
        return showFailure(tr("Write report"), QString::fromStdString(error.info().text()));
    }
    jobs_->addLogLine(tr("Report of %1 written to %2")
                          .arg(session_.run(run)->name, QDir(folder).filePath(QStringLiteral("report.html"))));
    if (asking_) QDesktopServices::openUrl(QUrl::fromLocalFile(QDir(folder).filePath(QStringLiteral("report.html"))));
}

QString MainWindow::problemReport() {
    QString text;
    const auto part = [&text](const QString& name, const QString& content) {
        text += QStringLiteral("== %1 ==\n%2\n\n").arg(name, content.trimmed());
    };
    QStringList lines;
    for (const auto& [name, version] : current_versions())
        lines << QStringLiteral("%1 %2").arg(QString::fromStdString(name), QString::fromStdString(version));
    lines << QStringLiteral("Qt %1 on %2").arg(QLatin1String(qVersion()), QSysInfo::prettyProductName());
    part(QStringLiteral("versions"), lines.join(u'\n'));
    lines.clear();
    for (const DeviceRow& row : session_.devices())
        lines << QString::fromStdString(row.label + (row.problem.empty() ? "" : ": " + row.problem));
    lines << QStringLiteral("in use: %1, %2")
                 .arg(QString::fromStdString(session_.device()), QString::fromStdString(to_text(session_.execution())));
    part(QStringLiteral("devices"), lines.join(u'\n'));
    if (session_.model()) {
        part(QStringLiteral("model"), QStringLiteral("%1\n%2").arg(model_summary_->text(), modelFile()));
        part(QStringLiteral("recipe"), QString::fromStdString(session_.history().text()));
        if (const std::string found = session_.resolution().diagnostics.text(); !found.empty())
            part(QStringLiteral("findings"), QString::fromStdString(found));
        part(QStringLiteral("runs"), table_as(TableFormat::markdown, *runs_->table()));
    }
    lines.clear();
    for (const JobView& job : session_.jobs().jobs())
        if (job.state == JobState::failed)
            lines << job.title + QStringLiteral(": ") + QString::fromStdString(job.error.text());
    part(QStringLiteral("failed jobs"), lines.join(u'\n'));
    part(QStringLiteral("log"), jobs_->logText());
    return text;
}

void MainWindow::askProblemReport() {
    const QString suggested = QStringLiteral("graticule-problem.txt");
    const QString path = asking_ ? QFileDialog::getSaveFileName(this, tr("Write problem report"), suggested,
                                                                tr("Text (*.txt)"))
                                 : QFileInfo(settings_.fileName()).dir().filePath(suggested); // a script's
    if (path.isEmpty()) return;
    try {
        session_.mayWrite(path);
        atomic_write_file(path.toStdString(), problemReport().toStdString(), Origin::checked_before);
        jobs_->addLogLine(tr("Problem report written to %1").arg(path));
    } catch (const Error& error) {
        showFailure(tr("Write problem report"), QString::fromStdString(error.info().text()));
    }
}

namespace {
// What becomes of a run whose weights are not in memory, before it is written.
QString quantized_again_text(const Run& run, const std::string& device) {
    const bool elsewhere = run.evaluation && !run.evaluation->provenance.host.empty();
    QString text = QObject::tr("This run was made %1, so that its weights are not in memory. "
                               "They are quantized again from its recipe, %2, to the same bytes.")
                       .arg(elsewhere ? QObject::tr("on another machine") : QObject::tr("before the model was opened"),
                            calibration_text(run.recipe.calibration));
    const std::string there = run.evaluation ? run.evaluation->provenance.place() : device;
    if (there.starts_with("cuda") != device.starts_with("cuda"))
        text += QObject::tr(" It was made on “%1”; on another device last digits may differ, and the log says so.")
                    .arg(QString::fromStdString(there));
    return text;
}
} // namespace

void MainWindow::askExport(int run_id) {
    if (run_id == 0) {
        const std::optional<int> which = askWhichRun(tr("Export"));
        if (!which) return;
        run_id = *which;
    }
    const Run* run = session_.run(run_id);
    const QuantizedModel* quantized = run ? run->quantized.get() : quantizedRecipe();
    if (run && run->full_precision)
        return showFailure(tr("Export"),
                           tr("“%1” is the model as it is on the disk: there is nothing to write. Select a "
                              "run of a recipe.")
                               .arg(run->name));
    if (!quantized && !run)
        return showFailure(tr("Export"),
                           tr("The open recipe is not quantized yet: quantize or evaluate it, or select a run."));
    LayerChoices choices;
    std::int64_t bytes = 0;
    if (quantized) {
        choices = choices_of(*quantized);
        bytes = quantized->size().bytes;
    } else { // of before: quantized again for it
        const Resolution resolution = resolve(run->recipe, *session_.model());
        if (!resolution.resolved)
            return showFailure(tr("Export"),
                               tr("The recipe of “%1” cannot be quantized by this version: %2")
                                   .arg(run->name, QString::fromStdString(resolution.diagnostics.text())));
        choices = choices_of(*resolution.resolved);
        bytes = resolution.resolved->size().bytes;
    }
    const QString name = tr("%1 (%2 as it is)")
                             .arg(QString::fromStdString(summary_line(run ? run->recipe : quantized->recipe)),
                                  bytes_text(stored_bytes(*session_.model())));
    bool move_aside = false;
    QString folder = exportFolder(run_id), exporter = exporter_entries().front().name;
    if (asking_) {
        const auto check = [&](const QString& which, const QString& where, bool aside) {
            if (where.isEmpty()) return Diagnostics{};
            const Exporter& exporter_of = exporter_named(which.toStdString());
            Diagnostics found =
                export_findings(*session_.model(), choices, exporter_of, export_target(where, aside), {});
            if (!found.has_errors()) {
                const auto least =
                    static_cast<std::int64_t>(least_export_bytes(*session_.model(), choices, exporter_of));
                found.add(Severity::note, "size",
                          tr("in these files at least %1; by the recipe's own widths %2%3")
                              .arg(bytes_text(least), bytes_text(bytes),
                                   found.items.empty() ? tr("; they hold every layer's scheme exactly") : QString())
                              .toStdString());
            }
            return found;
        };
        const auto targets = [&](const QString& which) { return target_entries(*session_.model(), choices, which); };
        ExportDialog dialog(exporter_entries(), name,
                            quantized ? QString() : quantized_again_text(*run, session_.device()), folder, check,
                            targets, this);
        if (dialog.exec() != QDialog::Accepted) return;
        folder = dialog.folder();
        exporter = dialog.exporter();
        move_aside = dialog.moveAside();
    }
    export_folder_ = folder;
    jobs_->showJobs();
    session_.exportRun(run_id, exporter, folder, move_aside);
}

void MainWindow::copyCommandLine(int run_id) {
    const Run* run = session_.run(run_id);
    const EvaluationChoice choice = run ? run->choice : evaluationChoice();
    const QString model = session_.modelPath();
    const std::string& device = session_.device();
    QString text;
    const auto& machine = session_.machine();
    const std::string there = run && run->evaluation ? run->evaluation->provenance.host : std::string();
    if (run && machine && there == machine->hello.host)
        text =
            elsewhere_command(model, run->full_precision ? nullptr : &run->recipe, run->served_as, choice,
                              machine->where.command, machine->where.model,
                              session_.deviceElsewhere().empty() ? "cpu" : session_.deviceElsewhere(), run->execution);
    else if (run && run->full_precision)
        text = evaluate_command(model, choice, device, session_.execution());
    else if (run && !run->served_as.isEmpty())
        text = served_command(model, run->recipe, run->served_as, choice, device, session_.execution());
    else
        text = run_command(model, run ? run->recipe : session_.recipe(), choice, exportFolder(run_id), device,
                           session_.execution());
    QGuiApplication::clipboard()->setText(text);
    jobs_->addLogLine(tr("Copied: %1").arg(text));
}

void MainWindow::showFailure(const QString& title, const QString& text) {
    jobs_->addLogLine(title + QStringLiteral(": ") + text);
    if (!asking_) return jobs_->showLog(); // a script has nobody to close a message
    auto* box = new QMessageBox(QMessageBox::NoIcon, title, text.section(u'\n', 0, 0), QMessageBox::Close, this);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setInformativeText(text.section(u'\n', 1));
    box->setTextInteractionFlags(Qt::TextSelectableByMouse);
    box->open();
}

void MainWindow::showExported(const QString& folder, const QString& summary) {
    if (!asking_) return jobs_->showLog();
    auto* box =
        new QMessageBox(QMessageBox::NoIcon, tr("Exported"), tr("Written to %1").arg(folder), QMessageBox::Close, this);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setInformativeText(summary);
    box->setTextInteractionFlags(Qt::TextSelectableByMouse);
    auto* show = box->addButton(tr("Show the folder"), QMessageBox::ActionRole);
    connect(show, &QAbstractButton::clicked, this,
            [folder] { QDesktopServices::openUrl(QUrl::fromLocalFile(folder)); });
    box->open();
}

void MainWindow::refreshWelcome() {
    welcome_->setSamples(shipped_models());
    const std::vector<RecentModel> recent = recent_models(settings_);
    welcome_->setRecent(recent);
    recent_menu_->clear();
    for (const RecentModel& model : recent) {
        QAction* action = recent_menu_->addAction(model.path, this, [this, path = model.path] { openPath(path); });
        action->setEnabled(!model.missing);
    }
    recent_menu_->setEnabled(!recent.empty());
    const auto with_drafts = [draft = draft_, recent] {
        std::vector<RecentModel> all = recent;
        for (RecentModel& model : all) model.note = draft.summary(model.path);
        return all;
    };
    keeper().ask<std::vector<RecentModel>>(with_drafts, this, [this](const std::vector<RecentModel>& all) {
        const auto noted = [](const RecentModel& model) { return !model.note.isEmpty(); };
        if (std::ranges::any_of(all, noted)) welcome_->setRecent(all);
    });
}

} // namespace graticule
