// The application's style sheet. Colours are written as @token and replaced from the theme's table, so no colour stands
// here. Cells of a plain QTableView have no rule: its delegates paint all of a cell (table_delegates.h), and a rule would be
// looked up and drawn for each of a thousand cells a frame.
#include "widgets/theme/theme.h"

#include <QtCore/QRegularExpression>
#include <QtCore/QString>
#include <array>
#include <utility>

namespace graticule::theme {
namespace {

constexpr const char* surfaces = R"(
QMainWindow, QDialog { background: @window; }
QWidget { color: @text; }
QDialog#palette { background: @header; border: 1px solid @accent; border-radius: 5px; }
QMainWindow::separator { background: @border; width: 1px; height: 1px; }
QMainWindow::separator:hover { background: @accent; }
QDockWidget { color: @text; font-weight: 600; titlebar-close-icon: url(:/theme/icons/close.svg);
              titlebar-normal-icon: url(:/theme/icons/detach.svg); }
QDockWidget::title { background: @header; padding: 6px 12px; border-bottom: 1px solid @border; text-align: left; }
QDockWidget > QWidget { background: @panel; }
QSplitter::handle { background: @border; }
QSplitter::handle:horizontal { width: 1px; }
QSplitter::handle:vertical { height: 1px; }
QSplitter::handle:hover { background: @accent; }
QFrame[role="header"] { background: @header; border: none; border-bottom: 1px solid @border; }
QFrame[role="card"] { background: @panel; border: 1px solid @border; border-radius: 5px; }
QFrame[role="rule"] { background: @border; border: none; max-height: 1px; min-height: 1px; }
QLabel { background: transparent; }
QLabel[role="title"] { font-weight: 600; }
QLabel[role="value"] { font-weight: 600; }
QLabel[role="secondary"] { color: @secondary; }
QLabel[role="faint"] { color: @faint; }
QLabel[role="good"] { color: @good; }
QLabel[role="worse"] { color: @worse; }
QLabel[role="section"] { color: @secondary; font-size: 11px; font-weight: 600; }
QLabel[role="mono"] { font-family: "JetBrains Mono"; font-size: 12px; }
QScrollArea { background: @panel; border: none; }
QScrollArea > QWidget > QWidget { background: @panel; }
QDialog > QScrollArea, QDialog > QScrollArea > QWidget > QWidget { background: @window; }
QStatusBar { background: @header; border-top: 1px solid @border; color: @secondary; }
QStatusBar::item { border: none; }
QGroupBox { border: 1px solid @border; border-radius: 5px; margin-top: 16px; padding: 8px; }
QGroupBox::title { subcontrol-origin: margin; left: 8px; color: @secondary; }
QToolTip { background: @header; color: @text; border: 1px solid @border; padding: 4px 6px; }
)";

constexpr const char* bars_and_tabs = R"(
QMenuBar { background: @header; padding: 4px 8px; border-bottom: 1px solid @border; }
QMenuBar::item { background: transparent; color: @secondary; padding: 6px 7px; border-radius: 5px; }
QMenuBar::item:selected { background: @border; color: @text; }
QMenu { background: @panel; border: 1px solid @border; padding: 4px; }
QMenu::item { padding: 5px 24px 5px 12px; border-radius: 4px; }
QMenu::item:selected { background: @selection; color: @text; }
QMenu::item:disabled { color: @faint; }
QMenu::separator { height: 1px; background: @border; margin: 4px 8px; }
QMenu::icon { padding-left: 8px; }
QToolBar { background: @header; border: none; border-bottom: 1px solid @border; spacing: 8px; padding: 5px 8px; }
QToolBar::separator { background: @border; width: 1px; margin: 4px; }
QTabWidget::pane { border: none; background: @panel; }
QTabWidget { background: @panel; }
QTabBar { background: @header; border: none; qproperty-drawBase: 0; }
QTabBar::tab { background: transparent; color: @secondary; border: none; border-bottom: 2px solid transparent;
               padding: 7px 12px 6px 12px; }
QTabBar[fitting="true"]::tab { padding: 7px 3px 6px 3px; }
QTabBar::tab:hover { color: @text; }
QTabBar::tab:selected { color: @text; font-weight: 600; background: @panel; border-bottom: 2px solid @accent; }
QTabBar::tab:focus { color: @accent; }
QTabBar::scroller { width: 40px; }
QTabBar QToolButton { background: @header; border: none; padding: 0; }
QTabBar QToolButton:hover { background: @border; }
QTabBar QToolButton::left-arrow { image: url(:/theme/icons/chevron_left.svg); width: 12px; height: 12px; }
QTabBar QToolButton::right-arrow { image: url(:/theme/icons/chevron_right.svg); width: 12px; height: 12px; }
QTabBar::close-button { image: url(:/theme/icons/close.svg); }
)";

constexpr const char* buttons = R"(
QPushButton, QToolBar QToolButton { background: @window; color: @text; border: 1px solid @border; border-radius: 5px;
                                    padding: 4px 10px; min-height: 18px; }
QPushButton:hover, QToolBar QToolButton:hover { border-color: @faint; }
QPushButton:pressed, QToolBar QToolButton:pressed, QPushButton:checked { background: @selection; border-color: @accent; }
QPushButton { outline: none; }
QPushButton:focus { border-color: @accent; }
QPushButton:disabled, QToolBar QToolButton:disabled { color: @faint; background: @header; }
QPushButton[primary="true"], QToolBar QToolButton[primary="true"] { background: @accent; color: @onaccent; border-color: @accent;
                                                                    font-weight: 600; }
QPushButton[primary="true"]:hover, QToolBar QToolButton[primary="true"]:hover { background: @accenthover; }
QPushButton[primary="true"]:focus, QToolBar QToolButton[primary="true"]:focus { border-color: @text; }
QPushButton[primary="true"]:disabled, QToolBar QToolButton[primary="true"]:disabled { background: @border; color: @faint;
                                                                                      border-color: @border; }
QPushButton[flat="true"] { background: transparent; border-color: transparent; color: @secondary; }
QToolButton { background: transparent; color: @secondary; border: 1px solid transparent; border-radius: 5px; padding: 3px 6px; }
QToolButton[tool="true"] { font-size: 12px; }
QToolButton[corner="true"] { background: @header; border: none; border-radius: 0; padding: 8px 6px; }
QToolButton:hover { background: @border; color: @text; }
QToolButton:disabled { color: @faint; background: transparent; }
QToolButton:checked { color: @accent; background: @selection; }
QToolButton:focus { border-color: @accent; }
QToolButton::menu-indicator { image: url(:/theme/icons/chevron_down.svg); subcontrol-position: right center; right: 2px; }
QToolButton[popupMode="2"] { padding-right: 18px; }
QToolButton[corner="true"]:focus { color: @accent; }
QMessageBox QLabel#qt_msgbox_informativelabel { min-width: 400px; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QPushButton::menu-indicator { image: url(:/theme/icons/chevron_down.svg); subcontrol-position: right center; right: 6px; }
QCheckBox, QRadioButton { spacing: 7px; background: transparent; }
QCheckBox::indicator, QRadioButton::indicator { width: 14px; height: 14px; border: 1px solid @faint; background: @window; }
QCheckBox::indicator { border-radius: 4px; }
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover, QCheckBox::indicator:focus { border-color: @accent; }
QCheckBox::indicator:checked { background: @accent; border-color: @accent; image: url(:/theme/icons/check.svg); }
QCheckBox::indicator:indeterminate { background: @accent; border-color: @accent; image: url(:/theme/icons/dash.svg); }
QRadioButton::indicator:checked { background: @accent; border-color: @accent; image: url(:/theme/icons/dot.svg); }
QCheckBox:disabled, QRadioButton:disabled { color: @faint; }
)";

constexpr const char* inputs = R"(
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox, QPlainTextEdit, QTextEdit {
  background: @window; color: @text; border: 1px solid @border; border-radius: 5px; selection-background-color: @selection;
  selection-color: @text; }
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox { padding: 3px 9px; min-height: 20px; }
QPlainTextEdit, QTextEdit { padding: 4px; }
QLineEdit:hover, QSpinBox:hover, QDoubleSpinBox:hover, QComboBox:hover { border-color: @faint; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus, QComboBox:on, QPlainTextEdit:focus, QTextEdit:focus {
  border-color: @accent; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled { color: @faint; background: @header; }
QLineEdit[edited="true"], QComboBox[edited="true"], QSpinBox[edited="true"], QDoubleSpinBox[edited="true"] { border-color: @levels; }
QLineEdit[edited="true"]:focus, QComboBox[edited="true"]:focus, QSpinBox[edited="true"]:focus, QDoubleSpinBox[edited="true"]:focus {
  border-color: @accent; }
QLineEdit[invalid="true"], QComboBox[invalid="true"], QSpinBox[invalid="true"], QDoubleSpinBox[invalid="true"],
QPlainTextEdit[invalid="true"] { border-color: @underflow; }
QLineEdit[invalid="true"]:focus, QComboBox[invalid="true"]:focus, QSpinBox[invalid="true"]:focus, QDoubleSpinBox[invalid="true"]:focus,
QPlainTextEdit[invalid="true"]:focus { border-width: 2px; }
QLineEdit[mono="true"], QPlainTextEdit[mono="true"], QTextEdit[mono="true"] { font-family: "JetBrains Mono"; font-size: 12px; }
QComboBox[compact="true"] { padding: 1px 8px; min-height: 18px; }
QComboBox::drop-down { border: none; width: 22px; subcontrol-origin: padding; subcontrol-position: right center; }
QComboBox::down-arrow { image: url(:/theme/icons/chevron_down.svg); width: 12px; height: 12px; }
QComboBox QAbstractItemView { background: @panel; border: 1px solid @border; selection-background-color: @selection;
                              selection-color: @text; outline: none; padding: 2px; }
QSpinBox::up-button, QDoubleSpinBox::up-button { border: none; width: 18px; subcontrol-position: top right; }
QSpinBox::down-button, QDoubleSpinBox::down-button { border: none; width: 18px; subcontrol-position: bottom right; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url(:/theme/icons/chevron_up.svg); width: 10px; height: 10px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url(:/theme/icons/chevron_down.svg); width: 10px; height: 10px; }
QSlider::groove:horizontal { height: 4px; background: @border; border-radius: 2px; }
QSlider::sub-page:horizontal { background: @accent; border-radius: 2px; }
QSlider::handle:horizontal { background: @text; width: 12px; height: 12px; margin: -4px 0; border-radius: 6px; }
)";

constexpr const char* views = R"(
QAbstractItemView { background: @panel; border: none; outline: none; selection-background-color: @selection;
                    selection-color: @text; }
QTableView, QTreeView, QListView { font-size: 12px; gridline-color: @gridline; alternate-background-color: @panel; }
QTableWidget::item, QTreeView::item, QListView::item { padding: 0 6px; border: none; border-bottom: 1px solid @gridline; }
QTreeView::item, QListView::item { min-height: 23px; }
QTableWidget::item:selected, QTreeView::item:selected, QListView::item:selected { background: @selection; color: @text; }
QTableWidget::item:hover, QTreeView::item:hover, QListView::item:hover { background: @header; }
QTableWidget::item:selected:hover, QTreeView::item:selected:hover, QListView::item:selected:hover { background: @selection; }
QTreeView::branch { background: @panel; }
QTreeView::branch:closed:has-children { image: url(:/theme/icons/chevron_right.svg); }
QTreeView::branch:open:has-children { image: url(:/theme/icons/chevron_down.svg); }
QHeaderView { background: @panel; border: none; }
QHeaderView::section { background: @panel; color: @secondary; border: none; border-bottom: 1px solid @border; padding: 4px 6px;
                       font-size: 12px; }
QHeaderView::section:hover { color: @text; }
QHeaderView::up-arrow { image: url(:/theme/icons/chevron_up.svg); width: 10px; height: 10px; }
QHeaderView::down-arrow { image: url(:/theme/icons/chevron_down.svg); width: 10px; height: 10px; }
QTableCornerButton::section { background: @panel; border: none; }
QScrollBar { background: transparent; border: none; margin: 0; }
QScrollBar:vertical { width: 10px; }
QScrollBar:horizontal { height: 10px; }
QScrollBar::handle { background: @border; border-radius: 3px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: @faint; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QAbstractScrollArea::corner { background: @panel; border: none; }
QProgressBar { background: @border; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; text-align: right; }
QProgressBar::chunk { background: @accent; border-radius: 3px; }
)";

} // namespace

QString style_sheet(const Theme& theme) {
    QString sheet;
    for (const char* part : {surfaces, bars_and_tabs, buttons, inputs, views}) sheet += QString::fromUtf8(part);
    const QColor on_accent = contrast(Qt::white, theme[Token::accent]) >= 4.5 ? QColor(Qt::white) : QColor(6, 8, 11);
    // Longer names first: @accenthover must not be taken for @accent.
    const std::array<std::pair<const char*, QColor>, 16> names{{
        {"@onaccent", on_accent},
        {"@accenthover", theme.dark ? theme[Token::accent].lighter(110) : theme[Token::accent].darker(110)},
        {"@gridline", blend(theme.faded(Token::border, 0.45), theme[Token::panel])},
        {"@window", theme[Token::window]},
        {"@panel", theme[Token::panel]},
        {"@header", theme[Token::header]},
        {"@border", theme[Token::border]},
        {"@text", theme[Token::text]},
        {"@secondary", theme[Token::secondary]},
        {"@faint", theme[Token::faint]},
        {"@accent", theme[Token::accent]},
        {"@selection", theme[Token::selection]},
        {"@levels", theme[Token::levels]},
        {"@underflow", theme[Token::underflow]},
        {"@good", theme[Token::good]},
        {"@worse", theme[Token::worse]},
    }};
    for (const auto& [name, colour] : names) sheet.replace(QString::fromLatin1(name), colour.name());
    // Sizes of letters follow the text scale; those of boxes have room for it.
    static const QRegularExpression size(QStringLiteral("font-size: (\\d+)px"));
    QString scaled;
    qsizetype done = 0;
    for (auto sizes = size.globalMatch(sheet); sizes.hasNext();) {
        const QRegularExpressionMatch found = sizes.next();
        scaled += sheet.mid(done, found.capturedStart() - done);
        scaled += QStringLiteral("font-size: %1px").arg(qRound(found.captured(1).toInt() * text_scale()));
        done = found.capturedEnd();
    }
    return scaled + sheet.mid(done);
}

} // namespace graticule::theme
