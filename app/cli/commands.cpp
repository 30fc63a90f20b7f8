#include <array>

#include "app/cli/command.h"

namespace graticule::cli {

std::span<const Command> all_commands() {
    static constexpr std::array rows{
        Command{"info", "Look", "What a model is: configuration, linears, sizes, where scales may be folded",
                declare_info},
        Command{"calibrate", "Look", "Statistics of every linear's input, worst first", declare_calibrate},
        Command{"tokenize", "Look", "Token ids of a text, and back", declare_tokenize},
        Command{"logits", "Look", "Logits of given token ids", declare_logits},
        Command{"quantize", "Work", "Quantize, and report what it cost each layer", declare_quantize},
        Command{"eval", "Work", "Perplexity of a model, or of a recipe on it", declare_eval},
        Command{"compare", "Work", "Several recipes on one text, with paired differences", declare_compare},
        Command{"slac", "Work", "How much the calibration length matters to a model, and which to take", declare_slac},
        Command{"export", "Work", "Quantize and write the model for other programs", declare_export},
        Command{"run", "Work", "All of it from a recipe: model, figures and report in one folder", declare_run},
        Command{"formats", "Lists", "Number formats", declare_formats},
        Command{"methods", "Lists", "Quantization methods and their parameters", declare_methods},
        Command{"presets", "Lists", "Recipes with a name, and where they come from", declare_presets},
        Command{"families", "Lists", "Model architectures that are understood", declare_families},
        Command{"exporters", "Lists", "What a quantized model can be written as, and who reads it", declare_exporters},
        Command{"selftest", "Checks", "This machine's kernels against the CPU reference", declare_selftest},
    };
    return rows;
}

} // namespace graticule::cli
