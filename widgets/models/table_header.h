// Headings that stand exactly over their columns: the same padding as the cells, the sort arrow behind the words. (The
// style's own headings keep room for an arrow in every column, so that none of them lines up with its numbers.)
#pragma once

#include <QtWidgets/QHeaderView>

class QTableView;

namespace graticule {

class TableHeader final : public QHeaderView {
    Q_OBJECT
public:
    explicit TableHeader(QWidget* parent = nullptr);
    /// Replaces the view's horizontal header; call it before sorting is switched on.
    static void install(QTableView& view);
    /// Pixels that the heading of a section takes, hidden or not, with its arrow where the table is sorted by it; no
    /// less than a section may have.
    [[nodiscard]] static int needed(const QHeaderView& header, int section);
    /// Whether somebody is drawing a width now; not the border of a dock.
    [[nodiscard]] static bool isDrawn(const QHeaderView& header);

protected:
    void paintSection(QPainter* painter, const QRect& rect, int section) const override;
    [[nodiscard]] QSize sectionSizeFromContents(int section) const override;
    bool viewportEvent(QEvent* event) override;

private:
    int hovered_ = -1;
};

} // namespace graticule
