// PlotSurface's mouse and keyboard.
#include "widgets/plots/plot_surface.h"

#include <QtGui/QAction>
#include <QtGui/QContextMenuEvent>
#include <QtGui/QMouseEvent>
#include <QtGui/QWheelEvent>
#include <QtWidgets/QApplication>
#include <QtWidgets/QMenu>
#include <cmath>

namespace graticule::plots {

void PlotSurface::mousePressEvent(QMouseEvent* event) {
    setFocus(Qt::MouseFocusReason);
    gesture_began_.invalidate();
    if (event->button() == Qt::BackButton) return zoomBack();
    if (event->button() == Qt::ForwardButton) return zoomForward();
    if (event->button() != Qt::LeftButton) return QWidget::mousePressEvent(event);
    pointer_ = pressed_at_ = event->position();
    if (const auto grip = threshold_at(scene_, picture(), pointer_)) {
        gesture_ = Gesture::threshold;
        gesture_panel_ = grip->first;
        gesture_threshold_ = grip->second;
        return;
    }
    const auto panel = panel_at(picture(), pointer_);
    if (!panel) return;
    gesture_panel_ = *panel;
    gesture_ = event->modifiers() & Qt::ShiftModifier ? Gesture::box : Gesture::press;
}

void PlotSurface::mouseMoveEvent(QMouseEvent* event) {
    const QPointF before = pointer_;
    pointer_ = event->position();
    pointer_inside_ = true;
    switch (gesture_) {
    case Gesture::press:
        if ((pointer_ - pressed_at_).manhattanLength() < QApplication::startDragDistance()) break;
        gesture_ = Gesture::pan;
        setCursor(Qt::ClosedHandCursor);
        [[fallthrough]];
    case Gesture::pan: {
        const bool has_y = gesture_panel_ < view_.y.size() && view_.y[gesture_panel_];
        setView(panned(scene_, picture(), view_, gesture_panel_, pointer_ - before,
                       has_y ? Direction::both : Direction::x));
        break;
    }
    case Gesture::threshold: {
        const AxisMap& y = picture().panels[gesture_panel_].y;
        Threshold& threshold = scene_.panels[gesture_panel_].thresholds[gesture_threshold_];
        const double moved = threshold.y = y.value(y.nearest_end(pointer_.y()));
        if (!threshold.moved_label.isEmpty()) threshold.label = threshold.moved_label; // no longer the rule it was
        refresh();
        Q_EMIT thresholdMoved(moved); // may set another scene: `threshold` is not used after this
        break;
    }
    case Gesture::none:
        setCursor(threshold_at(scene_, picture(), pointer_) ? Qt::SizeVerCursor : Qt::ArrowCursor);
        break;
    case Gesture::box:
        break;
    }
    repaintOverlay();
}

void PlotSurface::mouseReleaseEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton) return QWidget::mouseReleaseEvent(event);
    pointer_ = event->position();
    const Gesture done = std::exchange(gesture_, Gesture::none);
    setCursor(Qt::ArrowCursor);
    if (done == Gesture::press) {
        click(pointer_);
    } else if (done == Gesture::box) {
        setView(zoomed_to(scene_, picture(), view_, gesture_panel_, QRectF(pressed_at_, pointer_)));
    } else if (done == Gesture::threshold) {
        Q_EMIT thresholdReleased(scene_.panels[gesture_panel_].thresholds[gesture_threshold_].y);
    }
    repaintOverlay();
}

void PlotSurface::click(QPointF at) {
    const auto found = read_out(scene_, picture(), at);
    if (!found) return;
    if (found->row >= 0)
        Q_EMIT cellClicked(found->row, found->id);
    else
        Q_EMIT itemClicked(int(found->panel), found->series, found->id);
}

void PlotSurface::mouseDoubleClickEvent(QMouseEvent* event) {
    if (event->button() == Qt::LeftButton) resetView();
}

void PlotSurface::leaveEvent(QEvent*) {
    pointer_inside_ = false;
    repaintOverlay();
}

void PlotSurface::wheelEvent(QWheelEvent* event) {
    // The frame's surroundings count too: the wheel over an axis zooms as well.
    const auto panel = panel_at(picture(), event->position(), 60);
    const QPoint turn = event->angleDelta();
    const int amount = turn.y() != 0 ? turn.y() : turn.x();
    if (!panel || amount == 0) return event->ignore();
    const Direction direction = event->modifiers() & Qt::ControlModifier ? Direction::both
                                : event->modifiers() & Qt::ShiftModifier ? Direction::y
                                                                         : Direction::x;
    const double factor = std::pow(0.8, amount / 120.0);
    pointer_ = event->position();
    setView(zoomed(scene_, picture(), view_, *panel, pointer_, factor, direction));
    event->accept();
}

void PlotSurface::keyPressEvent(QKeyEvent* event) {
    if (scene_.panels.empty()) return QWidget::keyPressEvent(event);
    const QRectF plot = picture().panels.front().plot;
    const double step = plot.width() / 10;
    const auto pan = [&](QPointF delta, Direction direction) {
        setView(panned(scene_, picture(), view_, 0, delta, direction));
    };
    const auto zoom = [&](double factor) {
        setView(zoomed(scene_, picture(), view_, 0, plot.center(), factor, Direction::x));
    };
    switch (event->key()) {
    case Qt::Key_Left:
        return pan({step, 0}, Direction::x);
    case Qt::Key_Right:
        return pan({-step, 0}, Direction::x);
    case Qt::Key_Up:
        return pan({0, step / 2}, Direction::y);
    case Qt::Key_Down:
        return pan({0, -step / 2}, Direction::y);
    case Qt::Key_Plus:
    case Qt::Key_Equal:
        return zoom(0.8);
    case Qt::Key_Minus:
        return zoom(1.25);
    case Qt::Key_Home:
    case Qt::Key_0:
        return resetView();
    case Qt::Key_Backspace:
        return event->modifiers() & Qt::ShiftModifier ? zoomForward() : zoomBack();
    case Qt::Key_L:
        if (offersLogarithm()) return setLogarithmic(!view_.logarithmic);
        break;
    default:
        break;
    }
    QWidget::keyPressEvent(event);
}

void PlotSurface::contextMenuEvent(QContextMenuEvent* event) {
    QMenu menu(this);
    if (offersLogarithm()) menu.addAction(log_action_);
    menu.addAction(tr("Show everything"), this, &PlotSurface::resetView);
    menu.addAction(tr("Zoom back"), this, &PlotSurface::zoomBack)->setEnabled(canZoomBack());
    menu.addAction(tr("Zoom forward"), this, &PlotSurface::zoomForward)->setEnabled(canZoomForward());
    menu.addSeparator();
    menu.addAction(tr("Copy data"), this, &PlotSurface::copyData);
    menu.addAction(tr("Save data as CSV…"), this, &PlotSurface::saveData);
    menu.addAction(tr("Save picture as PNG or SVG…"), this, &PlotSurface::saveImage);
    menu.exec(event->globalPos());
}

} // namespace graticule::plots
