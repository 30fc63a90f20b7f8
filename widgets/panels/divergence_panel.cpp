#include "widgets/panels/divergence_panel.h"

#include <QtGui/QTextCursor>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QTextEdit>
#include <algorithm>
#include <cmath>

#include "widgets/models/number_text.h"
#include "widgets/models/qt_text.h"
#include "widgets/panels/below_plot.h"
#include "widgets/panels/elided_label.h"
#include "widgets/panels/words_label.h"
#include "widgets/theme/theme.h"

namespace graticule {

namespace {

// A line's end would hide its colour.
QString shown(const std::string& text) { return QString::fromStdString(text).replace(u'\n', QStringLiteral("↵")); }

QString row(const QString& before, const QString& after) {
    return QStringLiteral("<tr><td style='padding-right: 16px'>%1</td><td>%2</td></tr>").arg(before, after);
}

/// One of the tokens that are thought likely, strong if it is the one that came; empty beyond the last.
QString likely_text(const std::vector<LikelyText>& likely, std::size_t rank, const std::string& came) {
    if (rank >= likely.size()) return {};
    const std::string& text = likely[rank].text;
    const QString words = text.empty() ? DivergencePanel::tr("(a token without text)")
                                       : QStringLiteral("“%1”").arg(shown(text).toHtmlEscaped());
    const bool strong = !text.empty() && text == came;
    return QStringLiteral("%1&nbsp;%2")
        .arg(strong ? QStringLiteral("<b>%1</b>").arg(words) : words, percent_text(likely[rank].probability));
}

/// What both thought likely there, side by side.
QString tip(const PassageToken& token) {
    QString rows = row(DivergencePanel::tr("<b>full precision</b>"), DivergencePanel::tr("<b>recipe</b>"));
    for (std::size_t rank = 0; rank < std::max(token.baseline_likely.size(), token.likely.size()); ++rank)
        rows += row(likely_text(token.baseline_likely, rank, token.text), likely_text(token.likely, rank, token.text));
    return DivergencePanel::tr("“%1”: %2 nats; loss %3")
               .arg(shown(token.text).toHtmlEscaped(), number_text(token.divergence),
                    signed_text(token.loss_change, 3)) +
           QStringLiteral("<table>%1</table>").arg(rows);
}

/// Where greedy continuations of the text would part; empty where no windows are known.
QString parting_text(const Divergence& divergence) {
    if (divergence.partings.empty()) return {};
    const std::optional<double> tokens = divergence.first_parting();
    const QString share = percent_text(divergence.parting_share(), 0);
    return tokens ? DivergencePanel::tr(" First choices part after %1 tokens (median; %2 of windows part).")
                        .arg(number_text(*tokens), share)
                  : DivergencePanel::tr(" First choices part in %1 of windows.").arg(share);
}

} // namespace

DivergencePanel::DivergencePanel(QWidget* parent)
    : QFrame(parent)
    , headline_(words_label("title"))
    , verdict_(words_label("faint"))
    , figures_(words_label("secondary"))
    , measure_(new QPushButton(tr("Measure divergence")))
    , on_(measured_on_label())
    , text_(new QTextEdit) {
    measure_->setToolTip(
        tr("Runs the recipe beside full precision over the evaluation text and compares what they say of "
           "every token"));
    text_->setReadOnly(true);
    text_->setTabChangesFocus(true);
    text_->setAccessibleName(tr("Worst passages, tokens coloured by divergence"));
    text_->setMinimumHeight(96);
    auto* column = column_below_plot(*this);
    column->addWidget(headline_);
    column->addLayout(line_of({measure_}, on_));
    column->addWidget(verdict_);
    column->addWidget(figures_);
    column->addWidget(text_, 1);
    column->addStretch(0);
    connect(measure_, &QPushButton::clicked, this, &DivergencePanel::measureWanted);
    clearDivergence();
}

void DivergencePanel::clearDivergence() {
    headline_->setText(tr("Where does the recipe hurt?"));
    figures_->setText(
        tr("What the recipe changes of the model's predictions, token by token: perplexity alone hides it."));
    figures_->setToolTip({});
    verdict_->hide();
    text_->hide();
}

void DivergencePanel::setDivergence(const QString& recipe, const Divergence& divergence,
                                    const std::vector<Passage>& worst, std::int64_t windows, const QString& protocol) {
    const auto done = std::ssize(divergence.window_means);
    const QString verdict = qt_text(to_text(divergence.verdict));
    headline_->setText(done == windows
                           ? tr("%1, held against full precision: %2").arg(recipe, verdict)
                           : tr("%1, %2 of %3 windows: %4 so far").arg(recipe).arg(done).arg(windows).arg(verdict));
    const QString losses = divergence.nll_p ? tr("Student's t, p = %1").arg(number_text(*divergence.nll_p, 3))
                                            : tr("not tested, one window has no spread");
    verdict_->setText(tr("Losses over windows: %1; first choices: McNemar, p = %2; at 5 % together (Holm)")
                          .arg(losses, number_text(divergence.first_choice_p, 3)));
    verdict_->setToolTip(tr("Verdict by %1").arg(qt_text(verdict_test)));
    verdict_->show();
    const Interval& interval = divergence.over_windows.interval;
    const QString around = std::isfinite(interval.high)
                               ? tr("95 %: %1 to %2; ").arg(number_text(interval.low), number_text(interval.high))
                               : QString();
    figures_->setText(tr("%1 nats a token (%2median %3, 90 % below %4, 99 % below %5, largest %6). ")
                          .arg(number_text(divergence.mean), around, number_text(divergence.median, 3),
                               number_text(divergence.p90, 3), number_text(divergence.p99, 3),
                               number_text(divergence.maximum, 3)) +
                      tr("The same first choice at %1 of %2 tokens; %3 became right, %4 wrong.")
                          .arg(percent_text(divergence.same_first_choice), thousands_text(divergence.tokens),
                               thousands_text(divergence.became_right), thousands_text(divergence.became_wrong)) +
                      parting_text(divergence) + (protocol.isEmpty() ? protocol : QStringLiteral("\n") + protocol));
    figures_->setToolTip(tr("First choices part: %1").arg(qt_text(first_parting_meaning)));
    text_->setVisible(!worst.empty());
    showPassages(worst);
}

void DivergencePanel::showPassages(const std::vector<Passage>& worst) {
    text_->clear();
    QTextCursor cursor(text_->document());
    const theme::Theme& look = theme::of(palette());
    QTextBlockFormat apart;
    apart.setTopMargin(8);
    QTextCharFormat faint;
    faint.setForeground(look[theme::Token::secondary]);
    for (const Passage& passage : worst) {
        if (!cursor.atStart()) cursor.insertBlock(apart);
        cursor.insertText(tr("window %1, token %2: %3 nats a token")
                              .arg(passage.window + 1)
                              .arg(passage.first)
                              .arg(number_text(passage.mean)),
                          faint);
        cursor.insertBlock(QTextBlockFormat());
        for (const PassageToken& token : passage.tokens) {
            QTextCharFormat format;
            const double strength = token.divergence / (token.divergence + 1); // half at one nat
            format.setBackground(
                theme::blend(look.faded(theme::Token::worse, 0.75 * strength), palette().color(QPalette::Base)));
            format.setToolTip(tip(token));
            cursor.insertText(shown(token.text), format);
        }
    }
    text_->moveCursor(QTextCursor::Start);
}

} // namespace graticule
