// What is asked before a long job: on what to calibrate, on what to evaluate, where to export.
#pragma once

#include <functional>
#include <vector>

#include "core/base/diagnostics.h"
#include "core/recipe/recipe.h"
#include "widgets/forms/method_entry.h"
#include "widgets/forms/text_edit.h"
#include "widgets/panels/form_dialog.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QRadioButton;
class QSpinBox;
class QTreeWidget;

namespace graticule {

class CalibrationDialog final : public FormDialog {
    Q_OBJECT
public:
    CalibrationDialog(const CalibrationSpec& spec, std::int64_t max_positions, QWidget* parent);
    [[nodiscard]] CalibrationSpec spec() const;

private:
    void update();
    TextEdit* text_;
    QSpinBox *samples_, *length_, *seed_;
    QRadioButton *first_, *random_;
    QLabel* tokens_;
};

/// Which sequences calibration lengths are compared for.
class LengthsDialog final : public FormDialog {
    Q_OBJECT
public:
    /// `what`: all that will be measured, in a sentence; empty: lengths are only compared.
    LengthsDialog(const QString& title, const QString& what, std::int64_t target, QWidget* parent);
    [[nodiscard]] std::int64_t target() const; ///< tokens

private:
    QSpinBox* target_;
};

/// What to evaluate on; the engine's spec is made of it.
struct EvaluationChoice {
    QString text; ///< empty: the built-in evaluation text
    std::int64_t window = 512;
    std::int64_t windows = 8; ///< 0: all
    bool operator==(const EvaluationChoice&) const = default;
};

class EvaluationDialog final : public FormDialog {
    Q_OBJECT
public:
    /// `targets`: what the recipe may be evaluated as; one that refuses it says why and cannot be evaluated.
    EvaluationDialog(const EvaluationChoice& choice, const QString& what, std::int64_t max_positions,
                     const std::vector<TargetEntry>& targets, const QString& served_as, QWidget* parent);
    void setBefore(const QString& text); ///< where it runs, and what is done first; empty: nothing to say
    [[nodiscard]] EvaluationChoice choice() const;
    [[nodiscard]] QString servedAs() const; ///< TargetEntry::name; empty: as the recipe says

private:
    void showTarget();
    std::vector<TargetEntry> targets_;
    TextEdit* text_;
    QSpinBox *window_, *windows_;
    QCheckBox* all_;
    QComboBox* served_as_;
    QLabel *served_, *before_;
    QPushButton* evaluate_ = nullptr;
};

/// Another machine that evaluates: how a worker is started there, and where the model lies.
class MachineDialog final : public FormDialog {
    Q_OBJECT
public:
    /// `command`, `model`: what was given last; `here`: where the model lies on this machine; `then`: what is done once
    /// the machine is reached; empty: nothing.
    MachineDialog(const QString& command, const QString& model, const QString& here, const QString& then,
                  QWidget* parent);
    [[nodiscard]] QString command() const;
    [[nodiscard]] QString model() const;

private:
    QLineEdit *command_, *model_;
};

class ExportDialog final : public FormDialog {
    Q_OBJECT
public:
    using Check = std::function<Diagnostics(const QString& exporter, const QString& folder, bool move_aside)>;
    /// What becomes of it in the programs that read that exporter's files.
    using Targets = std::function<std::vector<TargetEntry>(const QString& exporter)>;
    /// `first`: what is done before anything is written; empty: nothing.
    ExportDialog(const std::vector<ExporterEntry>& exporters, const QString& what, const QString& first,
                 const QString& folder, Check check, Targets targets, QWidget* parent);
    [[nodiscard]] QString exporter() const;
    [[nodiscard]] QString folder() const;
    [[nodiscard]] bool moveAside() const;

private:
    void preflight();
    void showTarget();
    std::vector<ExporterEntry> exporters_;
    Check check_;
    Targets targets_of_;
    std::vector<TargetEntry> targets_; ///< of the chosen exporter
    QComboBox* exporter_;
    PathEdit* folder_;
    QCheckBox* aside_;
    QLabel* help_;
    QLabel* findings_;
    QTreeWidget* there_;
    QLabel* what_there_;
    QPushButton* write_;
};

} // namespace graticule
