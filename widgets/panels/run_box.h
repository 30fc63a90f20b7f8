// A choice among runs, whose names are cut in the middle: runs differ at the ends of their names. In the list the tip
// of each is its whole name.
#pragma once

#include <QtWidgets/QComboBox>
#include <QtWidgets/QStylePainter>

#include "widgets/models/cut_middle.h"
#include "widgets/models/number_text.h"

namespace graticule {

class RunBox final : public QComboBox {
public:
    explicit RunBox(const QString& accessible_name) {
        setAccessibleName(accessible_name);
        setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        setMinimumContentsLength(8);
    }

    void addRun(const QString& name, int id) {
        constexpr int longest = 48; // in the list
        addItem(elided_middle(name, longest), id);
        setItemData(count() - 1, name, Qt::ToolTipRole);
    }

protected:
    void paintEvent(QPaintEvent*) override {
        QStylePainter painter(this);
        QStyleOptionComboBox option;
        initStyleOption(&option);
        painter.drawComplexControl(QStyle::CC_ComboBox, option);
        const int room =
            style()->subControlRect(QStyle::CC_ComboBox, &option, QStyle::SC_ComboBoxEditField, this).width();
        const QString whole = itemData(currentIndex(), Qt::ToolTipRole).toString();
        option.currentText =
            cut_middle(currentIndex() < 0 ? placeholderText()
                       : whole.isEmpty()  ? currentText()
                                          : whole,
                       room - 2, [&](const QString& part) { return fontMetrics().horizontalAdvance(part); });
        painter.drawControl(QStyle::CE_ComboBoxLabel, option);
    }
};

} // namespace graticule
