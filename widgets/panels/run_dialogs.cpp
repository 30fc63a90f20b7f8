#include "widgets/panels/run_dialogs.h"

#include <QtWidgets/QCheckBox>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QFormLayout>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QLabel>
#include <QtWidgets/QLineEdit>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QRadioButton>
#include <QtWidgets/QSpinBox>
#include <QtWidgets/QTreeWidget>
#include <QtWidgets/QVBoxLayout>
#include <algorithm>

#include "widgets/models/number_text.h"
#include "widgets/panels/words_label.h"
#include "widgets/theme/theme.h"

namespace graticule {

namespace {
QSpinBox* spin(std::int64_t value, int low, int high, const QString& name, const QString& tip) {
    auto* box = new QSpinBox;
    box->setRange(low, high);
    box->setValue(static_cast<int>(std::clamp<std::int64_t>(value, low, high)));
    box->setAccessibleName(name);
    box->setToolTip(tip);
    box->setGroupSeparatorShown(true);
    return box;
}

/// A text that changes below a choice, in the secondary colour.
QLabel* explanation_label() {
    QLabel* label = words_label("secondary");
    label->setMinimumWidth(360); // a form takes a wrapped text's least height from its least width
    return label;
}
} // namespace

CalibrationDialog::CalibrationDialog(const CalibrationSpec& spec, std::int64_t max_positions, QWidget* parent)
    : FormDialog(tr("Calibrate"),
                 tr("Runs the model over a text and watches the input of every linear: ranges, outlier channels, "
                    "distributions, by sequence length."),
                 parent)
    , text_(new TextEdit(tr("built-in calibration text"), QString::fromStdString(spec.text)))
    , samples_(spin(spec.samples, 1, 100'000, tr("Samples"), tr("How many windows of the text the model reads")))
    , length_(spin(spec.length, 8, static_cast<int>(std::clamp<std::int64_t>(max_positions, 8, 131'072)), tr("Length"),
                   tr("Tokens per sample; at most the model's %1 positions").arg(max_positions)))
    , seed_(spin(static_cast<std::int64_t>(spec.seed), 0, 2'147'483'647, tr("Seed"), tr("Chooses the random samples")))
    , first_(new QRadioButton(tr("the first ones")))
    , random_(new QRadioButton(tr("at random")))
    , tokens_(new QLabel) {
    auto* form = addForm();
    form->addRow(tr("Text"), text_);
    form->addRow(tr("Samples"), samples_);
    form->addRow(tr("Tokens per sample"), length_);
    auto* pick = new QHBoxLayout;
    pick->setSpacing(8);
    pick->addWidget(first_);
    pick->addSpacing(8);
    pick->addWidget(random_);
    pick->addSpacing(8);
    pick->addWidget(new QLabel(tr("seed")));
    pick->addWidget(seed_);
    pick->addStretch(1);
    (spec.pick == CalibrationSpec::Pick::first ? first_ : random_)->setChecked(true);
    form->addRow(tr("Which windows"), pick);
    tokens_->setProperty("role", "secondary");
    form->addRow(QString(), tokens_);
    addButtons(tr("Calibrate"));
    for (QSpinBox* box : {samples_, length_}) connect(box, &QSpinBox::valueChanged, this, [this] { update(); });
    connect(random_, &QRadioButton::toggled, this, [this] { update(); });
    update();
}

void CalibrationDialog::update() {
    seed_->setEnabled(random_->isChecked());
    tokens_->setText(tr("%1 tokens in all").arg(thousands_text(std::int64_t{samples_->value()} * length_->value())));
}

CalibrationSpec CalibrationDialog::spec() const {
    CalibrationSpec spec;
    spec.text = text_->path().toStdString();
    spec.samples = samples_->value();
    spec.length = length_->value();
    spec.pick = random_->isChecked() ? CalibrationSpec::Pick::random : CalibrationSpec::Pick::first;
    spec.seed = random_->isChecked() ? static_cast<std::uint64_t>(seed_->value()) : 0;
    return spec;
}

LengthsDialog::LengthsDialog(const QString& title, const QString& what, std::int64_t target, QWidget* parent)
    : FormDialog(title,
                 what.isEmpty() ? tr("Calibrates at several lengths and compares what changes with them.") : what,
                 parent)
    , target_(spin(target, 2, 1'048'576, tr("Tokens of the sequences"),
                   tr("How long the sequences are that the model will be used on"))) {
    addForm()->addRow(tr("Tokens of the sequences the model will be used on"), target_);
    addButtons(what.isEmpty() ? tr("Compare") : tr("Measure"));
}

std::int64_t LengthsDialog::target() const { return target_->value(); }

EvaluationDialog::EvaluationDialog(const EvaluationChoice& choice, const QString& what, std::int64_t max_positions,
                                   const std::vector<TargetEntry>& targets, const QString& served_as, QWidget* parent)
    : FormDialog(
          tr("Evaluate"),
          tr("Perplexity of %1, window by window (GPTQ protocol). The full-precision baseline is evaluated first "
             "where there is none under the same protocol.")
              .arg(what),
          parent)
    , targets_(targets)
    , text_(new TextEdit(tr("built-in evaluation text"), choice.text))
    , window_(spin(choice.window, 8, static_cast<int>(std::clamp<std::int64_t>(max_positions, 8, 131'072)),
                   tr("Window length"),
                   tr("Tokens per window; papers use 2048; at most the model's %1 positions").arg(max_positions)))
    , windows_(spin(choice.windows > 0 ? choice.windows : 8, 1, 1'000'000, tr("Windows"),
                    tr("The first windows of the text")))
    , all_(new QCheckBox(tr("all windows of the text")))
    , served_as_(new QComboBox)
    , served_(explanation_label())
    , before_(words_label("")) {
    before_->setAccessibleName(tr("Before it is evaluated"));
    before_->setMinimumWidth(360);
    before_->hide();
    add(before_);
    auto* form = addForm();
    form->addRow(tr("Text"), text_);
    form->addRow(tr("Tokens per window"), window_);
    form->addRow(tr("Windows"), windows_);
    form->addRow(QString(), all_);
    connect(all_, &QCheckBox::toggled, windows_, &QWidget::setDisabled);
    all_->setChecked(choice.windows == 0);
    served_as_->setAccessibleName(tr("Inputs rounded"));
    served_as_->addItem(tr("as the recipe says"), QString());
    for (const TargetEntry& target : targets_)
        served_as_->addItem(tr("as %1 does: %2").arg(target.label, target.fate), target.name);
    served_->setMinimumHeight(6 * fontMetrics().lineSpacing()); // stays as high whatever is chosen
    served_->setAlignment(Qt::AlignTop);
    form->addRow(tr("Inputs rounded"), served_as_);
    form->addRow(QString(), served_);
    evaluate_ = addButtons(tr("Evaluate"));
    connect(served_as_, &QComboBox::currentIndexChanged, this, &EvaluationDialog::showTarget);
    served_as_->setCurrentIndex(std::max(0, served_as_->findData(served_as)));
    showTarget();
}

void EvaluationDialog::setBefore(const QString& text) {
    before_->setText(text);
    before_->setVisible(!text.isEmpty());
    grow();
}

void EvaluationDialog::showTarget() {
    const int at = served_as_->currentIndex() - 1;
    const TargetEntry target = at >= 0 ? targets_[static_cast<std::size_t>(at)] : TargetEntry{};
    served_->setText(at < 0 ? tr("Programs do not always round the inputs as asked. Choose one to see the perplexity "
                                 "that the exported model has there.")
                            : target.what);
    evaluate_->setEnabled(!target.refused);
    grow();
}

QString EvaluationDialog::servedAs() const { return served_as_->currentData().toString(); }

EvaluationChoice EvaluationDialog::choice() const {
    return {text_->path(), window_->value(), all_->isChecked() ? 0 : std::int64_t{windows_->value()}};
}

MachineDialog::MachineDialog(const QString& command, const QString& model, const QString& here, const QString& then,
                             QWidget* parent)
    : FormDialog(tr("Another machine"),
                 tr("Evaluations run where this command starts a worker, on one of the devices there; "
                    "calibrating, quantizing, searching and all else runs here as before. The texts are "
                    "sent, the model must lie there: one with other weights is refused. What was begun "
                    "goes on there when the connection or this window goes, and is found again."),
                 parent)
    , command_(new QLineEdit(command))
    , model_(new QLineEdit(model)) {
    if (!then.isEmpty()) {
        QLabel* label = words_label("");
        label->setText(then);
        label->setAccessibleName(tr("Once it is reached"));
        add(label);
    }
    auto* form = addForm();
    command_->setAccessibleName(tr("Command"));
    command_->setPlaceholderText(QStringLiteral("ssh gpu-host graticule-cli worker"));
    command_->setToolTip(
        tr("A line for the shell. It must need no password that is typed, as with a key of ssh-agent."));
    model_->setAccessibleName(tr("Model there"));
    model_->setToolTip(tr("Folder or file on that machine; here it is %1").arg(here));
    form->addRow(tr("Command"), command_);
    form->addRow(tr("Model there"), model_);
    QPushButton* connect_button = addButtons(tr("Connect"));
    const auto check = [this, connect_button] {
        connect_button->setEnabled(!this->command().isEmpty() && !this->model().isEmpty());
    };
    for (QLineEdit* edit : {command_, model_}) connect(edit, &QLineEdit::textChanged, this, check);
    check();
}

QString MachineDialog::command() const { return command_->text().trimmed(); }
QString MachineDialog::model() const { return model_->text().trimmed(); }

ExportDialog::ExportDialog(const std::vector<ExporterEntry>& exporters, const QString& what, const QString& first,
                           const QString& folder, Check check, Targets targets, QWidget* parent)
    : FormDialog(tr("Export"),
                 tr("Writes %1 for other programs, beside the target first and renamed at the end, then reads it back "
                    "and compares every weight.")
                     .arg(what),
                 parent)
    , exporters_(exporters)
    , check_(std::move(check))
    , targets_of_(std::move(targets))
    , exporter_(new QComboBox)
    , folder_(new PathEdit(PathEdit::Kind::new_folder, {}))
    , aside_(new QCheckBox(tr("Move what is there aside")))
    , help_(explanation_label())
    , findings_(words_label(""))
    , there_(new QTreeWidget)
    , what_there_(explanation_label()) {
    if (!first.isEmpty()) {
        auto* label = explanation_label();
        label->setText(first);
        label->setAccessibleName(tr("Before anything is written"));
        add(label);
    }
    auto* form = addForm();
    exporter_->setAccessibleName(tr("Exporter"));
    for (const ExporterEntry& entry : exporters_) exporter_->addItem(entry.label, entry.name);
    folder_->setPath(folder);
    findings_->setAccessibleName(tr("Pre-flight findings"));
    findings_->setMinimumWidth(560);
    there_->setAccessibleName(tr("What becomes of it there"));
    there_->setHeaderLabels({tr("Program"), tr("Runs"), tr("Taken from")});
    there_->setRootIsDecorated(false);
    there_->setMinimumWidth(560);
    there_->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff); // as high as what is in it
    there_->header()->setSectionResizeMode(QHeaderView::ResizeToContents);
    form->addRow(tr("Format"), exporter_);
    form->addRow(QString(), help_);
    form->addRow(tr("New folder"), folder_);
    form->addRow(QString(), aside_);
    aside_->setToolTip(tr("A folder that holds something else is kept as NAME.before-1; an export of Graticule is "
                          "replaced in any case"));
    form->addRow(tr("Pre-flight"), findings_);
    form->addRow(tr("Programs"), there_);
    what_there_->setMinimumHeight(4 * fontMetrics().lineSpacing()); // stays as high whatever is chosen
    what_there_->setAlignment(Qt::AlignTop);
    form->addRow(QString(), what_there_);
    write_ = addButtons(first.isEmpty() ? tr("Export") : tr("Quantize again and export"));
    connect(there_, &QTreeWidget::itemSelectionChanged, this, &ExportDialog::showTarget);
    connect(exporter_, &QComboBox::currentIndexChanged, this, &ExportDialog::preflight);
    connect(folder_, &PathEdit::changed, this, &ExportDialog::preflight);
    connect(aside_, &QCheckBox::toggled, this, &ExportDialog::preflight);
    preflight();
}

void ExportDialog::preflight() {
    const int at = exporter_->currentIndex();
    if (at < 0) return;
    const ExporterEntry& entry = exporters_[static_cast<std::size_t>(at)];
    help_->setText(
        entry.loaders.empty()
            ? entry.help
            : tr("%1. Read by: %2.")
                  .arg(entry.help, QStringList(entry.loaders.begin(), entry.loaders.end()).join(QStringLiteral(", "))));
    const Diagnostics found = check_(entry.name, folder(), moveAside());
    findings_->setText(found.items.empty() ? tr("Nothing in the way: this target holds every layer's scheme exactly.")
                                           : QString::fromStdString(found.text()));
    write_->setEnabled(!found.has_errors() && !folder().isEmpty());
    const int chosen = std::max(0, there_->indexOfTopLevelItem(there_->currentItem()));
    targets_ = targets_of_(entry.name);
    there_->clear();
    for (const TargetEntry& target : targets_)
        there_->addTopLevelItem(new QTreeWidgetItem({target.label, target.fate, target.basis}));
    int basis = 0; // the last column is as wide as its texts
    for (const TargetEntry& target : targets_)
        basis = std::max(basis, there_->fontMetrics().horizontalAdvance(target.basis));
    constexpr int paddings = 44, widest = 760;
    there_->setMinimumWidth(
        std::min(theme::scaled(widest), there_->columnWidth(0) + there_->columnWidth(1) + basis + paddings));
    const int rows = there_->topLevelItemCount();
    const int row_height = rows > 0 ? there_->sizeHintForRow(0) : 0;
    there_->setFixedHeight(there_->header()->sizeHint().height() + rows * row_height + 2 * there_->frameWidth() + 2);
    there_->setCurrentItem(there_->topLevelItem(std::min(chosen, there_->topLevelItemCount() - 1)));
    showTarget();
}

void ExportDialog::showTarget() {
    const int at = there_->indexOfTopLevelItem(there_->currentItem());
    what_there_->setText(at < 0 ? QString() : targets_[static_cast<std::size_t>(at)].what);
    grow();
}

QString ExportDialog::exporter() const { return exporter_->currentData().toString(); }
QString ExportDialog::folder() const { return folder_->path(); }
bool ExportDialog::moveAside() const { return aside_->isChecked(); }

} // namespace graticule
