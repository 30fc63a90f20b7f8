#include "widgets/plots/plot_builders.h"

#include <QtCore/QStringList>
#include <algorithm>
#include <cmath>

namespace graticule::plots {

QString Provenance::caption() const {
    QStringList parts;
    if (!model.isEmpty()) parts << model;
    if (seed) parts << QStringLiteral("seed %1").arg(*seed);
    const QString hash = recipe_hash.isEmpty() ? QString() : QStringLiteral("recipe %1").arg(recipe_hash);
    if (!recipe.isEmpty())
        parts << (hash.isEmpty() ? recipe : QStringLiteral("%1 (%2)").arg(recipe, hash));
    else if (!hash.isEmpty())
        parts << hash;
    if (!conditions.isEmpty()) parts << conditions;
    parts << QStringLiteral("Graticule " GRATICULE_VERSION);
    return parts.join(QStringLiteral(" · "));
}

Subtitle& Subtitle::add(const QString& text, Rank rank) {
    if (!text.isEmpty()) parts.push_back({text, rank});
    return *this;
}

void Subtitle::drop() {
    const auto next = std::ranges::min_element(parts.rbegin(), parts.rend(), {}, &Part::rank); // the last of its rank
    if (next != parts.rend()) parts.erase(std::next(next).base());
}

QString Subtitle::text() const {
    QStringList texts;
    for (const Part& part : parts) texts << part.text;
    return texts.join(QStringLiteral(" · "));
}

QString PerplexityData::conditions() const {
    return text.isEmpty() ? protocol : text + QStringLiteral(" · ") + protocol;
}

PlotScene empty_scene(const QString& title, const QString& why) {
    PlotScene scene;
    scene.title = title;
    scene.empty_text = why;
    scene.summary = title.isEmpty() ? why : title + QStringLiteral(": ") + why;
    return scene;
}

std::optional<Span> finite_range(std::span<const double> values) {
    std::optional<Span> range;
    for (const double value : values) {
        if (!std::isfinite(value)) continue;
        if (!range) range = Span{value, value};
        range->lower = std::min(range->lower, value);
        range->upper = std::max(range->upper, value);
    }
    return range;
}

} // namespace graticule::plots
