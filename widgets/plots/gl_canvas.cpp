// A QOpenGLWidget with a Dear ImGui context of its own. Qt handles every event; ImGui only draws.
#include "core/base/error.h"
#include "widgets/plots/canvas_widget.h"
#include "widgets/plots/painter_imgui.h"
#include "widgets/plots/plot_surface.h"

#include <QtCore/QTimer>
#include <QtGui/QCursor>
#include <QtGui/QOffscreenSurface>
#include <QtGui/QOpenGLContext>
#include <QtGui/QOpenGLFunctions>
#include <QtGui/QSurfaceFormat>
#include <QtOpenGLWidgets/QOpenGLWidget>
#include <backends/imgui_impl_opengl3.h>
#include <imgui.h>
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

class GlCanvas final : public CanvasWidget<QOpenGLWidget> {
public:
    GlCanvas(QWidget* parent, std::function<void(QString)> failed)
        : CanvasWidget(parent)
        , failed_(std::move(failed)) {
        setFormat(core_format());
    }
    ~GlCanvas() override { release(); }

protected:
    void initializeGL() override {
        // Docking a plot elsewhere destroys the context and makes a new one: everything on the card goes with it.
        QObject::connect(context(), &QOpenGLContext::aboutToBeDestroyed, this, [this] { release(); });
        IMGUI_CHECKVERSION();
        gui_ = ImGui::CreateContext();
        ImGui::SetCurrentContext(gui_);
        ImGuiIO& io = ImGui::GetIO();
        io.IniFilename = nullptr;
        io.ConfigFlags |= ImGuiConfigFlags_NoMouseCursorChange;
        if (!ImGui_ImplOpenGL3_Init("#version 330 core"))
            fail(QStringLiteral("Dear ImGui could not start on this OpenGL context"));
        // Many long curves need more vertices than 16-bit indices can name; with offsets ImGui starts a new draw
        // command there.
        GRATICULE_ASSERT(io.BackendFlags & ImGuiBackendFlags_RendererHasVtxOffset,
                         "OpenGL 3.2 and later draw with a base vertex");
        atlas_ratio_ = 0;
    }

    void paintGL() override {
        if (!gui_) return;
        ImGui::SetCurrentContext(gui_);
        ImGuiIO& io = ImGui::GetIO();
        const float ratio = float(devicePixelRatioF());
        const bool new_characters = glyphs_.need(base()) | glyphs_.need(overlay());
        if (new_characters || ratio != atlas_ratio_ || theme::text_scale() != atlas_scale_) {
            ImGui_ImplOpenGL3_DestroyFontsTexture();
            glyphs_.build(*io.Fonts, ratio);
            ImGui_ImplOpenGL3_CreateFontsTexture();
            atlas_ratio_ = ratio;
            atlas_scale_ = theme::text_scale();
        }
        const QPoint mouse = mapFromGlobal(QCursor::pos());
        io.DisplaySize = ImVec2(float(width()), float(height()));
        io.DisplayFramebufferScale = ImVec2(ratio, ratio);
        io.MousePos = ImVec2(float(mouse.x()), float(mouse.y()));
        io.DeltaTime = 1.0f / 60;
        ImGui_ImplOpenGL3_NewFrame();
        ImGui::NewFrame();
        ImDrawList& list = *ImGui::GetBackgroundDrawList();
        paint(list, glyphs_, base());
        paint(list, glyphs_, overlay());
        ImGui::Render();
        QOpenGLFunctions* gl = context()->functions();
        gl->glViewport(0, 0, int(float(width()) * ratio), int(float(height()) * ratio));
        gl->glClearColor(0, 0, 0, 1);
        gl->glClear(GL_COLOR_BUFFER_BIT);
        ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
    }

    void paintEvent(QPaintEvent* event) override {
        // Without a context QOpenGLWidget paints nothing and says so only on the console.
        if (!context() || !context()->isValid())
            fail(QStringLiteral("no OpenGL 3.3 context could be made for this window"));
        else
            QOpenGLWidget::paintEvent(event);
    }

private:
    void fail(const QString& why) {
        if (!failed_) return;
        // Later, not now: the answer is to delete this widget, which is being painted.
        QTimer::singleShot(0, this, [failed = std::exchange(failed_, nullptr), why] { failed(why); });
    }

    void release() {
        if (!gui_) return;
        makeCurrent();
        ImGui::SetCurrentContext(gui_);
        ImGui_ImplOpenGL3_Shutdown();
        ImGui::DestroyContext(std::exchange(gui_, nullptr));
        doneCurrent();
    }

    std::function<void(QString)> failed_;
    GlyphAtlas glyphs_;
    ImGuiContext* gui_ = nullptr;
    float atlas_ratio_ = 0;
    double atlas_scale_ = 1;
};

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
    context.doneCurrent();
    if (got.version() >= std::pair(3, 3)) return true;
    why = "the plots need OpenGL 3.3, this display offers " + std::to_string(got.majorVersion()) + "." +
          std::to_string(got.minorVersion());
    return false;
}

PlotCanvas* make_gl_canvas(QWidget* parent, std::function<void(QString)> failed) {
    return new GlCanvas(parent, std::move(failed));
}

} // namespace graticule::plots
