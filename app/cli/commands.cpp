#include <algorithm>
#include <array>
#include <vector>

#include "app/cli/command.h"

namespace graticule::cli {

std::span<const Command> all_commands() {
    static constexpr std::array with_torch{
        Command{"calibrate", "Look", "Statistics of every linear's input, worst first", declare_calibrate},
        Command{"logits", "Look", "Logits of given token ids", declare_logits},
        Command{"quantize", "Work", "Quantize, and report what it cost each layer", declare_quantize},
        Command{"eval", "Work", "Perplexity of a model, or of a recipe on it", declare_eval},
        Command{"compare", "Work", "Several recipes on one text, with paired differences", declare_compare},
        Command{"task", "Work", "Right answers to PIQA, HellaSwag, MMLU and others, and which a recipe changes",
                declare_task},
        Command{"generate", "Work", "A prompt continued by a model, and beside it under a recipe", declare_generate},
        Command{"sensitivity", "Look", "Which linears suffer from which scheme: predicted from gradients, and measured",
                declare_sensitivity},
        Command{"search", "Work", "The recipe under a budget of size, and whether it beats treating all layers alike",
                declare_search},
        Command{"slac", "Work", "How much the calibration length matters to a model, and which to take", declare_slac},
        Command{"speed", "Work", "Time and memory of forward passes by length, with the kernels there are",
                declare_speed},
        Command{"export", "Work", "Quantize and write the model for other programs", declare_export},
        Command{"run", "Work", "All of it from a recipe: model, figures and report in one folder", declare_run},
        Command{"worker", "Work", "Evaluations asked for by eval --worker or a window on another machine",
                declare_worker},
        Command{"methods", "Lists", "Quantization methods and their parameters", declare_methods},
        Command{"exporters", "Lists", "What a quantized model can be written as, and who reads it", declare_exporters},
        Command{"selftest", "Checks", "This machine's kernels against the CPU reference", declare_selftest},
    };
    static const std::vector<Command> rows = [] {
        const auto without = commands_without_torch();
        std::vector<Command> all(without.begin(), without.end());
        all.insert(all.end(), with_torch.begin(), with_torch.end());
        static constexpr std::array<std::string_view, 4> groups{"Look", "Work", "Lists",
                                                                "Checks"}; // as the help has them
        std::ranges::stable_sort(all, {}, [](const Command& row) { return std::ranges::find(groups, row.group); });
        return all;
    }();
    return rows;
}

} // namespace graticule::cli
