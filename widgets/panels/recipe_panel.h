// What is chosen and why it holds: the scheme form, the what-if card, the rules, the recipe as text, what it will
// weigh.
#pragma once

#include <QtWidgets/QWidget>
#include <optional>

#include "core/base/diagnostics.h"
#include "widgets/forms/scheme_editor.h"
#include "widgets/panels/advice_view.h"
#include "widgets/panels/rules_view.h"
#include "widgets/panels/what_if_card.h"

class QLabel;
class QPlainTextEdit;
class QScrollArea;
class QTimer;
class QToolButton;
class QVBoxLayout;

namespace graticule {

class ElidedLabel;
class PanelHeader;

class RecipePanel final : public QWidget {
    Q_OBJECT
public:
    explicit RecipePanel(QWidget* parent = nullptr);
    [[nodiscard]] PanelHeader* header() const { return header_; }
    [[nodiscard]] SchemeEditor* editor() const { return editor_; }
    [[nodiscard]] RulesView* rules() const { return rules_; }
    [[nodiscard]] AdviceView* advice() const { return advice_; }
    [[nodiscard]] QToolButton* undoButton() const { return undo_; }
    [[nodiscard]] QToolButton* redoButton() const { return redo_; }

    void setSelectionText(const QString& text, const QString& help);
    void setLinear(const QString& name); ///< that the card is of; empty: none
    void setWhatIf(const WhatIfTable& table);
    void setRules(const std::vector<RuleRow>& rows);
    /// The whole recipe as the text that a person keeps (core/recipe/recipe_text.h), and as JSON.
    void setTexts(const QString& text, const QString& json);
    void setPresets(const std::vector<PresetEntry>& presets);
    void setTextProblem(const QString& problem);
    /// At the head of the form. `mend`: what a button beside them offers to do about them; empty: no button.
    void setDiagnostics(const Diagnostics& diagnostics, const QString& mend = {});
    void setPredicted(const QString& text);

Q_SIGNALS:
    void textEdited(const QString& text);
    void jsonEdited(const QString& json);
    void presetWanted(const QString& name);
    void mendWanted();

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void buildText(QVBoxLayout* column);
    void showText();
    void rememberPlace();
    void holdPlace();

    PanelHeader* header_;
    SchemeEditor* editor_;
    ElidedLabel* linear_;
    WhatIfCard* card_;
    RulesView* rules_;
    AdviceView* advice_;
    QToolButton *undo_, *redo_;
    QToolButton *text_tab_, *json_tab_, *presets_, *mend_;
    QPlainTextEdit* text_;
    QLabel *text_problem_, *diagnostics_, *predicted_;
    QScrollArea* scroll_ = nullptr;
    QTimer* typing_;
    std::optional<int> text_place_; ///< of the text within what is seen, while somebody types
    QString words_, json_;          // the recipe in both views
};

} // namespace graticule
