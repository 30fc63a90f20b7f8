// All keys of the program in one table. Those of commands can be changed in place; a key that another command has is
// refused with that command's name, so that no key ever means two things.
#pragma once

#include <QtGui/QKeySequence>
#include <QtWidgets/QDialog>
#include <utility>
#include <vector>

class QLabel;
class QTableWidget;

namespace graticule {

struct ShortcutRow {
    QString name; ///< of the command: "run.evaluate"
    QString text; ///< for people
    QList<QKeySequence> keys, standard;
};

class ShortcutsDialog final : public QDialog {
    Q_OBJECT
public:
    /// `fixed`: keys and gestures that are shown but cannot be changed.
    ShortcutsDialog(std::vector<ShortcutRow> rows, const std::vector<std::pair<QString, QString>>& fixed,
                    QWidget* parent);
    /// Gives the command one key (empty: none). False, with the reason in the dialog, when another command has it.
    bool assign(int row, const QKeySequence& keys);
    void resetAll();
    [[nodiscard]] QTableWidget* table() const { return table_; }
    [[nodiscard]] QString problem() const;

Q_SIGNALS:
    void changed(const QString& name, const QList<QKeySequence>& keys);

private:
    void set(std::size_t row, const QList<QKeySequence>& keys);

    std::vector<ShortcutRow> rows_;
    QTableWidget* table_;
    QLabel* problem_;
};

} // namespace graticule
