#include "widgets/panels/recipe_panel.h"

#include <QtCore/QEvent>
#include <QtCore/QSignalBlocker>
#include <QtCore/QTimer>
#include <QtWidgets/QButtonGroup>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QMenu>
#include <QtWidgets/QPlainTextEdit>
#include <QtWidgets/QScrollArea>
#include <QtWidgets/QScrollBar>
#include <QtWidgets/QStyle>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QVBoxLayout>
#include <algorithm>

#include "widgets/panels/elided_label.h"
#include "widgets/panels/panel_header.h"
#include "widgets/theme/theme.h"

namespace graticule {

namespace {
constexpr int text_height = 132, least_width = 260;

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
    , linear_(new ElidedLabel)
    , card_(new WhatIfCard)
    , rules_(new RulesView)
    , advice_(new AdviceView)
    , text_(new QPlainTextEdit)
    , text_problem_(new QLabel)
    , diagnostics_(new QLabel)
    , predicted_(new QLabel)
    , typing_(new QTimer(this)) {
    setAttribute(Qt::WA_StyledBackground);
    presets_ = header_->addMenuButton(tr("presets"), tr("Recipes of papers and programs, by name"));
    undo_ = header_->addButton(QStringLiteral("↶"), tr("Undo the last change of the recipe"));
    redo_ = header_->addButton(QStringLiteral("↷"), tr("Redo"));
    auto* inside = new QWidget;
    auto* column = new QVBoxLayout(inside);
    column->setContentsMargins(0, 0, 0, 8);
    column->setSpacing(8);
    const auto add = [column](QWidget* widget) {
        auto* row = new QHBoxLayout;
        row->setContentsMargins(12, 0, 12, 0);
        row->addWidget(widget);
        column->addLayout(row);
    };
    linear_->setProperty("role", "secondary");
    linear_->hide();
    // What is wrong stands where somebody looks who has just changed something.
    diagnostics_->setWordWrap(true);
    diagnostics_->setAlignment(Qt::AlignTop); // or a line too many is cut above and below
    diagnostics_->setContentsMargins(0, 8, 0, 0);
    diagnostics_->setProperty("role", "worse");
    mend_ = new QToolButton;
    connect(mend_, &QToolButton::clicked, this, &RecipePanel::mendWanted);
    for (QWidget* said : {static_cast<QWidget*>(diagnostics_), static_cast<QWidget*>(mend_)}) {
        add(said);
        said->hide();
    }
    column->addWidget(editor_);
    column->addWidget(rule_line());
    add(section_label(tr("What if, on this linear")));
    add(linear_);
    add(card_);
    column->addWidget(rule_line());
    add(section_label(tr("Rules, last match wins; ✓ here")));
    auto* rules_row = new QHBoxLayout;
    rules_row->setContentsMargins(4, 0, 4, 0);
    rules_row->addWidget(rules_);
    column->addLayout(rules_row);
    column->addWidget(rule_line());
    add(section_label(tr("Advice, most harm first")));
    add(advice_);
    advice_->setTabPlace(rules_);
    column->addWidget(rule_line());
    buildText(column);
    column->addStretch(1);

    scroll_ = new QScrollArea;
    scroll_->setWidget(inside);
    scroll_->setWidgetResizable(true);
    scroll_->setFrameShape(QFrame::NoFrame);
    scroll_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    const QScrollBar* bar = scroll_->verticalScrollBar();
    connect(bar, &QScrollBar::rangeChanged, this, &RecipePanel::holdPlace);
    connect(bar, &QScrollBar::actionTriggered, this, // by hand; the value follows the signal
            [this] { QTimer::singleShot(0, this, &RecipePanel::rememberPlace); });
    // Nothing inside may be wider than what is seen: without a bar the rest could not be reached.
    setMinimumWidth(theme::scaled(least_width));
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->setSpacing(0);
    outer->addWidget(scroll_, 1);
    outer->addWidget(rule_line());
    auto* foot = new QHBoxLayout;
    foot->setContentsMargins(12, 9, 12, 9);
    auto* label = new QLabel(tr("predicted"));
    label->setProperty("role", "secondary");
    label->setToolTip(tr(
        "Size of the whole model under this recipe, and stored bits per weight: codes, scales, zero points and what is "
        "kept in 16 bits. Ideal: with float32 scales in 16 bits, as papers count"));
    foot->setSpacing(10);
    foot->addWidget(label);
    foot->addWidget(predicted_, 1);
    outer->addLayout(foot);
}

void RecipePanel::buildText(QVBoxLayout* column) {
    auto* heading = new QHBoxLayout;
    heading->setContentsMargins(12, 0, 12, 0);
    heading->addWidget(section_label(tr("The recipe as text")));
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
    text_tab_ =
        tab(tr("text"), tr("One line for all layers, then rules: PATTERN => scheme, PATTERN => ignore; # starts a "
                           "comment, which stays"));
    json_tab_ = tab(tr("JSON"), tr("The same as a file"));
    text_tab_->setChecked(true);
    column->addLayout(heading);
    auto* row = new QHBoxLayout;
    row->setContentsMargins(12, 0, 12, 0);
    text_->setProperty("mono", true);
    text_->setAccessibleName(tr("Recipe as text"));
    text_->setToolTip(tr("Edit freely; what can be read takes effect at once and can be undone"));
    text_->setTabChangesFocus(true);
    text_->installEventFilter(this);
    text_->setFixedHeight(text_height);
    row->addWidget(text_);
    column->addLayout(row);
    auto* problem = new QHBoxLayout;
    problem->setContentsMargins(12, 0, 12, 0);
    text_problem_->setProperty("role", "worse");
    text_problem_->setWordWrap(true);
    text_problem_->setAlignment(Qt::AlignTop);
    text_problem_->setMinimumHeight(2 * text_problem_->fontMetrics().lineSpacing());
    QSizePolicy keeps_its_room = text_problem_->sizePolicy(); // half a line typed moves nothing
    keeps_its_room.setRetainSizeWhenHidden(true);
    text_problem_->setSizePolicy(keeps_its_room);
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
            Q_EMIT textEdited(text);
    });
}

void RecipePanel::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::StyleChange) setMinimumWidth(theme::scaled(least_width)); // texts of another size
}

bool RecipePanel::eventFilter(QObject* watched, QEvent* event) {
    if (watched == text_ && event->type() == QEvent::FocusOut && !typing_->isActive()) showText();
    if (watched == text_ && event->type() == QEvent::FocusIn) QTimer::singleShot(0, this, &RecipePanel::rememberPlace);
    if (watched == text_ && event->type() == QEvent::Move) holdPlace();
    return QWidget::eventFilter(watched, event);
}

void RecipePanel::rememberPlace() { text_place_ = text_->y() - scroll_->verticalScrollBar()->value(); }

// What is typed takes effect above the text, where rules and advice come and go: the text stays under the hands.
void RecipePanel::holdPlace() {
    if (text_->hasFocus() && text_place_)
        scroll_->verticalScrollBar()->setValue(text_->y() - *text_place_);
    else
        text_place_.reset();
}

void RecipePanel::setSelectionText(const QString& text, const QString& help) { header_->setSubtitle(text, help); }
void RecipePanel::setLinear(const QString& name) {
    linear_->setText(name);
    linear_->setVisible(!name.isEmpty());
}
void RecipePanel::setWhatIf(const WhatIfTable& table) { card_->setTable(table); }
void RecipePanel::setRules(const std::vector<RuleRow>& rows) { rules_->setRows(rows); }
void RecipePanel::setPredicted(const QString& text) { predicted_->setText(text); }

void RecipePanel::setTexts(const QString& text, const QString& json) {
    const bool changed = text != words_ || json != json_;
    words_ = text;
    json_ = json;
    // Somebody is typing: their text stays as typed until they leave it.
    if (changed && !text_->hasFocus()) showText();
}

void RecipePanel::showText() {
    const bool json = json_tab_->isChecked();
    text_->setFixedHeight(json ? 220 : text_height);
    text_->setLineWrapMode(json ? QPlainTextEdit::NoWrap : QPlainTextEdit::WidgetWidth);
    setTextProblem({});
    // The same words are left alone, so that the cursor stays where it is.
    const QString wanted = json ? json_ : words_;
    if (text_->toPlainText() == wanted) return;
    const QSignalBlocker quiet(text_);
    const int at = text_->textCursor().position(), scrolled = text_->verticalScrollBar()->value();
    text_->setPlainText(wanted);
    QTextCursor cursor = text_->textCursor();
    cursor.setPosition(std::min(at, static_cast<int>(wanted.size())));
    text_->setTextCursor(cursor);
    text_->verticalScrollBar()->setValue(scrolled);
}

void RecipePanel::setPresets(const std::vector<PresetEntry>& presets) {
    QMenu* menu = presets_->menu();
    menu->clear();
    menu->setToolTipsVisible(true);
    for (const PresetEntry& preset : presets) {
        QAction* action = menu->addAction(tr("%1 – %2").arg(preset.name, preset.help), this,
                                          [this, name = preset.name] { Q_EMIT presetWanted(name); });
        action->setToolTip(preset.line + u'\n' + preset.source);
    }
}

void RecipePanel::setTextProblem(const QString& problem) {
    text_problem_->setText(problem);
    text_problem_->setVisible(!problem.isEmpty());
    set_flag(*text_, "invalid", !problem.isEmpty());
    if (problem.isEmpty()) return;
    // Below many rules the text is at the panel's lower edge: what is wrong with it must not be out of sight.
    QTimer::singleShot(0, this, [this] {
        scroll_->ensureWidgetVisible(text_problem_, 0, 12);
        rememberPlace();
    });
}

void RecipePanel::setDiagnostics(const Diagnostics& diagnostics, const QString& mend) {
    mend_->setText(mend);
    mend_->setVisible(!mend.isEmpty());
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
