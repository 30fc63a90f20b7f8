// The widget that shows a scene: Dear ImGui in OpenGL where there is OpenGL, QPainter where there is none. Reads the
// mouse and the keyboard, keeps the view, exports.
//
//     auto* plot = new plots::PlotSurface(this);
//     plot->setScene(plots::channels_scene(data));
//     connect(plot, &plots::PlotSurface::itemClicked, this, [](int panel, const QString& series, qint64 id) { ... });
//
// Wheel zooms x (Ctrl: both, Shift: y), drag pans, Shift+drag zooms to a box, double click or Home shows everything,
// arrows pan, + and - zoom, Backspace takes back the last of these (Shift+Backspace: again), L switches the logarithmic
// axis, the context menu has the rest.
#pragma once

#include "widgets/plots/plot_view.h"

#include <QtCore/QElapsedTimer>
#include <QtCore/QString>
#include <QtGui/QImage>
#include <QtWidgets/QWidget>
#include <functional>
#include <memory>
#include <optional>
#include <string>

class QAction;
class QHBoxLayout;
class QToolButton;

namespace graticule::plots {

/// Whether an OpenGL 3.3 core context can be made here; `why` says what is missing. Asked once, then remembered by the
/// caller.
[[nodiscard]] bool opengl_available(std::string& why);

class PlotCanvas;

class PlotSurface final : public QWidget {
    Q_OBJECT

public:
    /// OpenGL on the screen, or into a picture of the plot; the second where the processor plays the card.
    enum class Renderer { automatic, opengl, software };

    explicit PlotSurface(QWidget* parent = nullptr, Renderer renderer = Renderer::automatic);
    ~PlotSurface() override;

    /// Keeps the reader's zoom if the new scene has the same x_key and as many panels.
    void setScene(PlotScene scene);
    [[nodiscard]] const PlotScene& scene() const { return scene_; }
    [[nodiscard]] const View& view() const { return view_; }
    [[nodiscard]] const Picture& picture() const; ///< of the present size
    [[nodiscard]] bool usesOpenGl() const { return opengl_; }

    /// Where scenes hold only what is in sight: who gives the whole one, which is what data files and the clipboard
    /// get.
    void setWhole(std::function<PlotScene()> whole) { whole_ = std::move(whole); }
    void setLogarithmic(bool logarithmic);
    void resetView();
    /// Views are taken back one gesture at a time: a stack of its own, apart from the undo of what is edited.
    [[nodiscard]] bool canZoomBack() const { return !views_before_.empty(); }
    [[nodiscard]] bool canZoomForward() const { return !views_after_.empty(); }
    void zoomBack();
    void zoomForward();
    /// A control in the row of buttons beside the title (takes ownership); the built-in ones stay at the right.
    void addTool(QWidget* tool);

    [[nodiscard]] QImage renderImage(double scale = 2) const;
    [[nodiscard]] QByteArray renderSvg() const;
    [[nodiscard]] QString summary() const;

    QSize sizeHint() const override { return {640, 320}; }
    QSize minimumSizeHint() const override { return {240, 140}; }

public Q_SLOTS:
    void copyData();
    void saveImage();
    void saveData();

Q_SIGNALS:
    void itemClicked(int panel, const QString& series, qint64 id);
    void cellClicked(qint64 row, qint64 column);
    void thresholdMoved(double value);    ///< while it is dragged
    void thresholdReleased(double value); ///< once, at the end
    void viewChanged();
    void openglUnavailable(const QString& why);
    void failed(const QString& why); ///< a file could not be written

protected:
    bool event(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    enum class Gesture { none, press, pan, box, threshold };

    void makeTools();
    void makeCanvas(Renderer renderer);
    void useSoftware(const QString& why);
    void placeTools();
    void refresh(); ///< the picture is stale
    void repaintOverlay();
    void setView(View view); ///< by a gesture, which can be taken back
    void showView(View view);
    void click(QPointF at);
    [[nodiscard]] std::vector<Primitive> overlay() const;
    [[nodiscard]] const theme::Theme& look() const;
    [[nodiscard]] bool offersLogarithm() const;
    [[nodiscard]] DataTable wholeTable() const;
    [[nodiscard]] QString fileName() const; ///< a suggestion, without its suffix

    PlotScene scene_;
    std::function<PlotScene()> whole_;
    View view_;
    std::vector<View> views_before_, views_after_; // of the scenes of this kind
    QElapsedTimer gesture_began_;                  // while the turns of a wheel are one gesture
    QString shown_key_;                            ///< x_key of the last scene that had panels
    std::size_t shown_panels_ = 0;
    mutable std::optional<Picture> picture_;
    PlotCanvas* canvas_ = nullptr;
    bool opengl_ = false;
    QWidget* tools_ = nullptr;
    QHBoxLayout* tool_row_ = nullptr;
    QAction* log_action_ = nullptr;
    QToolButton* copy_button_ = nullptr;
    QToolButton* save_button_ = nullptr;

    Gesture gesture_ = Gesture::none;
    QPointF pointer_, pressed_at_;
    bool pointer_inside_ = false;
    std::size_t gesture_panel_ = 0, gesture_threshold_ = 0;
};

} // namespace graticule::plots
