#include "widgets/panels/runs_panel.h"

#include <QtCore/QEvent>
#include <QtCore/QSignalBlocker>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QLabel>
#include <QtWidgets/QMenu>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QVBoxLayout>
#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <utility>

#include "widgets/models/cell_table.h"
#include "widgets/models/empty_hint.h"
#include "widgets/models/table_delegates.h"
#include "widgets/models/table_header.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/panel_header.h"
#include "widgets/theme/theme.h"

namespace graticule {

RunsPanel::RunsPanel(QWidget* parent)
    : QWidget(parent)
    , header_(new PanelHeader(tr("Runs"), this))
    , baseline_(new RunBox(tr("Baseline run")))
    , table_(new CellTable)
    , model_(new RunTableModel(this)) {
    compare_ =
        header_->addButton(tr("compare"), tr("Compare the selected runs, or the one selected with the baseline"));
    auto* label = new QLabel(tr("baseline:"));
    label->setProperty("role", "secondary");
    header_->addWidget(label);
    baseline_->setToolTip(tr("The run that every difference refers to"));
    baseline_->setFixedWidth(theme::scaled(216));
    baseline_->setProperty("compact", true);
    baseline_->setPlaceholderText(tr("none yet"));
    header_->addWidget(baseline_);
    add_copy_actions(*table_, *header_->addMenuButton(tr("copy"), tr("Copy the table, or the selected rows"))->menu());
    setMinimumWidth(300); // wherever its dock is moved to
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(table_);
    buildTable();
    connect(baseline_, &QComboBox::activated, this,
            [this](int item) { Q_EMIT baselineChosen(baseline_->itemData(item).toInt()); });
    connect(compare_, &QToolButton::clicked, this, &RunsPanel::compareSelected);
    updateBaselines();
}

void RunsPanel::compareSelected() {
    const std::vector<int> runs = selectedRuns();
    if (runs.size() >= 2)
        Q_EMIT compareWanted(runs[0], runs[1], {runs.begin() + 2, runs.end()});
    else if (runs.size() == 1 && baseline_->currentIndex() >= 0)
        Q_EMIT compareWanted(baseline_->currentData().toInt(), runs[0], {});
}

bool RunsPanel::eventFilter(QObject* watched, QEvent* event) {
    if (watched == table_->viewport() && event->type() == QEvent::Resize) shareWidth();
    return QWidget::eventFilter(watched, event);
}

void RunsPanel::changeEvent(QEvent* event) {
    if (event->type() == QEvent::StyleChange) shareWidth(); // texts of another size
    QWidget::changeEvent(event);
}

int RunsPanel::needed(int column, bool telling) {
    constexpr int padding = 12, dot = 17; // of cells; before names
    const QFont font = theme::ui_font(12, column == RunTableModel::Perplexity ? QFont::DemiBold : QFont::Normal);
    const int side = model_->headerData(column, Qt::Horizontal, Qt::TextAlignmentRole).toInt();
    int widest = 0;
    for (const QString& text : model_->widest(column, telling))
        widest = std::max(widest, texts_.width(text, font, side));
    widest += padding + (column == RunTableModel::Recipe ? dot : 0);
    return std::max(widest, TableHeader::needed(*table_->horizontalHeader(), column));
}

// Figures are whole, with their intervals, and of names what tells them apart is; then the small curve has its place,
// then the rest of the names and of the protocols, then there is air between the numbers. What is left is the names'.
void RunsPanel::shareWidth() {
    struct Width {
        int column, usual, wide; ///< of usual figures; with air
    };
    constexpr Width widths[] = {{RunTableModel::Bits, 62, 76},        {RunTableModel::Size, 64, 74},
                                {RunTableModel::Perplexity, 96, 110}, {RunTableModel::Difference, 150, 176},
                                {RunTableModel::Percent, 66, 76},     {RunTableModel::StateColumn, 60, 84},
                                {RunTableModel::Protocol, 0, 0}};
    constexpr int least_name = 140, telling_name = 300, wide_curve = 128;
    std::array<int, RunTableModel::ColumnCount> width{};
    std::array<bool, RunTableModel::ColumnCount> hidden{};
    hidden[RunTableModel::Protocol] = table_->isColumnHidden(RunTableModel::Protocol);
    int room = table_->viewport()->width();
    const auto grow = [&](int column, int to) { // as far as there is room
        const auto at = static_cast<std::size_t>(column);
        const int more = hidden[at] ? 0 : std::clamp(to - width[at], 0, std::max(room, 0));
        width[at] += more;
        room -= more;
    };
    const auto take = [&](int column, int pixels) { // whether or not there is
        const auto at = static_cast<std::size_t>(column);
        width[at] = hidden[at] ? 0 : pixels;
        room -= width[at];
    };
    for (const Width& one : widths) take(one.column, needed(one.column, true));
    take(RunTableModel::Recipe, theme::scaled(least_name));
    const int telling = needed(RunTableModel::Recipe, true);
    const int missing = std::min(telling, theme::scaled(telling_name)) - width[RunTableModel::Recipe];
    // What others say as well goes before a name or a figure stands beyond the edge.
    for (const std::size_t column : {std::size_t(RunTableModel::Size), std::size_t(RunTableModel::Percent)}) {
        if (model_->rowCount() == 0 || room >= missing) break;
        hidden[column] = true;
        room += std::exchange(width[column], 0);
    }
    grow(RunTableModel::Recipe, telling);
    for (const Width& one : widths) grow(one.column, theme::scaled(one.usual));
    const int curve = needed(RunTableModel::Curve);
    hidden[RunTableModel::Curve] = room < curve;
    grow(RunTableModel::Curve, curve);
    grow(RunTableModel::Recipe, needed(RunTableModel::Recipe));
    grow(RunTableModel::Protocol, needed(RunTableModel::Protocol));
    grow(RunTableModel::Curve, theme::scaled(wide_curve));
    for (const Width& one : widths) grow(one.column, theme::scaled(one.wide));
    grow(RunTableModel::Recipe, table_->viewport()->width());
    for (int column = 0; column < RunTableModel::ColumnCount; ++column) {
        const auto at = static_cast<std::size_t>(column);
        if (table_->isColumnHidden(column) != hidden[at]) table_->setColumnHidden(column, hidden[at]);
        if (!hidden[at]) table_->horizontalHeader()->resizeSection(column, width[at]);
    }
}

void RunsPanel::buildTable() {
    table_->setModel(model_);
    table_->setItemDelegate(new RunDelegate(table_));
    table_->setAccessibleName(tr("Runs"));
    table_->setSelectionBehavior(QAbstractItemView::SelectRows);
    table_->setSelectionMode(QAbstractItemView::ExtendedSelection);
    table_->setColumnHidden(RunTableModel::Protocol, true); // until there are two
    table_->setMouseTracking(true);
    table_->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    table_->verticalHeader()->hide();
    table_->verticalHeader()->setDefaultSectionSize(30);
    new EmptyHint(*table_, tr("Evaluate a recipe: each run is listed here, with its difference to the baseline"));
    enable_copy(*table_);
    table_->setContextMenuPolicy(Qt::CustomContextMenu);
    auto* columns = table_->horizontalHeader();
    columns->setMinimumSectionSize(44);
    columns->moveSection(RunTableModel::Protocol, RunTableModel::Bits); // beside the name, which it belongs to
    table_->viewport()->installEventFilter(this);
    connect(table_, &QTableView::customContextMenuRequested, this, &RunsPanel::showMenu);
    connect(table_, &QTableView::doubleClicked, this,
            [this](const QModelIndex& index) { Q_EMIT recipeWanted(index.data(RunTableModel::RunRole).toInt()); });
    connect(table_->selectionModel(), &QItemSelectionModel::selectionChanged, this, [this] {
        compare_->setEnabled(!selectedRuns().empty());
        Q_EMIT selectionChanged(selectedRuns());
    });
    compare_->setEnabled(false);
}

void RunsPanel::setRows(std::vector<RunRow> rows) {
    std::set<QString> groups;
    QString protocol, shorter; // of the group that plots show; in full where a run of it has begun
    for (const RunRow& row : rows) {
        groups.insert(row.group);
        if (row.current) shorter = row.group;
        if (row.current && (protocol.isEmpty() || row.baseline || (protocol == row.group && !row.protocol.isEmpty())))
            protocol = row.protocol.isEmpty() ? row.group : row.protocol;
    }
    header_->setSubtitle(protocol, {}, shorter);
    table_->setColumnHidden(RunTableModel::Protocol, groups.size() < 2); // of one group the heading says it
    std::set<int> ids;
    for (const RunRow& row : rows) ids.insert(row.id);
    model_->setRows(std::move(rows));
    shareWidth();
    updateBaselines();
    // What has just been asked for, perhaps with its baseline, comes in sight; the runs kept of a model do not.
    std::vector<int> added;
    std::ranges::set_difference(ids, ids_, std::back_inserter(added));
    if (const bool asked = !ids_.empty() && added.size() <= 2; asked && !added.empty()) {
        const auto newest = std::ranges::find(model_->rows(), added.back(), &RunRow::id);
        table_->scrollTo(model_->index(static_cast<int>(newest - model_->rows().begin()), 0));
    }
    ids_ = std::move(ids);
}

// While a run goes on the others' names stay as they are: two hundred entries are not made again for each of its
// windows.
void RunsPanel::updateBaselines() {
    std::vector<RunChoice> choices;
    int chosen = 0;
    for (const RunRow& row : model_->rows()) {
        if (!row.perplexity || row.stopped()) continue; // differences need all of its windows
        choices.push_back({row.id, row.whole_name.isEmpty() ? row.name : row.whole_name});
        if (row.baseline && row.current) chosen = row.id;
    }
    const QSignalBlocker quiet(baseline_);
    if (choices != baselines_ || baseline_->count() == 0) {
        baseline_->clear();
        baseline_->addRuns(choices);
        baseline_->setEnabled(!choices.empty());
        if (choices.empty()) baseline_->addItem(tr("full precision"));
        baselines_ = std::move(choices);
    }
    if (!baselines_.empty()) baseline_->setCurrentIndex(chosen != 0 ? baseline_->findData(chosen) : -1);
}

std::vector<int> RunsPanel::selectedRuns() const {
    std::vector<std::pair<int, int>> rows;
    for (const QModelIndex& index : table_->selectionModel()->selectedRows())
        rows.emplace_back(index.row(), index.data(RunTableModel::RunRole).toInt());
    std::sort(rows.begin(), rows.end());
    std::vector<int> ids;
    for (const auto& [row, id] : rows) ids.push_back(id);
    return ids;
}

void RunsPanel::selectRuns(const std::vector<int>& ids) {
    QItemSelection selection;
    for (int row = 0; row < model_->rowCount(); ++row) {
        const QModelIndex index = model_->index(row, 0);
        if (std::find(ids.begin(), ids.end(), index.data(RunTableModel::RunRole).toInt()) != ids.end())
            selection.select(index, index);
    }
    table_->selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
}

void RunsPanel::showMenu(const QPoint& at) {
    const QModelIndex index = table_->indexAt(at);
    if (!index.isValid()) return;
    const int run = index.data(RunTableModel::RunRole).toInt();
    const std::vector<int> selected = selectedRuns();
    QMenu menu(this);
    const auto found = std::ranges::find(model_->rows(), run, &RunRow::id);
    if (found != model_->rows().end() && found->stopped())
        menu.addAction(found->stopped_at > 0 ? tr("Continue after window %1").arg(found->stopped_at) : tr("Continue"),
                       this, [this, run] { Q_EMIT continueWanted(run); })
            ->setEnabled(found->canGoOn());
    menu.addAction(tr("Make it the baseline"), this, [this, run] { Q_EMIT baselineChosen(run); })
        ->setEnabled(found == model_->rows().end() || !found->stopped());
    menu.addAction(tr("Compare the selected"), this, &RunsPanel::compareSelected)->setEnabled(selected.size() >= 2);
    menu.addAction(tr("Load its recipe"), this, [this, run] { Q_EMIT recipeWanted(run); });
    menu.addAction(tr("Export it …"), this, [this, run] { Q_EMIT exportWanted(run); });
    menu.addSeparator();
    menu.addAction(tr("Copy as command line"), this, [this, run] { Q_EMIT commandLineWanted(run); });
    add_copy_actions(*table_, menu);
    menu.addSeparator();
    menu.addAction(tr("Remove"), this, [this, run] { Q_EMIT removeWanted(run); });
    menu.exec(table_->viewport()->mapToGlobal(at));
}

} // namespace graticule
