#include "widgets/plots/plot_surface.h"

#include "widgets/plots/painter_qt.h"
#include "widgets/plots/plot_canvas.h"
#include "widgets/plots/scene_text.h"

#include <QtCore/QBuffer>
#include <QtCore/QFileInfo>
#include <QtCore/QRegularExpression>
#include <QtCore/QSaveFile>
#include <QtCore/QTimer>
#include <QtGui/QAction>
#include <QtGui/QClipboard>
#include <QtGui/QContextMenuEvent>
#include <QtGui/QGuiApplication>
#include <QtGui/QHelpEvent>
#include <QtGui/QMouseEvent>
#include <QtWidgets/QFileDialog>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLineEdit>
#include <QtWidgets/QMenu>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QToolTip>
#include <cmath>

namespace graticule::plots {

PlotSurface::PlotSurface(QWidget* parent, Renderer renderer)
    : QWidget(parent) {
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setAccessibleName(tr("Plot"));
    makeCanvas(renderer);
    makeTools();
    scene_.empty_text = tr("Nothing to show yet");
}

PlotSurface::~PlotSurface() = default;

void PlotSurface::makeCanvas(Renderer renderer) {
    std::string why;
    // Where the processor plays the card, a QOpenGLWidget has it compose the whole window at each change anywhere in it
    // (a table that scrolls costs ten frames' time), and draws a plot five times as long as QPainter.
    if (renderer == Renderer::automatic && opengl_available(why))
        renderer = opengl_is_software() ? Renderer::software : Renderer::opengl;
    opengl_ = renderer == Renderer::opengl;
    if (opengl_) {
        canvas_ = make_gl_canvas(this, [this](const QString& reason) { useSoftware(reason); });
    } else {
        canvas_ = make_software_canvas(this);
        // Nobody is connected yet while the constructor runs.
        if (!why.empty())
            QTimer::singleShot(0, this, [this, why] { Q_EMIT openglUnavailable(QString::fromStdString(why)); });
    }
}

void PlotSurface::useSoftware(const QString& why) {
    canvas_->widget()->deleteLater();
    canvas_->widget()->hide();
    canvas_ = make_software_canvas(this);
    opengl_ = false;
    canvas_->widget()->setGeometry(rect());
    canvas_->widget()->lower();
    canvas_->widget()->QWidget::show();
    refresh();
    Q_EMIT openglUnavailable(why);
}

void PlotSurface::makeTools() {
    tools_ = new QWidget(this);
    tools_->setCursor(Qt::ArrowCursor);
    tool_row_ = new QHBoxLayout(tools_);
    tool_row_->setContentsMargins(0, 0, 0, 0);
    tool_row_->setSpacing(2);
    const auto add = [this](const QString& text, const QString& help) {
        auto* button = new QToolButton(tools_);
        button->setText(text);
        button->setToolTip(help);
        button->setAccessibleName(help);
        button->setFocusPolicy(Qt::TabFocus);
        button->setProperty("tool", true);
        tool_row_->addWidget(button);
        return button;
    };
    auto* log_button = add(tr("log"), tr("Logarithmic axis (L)"));
    log_action_ = new QAction(tr("Logarithmic axis"), this);
    log_action_->setCheckable(true);
    log_button->setCheckable(true);
    connect(log_button, &QToolButton::clicked, this, [this](bool on) { setLogarithmic(on); });
    connect(log_action_, &QAction::triggered, this, [this](bool on) { setLogarithmic(on); });
    connect(log_action_, &QAction::toggled, log_button, &QToolButton::setChecked);
    connect(log_action_, &QAction::changed, log_button, [this, log_button] {
        log_button->setVisible(log_action_->isVisible());
        placeTools();
    });
    copy_button_ = add(tr("copy data"), tr("Copy the numbers behind this plot (tab-separated)"));
    save_button_ = add(tr("save"), tr("Save this plot as PNG or SVG, with its caption"));
    connect(copy_button_, &QToolButton::clicked, this, &PlotSurface::copyData);
    connect(save_button_, &QToolButton::clicked, this, &PlotSurface::saveImage);
    copy_button_->setEnabled(false);
    save_button_->setEnabled(false);
    log_action_->setVisible(false);
}

void PlotSurface::addTool(QWidget* tool) {
    constexpr int built_in = 3;
    tool->setProperty("tool", true);
    tool_row_->insertWidget(tool_row_->count() - built_in, tool);
    placeTools();
}

void PlotSurface::placeTools() {
    tools_->adjustSize();
    tools_->move(width() - tools_->width() - 8, 5);
    tools_->raise();
    refresh();
}

void PlotSurface::setScene(PlotScene scene) {
    // An empty scene in between (while something is computed) must not forget what the reader chose.
    const bool same_axes = scene.panels.empty() || (scene.x_key == shown_key_ && scene.panels.size() == shown_panels_);
    if (!scene.panels.empty()) shown_panels_ = scene.panels.size();
    scene_ = std::move(scene);
    // What is being dragged may be gone.
    if (gesture_panel_ >= scene_.panels.size() ||
        (gesture_ == Gesture::threshold && gesture_threshold_ >= scene_.panels[gesture_panel_].thresholds.size()))
        gesture_ = Gesture::none;
    if (!same_axes) {
        const bool same_kind = scene_.x_key == shown_key_ && !shown_key_.isEmpty();
        view_ = View{{}, {}, same_kind ? view_.logarithmic : scene_.starts_logarithmic};
        shown_key_ = scene_.x_key;
        views_before_.clear();
        views_after_.clear();
    }
    log_action_->setVisible(offersLogarithm());
    log_action_->setChecked(view_.logarithmic);
    copy_button_->setEnabled(!scene_.panels.empty());
    save_button_->setEnabled(!scene_.panels.empty());
    setAccessibleDescription(summary_text(scene_));
    placeTools();
}

bool PlotSurface::offersLogarithm() const {
    for (const Panel& panel : scene_.panels)
        if (panel.y.log_span) return true;
    return false;
}

void PlotSurface::setLogarithmic(bool logarithmic) {
    View next = view_;
    next.logarithmic = logarithmic;
    if (logarithmic != view_.logarithmic) next.y.clear();
    setView(next);
}

void PlotSurface::resetView() {
    gesture_began_.invalidate(); // a step of its own
    View whole;
    whole.logarithmic = view_.logarithmic;
    setView(whole);
}

// A drag is one gesture however long it takes, turns of the wheel and repeated keys are one while they follow fast.
void PlotSurface::setView(View view) {
    constexpr qint64 together_ms = 700;
    constexpr std::size_t most = 100;
    if (view == view_) return log_action_->setChecked(view.logarithmic);
    const bool goes_on =
        gesture_began_.isValid() && (gesture_ == Gesture::pan || gesture_began_.elapsed() < together_ms);
    if (!goes_on) {
        views_before_.push_back(view_);
        if (views_before_.size() > most) views_before_.erase(views_before_.begin());
    }
    gesture_began_.start();
    views_after_.clear();
    showView(std::move(view));
}

void PlotSurface::zoomBack() {
    if (views_before_.empty()) return;
    views_after_.push_back(view_);
    View view = views_before_.back();
    views_before_.pop_back();
    gesture_began_.invalidate();
    showView(std::move(view));
}

void PlotSurface::zoomForward() {
    if (views_after_.empty()) return;
    views_before_.push_back(view_);
    View view = views_after_.back();
    views_after_.pop_back();
    gesture_began_.invalidate();
    showView(std::move(view));
}

void PlotSurface::showView(View view) {
    log_action_->setChecked(view.logarithmic);
    if (view == view_) return;
    view_ = std::move(view);
    refresh();
    Q_EMIT viewChanged();
}

const theme::Theme& PlotSurface::look() const { return theme::of(palette()); }

const Picture& PlotSurface::picture() const {
    if (!picture_) {
        const double room = tools_ ? tools_->width() + 12 : 0;
        picture_ = lay_out(scene_, view_, look(), {.size = QSizeF(size()), .title_room_right = room});
    }
    return *picture_;
}

void PlotSurface::refresh() {
    picture_.reset();
    if (width() < 8 || height() < 8) return;
    canvas_->show(picture().primitives, overlay());
}

void PlotSurface::repaintOverlay() { canvas_->showOverlay(overlay()); }

std::vector<Primitive> PlotSurface::overlay() const {
    std::vector<Primitive> result;
    if (hasFocus()) result.push_back(Box{QRectF(rect()), {}, look().faded(theme::Token::accent, 0.6), 0});
    if (!pointer_inside_ || scene_.panels.empty()) return result;
    if (gesture_ == Gesture::box) {
        const QRectF box =
            QRectF(pressed_at_, pointer_).normalized().intersected(picture().panels[gesture_panel_].plot);
        if (!box.isEmpty())
            result.push_back(Box{box, look().faded(theme::Token::accent, 0.15), look()[theme::Token::accent], 0});
        return result;
    }
    if (gesture_ != Gesture::none && gesture_ != Gesture::press) return result;
    if (const auto found = read_out(scene_, picture(), pointer_)) {
        auto card = read_out_card(*found, picture(), look(), pointer_);
        result.insert(result.end(), card.begin(), card.end());
    }
    return result;
}

bool PlotSurface::event(QEvent* event) {
    if (event->type() == QEvent::FocusIn || event->type() == QEvent::FocusOut) {
        const bool handled = QWidget::event(event);
        repaintOverlay();
        return handled;
    }
    if (event->type() == QEvent::ToolTip) {
        const auto* help = static_cast<QHelpEvent*>(event);
        for (const CutText& cut : picture().cut)
            if (cut.place.contains(help->pos())) {
                QToolTip::showText(help->globalPos(), cut.whole, this, cut.place.toRect());
                return true;
            }
    }
    return QWidget::event(event);
}

void PlotSurface::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    canvas_->widget()->setGeometry(rect());
    placeTools();
}

void PlotSurface::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange ||
        event->type() == QEvent::FontChange)
        placeTools();
}

QImage PlotSurface::renderImage(double scale) const {
    return render_image(scene_, view_, look(), QSizeF(size()), scale);
}

QByteArray PlotSurface::renderSvg() const { return render_svg(scene_, view_, look(), QSizeF(size())); }

QString PlotSurface::summary() const { return summary_text(scene_); }

DataTable PlotSurface::wholeTable() const { return data_table(whole_ ? whole_() : scene_); }

void PlotSurface::copyData() { QGuiApplication::clipboard()->setText(to_tsv(wholeTable())); }

namespace {

/// Writes all or nothing; the reason of a failure names the file.
std::optional<QString> write_file(const QString& path, const QByteArray& bytes) {
    QSaveFile file(path);
    if (file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size() && file.commit()) return std::nullopt;
    return PlotSurface::tr("cannot write %1: %2").arg(path, file.errorString());
}

bool is_named(const QString& path, const char* suffix) {
    return path.endsWith(QLatin1String(suffix), Qt::CaseInsensitive);
}

} // namespace

QString PlotSurface::fileName() const {
    QString name = scene_.title.isEmpty() ? QStringLiteral("plot") : scene_.title;
    static const QRegularExpression awkward(QStringLiteral("[^A-Za-z0-9_-]+")); // dots too: they start a suffix
    return name.replace(awkward, QStringLiteral("-"));
}

// The name follows the kind that is chosen, so that the dialog asks before it replaces the file which is really
// written. A suffix that is typed after that wins over the kind; a name without one of the two has the kind chosen.
void PlotSurface::saveImage() {
    QFileDialog dialog(this, tr("Save plot"));
    dialog.setAcceptMode(QFileDialog::AcceptSave);
    dialog.setOption(QFileDialog::DontUseNativeDialog); // others tell of the chosen kind only at the end
    const QString svg = tr("Scalable vector graphics (*.svg)"), png = tr("Picture (*.png)");
    dialog.setNameFilters({svg, png});
    dialog.setDefaultSuffix(QStringLiteral("svg"));
    dialog.selectFile(fileName() + QStringLiteral(".svg"));
    // Qt has replaced what follows the last dot by then, also where that is no suffix: "w.int4" is "w.png".
    QString typed;
    auto* line = dialog.findChild<QLineEdit*>(QStringLiteral("fileNameEdit"));
    if (line) connect(line, &QLineEdit::textEdited, &dialog, [&typed](const QString& text) { typed = text; });
    connect(&dialog, &QFileDialog::filterSelected, &dialog, [&dialog, &typed, line, png](const QString& kind) {
        const QString suffix = kind == png ? QStringLiteral("png") : QStringLiteral("svg");
        dialog.setDefaultSuffix(suffix);
        QString name = QFileInfo(dialog.selectedFiles().value(0)).fileName();
        if (QFileInfo(typed).completeBaseName() == QFileInfo(name).completeBaseName())
            name = QFileInfo(typed).fileName();
        if (is_named(name, ".svg") || is_named(name, ".png")) name.chop(4);
        dialog.selectFile(name + u'.' + suffix);
        if (line) line->setText(name + u'.' + suffix); // selectFile leaves a field with the focus alone
    });
    if (dialog.exec() != QDialog::Accepted) return;
    const QString path = dialog.selectedFiles().value(0);
    const bool kind_is_png = dialog.selectedNameFilter() == png;
    if (is_named(path, ".png") || (kind_is_png && !is_named(path, ".svg"))) {
        QBuffer bytes;
        renderImage().save(&bytes, "PNG");
        if (const auto why = write_file(path, bytes.data())) Q_EMIT failed(*why);
    } else if (const auto why = write_file(path, renderSvg())) {
        Q_EMIT failed(*why);
    }
}

void PlotSurface::saveData() {
    const QString path = QFileDialog::getSaveFileName(
        this, tr("Save the plot's data"), fileName() + QStringLiteral(".csv"), tr("Comma-separated values (*.csv)"));
    if (path.isEmpty()) return;
    if (const auto why = write_file(path, to_csv(wholeTable()).toUtf8())) Q_EMIT failed(*why);
}

} // namespace graticule::plots
