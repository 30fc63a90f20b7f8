#include "widgets/panels/divergence_panel.h"

#include <QtGui/QTextCursor>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QTextEdit>
#include <QtWidgets/QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "widgets/models/number_text.h"
#include "widgets/models/qt_text.h"
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

} // namespace

DivergencePanel::DivergencePanel(QWidget* parent)
    : QFrame(parent)
    , headline_(words_label("title"))
    , figures_(words_label("secondary"))
    , measure_(new QPushButton(tr("Measure divergence")))
    , text_(new QTextEdit) {
    measure_->setToolTip(
        tr("Runs the recipe beside full precision over the evaluation text and compares what they say of "
           "every token"));
    text_->setReadOnly(true);
    text_->setTabChangesFocus(true);
    text_->setAccessibleName(tr("Worst passages, tokens coloured by divergence"));
    text_->setMinimumHeight(96);
    auto* line = new QHBoxLayout;
    line->addWidget(measure_);
    line->addStretch(1);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(16, 10, 16, 10);
    column->setSpacing(6);
    column->addWidget(headline_);
    column->addLayout(line);
    column->addWidget(figures_);
    column->addWidget(text_, 1);
    column->addStretch(0);
    setBackgroundRole(QPalette::Base);
    setAutoFillBackground(true);
    connect(measure_, &QPushButton::clicked, this, &DivergencePanel::measureWanted);
    clearDivergence();
}

void DivergencePanel::clearDivergence() {
    headline_->setText(tr("Where does the recipe hurt?"));
    figures_->setText(
        tr("What the recipe changes of the model's predictions, token by token: perplexity alone hides it."));
    text_->hide();
}

void DivergencePanel::setDivergence(const QString& recipe, const Divergence& divergence,
                                    const std::vector<Passage>& worst) {
    headline_->setText(tr("%1, held against full precision: %2").arg(recipe, qt_text(to_text(divergence.verdict))));
    headline_->setToolTip(tr("Verdict by %1").arg(qt_text(verdict_test)));
    figures_->setText(
        tr("%1 nats a token (median %2, 99 % stay below %3). The same first choice at %4 of %5 tokens; it became right "
           "%6 times, wrong %7 times. The worst passages, strongly coloured where the two differ most:")
            .arg(number_text(divergence.mean), number_text(divergence.median), number_text(divergence.p99),
                 percent_text(divergence.same_first_choice), thousands_text(divergence.tokens))
            .arg(divergence.became_right)
            .arg(divergence.became_wrong));
    text_->clear();
    text_->show();
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
