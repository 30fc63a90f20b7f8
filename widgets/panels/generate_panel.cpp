#include "widgets/panels/generate_panel.h"

#include <QtGui/QTextCursor>
#include <QtWidgets/QGridLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPlainTextEdit>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QSpinBox>
#include <QtWidgets/QTextEdit>

#include "widgets/models/number_text.h"
#include "widgets/panels/below_plot.h"
#include "widgets/panels/words_label.h"
#include "widgets/theme/theme.h"

namespace graticule {

namespace {
constexpr int prompt_lines = 3;

QString rate_text(double per_second) {
    return per_second > 0 ? GeneratePanel::tr("%1 tokens/s").arg(fixed_text(per_second, per_second < 100 ? 1 : 0))
                          : QString();
}
} // namespace

GeneratePanel::GeneratePanel(QWidget* parent)
    : QFrame(parent)
    , headline_(words_label("title"))
    , note_(words_label("secondary"))
    , prompt_(new QPlainTextEdit(tr("It was a dark night, and")))
    , tokens_(new QSpinBox)
    , continue_(new QPushButton(tr("Continue both")))
    , both_(new QWidget) {
    prompt_->setAccessibleName(tr("Prompt"));
    prompt_->setTabChangesFocus(true);
    prompt_->setFixedHeight(prompt_lines * theme::scaled(18) + 12);
    tokens_->setRange(1, 4096);
    tokens_->setValue(32);
    tokens_->setSuffix(tr(" tokens"));
    tokens_->setAccessibleName(tr("Tokens to add"));
    continue_->setToolTip(
        tr("The model as it is and under the recipe each add tokens to the prompt, always the most likely one"));
    auto* sides = new QGridLayout(both_); // the texts begin at one height, however long the names are
    sides->setContentsMargins(0, 0, 0, 0);
    sides->setHorizontalSpacing(12);
    sides->setRowStretch(1, 1);
    for (std::size_t side = 0; side < texts_.size(); ++side) {
        names_[side] = words_label("secondary");
        texts_[side] = new QTextEdit;
        texts_[side]->setReadOnly(true);
        texts_[side]->setTabChangesFocus(true);
        texts_[side]->setAccessibleName(side == 0 ? tr("Continued in full precision") : tr("Continued by the recipe"));
        const int column = static_cast<int>(side);
        sides->addWidget(names_[side], 0, column, Qt::AlignBottom);
        sides->addWidget(texts_[side], 1, column);
        sides->setColumnStretch(column, 1);
    }
    auto* column = column_below_plot(*this);
    column->addWidget(headline_);
    column->addWidget(prompt_);
    column->addLayout(line_of({tokens_, continue_}));
    column->addWidget(note_);
    column->addWidget(both_, 1);
    column->addStretch(0); // where there are no texts, the words stay together at the top
    connect(prompt_, &QPlainTextEdit::textChanged, this,
            [this] { continue_->setEnabled(!prompt_->toPlainText().isEmpty()); });
    connect(continue_, &QPushButton::clicked, this,
            [this] { Q_EMIT continueWanted(prompt_->toPlainText(), tokens_->value()); });
    clearContinued();
}

void GeneratePanel::clearContinued() {
    headline_->setText(tr("What does the recipe say differently?"));
    note_->setText(tr("Both go on from the same words, and where they first say something else is marked."));
    both_->hide();
}

void GeneratePanel::setContinued(const ContinuedPrompt& continued) {
    headline_->setText(continued.parting > 0
                           ? tr("They part at token %1 of %2").arg(continued.parting).arg(continued.tokens)
                           : tr("The same %1 tokens").arg(continued.tokens));
    note_->setText(continued.parting > 0
                       ? tr("Up to ▸ both say the same. Each token is the most likely one, so one that differs changes "
                            "all that follow.")
                       : tr("Each token is the most likely one."));
    both_->show();
    const theme::Theme& look = theme::of(palette());
    QTextCharFormat quiet, mark, parted;
    quiet.setForeground(look[theme::Token::secondary]);
    mark.setForeground(look[theme::Token::levels]);
    mark.setFontWeight(QFont::Bold);
    parted.setBackground(theme::blend(look.faded(theme::Token::levels, 0.22), palette().color(QPalette::Base)));
    for (std::size_t side = 0; side < texts_.size(); ++side) {
        const ContinuedPrompt::Side& one = continued.sides[side];
        const QString rate = rate_text(one.tokens_per_second);
        names_[side]->setToolTip(
            tr("The speed of this computation, which costs time where rounding is simulated; how fast kernels for 4 "
               "and 8 bits are, the Speed tab measures"));
        QStringList said{one.name, rate, one.arithmetic};
        said.removeAll(QString());
        names_[side]->setText(said.join(QStringLiteral(", ")));
        texts_[side]->clear();
        QTextCursor cursor(texts_[side]->document());
        cursor.insertText(continued.prompt, quiet);
        cursor.insertText(one.same, QTextCharFormat());
        if (continued.parting == 0) continue;
        cursor.insertText(QStringLiteral("▸"), mark);
        cursor.insertText(one.parted, parted);
    }
}

} // namespace graticule
