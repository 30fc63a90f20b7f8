#include "widgets/panels/fitting_tab_bar.h"

#include <algorithm>

namespace graticule {

namespace {
constexpr int most_padding = 12, least_padding = 6, least_short_padding = 1;
} // namespace

FittingTabBar::FittingTabBar(QWidget* parent)
    : QTabBar(parent) {
    setExpanding(false);
    setProperty("fitting", true); // the style sheet leaves the padding to this class
}

void FittingTabBar::tabInserted(int index) {
    names_.insert(index, tabText(index));
    short_names_.insert(index, tabText(index));
    setAccessibleTabName(index, tabText(index));
}

void FittingTabBar::setShortName(int tab, const QString& name) { short_names_[tab] = name; }

// As wide as in the weight of the chosen tab, so that choosing one moves no other.
int FittingTabBar::nameWidth(const QString& name) const {
    QFont strong = font();
    strong.setWeight(QFont::DemiBold);
    return QFontMetrics(strong).horizontalAdvance(name) + 2;
}

int FittingTabBar::widthOf(const QStringList& names) const {
    int width = 0;
    for (const QString& name : names) width += nameWidth(name);
    return width;
}

QStringList FittingTabBar::namesFor(int room) const {
    QStringList names = names_;
    const auto gain = [&](qsizetype tab) { return nameWidth(names[tab]) - nameWidth(short_names_[tab]); };
    while (widthOf(names) + 2 * least_padding * names.size() > room) {
        qsizetype longest = 0;
        for (qsizetype tab = 1; tab < names.size(); ++tab)
            if (gain(tab) > gain(longest)) longest = tab;
        if (gain(longest) <= 0) break; // all of them are short
        names[longest] = short_names_[longest];
    }
    return names;
}

void FittingTabBar::fit(int room) {
    if (names_.isEmpty()) return;
    const auto tabs = static_cast<int>(names_.size());
    const QStringList names = namesFor(room);
    padding_ = std::clamp((room - widthOf(names)) / (2 * tabs), least_short_padding, most_padding);
    for (int tab = 0; tab < count() && tab < tabs; ++tab) {
        setTabText(tab, names[tab]);
        setTabToolTip(tab, names[tab] == names_[tab] ? QString() : names_[tab]);
    }
    setElideMode(elideMode()); // lays out again also where only the padding has changed
}

QSize FittingTabBar::tabSizeHint(int index) const {
    return {nameWidth(tabText(index)) + 2 * padding_, QTabBar::tabSizeHint(index).height()};
}

} // namespace graticule
