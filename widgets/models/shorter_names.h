// Names that stand together begin alike and differ somewhere: without room, what all of them say goes first.
//
//     for (const QString& shorter : shorter_names(names)[i])   // the first that fits
#pragma once

#include <QtCore/QString>
#include <QtCore/QStringList>
#include <vector>

namespace graticule {

/// Of each name: itself, then ever shorter texts. What all names share becomes an ellipsis first, the end before the
/// beginning; then what most of them share, as far as each name keeps a word that each of the others lacks. The first
/// word stays. Recipes ("w=int4/asym/g128 a=int8 · calibrated 8 × 512") are looked at word by word, what stands behind
/// them part by part. Beside recipes that round inputs one that does not says "a=none".
[[nodiscard]] std::vector<QStringList> shorter_names(const std::vector<QString>& names);

/// Of each name the text of shorter_names() that lacks only what all share: every word that tells it from any other is
/// there.
[[nodiscard]] std::vector<QString> telling_names(const std::vector<QString>& names);

/// Ever shorter texts of those whose parts stand between commas, "built-in text, 8 × 512": what all share at the
/// beginning goes.
[[nodiscard]] std::vector<QStringList> shorter_lists(const std::vector<QString>& texts);

/// The first of `texts` that fits, else the last.
template <class Width>
[[nodiscard]] QString first_that_fits(const QStringList& texts, double room, Width width) {
    for (const QString& text : texts)
        if (width(text) <= room) return text;
    return texts.isEmpty() ? QString() : texts.back();
}

/// Each of `names` in at most so many letters; without room cut in its middle.
[[nodiscard]] QStringList names_within(const std::vector<QString>& names, int letters);

} // namespace graticule
