// Layout: every plot at every size, whole and broken, in both themes; and the arithmetic of zoom, pan and read-out.
#include "tests/support/test_main.h"
#include "tests/widgets/plot_samples.h"
#include "widgets/models/shorter_names.h"
#include "widgets/plots/plot_fonts.h"
#include "widgets/plots/plot_view.h"

#include <QtCore/QScopeGuard>
#include <QtTest/QTest>
#include <algorithm>

using namespace graticule;
using namespace graticule::plots;
using namespace graticule::testing;

namespace {

/// Whether all coordinates are finite and inside the picture, give or take a line's width.
struct Inside {
    QRectF allowed;

    bool point(QPointF at) const { return std::isfinite(at.x()) && std::isfinite(at.y()) && allowed.contains(at); }
    bool operator()(const Box& box) const { return point(box.rect.topLeft()) && point(box.rect.bottomRight()); }
    bool operator()(const Stroke& stroke) const { return point(stroke.from) && point(stroke.to); }
    bool operator()(const Disc& disc) const { return point(disc.centre) && disc.radius > 0; }
    bool operator()(const Text& text) const { return std::isfinite(text.at.x()) && std::isfinite(text.at.y()); }
    bool operator()(const Polyline& line) const {
        return line.points.size() <= most_polyline_points &&
               std::all_of(line.points.begin(), line.points.end(), [&](QPointF p) { return point(p); });
    }
    bool operator()(const Ribbon& ribbon) const {
        return ribbon.upper.size() == ribbon.lower.size() && ribbon.upper.size() <= most_polyline_points &&
               std::all_of(ribbon.upper.begin(), ribbon.upper.end(), [&](QPointF p) { return point(p); }) &&
               std::all_of(ribbon.lower.begin(), ribbon.lower.end(), [&](QPointF p) { return point(p); });
    }
};

QStringList texts_of(const Picture& picture) {
    QStringList texts;
    for (const Primitive& primitive : picture.primitives)
        if (const Text* text = std::get_if<Text>(&primitive)) texts << text->text;
    return texts;
}

QRectF extent(const Text& text) {
    const double width = text_width(text.style, text.text), ascent = text_ascent(text.style),
                 descent = text_descent(text.style);
    const double before = text.across == Across::left ? 0 : text.across == Across::centre ? width / 2 : width;
    if (text.upward) return {text.at.x() - ascent, text.at.y() - width + before, ascent + descent, width};
    return {text.at.x() - before, text.at.y() - ascent, width, ascent + descent};
}

} // namespace

class PlotLayout : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void names_keep_what_tells_them_apart() {
        const QString name = QStringLiteral("layers.12.self_attn.q_proj");
        const auto in = [&](const QString& text) {
            return elided_name(TextStyle::title, name, text_width(TextStyle::title, text) + 1);
        };
        QCOMPARE(in(name), name);
        QCOMPARE(in(QStringLiteral("layers.12…q_proj")), QString("layers.12…q_proj"));
        QCOMPARE(in(QStringLiteral("12…q_proj")), QString("12…q_proj"));
        QVERIFY(in(QStringLiteral("12…q_pr")).endsWith(QStringLiteral("j")));
        const QString run = QStringLiteral("w=int4/asym/channel + *.v_proj => w=int8");
        QVERIFY(elided_name(TextStyle::axis, run, 120).endsWith(QStringLiteral("int8")));
    }

    void no_window_leaves_the_axis_of_perplexities_silently_data() {
        QTest::addColumn<double>("first");
        QTest::newRow("inside") << 60.0;
        QTest::newRow("would squash the rest") << 812.4;
    }
    void no_window_leaves_the_axis_of_perplexities_silently() {
        QFETCH(double, first);
        PerplexityData data = sample_perplexity(40, 2);
        data.runs[1].perplexity[0] = first;
        const PlotScene scene = perplexity_scene(data);
        const Panel& panel = scene.panels.front();
        bool said = false;
        for (const Caption& caption : panel.captions)
            said = said || caption.text.contains(QString::number(first, 'f', 2));
        const bool shown = panel.y.span.lower <= first && first <= panel.y.span.upper;
        QVERIFY(shown != said);
        QCOMPARE(shown, first < 100);
    }

    /// Whatever the reason has to say, all of it can be read.
    void why_there_is_no_plot_is_broken_into_lines() {
        const QString why = QStringLiteral("The weights cannot be shown: a file was cut short or could not be read any "
                                           "more while it was in use. Restore it\nand open it again");
        const Picture picture = lay_out(empty_scene("layers.0", why), {}, theme::dark(), {.size = {400, 300}});
        QStringList lines;
        for (const Primitive& primitive : picture.primitives) {
            const Text* text = std::get_if<Text>(&primitive);
            if (!text || text->style != TextStyle::label) continue;
            lines << text->text;
            const QRectF place = extent(*text);
            QVERIFY2(place.left() >= 0 && place.right() <= 400 && place.bottom() <= 300, qPrintable(text->text));
        }
        QCOMPARE(lines.join(u' '), QString(why).replace(u'\n', u' '));
        QVERIFY(lines.size() >= 3 && lines.contains("and open it again"));
    }

    void a_subtitle_without_room_beside_the_title_goes_below_it_data() {
        QTest::addColumn<QSizeF>("size");
        QTest::addColumn<bool>("below");
        QTest::addColumn<bool>("whole");
        QTest::newRow("wide") << QSizeF(900, 400) << false << true;
        QTest::newRow("narrow") << QSizeF(460, 400) << true << true;
        QTest::newRow("narrow and low") << QSizeF(460, 150) << false << false;
    }
    void a_subtitle_without_room_beside_the_title_goes_below_it() {
        QFETCH(QSizeF, size);
        QFETCH(bool, below);
        QFETCH(bool, whole);
        PlotScene scene = channels_scene(sample_channels(48));
        scene.title = "Input channels";
        scene.subtitle = Subtitle("max |x| over 8 × 512 tokens").add("6 outliers stretch the range");
        const Picture picture = lay_out(scene, {}, theme::dark(), {.size = size, .title_room_right = 200});
        std::optional<Text> title, subtitle;
        for (const Primitive& primitive : picture.primitives)
            if (const Text* text = std::get_if<Text>(&primitive)) {
                if (text->style == TextStyle::title) title = *text;
                if (text->style == TextStyle::subtitle) subtitle = *text;
            }
        QVERIFY(title && subtitle);
        QCOMPARE(subtitle->at.y() > title->at.y(), below);
        QCOMPARE(subtitle->text == scene.subtitle.text(), whole);
        QVERIFY(extent(*subtitle).bottom() <= picture.panels[0].plot.top());
    }

    void a_low_plot_keeps_its_frame_and_its_protocol() {
        // The weight's histogram in a window of 1100 x 700.
        const PlotScene scene = distribution_scene(sample_distribution(100));
        QVERIFY(scene.legend.size() > 4);
        const Picture low = lay_out(scene, {}, theme::dark(), {.size = QSizeF(440, 285)});
        QVERIFY2(low.panels.front().plot.height() >= 140,
                 qPrintable(QString::number(low.panels.front().plot.height())));
        // Where not all of the legend has a place, the tip has it, where the legend stands.
        const Picture lower = lay_out(scene, {}, theme::dark(), {.size = QSizeF(300, 230)});
        const QStringList said = texts_of(lower);
        QVERIFY(std::any_of(said.begin(), said.end(), [](const QString& text) { return text.endsWith("more"); }));
        const auto whole = std::ranges::find_if(
            lower.cut, [&](const CutText& cut) { return cut.whole.split(u'\n').size() == std::ssize(scene.legend); });
        QVERIFY(whole != lower.cut.end());
        QVERIFY(whole->place.top() > lower.panels.front().plot.bottom());
        const Picture high = lay_out(scene, {}, theme::dark(), {.size = QSizeF(900, 600)});
        for (const LegendEntry& entry : scene.legend) QVERIFY(texts_of(high).contains(entry.text));

        PlotScene search = pareto_scene(sample_pareto(20));
        search.subtitle = Subtitle("searched in 3 min")
                              .add("wiki.txt, 8 × 512, float32", Subtitle::Rank::basis)
                              .add("hollow: predicted");
        const Picture plot = lay_out(search, {}, theme::dark(), {.size = QSizeF(440, 250)});
        QVERIFY2(plot.panels.front().plot.height() >= 140,
                 qPrintable(QString::number(plot.panels.front().plot.height())));
        // One part after the other goes, as far as it must; the protocol does not.
        for (const auto& [width, left] : {std::pair(300, "searched in 3 min · wiki.txt, 8 × 512, float32"),
                                          std::pair(230, "wiki.txt, 8 × 512, float32")}) {
            const Picture narrow = lay_out(search, {}, theme::dark(), {.size = QSizeF(width, 250)});
            QVERIFY2(texts_of(narrow).contains(left), qPrintable(texts_of(narrow).join('|')));
            QVERIFY(std::ranges::any_of(narrow.cut,
                                        [&](const CutText& cut) { return cut.whole == search.subtitle.text(); }));
        }
        // So with what says whether figures were measured, wherever it stands.
        search.subtitle = Subtitle("weight").add("4096 × 11008").add("what-if, not yet run", Subtitle::Rank::basis);
        for (const auto& [width, left] :
             {std::pair(260, "weight · what-if, not yet run"), std::pair(175, "what-if, not yet run")})
            QVERIFY(texts_of(lay_out(search, {}, theme::dark(), {.size = QSizeF(width, 250)})).contains(left));
    }

    /// Names of runs lose no more than they must, all the same step; what is no run's name is never taken apart.
    void legends_become_shorter_step_by_step() {
        PerplexityData data = sample_perplexity(20, 3);
        const std::vector<QString> names{"full precision", "w=dint4/asym/channel a=int8/sym/token",
                                         "w=int4/asym/g128 a=int8/sym/token"};
        for (std::size_t i = 0; i < names.size(); ++i) data.runs[i].name = names[i];
        PlotScene scene = perplexity_scene(data);
        const QString other = "drawn · first, 8";
        scene.legend.insert(scene.legend.begin(), {other, {theme::Token::faint, 1}});
        const QStringList forms = shorter_names(names)[1];
        QVERIFY(forms.size() > 2);
        qsizetype before = 0;
        bool between = false;
        for (int width = 1100; width >= 240; width -= 4) {
            const QStringList texts = texts_of(lay_out(scene, {}, theme::dark(), {.size = QSizeF(width, 320)}));
            QVERIFY(texts.contains(other));
            const auto form = std::ranges::find_if(forms, [&](const QString& text) { return texts.contains(text); });
            if (form == forms.end()) break; // among those that are counted
            const qsizetype step = form - forms.begin();
            QVERIFY2(step >= before, qPrintable(QString::number(width)));
            between = between || (step > 0 && step + 1 < forms.size());
            before = step;
        }
        QVERIFY(before > 0 && between);
    }

    /// The titles of panels one above the other: in fewer words where they are known, and none reaches into another's.
    void axis_titles_keep_to_their_panels() {
        const PlotScene scene = perplexity_scene(sample_perplexity(40));
        bool in_few_words = false;
        for (int height = 420; height >= 150; height -= 10) {
            const Picture picture = lay_out(scene, {}, theme::dark(), {.size = QSizeF(560, height)});
            std::vector<Text> titles;
            for (const Primitive& primitive : picture.primitives)
                if (const Text* text = std::get_if<Text>(&primitive); text && text->upward) titles.push_back(*text);
            QCOMPARE(titles.size(), std::size_t(2));
            for (std::size_t i = 0; i < 2; ++i) {
                const QRectF place = extent(titles[i]), plot = picture.panels[i].plot;
                QVERIFY2(place.top() >= plot.top() - 1 && place.bottom() <= plot.bottom() + 1,
                         qPrintable(QString("%1 at %2").arg(titles[i].text).arg(height)));
            }
            if (titles[1].text == "paired difference") continue;
            in_few_words = in_few_words || titles[1].text == "Δ paired";
            QVERIFY(
                std::ranges::any_of(picture.cut, [](const CutText& cut) { return cut.whole == "paired difference"; }));
        }
        QVERIFY(in_few_words);
    }

    void marks_stay_inside_the_picture_data() {
        QTest::addColumn<int>("count");
        QTest::addColumn<QSizeF>("size");
        for (const int count : {1, 2, 48, 300, 5000})
            for (const QSizeF size : {QSizeF(240, 140), QSizeF(640, 320), QSizeF(1900, 900)})
                QTest::addRow("%d at %dx%d", count, int(size.width()), int(size.height())) << count << size;
    }
    void marks_stay_inside_the_picture() {
        QFETCH(int, count);
        QFETCH(QSizeF, size);
        const Inside inside{QRectF(QPointF(-1, -1), size + QSizeF(2, 2))};
        for (const auto& [name, scene] : sample_scenes(std::size_t(count))) {
            for (const bool log : {false, true}) {
                View view;
                view.logarithmic = log;
                const Picture picture = lay_out(scene, view, theme::dark(), {.size = size});
                QCOMPARE(picture.panels.size(), scene.panels.size());
                for (const Primitive& primitive : picture.primitives)
                    QVERIFY2(std::visit(inside, primitive),
                             qPrintable(name + QStringLiteral(", kind %1").arg(primitive.index())));
            }
        }
    }

    void broken_input_is_drawn_or_explained() {
        const QSizeF size(500, 300);
        const Inside inside{QRectF(QPointF(-1, -1), size + QSizeF(2, 2))};
        for (const auto& [name, scene] : broken_scenes()) {
            const Picture picture = lay_out(scene, {}, theme::light(), {.size = size});
            for (const Primitive& primitive : picture.primitives)
                QVERIFY2(std::visit(inside, primitive),
                         qPrintable(name + QStringLiteral(", kind %1").arg(primitive.index())));
            if (name.startsWith(QStringLiteral("no ")) && name != QStringLiteral("no scene")) {
                QVERIFY2(scene.panels.empty(), qPrintable(name));
                QVERIFY2(texts_of(picture).contains(scene.empty_text), qPrintable(name));
                QVERIFY2(!scene.summary.isEmpty(), qPrintable(name));
            }
        }
    }

    void axis_texts_do_not_overlap_data() {
        QTest::addColumn<double>("scale");
        QTest::addColumn<QSizeF>("size");
        for (const double scale : {1.0, 1.5})
            for (const QSizeF size : {QSizeF(870, 360), QSizeF(480, 270)})
                QTest::addRow("%.1f at %dx%d", scale, int(size.width()), int(size.height())) << scale << size;
    }
    void axis_texts_do_not_overlap() {
        QFETCH(double, scale);
        QFETCH(QSizeF, size);
        const auto usual = qScopeGuard([] { theme::set_text_scale(1); });
        theme::set_text_scale(scale);
        for (const auto& [name, scene] : sample_scenes(48)) {
            const Picture picture = lay_out(scene, {}, theme::dark(), {.size = size});
            std::vector<QRectF> placed;
            QStringList words;
            for (const Primitive& primitive : picture.primitives) {
                const Text* text = std::get_if<Text>(&primitive);
                if (!text || text->text.isEmpty()) continue;
                const QRectF rect = extent(*text).adjusted(1, 2, -1, -2);
                for (std::size_t i = 0; i < placed.size(); ++i)
                    QVERIFY2(!rect.intersects(placed[i]),
                             qPrintable(
                                 QString("%1: \"%2\" lies over \"%3\"").arg(name, text->text, words.at(qsizetype(i)))));
                placed.push_back(rect);
                words << text->text;
            }
        }
    }

    void the_graticule_is_drawn() {
        const PlotScene scene = distribution_scene(sample_distribution(200));
        const Picture picture = lay_out(scene, {}, theme::dark(), {.size = {870, 360}});
        int levels = 0, dashed = 0;
        for (const Primitive& primitive : picture.primitives) {
            const Stroke* stroke = std::get_if<Stroke>(&primitive);
            if (!stroke || stroke->from.x() != stroke->to.x()) continue;
            (stroke->dashed ? dashed : levels) += 1;
        }
        QCOMPARE(levels, 15); // -7 to 7; those of dINT4 coincide
        QCOMPARE(dashed, 2);  // its specials
        const QString all = texts_of(picture).join(QLatin1Char('\n'));
        QVERIFY(all.contains(QStringLiteral("INT4 zero bin: 17.7 % of the weights underflow")));
        QVERIFY(all.contains(QStringLiteral("dINT4 zero bin: 10.4 % underflow")));
        QVERIFY(all.contains(QStringLiteral("INT4 clips 0.40 %")));
    }

    void outliers_are_named_and_the_threshold_can_be_gripped() {
        const ChannelsData data = sample_channels(256);
        QCOMPARE(outlier_channels(data), (std::vector<std::size_t>{233, 4}));
        const PlotScene scene = channels_scene(data);
        const Picture picture = lay_out(scene, {}, theme::light(), {.size = {870, 360}});
        QVERIFY(texts_of(picture).contains(QStringLiteral("233")));
        QVERIFY(texts_of(picture).contains(QStringLiteral("4")));
        QCOMPARE(scene.panels.back().y.scale, Scale::log10); // nothing else tells: within a decade no tick does
        QVERIFY(std::ranges::any_of(texts_of(picture), [](const QString& text) { return text.endsWith("s (log)"); }));
        const PanelFrame& frame = picture.panels.front();
        const double y = frame.y.pixel(outlier_threshold(data));
        QVERIFY(threshold_at(scene, picture, {frame.plot.center().x(), y + 2}).has_value());
        QVERIFY(!threshold_at(scene, picture, {frame.plot.center().x(), y + 20}).has_value());
    }

    /// What is said of a plot stands beside what it shows, at the sizes of the smallest window too.
    void nothing_that_is_said_lies_over_what_is_drawn_data() {
        QTest::addColumn<QSizeF>("size");
        QTest::newRow("low") << QSizeF(380, 170);
        QTest::newRow("usual") << QSizeF(700, 560);
    }
    void nothing_that_is_said_lies_over_what_is_drawn() {
        QFETCH(QSizeF, size);
        PerplexityData perplexity = sample_perplexity(24, 2);
        perplexity.warning = "3 runs of other protocols are not shown: choose a baseline of theirs to see them";
        perplexity.runs[1].difference_lower[0] = -90;
        ChannelsData channels = sample_channels(256);
        for (const std::size_t channel : {39u, 94u, 163u, 170u}) channels.values[channel] = 12;
        const std::pair<QString, PlotScene> scenes[] = {{"perplexity", perplexity_scene(perplexity)},
                                                        {"channels", channels_scene(channels)}};
        for (const auto& [name, scene] : scenes) {
            const Picture picture = lay_out(scene, {}, theme::dark(), {.size = size});
            const QStringList texts = texts_of(picture);
            if (name == "channels") {
                QVERIFY(texts.join('|').contains("threshold 6 × median"));
                for (const char* channel : {"4", "39", "94", "163", "170", "233"})
                    QVERIFY2(texts.contains(channel), channel);
            } else if (size.height() > 300) {
                QVERIFY(texts.contains("against full precision") && texts.contains(perplexity.warning));
                QVERIFY(texts.join('|').contains("outside the axis, band of window 1"));
            }
            for (const Primitive& primitive : picture.primitives) {
                const Text* text = std::get_if<Text>(&primitive);
                if (!text || text->upward) continue;
                bool number = false; // of a channel: it stands at its own mark
                (void)text->text.toInt(&number);
                for (const PanelFrame& frame : picture.panels)
                    QVERIFY2(number || !frame.plot.adjusted(2, 2, -2, -2).intersects(extent(*text)),
                             qPrintable(name + ": " + text->text));
            }
        }
    }

    void points_without_room_above_are_named_beside() {
        ParetoData data;
        data.title = "Recipes";
        data.cost_label = "bits";
        data.loss_label = "nats";
        const auto add = [&](const char* name, double cost, double loss, bool measured) {
            data.points.push_back({name, std::ssize(data.points), cost, loss, measured, false});
        };
        add("w=int4/asym/g64", 4.563, 0.0804, true);
        add("w=int4/asym/g32:f16", 4.625, 0.0724, true); // at the right edge, beside the other
        add("w=int4/asym/g32:f16, predicted", 4.625, 0.0732, false);
        add("w=int3/asym/g16:f16", 4.188, 0.2009, true); // at the top
        for (const QSizeF size : {QSizeF(580, 190), QSizeF(780, 380)}) {
            const Picture picture = lay_out(pareto_scene(data), {}, theme::dark(), {.size = size});
            const QRectF plot = picture.panels.front().plot;
            for (const char* name : {"w=int4/asym/g64", "w=int4/asym/g32:f16", "w=int3/asym/g16:f16"}) {
                const auto named = std::ranges::find_if(picture.primitives, [&](const Primitive& primitive) {
                    const Text* text = std::get_if<Text>(&primitive);
                    return text && text->text == name;
                });
                QVERIFY2(named != picture.primitives.end(), name);
                QVERIFY(plot.adjusted(-2, -5, 2, 2).contains(extent(std::get<Text>(*named))));
            }
        }
    }

    void errors_are_sorted_by_harm() {
        const PlotScene scene = error_split_scene(sample_errors(12));
        double before = 1e9;
        for (const auto& row : scene.table.rows) {
            if (row[1] != QStringLiteral("INT4")) continue;
            double parts = 0;
            for (std::size_t column = 2; column < 9; ++column) parts += row[column].toDouble();
            const double total = row[9].toDouble();
            QVERIFY(std::abs(parts - total) < 1e-9); // the sources add up
            QVERIFY(total <= before);
            before = total;
        }
        QVERIFY(scene.panels.front().y.span.lower < 0); // the cross term is negative
    }

    void every_bar_of_errors_has_a_mark_at_its_total() {
        ErrorSplitData data = sample_errors(3);
        data.sign = "%";
        // Rounding that compensates: what each part alone would make is more than all of them together.
        data.rows.front().recipes.front() = {sample_sources(13, -12), 20, "measured"};
        QVERIFY(errors_cancel(data.rows.front().recipes.front().error));
        const PlotScene scene = error_split_scene(data);
        const Panel& panel = scene.panels.front();
        int marks = 0;
        for (const Series& series : panel.series) {
            if (series.mark != Mark::ticks) continue;
            ++marks;
            for (std::size_t row = 0; row < data.rows.size(); ++row) {
                double sum = 0; // of the segments that stand in the same column
                for (const Series& part : panel.series)
                    if (part.mark == Mark::bars && part.x[row] == series.x[row] && std::isfinite(part.y[row]))
                        sum += part.y[row] - part.y0[row];
                QVERIFY(std::abs(sum - series.y[row]) < 1e-9);
            }
        }
        QCOMPARE(marks, 2); // one for each recipe
        QVERIFY(std::ranges::any_of(scene.legend, [](const LegendEntry& entry) {
            return entry.line && entry.text.contains("less than its parts");
        }));
        QVERIFY(std::ranges::any_of(error_split_scene(sample_errors(3)).legend, [](const LegendEntry& entry) {
            return entry.line && entry.text.contains("sum of the parts");
        }));

        // The read-out has each source once, with its unit, the total below them, and why a share is above 100 %.
        const Picture picture = lay_out(scene, {}, theme::dark(), {.size = {870, 360}});
        const PanelFrame& frame = picture.panels.front();
        const auto row = std::ranges::find(panel.x.names, QString("layers.0.fc2")) - panel.x.names.begin();
        const auto found = read_out(scene, picture, {frame.x.pixel(double(row) - 0.2), frame.plot.center().y()});
        QVERIFY(found.has_value());
        QStringList lines;
        for (const auto& line : found->lines) lines << line.text;
        QCOMPARE(lines.filter("underflow").size(), 2); // weights', input's
        QVERIFY2(lines.contains("weights: underflow  13 % (486.9 % of the error)"), qPrintable(lines.join(u'\n')));
        QCOMPARE(lines.filter("total").size(), 1);
        QVERIFY(lines.contains("output SQNR 20.00 dB"));
        QCOMPARE(lines.filter("errors cancel").size(), 1);
    }

    void zoom_keeps_the_value_under_the_pointer() {
        const PlotScene scene = channels_scene(sample_channels(256));
        View view;
        Picture picture = lay_out(scene, view, theme::dark(), {.size = {870, 360}});
        const QPointF at(picture.panels.front().plot.left() + 200, picture.panels.front().plot.center().y());
        const double before = picture.panels.front().x.value(at.x());
        for (int i = 0; i < 5; ++i) {
            view = zoomed(scene, picture, view, 0, at, 0.8, Direction::both);
            picture = lay_out(scene, view, theme::dark(), {.size = {870, 360}});
        }
        QVERIFY(std::abs(picture.panels.front().x.value(at.x()) - before) < 1e-6);
        QVERIFY(view.x->width() < 0.34 * 256);
    }

    void nothing_leads_out_of_the_whole() {
        const PlotScene scene = channels_scene(sample_channels(256));
        const Span whole = scene.panels.front().x.span;
        const Picture picture = lay_out(scene, {}, theme::dark(), {.size = {870, 360}});
        const View out = zoomed(scene, picture, {}, 0, {300, 100}, 40, Direction::x);
        QVERIFY(std::abs(out.x->width() - whole.width()) < 1e-9);
        const View shifted = panned(scene, picture, {}, 0, {5000, 0}, Direction::x);
        QVERIFY(shifted.x->lower >= whole.lower - 1e-9 && shifted.x->upper <= whole.upper + 1e-9);
        const View in = zoomed(scene, picture, {}, 0, {300, 100}, 1e-30, Direction::x);
        QVERIFY(in.x->width() > 0);
    }

    void box_zoom_fills_the_frame_with_the_box() {
        const PlotScene scene = channels_scene(sample_channels(256));
        const Picture picture = lay_out(scene, {}, theme::dark(), {.size = {870, 360}});
        const PanelFrame& frame = picture.panels.front();
        const QRectF box(frame.plot.left() + 100, frame.plot.top() + 20, 200, 60);
        const View view = zoomed_to(scene, picture, {}, 0, box);
        QVERIFY(std::abs(view.x->lower - frame.x.value(box.left())) < 1e-6);
        QVERIFY(std::abs(view.x->upper - frame.x.value(box.right())) < 1e-6);
        QVERIFY(std::abs(view.y[0]->upper - frame.y.value(box.top())) < 1e-6);
        QCOMPARE(zoomed_to(scene, picture, {}, 0, QRectF(box.topLeft(), QSizeF(2, 2))), View{});
    }

    void the_read_out_tells_the_numbers() {
        const PlotScene scene = distribution_scene(sample_distribution(180));
        const Picture picture = lay_out(scene, {}, theme::dark(), {.size = {870, 360}});
        const PanelFrame& frame = picture.panels.front();
        const auto found = read_out(scene, picture, {frame.x.pixel(-3.25), frame.plot.center().y()});
        QVERIFY(found.has_value());
        QStringList lines;
        for (const auto& line : found->lines) lines << line.text;
        QCOMPARE(lines.value(0), QStringLiteral("u −3.25"));
        QCOMPARE(lines.value(1), QStringLiteral("414 weights in bin"));
        QVERIFY(lines.contains(QStringLiteral("INT4: code −3, error +0.25")));
        QVERIFY(!read_out(scene, picture, {2, 2}).has_value());
        const Inside inside{QRectF(0, 0, 870, 360)};
        for (const double x : {frame.plot.left() + 1, frame.plot.center().x(), frame.plot.right() - 1})
            if (const auto there = read_out(scene, picture, {x, frame.plot.top() + 3}))
                for (const Primitive& primitive :
                     read_out_card(*there, picture, theme::dark(), {x, frame.plot.top() + 3}))
                    QVERIFY(std::visit(inside, primitive));
    }

    void a_sorted_channel_reports_its_own_number() {
        ChannelsData data = sample_channels(256);
        data.sorted = true;
        const PlotScene scene = channels_scene(data);
        const Picture picture = lay_out(scene, {}, theme::dark(), {.size = {870, 360}});
        const PanelFrame& frame = picture.panels.front();
        const auto found = read_out(scene, picture, {frame.x.pixel(0), frame.plot.center().y()});
        QVERIFY(found.has_value());
        QCOMPARE(found->id, qint64(233));
    }

    void cells_report_row_and_column() {
        const PlotScene scene = heat_map_scene(sample_heat(8, 6));
        const Picture picture = lay_out(scene, {}, theme::dark(), {.size = {870, 360}});
        const PanelFrame& frame = picture.panels.front();
        const auto found = read_out(scene, picture, {frame.x.pixel(4), frame.y.pixel(2)});
        QVERIFY(found.has_value());
        QCOMPARE(found->row, qint64(2));
        QCOMPARE(found->id, qint64(4));
        QVERIFY(frame.y.pixel(0) < frame.y.pixel(7)); // the first row is at the top
    }
};

GRATICULE_TEST(PlotLayout);
#include "tst_plot_layout.moc"
