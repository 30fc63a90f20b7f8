#include "widgets/panels/fitting_tab_bar.h"

#include <algorithm>

namespace graticule {

namespace {
constexpr int most_padding = 12, least_padding = 6;
} // namespace

FittingTabBar::FittingTabBar(QWidget* parent)
    : QTabBar(parent) {
    setExpanding(false);
    setUsesScrollButtons(false);
    setProperty("fitting", true); // the style sheet leaves the padding to this class
}

void FittingTabBar::tabInserted(int index) { setAccessibleTabName(index, tabText(index)); }

// As wide as in the weight of the chosen tab, so that choosing one moves no other.
int FittingTabBar::nameWidth(int tab) const {
    QFont strong = font();
    strong.setWeight(QFont::DemiBold);
    return QFontMetrics(strong).horizontalAdvance(tabText(tab)) + 2;
}

void FittingTabBar::fit(int room, int menu_width) {
    if (count() == 0) return;
    int names = 0, shown = count();
    for (int tab = 0; tab < count(); ++tab) names += nameWidth(tab);
    const auto needed = [&] { return names + 2 * least_padding * shown; };
    QList<bool> visible(count(), true);
    if (needed() > room) room -= menu_width;
    for (int tab = count() - 1; tab > 0 && needed() > room; --tab) { // the last ones first
        if (tab == currentIndex()) continue;
        visible[tab] = false;
        names -= nameWidth(tab);
        --shown;
    }
    padding_ = std::clamp((room - names) / (2 * shown), least_padding, most_padding);
    for (int tab = 0; tab < count(); ++tab) setTabVisible(tab, visible[tab]);
    setElideMode(elideMode()); // lays out again also where only the padding has changed
}

QList<int> FittingTabBar::hiddenTabs() const {
    QList<int> hidden;
    for (int tab = 0; tab < count(); ++tab)
        if (!isTabVisible(tab)) hidden << tab;
    return hidden;
}

QSize FittingTabBar::minimumSizeHint() const {
    const int tab = std::max(0, currentIndex());
    return {count() == 0 ? 0 : nameWidth(tab) + 2 * least_padding, QTabBar::minimumSizeHint().height()};
}

QSize FittingTabBar::tabSizeHint(int index) const {
    return {nameWidth(index) + 2 * padding_, QTabBar::tabSizeHint(index).height()};
}

} // namespace graticule
