#include "app/window/save_plots.h"

#include <QtCore/QDir>
#include <algorithm>

#include "app/window/plot_feed.h"
#include "core/base/error.h"
#include "core/io/output_file.h"
#include "widgets/plots/painter_qt.h"
#include "widgets/theme/theme.h"

namespace graticule {

SavePlots::SavePlots(Session& session, Recipe recipe, QString folder, int linears, QSizeF size)
    : session_(session)
    , recipe_(std::move(recipe))
    , folder_(std::move(folder))
    , linears_(linears)
    , size_(size) {
    connect(&session_, &Session::failed, this,
            [this](const QString& title, const QString& text) { fail(title + QStringLiteral(": ") + text); });
    connect(&session_, &Session::openFailed, this, [this](const QString&, const QString& why) { fail(why); });
    connect(&timer_, &QTimer::timeout, this, &SavePlots::poll);
}

void SavePlots::start(const QString& model) {
    if (!QDir().mkpath(folder_)) return fail(tr("%1: the folder cannot be made").arg(folder_));
    session_.open(model);
    timer_.start(20);
}

void SavePlots::fail(const QString& why) {
    timer_.stop();
    Q_EMIT failed(why);
}

void SavePlots::poll() {
    session_.poll();
    if (session_.jobs().busy() || !session_.model()) return;
    switch (step_) {
    case Step::opening:
        session_.setRecipe(recipe_, tr("recipe"));
        step_ = Step::quantizing;
        if (const Diagnostics& found = session_.resolution().diagnostics; found.has_errors())
            return fail(QString::fromStdString(found.text()));
        session_.calibrate(recipe_.calibration); // the reports and the plots are of inputs, whatever the recipe needs
        session_.quantize();
        return;
    case Step::quantizing:
        step_ = Step::saving;
        takeWorst();
        if (!worst_.empty()) session_.select({worst_.front()});
        return saveWhole();
    case Step::saving:
        if (!session_.whatIfs().idle()) return;
        if (at_ < worst_.size()) saveSelected();
        if (++at_ < worst_.size()) return session_.select({worst_[at_]});
        timer_.stop();
        Q_EMIT ended();
    }
}

void SavePlots::takeWorst() {
    std::vector<LayerReport> reports = session_.reports();
    std::ranges::stable_sort(reports, {}, sqnr_for_order);
    for (const LayerReport& report : reports)
        if (std::ssize(worst_) < linears_) worst_.push_back(report.layer);
}

void SavePlots::save(const QString& name, const plots::PlotScene& scene) {
    const QString path = QDir(folder_).filePath(name + QStringLiteral(".svg"));
    try {
        // Not Origin::checked_before: counts of weights are read while they are drawn.
        atomic_write_file(path.toStdString(),
                          plots::render_svg(scene, plots::View(), theme::light(), size_).toStdString());
    } catch (const Error& error) {
        return fail(QString::fromStdString(error.info().text()));
    }
    Q_EMIT written(path);
}

void SavePlots::saveWhole() {
    save(QStringLiteral("error"), error_plot(session_));
    save(QStringLiteral("heat-map-sqnr"), heat_map_plot(session_, LayerStatistic::sqnr));
    save(QStringLiteral("heat-map-outlier"), heat_map_plot(session_, LayerStatistic::outlier));
}

void SavePlots::saveSelected() {
    const QString name = QString::fromStdString(session_.model()->linear(worst_[at_]).short_name);
    save(name + QStringLiteral(".weights"), distribution_plot(session_, DistributionOf::weight));
    save(name + QStringLiteral(".inputs"), distribution_plot(session_, DistributionOf::input));
    save(name + QStringLiteral(".channels"), channels_plot(session_, false, {}));
}

} // namespace graticule
