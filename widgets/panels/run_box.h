// A choice among runs. Of a name without room what all of them say goes first. In the list the tip of each is its whole
// name.
#pragma once

#include <QtWidgets/QComboBox>
#include <QtWidgets/QStylePainter>

#include "widgets/models/cut_middle.h"
#include "widgets/models/shorter_names.h"

namespace graticule {

struct RunChoice {
    int id = 0;
    QString name;
    bool operator==(const RunChoice&) const = default;
};

class RunBox final : public QComboBox {
public:
    explicit RunBox(const QString& accessible_name) {
        setAccessibleName(accessible_name);
        setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        setMinimumContentsLength(8);
    }

    void addRuns(const std::vector<RunChoice>& runs) {
        constexpr int longest = 48; // in the list
        std::vector<QString> names;
        for (const RunChoice& run : runs) names.push_back(run.name);
        const std::vector<QStringList> shorter = shorter_names(names);
        const QStringList listed = names_within(names, longest);
        for (std::size_t i = 0; i < runs.size(); ++i) {
            addItem(listed[static_cast<qsizetype>(i)], runs[i].id);
            setItemData(count() - 1, names[i], Qt::ToolTipRole);
            setItemData(count() - 1, shorter[i], ShorterRole);
        }
    }

protected:
    enum Role { ShorterRole = Qt::UserRole + 1 }; // the id is at Qt::UserRole
    void paintEvent(QPaintEvent*) override {
        QStylePainter painter(this);
        QStyleOptionComboBox option;
        initStyleOption(&option);
        painter.drawComplexControl(QStyle::CC_ComboBox, option);
        const int room =
            style()->subControlRect(QStyle::CC_ComboBox, &option, QStyle::SC_ComboBoxEditField, this).width();
        const auto width = [&](const QString& part) { return fontMetrics().horizontalAdvance(part); };
        const QStringList shorter = itemData(currentIndex(), ShorterRole).toStringList();
        option.currentText = cut_middle(currentIndex() < 0  ? placeholderText()
                                        : shorter.isEmpty() ? currentText()
                                                            : first_that_fits(shorter, room - 2, width),
                                        room - 2, width);
        painter.drawControl(QStyle::CE_ComboBoxLabel, option);
    }
};

} // namespace graticule
