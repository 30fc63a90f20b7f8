// The programs and their rules. A rule says of which targets it speaks, which stored linears it is about, and what
// becomes of them; the first that fits decides, and each target has one for everything else at its end.
#include <array>

#include "core/base/error.h"
#include "core/export/exporter.h"
#include "core/export/target.h"

namespace graticule {
namespace {

/// The rows of all_targets(), in their order.
enum At : unsigned {
    transformers_older = 1U << 0,
    transformers_newest = 1U << 1,
    vllm_sm80 = 1U << 2,
    vllm_sm89 = 1U << 3,
    vllm_sm90 = 1U << 4,
    vllm_sm100 = 1U << 5,
    sglang = 1U << 6,
    llama_cpp = 1U << 7,
    transformers = transformers_older | transformers_newest,
    vllm = vllm_sm80 | vllm_sm89 | vllm_sm90 | vllm_sm100,
};

constexpr std::string_view vllm_basis = "source of August 2026 and public reports; not run here";

bool is(const StoredLinear& linear, std::string_view layout) { return linear.layout == layout; }
bool packed(const StoredLinear& linear) { return is(linear, "pack-quantized"); }
bool fp4(const StoredLinear& linear) {
    return is(linear, "nvfp4-pack-quantized") || is(linear, "mxfp4-pack-quantized");
}
bool integer_inputs(const StoredLinear& linear, int bits) {
    return linear.input && linear.input->format->kind == FormatKind::integer && linear.input->format->bits == bits;
}
bool token_inputs(const StoredLinear& linear) {
    return linear.input && linear.input->dynamic && linear.input->grain().kind == Granularity::Kind::token;
}
/// Four-bit symmetric weights and symmetric INT8 inputs with a scale a token.
bool w4a8(const StoredLinear& linear) {
    return packed(linear) && linear.bits == 4 && linear.symmetric && integer_inputs(linear, 8) &&
           token_inputs(linear) && linear.input->symmetric;
}
/// Widths that Marlin, the kernel for packed weights, has.
bool marlin_width(const StoredLinear& linear) { return linear.bits == 4 || linear.bits == 8; }
bool marlin_shape(const StoredLinear& linear) {
    const bool group = linear.group == 0 || linear.group == 32 || linear.group == 64 || linear.group == 128;
    return group && linear.in_features % 128 == 0;
}
bool weights_alone(const StoredLinear& linear) {
    return !linear.input && (packed(linear) || is(linear, "gptq") || is(linear, "awq"));
}

struct TargetRule {
    unsigned targets;
    bool (*fits)(const StoredLinear& linear);
    Fate fate;
    /// What the inputs are rounded to, in the recipe's notation; "asked": as the file asks, "": they stay as they are.
    std::string_view inputs;
    std::string_view why;
    std::string_view source;
};

constexpr std::string_view marlin_source =
    "https://github.com/vllm-project/vllm/blob/main/vllm/model_executor/layers/quantization/utils/marlin_utils.py";
constexpr std::string_view schemes_source =
    "https://github.com/vllm-project/vllm/blob/main/vllm/model_executor/layers/quantization/compressed_tensors/"
    "compressed_tensors.py";
constexpr std::string_view sglang_source =
    "https://github.com/sgl-project/sglang/tree/main/python/sglang/srt/layers/quantization/compressed_tensors";

constexpr std::string_view llama_cpp_source =
    "https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-cpu/ggml-cpu.c";

constexpr TargetRule rules[] = {
    // transformers, run here (tests/clients).
    {transformers_newest, [](const StoredLinear& l) { return packed(l) && !l.symmetric; }, Fate::refused, "",
     "zero points beside packed weights are not loaded since 5.23, unless all linears share one scheme and the weights "
     "are dequantized on loading (quantization_config=CompressedTensorsConfig(dequantize=True)); or use symmetric "
     "weights, or transformers 5.17 to 5.22",
     "https://github.com/vllm-project/llm-compressor/issues/1618"},
    {transformers, [](const StoredLinear& l) { return is(l, "gptq") || is(l, "awq"); }, Fate::as_asked, "",
     "wants the package gptqmodel (for GPTQ optimum as well) and stops without; not run here",
     "https://github.com/huggingface/transformers/tree/main/src/transformers/quantizers"},
    {transformers, fp4, Fate::as_asked, "asked",
     "wants dtype=bfloat16 on loading: it computes a weight of four-bit floats in bfloat16", ""},
    {transformers,
     [](const StoredLinear& l) {
         return l.input && l.input->dynamic && l.input->symmetric && l.input->format->kind == FormatKind::integer;
     },
     Fate::as_asked, "asked",
     "imitated in floating point, its scale absmax over half the code range (127.5 at 8 bits) instead of absmax/127",
     ""},
    {transformers, [](const StoredLinear&) { return true; }, Fate::as_asked, "asked", "", ""},

    // vLLM: four-bit weights with INT8 inputs.
    {vllm_sm90, [](const StoredLinear& l) { return w4a8(l) && l.group == 128 && l.in_features % 128 == 0; },
     Fate::other_inputs, "a=fp8_e4m3/sym/token",
     "Hopper's kernel multiplies FP8, and rounds the weights' scales to bfloat16 and then to FP8 under one a channel",
     "https://github.com/vllm-project/vllm/pull/23198"},
    {vllm_sm90, [](const StoredLinear& l) { return w4a8(l) && l.group != 0; }, Fate::refused, "",
     "Hopper's kernel for four-bit weights with 8-bit inputs takes groups of 128 and inputs that are a multiple of "
     "128; use w=int4/sym/g128, or leave a= out",
     "https://github.com/vllm-project/vllm/blob/main/vllm/model_executor/layers/quantization/compressed_tensors/"
     "schemes/compressed_tensors_w4a8_fp8.py"},
    {vllm, [](const StoredLinear& l) { return w4a8(l) && l.group == 0 && !marlin_shape(l); }, Fate::refused, "",
     "no kernel takes this shape: Marlin wants inputs that are a multiple of 128",
     "https://github.com/vllm-project/llm-compressor/issues/2693"},
    {vllm, [](const StoredLinear& l) { return w4a8(l) && l.group == 0; }, Fate::other_inputs, "",
     "0.23 and older refuse one scale a channel with INT8 inputs; newer ones multiply the weights alone, without a "
     "word "
     "(--linear-backend humming rounds the inputs)",
     "https://github.com/vllm-project/vllm/issues/46036"},
    {vllm, [](const StoredLinear& l) { return w4a8(l) && marlin_shape(l); }, Fate::other_inputs, "",
     "served as weights alone, without a word: Marlin leaves the inputs in 16 bits (--linear-backend humming rounds "
     "them; 0.23 and older refuse the file)",
     "https://github.com/vllm-project/vllm/pull/38066"},
    {vllm, [](const StoredLinear& l) { return packed(l) && l.input && !l.symmetric; }, Fate::refused, "",
     "no scheme has zero points beside quantized inputs; use symmetric weights, or leave a= out", schemes_source},
    {vllm, [](const StoredLinear& l) { return packed(l) && l.input && (!token_inputs(l) || !l.input->symmetric); },
     Fate::refused, "",
     "beside packed weights it takes symmetric inputs with a scale a token only; use a=int8/sym/token, or leave a= out",
     "https://github.com/vllm-project/vllm/pull/46390"},
    {vllm, [](const StoredLinear& l) { return packed(l) && l.input; }, Fate::refused, "",
     "only the optional humming kernels take these widths of weights and inputs; use w=int8/sym/channel "
     "a=int8/sym/token, or leave a= out",
     "https://github.com/vllm-project/vllm/pull/46390"},

    // vLLM: packed weights alone.
    {vllm,
     [](const StoredLinear& l) { return weights_alone(l) && is(l, "gptq") && (!l.symmetric || !marlin_width(l)); },
     Fate::refused, "",
     "of GPTQ it takes symmetric codes of 4 and 8 bits; use those, or the exporter compressed-tensors",
     "https://github.com/vllm-project/vllm/blob/main/vllm/model_executor/layers/quantization/auto_gptq.py"},
    {vllm, [](const StoredLinear& l) { return weights_alone(l) && !marlin_width(l); }, Fate::refused, "",
     "weights of other widths than 4 and 8 bits need the optional humming kernels (--linear-backend humming)",
     "https://github.com/vllm-project/vllm/pull/34556"},
    {vllm, [](const StoredLinear& l) { return weights_alone(l) && !marlin_shape(l); }, Fate::refused, "",
     "Marlin takes groups of 32, 64, 128 or one scale a channel and inputs that are a multiple of 128; what takes "
     "others "
     "depends on the version",
     "https://github.com/vllm-project/llm-compressor/issues/973"},
    {vllm, weights_alone, Fate::as_asked, "", "scales are rounded to the model's 16 bits on loading", marlin_source},

    // vLLM: 8-bit weights and inputs.
    {vllm, [](const StoredLinear& l) { return is(l, "int-quantized") && (l.group > 0 || !l.symmetric); }, Fate::refused,
     "", "beside INT8 inputs it takes INT8 weights with one scale a channel and no zero points; use w=int8/sym/channel",
     schemes_source},
    {vllm,
     [](const StoredLinear& l) { return is(l, "int-quantized") && l.input && l.input->dynamic && !token_inputs(l); },
     Fate::refused, "", "no scheme has one scale for all tokens found at run time; use a=int8/sym/token or .../static",
     schemes_source},
    {vllm_sm100, [](const StoredLinear& l) { return is(l, "int-quantized"); }, Fate::refused, "",
     "Blackwell has no INT8 kernels there; use w=fp8_e4m3/sym/channel a=fp8_e4m3/sym/token",
     "https://docs.vllm.ai/en/latest/features/quantization/int8/"},
    {vllm, [](const StoredLinear& l) { return is(l, "int-quantized"); }, Fate::as_asked, "asked", "", schemes_source},
    {vllm_sm80, [](const StoredLinear& l) { return is(l, "float-quantized") && l.input; }, Fate::other_inputs, "",
     "cards before Ada run FP8 as weights alone: the inputs stay in 16 bits",
     "https://docs.vllm.ai/en/stable/features/quantization/fp8/"},
    {vllm, [](const StoredLinear& l) { return is(l, "float-quantized") && l.input && l.input->dynamic; },
     Fate::as_asked, "a=fp8_e4m3/sym/token", "", "https://docs.vllm.ai/en/stable/features/quantization/fp8/"},
    {vllm, [](const StoredLinear& l) { return is(l, "float-quantized"); }, Fate::as_asked, "asked", "", schemes_source},

    // vLLM: four-bit floats.
    {vllm_sm100, [](const StoredLinear& l) { return is(l, "mxfp4-pack-quantized") && !l.input; }, Fate::other_inputs,
     "a=mxfp4", "taken for weights and inputs in MXFP4, and multiplied so without a word",
     "https://github.com/vllm-project/vllm/issues/56770"},
    {vllm, fp4, Fate::as_asked, "asked", "", schemes_source},

    // SGLang.
    {sglang, [](const StoredLinear& l) { return fp4(l) && !l.input; }, Fate::refused, "",
     "of four-bit floats its dense layers have NVFP4 with quantized inputs alone", sglang_source},
    {sglang, [](const StoredLinear& l) { return packed(l) && l.input; }, Fate::refused, "",
     "its dense layers have no scheme of packed weights with quantized inputs; use w=int8/sym/channel "
     "a=int8/sym/token, "
     "or leave a= out",
     sglang_source},
    {sglang, [](const StoredLinear& l) { return is(l, "gptq") && !l.symmetric; }, Fate::refused, "",
     "of GPTQ it takes symmetric codes; use those, or the exporter compressed-tensors", sglang_source},
    {sglang, [](const StoredLinear& l) { return weights_alone(l) && !marlin_width(l); }, Fate::refused, "",
     "it has kernels for packed weights of 4 and 8 bits", sglang_source},
    {sglang, [](const StoredLinear& l) { return is(l, "int-quantized") && (l.group > 0 || !l.symmetric); },
     Fate::refused, "", "beside INT8 inputs it takes INT8 weights with one scale a channel; use w=int8/sym/channel",
     sglang_source},
    {sglang, [](const StoredLinear&) { return true; }, Fate::as_asked, "asked", "", sglang_source},

    // llama.cpp, run here (tests/clients/check_llama_cpp.py): every block type has a type of inputs.
    {llama_cpp, [](const StoredLinear& l) { return l.group == 256; }, Fate::other_inputs, "a=int8/sym/g256",
     "its products take the inputs rounded to 8 bits in blocks of 256", llama_cpp_source},
    {llama_cpp, [](const StoredLinear&) { return true; }, Fate::other_inputs, "a=int8/sym/g32:f16",
     "its products take the inputs rounded to 8 bits in blocks of 32", llama_cpp_source},
};

std::optional<TensorScheme> inputs_of(const TargetRule& rule, const StoredLinear& linear) {
    if (rule.inputs == "asked") return linear.input;
    if (rule.inputs.empty()) return std::nullopt;
    return parse_scheme_line(std::string(rule.inputs)).scheme.input;
}

} // namespace

std::span<const Target> all_targets() {
    static const std::array<Target, 8> rows{{
        {"transformers-5.17",
         "transformers 5.17 to 5.22",
         "transformers",
         "5.17.0 with compressed-tensors 0.20.0, run here",
         {"compressed-tensors", "gptq", "awq"}},
        {"transformers-5.24",
         "transformers 5.23 and 5.24",
         "transformers",
         "5.24.0 with compressed-tensors 0.20.1, run here",
         {"compressed-tensors", "gptq", "awq"}},
        {"vllm-sm80", "vLLM on Ampere (sm80)", "vLLM", vllm_basis, {"compressed-tensors", "gptq", "awq"}},
        {"vllm-sm89", "vLLM on Ada (sm89)", "vLLM", vllm_basis, {"compressed-tensors", "gptq", "awq"}},
        {"vllm-sm90", "vLLM on Hopper (sm90)", "vLLM", vllm_basis, {"compressed-tensors", "gptq", "awq"}},
        {"vllm-sm100", "vLLM on Blackwell (sm100)", "vLLM", vllm_basis, {"compressed-tensors", "gptq", "awq"}},
        {"sglang", "SGLang", "SGLang", "source of August 2026; not run here", {"compressed-tensors", "gptq", "awq"}},
        {"llama.cpp", "llama.cpp on a CPU", "llama.cpp", "that of llama-cpp-python 0.3.36, run here", {"gguf"}},
    }};
    return rows;
}

Served served_at(const Target& target, const StoredLinear& linear) {
    const auto bit = 1U << static_cast<unsigned>(&target - all_targets().data());
    for (const TargetRule& rule : rules) {
        if ((rule.targets & bit) == 0 || !rule.fits(linear)) continue;
        const std::optional<TensorScheme> inputs = inputs_of(rule, linear);
        // A rule of a kernel's own rounding may be what the file asks for.
        const Fate fate = rule.fate == Fate::as_asked && inputs != linear.input ? Fate::other_inputs : rule.fate;
        return {fate, inputs, std::string(rule.why), std::string(rule.source)};
    }
    throw Error(ErrorKind::internal, std::string(target.name) + ": no rule for " + linear.layout);
}

} // namespace graticule
