#include "widgets/panels/compare_panel.h"

#include <QtCore/QSignalBlocker>
#include <QtCore/QSortFilterProxyModel>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QLabel>
#include <QtWidgets/QMenu>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QStyleOption>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <utility>

#include "widgets/models/cell_table.h"
#include "widgets/models/compare_table_model.h"
#include "widgets/models/empty_hint.h"
#include "widgets/models/fitted_columns.h"
#include "widgets/models/number_text.h"
#include "widgets/models/table_delegates.h"
#include "widgets/models/table_text.h"
#include "widgets/theme/theme.h"

namespace graticule {

namespace {
constexpr int longest_name = 60; // letters

void set_role(QLabel* label, const char* role) {
    label->setProperty("role", role);
    label->style()->unpolish(label);
    label->style()->polish(label);
}
} // namespace

ComparePanel::ComparePanel(QWidget* parent)
    : QWidget(parent)
    , a_(new RunBox(tr("Run A")))
    , b_(new RunBox(tr("Run B")))
    , headline_(new QLabel)
    , detail_(new QLabel)
    , notes_(new QLabel)
    , recipes_(new QLabel)
    , table_(new CellTable)
    , model_(new CompareTableModel(this))
    , others_(new QToolButton)
    , figure_(new QComboBox)
    , mode_(new QComboBox)
    , letters_(new QLabel)
    , many_table_(new CellTable)
    , many_(new CompareManyModel(this)) {
    setBackgroundRole(QPalette::Base);
    setAutoFillBackground(true);
    buildChooser();
    auto* make_baseline = new QPushButton(tr("Make A the baseline"));

    headline_->setProperty("role", "title");
    QFont large = headline_->font();
    large.setPixelSize(17);
    large.setWeight(QFont::DemiBold);
    headline_->setFont(large);
    headline_->setTextInteractionFlags(Qt::TextSelectableByMouse);
    headline_->setWordWrap(true);
    detail_->setProperty("role", "secondary");
    detail_->setTextInteractionFlags(Qt::TextSelectableByMouse);
    detail_->setWordWrap(true);
    notes_->setProperty("role", "worse");
    notes_->setWordWrap(true);
    recipes_->setProperty("role", "mono");
    recipes_->setWordWrap(true);
    recipes_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::LinksAccessibleByMouse |
                                      Qt::LinksAccessibleByKeyboard);
    recipes_->setAccessibleName(tr("Difference of the recipes"));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(16, 12, 16, 0);
    column->setSpacing(8);
    column->addLayout(chooser_);
    auto* said = new QHBoxLayout; // beside the headline: between the choosers it would take their room
    said->addWidget(headline_, 1);
    said->addWidget(make_baseline, 0, Qt::AlignTop);
    column->addLayout(said);
    column->addWidget(detail_);
    column->addWidget(notes_);
    column->addWidget(recipes_);
    buildTable();
    buildFigures();
    column->addWidget(figures_);
    column->addWidget(table_, 1);
    column->addWidget(many_table_, 1);
    connect(make_baseline, &QPushButton::clicked, this, [this] {
        if (a_->currentIndex() >= 0) Q_EMIT baselineWanted(a_->currentData().toInt());
    });
    connect(recipes_, &QLabel::linkActivated, this, [this](const QString& link) { // "take/2", "drop/0"
        const QString line = lines_.value(link.section(u'/', 1).toInt());
        if (link.startsWith(QStringLiteral("take")))
            Q_EMIT lineTaken(line);
        else
            Q_EMIT lineDropped(line);
    });
}

void ComparePanel::buildChooser() {
    auto* swap = new QPushButton(QStringLiteral("⇄"));
    swap->setToolTip(tr("Swap A and B"));
    swap->setAccessibleName(swap->toolTip());
    swap->setFixedWidth(40);
    others_->setText(tr("more"));
    others_->setToolTip(tr("Runs to show beside A and B"));
    others_->setAccessibleName(others_->toolTip());
    others_->setMenu(new QMenu(others_));
    others_->setPopupMode(QToolButton::InstantPopup);
    chooser_ = new QBoxLayout(QBoxLayout::LeftToRight);
    chooser_->setSpacing(8);
    const auto add = [this](const QString& letter, RunBox* box, QWidget* behind) {
        auto* label = new QLabel(letter);
        label->setProperty("role", "title");
        auto* row = new QHBoxLayout;
        row->setSpacing(8);
        row->addWidget(label);
        row->addWidget(box, 1);
        row->addWidget(behind);
        chooser_->addLayout(row, 1);
        connect(box, &QComboBox::activated, this, &ComparePanel::sendPair);
    };
    add(tr("A"), a_, swap);
    add(tr("B"), b_, others_);
    connect(swap, &QPushButton::clicked, this,
            [this] { Q_EMIT pairChosen(b_->currentData().toInt(), a_->currentData().toInt()); });
}

// Beside each other they have half a name's room each.
void ComparePanel::resizeEvent(QResizeEvent* event) {
    constexpr int room_for_both = 640;
    chooser_->setDirection(width() < theme::scaled(room_for_both) ? QBoxLayout::TopToBottom : QBoxLayout::LeftToRight);
    QWidget::resizeEvent(event);
}

void ComparePanel::buildTable() {
    auto* sorted = new QSortFilterProxyModel(this);
    sorted->setSourceModel(model_);
    sorted->setSortRole(CompareTableModel::SortRole);
    table_->setModel(sorted);
    table_->setItemDelegate(new ToneDelegate(table_));
    no_layers_ = new EmptyHint(*table_, {});
    table_->setSortingEnabled(true);
    table_->sortByColumn(CompareTableModel::SqnrDelta, Qt::AscendingOrder);
    table_->setAccessibleName(tr("Layers of both runs"));
    table_->setSelectionBehavior(QAbstractItemView::SelectRows);
    table_->verticalHeader()->hide();
    table_->verticalHeader()->setDefaultSectionSize(24);
    // Numbers first: the schemes are long and mostly the same in every row.
    for (int i = 0; i < 2; ++i) table_->horizontalHeader()->moveSection(1, CompareTableModel::ColumnCount - 1);
    columns_ = new FittedColumns(*table_);
    enable_copy(*table_);
}

// Shown instead of the table of two as soon as there are more.
void ComparePanel::buildFigures() {
    figure_->addItems(CompareManyModel::figureNames());
    figure_->setAccessibleName(tr("Figure of the layers"));
    mode_->addItems(CompareManyModel::modeNames());
    mode_->setAccessibleName(tr("Values or differences"));
    figures_ = new QWidget;
    auto* row = new QHBoxLayout(figures_);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(8);
    row->addWidget(figure_, 0, Qt::AlignTop);
    row->addWidget(mode_, 0, Qt::AlignTop);
    letters_->setProperty("role", "secondary");
    letters_->setTextInteractionFlags(Qt::TextSelectableByMouse);
    row->addWidget(letters_, 1);
    auto* sorted = new QSortFilterProxyModel(this);
    sorted->setSourceModel(many_);
    sorted->setSortRole(CompareManyModel::SortRole);
    many_table_->setModel(sorted);
    many_table_->setItemDelegate(new ToneDelegate(many_table_));
    no_layers_of_many_ = new EmptyHint(*many_table_, {});
    many_table_->setSortingEnabled(true);
    many_table_->setAccessibleName(tr("Layers of all chosen runs"));
    many_table_->setSelectionBehavior(QAbstractItemView::SelectRows);
    many_table_->verticalHeader()->hide();
    many_table_->verticalHeader()->setDefaultSectionSize(24);
    columns_of_many_ = new FittedColumns(*many_table_);
    enable_copy(*many_table_);
    figures_->hide();
    many_table_->hide();
    for (QComboBox* box : {figure_, mode_}) connect(box, &QComboBox::activated, this, &ComparePanel::showFigure);
}

// A and B are named above; which of the others is which is said here, and why a column is empty.
void ComparePanel::nameRuns(const std::vector<ManyRun>& runs) {
    QStringList lines, without;
    std::vector<QString> whole;
    for (const ManyRun& run : runs) whole.push_back(run.name);
    const QStringList names = names_within(whole, longest_name);
    for (std::size_t run = 0; run < runs.size(); ++run) {
        const QString letter = CompareManyModel::letter(run);
        if (run >= 2) lines << tr("%1  %2").arg(letter, names[static_cast<qsizetype>(run)]);
        if (runs[run].reports.empty()) without << tr("%1: %2").arg(letter, runs[run].no_reports);
    }
    if (!without.isEmpty()) lines << tr("No figures of single layers: %1").arg(without.join(QStringLiteral("; ")));
    letters_->setText(lines.join(u'\n'));
    letters_->setWordWrap(!without.isEmpty());
    mode_->setEnabled(!runs.front().reports.empty());
    if (!mode_->isEnabled()) mode_->setCurrentIndex(static_cast<int>(CompareMode::values)); // nothing to take away
}

void ComparePanel::showFigure() {
    many_->show(static_cast<LayerFigure>(figure_->currentIndex()), static_cast<CompareMode>(mode_->currentIndex()));
    many_table_->sortByColumn(many_->spreadColumn(), Qt::DescendingOrder);
    columns_of_many_->fit();
}

void ComparePanel::sendPair() { Q_EMIT pairChosen(a_->currentData().toInt(), b_->currentData().toInt()); }

// While a run goes on the names stay: they are not made short again for each of its windows.
void ComparePanel::setRuns(const std::vector<RunChoice>& runs, int a, int b, const std::vector<int>& others) {
    std::vector<int> asked{a, b};
    asked.insert(asked.end(), others.begin(), others.end());
    if (runs == runs_ && asked == chosen_) return;
    runs_ = runs;
    chosen_ = std::move(asked);
    QMenu& menu = *others_->menu();
    menu.clear();
    std::vector<QString> whole;
    for (const RunChoice& run : runs) whole.push_back(run.name);
    const QStringList names = names_within(whole, longest_name);
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const RunChoice& run = runs[i];
        if (run.id == a || run.id == b) continue;
        QAction* action = menu.addAction(names[static_cast<qsizetype>(i)]);
        action->setCheckable(true);
        action->setChecked(std::find(others.begin(), others.end(), run.id) != others.end());
        connect(action, &QAction::toggled, this, [this, id = run.id, others](bool on) {
            std::vector<int> chosen = others;
            std::erase(chosen, id);
            if (on) chosen.push_back(id);
            Q_EMIT othersChosen(chosen);
        });
    }
    others_->setEnabled(!menu.isEmpty());
    others_->setText(others.empty() ? tr("more") : tr("+ %1").arg(others.size()));
    for (RunBox* box : {a_, b_}) {
        const QSignalBlocker quiet(box);
        box->clear();
        box->addRuns(runs);
        box->setCurrentIndex(box->findData(box == a_ ? a : b));
    }
}

void ComparePanel::setComparison(const ComparedRuns& compared) {
    const auto& difference = compared.comparison.difference;
    if (!difference) {
        headline_->setText(tr("Not comparable"));
        set_role(headline_, "worse");
        detail_->setText(tr("A perplexity means something only under its protocol, and these two differ:"));
    } else {
        headline_->setText(
            tr("B − A = %1 perplexity (%2\u00a0%)")
                .arg(signed_text(difference->perplexity_difference, 3), signed_text(difference->percent, 2)));
        set_role(headline_, !difference->significant                ? "title"
                            : difference->perplexity_difference > 0 ? "worse"
                                                                    : "good");
        const auto error_text = [&](const Evaluation& run) { // one window has no spread
            return run.standard_error ? fixed_text(*run.standard_error, 3) : tr("n/a");
        };
        const bool spread = std::isfinite(difference->interval_low) && std::isfinite(difference->interval_high);
        const QString interval =
            spread
                ? tr("95 % interval [%1, %2], paired over %3 windows%4.")
                      .arg(signed_text(difference->interval_low, 3), signed_text(difference->interval_high, 3))
                      .arg(compared.a.window_losses.size())
                      .arg(difference->significant ? QString() : tr("; it contains 0, so the runs are not told apart"))
                : tr("One window has no spread, so there is no interval: evaluate more windows to tell the runs "
                     "apart.");
        detail_->setText(tr("%1 A %2 ± %3, B %4 ± %5. %6.")
                             .arg(interval, fixed_text(compared.a.perplexity, 3), error_text(compared.a),
                                  fixed_text(compared.b.perplexity, 3), error_text(compared.b),
                                  QString::fromStdString(compared.a.protocol.text())));
    }
    const bool no_a = compared.reports_a.empty(), no_b = compared.reports_b.empty();
    if (no_a != no_b) { // the table has the other's columns alone
        const QString none = tr("No figures of single layers of %1: %2.")
                                 .arg(no_a ? tr("A") : tr("B"), no_a ? compared.no_reports_a : compared.no_reports_b);
        // What differs follows the words that introduce it.
        const QString said = detail_->text();
        detail_->setText(difference ? said + u' ' + none : none + u' ' + said);
    }
    notes_->setText(QString::fromStdString(compared.comparison.notes.text()));
    notes_->setVisible(!compared.comparison.notes.items.empty());
    showRecipes(compared);
    const bool many = !compared.others.empty();
    figures_->setVisible(many);
    many_table_->setVisible(many);
    table_->setVisible(!many);
    if (many) {
        const auto name = [](const RunBox* box) {
            return box->itemData(box->currentIndex(), Qt::ToolTipRole).toString();
        };
        std::vector<ManyRun> runs{{name(a_), compared.reports_a, compared.no_reports_a},
                                  {name(b_), compared.reports_b, compared.no_reports_b}};
        runs.insert(runs.end(), compared.others.begin(), compared.others.end());
        many_->setRuns(runs);
        nameRuns(runs);
        showFigure();
    }
    const QString none =
        compared.no_reports_a == compared.no_reports_b
            ? tr("No figures of single layers: %1").arg(compared.no_reports_a)
            : tr("No figures of single layers\nA: %1\nB: %2").arg(compared.no_reports_a, compared.no_reports_b);
    for (QLabel* hint : {no_layers_, no_layers_of_many_}) hint->setText(none);
    model_->setReports(compared.reports_a, compared.reports_b);
    // Full precision has no errors to subtract: then only the other run's columns, its worst first.
    const bool both = !compared.reports_a.empty() && !compared.reports_b.empty();
    const bool neither = compared.reports_a.empty() && compared.reports_b.empty();
    for (int column = CompareTableModel::SqnrA; column < CompareTableModel::ColumnCount; ++column)
        table_->setColumnHidden(column, !both && !neither && !model_->hasFigures(column));
    table_->setColumnHidden(CompareTableModel::SchemeA, compared.reports_a.empty() && !neither);
    table_->setColumnHidden(CompareTableModel::SchemeB, compared.reports_b.empty() && !neither);
    table_->sortByColumn(both                         ? CompareTableModel::SqnrDelta
                         : compared.reports_a.empty() ? CompareTableModel::SqnrB
                                                      : CompareTableModel::SqnrA,
                         Qt::AscendingOrder);
    columns_->fit();
}

// Each line with what can be done with it: into the recipe that is edited, or out of it.
void ComparePanel::showRecipes(const ComparedRuns& compared) {
    constexpr qsizetype most_lines = 6; // the table is what the panel is for
    const qsizetype shown = compared.recipes.size() <= most_lines ? compared.recipes.size() : most_lines - 1;
    lines_.clear();
    QStringList html;
    for (qsizetype i = 0; i < shown; ++i) {
        lines_ << compared.recipes[i].mid(2);
        const bool there = compared.current.contains(lines_.back());
        const bool rule = lines_.back().contains(QStringLiteral("=>")); // what holds for all cannot be left out
        QString entry = compared.recipes[i].toHtmlEscaped();
        if (!there || rule)
            entry += QStringLiteral(" &nbsp; <a href=\"%1/%2\">%3</a>")
                         .arg(there ? QStringLiteral("drop") : QStringLiteral("take"))
                         .arg(i)
                         .arg(there ? tr("drop") : tr("take over"));
        html << entry;
    }
    if (shown < compared.recipes.size()) html << tr("and %1 more").arg(compared.recipes.size() - shown);
    recipes_->setText(html.join(QStringLiteral("<br>")));
    recipes_->setToolTip(compared.recipes.join(u'\n') + tr("\n\n“take over” puts a line into the recipe that is "
                                                           "edited, “drop” takes it out; both can be undone"));
    recipes_->setVisible(!compared.recipes.isEmpty());
}

void ComparePanel::clearComparison(const QString& why) {
    headline_->setText(tr("Nothing to compare yet"));
    set_role(headline_, "title");
    detail_->setText(why);
    notes_->hide();
    recipes_->hide();
    figures_->hide();
    many_table_->hide();
    table_->show();
    no_layers_->clear();
    model_->setReports({}, {});
}

} // namespace graticule
