#include "widgets/panels/speed_panel.h"

#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QVBoxLayout>

#include "widgets/models/number_text.h"
#include "widgets/panels/figure_table.h"
#include "widgets/panels/words_label.h"

namespace graticule {

namespace {

QString pass_name(const SpeedPoint& point) {
    return point.phase == SpeedPhase::prefill
               ? SpeedPanel::tr("prefill\n%1 tokens").arg(thousands_text(point.length))
               : SpeedPanel::tr("decode\n%1 behind %2").arg(thousands_text(point.batch), thousands_text(point.before));
}

QString kernels_of(const SpeedRun& run) {
    QStringList names;
    for (const KernelUse& use : run.kernels) names << QString::fromStdString(use.kernel);
    names.removeDuplicates();
    return names.join(QStringLiteral(", "));
}

/// Everything that was measured of a point.
QString details(const SpeedPoint& point) {
    QStringList lines{SpeedPanel::tr("%1 ms (least %2, %3 passes), memory %4")
                          .arg(number_text(1e3 * point.seconds), number_text(1e3 * point.least_seconds))
                          .arg(point.passes)
                          .arg(bytes_text(point.peak_bytes)),
                      SpeedPanel::tr("%1 ms at least for the products, at what the device reaches")
                          .arg(number_text(1e3 * point.floor_seconds))};
    for (const SpeedShare& share : point.shares)
        lines << QStringLiteral("%1: %2").arg(QString::fromStdString(share.kind), percent_text(share.share));
    return lines.join(u'\n');
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
    , table_(new FigureTable(tr("Tokens per second by setting and pass")))
    , measure_(new QPushButton(tr("Measure speed"))) {
    measure_->setToolTip(tr("Times passes in full precision, A8W8, A16W4, A8W4 and dINT4 on the chosen device"));
    table_->setSelectionMode(QAbstractItemView::ContiguousSelection);
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(measure_);
    buttons->addStretch(1);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(16, 10, 16, 10);
    column->setSpacing(6);
    column->addWidget(headline_);
    column->addLayout(buttons);
    column->addWidget(table_, 1);
    column->addWidget(note_);
    column->addStretch(0); // where there is no table, the words stay together at the top
    setBackgroundRole(QPalette::Base);
    setAutoFillBackground(true);
    connect(measure_, &QPushButton::clicked, this, &SpeedPanel::measureWanted);
    setStudy(nullptr);
}

void SpeedPanel::setStudy(const std::shared_ptr<const SpeedStudy>& study) {
    const bool there = study && !study->runs.empty();
    headline_->setText(there ? tr("Tokens per second on %1").arg(device_text(study->provenance.device))
                             : tr("How fast does the model run?"));
    table_->setVisible(there);
    const QString integers = there && study->ceilings.integer_operations
                                 ? tr(", %1 GOP/s of integers").arg(rate_text(*study->ceilings.integer_operations))
                                 : QString();
    note_->setText(there
                       ? tr("The device alone: %1 GB/s, %2 GFLOP/s%3. Decode: one token of each of so many sequences, "
                            "behind so many whose keys and values are kept.")
                             .arg(rate_text(study->ceilings.bytes_per_second),
                                  rate_text(study->ceilings.float_operations), integers)
                       : tr("Passes are timed at several lengths, with the kernels there are on the chosen device."));
    if (there) fill(*study);
}

void SpeedPanel::fill(const SpeedStudy& study) {
    std::vector<FigureTable::Column> columns{{QString(), false, {}}};
    for (const SpeedPoint& point : study.runs.front().points) columns.push_back({pass_name(point), true, {}});
    columns.push_back({tr("weights"), true, tr("Bytes of all linears as this setting keeps them")});
    columns.push_back({tr("kernel"), false, {}});
    table_->setShape(static_cast<int>(study.runs.size()), columns);
    for (int row = 0; row < table_->rowCount(); ++row) {
        const SpeedRun& run = study.runs[static_cast<std::size_t>(row)];
        int column = 0;
        table_->put(row, column++, QString::fromStdString(run.name), QString::fromStdString(run.recipe_line));
        for (const SpeedPoint& point : run.points)
            table_->put(row, column++, thousands_text(static_cast<std::int64_t>(point.tokens_per_second())),
                        details(point));
        table_->put(row, column++, bytes_text(run.weight_bytes));
        table_->put(row, column, kernels_of(run));
    }
    table_->fit();
    table_->showAllRows();
}

} // namespace graticule
