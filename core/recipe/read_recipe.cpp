#include <filesystem>

#include "core/base/error.h"
#include "core/io/json_file.h"
#include "core/recipe/presets.h"
#include "core/recipe/recipe.h"
#include "core/recipe/recipe_text.h"

namespace graticule {

namespace {

constexpr std::size_t largest_recipe = std::size_t{16} << 20;

Recipe read_file(const std::filesystem::path& path) {
    try {
        const std::string suffix = path.extension().string(), text = read_text_file(path, largest_recipe);
        return suffix == ".txt" || suffix == ".recipe" ? parse_recipe_text(text) : parse_recipe(text);
    } catch (const Error& error) {
        throw Error(error.info().kind, "recipe " + path.string() + ": " + error.info().message);
    }
}

std::string preset_names() {
    std::string names;
    for (const Preset& preset : all_presets()) names += (names.empty() ? "" : ", ") + std::string(preset.name);
    return names;
}

} // namespace

Recipe read_recipe(const std::string& file_or_line) {
    if (file_or_line.find_first_not_of(' ') == std::string::npos)
        throw Error(ErrorKind::usage, "the recipe is empty; write a line such as \"w=int4/asym/g128\", a preset's name "
                                      "or a file, or \"none\" for no quantization");
    if (const Preset* preset = find_preset(file_or_line)) return recipe_of(*preset);
    if (file_or_line.starts_with('{')) return parse_recipe(file_or_line);
    std::error_code ignored, unreadable;
    if (std::filesystem::is_regular_file(file_or_line, ignored)) return read_file(file_or_line);
    if (std::filesystem::is_directory(file_or_line, ignored))
        throw Error(ErrorKind::bad_input,
                    "recipe \"" + file_or_line + "\" is a folder; name the recipe file in it (a run's is recipe.json)");
    const bool looks_like_line = file_or_line.find_first_of("=: ") != std::string::npos || file_or_line == "none";
    if (!looks_like_line &&
        std::filesystem::status(file_or_line, unreadable).type() == std::filesystem::file_type::none)
        throw Error(ErrorKind::bad_input, "recipe \"" + file_or_line + "\": cannot be opened: " + unreadable.message());
    if (std::filesystem::exists(file_or_line, ignored))
        throw Error(ErrorKind::bad_input,
                    "recipe \"" + file_or_line + "\" is no regular file (a pipe, say); write it to a file first");
    if (!looks_like_line)
        throw Error(ErrorKind::bad_input, "recipe \"" + file_or_line +
                                              "\": there is no such file, and it is neither a line such as "
                                              "\"w=int4/asym/g128\" nor a preset; presets are " +
                                              preset_names());
    Recipe recipe;
    recipe.defaults = parse_scheme_line(file_or_line);
    return recipe;
}

} // namespace graticule
