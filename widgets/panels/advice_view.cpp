#include "widgets/panels/advice_view.h"

#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QVBoxLayout>

#include "widgets/panels/words_label.h"

namespace graticule {

AdviceView::AdviceView(QWidget* parent)
    : QWidget(parent)
    , column_(new QVBoxLayout(this)) {
    column_->setContentsMargins(0, 0, 0, 0);
    column_->setSpacing(4);
    setAccessibleName(tr("Advice"));
    setRows({}, false);
}

void AdviceView::setRows(const std::vector<AdviceRow>& rows, bool measured) {
    if (rows == rows_ && measured == measured_) return; // a button under the pointer stays
    rows_ = rows;
    measured_ = measured;
    while (QLayoutItem* item = column_->takeAt(0)) {
        if (QWidget* widget = item->widget()) widget->deleteLater();
        delete item;
    }
    if (rows.empty())
        column_->addWidget(words_label(
            "faint", measured
                         ? tr("Nothing stands out in what was measured so far.")
                         : tr("Calibrate, quantize or predict sensitivity: advice comes from what was measured.")));
    QWidget* before = before_;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto* action = new QPushButton(rows[i].action);
        action->setAccessibleName(rows[i].action);
        action->setToolTip(tr("Changes the recipe; undo takes it back"));
        connect(action, &QPushButton::clicked, this, [this, i] { Q_EMIT wanted(static_cast<int>(i)); });
        column_->addWidget(words_label("value", rows[i].title));
        column_->addWidget(words_label("secondary", rows[i].evidence));
        column_->addWidget(action, 0, Qt::AlignLeft);
        if (before) setTabOrder(before, action);
        before = action;
    }
}

} // namespace graticule
