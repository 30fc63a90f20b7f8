#include "app/window/pinned_plots.h"

#include <QtWidgets/QDockWidget>
#include <QtWidgets/QMainWindow>
#include <QtWidgets/QToolButton>
#include <algorithm>

#include "app/window/plot_feed.h"
#include "widgets/panels/panel_header.h"
#include "widgets/plots/plot_surface.h"

namespace graticule {

namespace {
plots::PlotScene scene_of(const Session& session, LayerId layer, PinnedPlots::Kind kind,
                          const std::optional<plots::Span>& visible) {
    switch (kind) {
    case PinnedPlots::Kind::weight:
        return distribution_plot(session, DistributionOf::weight, visible, layer);
    case PinnedPlots::Kind::input:
        return distribution_plot(session, DistributionOf::input, visible, layer);
    case PinnedPlots::Kind::channels:
        return channels_plot(session, false, {}, layer);
    case PinnedPlots::Kind::lengths:
        return sequence_length_plot(session, layer);
    }
    return {};
}

QString kind_name(PinnedPlots::Kind kind) {
    switch (kind) {
    case PinnedPlots::Kind::weight:
        return QObject::tr("weight");
    case PinnedPlots::Kind::input:
        return QObject::tr("input");
    case PinnedPlots::Kind::channels:
        return QObject::tr("input channels");
    case PinnedPlots::Kind::lengths:
        return QObject::tr("sequence length");
    }
    return {};
}

bool is_distribution(PinnedPlots::Kind kind) {
    return kind == PinnedPlots::Kind::weight || kind == PinnedPlots::Kind::input;
}
} // namespace

PinnedPlots::PinnedPlots(Session& session, QMainWindow& window)
    : QObject(&window)
    , session_(session)
    , window_(window) {
    for (const auto signal : {&Session::recipeChanged, &Session::statsChanged, &Session::reportsChanged,
                              &Session::runsChanged, &Session::decisionsChanged})
        connect(&session_, signal, this, &PinnedPlots::refreshAll);
    connect(&session_, &Session::modelLeaving, this, &PinnedPlots::clear);
    connect(&session_, &Session::whatIfChanged, this, [this](LayerId layer) {
        for (const Pin& pin : pins_)
            if (pin.layer == layer) refresh(pin);
    });
}

void PinnedPlots::pin(LayerId layer, Kind kind) {
    for (const Pin& pin : pins_)
        if (pin.layer == layer && pin.kind == kind) {
            pin.dock->show();
            return pin.dock->raise();
        }
    if (pins_.size() == most) unpin(pins_.front().dock);
    const QString name = QString::fromStdString(session_.model()->linear(layer).short_name);
    auto* dock = new QDockWidget(tr("%1, %2").arg(name, kind_name(kind)), &window_);
    auto* header = new PanelHeader(tr("Pinned"), dock);
    header->setSubtitle(dock->windowTitle(), dock->windowTitle());
    auto* plot = new plots::PlotSurface(dock);
    plot->setMinimumWidth(260);
    dock->setWidget(plot);
    dock->setTitleBarWidget(header);
    connect(header->addButton(QStringLiteral("✕"), tr("Unpin")), &QToolButton::clicked, dock,
            [this, dock] { unpin(dock); });
    connect(plot, &plots::PlotSurface::failed, this, &PinnedPlots::failed);
    const Pin made{layer, kind, dock, plot};
    if (is_distribution(kind)) {
        plot->setLogarithmic(true);
        plot->setWhole([this, layer, kind] { return scene_of(session_, layer, kind, {}); });
        // Queued: the surface is in the middle of a gesture when it tells.
        connect(
            plot, &plots::PlotSurface::viewChanged, this, [this, made] { refresh(made); }, Qt::QueuedConnection);
    }
    if (pins_.empty()) {
        window_.addDockWidget(Qt::TopDockWidgetArea, dock);
        window_.resizeDocks({dock}, {window_.centralWidget()->height() * 2 / 5}, Qt::Vertical);
    } else {
        window_.splitDockWidget(pins_.back().dock, dock, Qt::Horizontal);
    }
    pins_.push_back(made);
    sayWhich();
    refresh(made);
    dock->show();
}

// Counted for the part in sight, as in the plot that it was pinned from.
void PinnedPlots::refresh(const Pin& pin) const {
    if (!is_distribution(pin.kind)) return pin.plot->setScene(scene_of(session_, pin.layer, pin.kind, {}));
    const auto in_sight = pin.plot->view().x;
    pin.plot->setScene(scene_of(session_, pin.layer, pin.kind, in_sight));
    if (pin.plot->view().x != in_sight) pin.plot->setScene(scene_of(session_, pin.layer, pin.kind, pin.plot->view().x));
}

void PinnedPlots::refreshAll() const {
    for (const Pin& pin : pins_) refresh(pin);
}

void PinnedPlots::unpin(const QDockWidget* dock) {
    const auto found = std::find_if(pins_.begin(), pins_.end(), [dock](const Pin& pin) { return pin.dock == dock; });
    if (found == pins_.end()) return;
    found->dock->hide();
    found->dock->deleteLater();
    pins_.erase(found);
    sayWhich();
}

void PinnedPlots::clear() {
    while (!pins_.empty()) unpin(pins_.back().dock);
}

void PinnedPlots::sayWhich() {
    std::vector<LayerId> layers;
    for (const Pin& pin : pins_) layers.push_back(pin.layer);
    session_.setPinned(std::move(layers));
}

} // namespace graticule
