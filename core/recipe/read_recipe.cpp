#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "core/recipe/presets.h"
#include "core/recipe/recipe.h"
#include "core/recipe/recipe_text.h"

namespace graticule {

namespace {

constexpr std::uintmax_t largest_recipe = 16U << 20U;

Recipe read_file(const std::filesystem::path& path) {
    std::error_code status;
    const std::uintmax_t size = std::filesystem::file_size(path, status);
    std::ifstream file(path, std::ios::binary);
    if (status || !file) throw Error(ErrorKind::bad_input, "recipe " + path.string() + " cannot be read");
    if (size > largest_recipe)
        throw Error(ErrorKind::bad_input, "recipe " + path.string() + " has " + std::to_string(size) +
                                              " bytes; a recipe has at most " + std::to_string(largest_recipe));
    std::ostringstream text;
    text << file.rdbuf();
    try {
        const std::string suffix = path.extension().string();
        return suffix == ".txt" || suffix == ".recipe" ? parse_recipe_text(text.str()) : parse_recipe(text.str());
    } catch (Error& error) {
        error.add_context("reading recipe " + path.string());
        throw;
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
    std::error_code ignored;
    if (std::filesystem::is_regular_file(file_or_line, ignored)) return read_file(file_or_line);
    if (std::filesystem::is_directory(file_or_line, ignored))
        throw Error(ErrorKind::bad_input,
                    "recipe \"" + file_or_line + "\" is a folder; name the recipe file in it (a run's is recipe.json)");
    const bool looks_like_line = file_or_line.find_first_of("=: ") != std::string::npos || file_or_line == "none";
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
