// The strip above a panel: title, what it shows now, small buttons at the right. Serves as a dock's title bar, so it
// can be dragged where it holds no button.
#pragma once

#include <QtWidgets/QFrame>

class QHBoxLayout;
class QLabel;
class QToolButton;

namespace graticule {

class ElidedLabel;

class PanelHeader final : public QFrame {
    Q_OBJECT
public:
    explicit PanelHeader(const QString& title, QWidget* parent = nullptr);
    void setTitle(const QString& title);
    /// `help`: its tip; `shorter`: what stands there without room for it.
    void setSubtitle(const QString& subtitle, const QString& help = {}, const QString& shorter = {});
    /// A flat text button at the right end; of one glyph: as narrow as that.
    QToolButton* addButton(const QString& text, const QString& tip);
    /// The same, with a menu that opens under it.
    QToolButton* addMenuButton(const QString& text, const QString& tip);
    void addWidget(QWidget* widget);
    [[nodiscard]] QSize minimumSizeHint() const override;

private:
    QHBoxLayout* row_;
    QLabel* title_;
    ElidedLabel* subtitle_;
};

} // namespace graticule
