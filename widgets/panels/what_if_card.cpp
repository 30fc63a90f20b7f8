#include "widgets/panels/what_if_card.h"

#include <QtWidgets/QGridLayout>
#include <QtWidgets/QLabel>

#include "widgets/models/number_text.h"

namespace graticule {

namespace {
QString heading(const QString& label) { return elided_middle(label, 9); }
} // namespace

WhatIfCard::WhatIfCard(QWidget* parent)
    : QFrame(parent)
    , grid_(new QGridLayout(this)) {
    setProperty("role", "card");
    grid_->setContentsMargins(10, 8, 10, 8);
    grid_->setHorizontalSpacing(10);
    grid_->setVerticalSpacing(3);
    grid_->setColumnStretch(0, 1);
}

void WhatIfCard::setTable(const WhatIfTable& table) {
    while (QLayoutItem* item = grid_->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    const auto put = [this](int row, int column, const QString& text, const char* role, const QString& tip = {}) {
        auto* label = new QLabel(text);
        if (role) label->setProperty("role", role);
        label->setToolTip(tip);
        label->setTextInteractionFlags(Qt::TextSelectableByMouse);
        QFont font = label->font();
        font.setPixelSize(12);
        label->setFont(font);
        // Names give way first: a narrow panel must not push the numbers out of sight.
        if (column == 0) label->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
        grid_->addWidget(label, row, column, column == 0 ? Qt::Alignment() : Qt::AlignRight);
    };
    if (table.rows.empty()) {
        auto* note = new QLabel(table.note);
        note->setProperty("role", "secondary");
        note->setWordWrap(true);
        grid_->addWidget(note, 0, 0, 1, 4);
        return;
    }
    put(0, 1, heading(table.current_label), "secondary", table.current_label);
    const bool compares = !table.candidate_label.isEmpty();
    if (compares) {
        put(0, 2, heading(table.candidate_label), "secondary", table.candidate_label);
        put(0, 3, tr("Δ"), "secondary");
    }
    int row = 0;
    for (const WhatIfRow& line : table.rows) {
        ++row;
        put(row, 0, line.name, "secondary", line.tip);
        put(row, 1, line.current, nullptr);
        if (!compares) continue;
        put(row, 2, line.candidate, nullptr);
        put(row, 3, line.delta, line.better > 0 ? "good" : line.better < 0 ? "worse" : "secondary");
    }
}

} // namespace graticule
