// Opens, calibrates and quantizes a model, then writes its plots as SVG: the whole model's, and those of the linears
// that the recipe harms most. Needs no display: graticule MODEL --recipe R --save-plots DIR.
#pragma once

#include <QtCore/QObject>
#include <QtCore/QTimer>
#include <optional>
#include <vector>

#include "app/session/session.h"
#include "widgets/plots/plot_scene.h"

namespace graticule {

class SavePlots final : public QObject {
    Q_OBJECT
public:
    /// `linears`: how many of the worst, by the SQNR of their outputs. `size` of a picture in logical pixels.
    SavePlots(Session& session, Recipe recipe, QString folder, int linears, QSizeF size);
    void start(const QString& model);

Q_SIGNALS:
    void written(const QString& file);
    void ended(); ///< all written
    void failed(const QString& why);

private:
    void poll();
    void takeWorst();
    void save(const QString& name, const plots::PlotScene& scene);
    void saveWhole();
    void saveSelected();
    void fail(const QString& why);

    Session& session_;
    Recipe recipe_;
    QString folder_;
    int linears_;
    QSizeF size_;
    enum class Step { opening, quantizing, saving } step_ = Step::opening;
    std::vector<LayerId> worst_;
    std::size_t at_ = 0;
    QTimer timer_;
};

} // namespace graticule
