#include "widgets/panels/multiples_panel.h"

#include <QtGui/QPainter>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QLabel>
#include <QtWidgets/QStyledItemDelegate>
#include <QtWidgets/QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "widgets/models/cell_table.h"
#include "widgets/models/cell_text.h"
#include "widgets/models/empty_hint.h"
#include "widgets/models/number_text.h"
#include "widgets/models/table_text.h"
#include "widgets/theme/theme.h"

namespace graticule {

using theme::Token;

namespace {
constexpr int cell_height = 68, figure_height = 16, least_width = 96;

class DistributionDelegate final : public QStyledItemDelegate {
public:
    DistributionDelegate(const MultiplesModel& model, QObject* parent)
        : QStyledItemDelegate(parent)
        , model_(model) {}

    // Counts by their logarithm, as the large plot has them; the line is where 99.9 % end, the figure the largest.
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
        const theme::Theme& look = theme::of(option.palette);
        if (option.state & QStyle::State_Selected)
            painter->fillRect(option.rect, look[Token::selection]);
        else if (option.state & QStyle::State_MouseOver)
            painter->fillRect(option.rect, look[Token::header]);
        const SmallDistribution& cell = model_.at(index);
        if (cell.counts.empty()) return;
        const QRectF area = QRectF(option.rect).adjusted(8, 4 + figure_height, -8, -6);
        const double most = std::log1p(*std::max_element(cell.counts.begin(), cell.counts.end()));
        const double step = area.width() / static_cast<double>(cell.counts.size());
        for (std::size_t bin = 0; bin < cell.counts.size() && most > 0; ++bin) {
            const double height = area.height() * std::log1p(cell.counts[bin]) / most;
            const double left = area.left() + step * static_cast<double>(bin);
            painter->fillRect(QRectF(left, area.bottom() - height, step + 0.3, height),
                              look.faded(Token::full_precision, 0.85));
        }
        painter->fillRect(QRectF(area.left(), area.bottom(), area.width(), 1), look[Token::border]);
        const Multiples& all = model_.multiples();
        const double place = std::log(cell.high / all.low) / std::log(all.high / all.low);
        if (place > 0 && place <= 1)
            painter->fillRect(QRectF(area.left() + place * area.width(), area.top(), 1, area.height()),
                              look[Token::levels]);
        texts_.draw(*painter, option.rect.adjusted(8, 4, -8, -option.rect.height() + 4 + figure_height), Qt::AlignRight,
                    number_text(cell.largest, 3), option.font,
                    look[cell.outlier_ratio > 6 ? Token::levels : Token::secondary]);
    }

private:
    const MultiplesModel& model_;
    mutable CellText texts_;
};
} // namespace

MultiplesPanel::MultiplesPanel(QWidget* parent)
    : QWidget(parent)
    , about_(new QLabel)
    , table_(new CellTable)
    , model_(new MultiplesModel(this)) {
    setBackgroundRole(QPalette::Base);
    setAutoFillBackground(true);
    about_->setProperty("role", "secondary");
    about_->setWordWrap(true);
    table_->setModel(model_);
    table_->setItemDelegate(new DistributionDelegate(*model_, table_));
    table_->setAccessibleName(tr("Distributions of all inputs"));
    table_->setSelectionMode(QAbstractItemView::SingleSelection);
    table_->setMouseTracking(true);
    table_->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    table_->verticalHeader()->setDefaultSectionSize(cell_height);
    table_->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    table_->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    table_->horizontalHeader()->setMinimumSectionSize(least_width);
    new EmptyHint(*table_, tr("Calibrate to see the inputs of all layers at once"));
    enable_copy(*table_);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    about_->setContentsMargins(16, 12, 16, 8);
    column->addWidget(about_);
    column->addWidget(table_, 1);
    connect(table_->selectionModel(), &QItemSelectionModel::currentChanged, this, [this](const QModelIndex& index) {
        if (index.isValid() && !model_->at(index).counts.empty() && !signalsBlocked())
            Q_EMIT layerChosen(model_->at(index).layer);
    });
}

void MultiplesPanel::setMultiples(Multiples multiples, const QString& about) {
    about_->setText(about);
    about_->setVisible(!about.isEmpty());
    model_->setMultiples(std::move(multiples));
}

void MultiplesPanel::setSelected(LayerId layer) {
    const QModelIndex cell = model_->find(layer);
    const bool were_blocked = blockSignals(true);
    if (cell.isValid() && cell != table_->currentIndex()) table_->setCurrentIndex(cell);
    if (!cell.isValid()) table_->clearSelection();
    blockSignals(were_blocked);
}

} // namespace graticule
