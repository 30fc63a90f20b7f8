// What somebody was doing, as one file to come back to or to hand on: the model by its path, the recipe with its
// calibration settings, the runs with the figures of their layers, what was found of the model, and how it all stood on
// the screen. JSON with a schema version, written aside and renamed. Calibration statistics and quantized weights are
// not kept: the settings make them again.
//
//     write_session(path, file);                  // Error{bad_input} naming the path
//     const SessionFile file = read_session(path); // the same for whatever cannot be read, and nothing is half taken
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QDateTime>
#include <QtCore/QString>
#include <QtCore/QStringList>
#include <vector>

#include "app/session/decisions_json.h"
#include "app/session/recipe_history.h"
#include "app/session/run.h"

namespace graticule {

/// Somewhere to come back to: what is selected, and the plot that shows it.
struct Place {
    QStringList layers; ///< names of linears, the one that plots show first; empty: no place
    int plot = 0;       ///< tab
    bool operator==(const Place&) const = default;
};

/// How the window stood; the session itself does not look at it.
struct SessionView {
    QByteArray geometry, layout;
    /// When somebody drew the panels' borders: the window's width and height, then each panel's; empty: nobody did.
    std::vector<int> drawn_borders;
    int plot = 0; ///< tab
    QString filter;
    int sort_column = 0;
    bool descending = false;
    std::vector<Place> bookmarks;
    bool operator==(const SessionView&) const = default;
};

struct SessionFile {
    QString model;           ///< absolute, or the name of a shipped one
    QString beside;          ///< the same from the session file's own folder, for both having moved together
    bool calibrated = false; ///< statistics were there
    Recipe recipe;           ///< its calibration settings too
    QString recipe_text;     ///< the recipe with its comments; empty: it has none
    std::vector<RecipeHistory::Step> history; ///< what undo and redo walk; empty: none was kept
    std::size_t history_at = 0;               ///< of `recipe` in it
    Recipe reference;                         ///< "current" in what-if
    EvaluationChoice evaluation;
    std::vector<Run> runs;    ///< finished ones, with the figures of their layers
    std::vector<Run> stopped; ///< evaluations that were under way or asked for, as far as they had come
    int baseline = -1;        ///< index in `runs`; -1: none
    Decisions decisions;      ///< searches with their measured points, sensitivities
    QStringList selection;    ///< names of linears, the one that plots show first
    QString notes;            ///< what somebody wrote down
    QString saved_as;         ///< of a draft: the session file that holds the same work; empty: none does
    QDateTime changed;        ///< of a draft: when the work became what it is; null: not known
    SessionView view;
};

inline constexpr const char* session_suffix = ".graticule";

/// Fills `beside` itself. Returns of how many quantizations the figures of layers are not in it, for want of room.
std::size_t write_session(const QString& path, SessionFile file);
[[nodiscard]] SessionFile read_session(const QString& path);

} // namespace graticule
