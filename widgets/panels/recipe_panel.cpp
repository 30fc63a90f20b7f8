#include "widgets/panels/recipe_panel.h"

#include <QtCore/QEvent>
#include <QtCore/QSignalBlocker>
#include <QtCore/QTimer>
#include <QtWidgets/QButtonGroup>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPlainTextEdit>
#include <QtWidgets/QScrollArea>
#include <QtWidgets/QStyle>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QVBoxLayout>

#include "widgets/panels/panel_header.h"

namespace graticule {

namespace {
QLabel* section_label(const QString& text) {
    auto* label = new QLabel(text.toUpper());
    label->setProperty("role", "section");
    return label;
}

void set_flag(QWidget& widget, const char* name, bool on) {
    if (widget.property(name).toBool() == on) return;
    widget.setProperty(name, on);
    widget.style()->unpolish(&widget);
    widget.style()->polish(&widget);
}

QFrame* rule_line() {
    auto* line = new QFrame;
    line->setProperty("role", "rule");
    return line;
}
} // namespace

RecipePanel::RecipePanel(QWidget* parent)
    : QWidget(parent)
    , header_(new PanelHeader(tr("Recipe"), this))
    , editor_(new SchemeEditor)
    , card_(new WhatIfCard)
    , rules_(new RulesView)
    , text_(new QPlainTextEdit)
    , text_problem_(new QLabel)
    , diagnostics_(new QLabel)
    , predicted_(new QLabel)
    , typing_(new QTimer(this)) {
    setAttribute(Qt::WA_StyledBackground);
    undo_ = header_->addButton(QStringLiteral("↶"), tr("Undo the last change of the recipe"));
    redo_ = header_->addButton(QStringLiteral("↷"), tr("Redo"));
    auto* inside = new QWidget;
    auto* column = new QVBoxLayout(inside);
    column->setContentsMargins(0, 0, 0, 8);
    column->setSpacing(8);
    column->addWidget(editor_);
    column->addWidget(rule_line());
    const auto add = [column](QWidget* widget) {
        auto* row = new QHBoxLayout;
        row->setContentsMargins(12, 0, 12, 0);
        row->addWidget(widget);
        column->addLayout(row);
    };
    add(section_label(tr("What if, on this linear")));
    add(card_);
    column->addWidget(rule_line());
    add(section_label(tr("Rules, last match wins")));
    auto* rules_row = new QHBoxLayout;
    rules_row->setContentsMargins(4, 0, 4, 0);
    rules_row->addWidget(rules_);
    column->addLayout(rules_row);
    diagnostics_->setWordWrap(true);
    diagnostics_->setProperty("role", "worse");
    add(diagnostics_);
    diagnostics_->hide();
    column->addWidget(rule_line());
    buildText(column);
    column->addStretch(1);

    scroll_ = new QScrollArea;
    scroll_->setWidget(inside);
    scroll_->setWidgetResizable(true);
    scroll_->setFrameShape(QFrame::NoFrame);
    scroll_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    // Nothing inside may be wider than what is seen: without a bar the rest could not be reached.
    setMinimumWidth(260);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->setSpacing(0);
    outer->addWidget(scroll_, 1);
    outer->addWidget(rule_line());
    auto* foot = new QHBoxLayout;
    foot->setContentsMargins(12, 9, 12, 9);
    auto* label = new QLabel(tr("predicted"));
    label->setProperty("role", "secondary");
    label->setFixedWidth(82);
    label->setToolTip(
        tr("Size of the whole model under this recipe, and stored bits a weight, scales and zero points included"));
    foot->addWidget(label);
    foot->addWidget(predicted_, 1);
    outer->addLayout(foot);
}

void RecipePanel::buildText(QVBoxLayout* column) {
    auto* heading = new QHBoxLayout;
    heading->setContentsMargins(12, 0, 12, 0);
    heading->addWidget(section_label(tr("As text")));
    heading->addStretch(1);
    auto* tabs = new QButtonGroup(this);
    const auto tab = [&](const QString& name, const QString& tip) {
        auto* button = new QToolButton;
        button->setText(name);
        button->setToolTip(tip);
        button->setCheckable(true);
        tabs->addButton(button);
        heading->addWidget(button);
        return button;
    };
    line_tab_ = tab(tr("line"), tr("The selected layers' scheme in one line"));
    json_tab_ = tab(tr("JSON"), tr("The whole recipe as a file"));
    line_tab_->setChecked(true);
    column->addLayout(heading);
    auto* row = new QHBoxLayout;
    row->setContentsMargins(12, 0, 12, 0);
    text_->setProperty("mono", true);
    text_->setAccessibleName(tr("Recipe as text"));
    text_->setToolTip(tr("Edit freely; what can be read takes effect at once and can be undone"));
    text_->setTabChangesFocus(true);
    text_->installEventFilter(this);
    text_->setFixedHeight(72);
    row->addWidget(text_);
    column->addLayout(row);
    auto* problem = new QHBoxLayout;
    problem->setContentsMargins(12, 0, 12, 0);
    text_problem_->setProperty("role", "worse");
    text_problem_->setWordWrap(true);
    text_problem_->hide();
    problem->addWidget(text_problem_);
    column->addLayout(problem);

    typing_->setSingleShot(true);
    typing_->setInterval(350);
    connect(tabs, &QButtonGroup::buttonClicked, this, [this] { showText(); });
    connect(text_, &QPlainTextEdit::textChanged, typing_, qOverload<>(&QTimer::start));
    connect(typing_, &QTimer::timeout, this, [this] {
        const QString text = text_->toPlainText();
        if (json_tab_->isChecked())
            Q_EMIT jsonEdited(text);
        else
            Q_EMIT lineEdited(text.simplified());
    });
}

bool RecipePanel::eventFilter(QObject* watched, QEvent* event) {
    if (watched == text_ && event->type() == QEvent::FocusOut && !typing_->isActive()) showText();
    return QWidget::eventFilter(watched, event);
}

void RecipePanel::setSelectionText(const QString& text) { header_->setSubtitle(text); }
void RecipePanel::setWhatIf(const WhatIfTable& table) { card_->setTable(table); }
void RecipePanel::setRules(const std::vector<RuleRow>& rows) { rules_->setRows(rows); }
void RecipePanel::setPredicted(const QString& text) { predicted_->setText(text); }

void RecipePanel::setTexts(const QString& line, const QString& json) {
    const bool changed = line != line_ || json != json_;
    line_ = line;
    json_ = json;
    // Somebody is typing: their text stays as typed until they leave it.
    if (changed && !text_->hasFocus()) showText();
}

void RecipePanel::showText() {
    const bool json = json_tab_->isChecked();
    text_->setFixedHeight(json ? 220 : 72);
    text_->setLineWrapMode(json ? QPlainTextEdit::NoWrap : QPlainTextEdit::WidgetWidth);
    setTextProblem({});
    // The same words are left alone, so that the cursor stays where it is.
    const QString wanted = json ? json_ : line_;
    if (text_->toPlainText().simplified() == wanted.simplified()) return;
    const QSignalBlocker quiet(text_);
    // One operand a line reads better in a narrow panel; the notation does not care about white space.
    text_->setPlainText(json ? wanted : QString(wanted).replace(QStringLiteral(" "), QStringLiteral("\n")));
}

void RecipePanel::setTextProblem(const QString& problem) {
    text_problem_->setText(problem);
    text_problem_->setVisible(!problem.isEmpty());
    set_flag(*text_, "invalid", !problem.isEmpty());
    // Below many rules the text is at the panel's lower edge: what is wrong with it must not be out of sight.
    if (!problem.isEmpty()) QTimer::singleShot(0, this, [this] { scroll_->ensureWidgetVisible(text_problem_, 0, 12); });
}

void RecipePanel::setDiagnostics(const Diagnostics& diagnostics) {
    QStringList lines;
    for (const Diagnostic& item : diagnostics.items)
        if (item.severity != Severity::note) {
            const QString where = QString::fromStdString(item.where);
            lines << (where.isEmpty() ? QString() : where + QStringLiteral(": ")) + QString::fromStdString(item.text);
        }
    constexpr qsizetype shown = 4;
    diagnostics_->setToolTip(lines.join(u'\n'));
    if (lines.size() > shown) lines = lines.first(shown) << tr("and %1 more").arg(lines.size() - shown);
    diagnostics_->setText(lines.join(u'\n'));
    diagnostics_->setVisible(!lines.isEmpty());
}

} // namespace graticule
