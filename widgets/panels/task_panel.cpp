#include "widgets/panels/task_panel.h"

#include <QtWidgets/QComboBox>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QSpinBox>
#include <algorithm>

#include "widgets/forms/text_edit.h"
#include "widgets/models/number_text.h"
#include "widgets/models/qt_text.h"
#include "widgets/models/shorter_names.h"
#include "widgets/panels/below_plot.h"
#include "widgets/panels/figure_table.h"
#include "widgets/panels/words_label.h"

namespace graticule {

namespace {

PathEdit* file_edit(const QString& hint) {
    auto* edit = new PathEdit(PathEdit::Kind::file, TaskPanel::tr("Items (*.jsonl *.json *.txt *.lst);;All files (*)"));
    edit->setHint(hint);
    return edit;
}

constexpr int longest_name = 32; // of a recipe's line, whole in its tip

QString interval_text(const Interval& interval) {
    return QStringLiteral("%1 … %2").arg(percent_text(interval.low), percent_text(interval.high));
}

} // namespace

TaskPanel::TaskPanel(const std::vector<TaskEntry>& tasks, QWidget* parent)
    : QFrame(parent)
    , tasks_(tasks)
    , headline_(words_label("title"))
    , note_(words_label("secondary"))
    , verdict_(words_label("secondary"))
    , task_(new QComboBox)
    , scoring_(new QComboBox)
    , file_(file_edit(tr("File of items")))
    , labels_(file_edit(tr("File of labels, where they come apart")))
    , examples_(file_edit(tr("File of solved examples; without it zero-shot")))
    , items_(new QSpinBox)
    , answer_(new QPushButton(tr("Answer")))
    , figures_(new FigureTable(tr("Accuracy of full precision and recipe")))
    , flipped_(new FigureTable(tr("Items whose answers flipped"))) {
    for (const TaskEntry& task : tasks_) task_->addItem(task.label, task.name);
    task_->setAccessibleName(tr("Task"));
    items_->setRange(0, 100'000'000);
    items_->setSingleStep(50);
    items_->setValue(200);
    items_->setSuffix(tr(" items"));
    items_->setSpecialValueText(tr("all items"));
    items_->setAccessibleName(tr("Items"));
    items_->setToolTip(tr("The first so many of the file, of HellaSwag spread over it; 0: all of them"));
    answer_->setToolTip(
        tr("Full precision and the recipe answer side by side, in lm-evaluation-harness's conventions"));
    scoring_->addItems({tr("flips by score"), tr("flips by score per byte")});
    scoring_->setAccessibleName(tr("Which answer counts"));
    flipped_->setSelectionBehavior(QAbstractItemView::SelectRows);
    auto* judged = new QHBoxLayout;
    judged->addWidget(verdict_, 1);
    judged->addWidget(scoring_);
    auto* column = column_below_plot(*this);
    column->addWidget(headline_);
    column->addLayout(line_of({task_, items_, answer_}));
    column->addWidget(file_);
    column->addWidget(labels_);
    column->addWidget(examples_);
    column->addWidget(note_);
    column->addWidget(figures_);
    column->addLayout(judged);
    column->addWidget(flipped_, 1);
    column->addStretch(0);
    connect(task_, &QComboBox::currentIndexChanged, this, &TaskPanel::chooseTask);
    connect(file_, &PathEdit::changed, this, &TaskPanel::updateButton);
    connect(answer_, &QPushButton::clicked, this, [this] { Q_EMIT answersWanted(asked()); });
    connect(scoring_, &QComboBox::activated, this, &TaskPanel::scoringChanged);
    clearRuns();
    chooseTask(task_->currentIndex());
}

TaskAsked TaskPanel::asked() const {
    const TaskEntry& task = tasks_[static_cast<std::size_t>(task_->currentIndex())];
    return {task.name, file_->path(), task.labels ? labels_->path() : QString(),
            task.examples ? examples_->path() : QString(), items_->value()};
}

void TaskPanel::setAsked(const TaskAsked& asked) {
    task_->setCurrentIndex(std::max(0, task_->findData(asked.task)));
    file_->setPath(asked.file);
    labels_->setPath(asked.labels);
    examples_->setPath(asked.examples);
    items_->setValue(static_cast<int>(asked.items));
}

// Each task has files of its own, which come back with it.
void TaskPanel::chooseTask(int at) {
    if (at < 0) return;
    if (!chosen_.isEmpty()) files_[chosen_] = {chosen_, file_->path(), labels_->path(), examples_->path(), 0};
    const TaskEntry& task = tasks_[static_cast<std::size_t>(at)];
    chosen_ = task.name;
    const TaskAsked before = files_[chosen_];
    file_->setPath(before.file);
    labels_->setPath(before.labels);
    examples_->setPath(before.examples);
    labels_->setVisible(task.labels);
    examples_->setVisible(task.examples);
    task_->setToolTip(tr("A line of its file holds: %1").arg(task.reads));
    file_->setToolTip(task_->toolTip());
    if (!figures_->isVisibleTo(this)) note_->setText(task_->toolTip());
    updateButton();
}

void TaskPanel::updateButton() { answer_->setEnabled(!file_->path().isEmpty()); }

void TaskPanel::clearRuns() {
    headline_->setText(tr("Does the recipe still answer right?"));
    for (QWidget* widget : std::initializer_list<QWidget*>{figures_, verdict_, flipped_, scoring_}) widget->hide();
    if (task_->currentIndex() >= 0) note_->setText(task_->toolTip());
}

void TaskPanel::setRuns(const Shown& shown) {
    const TaskProtocol& protocol = shown.baseline->protocol;
    const std::int64_t answered = shown.baseline->answered();
    headline_->setText(shown.under_way
                           ? tr("%1: %2 of %3 items so far")
                                 .arg(QString::fromStdString(protocol.label))
                                 .arg(answered)
                                 .arg(protocol.items_used)
                           : tr("%1: %2 items").arg(QString::fromStdString(protocol.label)).arg(protocol.items_used));
    note_->setText(QString::fromStdString(protocol.text()));
    for (QWidget* widget : std::initializer_list<QWidget*>{figures_, verdict_, flipped_, scoring_}) widget->show();
    fillFigures(shown);
    fillFlips(shown);
}

void TaskPanel::fillFigures(const Shown& shown) {
    const QString per_byte = tr("By score per byte of the choice (acc_norm)");
    figures_->setShape(2, {{QString(), false, {}},
                           {tr("accuracy"), true, tr("By the score of each choice (acc)")},
                           {tr("95 % interval"), true, tr("Binomial, Wilson's")},
                           {tr("by score per byte"), true, per_byte},
                           {tr("95 % interval"), true, per_byte}});
    int row = 0;
    const std::vector<QString> whole{QString::fromStdString(shown.baseline->run_name), shown.recipe_name};
    const QStringList names = names_within(whole, longest_name);
    for (const TaskRun* run : {shown.baseline, shown.recipe}) {
        const TaskRun::Accuracy plain = run->accuracy(), norm = run->accuracy(true);
        int column = 0;
        figures_->put(row, column++, names[row], whole[static_cast<std::size_t>(row)]);
        for (const TaskRun::Accuracy& accuracy : {plain, norm}) {
            figures_->put(row, column++, percent_text(accuracy.share, 2),
                          tr("%1 of %2 right").arg(accuracy.right).arg(run->answered()));
            figures_->put(row, column++, interval_text(accuracy.interval));
        }
        ++row;
    }
    figures_->fit();
    figures_->showAllRows();
    figures_->setMaximumHeight(figures_->minimumHeight());
}

void TaskPanel::fillFlips(const Shown& shown) {
    const bool norm = scoring_->currentIndex() == 1;
    const Flips flips = flips_between(*shown.baseline, *shown.recipe, norm);
    verdict_->setText(tr("The recipe is %1: %2 answers became right, %3 wrong (McNemar, exact, p = %4).")
                          .arg(qt_text(to_text(flips.verdict)))
                          .arg(flips.became_right.size())
                          .arg(flips.became_wrong.size())
                          .arg(number_text(flips.p_value, 3)));
    const std::size_t rows = flips.became_wrong.size() + flips.became_right.size();
    flipped_->setShape(static_cast<int>(rows), {{tr("item"), false, {}},
                                                {tr("became"), false, {}},
                                                {tr("question"), false, {}},
                                                {tr("full precision chose"), false, {}},
                                                {tr("recipe chose"), false, {}}});
    int row = 0;
    const auto list = [&](const std::vector<std::size_t>& items, const QString& became) {
        for (const std::size_t item : items) {
            const ItemWords words = shown.words(item, norm);
            const QString tip = tr("%1\n\nright: %2\nfull precision: %3\nrecipe: %4")
                                    .arg(words.question, words.right, words.before, words.after);
            constexpr int most = 36;
            int column = 0;
            for (const QString& text : {words.place, became, elided_middle(words.question, most),
                                        elided_middle(words.before, most), elided_middle(words.after, most)})
                flipped_->put(row, column++, QString(text).replace(u'\n', u' '), tip);
            ++row;
        }
    };
    list(flips.became_wrong, tr("wrong"));
    list(flips.became_right, tr("right"));
    flipped_->fit();
}

} // namespace graticule
