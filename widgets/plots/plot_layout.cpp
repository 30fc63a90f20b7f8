#include "widgets/plots/plot_layout.h"

#include "widgets/models/cut_middle.h"
#include "widgets/models/number_text.h"
#include "widgets/models/run_colours.h"
#include "widgets/models/shorter_names.h"
#include "widgets/plots/plot_fonts.h"
#include "widgets/plots/plot_marks.h"

#include <algorithm>
#include <cmath>

namespace graticule::plots {
namespace {

using theme::Token;

constexpr double least_left = 56; // so that plots one above the other share their left edge
constexpr double edge = 12;       // between the picture's border and its content
// The rest at the usual size of texts; drawn grown().
constexpr double title_height = 30;
constexpr double subtitle_row = 18;
constexpr double room_for_subtitle = 190, room_for_two_rows = 320; // the least heights that have rows for it
constexpr double between_entries = 18;                             // of a legend
constexpr double legend_row = 20, low_legend_row = 17;
constexpr double low_picture = 320;                        // below this height legends stand closer
constexpr double least_alone = 140, least_of_several = 80; // of a frame's height, before the legend takes its rows
constexpr double caption_row = 16, between_captions = 18, least_frame = 24;
constexpr double frame_with_labels = 110; // the least height
constexpr double panel_gap = 18;
constexpr double longest_name = 96; // of a named axis, in pixels

struct NamePlan {
    bool upward = false;
    int stride = 1;
    double height = grown(14);
};

/// How the names of a named x axis fit: flat, upright, or only every n-th.
NamePlan plan_names(const Axis& axis, const Span& span, double width) {
    NamePlan plan;
    const double slot = width / std::max(1e-9, span.width());
    // A sample of the names is enough to choose, and all that time allows where there are thousands.
    double widest = 0;
    const std::size_t every = std::max<std::size_t>(1, axis.names.size() / 200);
    for (std::size_t i = 0; i < axis.names.size(); i += every)
        widest = std::max(widest, text_width(TextStyle::axis, axis.names[i]));
    plan.upward = widest + 6 > slot && widest > 26;
    const double longest = grown(longest_name);
    const double needed = plan.upward ? grown(13) : std::min(widest, longest) + 8;
    plan.stride = std::max(1, int(std::ceil(needed / slot)));
    plan.height = plan.upward ? std::min(widest, longest) + 6 : grown(14);
    return plan;
}

class PictureBuilder {
public:
    PictureBuilder(const PlotScene& scene, const View& view, const theme::Theme& theme, const LayoutOptions& options)
        : scene_(scene)
        , view_(view)
        , theme_(theme)
        , options_(options) {
        picture_.size = options.size;
    }

    Picture build() {
        push(Box{QRectF(QPointF(0, 0), options_.size), theme_[Token::panel], {}, 0});
        top_ = edge - 4;
        bottom_ = options_.size.height() - edge + 4;
        title();
        caption();
        list_legend();
        reserve_legend();
        if (scene_.panels.empty()) {
            empty();
        } else {
            place_panels();
            for (std::size_t i = 0; i < scene_.panels.size(); ++i) panel(i);
            legend();
        }
        return std::move(picture_);
    }

private:
    void push(Primitive primitive) { picture_.primitives.push_back(std::move(primitive)); }

    void title() {
        if (scene_.title.isEmpty() && scene_.subtitle.isEmpty()) {
            top_ += 8;
            return;
        }
        const double room = options_.size.width() - 2 * edge - options_.title_room_right;
        const double baseline = top_ + grown(17);
        const QString name = elided_name(TextStyle::title, scene_.title, room);
        push(Text{{edge, baseline}, name, theme_[Token::text], TextStyle::title, Across::left, false});
        if (name != scene_.title)
            picture_.cut.push_back({QRectF(0, top_, edge + room, grown(title_height)), scene_.title});
        const double used = name.isEmpty() ? 0 : text_width(TextStyle::title, name) + 14;
        top_ += grown(title_height);
        if (scene_.subtitle.isEmpty()) return;
        // What does not fit beside the title goes below it, where there is height for a line more.
        const bool below = text_width(TextStyle::subtitle, scene_.subtitle.text()) > room - used &&
                           options_.size.height() >= room_for_subtitle;
        if (!below && room - used > 60) subtitle({edge + used, baseline}, room - used, 1);
        if (!below) return;
        const int rows = subtitle({edge, baseline + grown(subtitle_row)}, options_.size.width() - 2 * edge,
                                  options_.size.height() >= room_for_two_rows ? 2 : 1);
        top_ += rows * grown(subtitle_row);
    }

    /// Broken behind the last part ("a, b · c") that fits.
    [[nodiscard]] static std::pair<QString, QString> two_rows(const QString& text, double room) {
        if (text_width(TextStyle::subtitle, text) <= room) return {text, {}};
        for (qsizetype at = text.size() - 1; at > 0; --at)
            if (text[at] == u' ' && (text[at - 1] == u',' || text[at - 1] == u'·' || text[at - 1] == u';') &&
                text_width(TextStyle::subtitle, text.left(at)) <= room)
                return {text.left(at), text.mid(at + 1)};
        return {text, {}};
    }

    /// As much as has room in so many rows, from `first`, the baseline of the upper one. Returns how many it took.
    int subtitle(QPointF first, double room, int most) {
        const auto width = [](const QString& text) { return text_width(TextStyle::subtitle, text); };
        const auto rows_of = [&](const Subtitle& left) {
            const auto [upper, lower] = most > 1 ? two_rows(left.text(), room) : std::pair(left.text(), QString());
            return lower.isEmpty() ? QStringList{upper} : QStringList{upper, lower};
        };
        const auto fits = [&](const QString& row) { return width(row) <= room; };
        Subtitle left = scene_.subtitle;
        QStringList rows = rows_of(left);
        while (!std::ranges::all_of(rows, fits) && left.parts.size() > 1) {
            left.drop();
            rows = rows_of(left);
        }
        bool whole = left.parts.size() == scene_.subtitle.parts.size();
        const double height = grown(subtitle_row);
        for (qsizetype row = 0; row < rows.size(); ++row) {
            const QString shown = cut_middle(rows[row], room, width);
            whole = whole && shown == rows[row];
            push(Text{first + QPointF(0, double(row) * height), shown, theme_[Token::secondary], TextStyle::subtitle,
                      Across::left, false});
        }
        if (!whole)
            picture_.cut.push_back({QRectF(first.x(), first.y() - height, room, double(rows.size()) * height + 4),
                                    scene_.subtitle.text()});
        return int(rows.size());
    }

    void caption() {
        if (!options_.with_caption || scene_.caption.isEmpty()) return;
        const QString text = elided(TextStyle::axis, scene_.caption, options_.size.width() - 2 * edge);
        push(Text{{edge, bottom_ - 4}, text, theme_[Token::secondary], TextStyle::axis, Across::left, false});
        bottom_ -= grown(18);
    }

    /// What lines are that may be dragged stands here: on the line itself it would lie over the marks.
    void list_legend() {
        for (const Panel& panel : scene_.panels)
            for (const Threshold& threshold : panel.thresholds) {
                if (threshold.label.isEmpty()) continue;
                QString text = threshold.label;
                text.replace(QStringLiteral("%1"), number_text(threshold.y, 3));
                text.replace(QStringLiteral("%2"), number_text(threshold.y / threshold.unit, 3));
                legend_.push_back({text, threshold.ink, true, true}); // first: the last have no room in a small plot
            }
        legend_.insert(legend_.end(), scene_.legend.begin(), scene_.legend.end());
    }

    /// Height that the frames, their captions and the legend share; there is a panel.
    [[nodiscard]] double shared_height() const {
        const double axis = grown(14) + 6 + (scene_.panels.back().x.label.isEmpty() ? 0 : grown(16));
        return bottom_ - top_ - axis - panel_gap * (double(scene_.panels.size()) - 1);
    }

    /// How many rows it may have: up to a third of the picture, and what it leaves of `room` is enough for the frames.
    [[nodiscard]] double most_legend_rows(double room) const {
        const double count = double(scene_.panels.size()), width = options_.size.width() - 2 * edge - least_left;
        double captions = 0;
        for (const Panel& panel : scene_.panels) captions += captions_height(panel, width);
        const double frames = count > 1 ? count * least_of_several : least_alone;
        const double third = options_.size.height() / 3;
        return std::max(1.0, std::floor(std::min(third, room - captions - grown(frames)) / legend_height()));
    }
    [[nodiscard]] double legend_height() const {
        return grown(options_.size.height() < low_picture ? low_legend_row : legend_row);
    }

    /// Room for the legend at the bottom, in as many rows as it needs and may have; without room names of runs become
    /// shorter step by step, then its last entries go, which are counted and named in the tip. Drawn when the frames'
    /// left edge is known.
    void reserve_legend() {
        if (legend_.empty() || scene_.panels.empty()) return;
        const double room = shared_height();
        low_ = room - legend_height() < grown(frame_with_labels) * double(scene_.panels.size()); // as with one row
        const double most = most_legend_rows(room);
        if (!place_legend(most) || legend_is_wide()) {
            QStringList whole;
            for (const LegendEntry& entry : legend_) whole << entry.text;
            whole_legend_ = whole.join(u'\n');
            shorten_runs(most);
            if (!place_legend(most)) place_more(most);
        }
        bottom_ -= legend_height() * (legend_places_.back().y() + 1);
        legend_top_ = bottom_;
    }

    /// Some entry is wider than a row.
    [[nodiscard]] bool legend_is_wide() const {
        return std::ranges::any_of(legend_, [this](const LegendEntry& entry) {
            return legend_width(entry) - between_entries > legend_room();
        });
    }

    /// No shorter than is needed.
    void shorten_runs(double most) {
        std::vector<QString> names;
        for (const LegendEntry& entry : legend_)
            if (entry.run) names.push_back(entry.text);
        const std::vector<QStringList> shorter = shorter_names(names);
        qsizetype steps = 1;
        for (const QStringList& texts : shorter) steps = std::max(steps, texts.size());
        for (qsizetype step = 1; step < steps; ++step) {
            for (auto texts = shorter.begin(); LegendEntry & entry : legend_)
                if (entry.run) entry.text = texts->at(std::min(step, texts->size() - 1)), ++texts;
            if (place_legend(most) && !legend_is_wide()) return;
        }
    }

    [[nodiscard]] double legend_room() const { return options_.size.width() - 2 * edge - 60; }

    /// False: what is left over has no place.
    bool place_legend(double most) {
        legend_places_.clear();
        double x = 0, row = 0;
        for (const LegendEntry& entry : legend_) {
            const double needed = legend_width(entry);
            if (x > 0 && x + needed > legend_room()) x = 0, ++row;
            if (row >= most) return false;
            legend_places_.emplace_back(x, row);
            x += needed;
        }
        return true;
    }

    /// "+ 3 more" behind the last that has a place.
    void place_more(double most) {
        const auto text = [this] { return QStringLiteral("+ %1 more").arg(legend_.size() - legend_places_.size()); };
        const auto behind = [this] {
            return legend_places_.back().x() + legend_width(legend_[legend_places_.size() - 1]);
        };
        while (legend_places_.size() > 1 && legend_places_.back().y() + 1 >= most &&
               behind() + text_width(TextStyle::axis, text()) > legend_room())
            legend_places_.pop_back();
        more_ = {text(), QPointF(behind(), legend_places_.back().y())};
    }

    void legend() {
        const double left = picture_.panels.front().plot.left(), right = options_.size.width() - edge;
        if (legend_places_.empty()) return;
        const auto middle_of = [this](const QPointF& place) {
            return legend_top_ + legend_height() * (place.y() + 0.5) + 2;
        };
        if (!whole_legend_.isEmpty())
            picture_.cut.push_back(
                {QRectF(0, legend_top_, options_.size.width(), bottom_of_legend() - legend_top_), whole_legend_});
        if (!more_.first.isEmpty())
            push(Text{{left + more_.second.x(), middle_of(more_.second) + grown(4)},
                      more_.first,
                      theme_[Token::secondary],
                      TextStyle::axis,
                      Across::left,
                      false});
        for (std::size_t i = 0; i < legend_places_.size(); ++i) {
            const LegendEntry& entry = legend_[i];
            const double at = left + legend_places_[i].x();
            const double middle = middle_of(legend_places_[i]);
            const QColor colour = resolve(entry.ink, theme_);
            if (entry.line)
                push(Stroke{{at - 2, middle}, {at + 11, middle}, colour, 2, entry.dashed});
            else if (entry.round)
                push(Disc{{at + 5, middle}, 4, entry.hollow ? QColor() : colour, entry.hollow ? colour : QColor()});
            else
                push(Box{QRectF(at, middle - 5, 10, 10), entry.hollow ? QColor() : colour,
                         entry.hollow ? colour : QColor(), entry.hollow ? 0.0 : 2.0});
            push(Text{{at + 16, middle + grown(4)},
                      elided_name(TextStyle::axis, entry.text, right - at - 16),
                      theme_[Token::secondary],
                      TextStyle::axis,
                      Across::left,
                      false});
        }
    }

    [[nodiscard]] double bottom_of_legend() const {
        return legend_top_ + legend_height() * (legend_places_.back().y() + 1);
    }

    [[nodiscard]] static double legend_width(const LegendEntry& entry) {
        return 16 + text_width(TextStyle::axis, entry.text) + between_entries;
    }

    /// Lines no wider than `room`, broken between words.
    [[nodiscard]] static QStringList wrapped(const QString& text, TextStyle style, double room) {
        QStringList lines;
        for (const QString& paragraph : text.split(u'\n')) {
            lines << QString();
            for (const QString& word : paragraph.split(u' ')) {
                QString& last = lines.back();
                const QString longer = last.isEmpty() ? word : last + u' ' + word;
                if (last.isEmpty() || text_width(style, longer) <= room)
                    last = longer;
                else
                    lines << word;
            }
        }
        for (QString& line : lines) line = elided(style, line, room); // a path is one word
        return lines;
    }

    void empty() {
        const QStringList lines = wrapped(scene_.empty_text, TextStyle::label, options_.size.width() - 4 * edge);
        double y = (top_ + bottom_ - double(lines.size() - 1) * grown(18)) / 2;
        for (const QString& line : lines) {
            push(Text{{options_.size.width() / 2, y},
                      line,
                      theme_[Token::secondary],
                      TextStyle::label,
                      Across::centre,
                      false});
            y += grown(18);
        }
    }

    [[nodiscard]] std::vector<Tick> y_ticks(std::size_t panel, const AxisMap& map) const {
        const Axis& axis = scene_.panels[panel].y;
        const double height = std::abs(map.first - map.last);
        if (!axis.names.empty()) {
            std::vector<Tick> result;
            const int stride =
                std::max(1, int(std::ceil(grown(14) * std::abs(map.span.width()) / std::max(1.0, height))));
            for (std::size_t i = 0; i < axis.names.size(); i += std::size_t(stride))
                result.push_back({double(i), axis.names[i]});
            return result;
        }
        return ticks(map.scale, map.span, std::max(2, int(height / grown(height < 300 ? 27 : 42))), map.linear_part);
    }

    struct PlacedCaption {
        QPointF place; ///< x from the frame's left edge, row
        Caption caption;
    };
    /// A panel's captions one behind the other, in rows. In a low plot the shares of ranges stand among them: inside
    /// the frame they would lie over the bars.
    [[nodiscard]] std::vector<PlacedCaption> place_captions(const Panel& panel, double width) const {
        std::vector<Caption> all = panel.captions;
        for (const ShadedRange& range : panel.ranges)
            if (low_ && !range.label.isEmpty())
                all.push_back({range.label, range.edge_ink.value_or(Ink{range.ink.token, 1})});
        std::vector<PlacedCaption> placed;
        double x = 0, row = 0;
        for (const Caption& caption : all)
            for (const QString& line : wrapped(caption.text, TextStyle::axis, width)) {
                const double needed = text_width(TextStyle::axis, line);
                if (x > 0 && x + needed > width) x = 0, ++row;
                placed.push_back({{x, row}, {line, caption.ink}});
                x += needed + between_captions;
            }
        return placed;
    }
    [[nodiscard]] double captions_height(const Panel& panel, double width) const {
        const std::vector<PlacedCaption> placed = place_captions(panel, width);
        return placed.empty() ? 0 : grown(caption_row) * (placed.back().place.y() + 1);
    }

    void captions(const Panel& panel, const QRectF& plot) {
        if (!has_captions_) return;
        const double top = plot.top() - captions_height(panel, plot.width());
        for (const auto& [place, caption] : place_captions(panel, plot.width()))
            push(Text{{plot.left() + place.x(), top + grown(caption_row) * place.y() + grown(11)},
                      caption.text,
                      resolve(caption.ink, theme_),
                      TextStyle::axis,
                      Across::left,
                      false});
    }

    /// Two passes: the tick texts decide the left margin, the margins decide the frames.
    void place_panels() {
        const std::size_t count = scene_.panels.size();
        double left = least_left, share = 0, right = options_.size.width() - edge - 6;
        for (std::size_t i = 0; i < count; ++i) {
            const double height = (bottom_ - top_) / double(count);
            double widest = 0;
            for (const Tick& tick : y_ticks(i, y_map(scene_, i, view_, height, 0)))
                widest = std::max(widest, std::min(grown(longest_name), text_width(TextStyle::axis, tick.text)));
            left = std::max(left, widest + 8 + (scene_.panels[i].y.label.isEmpty() ? 0 : grown(18)));
            share += scene_.panels[i].height_share;
            if (scene_.panels[i].cells) right = options_.size.width() - edge - grown(66);
        }
        left = std::min(left + edge, options_.size.width() / 2);
        right = std::max(right, left + 10);
        const Axis& x = scene_.panels.back().x;
        const double names = x.names.empty() ? grown(14) : plan_names(x, view_.x.value_or(x.span), right - left).height;
        const double below = names + 6 + (x.label.isEmpty() ? 0 : grown(16));
        const double room = bottom_ - top_ - below - panel_gap * double(count - 1);
        low_ = room < grown(frame_with_labels) * double(count);
        const double width = std::round(right - left);
        double strips = 0;
        for (const Panel& panel : scene_.panels) strips += captions_height(panel, width);
        has_captions_ = room - strips >= least_frame * double(count); // else the table and the summary say it
        const double available = std::max(10.0 * double(count), room - (has_captions_ ? strips : 0));
        double y = top_ + 4;
        for (std::size_t i = 0; i < count; ++i) {
            const double height = std::max(8.0, (available - 4) * scene_.panels[i].height_share / share);
            if (has_captions_) y += captions_height(scene_.panels[i], width);
            const QRectF plot(std::round(left), std::round(y), width, std::round(height));
            picture_.panels.push_back({plot, x_map(scene_, i, view_, plot.left(), plot.right()),
                                       y_map(scene_, i, view_, plot.bottom(), plot.top())});
            y += height + panel_gap;
        }
    }

    void panel(std::size_t index) {
        const Panel& panel = scene_.panels[index];
        const PanelFrame& frame = picture_.panels[index];
        MarkPainter marks(picture_.primitives, frame, theme_);
        grid(index);
        if (panel.cells) marks.cells(*panel.cells);
        for (const auto& range : panel.ranges)
            if (!range.edge_ink) marks.range_shade(range);
        for (const auto& series : panel.series) marks.series(series);
        for (const auto& level : panel.levels) marks.level(level);
        for (const auto& range : panel.ranges)
            if (range.edge_ink) marks.range_shade(range);
        x_axis(index);
        for (const auto& threshold : panel.thresholds) marks.threshold(threshold);
        captions(panel, frame.plot);
        int row = 0;
        for (const auto& range : panel.ranges)
            if (!range.label.isEmpty() && !low_) marks.range_label(range, row++);
        for (const auto& series : panel.series) marks.point_labels(series);
        for (const auto& note : panel.notes) marks.note(note);
        if (panel.cells) colour_bar(*panel.cells, frame);
    }

    void grid(std::size_t index) {
        const Panel& panel = scene_.panels[index];
        const PanelFrame& frame = picture_.panels[index];
        const double ascent = text_ascent(TextStyle::axis);
        double last = HUGE_VAL; // numbers of round steps may come closer than was asked for
        for (const Tick& tick : y_ticks(index, frame.y)) {
            const double y = std::floor(frame.y.pixel(tick.value)) + 0.5;
            if (y < frame.plot.top() - 1 || y > frame.plot.bottom() + 1) continue;
            if (!panel.cells && !tick.text.isEmpty())
                push(Stroke{
                    {frame.plot.left(), y}, {frame.plot.right(), y}, theme_.faded(Token::border, 0.8), 1, false});
            if (tick.text.isEmpty() || std::abs(y - last) < 1.2 * ascent) continue;
            last = y;
            push(Text{{frame.plot.left() - 8, y + ascent / 2 - 1.5},
                      elided_name(TextStyle::axis, tick.text, grown(longest_name)),
                      theme_[Token::secondary],
                      TextStyle::axis,
                      Across::right,
                      false});
        }
        if (panel.zero_line) {
            const double y = std::floor(frame.y.pixel(0)) + 0.5;
            if (y > frame.plot.top() && y < frame.plot.bottom())
                push(Stroke{{frame.plot.left(), y}, {frame.plot.right(), y}, theme_[Token::faint], 1, false});
        }
        if (panel.y.label.isEmpty()) return;
        const bool log = view_.logarithmic && panel.y.log_span;
        const auto whole = [log](const QString& label) { return log ? label + QStringLiteral(" (log)") : label; };
        QStringList labels{whole(panel.y.label)};
        if (!panel.y.shorter.isEmpty()) labels << whole(panel.y.shorter);
        // Beside a neighbour's title no longer than its frame, so that the two do not read as one.
        const double room = frame.plot.height() + (scene_.panels.size() > 1 ? 0 : 20);
        const QString fitting =
            first_that_fits(labels, room, [](const QString& text) { return text_width(TextStyle::axis, text); });
        const QString label = elided(TextStyle::axis, fitting, room);
        push(Text{{edge + grown(8), frame.plot.center().y()},
                  label,
                  theme_[Token::secondary],
                  TextStyle::axis,
                  Across::centre,
                  true});
        if (label != labels.front())
            picture_.cut.push_back(
                {QRectF(0, frame.plot.top(), edge + grown(14), frame.plot.height()), labels.front()});
    }

    void x_axis(std::size_t index) {
        const Panel& panel = scene_.panels[index];
        const PanelFrame& frame = picture_.panels[index];
        const double bottom = frame.plot.bottom();
        push(Stroke{
            {frame.plot.left(), bottom + 0.5}, {frame.plot.right(), bottom + 0.5}, theme_[Token::faint], 1, false});
        if (index + 1 != scene_.panels.size()) return;
        double below = grown(14);
        if (panel.x.names.empty())
            x_numbers(panel.x, frame);
        else
            below = x_names(panel.x, frame);
        if (panel.x.label.isEmpty()) return;
        push(Text{{frame.plot.center().x(), bottom + below + 6 + text_ascent(TextStyle::axis)},
                  panel.x.label,
                  theme_[Token::secondary],
                  TextStyle::axis,
                  Across::centre,
                  false});
    }

    void x_numbers(const Axis& axis, const PanelFrame& frame) {
        const double baseline = frame.plot.bottom() + 4 + text_ascent(TextStyle::axis);
        double free_from = -1e9;
        for (const Tick& tick : ticks(frame.x.scale, frame.x.span, std::max(2, int(frame.plot.width() / grown(72))),
                                      frame.x.linear_part)) {
            const double x = frame.x.pixel(tick.value);
            const double half = text_width(TextStyle::axis, tick.text) / 2;
            if (tick.text.isEmpty() || (axis.whole && tick.value != std::round(tick.value))) continue;
            if (x < frame.plot.left() - 1 || x > frame.plot.right() + 1 || x - half < free_from) continue;
            push(Text{{x, baseline}, tick.text, theme_[Token::secondary], TextStyle::axis, Across::centre, false});
            free_from = x + half + 8;
        }
    }

    double x_names(const Axis& axis, const PanelFrame& frame) {
        const NamePlan plan = plan_names(axis, frame.x.span, frame.plot.width());
        const double ascent = text_ascent(TextStyle::axis);
        for (std::size_t i = 0; i < axis.names.size(); i += std::size_t(plan.stride)) {
            const double x = frame.x.pixel(double(i));
            if (x < frame.plot.left() || x > frame.plot.right()) continue;
            const QString text = elided_name(TextStyle::axis, axis.names[i], grown(longest_name));
            if (plan.upward)
                push(Text{{x + ascent / 2 - 1.5, frame.plot.bottom() + 6},
                          text,
                          theme_[Token::secondary],
                          TextStyle::axis,
                          Across::right,
                          true});
            else
                push(Text{{x, frame.plot.bottom() + 4 + ascent},
                          text,
                          theme_[Token::secondary],
                          TextStyle::axis,
                          Across::centre,
                          false});
        }
        return plan.height;
    }

    void colour_bar(const HeatCells& cells, const PanelFrame& frame) {
        const QRectF bar(frame.plot.right() + 14, frame.plot.top(), 12, std::min(frame.plot.height(), 220.0));
        const Scale scale = cells.logarithmic ? Scale::log10 : Scale::linear;
        const AxisMap map{scale, 1, usable(scale, cells.range), bar.bottom(), bar.top()};
        constexpr int steps = 64;
        for (int i = 0; i < steps; ++i) {
            const double top = bar.top() + bar.height() * i / steps,
                         bottom = bar.top() + bar.height() * (i + 1) / steps;
            push(Box{QRectF(QPointF(bar.left(), top), QPointF(bar.right(), bottom)),
                     cell_colour(cells, map.value((top + bottom) / 2)),
                     {},
                     0});
        }
        const double ascent = text_ascent(TextStyle::axis);
        for (const Tick& tick : ticks(scale, map.span, std::max(2, int(bar.height() / grown(36))))) {
            if (tick.text.isEmpty()) continue;
            push(Text{{bar.right() + 5, map.pixel(tick.value) + ascent / 2 - 1.5},
                      tick.text,
                      theme_[Token::secondary],
                      TextStyle::axis,
                      Across::left,
                      false});
        }
        if (!cells.unit.isEmpty())
            push(Text{{bar.left(), bar.bottom() + 6 + ascent},
                      elided(TextStyle::axis, cells.unit, grown(60)),
                      theme_[Token::secondary],
                      TextStyle::axis,
                      Across::left,
                      false});
    }

    const PlotScene& scene_;
    const View& view_;
    const theme::Theme& theme_;
    const LayoutOptions& options_;
    Picture picture_;
    double top_ = 0, bottom_ = 0, legend_top_ = 0;
    bool has_captions_ = false, low_ = false;
    std::vector<LegendEntry> legend_;
    std::vector<QPointF> legend_places_; ///< x from the frames' left edge, row
    std::pair<QString, QPointF> more_;   ///< likewise; empty: all have a place
    QString whole_legend_;               ///< where it stands shortened
};

} // namespace

QColor resolve(const Ink& ink, const theme::Theme& theme) { return theme.faded(ink.token, ink.opacity); }

Ink run_ink(std::size_t index) { return {run_token(static_cast<int>(index)), 1}; }

AxisMap x_map(const PlotScene& scene, std::size_t panel, const View& view, double left, double right) {
    const Axis& axis = scene.panels[panel].x;
    return {axis.scale, axis.linear_part, usable(axis.scale, view.x.value_or(axis.span)), left, right};
}

AxisMap y_map(const PlotScene& scene, std::size_t panel, const View& view, double bottom, double top) {
    const Axis& axis = scene.panels[panel].y;
    const bool log = view.logarithmic && axis.log_span;
    const Scale scale = log ? Scale::log10 : axis.scale;
    Span span = log ? *axis.log_span : axis.span;
    if (panel < view.y.size() && view.y[panel]) span = *view.y[panel];
    // Rows of a heat map are read like text: the first at the top.
    if (scene.panels[panel].cells) std::swap(bottom, top);
    return {scale, axis.linear_part, usable(scale, span), bottom, top};
}

Picture lay_out(const PlotScene& scene, const View& view, const theme::Theme& theme, const LayoutOptions& options) {
    return PictureBuilder(scene, view, theme, options).build();
}

} // namespace graticule::plots
