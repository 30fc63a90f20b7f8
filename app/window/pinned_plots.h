// Plots of single linears that stay while the selection moves, each a dock of its own: what is looked at now is held
// against it. They follow the recipe and the statistics, and go with their model.
#pragma once

#include <QtCore/QObject>
#include <vector>

#include "app/session/session.h"

class QDockWidget;
class QMainWindow;

namespace graticule {

namespace plots {
class PlotSurface;
}

class PinnedPlots final : public QObject {
    Q_OBJECT
public:
    enum class Kind { weight, input, channels, lengths };

    /// They stand above the window's plots, as wide as these, and beside one another.
    PinnedPlots(Session& session, QMainWindow& window);
    /// The same again brings the dock to the front; one too many takes the place of the oldest.
    void pin(LayerId layer, Kind kind);
    void clear();
    [[nodiscard]] std::size_t count() const { return pins_.size(); }

Q_SIGNALS:
    void failed(const QString& text); ///< a file could not be written

private:
    static constexpr std::size_t most = 4; // beyond, what-ifs would be made again at every change (WhatIfService)
    struct Pin {
        LayerId layer{};
        Kind kind = Kind::weight;
        QDockWidget* dock = nullptr;
        plots::PlotSurface* plot = nullptr;
    };
    void refresh(const Pin& pin) const;
    void refreshAll() const;
    void unpin(const QDockWidget* dock);
    void sayWhich(); ///< to the session, whose what-ifs they show

    Session& session_;
    QMainWindow& window_;
    std::vector<Pin> pins_;
};

} // namespace graticule
