// Ctrl+K: one line that finds commands, presets, methods, settings, layers and runs, by their names, by what is said of
// them and by other words for them. "> " commands only, "l " layers, "r " runs, "? " help.
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
    QString title, shortcut; ///< or what else stands at the right: what choosing it does
    std::function<void()> go;
    QString about = {};   ///< one line below the title; empty: the title says it
    QString words = {};   ///< not shown: what else somebody may call it
    QString not_now = {}; ///< why it is found and cannot be chosen now, in few words; empty: it can
};

class CommandPalette final : public QDialog {
    Q_OBJECT
public:
    explicit CommandPalette(std::vector<PaletteItem> items, QWidget* parent);
    /// Whether every word of `query` occurs in `title`; prefixes are not looked at here.
    [[nodiscard]] static bool matches(const QString& query, const QString& title);
    /// Of those that match, what carries the words in its name comes first, then what is said of it, then other words;
    /// what is not possible now comes last.
    [[nodiscard]] static std::vector<std::size_t> found(const QString& query, const std::vector<PaletteItem>& items);

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
