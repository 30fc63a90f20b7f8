// What the forms know of a method or an exporter: plain data, copied from the engine's registries by the program.
#pragma once

#include <QtCore/QString>
#include <vector>

#include "core/base/param_spec.h"
#include "core/recipe/stage.h"

namespace graticule {

struct MethodEntry {
    Stage stage = Stage::transform;
    QString name;  ///< in the notation: "smoothquant"
    QString label; ///< on screen: "SmoothQuant"
    QString help;
    std::vector<ParamSpec> params;
};

struct ExporterEntry {
    QString name, label, help;
    std::vector<QString> loaders; ///< programs that read it
};

} // namespace graticule
