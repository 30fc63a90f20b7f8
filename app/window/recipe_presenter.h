// Keeps the recipe panel in step with the session and turns what is done there into the session's intents.
#pragma once

#include <QtCore/QObject>

#include "app/session/advice.h"
#include "app/session/session.h"
#include "widgets/panels/recipe_panel.h"

class QTimer;

namespace graticule {

class RecipePresenter final : public QObject {
    Q_OBJECT
public:
    RecipePresenter(Session& session, RecipePanel& panel, QObject* parent);
    void refresh();
    void refreshWhatIf();

private:
    void connectRules();
    void textEdited(const QString& text);
    void jsonEdited(const QString& json);
    void refreshForm();
    void refreshDiagnostics();
    void refreshRules();
    void refreshAdvice();
    [[nodiscard]] bool isRegex(const RuleRow& row) const;
    void showUnreadable(const RuleRow& row, const QString& pattern, const QString& why);
    void ruleRenamed(const RuleRow& row, const QString& pattern);
    void ruleRemoved(const RuleRow& row);
    void ruleMoved(const RuleRow& row, int by);

    Session& session_;
    RecipePanel& panel_;
    std::vector<Advice> advice_; // as shown
    QTimer* advice_soon_;        // figures come layer by layer; advice is about all of them
};

/// Current against candidate for one linear; `note` when there is nothing to show.
[[nodiscard]] WhatIfTable what_if_table(const Session& session);
/// The recipe's rules as lines, with how many layers each matches and which one decides the selected layer.
[[nodiscard]] std::vector<RuleRow> rule_rows(const Session& session);

} // namespace graticule
