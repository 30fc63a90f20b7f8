// Finds words in the table, list or text that has the focus: a line in its corner, while something is looked for. Enter and
// Shift+Enter go to the next and the one before, Escape leaves it where it stands.
#pragma once

#include <QtCore/QModelIndex>
#include <QtCore/QPointer>
#include <QtWidgets/QFrame>
#include <vector>

class QAbstractItemView;
class QAbstractScrollArea;
class QLabel;
class QLineEdit;
class QTextCursor;
class QTextDocument;

namespace graticule {

class FindBar final : public QFrame {
    Q_OBJECT
public:
    explicit FindBar(QWidget* parent);
    /// In the view that `focused` is, or is in; false: it is in none that can be searched.
    bool openIn(QWidget* focused);
    void leave();
    [[nodiscard]] QLineEdit* line() const { return line_; }
    [[nodiscard]] QString answer() const; ///< "2 of 5"

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    /// From where it stands, and from there on: the place itself counts when it is being typed.
    enum class Step { here, next, before };
    void go(Step step);
    [[nodiscard]] std::vector<QModelIndex> cells(const QAbstractItemView& view) const;
    void goInCells(QAbstractItemView& view, Step step);
    [[nodiscard]] std::vector<QTextCursor> places(const QTextDocument& text) const;
    void goInText(Step step);
    void say(std::size_t at, std::size_t count);
    void place();

    QPointer<QAbstractScrollArea> view_;
    QLineEdit* line_;
    QLabel* answer_;
};

} // namespace graticule
