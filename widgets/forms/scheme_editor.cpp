#include "widgets/forms/scheme_editor.h"

#include <QtCore/QSignalBlocker>
#include <QtGui/QStandardItemModel>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QFormLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QStyle>
#include <QtWidgets/QToolButton>
#include <algorithm>

#include "core/recipe/hardware_cost.h"
#include "widgets/forms/param_form.h"
#include "widgets/models/number_text.h"
#include "widgets/models/qt_text.h"
#include "widgets/panels/elided_label.h"

namespace graticule {

namespace {
constexpr int standard_groups[] = {16, 32, 64, 128, 256};

QString level_label(const ScaleLevel& level) {
    QString label;
    switch (level.grain.kind) {
    case Granularity::Kind::tensor:
        label = QObject::tr("whole tensor");
        break;
    case Granularity::Kind::channel:
        label = QObject::tr("output channel");
        break;
    case Granularity::Kind::group:
        label = QObject::tr("group of %1").arg(level.grain.group_size);
        break;
    case Granularity::Kind::token:
        label = QObject::tr("token");
        break;
    }
    return level.coding == Coding::f32 ? label : label + QStringLiteral(", ") + qt_text(row_of(level.coding).name);
}

QString levels_label(const std::vector<ScaleLevel>& levels) {
    if (is_dual_grain(levels)) {
        const QString label = QObject::tr("dual grain, %1").arg(levels[0].grain.group_size);
        return levels[1].coding == Coding::f32 ? label
                                               : label + QStringLiteral(", ") + qt_text(row_of(levels[1].coding).name);
    }
    QStringList labels;
    for (const ScaleLevel& level : levels) labels << level_label(level);
    return labels.join(QObject::tr(" under "));
}

QString key_of(const std::vector<ScaleLevel>& levels) { return QString::fromStdString(to_text(levels)); }

QString input_key(const std::optional<TensorScheme>& scheme) {
    return scheme ? QString::fromStdString(to_text(*scheme)) : QString();
}

QString scheme_label(const TensorScheme& scheme) {
    if (const BlockFormat* block = find_block_format(scheme.format->name, scheme.levels))
        return qt_text(block->label) + (scheme.four_over_six ? QObject::tr(", four over six") : QString());
    const bool per_token = scheme.levels == std::vector{ScaleLevel{{Granularity::Kind::token, 0}}};
    const QString grain = !scheme.dynamic ? QObject::tr("static")
                          : per_token     ? QObject::tr("per token")
                                          : levels_label(scheme.levels);
    return qt_text(scheme.format->label) + QStringLiteral(", ") + grain +
           (scheme.symmetric ? QString() : QObject::tr(", asymmetric"));
}

// The weights' format as one item: a format, or a block format, which says who shares its scales as well.
QString weight_key(const TensorScheme& scheme) {
    return find_block_format(scheme.format->name, scheme.levels) ? QString::fromStdString(to_text(scheme))
                                                                 : qt_text(scheme.format->name);
}

// The block formats as they are, and with four over six where that is a choice.
std::vector<TensorScheme> block_schemes(Operand operand, const char* letter) {
    std::vector<TensorScheme> schemes;
    for (const BlockFormat& block : all_block_formats()) {
        TensorScheme scheme = *parse_scheme_line(letter + std::string(block.name)).scheme[operand];
        schemes.push_back(scheme);
        scheme.four_over_six = true;
        if (check_operand_scheme(operand, scheme).empty()) schemes.push_back(scheme);
    }
    return schemes;
}

void add_item(QComboBox* box, const QString& text, const QString& key, const QString& tip = {}) {
    box->addItem(text, key);
    if (!tip.isEmpty()) box->setItemData(box->count() - 1, tip, Qt::ToolTipRole);
}

void restyle(QWidget* widget, const char* property, bool on) {
    if (widget->property(property).toBool() == on) return;
    widget->setProperty(property, on);
    widget->style()->unpolish(widget);
    widget->style()->polish(widget);
}

TensorScheme default_weight(const QuantFormat* format) { return {format, !format->allows_asymmetric}; }
} // namespace

SchemeEditor::SchemeEditor(QWidget* parent)
    : QWidget(parent)
    , rows_(new QFormLayout(this)) {
    rows_->setContentsMargins(12, 8, 12, 6);
    rows_->setVerticalSpacing(6); // in a low window what the choices do is in sight below them
    rows_->setHorizontalSpacing(12);
    rows_->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    rows_->setLabelAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    buildWeightFields();
    buildInputField();
    buildCostLine();
    buildStageFields();
    for (Field* field : allFields())
        connect(field->box, &QComboBox::activated, this, [this, field](int item) { fieldChosen(*field, item); });
    fillFormats();
}

SchemeEditor::Field SchemeEditor::makeField(const QString& label, const QString& tip) {
    Field field;
    field.box = new QComboBox;
    field.box->setAccessibleName(label);
    field.box->setToolTip(tip);
    field.box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    field.box->setMinimumContentsLength(8);
    field.label = new QLabel(label);
    field.label->setProperty("role", "secondary");
    field.label->setMinimumWidth(72);
    field.label->setBuddy(field.box);
    field.label->setToolTip(tip);
    rows_->addRow(field.label, field.box);
    return field;
}

void SchemeEditor::buildWeightFields() {
    weights_ = makeField(tr("weights"), tr("Number format of the weights"));
    weights_.key = [](const SchemeChoice& choice) {
        return choice.scheme.weight ? weight_key(*choice.scheme.weight) : QString();
    };
    weights_.apply = [](SchemeChoice& choice, const QString& key) {
        auto& weight = choice.scheme.weight;
        if (key.isEmpty()) return weight.reset();
        const QuantFormat* format = find_format(key.toStdString());
        if (!format) {
            weight = parse_scheme_line("w=" + key.toStdString()).scheme.weight;
            return;
        }
        // A block format's levels belong to it; every other grain is kept.
        if (!weight || find_block_format(weight->format->name, weight->levels)) weight = default_weight(format);
        weight->format = format;
        if (!format->allows_asymmetric) weight->symmetric = true;
        if (!check_operand_scheme(Operand::weight, *weight).empty()) weight->four_over_six = false;
    };
    grain_ = makeField(tr("grain"), tr("Which weights share a scale"));
    grain_.key = [](const SchemeChoice& choice) {
        return choice.scheme.weight ? key_of(choice.scheme.weight->levels) : QString();
    };
    grain_.apply = [](SchemeChoice& choice, const QString& key) {
        auto levels = parse_levels(key.toStdString());
        auto& weight = choice.scheme.weight;
        if (levels.empty() || !weight) return;
        weight->set_levels(std::move(levels));
        if (!check_operand_scheme(Operand::weight, *weight).empty()) weight->four_over_six = false;
    };
    zero_ = makeField(tr("zero point"),
                      tr("Symmetric: code range centred on 0. Asymmetric: a zero point lets the range follow the "
                         "values"));
    zero_.key = [](const SchemeChoice& choice) {
        return !choice.scheme.weight             ? QString()
               : choice.scheme.weight->symmetric ? QStringLiteral("sym")
                                                 : QStringLiteral("asym");
    };
    zero_.apply = [](SchemeChoice& choice, const QString& key) {
        if (choice.scheme.weight)
            choice.scheme.weight->symmetric = key == u"sym" || !choice.scheme.weight->format->allows_asymmetric;
    };
    add_item(zero_.box, tr("asymmetric"), QStringLiteral("asym"));
    add_item(zero_.box, tr("symmetric"), QStringLiteral("sym"));
}

void SchemeEditor::buildInputField() {
    input_ = makeField(tr("input"),
                       tr("Number format of the linear's input. Per token: the scale follows each token. Static: one "
                          "scale, from calibration"));
    input_.key = [](const SchemeChoice& choice) { return input_key(choice.scheme.input); };
    input_.apply = [](SchemeChoice& choice, const QString& key) {
        choice.scheme.input = key.isEmpty() ? std::nullopt : parse_scheme_line("a=" + key.toStdString()).scheme.input;
    };
}

void SchemeEditor::buildCostLine() {
    cost_ = new ElidedLabel;
    cost_->setObjectName(QStringLiteral("unitCost"));
    cost_->setProperty("role", "secondary");
    auto* label = new QLabel(tr("unit"));
    label->setProperty("role", "secondary");
    label->setToolTip(tr("A multiply-accumulate unit for these weights and inputs, relative to one for INT8 × INT8"));
    rows_->addRow(label, cost_);
}

void SchemeEditor::buildStageFields() {
    struct Words {
        Stage stage;
        QString label, tip, none;
    };
    const Words words[] = {
        {Stage::transform, tr("smoothing"),
         tr("Moves difficulty from the inputs into the weights, channel by channel, before quantizing"), tr("none")},
        {Stage::rotate, tr("rotation"), tr("Spreads outliers over many channels before quantizing"), tr("none")},
        {Stage::keep, tr("in 16 bits"), tr("Input channels that stay in 16 bits"), tr("none")},
        {Stage::clip, tr("clipping"), tr("Shrinks the range of the scale before rounding"), tr("none")},
        {Stage::round, tr("rounding"), tr("How values become codes"), tr("nearest (RTN)")},
        {Stage::compensate, tr("correction"), tr("Adds what rounding lost as a small low-rank product"), tr("none")}};
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        StageField& entry = stages_[i];
        const Stage stage = words[i].stage;
        entry.stage = stage;
        entry.none = words[i].none;
        entry.field = makeField(words[i].label, words[i].tip);
        entry.field.key = [this, stage](const SchemeChoice& choice) { return methodKey(choice, stage); };
        entry.field.apply = [this, stage](SchemeChoice& choice, const QString& key) { setMethod(choice, stage, key); };
        entry.params = new ParamForm;
        entry.params->setTabPlace(entry.field.box);
        rows_->addRow(entry.params);
        connectParams(entry.params, stage);
        entry.params->hide();
    }
    more_ = new QToolButton;
    more_->setCheckable(true);
    more_->setToolTip(tr("Rotation, channels kept in 16 bits, clipping and a low-rank correction"));
    rows_->addRow(QString(), more_);
    connect(more_, &QToolButton::toggled, this, &SchemeEditor::showStages);
    showStages();
}

std::vector<SchemeEditor::Field*> SchemeEditor::allFields() {
    std::vector<Field*> fields{&weights_, &grain_, &zero_, &input_};
    for (StageField& stage : stages_) fields.push_back(&stage.field);
    return fields;
}

void SchemeEditor::connectParams(ParamForm* form, Stage stage) {
    connect(form, &ParamForm::valueEdited, this, [this, stage](const QString& name, const ParamValue& value) {
        const auto edit = [this, stage, name, value](SchemeChoice& choice) {
            const QString current = methodKey(choice, stage);
            for (MethodStep& step : choice.steps)
                if (qt_text(step.method) == current) step.params[name.toStdString()] = value;
        };
        Q_EMIT edited(edit, tr("%1 = %2").arg(name, QString::fromStdString(to_text(value))),
                      QStringLiteral("param:") + name);
    });
}

void SchemeEditor::fillFormats() {
    const QSignalBlocker quiet_weights(weights_.box), quiet_input(input_.box);
    weights_.box->clear();
    input_.box->clear();
    for (const QuantFormat& format : all_formats())
        add_item(weights_.box, qt_text(format.label), qt_text(format.name), qt_text(format.help));
    for (const TensorScheme& scheme : block_schemes(Operand::weight, "w="))
        add_item(weights_.box, scheme_label(scheme), weight_key(scheme),
                 qt_text(find_block_format(scheme.format->name, scheme.levels)->help));
    weights_.box->insertSeparator(weights_.box->count());
    add_item(weights_.box, tr("full precision"), {});
    for (const bool dynamic : {true, false}) {
        for (const QuantFormat& format : all_formats()) {
            if (format.bits < 4) continue;
            const TensorScheme scheme{
                &format, true, {{{dynamic ? Granularity::Kind::token : Granularity::Kind::tensor, 0}}}, dynamic};
            add_item(input_.box, scheme_label(scheme), input_key(scheme), qt_text(format.help));
        }
        if (dynamic)
            for (const TensorScheme& scheme : block_schemes(Operand::input, "a="))
                add_item(input_.box, scheme_label(scheme), input_key(scheme),
                         qt_text(find_block_format(scheme.format->name, scheme.levels)->help));
        input_.box->insertSeparator(input_.box->count());
    }
    add_item(input_.box, tr("full precision"), {});
}

void SchemeEditor::fillGrain(const std::vector<std::int64_t>& columns) {
    const QSignalBlocker quiet(grain_.box);
    grain_.box->clear();
    std::vector<ScaleLevel> grains{{{Granularity::Kind::channel, 0}}};
    for (const int size : standard_groups) grains.push_back({{Granularity::Kind::group, size}});
    grains.push_back({{Granularity::Kind::tensor, 0}});
    for (const ScaleLevel& grain : grains) {
        add_item(grain_.box, level_label(grain), key_of({grain}));
        for (const std::int64_t width : columns) {
            const std::string problem = check_granularity(grain.grain, width);
            if (problem.empty()) continue;
            // What cannot work cannot be chosen, and says why.
            auto* items = qobject_cast<QStandardItemModel*>(grain_.box->model());
            items->item(grain_.box->count() - 1)->setEnabled(false);
            grain_.box->setItemData(grain_.box->count() - 1, QString::fromStdString(problem), Qt::ToolTipRole);
            break;
        }
    }
}

void SchemeEditor::setMethods(std::vector<MethodEntry> methods) {
    methods_ = std::move(methods);
    for (StageField& stage : stages_) fillMethods(stage);
    showStages();
}

void SchemeEditor::fillMethods(StageField& stage) {
    QComboBox* box = stage.field.box;
    const QSignalBlocker quiet(box);
    box->clear();
    add_item(box, stage.none, {});
    for (const MethodEntry& entry : methods_)
        if (entry.stage == stage.stage && entry.name != u"rtn")
            add_item(box, entry.label, entry.name, entry.help + u'\n' + entry.source);
}

// Smoothing and rounding always; the other stages when they are asked for or in use. A stage that no method serves is
// no choice.
void SchemeEditor::showStages() {
    for (StageField& stage : stages_) {
        const bool common = stage.stage == Stage::transform || stage.stage == Stage::round;
        const bool used = std::any_of(shown_.begin(), shown_.end(), [&](const SchemeChoice& choice) {
            return !methodKey(choice, stage.stage).isEmpty();
        });
        const bool visible = stage.field.box->count() > 1 && (common || used || more_->isChecked());
        stage.field.box->setVisible(visible);
        stage.field.label->setVisible(visible);
    }
    more_->setText(more_->isChecked() ? tr("fewer stages") : tr("more stages"));
}

const MethodEntry* SchemeEditor::method(const QString& name) const {
    const auto found =
        std::find_if(methods_.begin(), methods_.end(), [&](const MethodEntry& entry) { return entry.name == name; });
    return found == methods_.end() ? nullptr : &*found;
}

QString SchemeEditor::methodKey(const SchemeChoice& choice, Stage stage) const {
    for (const MethodStep& step : choice.steps)
        if (const MethodEntry* entry = method(qt_text(step.method));
            entry && entry->stage == stage && entry->name != u"rtn")
            return entry->name;
    return {};
}

void SchemeEditor::setMethod(SchemeChoice& choice, Stage stage, const QString& name) const {
    const auto of_stage = [&](const MethodStep& step) {
        const MethodEntry* entry = method(qt_text(step.method));
        return entry && entry->stage == stage;
    };
    std::erase_if(choice.steps, of_stage);
    if (name.isEmpty()) return;
    const auto later = [&](const MethodStep& step) {
        const MethodEntry* entry = method(qt_text(step.method));
        return entry && entry->stage > stage;
    };
    choice.steps.insert(std::find_if(choice.steps.begin(), choice.steps.end(), later), {name.toStdString(), {}});
}

void SchemeEditor::chooseMethod(const QString& name) {
    const MethodEntry* entry = method(name);
    if (!entry || shown_.empty()) return;
    for (const StageField& stage : stages_)
        if (stage.stage == entry->stage)
            if (const int item = stage.field.box->findData(name == u"rtn" ? QString() : name); item >= 0)
                fieldChosen(stage.field, item);
}

bool SchemeEditor::hasMethod(const QString& name) const {
    const MethodEntry* entry = method(name);
    return entry && !shown_.empty() && std::ranges::all_of(shown_, [&](const SchemeChoice& choice) {
               return methodKey(choice, entry->stage) == name;
           });
}

std::vector<SchemeEditor::Offer> SchemeEditor::offers() {
    std::vector<Offer> all;
    for (Field* field : {&weights_, &grain_, &zero_, &input_})
        for (int item = field->box->property("mixed").toBool() ? 1 : 0; item < field->box->count(); ++item)
            all.push_back({field->label->text(), field->box->itemText(item),
                           field->label->toolTip().section(u'\n', 0, 0),
                           [this, field, item = field->box->itemData(item).toString()] {
                               // Found anew: the layers may agree by now, and a first line be gone.
                               if (const int at = field->box->findData(item); at >= 0) fieldChosen(*field, at);
                           }});
    return all;
}

void SchemeEditor::showSetting(const QString& name, const std::string& setting) {
    if (!method(name) || shown_.empty()) return;
    wanted_ = {name, setting};
    if (hasMethod(name))
        focusWanted();
    else
        chooseMethod(name); // its fields come with the choices that have it
}

void SchemeEditor::focusWanted() {
    const auto [name, setting] = std::exchange(wanted_, {});
    if (!hasMethod(name)) return; // it was refused, or something else was chosen meanwhile
    for (const StageField& stage : stages_)
        if (stage.stage == method(name)->stage)
            if (QWidget* editor = stage.params->editor(setting)) {
                for (QWidget* made : {static_cast<QWidget*>(stage.params), editor})
                    made->show(); // or it takes no focus yet
                editor->setFocus(Qt::ShortcutFocusReason);
            }
}

void SchemeEditor::fieldChosen(const Field& field, int item) {
    const QString key = field.box->itemData(item).toString();
    if (field.box->property("mixed").toBool() && item == 0) return; // the line that says that the layers differ
    const auto apply = field.apply;
    Q_EMIT edited([apply, key](SchemeChoice& choice) { apply(choice, key); },
                  tr("%1 %2").arg(field.label->text(), field.box->itemText(item)), {});
}

void SchemeEditor::show(Field& field, const std::vector<SchemeChoice>& now,
                        const std::vector<SchemeChoice>& reference) {
    const QSignalBlocker quiet(field.box);
    if (field.box->property("mixed").toBool()) field.box->removeItem(0);
    field.box->setProperty("mixed", false);
    bool changed = false, differ = false;
    for (std::size_t i = 0; i < now.size(); ++i) {
        differ = differ || field.key(now[i]) != field.key(now[0]);
        changed = changed || (i < reference.size() && field.key(now[i]) != field.key(reference[i]));
    }
    restyle(field.box, "edited", changed);
    field.box->setEnabled(!now.empty());
    if (now.empty()) {
        field.box->setCurrentIndex(-1);
        return;
    }
    if (differ) {
        field.box->insertItem(0, tr("— differs —"), QStringLiteral("\x01"));
        field.box->setProperty("mixed", true);
        field.box->setCurrentIndex(0);
        return;
    }
    const QString key = field.key(now[0]);
    int item = field.box->findData(key);
    if (item < 0) { // a choice made as text that the form does not offer by itself
        const QString label = &field == &input_   ? scheme_label(*now[0].scheme.input)
                              : &field == &grain_ ? levels_label(now[0].scheme.weight->levels)
                                                  : key;
        field.box->addItem(label, key);
        item = field.box->count() - 1;
    }
    field.box->setCurrentIndex(item);
}

void SchemeEditor::setChoices(const std::vector<SchemeChoice>& now, const std::vector<SchemeChoice>& reference,
                              const std::vector<std::int64_t>& columns) {
    fillGrain(columns);
    for (Field* field : allFields()) show(*field, now, reference);
    const bool weights = std::any_of(now.begin(), now.end(),
                                     [](const SchemeChoice& choice) { return choice.scheme.weight.has_value(); });
    const bool zero = std::any_of(now.begin(), now.end(), [](const SchemeChoice& choice) {
        return choice.scheme.weight && choice.scheme.weight->format->allows_asymmetric;
    });
    grain_.box->setEnabled(weights);
    zero_.box->setEnabled(zero);
    shown_ = now;
    showStages();
    showParams(now);
    showCost(now);
    focusWanted();
}

void SchemeEditor::showCost(const std::vector<SchemeChoice>& now) {
    const MacUnit* unit = now.empty() ? nullptr : mac_unit_of(now[0].scheme);
    const bool differ = std::any_of(now.begin(), now.end(),
                                    [&](const SchemeChoice& choice) { return mac_unit_of(choice.scheme) != unit; });
    cost_->setText(
        now.empty() ? QString()
        : differ    ? tr("— differs —")
        : unit ? tr("area %1 · power %2 · of INT8 × INT8").arg(fixed_text(unit->area, 2), fixed_text(unit->power, 2))
               : tr("none measured for this pair"));
    cost_->setHelp(unit && !differ ? qt_text(unit->label) + QStringLiteral(", ") + qt_text(mac_unit_source())
                                   : QString());
}

void SchemeEditor::showParams(const std::vector<SchemeChoice>& now) {
    for (StageField& stage : stages_) {
        const MethodEntry* entry = now.empty() ? nullptr : method(methodKey(now[0], stage.stage));
        const bool same = entry && std::all_of(now.begin(), now.end(), [&](const SchemeChoice& choice) {
                              return methodKey(choice, stage.stage) == entry->name;
                          });
        stage.params->setVisible(same && !entry->params.empty());
        if (!same) continue;
        stage.params->setSpecs(entry->params, entry->source);
        for (const MethodStep& step : now[0].steps)
            if (qt_text(step.method) == entry->name) stage.params->setValues(step.params);
    }
}

} // namespace graticule
