#include "widgets/forms/param_form.h"

#include <QtCore/QSignalBlocker>
#include <QtWidgets/QCheckBox>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QDoubleSpinBox>
#include <QtWidgets/QFormLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QSpinBox>
#include <algorithm>
#include <cmath>
#include <limits>

namespace graticule {

namespace {
bool same_names(const std::vector<ParamSpec>& a, const std::vector<ParamSpec>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const ParamSpec& x, const ParamSpec& y) {
        return x.name == y.name && x.kind == y.kind && x.minimum == y.minimum && x.maximum == y.maximum;
    });
}

double as_double(const ParamValue& value) {
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
    if (const auto* real = std::get_if<double>(&value)) return *real;
    return 0;
}

QString label_of(const ParamSpec& spec, const std::string& choice) {
    const auto at = static_cast<std::size_t>(std::ranges::find(spec.choices, choice) - spec.choices.begin());
    return QString::fromStdString(at < spec.choice_labels.size() ? spec.choice_labels[at] : choice);
}

/// "mode=paper": how the text of the recipe has it.
QString in_recipe(const ParamSpec& spec, const std::string& choice) {
    return QString::fromStdString(spec.name + '=' + choice);
}

/// What the smallest number means, where that is no number: "as calibrated". Empty: what it says.
QString minimum_text(const ParamSpec& spec) {
    return spec.kind == ParamKind::integer && !spec.choice_labels.empty()
               ? QString::fromStdString(spec.choice_labels.front())
               : QString();
}

QString default_text(const ParamSpec& spec) {
    if (const auto* choice = std::get_if<std::string>(&spec.default_value)) return label_of(spec, *choice);
    const QString number = QString::fromStdString(to_text(spec.default_value)), least = minimum_text(spec);
    return least.isEmpty() || as_double(spec.default_value) != spec.minimum ? number : least;
}

} // namespace

ParamForm::ParamForm(QWidget* parent)
    : QWidget(parent)
    , rows_(new QFormLayout(this)) {
    rows_->setContentsMargins(0, 0, 0, 0);
    rows_->setVerticalSpacing(6);
    rows_->setRowWrapPolicy(QFormLayout::WrapLongRows); // what is too wide stands below its label
}

void ParamForm::setSpecs(const std::vector<ParamSpec>& specs, const QString& source) {
    if (source == source_ && same_names(specs, specs_)) return;
    source_ = source;
    while (rows_->rowCount() > 0) rows_->removeRow(0);
    editors_.clear();
    specs_ = specs;
    for (const ParamSpec& spec : specs_) {
        QWidget* editor = makeEditor(spec);
        QString tip = tr("%1\ndefault: %2").arg(QString::fromStdString(spec.help), default_text(spec));
        const std::size_t labelled = std::min(spec.choices.size(), spec.choice_labels.size());
        for (std::size_t i = 0; i < labelled; ++i) // the text of the recipe calls them otherwise than the box
            tip += tr("\n%1: %2").arg(QString::fromStdString(spec.choice_labels[i]), in_recipe(spec, spec.choices[i]));
        if (!source.isEmpty()) tip += tr("\nfrom: %1").arg(source);
        editor->setToolTip(tip);
        editor->setAccessibleName(QString::fromStdString(spec.label));
        auto* label = new QLabel(QString::fromStdString(spec.label));
        label->setProperty("role", "secondary");
        label->setToolTip(tip);
        rows_->addRow(label, editor);
        editor->ensurePolished();
        editor->setMinimumWidth(editor->minimumSizeHint().width()); // of its text; the layout breaks rows by it
        if (QWidget* before = editors_.empty() ? before_ : editors_.back()) setTabOrder(before, editor);
        editors_.push_back(editor);
    }
}

QWidget* ParamForm::makeEditor(const ParamSpec& spec) {
    const QString name = QString::fromStdString(spec.name);
    switch (spec.kind) {
    case ParamKind::flag: {
        auto* box = new QCheckBox;
        connect(box, &QCheckBox::toggled, this, [this, name](bool on) { Q_EMIT valueEdited(name, on); });
        return box;
    }
    case ParamKind::integer: {
        auto* box = new QSpinBox;
        const auto limit = [](double value) {
            return static_cast<int>(std::clamp(value, -2147483647.0, 2147483647.0));
        };
        box->setRange(limit(spec.minimum), limit(spec.maximum));
        box->setSpecialValueText(minimum_text(spec));
        connect(box, &QSpinBox::valueChanged, this,
                [this, name](int value) { Q_EMIT valueEdited(name, std::int64_t{value}); });
        return box;
    }
    case ParamKind::real: {
        auto* box = new QDoubleSpinBox;
        box->setDecimals(spec.maximum - spec.minimum <= 0.1 ? 4 : 2);
        box->setRange(spec.minimum, spec.maximum);
        box->setSingleStep(spec.maximum - spec.minimum <= 2 ? 0.05 : 1);
        connect(box, &QDoubleSpinBox::valueChanged, this, [this, name](double value) {
            Q_EMIT valueEdited(name, std::round(value * 1e6) /
                                         1e6); // 0.1 + 0.2 must not reach the file as 0.30000000000000004
        });
        return box;
    }
    case ParamKind::choice: {
        auto* box = new QComboBox;
        for (const std::string& choice : spec.choices) {
            box->addItem(label_of(spec, choice), QString::fromStdString(choice));
            box->setItemData(box->count() - 1, in_recipe(spec, choice), Qt::ToolTipRole);
        }
        box->setSizeAdjustPolicy(QComboBox::AdjustToContents); // no choice is cut
        connect(box, &QComboBox::currentIndexChanged, this, [this, name, box](int item) {
            Q_EMIT valueEdited(name, box->itemData(item).toString().toStdString());
        });
        return box;
    }
    }
    return nullptr;
}

void ParamForm::show(QWidget* editor, const ParamSpec& spec, const ParamValue& value) {
    const QSignalBlocker quiet(editor);
    switch (spec.kind) {
    case ParamKind::flag:
        if (const auto* on = std::get_if<bool>(&value)) qobject_cast<QCheckBox*>(editor)->setChecked(*on);
        return;
    case ParamKind::integer:
        qobject_cast<QSpinBox*>(editor)->setValue(static_cast<int>(as_double(value)));
        return;
    case ParamKind::real:
        qobject_cast<QDoubleSpinBox*>(editor)->setValue(as_double(value));
        return;
    case ParamKind::choice:
        if (const auto* text = std::get_if<std::string>(&value))
            if (auto* box = qobject_cast<QComboBox*>(editor))
                box->setCurrentIndex(box->findData(QString::fromStdString(*text)));
        return;
    }
}

QWidget* ParamForm::editor(const std::string& setting) const {
    const auto at = std::ranges::find(specs_, setting, &ParamSpec::name) - specs_.begin();
    return at < std::ssize(specs_) ? editors_[static_cast<std::size_t>(at)] : nullptr;
}

void ParamForm::setValues(const ParamMap& values) {
    for (std::size_t i = 0; i < specs_.size(); ++i) {
        const auto found = values.find(specs_[i].name);
        show(editors_[i], specs_[i], found == values.end() ? specs_[i].default_value : found->second);
    }
}

} // namespace graticule
