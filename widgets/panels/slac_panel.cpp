#include "widgets/panels/slac_panel.h"

#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <algorithm>
#include <cmath>

#include "widgets/models/number_text.h"
#include "widgets/panels/below_plot.h"
#include "widgets/panels/elided_label.h"
#include "widgets/panels/figure_table.h"
#include "widgets/panels/words_label.h"
#include "widgets/theme/theme.h"

namespace graticule {

namespace {

QString tokens_text(std::int64_t count) { return SlacPanel::tr("%1 tokens").arg(thousands_text(count)); }

/// "+2.651 perplexity, 95 % interval [+2.279, +3.019]"
QString difference_text(const PairedDifference& difference) {
    const QString change = SlacPanel::tr("%1 perplexity").arg(signed_text(difference.perplexity_difference, 3));
    if (!std::isfinite(difference.interval_high)) return change; // after one window
    return SlacPanel::tr("%1, 95 % interval [%2, %3]")
        .arg(change, signed_text(difference.interval_low, 3), signed_text(difference.interval_high, 3));
}
} // namespace

SlacPanel::SlacPanel(QWidget* parent)
    : QFrame(parent)
    , headline_(words_label("title"))
    , reason_(words_label("secondary"))
    , of_(words_label("value"))
    , note_(words_label("faint"))
    , matrix_(new FigureTable(tr("Perplexity by calibration length and evaluation length")))
    , compare_(new QPushButton(tr("Compare lengths …")))
    , measure_(new QPushButton(tr("Measure perplexities …")))
    , offer_(new ElidedLabel) {
    compare_->setToolTip(tr("GPTQ's update ratio and the inputs' range at 128, 512 and 2,048 tokens"));
    matrix_->setSelectionMode(QAbstractItemView::ContiguousSelection);
    matrix_->setLastTakesRest(false); // figures stand together
    offer_->setProperty("role", "secondary");
    auto* column = column_below_plot(*this);
    column->addWidget(headline_);
    column->addWidget(reason_);
    column->addWidget(of_);
    column->addWidget(matrix_, 1); // before the buttons: where room is short, it is what is looked at
    column->addWidget(note_);
    column->addLayout(line_of({compare_, measure_}, offer_));
    column->addStretch(0); // where there is no matrix, the words stay together at the top
    connect(compare_, &QPushButton::clicked, this, &SlacPanel::compareWanted);
    connect(measure_, &QPushButton::clicked, this, &SlacPanel::measureWanted);
    clearStudy();
    setOffer({}, {});
}

void SlacPanel::setOffer(const QString& what, const QString& refusal) {
    measure_->setEnabled(refusal.isEmpty());
    offer_->setText(refusal.isEmpty() ? what : refusal);
    const QString quantizes = tr("Quantizes by the recipe with each calibration length and evaluates at each length");
    measure_->setToolTip(refusal.isEmpty() ? (what.isEmpty() ? quantizes : quantizes + QStringLiteral("\n\n") + what)
                                           : refusal);
}

void SlacPanel::clearStudy() {
    headline_->setText(tr("How long should calibration sequences be?"));
    reason_->setText(tr("Compare lengths to see what changes with them; measure perplexities to decide."));
    for (QWidget* widget : {static_cast<QWidget*>(of_), static_cast<QWidget*>(matrix_), static_cast<QWidget*>(note_)})
        widget->hide();
}

void SlacPanel::setStudy(const LengthStudy& study, const LengthAdvice& advice, bool of_now) {
    const bool measured = !study.evaluated.empty();
    if (of_now) {
        headline_->setText(
            tr("For sequences of %1: calibrate at %2").arg(tokens_text(advice.target), tokens_text(advice.length)));
        reason_->setText(QString::fromStdString(advice.reason));
    } else {
        headline_->setText(measured ? tr("Measured of another recipe than the current one")
                                    : tr("Compared on another text than the recipe's"));
        reason_->setText(tr("Nothing is advised for the current recipe: measure again, or go back to that one."));
    }
    const QString text = QString::fromStdString(study.provenance.data_name);
    of_->setText(measured ? tr("%1, %2; calibrated on %3 of %4")
                                .arg(QString::fromStdString(study.recipe_line),
                                     QString::fromStdString(study.full_precision.front()->provenance.data_name),
                                     tokens_text(study.tokens), text)
                          : tr("Compared on %1 of %2").arg(tokens_text(study.tokens), text));
    note_->setText(
        measured ? tr("Differences to the first row, paired over windows; grey and in brackets where the 95 % interval "
                      "contains 0. Columns are different protocols.")
                 : tr("Not measured: perplexity by calibration length × evaluation length. Update ratio: how far GPTQ "
                      "moves a weight that is not yet rounded per unit of rounding error; where it changes with the "
                      "length, so does what GPTQ does."));
    matrix_->setVisible(measured);
    of_->show();
    note_->show();
    if (measured) fill(study);
}

void SlacPanel::fill(const LengthStudy& study) {
    const theme::Theme& look = theme::of(palette());
    std::vector<FigureTable::Column> columns{{tr("calibrated"), false, {}}};
    QStringList rows;
    for (std::size_t i = 0; i < study.evaluated.size(); ++i)
        columns.push_back({tr("evaluated\nat %1").arg(thousands_text(study.evaluated[i])), true,
                           QString::fromStdString(study.full_precision[i]->protocol.text())});
    rows << QString::fromStdString(study.full_precision.front()->run_name);
    for (const std::int64_t length : study.lengths) rows << tr("at %1").arg(thousands_text(length));
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
        const auto best = std::ranges::min_element(study.perplexity, {},
                                                   [column](const auto& row) { return row[column]->perplexity; });
        const auto best_row = static_cast<std::size_t>(best - study.perplexity.begin());
        for (std::size_t row = 0; row < study.lengths.size(); ++row) {
            const Evaluation& run = *study.perplexity[row][column];
            QString text = fixed_text(run.perplexity, 2);
            QStringList tips;
            theme::Token ink = theme::Token::secondary;
            if (const auto difference = compare(base, run).difference) {
                const QString percent = signed_text(difference->percent, 1);
                text += difference->significant ? QStringLiteral(" %1 %").arg(percent)
                                                : QStringLiteral(" (%1 %)").arg(percent);
                tips << tr("Against full precision: %1").arg(difference_text(*difference));
                if (difference->significant)
                    ink = difference->perplexity_difference > 0 ? theme::Token::worse : theme::Token::good;
            }
            // What decides is length against length.
            if (const auto difference = compare(*(*best)[column], run).difference; difference && row != best_row)
                tips << tr("Against calibrating at %1, the best here: %2")
                            .arg(thousands_text(study.lengths[best_row]), difference_text(*difference));
            put(row + 1, column + 1, text, ink, tips.join(u'\n'));
        }
    }
    matrix_->fit(); // no figure is cut: what has no room scrolls
}

} // namespace graticule
