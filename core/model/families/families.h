// One function per row; all_families.cpp lists them.
#pragma once

#include "core/model/family.h"

namespace graticule {

[[nodiscard]] ModelFamily opt_family();
[[nodiscard]] ModelFamily llama_family();
[[nodiscard]] ModelFamily gemma2_family();
[[nodiscard]] ModelFamily gemma3_family();
[[nodiscard]] ModelFamily olmo2_family();
[[nodiscard]] ModelFamily mixtral_family();
[[nodiscard]] ModelFamily qwen3_moe_family();
[[nodiscard]] ModelFamily phi3_family();
[[nodiscard]] ModelFamily gpt2_family();
[[nodiscard]] ModelFamily gpt_neox_family();
[[nodiscard]] ModelFamily falcon_family();
[[nodiscard]] ModelFamily bloom_family();

} // namespace graticule
