// A dialog that asks: an explanation, fields, buttons. As large as what is in it where the screen is; where it is not,
// what is between title and buttons scrolls and nothing lies over its neighbour.
#pragma once

#include <QtWidgets/QDialog>

class QDialogButtonBox;
class QFormLayout;
class QPushButton;
class QScrollArea;
class QVBoxLayout;

namespace graticule {

class FormDialog : public QDialog {
    Q_OBJECT
protected:
    FormDialog(const QString& title, const QString& explanation, QWidget* parent);
    /// Below what is there so far, scrolled.
    void add(QWidget* widget);
    [[nodiscard]] QFormLayout* addForm();
    /// Below all of it, always in sight. Gives the button that accepts.
    QPushButton* addButtons(const QString& action);
    /// For when there is more to say than before.
    void grow();
    void showEvent(QShowEvent* event) override;

private:
    [[nodiscard]] QSize wished() const;
    QVBoxLayout *outer_, *column_;
    QScrollArea* scrolled_;
};

} // namespace graticule
