#include "widgets/panels/welcome_page.h"

#include <QtGui/QKeyEvent>
#include <QtGui/QMouseEvent>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QVBoxLayout>
#include <algorithm>

#include "widgets/models/number_text.h"
#include "widgets/theme/theme.h"

namespace graticule {

namespace {
void empty(QLayout* layout) {
    while (QLayoutItem* item = layout->takeAt(0)) {
        if (item->widget()) item->widget()->deleteLater();
        if (item->layout()) empty(item->layout());
        delete item;
    }
}

/// What is said of a model opens it as its button does, which is the one for the keyboard.
class ClickedLabel final : public QLabel {
public:
    ClickedLabel(const QString& text, QPushButton* button)
        : QLabel(text)
        , button_(button) {
        setProperty("role", "secondary");
        setWordWrap(true);
        setToolTip(button->toolTip());
        if (button->isEnabled()) setCursor(Qt::PointingHandCursor);
    }

protected:
    void mouseReleaseEvent(QMouseEvent* event) override {
        if (event->button() == Qt::LeftButton && rect().contains(event->position().toPoint())) button_->click();
    }
    void mousePressEvent(QMouseEvent* event) override { event->accept(); } // or the release would be the page's

private:
    QPushButton* button_; // of the same row
};

QLabel* section_label(const QString& text) {
    auto* label = new QLabel(text.toUpper());
    label->setProperty("role", "section");
    return label;
}
} // namespace

WelcomePage::WelcomePage(QWidget* parent)
    : QWidget(parent)
    , inside_(new QWidget)
    , samples_(new QVBoxLayout)
    , recent_(new QVBoxLayout)
    , choices_(new QWidget)
    , problem_(new QLabel)
    , opening_(new QLabel)
    , recent_title_(section_label(tr("Recent models"))) {
    setFocusPolicy(Qt::ClickFocus); // a click beside the buttons: Enter is the main one then
    inside_->setMaximumWidth(620);
    auto* column = new QVBoxLayout(inside_);
    column->setSpacing(10);
    auto* title = new QLabel(tr("Graticule"));
    title->setFont(theme::ui_font(26, QFont::DemiBold));
    column->addWidget(title);
    auto* line =
        new QLabel(tr("What is in this model, where does it hurt, what do I choose, what did it cost, can I ship it?"));
    line->setProperty("role", "secondary");
    line->setWordWrap(true);
    column->addWidget(line);
    problem_->setProperty("role", "worse");
    problem_->setWordWrap(true);
    problem_->setTextInteractionFlags(Qt::TextSelectableByMouse);
    problem_->hide();
    column->addWidget(problem_);
    opening_->setProperty("role", "title");
    opening_->setWordWrap(true);
    opening_->hide();
    column->addWidget(opening_);
    column->addSpacing(10);
    column->addWidget(choices_);
    column = new QVBoxLayout(choices_);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(10);
    column->addWidget(section_label(tr("Start here, no network needed")));
    column->addLayout(samples_);
    column->addSpacing(10);
    column->addWidget(section_label(tr("Your own model")));
    auto* own = new QHBoxLayout;
    auto* folder = new QPushButton(tr("Open folder …"));
    folder->setToolTip(tr("A folder with config.json and safetensors files"));
    auto* file = new QPushButton(tr("Open file …"));
    file->setToolTip(tr("A .safetensors or .gguf file"));
    own->addWidget(folder);
    own->addWidget(file);
    own->addStretch(1);
    column->addLayout(own);
    auto* drop =
        new QLabel(tr("or drop a model folder, a .safetensors, a .gguf, a session or a recipe anywhere on the window"));
    drop->setProperty("role", "secondary");
    drop->setWordWrap(true);
    column->addWidget(drop);
    column->addSpacing(10);
    column->addWidget(recent_title_);
    recent_->setSpacing(2);
    column->addLayout(recent_);
    recent_title_->hide();
    auto* outer = new QVBoxLayout(this);
    outer->addStretch(2);
    auto* middle = new QHBoxLayout; // as wide as it may be: aligned, it would be as narrow as its wrapped lines like
    middle->addStretch(1);
    middle->addWidget(inside_, 1000);
    middle->addStretch(1);
    outer->addLayout(middle);
    outer->addStretch(3);
    connect(folder, &QPushButton::clicked, this, &WelcomePage::folderWanted);
    connect(file, &QPushButton::clicked, this, &WelcomePage::fileWanted);
}

void WelcomePage::setSamples(const std::vector<RecentModel>& samples) {
    empty(samples_);
    auto* row = new QHBoxLayout;
    bool first = true;
    for (const RecentModel& sample : samples) {
        auto* button = new QPushButton(tr("Open %1").arg(sample.name));
        button->setProperty("primary", first);
        button->setToolTip(sample.path);
        if (first) primary_ = button;
        first = false;
        connect(button, &QPushButton::clicked, this, [this, path = sample.path] { Q_EMIT openWanted(path); });
        row->addWidget(button);
    }
    if (!samples.empty()) {
        auto* tour = new QPushButton(tr("Take the tour"));
        tour->setToolTip(tr("Seven steps on the sample model: find what hurts in it, and what helps"));
        connect(tour, &QPushButton::clicked, this, &WelcomePage::tourWanted);
        row->addWidget(tour);
    }
    row->addStretch(1);
    samples_->addLayout(row);
    if (choices_->isEnabled()) setFocusProxy(primary_);
    orderFocus();
}

void WelcomePage::setRecent(const std::vector<RecentModel>& recent) {
    empty(recent_);
    recent_title_->setVisible(!recent.empty());
    for (const RecentModel& model : recent) {
        auto* row = new QHBoxLayout;
        constexpr int longest_path = 64; // letters; the tip has all of them
        auto* open = new QPushButton(model.name + QStringLiteral("    ") + elided_middle(model.path, longest_path));
        open->setToolTip(model.missing ? tr("%1 is not there any more").arg(model.path) : model.path);
        open->setEnabled(!model.missing);
        open->setProperty("flat", true);
        open->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
        open->setStyleSheet(QStringLiteral("text-align: left;"));
        auto* forget = new QToolButton;
        forget->setText(QStringLiteral("✕"));
        forget->setToolTip(tr("Remove from this list"));
        forget->setAccessibleName(tr("Remove %1 from this list").arg(model.name));
        row->addWidget(open, 1);
        row->addWidget(forget);
        recent_->addLayout(row);
        if (!model.note.isEmpty()) {
            auto* note = new ClickedLabel(model.note, open);
            note->setIndent(14);
            recent_->addWidget(note);
        }
        connect(open, &QPushButton::clicked, this, [this, path = model.path] { Q_EMIT openWanted(path); });
        connect(forget, &QToolButton::clicked, this, [this, path = model.path] { Q_EMIT forgetWanted(path); });
    }
    orderFocus();
}

// Tab goes down the page, whatever was made last; and a button that is gone leaves the focus to the main one.
void WelcomePage::orderFocus() {
    std::vector<QWidget*> buttons;
    const auto collect = [&buttons](auto&& self, const QLayout& layout) -> void {
        for (int i = 0; i < layout.count(); ++i) {
            QLayoutItem* item = layout.itemAt(i);
            if (const QLayout* inner = item->layout())
                self(self, *inner);
            else if (auto* button = qobject_cast<QAbstractButton*>(item->widget()))
                buttons.push_back(button);
        }
    };
    collect(collect, *choices_->layout());
    for (std::size_t i = 1; i < buttons.size(); ++i) setTabOrder(buttons[i - 1], buttons[i]);
    const QWidget* focused = focusWidget();
    const bool gone = focused != nullptr && std::ranges::find(buttons, focused) == buttons.end();
    if (gone && primary_ && isVisible() && choices_->isEnabled()) primary_->setFocus();
}

void WelcomePage::keyPressEvent(QKeyEvent* event) {
    if (event->key() != Qt::Key_Return && event->key() != Qt::Key_Enter) return QWidget::keyPressEvent(event);
    auto* focused = qobject_cast<QAbstractButton*>(focusWidget());
    if (QAbstractButton* button = focused ? focused : primary_.data()) button->click();
}

// The focus stays on the page: what is typed meanwhile is for nobody, neither here nor in the panels beside it.
void WelcomePage::setOpening(const QString& text) {
    opening_->setText(text);
    opening_->setVisible(!text.isEmpty());
    const bool free = text.isEmpty();
    if (free == choices_->isEnabled()) return;
    const QWidget* there = window()->focusWidget(); // also before the window is the active one
    const bool focused = there != nullptr && (there == this || isAncestorOf(there));
    setFocusProxy(free ? primary_.data() : nullptr);
    if (focused) setFocus();
    choices_->setEnabled(free);
    if (free && focused) setFocus();
}

void WelcomePage::setProblem(const QString& text) {
    problem_->setText(text);
    problem_->setVisible(!text.isEmpty());
}

} // namespace graticule
