// Tabs that all stay in sight: where their names do not fit they stand closer, and then as many as need be by their
// short names, those that save most first.
#pragma once

#include <QtCore/QStringList>
#include <QtWidgets/QTabBar>

namespace graticule {

class FittingTabBar final : public QTabBar {
    Q_OBJECT
public:
    explicit FittingTabBar(QWidget* parent = nullptr);
    /// What the tab is called where its own name has no room.
    void setShortName(int tab, const QString& name);
    /// Chooses names and padding for `room` pixels.
    void fit(int room);

protected:
    void tabInserted(int index) override;
    [[nodiscard]] QSize tabSizeHint(int index) const override;
    [[nodiscard]] QSize minimumTabSizeHint(int index) const override { return tabSizeHint(index); }

private:
    [[nodiscard]] int nameWidth(const QString& name) const;
    [[nodiscard]] int widthOf(const QStringList& names) const;
    /// What they are called in `room` pixels.
    [[nodiscard]] QStringList namesFor(int room) const;

    QStringList names_, short_names_; // of all tabs: as they were added, and the same where they are short enough
    int padding_ = 12;
};

} // namespace graticule
