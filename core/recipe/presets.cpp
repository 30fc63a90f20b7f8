#include "core/recipe/presets.h"

#include <algorithm>
#include <array>

namespace graticule {

namespace {

constexpr std::array presets = {
    Preset{"rtn-w4-g128", "w=int4/asym/g128", "Weights rounded to nearest, 4 bits in groups of 128",
           "the plain baseline of every paper"},
    Preset{"rtn-dint4-g128", "w=dint4/asym/g128", "Weights rounded to nearest dINT4 in groups of 128",
           "Lee et al. 2023 (arXiv 2311.05161), tables 11 and 12"},
    Preset{"smoothquant-w8a8", "w=int8/sym/channel a=int8/sym/token smoothquant:alpha=0.5",
           "8-bit weights and activations, scales moved at the norms", "Xiao et al. 2023, O1; smoothquant c61476d"},
    Preset{"gptq-w4-g128", "w=int4/asym/g128 gptq", "4-bit weights with error compensation",
           "Frantar et al. 2023; gptq 2d65066 with --groupsize 128"},
    Preset{"gptq-w4-g128-actorder", "w=int4/asym/g128 gptq:act_order=true,static_groups=true",
           "GPTQ with the columns of large activations first", "gptq 2d65066 with --act-order --static-groups"},
    Preset{"awq-w4-g128", "w=int4/asym/g128 awq clip", "4-bit weights, salient channels scaled up, weights clipped",
           "Lin et al. 2023; llm-awq d6e797a"},
    Preset{"awq-w4a4-g128", "w=int4/asym/g128 a=int4/sym/g128 awq", "4-bit weights and activations in groups of 128",
           "the W4A4 exploration of AWQ and SmoothQuant on OPT, section 2"},
    Preset{"mixed-w4a4-1pct", "w=int4/asym/channel a=int4/sym/token keep:percent=1",
           "The 1 % largest activation channels in 16 bits, the rest 4 by 4",
           "the W4A4 exploration of AWQ and SmoothQuant on OPT, section 3"},
    Preset{"mixed-w4a4-1pct-smooth", "w=int4/asym/channel a=int4/sym/token smoothquant:alpha=0.5 keep:percent=1",
           "SmoothQuant, then the 1 % largest activation channels in 16 bits, the rest 4 by 4",
           "the W4A4 exploration of AWQ and SmoothQuant on OPT, section 3"},
    Preset{"llm-int8", "w=int8/sym/channel a=int8/sym/token keep:rule=threshold,threshold=6",
           "Channels that reach 6 stay in 16 bits, the rest 8 by 8", "Dettmers et al. 2022, section 3.2"},
    Preset{"aqas-w4a8", "w=int4/asym/channel a=int8/asym/token v=int4/asym/channel aqas clip",
           "Scales searched with both quantizers on, then clipping; 4-bit Value",
           "Lee et al. 2023 (arXiv 2311.05161), section 3.2, A.1, A.4"},
    Preset{"aqas-gptq-w4a8", "w=int4/asym/channel a=int8/asym/token v=int4/asym/channel aqas clip gptq",
           "Scales searched with both quantizers on, clipping, GPTQ rounding; 4-bit Value", "Lee et al. 2023, table 3"},
    Preset{"aqas-dint-w4a8", "w=dint4/asym/channel a=int8/asym/token v=dint4/asym/channel aqas clip gptq",
           "AQAS with dINT4 weights and Value, GPTQ rounding", "Lee et al. 2023, sections 3.2 and 4.2, table 3"},
    Preset{"aqas-slac-dint-w4a8",
           "w=dint4/asym/channel a=int8/asym/token v=dint4/asym/channel aqas clip gptq:length=128",
           "AQAS with dINT4 weights and Value, GPTQ calibrated on sequences of 128 tokens (SLAC)",
           "Lee et al. 2023, sections 3.3 and 5.3, table 4"},
    Preset{"dgq-a8w4-dynamic", "w=int4/asym/dual128 a=int8/sym/token percentile dgq",
           "Dual-grained 4-bit weights, 8-bit activations per token",
           "Zhang et al. 2023 (DGQ), sections 3.1 to 3.3; DGQ 141eef7 with act_fun per_token"},
    Preset{"dgq-a8w4-static",
           "w=int4/asym/dual128 a=int8/sym/tensor/static q=int8/asym/tensor/static k=int8/asym/tensor/static "
           "v=int8/asym/tensor/static percentile dgq",
           "Dual-grained 4-bit weights, 8-bit inputs, queries, keys and values, all with static scales",
           "Zhang et al. 2023 (DGQ); the script of DGQ 141eef7"},
    Preset{"zeroquant-fp-w4a8", "w=fp4_e2m1/sym/g256 a=fp8_e4m3/sym/token gptq lorc:rank=8",
           "FP4 weights, FP8 activations, low-rank compensation", "Wu et al. 2023 (ZeroQuant-FP), section 3"},
    Preset{"nvfp4-w4a4", "w=nvfp4 a=nvfp4", "FP4 weights and activations in blocks of 16 with FP8 scales",
           "NVIDIA NVFP4; Cook et al. 2025 (arXiv 2512.02010), section 2"},
    Preset{"nvfp4-four-over-six", "w=nvfp4/four_over_six",
           "NVFP4 weights, each block's largest mapped to 6 or to 4, whichever loses less",
           "Cook et al. 2025 (arXiv 2512.02010)"},
    Preset{"mxfp4-w4", "w=mxfp4", "FP4 weights in blocks of 32 that share an exponent", "OCP Microscaling Formats 1.0"},
    Preset{"mxfp8-w8a8", "w=mxfp8 a=mxfp8", "FP8 weights and activations in blocks of 32 that share an exponent",
           "OCP Microscaling Formats 1.0"},
};

} // namespace

std::span<const Preset> all_presets() { return presets; }

const Preset* find_preset(std::string_view name) {
    const auto row = std::find_if(presets.begin(), presets.end(), [&](const Preset& p) { return p.name == name; });
    return row == presets.end() ? nullptr : &*row;
}

Recipe recipe_of(const Preset& preset) {
    Recipe recipe;
    recipe.name = preset.name;
    recipe.defaults = parse_scheme_line(std::string(preset.line));
    return recipe;
}

} // namespace graticule
