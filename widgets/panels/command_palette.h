// Ctrl+K: one line that finds commands, presets, methods, layers and runs. "> " commands only, "l " layers, "r " runs,
// "? " help.
#pragma once

#include <QtWidgets/QDialog>
#include <functional>
#include <vector>

class QLabel;
class QLineEdit;
class QListWidget;

namespace graticule {

struct PaletteItem {
    enum class Kind { command, layer, run, help } kind = Kind::command;
    QString title, shortcut;
    std::function<void()> go;
};

class CommandPalette final : public QDialog {
    Q_OBJECT
public:
    explicit CommandPalette(std::vector<PaletteItem> items, QWidget* parent);
    /// Whether every word of `query` occurs in `title`; prefixes are not looked at here.
    [[nodiscard]] static bool matches(const QString& query, const QString& title);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void filter(const QString& text);
    void choose();

    std::vector<PaletteItem> items_;
    QLineEdit* line_;
    QListWidget* list_;
    QLabel* nothing_;
};

} // namespace graticule
