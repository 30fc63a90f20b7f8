#include "widgets/panels/what_if_card.h"

#include <QtWidgets/QGridLayout>
#include <QtWidgets/QLabel>
#include <algorithm>

#include "widgets/panels/elided_label.h"
#include "widgets/theme/theme.h"

namespace graticule {

namespace {
constexpr int longest_heading = 8; // that stands above a column of numbers without widening it

QLabel* small(QLabel* label, const char* role) {
    if (role) label->setProperty("role", role);
    label->setFont(theme::ui_font(12));
    return label;
}
} // namespace

WhatIfCard::WhatIfCard(QWidget* parent)
    : QFrame(parent)
    , grid_(new QGridLayout(this)) {
    setProperty("role", "card");
    grid_->setContentsMargins(6, 8, 6, 8);
    grid_->setHorizontalSpacing(5);
    grid_->setVerticalSpacing(3);
    grid_->setColumnStretch(0, 1);
}

void WhatIfCard::setTable(const WhatIfTable& table) {
    while (QLayoutItem* item = grid_->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    const auto put = [this](int row, int column, const QString& text, const char* role) {
        auto* label = small(new QLabel(text), role);
        label->setTextInteractionFlags(Qt::TextSelectableByMouse);
        grid_->addWidget(label, row, column, Qt::AlignRight);
    };
    // Names give way first: a narrow panel must not push the numbers out of sight.
    const auto put_name = [this](int row, int columns, const QString& text, const QString& tip) {
        auto* label = new ElidedLabel(text);
        label->setHelp(tip);
        grid_->addWidget(small(label, "secondary"), row, 0, 1, columns);
        return label;
    };
    if (table.rows.empty()) {
        auto* note = new QLabel(table.note);
        note->setProperty("role", "secondary");
        note->setWordWrap(true);
        grid_->addWidget(note, 0, 0, 1, 4);
        return;
    }
    const bool compares = !table.candidate_label.isEmpty();
    if (std::max(table.current_label.size(), table.candidate_label.size()) <= longest_heading) {
        put(0, 1, table.current_label, "secondary");
        if (compares) put(0, 2, table.candidate_label, "secondary");
    } else {
        // The names of methods are longer than any number: one line above all of the columns, in their order.
        put_name(0, compares ? 3 : 2,
                 compares ? table.current_label + QStringLiteral(" → ") + table.candidate_label : table.current_label,
                 {})
            ->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    }
    if (compares) put(0, 3, tr("Δ"), "secondary");
    int row = 0;
    for (const WhatIfRow& line : table.rows) {
        ++row;
        const bool heading = line.current.isEmpty() && line.candidate.isEmpty();
        put_name(row, heading ? 4 : 1, line.name, line.tip)->setShorter(line.shorter);
        if (heading) continue;
        put(row, 1, line.current, nullptr);
        if (!compares) continue;
        put(row, 2, line.candidate, nullptr);
        put(row, 3, line.delta, line.better > 0 ? "good" : line.better < 0 ? "worse" : "secondary");
    }
    const auto put_below = [this, &row](const QString& text, const char* role) {
        if (text.isEmpty()) return;
        auto* label = small(new QLabel(text), role);
        label->setWordWrap(true);
        grid_->addWidget(label, ++row, 0, 1, 4);
    };
    put_below(table.basis, "faint");
    put_below(table.warning, "worse");
}

} // namespace graticule
