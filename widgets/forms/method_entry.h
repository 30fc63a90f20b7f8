// What the forms know of a method, a preset, an exporter or a target: plain data, copied from the engine's registries
// by the program.
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
    QString source = {}; ///< the paper and code that it and its defaults are taken from
};

struct PresetEntry {
    QString name; ///< may be typed wherever a recipe is asked for
    QString line, help, source;
};

struct ExporterEntry {
    QString name, label, help;
    std::vector<QString> loaders; ///< programs that read it
};

/// A program that reads what is exported, and what becomes of the recipe in it.
struct TargetEntry {
    QString name;         ///< on the command line: "vllm-sm90"
    QString label;        ///< on screen
    QString fate;         ///< "as asked", "other inputs", "refused", "another model"
    QString basis;        ///< what that is taken from
    QString what;         ///< what happens, a line a kind of layers; perhaps empty
    bool refused = false; ///< or loaded as another model
};

} // namespace graticule
