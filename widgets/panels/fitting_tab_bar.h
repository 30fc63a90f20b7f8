// Tabs by their whole names: where those have no room they stand closer, and then as many as fit are shown; the others
// wait in a menu. The current one is always shown.
#pragma once

#include <QtCore/QStringList>
#include <QtWidgets/QTabBar>

namespace graticule {

class FittingTabBar final : public QTabBar {
    Q_OBJECT
public:
    explicit FittingTabBar(QWidget* parent = nullptr);
    /// Chooses padding and tabs for `room` pixels, `menu_width` of which go to a menu as soon as a tab has no room.
    void fit(int room, int menu_width);
    [[nodiscard]] QList<int> hiddenTabs() const;
    /// Of one tab: what is shown now must not keep its neighbours from growing.
    [[nodiscard]] QSize minimumSizeHint() const override;

protected:
    void tabInserted(int index) override;
    [[nodiscard]] QSize tabSizeHint(int index) const override;
    [[nodiscard]] QSize minimumTabSizeHint(int index) const override { return tabSizeHint(index); }

private:
    [[nodiscard]] int nameWidth(int tab) const;

    int padding_ = 12;
};

} // namespace graticule
