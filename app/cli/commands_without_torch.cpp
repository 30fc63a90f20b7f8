#include <array>

#include "app/cli/command.h"

namespace graticule::cli {

std::span<const Command> commands_without_torch() {
    static constexpr std::array rows{
        Command{"info", "Look", "What a model is: configuration, linears, sizes, where scales may be folded",
                declare_info},
        Command{"tokenize", "Look", "Token ids of a text, and back", declare_tokenize},
        Command{"formats", "Lists", "Number formats", declare_formats},
        Command{"presets", "Lists", "Recipes with a name, and where they come from", declare_presets},
        Command{"families", "Lists", "Model architectures that are understood", declare_families},
    };
    return rows;
}

} // namespace graticule::cli
