#include "widgets/panels/speed_panel.h"

#include <QtWidgets/QComboBox>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <algorithm>

#include "widgets/models/number_text.h"
#include "widgets/panels/below_plot.h"
#include "widgets/panels/figure_table.h"
#include "widgets/panels/words_label.h"

namespace graticule {

namespace {

QString kernels_of(const SpeedRun& run) {
    QStringList names;
    for (const KernelUse& use : run.kernels) names << QString::fromStdString(use.kernel);
    names.removeDuplicates();
    return names.join(QStringLiteral(", "));
}

/// Everything that was measured of a point.
QString details(const SpeedPoint& point) {
    if (!point.measured()) return SpeedPanel::tr("Not measured: %1").arg(QString::fromStdString(point.problem));
    QStringList lines{SpeedPanel::tr("%1 ms (p10 to p90 of %2 passes: %3 to %4), memory %5")
                          .arg(number_text(1e3 * point.seconds))
                          .arg(point.passes)
                          .arg(number_text(1e3 * point.p10_seconds), number_text(1e3 * point.p90_seconds),
                               bytes_text(point.peak_bytes)),
                      SpeedPanel::tr("%1 ms at least for the products, at what the device reaches")
                          .arg(number_text(1e3 * point.floor_seconds))};
    if (point.one_by_one_seconds)
        lines << SpeedPanel::tr("%1 ms where the host starts the kernels one by one, not as one CUDA graph")
                     .arg(number_text(1e3 * *point.one_by_one_seconds));
    if (point.below_floor()) lines << SpeedPanel::tr("Faster than that: the rates were measured while other work ran");
    for (const SpeedShare& share : point.shares)
        lines << QStringLiteral("%1: %2").arg(QString::fromStdString(share.kind), percent_text(share.share));
    return lines.join(u'\n');
}

QString share_details(const SpeedShare& share) {
    QString text = SpeedPanel::tr("%1 ms").arg(number_text(1e3 * share.seconds));
    if (share.floor_seconds) text += SpeedPanel::tr(", at least %1 ms").arg(number_text(1e3 * *share.floor_seconds));
    if (!share.kernel.empty()) text += u'\n' + QString::fromStdString(share.kernel);
    return text;
}

QString device_text(const std::string& device) {
    return device == "cpu" ? SpeedPanel::tr("the CPU") : QString::fromStdString(device);
}

QString rate_text(double per_second) { return thousands_text(static_cast<std::int64_t>(per_second / 1e9)); }

} // namespace

SpeedPanel::SpeedPanel(QWidget* parent)
    : QFrame(parent)
    , headline_(words_label("title"))
    , note_(words_label("faint"))
    , table_(new FigureTable(tr("Speed by setting and pass")))
    , measure_(new QPushButton(tr("Measure speed")))
    , figure_(new QComboBox)
    , pass_(new QComboBox) {
    measure_->setToolTip(tr("Times passes in full precision, A8W8, A16W4, A8W4 and dINT4 on the chosen device"));
    figure_->addItems(speed_figure_names()); // as SpeedFigure
    for (int i = 0; i < figure_->count(); ++i)
        figure_->setItemData(i, speed_figure_tip(static_cast<SpeedFigure>(i)), Qt::ToolTipRole);
    figure_->setAccessibleName(tr("Figure"));
    figure_->setToolTip(tr("What the plot and the table show of each pass"));
    pass_->setAccessibleName(tr("Pass"));
    pass_->setToolTip(tr("The pass whose kinds of layers are listed"));
    table_->setSelectionMode(QAbstractItemView::ContiguousSelection);
    auto* column = column_below_plot(*this);
    column->addWidget(headline_);
    column->addLayout(line_of({measure_, figure_, pass_}));
    column->addWidget(table_, 1);
    column->addWidget(note_);
    column->addStretch(0); // where there is no table, the words stay together at the top
    connect(measure_, &QPushButton::clicked, this, &SpeedPanel::measureWanted);
    connect(figure_, &QComboBox::currentIndexChanged, this, [this] {
        fill();
        Q_EMIT figureChosen();
    });
    connect(pass_, &QComboBox::currentIndexChanged, this, &SpeedPanel::fill);
    setStudy(nullptr);
}

SpeedFigure SpeedPanel::figure() const { return static_cast<SpeedFigure>(figure_->currentIndex()); }

void SpeedPanel::setStudy(const std::shared_ptr<const SpeedStudy>& study) {
    const bool there = study && !study->runs.empty();
    study_ = there ? study : nullptr;
    std::ptrdiff_t passes = 0, doubtful = 0;
    bool stand_ins = false;
    QStringList problems;
    if (there)
        for (const SpeedRun& run : study->runs) {
            passes += std::ranges::count_if(run.points, &SpeedPoint::measured);
            doubtful += std::ranges::count_if(run.points, [&](const SpeedPoint& point) { return run.doubtful(point); });
            stand_ins = stand_ins || !run.stand_in().empty();
        }
    if (there)
        for (const std::string& problem : study->problems()) problems << QString::fromStdString(problem);
    headline_->setText(!there          ? tr("How fast does the model run?")
                       : doubtful == 0 ? tr("Speed on %1").arg(device_text(study->provenance.device))
                                       : tr("Speed on %1, unsteady at %2 of %3 (*)")
                                             .arg(device_text(study->provenance.device))
                                             .arg(doubtful)
                                             .arg(passes));
    const QString integers = there && study->ceilings.integer_operations
                                 ? tr(", %1 GOP/s of integers").arg(rate_text(*study->ceilings.integer_operations))
                                 : QString();
    note_->setText(
        there ? tr("The device alone, at best: %1 GB/s, %2 GFLOP/s%3. Decode: one token of each of so many sequences, "
                   "behind so many whose keys and values are kept.")
                        .arg(rate_text(study->ceilings.bytes_per_second), rate_text(study->ceilings.float_operations),
                             integers) +
                    (stand_ins ? tr(" In brackets: what stands in for kernels that are not there, so these are not "
                                    "the setting's times.")
                               : QString()) +
                    (doubtful == 0
                         ? QString()
                         : tr(" *: passes (p10 to p90), or what the device reached alone before and after, differ by "
                              "more than a quarter, or a pass was faster than its roofline: other work was in the "
                              "way; measure again when the machine is quiet.")) +
                    (problems.isEmpty() ? QString() : tr(" Not measured: %1.").arg(problems.join(QStringLiteral("; "))))
              : tr("Passes are timed at several lengths, with the kernels there are on the chosen device."));
    listPasses();
    fill();
}

/// The chosen one stays where there is one of its name, else the longest prefill is.
void SpeedPanel::listPasses() {
    const QSignalBlocker quiet(pass_);
    const QString chosen = pass_->currentText();
    pass_->clear();
    int longest = 0;
    if (study_)
        for (const SpeedPoint& point : study_->runs.front().points) {
            if (point.phase == SpeedPhase::prefill) longest = pass_->count();
            pass_->addItem(pass_name(point).replace(u'\n', u' '));
        }
    const int same = pass_->findText(chosen);
    pass_->setCurrentIndex(same >= 0 ? same : longest);
}

void SpeedPanel::fill() {
    table_->setVisible(study_ != nullptr);
    figure_->setVisible(study_ != nullptr);
    pass_->setVisible(study_ != nullptr && figure() == SpeedFigure::products);
    if (!study_) return;
    if (figure() == SpeedFigure::products)
        fillKinds();
    else
        fillPasses();
    table_->fit();
    table_->showAllRows();
}

void SpeedPanel::fillPasses() {
    std::vector<FigureTable::Column> columns{{QString(), false, {}}};
    for (const SpeedPoint& point : study_->runs.front().points) columns.push_back({pass_name(point), true, {}});
    columns.push_back({tr("weights"), true, tr("Bytes of all linears as this setting keeps them")});
    columns.push_back({tr("kernel"), false, {}});
    table_->setShape(static_cast<int>(study_->runs.size()), columns);
    for (int row = 0; row < table_->rowCount(); ++row) {
        const SpeedRun& run = study_->runs[static_cast<std::size_t>(row)];
        int column = 0;
        table_->put(row, column++, QString::fromStdString(run.label()), QString::fromStdString(run.recipe_line));
        for (const SpeedPoint& point : run.points)
            table_->put(row, column++,
                        point.measured()
                            ? speed_text(figure(), point) + (is_marked(figure(), run, point) ? tr(" *") : QString())
                            : tr("–"),
                        details(point));
        table_->put(row, column++, run.weight_bytes > 0 ? bytes_text(run.weight_bytes) : tr("–"));
        const QString kernels = kernels_of(run);
        table_->put(row, column, kernels, kernels); // at the right end, where it may be out of sight
    }
}

void SpeedPanel::fillKinds() {
    const auto pass = static_cast<std::size_t>(std::max(0, pass_->currentIndex()));
    std::vector<FigureTable::Column> columns{{tr("kind of layer"), false, {}}};
    for (const SpeedRun& run : study_->runs)
        columns.push_back({QString::fromStdString(run.label()), true, QString::fromStdString(run.recipe_line)});
    columns.push_back({QString(), false, {}}); // takes the room that is left
    const auto there =
        std::ranges::find_if(study_->runs, [&](const SpeedRun& run) { return run.points.at(pass).measured(); });
    const std::vector<SpeedShare> none;
    const std::vector<SpeedShare>& kinds = there == study_->runs.end() ? none : there->points.at(pass).shares;
    table_->setShape(static_cast<int>(kinds.size()), columns);
    for (int row = 0; row < table_->rowCount(); ++row) {
        const std::string& kind = kinds[static_cast<std::size_t>(row)].kind;
        table_->put(row, 0, QString::fromStdString(kind));
        for (std::size_t i = 0; i < study_->runs.size(); ++i) {
            const std::vector<SpeedShare>& shares = study_->runs[i].points.at(pass).shares;
            const auto share = std::ranges::find(shares, kind, &SpeedShare::kind);
            if (share == shares.end()) continue;
            table_->put(row, static_cast<int>(i) + 1, percent_text(share->share), share_details(*share));
        }
    }
}

} // namespace graticule
