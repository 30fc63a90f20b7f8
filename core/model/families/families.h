// One function a family file; all_families.cpp lists them.
#pragma once

#include "core/model/family.h"

namespace graticule {

[[nodiscard]] ModelFamily opt_family();
[[nodiscard]] ModelFamily llama_family();
[[nodiscard]] ModelFamily gemma2_family();
[[nodiscard]] ModelFamily phi3_family();
[[nodiscard]] ModelFamily gpt2_family();

} // namespace graticule
