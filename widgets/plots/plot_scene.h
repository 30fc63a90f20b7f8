// A plot as a value: what is drawn, in data units and named colours, and nothing of how. Builders make scenes,
// plot_layout turns a scene and a size into primitives, painters draw those on the screen and into files, so that all
// of them agree.
#pragma once

#include "widgets/plots/axis_scale.h"
#include "widgets/theme/theme.h"

#include <QtCore/QString>
#include <QtCore/QStringList>
#include <array>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace graticule::plots {

inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// A colour by its meaning; resolved when the theme is known.
struct Ink {
    theme::Token token = theme::Token::full_precision;
    double opacity = 1;
};

/// The colour of run number `index` in plots of many runs, as in the table of runs (widgets/models/run_colours.h).
[[nodiscard]] Ink run_ink(std::size_t index);

struct Axis {
    QString label;
    QString symbol; ///< before the value in the read-out: "u", "channel"
    Scale scale = Scale::linear;
    double linear_part = 1;       ///< of symlog
    Span span;                    ///< the whole view, before any zoom
    std::optional<Span> log_span; ///< y axes: the view when the reader switches to a log scale; absent: no such switch
    std::vector<QString> names;   ///< a named axis: item i sits at i and reaches from i - 0.5 to i + 0.5
    int decimals = -1;            ///< of the hover read-out; -1: four significant digits
    bool whole = false;           ///< whole numbers only: channels, windows
    QString shorter;              ///< a y axis: the label where the panel has no room for it; empty: it is cut
};

enum class Mark {
    bars,   ///< x: edges (n + 1), or centres (n) with bar_width; y: tops; y0: bottoms or empty (the axis)
    stairs, ///< the outline of such bars
    line,
    band,   ///< y0 to y, filled
    points, ///< hollow or filled discs
    ticks,  ///< a short line across at y, bar_width wide: where a bar's sum is
    stems,  ///< a thin bar from zero to y at x
};

struct Series {
    QString name;
    Mark mark = Mark::line;
    Ink ink;
    std::vector<double> x, y, y0;
    double width = 1.5;   ///< logical pixels, of lines and stems
    double bar_width = 0; ///< data units; above 0: x holds centres
    bool dashed = false;
    bool hollow = false;         ///< points: outlined only
    bool hoverable = true;       ///< takes part in the read-out
    QString readout;             ///< "%1 weights in bin"; empty: the name, then the value
    int decimals = -1;           ///< of the value in the read-out; -1: four significant digits
    std::vector<QString> labels; ///< drawn beside point i where not empty; the first ones have the choice of places
    std::vector<QStringList> shorter_labels; ///< of each label: what may stand for it without room, the longest first
    std::vector<QString>
        details; ///< extra lines of the read-out for point i ('\n' between lines), or one for all, or none
    std::vector<QString> suffixes; ///< after the value in the read-out: "(61.77 to 63.73)"
    std::vector<qint64> ids;       ///< what a click on point i reports; empty: i itself
};

[[nodiscard]] inline Series make_series(QString name, Mark mark, Ink ink) {
    Series series;
    series.name = std::move(name);
    series.mark = mark;
    series.ink = ink;
    return series;
}

/// A vertical line over the whole height: a quantizer's level.
struct LevelLine {
    double x = 0;
    Ink ink{theme::Token::levels, 0.8};
    bool dashed = false;
};

/// A shaded vertical band. With a label, the share is written beside it with a leader line.
struct ShadedRange {
    double lower = 0, upper = 0;
    Ink ink{theme::Token::underflow, 0.2};
    QString label;
    std::optional<Ink> edge_ink; ///< dashed edges
};

/// A horizontal line that may be dragged.
struct Threshold {
    double y = 0;
    QString label; ///< in the legend; "%1" is replaced by the value, also while it is dragged
    Ink ink{theme::Token::levels, 1};
    bool draggable = false;
    QString moved_label; ///< replaces the label once it is dragged: "%2" is the value in units of `unit`
    double unit = 1;
};

/// Said of a panel, in rows above its frame, where nothing is drawn over.
struct Caption {
    QString text;
    Ink ink{theme::Token::secondary, 1};
};

/// Text at a place inside the panel, in shares of its width and height (0, 0 = top left).
struct Note {
    double x = 0, y = 0;
    QString text;
    Ink ink{theme::Token::secondary, 1};
};

enum class CellColours { viridis, blue_orange };

/// Cells of a heat map: column c covers c - 0.5 to c + 0.5, row r likewise, row 0 at the top. Row-major.
struct HeatCells {
    std::size_t columns = 0, rows = 0;
    std::vector<double> values; ///< NaN: nothing there
    Span range;                 ///< of the colours
    bool logarithmic = false;
    CellColours colours = CellColours::viridis;
    bool low_is_worse = false; ///< then low values are the bright ones: bright is worse everywhere
    bool write_values = false; ///< inside the cells, where they fit
    std::vector<std::pair<std::size_t, std::size_t>> marked; ///< (row, column) with a frame: what is selected
    int decimals = 2;
    QString unit;
};

/// One pair of axes. Panels of a scene lie below one another and share the x view.
struct Panel {
    Axis x, y;
    std::vector<ShadedRange> ranges;
    std::vector<Series> series;
    std::vector<LevelLine> levels;
    std::vector<Threshold> thresholds;
    std::vector<Caption> captions;
    std::vector<Note> notes;
    std::optional<HeatCells> cells;
    double height_share = 1;
    bool zero_line = false; ///< a stronger grid line at y = 0
};

struct LegendEntry {
    QString text;
    Ink ink;
    bool line = false; ///< a stroke instead of a square
    bool dashed = false;
    bool hollow = false;
    bool round = false; ///< a disc, for points
    bool run = false;   ///< names a run: said in fewer words where there is no room, as far as all are told apart
};

/// The numbers behind the picture: "copy data", the accessible table, CSV.
struct DataTable {
    std::vector<QString> columns;
    std::vector<std::vector<QString>> rows;
};

/// Said of a plot beside or below its title, in parts: "a · b · c". Without room they go one after the other, the last
/// detail first; on what basis the figures stand goes last.
struct Subtitle {
    enum class Rank { detail, basis }; ///< basis: measured or not; of which text, calibration or protocol
    struct Part {
        QString text;
        Rank rank = Rank::detail;
    };
    std::vector<Part> parts;

    Subtitle() = default;
    Subtitle(const QString& detail) { add(detail); }              // many have this one part
    Subtitle& add(const QString& text, Rank rank = Rank::detail); ///< empty: nothing
    void drop();                                                  ///< the part that goes next
    [[nodiscard]] bool isEmpty() const { return parts.empty(); }
    [[nodiscard]] QString text() const;
};

struct PlotScene {
    QString title;
    Subtitle subtitle;
    QString caption;                 ///< under exported pictures: model, seed, recipe hash
    QString empty_text;              ///< shown instead of the panels when there are none
    QString summary;                 ///< one or two sentences for a screen reader
    QString x_key;                   ///< scenes with the same key share a view: a new scene keeps the reader's zoom
    bool starts_logarithmic = false; ///< a plot of this kind (x_key) opens with its logarithmic y axis
    std::vector<Panel> panels;
    std::vector<LegendEntry> legend;
    DataTable table;
};

} // namespace graticule::plots
