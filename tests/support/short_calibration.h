// The calibration of tests that need statistics and not good ones.
#pragma once

#include "core/recipe/recipe.h"

namespace graticule::testing {

inline CalibrationSpec short_calibration() {
    CalibrationSpec spec;
    spec.samples = 2;
    spec.length = 64;
    return spec;
}

} // namespace graticule::testing
