#include "widgets/panels/sensitivity_panel.h"

#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QSpinBox>
#include <algorithm>

#include "widgets/models/number_text.h"
#include "widgets/panels/below_plot.h"
#include "widgets/panels/elided_label.h"
#include "widgets/panels/figure_table.h"
#include "widgets/panels/words_label.h"

namespace graticule {

SensitivityPanel::SensitivityPanel(QWidget* parent)
    : QFrame(parent)
    , headline_(words_label("title"))
    , note_(words_label("faint"))
    , measured_(new QSpinBox)
    , go_(new QPushButton(tr("Predict and measure")))
    , on_(measured_on_label())
    , table_(new FigureTable(tr("Sensitivity by scheme"))) {
    measured_->setRange(0, 100'000);
    measured_->setValue(8);
    measured_->setPrefix(tr("the worst "));
    measured_->setSuffix(tr(" of each scheme"));
    measured_->setSpecialValueText(tr("predict only"));
    measured_->setAccessibleName(tr("Linears to measure"));
    measured_->setToolTip(
        tr("Prediction takes a few backward passes in all; measuring takes a pass beside full precision "
           "for every eight linears"));
    go_->setToolTip(tr("What the recipe's schemes, and 8 bits in their place, cost each linear alone: columns of the "
                       "layer table and a statistic of the heat map as well"));
    auto* column = column_below_plot(*this);
    column->addWidget(headline_);
    column->addLayout(line_of({measured_, go_}, on_));
    column->addWidget(note_);
    column->addWidget(table_, 1);
    column->addStretch(0);
    connect(go_, &QPushButton::clicked, this, [this] { Q_EMIT sensitivityWanted(measured_->value()); });
    setSensitivity(nullptr, false);
}

void SensitivityPanel::setSensitivity(const Sensitivity* sensitivity, bool under_way) {
    table_->setVisible(sensitivity != nullptr);
    if (sensitivity == nullptr) {
        headline_->setText(tr("Which linears suffer?"));
        note_->setText(tr("Predicted for every linear from gradients; measured, each quantized alone, for as many as "
                          "time allows, the worst first."));
        return;
    }
    headline_->setText(under_way ? tr("Sensitivity so far") : tr("Sensitivity of every linear"));
    note_->setText(tr("%1, %2, %3 draws a window, both in %4; predicted in %5, measured in %6")
                       .arg(QString::fromStdString(sensitivity->provenance.data_name),
                            QString::fromStdString(sensitivity->protocol.text()))
                       .arg(sensitivity->draws)
                       .arg(QString::fromStdString(to_text(sensitivity->protocol.execution)),
                            duration_text(sensitivity->prediction_seconds),
                            duration_text(sensitivity->measuring_seconds)));
    table_->setShape(static_cast<int>(sensitivity->schemes.size()),
                     {{tr("scheme"), false, {}},
                      {tr("predicted\nnats"), true,
                       tr("Sum over all linears of what each alone is expected to cost, in nats per token")},
                      {tr("measured\nlinears"), true, tr("How many were quantized alone and measured")},
                      {tr("rank\ncorrelation"), true,
                       tr("Spearman's, of predicted and measured over the linears that were measured; 1: the same "
                          "order")},
                      {tr("worst"), false, tr("Linear with the largest prediction")}});
    for (int row = 0; row < table_->rowCount(); ++row) {
        const SchemeSensitivity& scheme = sensitivity->schemes[static_cast<std::size_t>(row)];
        double predicted = 0;
        std::int64_t measured = 0;
        for (const LayerSensitivity& layer : scheme.layers) {
            predicted += layer.predicted;
            measured += layer.measured ? 1 : 0;
        }
        const auto correlation = scheme.rank_correlation();
        const std::vector<std::size_t> worst = scheme.worst_first();
        const QString name = QString::fromStdString(scheme.scheme_line);
        const QStringList texts{name, number_text(predicted), thousands_text(measured),
                                correlation ? fixed_text(*correlation, 3) : tr("n/a"),
                                worst.empty() ? QString() : QString::fromStdString(scheme.layers[worst.front()].name)};
        for (int column = 0; column < table_->columnCount(); ++column) table_->put(row, column, texts[column], name);
    }
    table_->fit();
    table_->showAllRows();
}

} // namespace graticule
