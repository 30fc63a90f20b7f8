#include "widgets/panels/slac_panel.h"

#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <cmath>

#include "widgets/models/number_text.h"
#include "widgets/panels/below_plot.h"
#include "widgets/panels/figure_table.h"
#include "widgets/panels/words_label.h"
#include "widgets/theme/theme.h"

namespace graticule {

namespace {

QString tokens_text(std::int64_t count) { return SlacPanel::tr("%1 tokens").arg(thousands_text(count)); }
} // namespace

SlacPanel::SlacPanel(QWidget* parent)
    : QFrame(parent)
    , headline_(words_label("title"))
    , reason_(words_label("secondary"))
    , note_(words_label("faint"))
    , matrix_(new FigureTable(tr("Perplexity by calibration length and evaluation length")))
    , compare_(new QPushButton(tr("Compare lengths …")))
    , measure_(new QPushButton(tr("Measure perplexities …"))) {
    compare_->setToolTip(tr("GPTQ's update ratio and the inputs' range at 128, 512 and 2,048 tokens"));
    measure_->setToolTip(tr("Quantizes by the recipe with each calibration length and evaluates at each length"));
    matrix_->setSelectionMode(QAbstractItemView::ContiguousSelection);
    auto* column = column_below_plot(*this);
    column->addWidget(headline_);
    column->addWidget(reason_);
    column->addLayout(line_of({compare_, measure_}));
    column->addWidget(matrix_, 1);
    column->addWidget(note_);
    column->addStretch(0); // where there is no matrix, the words stay together at the top
    connect(compare_, &QPushButton::clicked, this, &SlacPanel::compareWanted);
    connect(measure_, &QPushButton::clicked, this, &SlacPanel::measureWanted);
    setStudy(nullptr, {});
}

void SlacPanel::setStudy(const std::shared_ptr<const LengthStudy>& study, const std::optional<LengthAdvice>& advice) {
    const bool measured = study && !study->evaluated.empty();
    headline_->setText(
        advice
            ? tr("For sequences of %1: calibrate at %2").arg(tokens_text(advice->target), tokens_text(advice->length))
            : tr("How long should calibration sequences be?"));
    reason_->setText(advice ? QString::fromStdString(advice->reason)
                            : tr("Compare lengths to see what changes with them; measure perplexities to decide."));
    matrix_->setVisible(measured);
    matrix_->setToolTip(measured
                            ? tr("%1. Differences to the first row, paired over windows; grey where the 95 % interval "
                                 "contains 0. Columns are protocols of their own.")
                                  .arg(QString::fromStdString(study->recipe_line))
                            : QString());
    note_->setText(
        study && !measured
            ? tr("Not measured: perplexity by calibration length × evaluation length. Update ratio: how far GPTQ "
                 "moves a weight that is not yet rounded per unit of rounding error; where it changes with the "
                 "length, so does what GPTQ does.")
            : QString());
    note_->setVisible(!note_->text().isEmpty());
    if (measured) fill(*study);
}

void SlacPanel::fill(const LengthStudy& study) {
    const theme::Theme& look = theme::of(palette());
    std::vector<FigureTable::Column> columns{{QString(), false, {}}};
    QStringList rows;
    for (const std::int64_t length : study.evaluated)
        columns.push_back({tr("evaluated\nat %1").arg(thousands_text(length)), true, {}});
    rows << QString::fromStdString(study.full_precision.front()->run_name);
    for (const std::int64_t length : study.lengths) rows << tr("calibrated at %1").arg(thousands_text(length));
    matrix_->setShape(static_cast<int>(rows.size()), columns);
    matrix_->showAllRows();
    const auto put = [&](std::size_t row, std::size_t column, const QString& text, theme::Token ink,
                         const QString& tip) {
        matrix_->put(static_cast<int>(row), static_cast<int>(column), text, tip)->setForeground(look[ink]);
    };
    for (qsizetype row = 0; row < rows.size(); ++row)
        put(static_cast<std::size_t>(row), 0, rows[row], theme::Token::text, {});
    for (std::size_t column = 0; column < study.evaluated.size(); ++column) {
        const Evaluation& base = *study.full_precision[column];
        put(0, column + 1, fixed_text(base.perplexity, 2), theme::Token::text,
            QString::fromStdString(base.protocol.text()));
        for (std::size_t row = 0; row < study.lengths.size(); ++row) {
            const Evaluation& run = *study.perplexity[row][column];
            const auto difference = compare(base, run).difference;
            QString text = fixed_text(run.perplexity, 2), tip;
            theme::Token ink = theme::Token::secondary;
            if (difference) {
                text += QStringLiteral(" (%1 %)").arg(signed_text(difference->percent, 1));
                if (std::isfinite(difference->interval_high))
                    tip = tr("95 % interval [%1, %2]")
                              .arg(signed_text(difference->interval_low, 3), signed_text(difference->interval_high, 3));
                if (difference->significant)
                    ink = difference->perplexity_difference > 0 ? theme::Token::worse : theme::Token::good;
            }
            put(row + 1, column + 1, text, ink, tip);
        }
    }
    matrix_->fit(); // no figure is cut: what has no room scrolls
}

} // namespace graticule
