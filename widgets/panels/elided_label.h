// One line of text that gives way to its neighbours: what does not fit ends in an ellipsis and stays readable in the
// tool tip, where a plain label is cut in the middle of a letter.
#pragma once

#include <QtWidgets/QLabel>

namespace graticule {

class ElidedLabel final : public QLabel {
    Q_OBJECT
public:
    explicit ElidedLabel(const QString& text = {}, QWidget* parent = nullptr);
    /// Shown under the whole text in the tool tip.
    void setHelp(const QString& help);
    /// Stands instead of the text where that does not fit; empty: the text is cut.
    void setShorter(const QString& shorter);
    [[nodiscard]] QString shownText() const; ///< as it stands on the screen now
    [[nodiscard]] QSize minimumSizeHint() const override;

protected:
    bool event(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;

private:
    QString help_, shorter_;
};

} // namespace graticule
