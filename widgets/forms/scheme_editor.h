// One form for the scheme of any number of layers: each field shows the common value, or that the layers differ, and an
// edit changes that field of all of them. It computes nothing: an edit leaves as a function on a SchemeChoice.
#pragma once

#include <QtWidgets/QWidget>
#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/recipe/recipe.h"
#include "widgets/forms/method_entry.h"

class QComboBox;
class QFormLayout;
class QLabel;
class QToolButton;

namespace graticule {

class ParamForm;

class ElidedLabel;

class SchemeEditor final : public QWidget {
    Q_OBJECT
public:
    using Edit = std::function<void(SchemeChoice&)>;

    explicit SchemeEditor(QWidget* parent = nullptr);
    void setMethods(std::vector<MethodEntry> methods);
    /// The choices of the selected layers, those of the reference recipe (same order), and their input widths (for what
    /// group sizes divide).
    void setChoices(const std::vector<SchemeChoice>& now, const std::vector<SchemeChoice>& reference,
                    const std::vector<std::int64_t>& columns);

    /// As if somebody had chosen it in the form: for all layers that setChoices named.
    void chooseMethod(const QString& name);
    /// What the boxes of the number formats, grain, zero point and inputs offer, to be chosen likewise.
    struct Offer {
        QString field, item; ///< "grain", "group of 64"
        QString help;        ///< of the field, one line
        std::function<void()> choose;
    };
    [[nodiscard]] std::vector<Offer> offers();
    /// Whether all layers that setChoices named have it.
    [[nodiscard]] bool hasMethod(const QString& name) const;
    /// The field of one of its settings (ParamSpec::name) has the focus; the method is chosen where it is not yet.
    void showSetting(const QString& method, const std::string& setting);

Q_SIGNALS:
    /// `group` is the same for edits of one gesture, for undo.
    void edited(const graticule::SchemeEditor::Edit& edit, const QString& name, const QString& group);

private:
    struct Field {
        QComboBox* box = nullptr;
        QLabel* label = nullptr;
        /// The value of this field as the key of one of the box's items; "" is full precision or none.
        std::function<QString(const SchemeChoice&)> key;
        std::function<void(SchemeChoice&, const QString&)> apply;
    };
    Field makeField(const QString& label, const QString& tip);
    struct StageField {
        Stage stage = Stage::transform;
        QString none; ///< what no method of this stage is called
        Field field;
        ParamForm* params = nullptr;
    };
    void buildWeightFields();
    void buildInputField();
    void buildCostLine();
    void buildStageFields();
    void fillFormats();
    void fillGrain(const std::vector<std::int64_t>& columns);
    void fillMethods(StageField& stage);
    void showStages();
    [[nodiscard]] std::vector<Field*> allFields();
    void show(Field& field, const std::vector<SchemeChoice>& now, const std::vector<SchemeChoice>& reference);
    void showParams(const std::vector<SchemeChoice>& now);
    void showCost(const std::vector<SchemeChoice>& now);
    void fieldChosen(const Field& field, int item);
    [[nodiscard]] const MethodEntry* method(const QString& name) const;
    [[nodiscard]] QString methodKey(const SchemeChoice& choice, Stage stage) const;
    void setMethod(SchemeChoice& choice, Stage stage, const QString& name) const;
    void connectParams(ParamForm* form, Stage stage);
    void focusWanted();

    std::vector<MethodEntry> methods_;
    QFormLayout* rows_;
    Field weights_, grain_, zero_, input_;
    ElidedLabel* cost_ = nullptr;      // of the pair of formats in hardware
    std::array<StageField, 6> stages_; // in the order in which they run
    QToolButton* more_ = nullptr;      // shows the stages that few recipes use
    std::vector<SchemeChoice> shown_;
    /// A method and its setting whose field takes the focus as soon as the choices have the method.
    std::pair<QString, std::string> wanted_;
};

} // namespace graticule
