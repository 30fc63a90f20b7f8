// The screen's painter: draw lists are built without a GPU, so their sizes can be counted.
#include "core/base/error.h"
#include "tests/support/test_main.h"
#include "tests/widgets/plot_samples.h"
#include "widgets/plots/painter_imgui.h"
#include "widgets/plots/plot_layout.h"

#include <QtTest/QTest>
#include <algorithm>
#include <imgui.h>
#include <memory>

using namespace graticule;
using namespace graticule::plots;
using namespace graticule::testing;

namespace {

/// An ImGui context with our glyphs and one empty draw list.
class Bench {
public:
    Bench()
        : context_(ImGui::CreateContext()) {
        ImGui::SetCurrentContext(context_);
        ImGui::GetIO().IniFilename = nullptr;
        ImGui::GetIO().BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset; // as the OpenGL back end does
    }
    ~Bench() { ImGui::DestroyContext(context_); }
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

    const ImDrawList& draw(const std::vector<Primitive>& primitives) {
        if (glyphs.need(primitives)) glyphs.build(*ImGui::GetIO().Fonts, 1);
        ImGui::GetIO().DisplaySize = ImVec2(1920, 1080);
        ImGui::GetIO().DeltaTime = 1.0f / 60;
        ImGui::NewFrame();
        ImDrawList& list = *ImGui::GetBackgroundDrawList();
        paint(list, glyphs, primitives);
        ImGui::Render();
        return list;
    }
    int vertices(const std::vector<Primitive>& primitives) { return draw(primitives).VtxBuffer.Size; }

    GlyphAtlas glyphs;

private:
    ImGuiContext* context_;
};

} // namespace

class PlotImGui : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void sixteen_bit_indices_are_enough_data() {
        QTest::addColumn<int>("count");
        for (const int count : {1, 48, 512}) QTest::addRow("%d", count) << count;
    }
    void sixteen_bit_indices_are_enough() {
        QFETCH(int, count);
        Bench bench;
        for (const auto& [name, scene] : sample_scenes(std::size_t(count))) {
            const Picture picture = lay_out(scene, {}, theme::dark(), {.size = {1600, 800}});
            const int vertices = bench.vertices(picture.primitives);
            QVERIFY2(vertices > 0 && vertices < 65535,
                     qPrintable(name + QStringLiteral(": %1 vertices").arg(vertices)));
        }
    }

    void beyond_them_draw_commands_are_split() {
        Bench bench;
        for (const auto& [name, scene] : sample_scenes(8000)) {
            const Picture picture = lay_out(scene, {}, theme::dark(), {.size = {3800, 1600}});
            const ImDrawList& list = bench.draw(picture.primitives);
            QVERIFY2(list.VtxBuffer.Size < 500000, qPrintable(name + QStringLiteral(": %1").arg(list.VtxBuffer.Size)));
            unsigned drawn = 0;
            for (const ImDrawCmd& command : list.CmdBuffer) {
                unsigned highest = 0;
                for (unsigned i = 0; i < command.ElemCount; ++i)
                    highest = std::max<unsigned>(highest, list.IdxBuffer[int(command.IdxOffset + i)]);
                if (command.ElemCount > 0) drawn = std::max(drawn, command.VtxOffset + highest + 1);
            }
            QCOMPARE(drawn, unsigned(list.VtxBuffer.Size)); // no index has wrapped around
        }
    }

    void torn_polylines_are_refused() {
        Bench bench;
        Polyline line;
        line.colour = Qt::white;
        line.points.resize(most_polyline_points);
        bench.vertices({line});
        line.points.resize(most_polyline_points + 1);
        QVERIFY_THROWS_EXCEPTION(Error, paint(*ImGui::GetBackgroundDrawList(), bench.glyphs, {line}));
    }

    void turned_text_keeps_all_its_glyphs() {
        Bench bench;
        const Text flat{{200, 200}, QStringLiteral("perplexity"), Qt::white, TextStyle::axis, Across::centre, false};
        Text upward = flat;
        upward.at = {12, 200}; // half of it would lie left of the screen before it is turned
        upward.upward = true;
        QCOMPARE(bench.vertices({upward}), bench.vertices({flat}));
    }

    void new_characters_make_the_atlas_stale() {
        GlyphAtlas glyphs;
        QVERIFY(glyphs.need({}));
        QVERIFY(!glyphs.need({Text{{}, QStringLiteral("abc ½"), Qt::white}}));
        QVERIFY(glyphs.need({Text{{}, QStringLiteral("日本"), Qt::white}}));
        QVERIFY(!glyphs.need({Text{{}, QStringLiteral("本日"), Qt::white}}));
    }

    void every_glyph_has_its_width() {
        Bench bench;
        const std::vector<Primitive> words{Text{{}, QStringLiteral("−½Δ"), Qt::white}};
        bench.vertices(words);
        for (const ImWchar c : {ImWchar(0x2212), ImWchar(0xbd), ImWchar(0x394), ImWchar('W')}) {
            const ImFontGlyph* glyph = bench.glyphs.font(TextStyle::axis)->FindGlyphNoFallback(c);
            QVERIFY(glyph);
            QVERIFY(glyph->AdvanceX > 2);
        }
    }
};

GRATICULE_TEST(PlotImGui);
#include "tst_plot_imgui.moc"
