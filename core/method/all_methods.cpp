// The methods there are. Adding one: a class for its stage, and a row here.
#include <array>

#include "core/method/channel_keep.h"
#include "core/method/clip.h"
#include "core/method/dgq_rounding.h"
#include "core/method/gptq_rounding.h"
#include "core/method/lorc.h"
#include "core/method/method.h"
#include "core/method/nearest_rounding.h"
#include "core/method/scale_transforms.h"

namespace graticule {

namespace {

const ParamSpec range_param{"range",
                            "Symmetric range",
                            ParamKind::choice,
                            std::string("absmax"),
                            0,
                            0,
                            {"absmax", "full"},
                            "symmetric scale: absmax/(2^(b-1)-1), or 2 absmax/(2^b-1) as GPTQ has it",
                            {"to largest |w|", "all codes (GPTQ)"}};
const ParamSpec grid_param{"grid",
                           "Candidates tried",
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
                             "tokens a calibration sequence is cut to for this step (SLAC); 0: as calibrated",
                             {"as calibrated"}}; // of an integer: what its minimum means
const ParamSpec sites_param{"sites",
                            "Sites",
                            ParamKind::choice,
                            std::string("all"),
                            0,
                            0,
                            {"all", "norms"},
                            "fold into norms and linears, or into norms only",
                            {"norms and linears", "norms only"}};
const ParamSpec mode_param{
    "mode",
    "Silent channels",
    ParamKind::choice,
    std::string("default"),
    0,
    0,
    {"default", "paper"},
    "scale of channels that never fired: the geometric mean of the others, and s = 1 is tried as well; or what was "
    "published",
    {"mean of the others", "as published"}};

const RoundToNearest round_to_nearest;
const ScaleTransform smoothquant({.method = smoothquant_rules, .search = false, .norm_sites_only = true});
const ScaleTransform awq({.method = awq_rules, .judge_gated_mlp = true});
const ScaleTransform aqas({.method = aqas_rules, .quantize_inputs = true});
const PercentileClipping percentile;
const HadamardRotation hadamard_rotation;
const LargestChannels largest_channels;
const OutputClip output_clip;
const MseClip mse_clip;
const Gptq gptq;
const Dgq dgq;
const LowRankCompensation low_rank;

std::string needs_weight(const QuantScheme& scheme) {
    return scheme.weight ? "" : "there is no weight scheme to search for; add one such as w=int4/asym/g128";
}

std::string not_dual_grain(const QuantScheme& scheme) {
    if (const std::string problem = needs_weight(scheme); !problem.empty()) return problem;
    if (!is_dual_grain(scheme.weight->levels)) return {};
    return "the dual grain is rounded by dgq or rtn; use one of them, or a granularity such as g128";
}

std::string int4_asymmetric(const QuantScheme& scheme) {
    if (const std::string problem = needs_weight(scheme); !problem.empty()) return problem;
    const bool float_scales = scheme.weight->levels.size() == 1 && scheme.weight->levels[0].coding == Coding::f32;
    const bool good = scheme.weight->format->name == "int4" && !scheme.weight->symmetric &&
                      scheme.weight->grain().kind != Granularity::Kind::tensor &&
                      (float_scales || is_dual_grain(scheme.weight->levels));
    return good ? ""
                : "the search is defined for w=int4/asym with dual128, g128 or channel; this is w=" +
                      to_text(*scheme.weight);
}

const std::array rows = {
    MethodRow{.name = "rtn",
              .label = "Round to nearest",
              .method = &round_to_nearest,
              .help = "every weight to its nearest code; what is done when no rounding is named",
              .source = "the baseline of every paper",
              .params = {range_param}},
    MethodRow{.name = "smoothquant",
              .label = "SmoothQuant",
              .method = &smoothquant,
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
              .brief = "SQ"},
    MethodRow{.name = "awq",
              .label = "AWQ",
              .method = &awq,
              .needs = Needs::samples,
              .help = "searches the exponent of mean |x| that loses least when the weights are quantized",
              .source = "Lin et al. 2023; llm-awq d6e797a",
              .params = {grid_param,
                         {"duo",
                          "Duo scaling",
                          ParamKind::flag,
                          false,
                          0,
                          0,
                          {},
                          "AutoAWQ's formula, which divides by the weights' own relative magnitude"},
                         sites_param,
                         mode_param,
                         length_param},
              .check = needs_weight},
    MethodRow{.name = "aqas",
              .label = "AQAS",
              .method = &aqas,
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
                          "of the activations: absolute maximum or absolute mean (table 8)",
                          {"maximum |x|", "mean |x|"}},
                         sites_param,
                         mode_param,
                         length_param},
              .check = needs_weight},
    MethodRow{.name = "percentile",
              .label = "Percentile clipping",
              .method = &percentile,
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
                          "share of channels that count as outliers, in percent"},
                         {"mode",
                          "Maxima",
                          ParamKind::choice,
                          std::string("default"),
                          0,
                          0,
                          {"default", "paper"},
                          "maxima of the full-precision model, or of what the quantized blocks before hand on",
                          {"of full precision", "of quantized (paper)"}}},
              .brief = "pct"},
    MethodRow{
        .name = "hadamard",
        .label = "Hadamard rotation",
        .method = &hadamard_rotation,
        .help = "spreads outliers over blocks of channels; exact with quantization off",
        .source = "Ashkboos et al. 2024 (QuaRot), sections 3 and 4",
        .params = {{"residual",
                    "Residual stream",
                    ParamKind::flag,
                    false,
                    0,
                    0,
                    {},
                    "the whole model's stream, folded, so that only o and down rotate at run time; RMSNorm only"}},
        .brief = "had"},
    MethodRow{.name = "keep",
              .label = "Mixed precision",
              .method = &largest_channels,
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
                          "the largest channels by share, or all that reach a threshold",
                          {"the largest by share", "all above a threshold"}},
                         {"percent", "Share", ParamKind::real, 1.0, 0, 100, {}, "channels kept, in percent"},
                         {"threshold",
                          "Threshold",
                          ParamKind::real,
                          6.0,
                          0,
                          1e6,
                          {},
                          "absolute value a channel must reach, LLM.int8's 6"}}},
    MethodRow{
        .name = "clip",
        .label = "Clip search",
        .method = &output_clip,
        .needs = Needs::samples,
        .help = "narrows each row's or group's range to what loses least of its own output",
        .source = "Lin et al. 2023 (AWQ); llm-awq d6e797a, auto_clip",
        .params =
            {grid_param,
             {"shrink", "Largest shrink", ParamKind::real, 0.5, 0, 1, {}, "share of the range that may be cut off"},
             {"tokens",
              "Tokens",
              ParamKind::integer,
              std::int64_t(512),
              1,
              1 << 20,
              {},
              "calibration tokens used, evenly spaced"},
             {"skip_qk",
              "Skip query and key",
              ParamKind::flag,
              true,
              0,
              0,
              {},
              "leave q and k alone, whose errors meet in a product"},
             {"quantize_inputs",
              "Quantized inputs",
              ParamKind::flag,
              true,
              0,
              0,
              {},
              "judge with the inputs quantized as at run time; off: as AWQ does"},
             length_param},
        .check = needs_weight},
    MethodRow{
        .name = "mse",
        .label = "MSE clip",
        .method =
            &mse_clip,
        .help = "narrows each scale's range to the least error of the weights themselves",
        .source =
            "gptq 2d65066 and QuaRot 5008669, option mse",
        .params =
            {{"grid",
              "Candidates tried",
              ParamKind::integer,
              std::int64_t(100),
              1,
              1000,
              {},
              "steps the whole range is cut into"},
             {"shrink", "Largest shrink", ParamKind::real, 0.8, 0, 1, {}, "share of the range that may be cut off"},
             {"norm", "Norm", ParamKind::real, 2.4, 0.1, 10, {}, "exponent of the error: sum |w^ - w|^norm"}},
        .check = needs_weight},
    MethodRow{
        .name = "gptq",
        .label = "GPTQ",
        .method =
            &gptq,
        .needs = Needs::samples,
        .help = "rounds column by column and makes up for each error with the columns to come",
        .source =
            "Frantar et al. 2023; gptq 2d65066",
        .params =
            {{"damp",
              "Damping",
              ParamKind::real,
              0.01,
              0,
              10,
              {},
              "added to the Hessian's diagonal, in parts of its mean"},
             {"block", "Block size", ParamKind::integer, std::int64_t(128), 1, 1 << 20, {}, "columns updated together"},
             {"act_order",
              "Activation order",
              ParamKind::flag,
              false,
              0,
              0,
              {},
              "columns with large inputs first; groups are then static"},
             {"static_groups",
              "Static groups",
              ParamKind::flag,
              false,
              0,
              0,
              {},
              "scales of all groups fixed beforehand"},
             {"true_sequential",
              "True sequential",
              ParamKind::flag,
              false,
              0,
              0,
              {},
              "q, k, v, then o, then the MLP's, each on what the ones before became"},
             {"quantized_inputs",
              "Quantized inputs",
              ParamKind::flag,
              false,
              0,
              0,
              {},
              "earlier blocks also with their inputs quantized"},
             {"mode",
              "Silent channels",
              ParamKind::choice,
              std::string("default"),
              0,
              0,
              {"default", "paper"},
              "where the weights of channels that never fired are rounded to",
              {"to nearest", "to zero (paper)"}},
             range_param,
             length_param},
        .check = not_dual_grain},
    MethodRow{.name = "dgq",
              .label = "DGQ",
              .method = &dgq,
              .needs = Needs::samples,
              .help = "searches the range of every group, then, for the dual grain, the scale of every channel",
              .source = "Zhang et al. 2023 (DGQ), sections 3.1 and 3.2; DGQ 141eef7",
              .params = {{"mode",
                          "Samples",
                          ParamKind::choice,
                          std::string("clean"),
                          0,
                          0,
                          {"clean", "reference", "reference_f32"},
                          "calibration samples that the search sees; the published code keeps the last one only, in "
                          "bfloat16",
                          {"all", "last, bfloat16 (paper)", "last, float32"}},
                         {"static_range",
                          "Static ranges",
                          ParamKind::choice,
                          std::string("least"),
                          0,
                          0,
                          {"least", "extremes"},
                          "range of static activations, the largest of the channels' maxima: of each channel the "
                          "least over the samples, as published, or that of all that calibration saw",
                          {"least of the samples", "all that calibration saw"}},
                         length_param},
              .check = int4_asymmetric},
    MethodRow{.name = "lorc",
              .label = "LoRC",
              .method = &low_rank,
              .help = "adds the largest singular directions of the rounding error in 16 bits",
              .source = "Yao et al. 2023 (ZeroQuant-V2), section 5",
              .params =
                  {{"rank", "Rank", ParamKind::integer, std::int64_t(8), 1, 4096, {}, "singular directions kept"}},
              .check = needs_weight},
};

} // namespace

std::span<const MethodRow> all_methods() { return rows; }

} // namespace graticule
