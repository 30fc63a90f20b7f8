#include "widgets/models/empty_hint.h"

#include <QtCore/QEvent>
#include <QtWidgets/QAbstractItemView>

namespace graticule {

EmptyHint::EmptyHint(QAbstractItemView& view, const QString& text)
    : QLabel(text, view.viewport())
    , view_(view) {
    setProperty("role", "secondary");
    setAlignment(Qt::AlignCenter);
    setWordWrap(true);
    setAttribute(Qt::WA_TransparentForMouseEvents);
    view.viewport()->installEventFilter(this);
    const QAbstractItemModel* model = view.model();
    connect(model, &QAbstractItemModel::modelReset, this, &EmptyHint::place);
    connect(model, &QAbstractItemModel::rowsInserted, this, &EmptyHint::place);
    connect(model, &QAbstractItemModel::rowsRemoved, this, &EmptyHint::place);
    place();
}

void EmptyHint::place() {
    setGeometry(view_.viewport()->rect().adjusted(16, 0, -16, 0));
    setVisible(view_.model()->rowCount() == 0);
}

bool EmptyHint::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Resize) place();
    return QLabel::eventFilter(watched, event);
}

} // namespace graticule
