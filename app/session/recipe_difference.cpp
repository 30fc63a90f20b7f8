#include "app/session/recipe_difference.h"

#include <algorithm>
#include <vector>

#include "core/recipe/recipe_text.h"

namespace graticule {

QStringList recipe_difference(const Recipe& a, const Recipe& b) {
    const auto lines_of = [](const Recipe& recipe) {
        return QString::fromStdString(recipe_text(recipe)).split(u'\n', Qt::SkipEmptyParts);
    };
    const QStringList before = lines_of(a), now = lines_of(b);
    const qsizetype rows = before.size(), columns = now.size();
    // How many lines are common from here on, by the longest common subsequence: rules that moved are told as such.
    std::vector<std::vector<int>> common(static_cast<std::size_t>(rows + 1),
                                         std::vector<int>(static_cast<std::size_t>(columns + 1)));
    const auto from = [&](qsizetype i, qsizetype j) -> int& {
        return common[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
    };
    for (qsizetype i = rows - 1; i >= 0; --i)
        for (qsizetype j = columns - 1; j >= 0; --j)
            from(i, j) = before[i] == now[j] ? from(i + 1, j + 1) + 1 : std::max(from(i + 1, j), from(i, j + 1));
    QStringList difference;
    qsizetype i = 0, j = 0;
    while (i < rows || j < columns) {
        if (i < rows && j < columns && before[i] == now[j]) {
            ++i, ++j;
        } else if (i < rows && (j == columns || from(i + 1, j) >= from(i, j + 1))) {
            difference << QStringLiteral("− ") + before[i++];
        } else {
            difference << QStringLiteral("+ ") + now[j++];
        }
    }
    return difference;
}

namespace {
bool same_pattern(const Rule& a, const Rule& b) { return a.pattern == b.pattern && a.regex == b.regex; }
} // namespace

Recipe with_line(Recipe recipe, const QString& line) {
    const Recipe said = parse_recipe_text(line.toStdString()); // one decision; the rest of it is the default's
    for (const Rule& rule : said.rules) {
        const auto found = std::find_if(recipe.rules.begin(), recipe.rules.end(),
                                        [&](const Rule& other) { return same_pattern(rule, other); });
        if (found == recipe.rules.end())
            recipe.rules.push_back(rule);
        else
            *found = rule;
    }
    for (const std::string& pattern : said.ignore)
        if (std::find(recipe.ignore.begin(), recipe.ignore.end(), pattern) == recipe.ignore.end())
            recipe.ignore.push_back(pattern);
    if (!said.rules.empty() || !said.ignore.empty()) return recipe;
    if (line.startsWith(QStringLiteral("calibration:")))
        recipe.calibration = said.calibration;
    else
        recipe.defaults = said.defaults;
    return recipe;
}

Recipe without_line(Recipe recipe, const QString& line) {
    const Recipe said = parse_recipe_text(line.toStdString());
    std::erase_if(recipe.rules, [&](const Rule& rule) {
        return std::any_of(said.rules.begin(), said.rules.end(), [&](const Rule& gone) { return rule == gone; });
    });
    std::erase_if(recipe.ignore, [&](const std::string& pattern) {
        return std::find(said.ignore.begin(), said.ignore.end(), pattern) != said.ignore.end();
    });
    return recipe;
}

} // namespace graticule
