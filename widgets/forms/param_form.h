// An editor made from ParamSpecs: one row a parameter, its range kept, its meaning in the tooltip.
#pragma once

#include <QtWidgets/QWidget>
#include <vector>

#include "core/base/param_spec.h"

class QFormLayout;

namespace graticule {

class ParamForm final : public QWidget {
    Q_OBJECT
public:
    explicit ParamForm(QWidget* parent = nullptr);
    /// Rebuilds the rows only when they differ from those shown. `source`: what the defaults are taken from.
    void setSpecs(const std::vector<ParamSpec>& specs, const QString& source = {});
    void setValues(const ParamMap& values);
    [[nodiscard]] QWidget* editor(const std::string& setting) const; ///< by ParamSpec::name; null: it has none
    /// By Tab one comes from `before` to its editors, whenever they are made.
    void setTabPlace(QWidget* before) { before_ = before; }

Q_SIGNALS:
    void valueEdited(const QString& name, const graticule::ParamValue& value);

private:
    QWidget* makeEditor(const ParamSpec& spec);
    void show(QWidget* editor, const ParamSpec& spec, const ParamValue& value);

    std::vector<ParamSpec> specs_;
    QString source_;
    std::vector<QWidget*> editors_;
    QWidget* before_ = nullptr;
    QFormLayout* rows_;
};

} // namespace graticule
