// All keys of the program in one table. Those of commands can be changed in place; a key that another command has, or
// that is fixed, is refused with the name of what has it, so that no key ever means two things.
#pragma once

#include <QtGui/QKeySequence>
#include <QtWidgets/QDialog>
#include <vector>

class QLabel;
class QTableWidget;

namespace graticule {

struct ShortcutRow {
    QString name; ///< of the command: "run.evaluate"
    QString text; ///< for people
    QList<QKeySequence> keys, standard;
};

/// What is shown but cannot be changed.
struct FixedKeys {
    QString text;     ///< for people
    QString gestures; ///< that do the same: "wheel"; or empty
    QList<QKeySequence> keys;
};

class ShortcutsDialog final : public QDialog {
    Q_OBJECT
public:
    ShortcutsDialog(std::vector<ShortcutRow> rows, std::vector<FixedKeys> fixed, QWidget* parent);
    /// Gives the command one key (empty: none). False, with the reason in the dialog, when something else has it.
    bool assign(int row, const QKeySequence& keys);
    void resetAll();
    [[nodiscard]] QTableWidget* table() const { return table_; }
    [[nodiscard]] QString problem() const;

Q_SIGNALS:
    void changed(const QString& name, const QList<QKeySequence>& keys);

private:
    void set(std::size_t row, const QList<QKeySequence>& keys);

    std::vector<ShortcutRow> rows_;
    std::vector<FixedKeys> fixed_;
    QTableWidget* table_;
    QLabel* problem_;
};

} // namespace graticule
