// The methods there are. Adding one: a class for its stage, and a row here.
#include <array>

#include "core/method/channel_keep.h"
#include "core/method/method.h"
#include "core/method/rtn.h"
#include "core/method/scale_search.h"

namespace graticule {

namespace {

const ParamSpec range_param{"range",
                            "Symmetric range",
                            ParamKind::choice,
                            std::string("absmax"),
                            0,
                            0,
                            {"absmax", "full"},
                            "symmetric scale: absmax/(2^(b-1)-1), or 2 absmax/(2^b-1) as GPTQ has it"};
const ParamSpec grid_param{"grid",
                           "Grid points",
                           ParamKind::integer,
                           std::int64_t(20),
                           1,
                           1000,
                           {},
                           "exponents tried: 0, 1/grid, 2/grid ... below 1"};
const ParamSpec length_param{"length",
                             "Calibration length",
                             ParamKind::integer,
                             std::int64_t(0),
                             0,
                             1 << 20,
                             {},
                             "tokens a calibration sequence is cut to for this step (SLAC); 0: as calibrated"};
const ParamSpec sites_param{"sites", "Sites", ParamKind::choice, std::string("all"),
                            0,       0,       {"all", "norms"},  "fold into norms and linears, or into norms only"};
const ParamSpec mode_param{
    "mode",
    "Mode",
    ParamKind::choice,
    std::string("default"),
    0,
    0,
    {"default", "paper"},
    "default adds s = 1 to the candidates and gives channels that never fired the geometric mean of the others"};

const RoundToNearest round_to_nearest;
const ScaleSearch smoothquant(ScaleRules{.search = false, .norm_sites_only = true});
const ScaleSearch awq(ScaleRules{.input = InputStatistic::absolute_mean,
                                 .weight = WeightStatistic::none,
                                 .quantize_inputs = false,
                                 .normalise = true,
                                 .judge_gated_mlp = true,
                                 .least_statistic = 0,
                                 .least_scale = 1e-4});
const ScaleSearch aqas(ScaleRules{});
const PercentileSmoothing percentile;
const LargestChannels largest_channels;

std::string needs_weight(const QuantScheme& scheme) {
    return scheme.weight ? "" : "there is no weight scheme to search for; add one such as w=int4/asym/g128";
}

const std::array rows = {
    MethodRow{.name = "rtn",
              .label = "Round to nearest",
              .stage = Stage::round,
              .help = "every weight to its nearest code; what is done when no rounding is named",
              .source = "the baseline of every paper",
              .params = {range_param},
              .rounding = &round_to_nearest},
    MethodRow{.name = "smoothquant",
              .label = "SmoothQuant",
              .stage = Stage::transform,
              .needs = Needs::statistics,
              .help = "moves the activations' outliers into the weights, at the norms",
              .source = "Xiao et al. 2023, section 4; smoothquant c61476d",
              .params = {{"alpha",
                          "Migration strength",
                          ParamKind::real,
                          0.5,
                          0,
                          1,
                          {},
                          "exponent: s = absmax(x)^alpha / absmax(w)^(1-alpha); 0.5 OPT, 0.8 to 0.9 LLaMA"}},
              .transform = &smoothquant},
    MethodRow{.name = "awq",
              .label = "AWQ",
              .stage = Stage::transform,
              .needs = Needs::samples,
              .help = "searches the exponent of mean |x| that loses least when the weights are quantized",
              .source = "Lin et al. 2023; llm-awq d6e797a",
              .params = {grid_param, sites_param, mode_param, length_param},
              .check = needs_weight,
              .transform = &awq},
    MethodRow{.name = "aqas",
              .label = "AQAS",
              .stage = Stage::transform,
              .needs = Needs::samples,
              .help = "searches scales with the quantizers of weights and activations both at work",
              .source = "Lee et al. 2023 (arXiv 2311.05161), section 3.2 and A.4",
              .params = {grid_param,
                         {"statistic",
                          "Statistic",
                          ParamKind::choice,
                          std::string("max"),
                          0,
                          0,
                          {"max", "mean"},
                          "of the activations: absolute maximum or absolute mean (table 8)"},
                         sites_param,
                         mode_param,
                         length_param},
              .check = needs_weight,
              .transform = &aqas},
    MethodRow{.name = "percentile",
              .label = "Percentile clipping",
              .stage = Stage::transform,
              .needs = Needs::statistics,
              .help = "scales down only the channels above a high percentile of the absolute maxima",
              .source = "Zhang et al. 2023 (DGQ), section 3.3; DGQ 141eef7",
              .params = {{"percent",
                          "Channels above",
                          ParamKind::real,
                          0.5,
                          0,
                          100,
                          {},
                          "share of channels that count as outliers, in percent"}},
              .transform = &percentile},
    MethodRow{.name = "keep",
              .label = "Mixed precision",
              .stage = Stage::keep,
              .needs = Needs::statistics,
              .help = "leaves the input channels with the largest activations, and their weights, in 16 bits",
              .source = "the W4A4 exploration of AWQ and SmoothQuant on OPT; Dettmers et al. 2022 (threshold)",
              .params = {{"rule",
                          "Rule",
                          ParamKind::choice,
                          std::string("percent"),
                          0,
                          0,
                          {"percent", "threshold"},
                          "the largest channels by share, or all that reach a threshold"},
                         {"percent", "Share", ParamKind::real, 1.0, 0, 100, {}, "channels kept, in percent"},
                         {"threshold",
                          "Threshold",
                          ParamKind::real,
                          6.0,
                          0,
                          1e6,
                          {},
                          "absolute value a channel must reach, LLM.int8's 6"}},
              .keep = &largest_channels},
};

} // namespace

std::span<const MethodRow> all_methods() { return rows; }

} // namespace graticule
