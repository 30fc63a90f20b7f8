#include "widgets/panels/advice_view.h"

#include <QtWidgets/QLabel>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QVBoxLayout>

namespace graticule {

namespace {

QLabel* words(const QString& text, const char* role) {
    auto* label = new QLabel(text);
    label->setProperty("role", role);
    label->setWordWrap(true);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return label;
}

} // namespace

AdviceView::AdviceView(QWidget* parent)
    : QWidget(parent)
    , column_(new QVBoxLayout(this)) {
    column_->setContentsMargins(0, 0, 0, 0);
    column_->setSpacing(4);
    setAccessibleName(tr("Advice"));
    column_->addWidget(
        words(tr("Calibrate, quantize or predict sensitivity: advice comes from what was measured."), "faint"));
}

void AdviceView::setRows(const std::vector<AdviceRow>& rows) {
    if (rows == rows_) return; // a button under the pointer stays
    rows_ = rows;
    while (QLayoutItem* item = column_->takeAt(0)) {
        if (QWidget* widget = item->widget()) widget->deleteLater();
        delete item;
    }
    if (rows.empty()) column_->addWidget(words(tr("Nothing stands out in what was measured so far."), "faint"));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto* action = new QToolButton;
        action->setText(rows[i].action);
        action->setAccessibleName(rows[i].action);
        action->setToolTip(tr("Changes the recipe; undo takes it back"));
        connect(action, &QToolButton::clicked, this, [this, i] { Q_EMIT wanted(static_cast<int>(i)); });
        column_->addWidget(words(rows[i].title, "value"));
        column_->addWidget(words(rows[i].evidence, "secondary"));
        column_->addWidget(action, 0, Qt::AlignLeft);
    }
}

} // namespace graticule
