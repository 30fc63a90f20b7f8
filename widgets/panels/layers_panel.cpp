#include "widgets/panels/layers_panel.h"

#include <QtGui/QAction>
#include <QtGui/QClipboard>
#include <QtGui/QGuiApplication>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QLabel>
#include <QtWidgets/QLineEdit>
#include <QtWidgets/QTableView>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QVBoxLayout>
#include <set>

#include "widgets/models/layer_filter.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/number_text.h"
#include "widgets/models/table_delegates.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/panel_header.h"

namespace graticule {

LayersPanel::LayersPanel(QWidget* parent)
    : QWidget(parent)
    , header_(new PanelHeader(tr("Layers"), this))
    , filter_(new QLineEdit)
    , matches_(new QLabel)
    , make_rule_(new QToolButton)
    , table_(new QTableView)
    , model_(new LayerTableModel(this))
    , proxy_(new LayerFilterProxy(this)) {
    setAttribute(Qt::WA_StyledBackground); // the panel's surface, from the style sheet
    proxy_->setSourceModel(model_);
    filter_->setPlaceholderText(tr("filter: fc2  sqnr<30"));
    filter_->setAccessibleName(tr("Filter layers"));
    filter_->setToolTip(
        tr("Terms separated by spaces must all hold: part of a name, a pattern as in recipe rules, kind=down*, "
           "sqnr<30, max>5, outlier>6, underflow>20, block=3, scheme=dint4, /regex/, !not"));
    filter_->setProperty("mono", true);
    filter_->setClearButtonEnabled(true);
    matches_->setProperty("role", "faint");
    make_rule_->setText(tr("make rule"));
    make_rule_->setToolTip(tr("Make a recipe rule of this filter"));
    auto* filter_row = new QHBoxLayout;
    filter_row->setContentsMargins(10, 8, 6, 8);
    filter_row->setSpacing(8);
    filter_row->addWidget(filter_, 1);
    filter_row->addWidget(matches_);
    filter_row->addWidget(make_rule_);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    column->addLayout(filter_row);
    column->addWidget(table_, 1);
    buildTable();

    auto* csv = header_->addButton(tr("CSV"), tr("Copy the table as CSV"));
    connect(csv, &QToolButton::clicked, this, [this] { QGuiApplication::clipboard()->setText(csv_of(*table_)); });
    connect(filter_, &QLineEdit::textChanged, this, &LayersPanel::filterChanged);
    connect(make_rule_, &QToolButton::clicked, this, [this] {
        const auto pattern = proxy_->filter().as_pattern();
        Q_EMIT ruleWanted(pattern.value_or(QString()), matching());
    });
    connect(proxy_, &QAbstractItemModel::modelReset, this, &LayersPanel::updateTitles);
    connect(proxy_, &QAbstractItemModel::layoutChanged, this, &LayersPanel::updateTitles);
    filterChanged();
}

void LayersPanel::buildTable() {
    table_->setModel(proxy_);
    table_->setItemDelegate(new HeatDelegate(table_));
    table_->setAccessibleName(tr("Layers"));
    table_->setSelectionBehavior(QAbstractItemView::SelectRows);
    table_->setSelectionMode(QAbstractItemView::ExtendedSelection);
    table_->setShowGrid(false);
    table_->setSortingEnabled(true);
    table_->setMouseTracking(true);
    table_->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    table_->verticalHeader()->hide();
    table_->verticalHeader()->setDefaultSectionSize(24);
    table_->verticalHeader()->setMinimumSectionSize(20);
    table_->sortByColumn(LayerTableModel::Block, Qt::AscendingOrder);
    auto* columns = table_->horizontalHeader();
    columns->setHighlightSections(false);
    columns->setSectionsMovable(true);
    columns->setMinimumSectionSize(30);
    const std::pair<int, int> widths[] = {{LayerTableModel::Block, 28},     {LayerTableModel::Name, 76},
                                          {LayerTableModel::AbsMax, 62},    {LayerTableModel::Outlier, 58},
                                          {LayerTableModel::Underflow, 80}, {LayerTableModel::Sqnr, 74},
                                          {LayerTableModel::Scheme, 60}};
    for (const auto& [section, width] : widths) columns->resizeSection(section, width);
    columns->setStretchLastSection(true);
    for (const int hidden : {LayerTableModel::Kind, LayerTableModel::ShapeColumn, LayerTableModel::Bytes})
        table_->hideColumn(hidden);
    enable_csv_copy(*table_);
    columns->setContextMenuPolicy(Qt::ActionsContextMenu);
    for (int section = 0; section < LayerTableModel::ColumnCount; ++section) {
        auto* show = new QAction(model_->headerData(section, Qt::Horizontal).toString(), columns);
        show->setCheckable(true);
        show->setChecked(!table_->isColumnHidden(section));
        connect(show, &QAction::toggled, this, [this, section](bool on) { table_->setColumnHidden(section, !on); });
        columns->addAction(show);
    }
    connect(table_->selectionModel(), &QItemSelectionModel::selectionChanged, this, &LayersPanel::sendSelection);
    connect(columns, &QHeaderView::sortIndicatorChanged, this, &LayersPanel::updateTitles);
}

void LayersPanel::setRows(std::vector<LayerRow> rows) {
    model_->setRows(std::move(rows));
    filterChanged();
}

void LayersPanel::filterChanged() {
    const QSignalBlocker quiet(filter_);
    if (proxy_->filter().empty() != filter_->text().trimmed().isEmpty() || !filter_->text().isEmpty())
        proxy_->setFilterLine(filter_->text());
    const QString problem = proxy_->filter().problem();
    matches_->setText(!problem.isEmpty() ? problem
                                         : tr("%1 of %2 match").arg(proxy_->rowCount()).arg(model_->rowCount()));
    make_rule_->setEnabled(problem.isEmpty() && proxy_->rowCount() > 0 && !proxy_->filter().empty());
    updateTitles();
}

void LayersPanel::updateTitles() {
    const int column = table_->horizontalHeader()->sortIndicatorSection();
    QString subtitle = linears_text(model_->rowCount());
    if (model_->rowCount() == 0)
        subtitle.clear();
    else if (column > LayerTableModel::Block)
        subtitle += tr(", sorted by %1").arg(model_->headerData(column, Qt::Horizontal).toString());
    header_->setSubtitle(subtitle);
}

std::vector<LayerId> LayersPanel::matching() const {
    std::vector<LayerId> layers;
    for (int row = 0; row < proxy_->rowCount(); ++row)
        layers.push_back(LayerId{proxy_->index(row, 0).data(LayerTableModel::LayerRole).toInt()});
    return layers;
}

void LayersPanel::sendSelection() {
    if (quiet_) return;
    std::vector<LayerId> layers;
    for (const QModelIndex& index : table_->selectionModel()->selectedRows())
        layers.push_back(LayerId{index.data(LayerTableModel::LayerRole).toInt()});
    Q_EMIT selectionChanged(layers);
}

void LayersPanel::setSelection(const std::vector<LayerId>& layers) {
    const std::set<LayerId> wanted(layers.begin(), layers.end());
    QItemSelection selection;
    QModelIndex first;
    for (int row = 0; row < proxy_->rowCount(); ++row) {
        const QModelIndex index = proxy_->index(row, 0);
        if (!wanted.contains(LayerId{index.data(LayerTableModel::LayerRole).toInt()})) continue;
        if (!first.isValid()) first = index;
        selection.select(index, index);
    }
    quiet_ = true;
    if (first.isValid()) table_->selectionModel()->setCurrentIndex(first, QItemSelectionModel::NoUpdate);
    table_->selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
    quiet_ = false;
    if (first.isValid()) table_->scrollTo(first);
}

void LayersPanel::focusFilter() {
    filter_->setFocus(Qt::ShortcutFocusReason);
    filter_->selectAll();
}

void LayersPanel::setFilterText(const QString& text) { filter_->setText(text); }

void LayersPanel::sortBy(int column, Qt::SortOrder order) { table_->sortByColumn(column, order); }

} // namespace graticule
