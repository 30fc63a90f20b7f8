// Names that stand together begin alike and differ somewhere: without room, what all of them say goes first.
//
//     for (const QString& shorter : shorter_names(names)[i])   // the first that fits
#pragma once

#include <QtCore/QString>
#include <QtCore/QStringList>
#include <vector>

namespace graticule {

/// Of each name: itself, then ever shorter texts, in which more and more of the words that all names share is an
/// ellipsis, the end first and the first word last. Recipes ("w=int4/asym/g128 a=int8 · calibrated 8 × 512") are looked
/// at word by word, what stands behind them part by part, and each is held against its like only.
[[nodiscard]] std::vector<QStringList> shorter_names(const std::vector<QString>& names);

/// The same of texts whose parts stand between commas: "built-in text, 8 × 512"; here what all share at the beginning
/// goes.
[[nodiscard]] std::vector<QStringList> shorter_lists(const std::vector<QString>& texts);

/// The first of `texts` that fits, else the last.
template <class Width>
[[nodiscard]] QString first_that_fits(const QStringList& texts, double room, Width width) {
    for (const QString& text : texts)
        if (width(text) <= room) return text;
    return texts.isEmpty() ? QString() : texts.back();
}

} // namespace graticule
