#include "widgets/panels/elided_label.h"

#include <QtCore/QEvent>
#include <QtGui/QHelpEvent>
#include <QtGui/QPainter>
#include <QtWidgets/QStyle>
#include <QtWidgets/QToolTip>

namespace graticule {

ElidedLabel::ElidedLabel(const QString& text, QWidget* parent)
    : QLabel(text, parent) {
    setTextFormat(Qt::PlainText);
    setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
}

void ElidedLabel::setHelp(const QString& help) {
    help_ = help;
    setAccessibleDescription(help);
}

void ElidedLabel::setShorter(const QString& shorter) {
    shorter_ = shorter;
    update();
}

QString ElidedLabel::shownText() const {
    const int room = contentsRect().width();
    const QString part = QStringLiteral(" · "); // of "sample-opt · 8.2 M · 48 linears" whole parts go first
    QString shown = text();
    if (!shorter_.isEmpty() && fontMetrics().horizontalAdvance(shown) > room) shown = shorter_;
    while (fontMetrics().horizontalAdvance(shown) > room && shown.contains(part))
        shown.truncate(shown.lastIndexOf(part));
    shown = fontMetrics().elidedText(shown, Qt::ElideRight, room);
    return shown == text() || shown.size() > 1 ? shown : QString(); // a lone ellipsis says nothing
}

QSize ElidedLabel::minimumSizeHint() const { return {0, QLabel::minimumSizeHint().height()}; }

bool ElidedLabel::event(QEvent* event) {
    if (event->type() != QEvent::ToolTip) return QLabel::event(event);
    QStringList lines;
    if (shownText() != text()) lines << text();
    if (!help_.isEmpty()) lines << help_;
    QToolTip::showText(static_cast<QHelpEvent*>(event)->globalPos(), lines.join(u'\n'), this);
    return true;
}

void ElidedLabel::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    style()->drawItemText(&painter, contentsRect(), int(alignment()) | Qt::TextSingleLine, palette(), isEnabled(),
                          shownText(), foregroundRole());
}

} // namespace graticule
