#include <array>

#include "core/base/error.h"
#include "core/export/compressed_tensors.h"
#include "core/export/exporter.h"
#include "core/export/gguf.h"
#include "core/export/gptq_awq.h"
#include "core/export/packed.h"
#include "core/export/qserve.h"
#include "core/export/stored_weights.h"

namespace graticule {

std::span<const Exporter> all_exporters() {
    static const std::array<Exporter, 6> rows{{
        {
            .name = "compressed-tensors",
            .label = "compressed-tensors (Hugging Face)",
            .help =
                "INT2-INT8 weights packed, W8A8, FP8, NVFP4 and MXFP4 as they are, dINT and dual grain through exact "
                "integer carriers",
            .loaders = {"transformers", "vLLM", "SGLang"},
            .params = {},
            .check = check_compressed_tensors,
            .open = open_compressed_tensors,
            .stored = stored_as_compressed_tensors,
            .read_back = read_back_folder,
        },
        {
            .name = "gptq",
            .label = "GPTQ",
            .help =
                "INT2, 3, 4 and 8 weights with float16 scales, one scheme for all linears: GPTQModel's and AutoGPTQ's "
                "layout",
            .loaders = {"GPTQModel", "transformers", "vLLM", "SGLang"},
            .params = {},
            .check = check_gptq,
            .open = open_gptq,
            .stored = stored_as_gptq,
            .read_back = read_back_folder,
        },
        {
            .name = "awq",
            .label = "AWQ",
            .help =
                "INT4 weights with float16 scales, one scheme for all linears: the layout of AutoAWQ's gemm kernels",
            .loaders = {"vLLM", "SGLang", "transformers"},
            .params = {},
            .check = check_awq,
            .open = open_awq,
            .stored = stored_as_awq,
            .read_back = read_back_folder,
        },
        {
            .name = "gguf",
            .label = "GGUF (llama.cpp)",
            .help = "one file with its tokenizer; INT, dINT and dual grain with float16 scales in Q4_0 to Q8_0, MXFP4, "
                    "and what is not quantized as it is stored",
            .loaders = {"llama.cpp", "Ollama", "transformers"},
            .params = {},
            .one_file = true,
            .check = check_gguf,
            .open = open_gguf_folder,
            .stored = stored_as_gguf,
            .read_back = read_back_folder,
        },
        {
            .name = "qserve",
            .label = "QServe W4A8",
            .help = "the dual grain in groups of 128 (dual128:f16), in the tiles of QServe's kernel; for servers of "
                    "2024 to mid-2026",
            .loaders = {"SGLang (to mid-2026)"},
            .params = {},
            .check = check_qserve,
            .open = open_qserve,
            .stored = stored_as_qserve,
            .read_back = read_back_folder,
        },
        {
            .name = "packed",
            .label = "Graticule packed (lossless)",
            .help =
                "every format at its true size, dINT, dual grain, kept channels and low-rank terms included; read by "
                "Graticule and by the sixty lines of Python in docs/packed",
            .loaders = {"Graticule"},
            .params = {},
            .holds = {Stage::keep, Stage::compensate},
            .check = check_packed,
            .open = open_packed,
            .stored = stored_as_packed,
            .read_back = read_back_folder,
        },
    }};
    return rows;
}

const Exporter& exporter_named(std::string_view name) {
    std::string known;
    for (const Exporter& exporter : all_exporters()) {
        if (exporter.name == name) return exporter;
        known += (known.empty() ? "" : ", ") + std::string(exporter.name);
    }
    throw Error(ErrorKind::usage, "exporter \"" + std::string(name) + "\" is not known; there is: " + known);
}

LayerChoices choices_of(const QuantizedModel& model) {
    LayerChoices choices;
    for (const auto& linear : model.linears) choices.push_back(linear ? std::optional(linear->choice) : std::nullopt);
    return choices;
}

} // namespace graticule
