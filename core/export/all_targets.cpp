// The programs and their rules. A rule says of which targets it speaks, which stored linears it is about, and what
// becomes of them; the first that fits decides, and each target has one for everything else at its end.
#include <array>
#include <vector>

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
    sglang_2025 = 1U << 7,
    omniserve = 1U << 8,
    llama_cpp = 1U << 9,
    llama_cpp_cuda = 1U << 10,
    llama_cpp_sm120 = 1U << 11,
    graticule = 1U << 12,
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
bool qserve(const StoredLinear& linear) { return is(linear, "qserve"); }
bool own(const StoredLinear& linear) { return is(linear, "packed"); }
bool any(const StoredLinear&) { return true; }
/// Of GGUF's, whose types have names of their own.
bool gguf(const StoredLinear& linear) {
    return linear.layout.starts_with('Q') || linear.layout.starts_with("IQ") || linear.layout.ends_with("FP4");
}
bool of_type(const StoredLinear& linear, std::string_view type) {
    return linear.config != nullptr && linear.config->model_type == type;
}
bool rotary_scaling(const StoredLinear& linear) {
    if (linear.config == nullptr) return false;
    const RopeConfig& rope = linear.config->rope;
    const bool plain = rope.type == RopeConfig::Type::none || rope.type == RopeConfig::Type::standard;
    return !plain || !rope.frequency_divisors.empty();
}
bool gemma2_as_published(const StoredLinear& linear) {
    const ModelConfig& config = *linear.config;
    return config.attention_scale == 1.0 / 16 && config.attention_softcap == 50 && config.logit_softcap == 30;
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

constexpr std::string_view llama_cpp_cuda_source =
    "https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-cuda/quantize.cu";

constexpr TargetRule rules[] = {
    // Our own container, and QServe's layout.
    {graticule, [](const StoredLinear& l) { return l.input.has_value(); }, Fate::other_inputs, "",
     "the file holds the weights; give the a= of the recipe again when it is opened", ""},
    {graticule, any, Fate::as_asked, "", "", ""},
    {transformers, own, Fate::refused, "",
     "there is no model.safetensors in the folder, so that nobody takes it for one; use the exporter "
     "compressed-tensors, or read the weights with docs/packed/read_packed.py",
     ""},
    {vllm | sglang, own, Fate::refused, "", "it knows no tensors of these names; use the exporter compressed-tensors",
     "https://github.com/vllm-project/vllm/blob/main/vllm/model_executor/model_loader/default_loader.py"},
    {sglang_2025, [](const StoredLinear& l) { return qserve(l) && !l.input; }, Fate::other_inputs, "a=int8/sym/token",
     "its kernel multiplies inputs that are rounded to 8 bits per token; the model runs in float16",
     "https://github.com/sgl-project/sglang/pull/6521"},
    {sglang_2025, qserve, Fate::as_asked, "asked", "the model runs in float16",
     "https://github.com/sgl-project/sglang/pull/6521"},
    {sglang, qserve, Fate::refused, "",
     "removed in July 2026; use the exporter compressed-tensors, with w=int8/sym/channel a=int8/sym/token for integer "
     "products",
     "https://github.com/sgl-project/sglang/pull/31109"},
    {omniserve, qserve, Fate::refused, "",
     "reads pytorch_model.bin alone, of models of LLaMA's family: model.safetensors has to be saved as that",
     "https://github.com/mit-han-lab/omniserve"},
    {vllm, qserve, Fate::refused, "", "never had the method qoq; use the exporter compressed-tensors",
     "https://docs.vllm.ai/en/latest/features/quantization/"},
    {transformers, qserve, Fate::other_model, "",
     "it does not know the method qoq, says so in a warning at most, and computes with random weights; use the "
     "exporter compressed-tensors",
     ""},

    // GGUF elsewhere than in llama.cpp.
    {transformers, [](const StoredLinear& l) { return gguf(l) && rotary_scaling(l); }, Fate::other_model, "",
     "its reader of GGUF passes over rotary scaling; use llama.cpp, or the exporter compressed-tensors", ""},
    {transformers, [](const StoredLinear& l) { return gguf(l) && of_type(l, "gemma2") && !gemma2_as_published(l); },
     Fate::other_model, "",
     "its reader of GGUF takes query_pre_attn_scalar 256 and soft caps of 50 and 30, whatever the model has; use "
     "llama.cpp, or the exporter compressed-tensors",
     ""},
    {transformers, [](const StoredLinear& l) { return gguf(l) && of_type(l, "mistral"); }, Fate::refused, "",
     "its reader of GGUF stops at a model that is called Mistral; use the exporter compressed-tensors", ""},
    {transformers_newest, [](const StoredLinear& l) { return gguf(l) && of_type(l, "gpt2"); }, Fate::refused, "",
     "its reader of GGUF takes GPT-2's weights for shapes that do not fit, which 5.17 does not", ""},
    {transformers, [](const StoredLinear& l) { return gguf(l) && of_type(l, "qwen3") && l.config->head_dim != 128; },
     Fate::refused, "", "its reader of GGUF knows heads of 128 dimensions alone; use the exporter compressed-tensors",
     ""},
    {transformers, gguf, Fate::as_asked, "",
     "dequantized on loading (gguf_file=\"model.gguf\"), with the packages gguf and accelerate", ""},
    {vllm, gguf, Fate::refused, "", "since 0.24 GGUF wants the package vllm-gguf-plugin, which was not looked at",
     "https://github.com/vllm-project/vllm/pull/39612"},

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
    {transformers, any, Fate::as_asked, "asked", "", ""},

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
    {sglang, any, Fate::as_asked, "asked", "", sglang_source},

    // llama.cpp, run here (tests/clients/check_llama_cpp.py): every block type has a type of inputs.
    {llama_cpp, [](const StoredLinear& l) { return l.group == 256; }, Fate::other_inputs, "a=int8/sym/g256",
     "its products take the inputs rounded to 8 bits in blocks of 256", llama_cpp_source},
    {llama_cpp, any, Fate::other_inputs, "a=int8/sym/g32:f16",
     "its products take the inputs rounded to 8 bits in blocks of 32", llama_cpp_source},
    {llama_cpp_sm120, [](const StoredLinear& l) { return is(l, "MXFP4"); }, Fate::other_inputs, "a=mxfp4",
     "builds for Blackwell multiply MXFP4 with inputs rounded to MXFP4, prompts at least",
     "https://github.com/ggml-org/llama.cpp/pull/17906"},
    {llama_cpp_cuda | llama_cpp_sm120, any, Fate::other_inputs, "a=int8/sym/g32:f16",
     "its products take the inputs rounded to 8 bits in blocks of 32", llama_cpp_cuda_source},
};

std::optional<TensorScheme> inputs_of(const TargetRule& rule, const StoredLinear& linear) {
    if (rule.inputs == "asked") return linear.input;
    if (rule.inputs.empty()) return std::nullopt;
    return parse_scheme_line(std::string(rule.inputs)).scheme.input;
}

} // namespace

std::span<const Target> all_targets() {
    // The exporter that says most of a recipe that none can hold comes first.
    static const std::vector<std::string_view> all = {"compressed-tensors", "gptq", "awq", "gguf", "qserve", "packed"};
    static const std::vector<std::string_view> of_sglang = {"compressed-tensors", "gptq", "awq", "qserve", "packed"};
    static const std::array<Target, 13> rows{{
        {"transformers-5.17", "transformers 5.17 to 5.22", "transformers",
         "5.17.0 with compressed-tensors 0.20.0, run here", all},
        {"transformers-5.24", "transformers 5.23 and 5.24", "transformers",
         "5.24.0 with compressed-tensors 0.20.1, run here", all},
        {"vllm-sm80", "vLLM on Ampere (sm80)", "vLLM", vllm_basis, all},
        {"vllm-sm89", "vLLM on Ada (sm89)", "vLLM", vllm_basis, all},
        {"vllm-sm90", "vLLM on Hopper (sm90)", "vLLM", vllm_basis, all},
        {"vllm-sm100", "vLLM on Blackwell (sm100)", "vLLM", vllm_basis, all},
        {"sglang", "SGLang", "SGLang", "source of August 2026; not run here", of_sglang},
        {"sglang-2025", "SGLang, June 2025 to June 2026", "SGLang", "public pull requests; not run here", {"qserve"}},
        {"omniserve", "omniserve (QServe)", "omniserve", "source of February 2025; not run here", {"qserve"}},
        {"llama.cpp", "llama.cpp on a CPU", "llama.cpp", "that of llama-cpp-python 0.3.36, run here", {"gguf"}},
        {"llama.cpp-cuda",
         "llama.cpp on CUDA before Blackwell",
         "llama.cpp",
         "source and public reports; not run here",
         {"gguf"}},
        {"llama.cpp-sm120", "llama.cpp on Blackwell", "llama.cpp", "source and public reports; not run here", {"gguf"}},
        {"graticule", "Graticule", "Graticule", "run here", {"packed"}},
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
