// Session files: what is open, chosen and finished, and how it stands on the screen.
#include <QtCore/QDir>
#include <QtCore/QFileInfo>
#include <QtCore/QSettings>
#include <QtCore/QTextStream>
#include <QtCore/QTimer>
#include <QtGui/QScreen>
#include <QtWidgets/QApplication>
#include <QtWidgets/QFileDialog>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QTableView>
#include <algorithm>

#include "app/session/recent_models.h"
#include "app/window/main_window.h"
#include "app/window/tour.h"
#include "core/runtime/torch_error.h"
#include "widgets/panels/jobs_panel.h"
#include "widgets/panels/layers_panel.h"
#include "widgets/panels/offer_bar.h"
#include "widgets/panels/welcome_page.h"

namespace graticule {

namespace {
const QString filter = QStringLiteral("Sessions (*%1);;All files (*)").arg(QLatin1String(session_suffix));
} // namespace

SessionFile MainWindow::sessionFile() const {
    SessionFile file = session_.toFile();
    file.evaluation = evaluation_;
    file.notes = jobs_->notes();
    file.view.geometry = saveGeometry();
    file.view.layout = saveState(layoutVersion);
    file.view.drawn_borders = drawn_borders_;
    file.view.plot = plots_->currentIndex();
    file.view.filter = layers_->filterText();
    file.view.bookmarks = bookmarks_;
    const QHeaderView* columns = layers_->table()->horizontalHeader();
    file.view.sort_column = columns->sortIndicatorSection();
    file.view.descending = columns->sortIndicatorOrder() == Qt::DescendingOrder;
    return file;
}

void MainWindow::saveSession(const QString& path) {
    const QString title = tr("Save session");
    try {
        session_.mayWrite(path);
    } catch (const Error& error) {
        return showFailure(title, QString::fromStdString(error.info().text()));
    }
    jobs_->addLogLine(tr("Writing the session to %1 …").arg(path));
    const SessionFile file = sessionFile();
    const auto left_out = std::make_shared<std::size_t>(0);
    keeper().keep(
        path, [path, file, left_out] { *left_out = write_session(path, file); }, this,
        [this, title](const QString& why) { showFailure(title, why); },
        [this, path, file, left_out, model = session_.model()] {
            jobs_->addLogLine(tr("Session written to %1").arg(path));
            if (*left_out > 0)
                jobs_->addLogLine(tr("It has no room for the figures of layers of %n older run(s)", nullptr,
                                     static_cast<int>(*left_out)));
            if (model == session_.model()) takeSaved(path, file);
        });
}

void MainWindow::takeSaved(const QString& path, SessionFile file) {
    session_path_ = path;
    saved_ = work_alone(std::move(file));
    keepDraft();
}

namespace {
/// A name that no other window, and no earlier interruption, has taken.
QString free_session_file(const QFileInfo& settings) {
    for (int n = 1;; ++n) {
        const QString number = n == 1 ? QString() : QStringLiteral("-%1").arg(n);
        const QString path = settings.dir().filePath(settings.completeBaseName() + QStringLiteral("-interrupted") +
                                                     number + QLatin1String(session_suffix));
        if (!QFileInfo::exists(path)) return path;
    }
}
} // namespace

void MainWindow::saveAndLeave() {
    int code = 0;
    if (session_.model()) {
        const QFileInfo settings(settings_.fileName());
        const QString path = session_path_.isEmpty() ? free_session_file(settings) : session_path_;
        QDir().mkpath(settings.path());
        const auto problem = std::make_shared<std::optional<ErrorInfo>>();
        const SessionFile file = sessionFile();
        keeper().keep(
            path, // behind what was to be written there before
            [path, file, problem] {
                try {
                    (void)write_session(path, file);
                } catch (...) {
                    *problem = current_error();
                }
            },
            this, [](const QString&) {});
        keeper().finish();
        if (*problem) {
            QTextStream(stderr) << "graticule: the session was not saved: "
                                << QString::fromStdString((*problem)->text()) << Qt::endl;
            code = exit_code((*problem)->kind);
        } else {
            remember_model(settings_, path);
            takeSaved(path, file);
            QTextStream(stderr) << "graticule: stopped; the session is in " << path << Qt::endl;
        }
    }
    saveLayout();
    settings_.sync();
    tick_->stop();
    session_.runList().markCutOff();
    session_.leaveJobs();
    QApplication::exit(code); // also out of a dialog that is open
}

void MainWindow::askSaveSession() {
    const QString name = QString::fromStdString(session_.model()->name()) + QLatin1String(session_suffix);
    QFileDialog dialog(this, tr("Save session"), {}, filter);
    dialog.setAcceptMode(QFileDialog::AcceptSave);
    dialog.setDefaultSuffix(QString::fromLatin1(session_suffix + 1));
    dialog.selectFile(session_path_.isEmpty() ? name : session_path_);
    if (dialog.exec() == QDialog::Accepted) saveSession(dialog.selectedFiles().front());
}

void MainWindow::askSession() {
    const QString path = QFileDialog::getOpenFileName(this, tr("Session"), {}, filter);
    if (!path.isEmpty()) openSession(path);
}

// The file is read whole before anything is touched; the rest waits for the model.
void MainWindow::openSession(const QString& path) {
    SessionFile file;
    try {
        file = read_session(path);
    } catch (const Error& error) {
        const QString why = QString::fromStdString(error.info().text());
        if (session_.model()) return showFailure(tr("Open session"), why);
        jobs_->addLogLine(why);
        return welcome_->setProblem(why);
    }
    if (!mayOpenAnother()) return;
    giveUpOpening(path);
    const JobId job = session_.open(file.model);
    opening_ = {std::move(file), path, job};
    updateOpening(); // under the session's name
}

void MainWindow::openAgain() {
    if (!session_.model() || !mayOpenAnother()) return;
    SessionFile here = sessionFile();
    giveUpOpening(session_.modelPath());
    again_ = {session_.open(session_.modelPath()), std::move(here.selection), std::move(here.view)};
}

void MainWindow::finishOpening() {
    if (again_ && again_->job == session_.openedBy()) {
        const Again again = *std::exchange(again_, std::nullopt);
        showPlaces(again.view);
        if (const auto layers = session_.layersNamed(again.selection); !layers.empty()) session_.select(layers);
    }
    // Only over the model that was opened for it: its own opening may have been cancelled, and the path is no answer.
    if (!opening_ || opening_->job != session_.openedBy()) return;
    session_path_ = opening_->path;
    const SessionFile file = std::exchange(opening_, std::nullopt)->file;
    // Unsaved work comes into the window as it stands.
    if (!size_given_) restoreGeometry(file.view.geometry);
    restoreView(file);
    session_.restore(file);
    kept_ = work_alone(sessionFile());
    kept_->changed = QFileInfo(session_path_).lastModified();
    takeSaved(session_path_, file);
}

void MainWindow::restoreView(const SessionFile& file) {
    evaluation_ = file.evaluation;
    jobs_->setNotes(file.notes);
    const QSize here = size();
    restoreState(file.view.layout, layoutVersion);
    drawn_borders_ = file.view.drawn_borders;
    resize(here.boundedTo(screen()->availableSize()).expandedTo(minimumSize())); // perhaps of a larger screen
    moveIntoScreen();
    // It may have been of another size. Later: for a moment Qt puts back what was restored whenever the size changes.
    constexpr int restored_ms = 250;
    QTimer::singleShot(restored_ms, this, [this] { fitDocks({}); });
    showPlaces(file.view);
}

void MainWindow::showPlaces(const SessionView& view) {
    bookmarks_ = view.bookmarks;
    bookmarks_.resize(std::min(bookmarks_.size(), most_bookmarks));
    layers_->setFilterText(view.filter);
    layers_->sortBy(view.sort_column, view.descending ? Qt::DescendingOrder : Qt::AscendingOrder);
    if (view.plot >= 0 && view.plot < plots_->count()) plots_->setCurrentIndex(view.plot);
    first_selection_.clear(); // whatever is selected now was chosen
}

QString MainWindow::modelFile() const { return QString::fromStdString(session_.model()->parts().path.string()); }

void MainWindow::keepDraft() {
    draft_soon_->stop();
    if (!session_.model()) return;
    SessionFile file = work_alone(sessionFile());
    if (saved_ && same_work(*saved_, file)) file.saved_as = session_path_;
    file.changed = kept_ && same_work(*kept_, file) ? kept_->changed : QDateTime::currentDateTime();
    kept_ = file;
    keeper().keep(
        draft_.file(modelFile()), [draft = draft_, model = modelFile(), file] { draft.keep(model, file); }, this,
        [this](const QString& why) { jobs_->addLogLine(tr("Unsaved work was not kept: %1").arg(why)); });
}

void MainWindow::offerDrafts() {
    offer_->withdraw();
    offered_.clear();
    taken_up_.clear();
    kept_.reset();
    draft_.begin();
    keeper().ask<Draft::There>([draft = draft_, model = modelFile()] { return draft.find(model); }, this,
                               [this, model = session_.model()](const Draft::There& there) {
                                   if (model == session_.model()) takeOffers(there);
                               });
}

void MainWindow::takeOffers(const Draft::There& there) {
    if (there.of_open_windows > 0)
        jobs_->addLogLine(tr("Another window works on this model: each keeps its own unsaved work; their runs are kept "
                             "together"));
    if (there.dropped > 0) jobs_->addLogLine(tr("%n old draft(s) of this model were removed", nullptr, there.dropped));
    const QString open = opening_ ? opening_->path : session_path_;
    offered_.clear();
    for (const Draft::Found& found : there.found) // what is open needs no offer, nor does what was left for another
        if ((found.file.saved_as.isEmpty() || found.file.saved_as != open) && !taken_up_.contains(found.path))
            offered_.push_back(found);
    showOffer();
}

namespace {
QString quantized_text(const std::optional<KeptLinears>& kept) {
    return kept && kept->linears > 0 ? kept_text(*kept) : QObject::tr("not begun");
}

/// "w=int4/..., stopped at 5 of 24 windows; ..."
QString stopped_text(const std::vector<const Run*>& runs) {
    QStringList named;
    for (const Run* run : runs) {
        if (run->hasWindows())
            named << QObject::tr("%1, stopped at %2 of %3 windows")
                         .arg(run->name)
                         .arg(run->losses().size())
                         .arg(run->evaluation->protocol.windows_used);
        else
            named << run->name + QStringLiteral(", ") + quantized_text(run->kept);
    }
    return named.join(QStringLiteral("; "));
}

QString time_text(const Draft::Found& found) { return found.when.toString(QStringLiteral("yyyy-MM-dd HH:mm")); }
QString saved_name(const Draft::Found& found) { return QFileInfo(found.file.saved_as).fileName(); } // empty: nowhere

/// One alone, as a sentence.
QString sentence_of(const Draft::Found& found) {
    if (found.file.saved_as.isEmpty())
        return QObject::tr("There is unsaved work on this model, of %1: %2.").arg(time_text(found), found.contents);
    return QObject::tr("The work of %1 is in the session %2: %3.")
        .arg(time_text(found), saved_name(found), found.contents);
}

/// `kept`: of a quantization that was no run's.
OfferBar::Piece piece_of(const Draft::Found& found, const std::vector<const Run*>& stopped, const QString& kept) {
    const QString saved = saved_name(found);
    // What tells it from the others comes first: the end has no room in a narrow window.
    QString line = time_text(found) + QStringLiteral(" · ") + QString::fromStdString(summary_line(found.file.recipe)) +
                   QStringLiteral(" · ");
    if (!saved.isEmpty()) line += QObject::tr("in %1 · ").arg(saved);
    line += found.contents;
    if (!kept.isEmpty()) line += QStringLiteral(" · ") + kept;
    if (!stopped.empty()) line += QObject::tr(" · stopped: %1").arg(stopped_text(stopped));
    if (saved.isEmpty()) return {line, QObject::tr("Go on with it"), QObject::tr("Discard it")};
    return {line, QObject::tr("Open %1").arg(saved), QObject::tr("Leave it there")};
}
} // namespace

// Work that was gone on with since is another window's now: then its history says so.
const Draft::Found* MainWindow::workOf(const Run& run) const {
    const bool known = std::ranges::find(offered_, run.window, &Draft::Found::window) != offered_.end();
    const auto found = std::ranges::find_if(offered_, [&](const Draft::Found& draft) {
        if (!draft.file.saved_as.isEmpty()) return false; // the session's file holds no run of later
        if (known) return run.window == draft.window;
        const std::vector<RecipeHistory::Step>& steps = draft.file.history;
        return !run.full_precision && std::ranges::find(steps, run.recipe, &RecipeHistory::Step::recipe) != steps.end();
    });
    return found == offered_.end() ? nullptr : &*found;
}

void MainWindow::showOffer() {
    if (opening_ || tour_->running()) return; // a session file brings its own
    offered_runs_ = cutOffRuns();
    std::vector<std::vector<const Run*>> own(offered_.size());
    std::vector<const Run*> others; // of none of the work that is offered
    for (const int id : offered_runs_) {
        const Run* run = session_.run(id);
        const Draft::Found* work = workOf(*run);
        (work ? own[static_cast<std::size_t>(work - offered_.data())] : others).push_back(run);
    }
    if (offered_.empty()) {
        if (!others.empty())
            offer_->offer(tr("Not finished when the window ended: %1.").arg(stopped_text(others)), tr("Continue"),
                          tr("Leave it"));
        return;
    }
    const QString go_on = offered_runs_.empty() ? QString() : tr("Continue what was stopped");
    std::vector<OfferBar::Piece> pieces;
    QString kept; // of quantizing the recipe on its own
    for (std::size_t i = 0; i < offered_.size(); ++i) {
        const Recipe& recipe = offered_[i].file.recipe;
        const bool run = std::ranges::any_of(offered_runs_, [&](int id) { return session_.run(id)->recipe == recipe; });
        const auto linears = run ? std::nullopt : session_.keptOf(recipe);
        kept = linears ? kept_text(*linears) : QString();
        pieces.push_back(piece_of(offered_[i], own[i], kept));
    }
    if (pieces.size() == 1) {
        QString text = sentence_of(offered_.front());
        if (!kept.isEmpty()) text += tr(" Kept of it: %1.").arg(kept);
        if (!own.front().empty()) text += tr(" Stopped with it: %1.").arg(stopped_text(own.front()));
        if (!others.empty()) text += tr(" Stopped besides it: %1.").arg(stopped_text(others));
        return offer_->offer(text, pieces.front().yes, pieces.front().no, go_on);
    }
    QString text =
        tr("There are %1 pieces of work on this model; those that are not gone on with stay kept.").arg(pieces.size());
    if (!others.empty()) text += tr(" Stopped besides them: %1.").arg(stopped_text(others));
    offer_->offerOneOf(text, std::move(pieces), go_on, tr("Not now"));
}

Draft::Found MainWindow::takeChosen() {
    const auto chosen = offered_.begin() + static_cast<std::ptrdiff_t>(std::min(offer_->chosen(), offered_.size() - 1));
    Draft::Found taken = std::move(*chosen);
    offered_.erase(chosen);
    return taken;
}

// What was made here meanwhile becomes a draft like the others, and is offered with them. Each is gone on with once:
// two of them would take turns for ever. What is left for another stays kept, for the next opening.
void MainWindow::takeDraft() {
    if (offered_.empty()) return;
    const Draft::Found taken = takeChosen();
    if (const QString session = taken.file.saved_as; !session.isEmpty()) {
        keeper().ask<bool>([path = taken.path] { return QFile::remove(path); }, this, [](bool) {});
        return openSession(session);
    }
    keepDraft();
    const bool leaves = taken_up_.contains(draft_.file(modelFile()));
    draft_.begin();
    taken_up_.insert(draft_.file(modelFile()));
    restoreView(taken.file);
    session_.takeWork(taken.file);
    kept_ = work_alone(sessionFile()); // so it stands here; nothing of it has changed
    kept_->changed = taken.when;
    jobs_->addLogLine(leaves
                          ? tr("Unsaved work is back; the work before it is kept, and offered when the model is opened "
                               "again")
                          : tr("Unsaved work is back"));
    keepDraft();
    // Not before the same is on the disk again.
    const auto settle = [draft = draft_, model = modelFile(), path = taken.path] {
        if (QFileInfo::exists(draft.file(model))) QFile::remove(path);
        return draft.find(model);
    };
    keeper().ask<Draft::There>(settle, this, [this, model = session_.model()](const Draft::There& there) {
        if (model == session_.model()) takeOffers(there);
    });
}

void MainWindow::discardDraft() {
    if (offered_.empty()) return;
    keeper().ask<bool>([path = takeChosen().path] { return QFile::remove(path); }, this, [](bool) {});
    showOffer();
}

// All of it stays kept, for the next opening.
void MainWindow::putOffDrafts() {
    offered_.clear();
    showOffer();
}

void MainWindow::sayRestored() { jobs_->addLogLine(tr("Session %1 is back").arg(QFileInfo(session_path_).fileName())); }

} // namespace graticule
