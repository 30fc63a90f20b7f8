// The recipe's rules in order, the last that matches wins; which one wins for the selected layer is said beside it.
#pragma once

#include <QtCore/QString>
#include <QtCore/QStringList>
#include <QtWidgets/QTreeWidget>
#include <vector>

namespace graticule {

struct RuleRow {
    enum class Kind { defaults, rule, ignored } kind = Kind::rule;
    int index = 0; ///< into Recipe::rules or Recipe::ignore
    QString pattern, info, tip;
    bool wins_here = false;   ///< for the selected layer
    bool problem = false;     ///< matches nothing, or cannot be read
    QStringList shorter = {}; ///< the info in ever fewer words, as many texts in every row that has some
};

class RulesView final : public QTreeWidget {
    Q_OBJECT
public:
    explicit RulesView(QWidget* parent = nullptr);
    void setRows(const std::vector<RuleRow>& rows);
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override { return sizeHint(); }

Q_SIGNALS:
    void renamed(const graticule::RuleRow& row, const QString& pattern);
    void removed(const graticule::RuleRow& row);
    void moved(const graticule::RuleRow& row, int by);
    void selectWanted(const graticule::RuleRow& row); ///< the layers it matches

protected:
    void resizeEvent(QResizeEvent* event) override;
    void drawRow(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;

private:
    void shareWidth();
    [[nodiscard]] static QString info(const RuleRow& row, qsizetype form);
    void showMenu(const QPoint& at);
    std::vector<RuleRow> rows_;
    bool filling_ = false;
};

} // namespace graticule
