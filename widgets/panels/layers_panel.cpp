#include "widgets/panels/layers_panel.h"

#include <QtCore/QEvent>
#include <QtCore/QTimer>
#include <QtGui/QAction>
#include <QtGui/QResizeEvent>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QLabel>
#include <QtWidgets/QLineEdit>
#include <QtWidgets/QMenu>
#include <QtWidgets/QScrollBar>
#include <QtWidgets/QStyle>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QVBoxLayout>
#include <algorithm>
#include <set>

#include "widgets/models/cell_table.h"
#include "widgets/models/empty_hint.h"
#include "widgets/models/layer_filter.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/number_text.h"
#include "widgets/models/table_delegates.h"
#include "widgets/models/table_header.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/panel_header.h"
#include "widgets/theme/theme.h"

namespace graticule {

namespace {
void set_role(QLabel& label, const char* role) {
    if (label.property("role").toString() == QLatin1String(role)) return;
    label.setProperty("role", role);
    label.style()->unpolish(&label);
    label.style()->polish(&label);
}
} // namespace

LayersPanel::LayersPanel(QWidget* parent)
    : QWidget(parent)
    , header_(new PanelHeader(tr("Layers"), this))
    , filter_(new QLineEdit)
    , matches_(new QLabel)
    , make_rule_(new QToolButton)
    , table_(new CellTable)
    , model_(new LayerTableModel(this))
    , proxy_(new LayerFilterProxy(this)) {
    setMinimumWidth(240);                  // wherever its dock is moved to
    setAttribute(Qt::WA_StyledBackground); // the panel's surface, from the style sheet
    proxy_->setSourceModel(model_);
    filter_->setPlaceholderText(tr("filter: fc2  sqnr<30"));
    filter_->setAccessibleName(tr("Filter layers"));
    filter_->setToolTip(
        tr("Terms separated by spaces must all hold: part of a name, a pattern as in recipe rules, kind=down*, "
           "sqnr<30, max>5, outlier>6, underflow>20, block=3, scheme=dint4, /regex/, !not"));
    filter_->setProperty("mono", true);
    filter_->setClearButtonEnabled(true);
    buildAnswer();
    auto* filter_row = new QHBoxLayout;
    filter_row->setContentsMargins(10, 8, 10, 8);
    filter_row->addWidget(filter_, 1);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    column->addLayout(filter_row);
    column->addWidget(answer_);
    column->addWidget(table_, 1);
    buildTable();

    add_copy_actions(*table_, *header_->addMenuButton(tr("copy"), tr("Copy the table, or the selected rows"))->menu());
    connect(filter_, &QLineEdit::textChanged, this, &LayersPanel::filterChanged);
    connect(make_rule_, &QToolButton::clicked, this, [this] {
        const auto pattern = proxy_->filter().as_pattern();
        Q_EMIT ruleWanted(pattern.value_or(QString()), matching());
    });
    connect(proxy_, &QAbstractItemModel::modelReset, this, &LayersPanel::updateTitles);
    connect(proxy_, &QAbstractItemModel::layoutChanged, this, &LayersPanel::updateTitles);
    filterChanged();
}

// Under the filter, and only while something is typed there: how many match, or what is wrong with it.
void LayersPanel::buildAnswer() {
    answer_ = new QWidget;
    matches_->setProperty("role", "secondary");
    matches_->setWordWrap(true);
    // However long a message is, the panel keeps its width.
    matches_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    make_rule_->setText(tr("make rule"));
    make_rule_->setToolTip(tr("Make a recipe rule of this filter"));
    make_rule_->setAccessibleName(make_rule_->toolTip());
    auto* row = new QHBoxLayout(answer_);
    row->setContentsMargins(12, 0, 8, 6);
    row->setSpacing(8);
    row->addWidget(matches_, 1);
    row->addWidget(make_rule_, 0, Qt::AlignTop);
    answer_->hide();
}

void LayersPanel::buildTable() {
    sight_soon_ = new QTimer(this);
    sight_soon_->setSingleShot(true);
    sight_soon_->setInterval(60);
    connect(sight_soon_, &QTimer::timeout, this, &LayersPanel::sightChanged);
    table_->setModel(proxy_);
    table_->setItemDelegate(new HeatDelegate(table_));
    table_->setAccessibleName(tr("Layers"));
    table_->setSelectionBehavior(QAbstractItemView::SelectRows);
    table_->setSelectionMode(QAbstractItemView::ExtendedSelection);
    table_->setSortingEnabled(true);
    table_->setMouseTracking(true);
    table_->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    table_->verticalHeader()->hide();
    table_->verticalHeader()->setDefaultSectionSize(24);
    table_->verticalHeader()->setMinimumSectionSize(20);
    table_->sortByColumn(LayerTableModel::Block, Qt::AscendingOrder);
    auto* columns = table_->horizontalHeader();
    columns->setSectionsMovable(true);
    columns->setMinimumSectionSize(24);
    columns->setStretchLastSection(true);
    for (const int hidden : {LayerTableModel::Kind, LayerTableModel::ShapeColumn, LayerTableModel::Bytes,
                             LayerTableModel::Basis, LayerTableModel::Damage, LayerTableModel::MeasuredDamage})
        table_->hideColumn(hidden);
    hint_ = new EmptyHint(*table_, {});
    auto* explain = new QAction(tr("Explain this number"), table_);
    explain->setShortcut(QKeySequence(Qt::SHIFT | Qt::Key_F1));
    explain->setShortcutContext(Qt::WidgetShortcut);
    connect(explain, &QAction::triggered, this, [this] {
        const QModelIndex cell = table_->currentIndex();
        if (cell.isValid()) Q_EMIT explainWanted(LayerId{cell.data(LayerTableModel::LayerRole).toInt()}, cell.column());
    });
    table_->addAction(explain);
    enable_copy(*table_);
    columns->setContextMenuPolicy(Qt::ActionsContextMenu);
    for (int section = 0; section < LayerTableModel::ColumnCount; ++section) {
        auto* show = new QAction(whole_heading(*model_, section), columns);
        show->setCheckable(true);
        show->setChecked(!table_->isColumnHidden(section));
        connect(show, &QAction::toggled, this, [this, section](bool on) {
            table_->setColumnHidden(section, !on);
            fitColumns();
        });
        connect(show, &QAction::triggered, this, [this, section](bool on) { // by hand
            on ? (void)wanted_.insert(section) : (void)wanted_.remove(section);
            fitColumns();
        });
        columns->addAction(show);
    }
    connect(table_->selectionModel(), &QItemSelectionModel::selectionChanged, this, &LayersPanel::sendSelection);
    connect(columns, &QHeaderView::sortIndicatorChanged, this, [this] {
        fitColumns();
        updateTitles();
    });
    connect(columns, &QHeaderView::sectionClicked, this, [this] { sort_chosen_ = true; });
    connect(columns, &QHeaderView::sectionResized, this, [this, columns] {
        if (!fitting_ && TableHeader::isDrawn(*columns)) widths_chosen_ = true;
        if (!fitting_) chooseSchemeWords();
    });
    table_->viewport()->installEventFilter(this);
    connect(table_->verticalScrollBar(), &QScrollBar::valueChanged, this, &LayersPanel::sightMayChange);
    fitColumns();
}

void LayersPanel::sightMayChange() {
    if (!sight_soon_->isActive()) sight_soon_->start();
}

std::vector<LayerId> LayersPanel::inSight() const {
    std::vector<LayerId> layers;
    if (!isVisible()) return layers;
    const int first = table_->rowAt(0), below = table_->rowAt(table_->viewport()->height() - 1);
    if (first < 0) return layers;
    const int last = below < 0 ? proxy_->rowCount() - 1 : below;
    for (int row = first; row <= last; ++row)
        layers.push_back(LayerId{proxy_->index(row, 0).data(LayerTableModel::LayerRole).toInt()});
    return layers;
}

bool LayersPanel::eventFilter(QObject* watched, QEvent* event) {
    if (watched == table_->viewport() && event->type() == QEvent::Resize) {
        const QRect before(QPoint(0, 0), static_cast<QResizeEvent*>(event)->oldSize());
        if (const QModelIndex row = shown(); row.isValid() && before.intersects(table_->visualRect(row)))
            QTimer::singleShot(0, this, [this] { // when the scroll bar knows of it
                if (const QModelIndex now = shown(); now.isValid()) scrollTo(now);
            });
        fitColumns();
        sightMayChange();
    }
    return QWidget::eventFilter(watched, event);
}

void LayersPanel::changeEvent(QEvent* event) {
    if (event->type() == QEvent::StyleChange) fitColumns(); // texts of another size
    QWidget::changeEvent(event);
}

// In a narrow panel the numbers move together, then those go that tell least, so that the worst SQNR and the scheme,
// which the table is about, stay in sight; widths that somebody has drawn stay.
void LayersPanel::fitColumns() {
    if (widths_chosen_) {
        showTickedColumns();
        return chooseSchemeWords();
    }
    struct Width {
        int column, wide, narrow;
    };
    constexpr Width widths[] = {{LayerTableModel::Block, 30, 27},     {LayerTableModel::Name, 72, 62},
                                {LayerTableModel::AbsMax, 58, 55},    {LayerTableModel::Outlier, 64, 54},
                                {LayerTableModel::Underflow, 72, 60}, {LayerTableModel::Sqnr, 80, 68}};
    const QFont font = theme::ui_font(12); // as the style sheet gives the table
    // No number is cut, however long it is.
    const auto contents = [&](int column) {
        const int side = model_->headerData(column, Qt::Horizontal, Qt::TextAlignmentRole).toInt();
        int widest = 0;
        for (const QString& text : model_->widest(column)) widest = std::max(widest, texts_.width(text, font, side));
        return widest + 14;
    };
    // In its fewest words before figures of the inputs have room, whole before the numbers stand apart.
    const int usual_scheme = theme::scaled(70), longest_scheme = theme::scaled(250);
    const int least_scheme = std::clamp(schemeWidth(model_->schemeForms() - 1), usual_scheme, longest_scheme);
    const int scheme = std::clamp(schemeWidth(0), least_scheme, longest_scheme);
    const QHeaderView& columns = *table_->horizontalHeader();
    fitting_ = true;
    struct Fitted {
        int column;
        int least, narrow, wide; ///< its figures and its heading are whole; air between them; air on both sides
    };
    std::vector<Fitted> fitted;
    int known = 0;
    const auto heading = [&](int column) { return TableHeader::needed(columns, column); };
    const QList<QAction*> offered = columns.actions();
    for (const int column : known_) {
        if (!offered.at(column)->isChecked()) continue;
        const int needed = std::max(contents(column), heading(column));
        table_->horizontalHeader()->resizeSection(column, needed);
        known += needed;
    }
    for (const Width& width : widths) {
        const int figures =
            std::max(contents(width.column), theme::scaled(width.column == LayerTableModel::Block ? 24 : 40));
        const int needed = std::max(figures, heading(width.column)); // its words are whole
        fitted.push_back({width.column, needed, std::max(theme::scaled(width.narrow), needed),
                          std::max(theme::scaled(width.wide), needed)});
    }
    std::erase_if(fitted, [&](const Fitted& one) { return !offered.at(one.column)->isChecked(); });
    const int viewport = table_->viewport()->width();
    const auto sum = [&fitted](int Fitted::*width) {
        int all = 0;
        for (const Fitted& one : fitted) all += one.*width;
        return all;
    };
    for (const int column : {LayerTableModel::AbsMax, LayerTableModel::Outlier, LayerTableModel::Underflow}) {
        const auto found = std::ranges::find(fitted, column, &Fitted::column);
        if (found == fitted.end()) continue;
        const bool goes = column != columns.sortIndicatorSection() && !wanted_.contains(column) &&
                          model_->rowCount() > 0 && known + sum(&Fitted::least) + least_scheme > viewport;
        if (table_->isColumnHidden(column) != goes) table_->setColumnHidden(column, goes);
        if (goes) fitted.erase(found);
    }
    const int least = known + sum(&Fitted::least), narrow = known + sum(&Fitted::narrow),
              wide = known + sum(&Fitted::wide);
    const double room = std::clamp(double(viewport - narrow - scheme) / std::max(1, wide - narrow), 0.0, 1.0);
    const double air = std::clamp(double(viewport - least - least_scheme) / std::max(1, narrow - least), 0.0, 1.0);
    int used = known;
    for (const Fitted& one : fitted) {
        const int width = static_cast<int>(one.least + air * (one.narrow - one.least) + room * (one.wide - one.narrow));
        table_->horizontalHeader()->resizeSection(one.column, width);
        used += width;
    }
    table_->horizontalHeader()->resizeSection(LayerTableModel::Scheme,
                                              std::clamp(viewport - used, least_scheme, scheme));
    fitting_ = false;
    chooseSchemeWords();
}

int LayersPanel::schemeWidth(qsizetype form) {
    constexpr int padding = 14;
    const QFont font = theme::ui_font(12, QFont::DemiBold); // as those that were edited
    int widest = 0;
    for (const QString& text : model_->schemes(form))
        widest = std::max(widest, texts_.width(text, font, Qt::AlignLeft));
    return widest + padding;
}

// All rows in the same form: what one of them does not say is said of none.
void LayersPanel::chooseSchemeWords() {
    const int room = table_->columnWidth(LayerTableModel::Scheme);
    qsizetype form = 0;
    while (form + 1 < model_->schemeForms() && schemeWidth(form) > room) ++form;
    model_->showSchemes(form);
}

void LayersPanel::showColumn(int column) {
    QAction* offered = table_->horizontalHeader()->actions().at(column);
    if (!offered->isChecked()) offered->setChecked(true);
    wanted_.insert(column);
    fitColumns();
    table_->scrollTo(table_->model()->index(0, column));
    table_->setFocus();
}

// What went for want of room comes back when there is some.
void LayersPanel::showTickedColumns() {
    const QHeaderView& columns = *table_->horizontalHeader();
    const QList<QAction*> offered = columns.actions();
    int room = table_->viewport()->width() - columns.length();
    for (int column = 0; column < offered.size(); ++column) {
        if (!table_->isColumnHidden(column) || !offered.at(column)->isChecked()) continue;
        const int width = std::max(TableHeader::needed(columns, column), columns.defaultSectionSize());
        if (!wanted_.contains(column) && width > room) continue;
        table_->setColumnHidden(column, false);
        table_->horizontalHeader()->resizeSection(column, width);
        room -= width;
    }
}

void LayersPanel::resetColumns() {
    widths_chosen_ = false;
    wanted_.clear();
    fitColumns();
}

void LayersPanel::setRows(std::vector<LayerRow> rows) {
    keepInSight([&] {
        quiet_ = true; // new values may filter the selected rows away
        model_->setRows(std::move(rows));
        quiet_ = false;
        showWhatIsKnown();
    });
    fitColumns();
    filterChanged();
}

// What texts and plots speak of is not lost when new values put it elsewhere; what was out of sight is not fetched.
void LayersPanel::keepInSight(const std::function<void()>& reorder) {
    const QModelIndex before = shown();
    const bool seen = before.isValid() && table_->viewport()->rect().intersects(table_->visualRect(before));
    reorder();
    if (const QModelIndex now = shown(); seen && now.isValid()) scrollTo(now);
}

QModelIndex LayersPanel::shown() const {
    for (int row = 0; row < proxy_->rowCount() && !selected_.empty(); ++row)
        if (const QModelIndex index = proxy_->index(row, 0);
            LayerId{index.data(LayerTableModel::LayerRole).toInt()} == selected_.front())
            return index;
    return {};
}

void LayersPanel::scrollTo(const QModelIndex& row) {
    const int sideways = table_->horizontalScrollBar()->value(); // the row is wanted, not its first column
    table_->scrollTo(row);
    table_->horizontalScrollBar()->setValue(sideways);
}

// Columns of sensitivity come with it, beside the SQNR, and go where none is known of the recipe's schemes; the order
// is theirs where nobody chose another.
void LayersPanel::showWhatIsKnown() {
    auto* columns = table_->horizontalHeader();
    const auto appears = [&](LayerTableModel::Column column, std::optional<double> LayerRow::*figure) {
        const auto& rows = model_->rows();
        const bool known =
            std::any_of(rows.begin(), rows.end(), [&](const LayerRow& row) { return (row.*figure).has_value(); });
        if (known == known_.contains(column)) return false;
        if (!known) {
            known_.remove(column);
            columns->actions().at(column)->setChecked(false);
            if (columns->sortIndicatorSection() == column)
                table_->sortByColumn(LayerTableModel::Sqnr, Qt::AscendingOrder); // no order by what is not there
            return false;
        }
        known_.insert(column);
        columns->actions().at(column)->setChecked(true);
        columns->moveSection(columns->visualIndex(column), columns->visualIndex(LayerTableModel::Scheme));
        return true;
    };
    if (appears(LayerTableModel::Damage, &LayerRow::damage) && !sort_chosen_)
        table_->sortByColumn(LayerTableModel::Damage, Qt::DescendingOrder);
    appears(LayerTableModel::MeasuredDamage, &LayerRow::damage_measured);
}

void LayersPanel::filterChanged() {
    const bool typed = !filter_->text().trimmed().isEmpty();
    // Rows that are filtered away stay selected: the filter is for looking, not for choosing.
    quiet_ = true;
    if (typed || !proxy_->filter().empty() || !proxy_->filter().problem().isEmpty())
        proxy_->setFilterLine(filter_->text());
    quiet_ = false;
    setSelection(selected_);
    const QString problem = proxy_->filter().problem();
    matches_->setText(!problem.isEmpty() ? problem
                                         : tr("%1 of %2 match").arg(proxy_->rowCount()).arg(model_->rowCount()));
    set_role(*matches_, problem.isEmpty() ? "secondary" : "worse");
    make_rule_->setEnabled(problem.isEmpty() && proxy_->rowCount() > 0 && !proxy_->filter().empty());
    hint_->setText(model_->rowCount() == 0 ? tr("The linears of an open model are listed here")
                                           : tr("No linear matches the filter"));
    answer_->setVisible(typed && model_->rowCount() > 0);
    updateTitles();
}

void LayersPanel::updateTitles() {
    sightMayChange(); // another order or other rows
    const int column = table_->horizontalHeader()->sortIndicatorSection();
    const QString linears = model_->rowCount() == 0 ? QString() : linears_text(model_->rowCount());
    if (linears.isEmpty() || column <= LayerTableModel::Block || table_->isColumnHidden(column))
        return header_->setSubtitle(linears);
    const QString sorted = tr("%1, sorted by %2");
    header_->setSubtitle(sorted.arg(linears, whole_heading(*model_, column)), {},
                         sorted.arg(linears, model_->headerData(column, Qt::Horizontal).toString()));
}

std::vector<LayerId> LayersPanel::matching() const {
    std::vector<LayerId> layers;
    for (int row = 0; row < proxy_->rowCount(); ++row)
        layers.push_back(LayerId{proxy_->index(row, 0).data(LayerTableModel::LayerRole).toInt()});
    return layers;
}

void LayersPanel::sendSelection() {
    if (quiet_) return;
    // The row that was clicked last comes first: it is the one that plots show.
    const QModelIndex current = table_->selectionModel()->currentIndex();
    std::vector<LayerId> layers;
    for (const QModelIndex& index : table_->selectionModel()->selectedRows()) {
        const LayerId layer{index.data(LayerTableModel::LayerRole).toInt()};
        layers.insert(index.row() == current.row() ? layers.begin() : layers.end(), layer);
    }
    selected_ = layers;
    selection_chosen_ = true;
    Q_EMIT selectionChanged(layers);
}

void LayersPanel::setSelection(const std::vector<LayerId>& layers) {
    const bool same = layers == selected_;
    selected_ = layers;
    const std::set<LayerId> wanted(layers.begin(), layers.end());
    QItemSelection selection;
    QModelIndex first;
    for (int row = 0; row < proxy_->rowCount(); ++row) {
        const QModelIndex index = proxy_->index(row, 0);
        if (!wanted.contains(LayerId{index.data(LayerTableModel::LayerRole).toInt()})) continue;
        if (!first.isValid() || index.data(LayerTableModel::LayerRole).toInt() == static_cast<int>(layers.front()))
            first = index;
        selection.select(index, index);
    }
    quiet_ = true;
    if (first.isValid()) table_->selectionModel()->setCurrentIndex(first, QItemSelectionModel::NoUpdate);
    table_->selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
    quiet_ = false;
    if (first.isValid() && !same) scrollTo(first);
}

void LayersPanel::focusFilter() {
    filter_->setFocus(Qt::ShortcutFocusReason);
    filter_->selectAll();
}

void LayersPanel::setFilterText(const QString& text) { filter_->setText(text); }
QString LayersPanel::filterText() const { return filter_->text(); }

void LayersPanel::sortBy(int column, Qt::SortOrder order) {
    sort_chosen_ = true;
    keepInSight([&] { table_->sortByColumn(column, order); });
}

void LayersPanel::sortWorstFirst() {
    if (!sort_chosen_) table_->sortByColumn(LayerTableModel::Sqnr, Qt::AscendingOrder);
}

} // namespace graticule
