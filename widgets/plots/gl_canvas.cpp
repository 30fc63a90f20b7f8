// An OpenGL canvas with a Dear ImGui context of its own. Qt handles every event; ImGui only draws.
#include "core/base/error.h"
#include "widgets/plots/canvas_widget.h"
#include "widgets/plots/painter_imgui.h"
#include "widgets/plots/plot_surface.h"

#include <QtCore/QTimer>
#include <QtGui/QCursor>
#include <QtGui/QOffscreenSurface>
#include <QtGui/QOpenGLContext>
#include <QtGui/QOpenGLFunctions>
#include <QtGui/QPaintEvent>
#include <QtGui/QSurfaceFormat>
#include <QtOpenGLWidgets/QOpenGLWidget>
#include <backends/imgui_impl_opengl3.h>
#include <imgui.h>
#include <memory>
#include <utility>

namespace graticule::plots {
namespace {

QSurfaceFormat core_format() {
    QSurfaceFormat format;
    format.setRenderableType(QSurfaceFormat::OpenGL);
    format.setVersion(3, 3);
    format.setProfile(QSurfaceFormat::CoreProfile);
    return format;
}

/// Dear ImGui in one OpenGL context, which its callers make current.
class ImGuiPainter {
public:
    [[nodiscard]] bool started() const { return gui_ != nullptr; }

    /// False: it could not start on this context.
    bool start() {
        IMGUI_CHECKVERSION();
        gui_ = ImGui::CreateContext();
        ImGui::SetCurrentContext(gui_);
        ImGuiIO& io = ImGui::GetIO();
        io.IniFilename = nullptr;
        io.ConfigFlags |= ImGuiConfigFlags_NoMouseCursorChange;
        if (!ImGui_ImplOpenGL3_Init("#version 330 core")) return false;
        // Many long curves need more vertices than 16-bit indices can name; with offsets ImGui starts a new draw
        // command there.
        GRATICULE_ASSERT(io.BackendFlags & ImGuiBackendFlags_RendererHasVtxOffset,
                         "OpenGL 3.2 and later draw with a base vertex");
        atlas_ratio_ = 0;
        return true;
    }

    void stop() {
        ImGui::SetCurrentContext(gui_);
        ImGui_ImplOpenGL3_Shutdown();
        ImGui::DestroyContext(std::exchange(gui_, nullptr));
    }

    /// `size` in logical pixels, `mouse` in the widget.
    void draw(const QSize& size, float ratio, const QPoint& mouse, const std::vector<Primitive>& base,
              const std::vector<Primitive>& overlay) {
        ImGui::SetCurrentContext(gui_);
        ImGuiIO& io = ImGui::GetIO();
        const bool new_characters = glyphs_.need(base) | glyphs_.need(overlay);
        if (new_characters || ratio != atlas_ratio_ || theme::text_scale() != atlas_scale_) {
            ImGui_ImplOpenGL3_DestroyFontsTexture();
            glyphs_.build(*io.Fonts, ratio);
            ImGui_ImplOpenGL3_CreateFontsTexture();
            atlas_ratio_ = ratio;
            atlas_scale_ = theme::text_scale();
        }
        io.DisplaySize = ImVec2(float(size.width()), float(size.height()));
        io.DisplayFramebufferScale = ImVec2(ratio, ratio);
        io.MousePos = ImVec2(float(mouse.x()), float(mouse.y()));
        io.DeltaTime = 1.0f / 60;
        ImGui_ImplOpenGL3_NewFrame();
        ImGui::NewFrame();
        ImDrawList& list = *ImGui::GetBackgroundDrawList();
        paint(list, glyphs_, base);
        paint(list, glyphs_, overlay);
        ImGui::Render();
        QOpenGLFunctions* gl = QOpenGLContext::currentContext()->functions();
        gl->glViewport(0, 0, int(float(size.width()) * ratio), int(float(size.height()) * ratio));
        gl->glClearColor(0, 0, 0, 1);
        gl->glClear(GL_COLOR_BUFFER_BIT);
        ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
    }

private:
    GlyphAtlas glyphs_;
    ImGuiContext* gui_ = nullptr;
    float atlas_ratio_ = 0;
    double atlas_scale_ = 1;
};

constexpr auto no_context = "no OpenGL 3.3 context could be made for this window";
constexpr auto no_gui = "Dear ImGui could not start on this OpenGL context";

/// Tells of a failure once.
class FailureOnce {
public:
    explicit FailureOnce(std::function<void(QString)> failed)
        : failed_(std::move(failed)) {}
    void tell(QObject* canvas, const char* why) {
        if (!failed_) return;
        // Later, not now: the answer is to delete this widget, which is being painted.
        QTimer::singleShot(0, canvas,
                           [failed = std::exchange(failed_, nullptr), why] { failed(QString::fromUtf8(why)); });
    }

private:
    std::function<void(QString)> failed_;
};

class GlCanvas final : public CanvasWidget<QOpenGLWidget> {
public:
    GlCanvas(QWidget* parent, std::function<void(QString)> failed)
        : CanvasWidget(parent)
        , failure_(std::move(failed)) {
        setFormat(core_format());
    }
    ~GlCanvas() override { release(); }

protected:
    void initializeGL() override {
        // Docking a plot elsewhere destroys the context and makes a new one: everything on the card goes with it.
        QObject::connect(context(), &QOpenGLContext::aboutToBeDestroyed, this, [this] { release(); });
        if (!gui_.start()) failure_.tell(this, no_gui);
    }

    void paintGL() override {
        if (gui_.started())
            gui_.draw(size(), float(devicePixelRatioF()), mapFromGlobal(QCursor::pos()), base(), overlay());
    }

    void paintEvent(QPaintEvent* event) override {
        // Without a context QOpenGLWidget paints nothing and says so only on the console.
        if (!context() || !context()->isValid())
            failure_.tell(this, no_context);
        else
            QOpenGLWidget::paintEvent(event);
    }

private:
    void release() {
        if (!gui_.started()) return;
        makeCurrent();
        gui_.stop();
        doneCurrent();
    }

    FailureOnce failure_;
    ImGuiPainter gui_;
};

/// Whether the processor plays the card; a context must be current.
bool is_software() {
    const auto* name =
        reinterpret_cast<const char*>(QOpenGLContext::currentContext()->functions()->glGetString(GL_RENDERER));
    const QByteArray renderer = QByteArray(name).toLower();
    return renderer.contains("llvmpipe") || renderer.contains("softpipe") || renderer.contains("swiftshader");
}

bool software_ = false;

} // namespace

bool opengl_available(std::string& why) {
    QOpenGLContext context;
    context.setFormat(core_format());
    if (!context.create()) {
        why = "this display offers no OpenGL (tried a 3.3 core context); install a driver or Mesa's software renderer "
              "(libgl1-mesa-dri), or start under a display that has one";
        return false;
    }
    QOffscreenSurface surface;
    surface.setFormat(context.format());
    surface.create();
    if (!surface.isValid() || !context.makeCurrent(&surface)) {
        why = "OpenGL is installed but a context cannot be made current on this display";
        return false;
    }
    const QSurfaceFormat got = context.format();
    software_ = is_software();
    context.doneCurrent();
    if (got.version() >= std::pair(3, 3)) return true;
    why = "the plots need OpenGL 3.3, this display offers " + std::to_string(got.majorVersion()) + "." +
          std::to_string(got.minorVersion());
    return false;
}

bool opengl_is_software() { return software_; }

PlotCanvas* make_gl_canvas(QWidget* parent, std::function<void(QString)> failed) {
    return new GlCanvas(parent, std::move(failed));
}

} // namespace graticule::plots
