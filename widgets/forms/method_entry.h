// What the forms know of a method, a preset or an exporter: plain data, copied from the engine's registries by the
// program.
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

struct PresetEntry {
    QString name; ///< may be typed wherever a recipe is asked for
    QString line, help, source;
};

struct ExporterEntry {
    QString name, label, help;
    std::vector<QString> loaders; ///< programs that read it
};

} // namespace graticule
