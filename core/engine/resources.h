// What the program ships with: the sample models and the built-in texts, found beside the program.
//
//     auto path = resolve_model_path("sample-opt");       // a sample's folder; anything else comes back as it is
//     Corpus text = load_text("", BuiltInText::evaluation);   // empty: built in
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/io/corpus.h"

namespace graticule {

/// Environment variable GRATICULE_RESOURCES, else ../share/graticule beside the program's folder (installed), else the
/// source tree's resources/ (built there). Throws Error{bad_input} naming the places looked at when there is none.
[[nodiscard]] std::filesystem::path resource_folder();

struct SampleModel {
    std::string name; ///< "sample-opt"
    std::filesystem::path path;
};
[[nodiscard]] std::vector<SampleModel> sample_models();

/// "sample-opt", "sample-llama" to the embedded model's folder, unless a file or
/// folder of that name is there; everything else unchanged.
[[nodiscard]] std::filesystem::path resolve_model_path(const std::string& name_or_path);

enum class BuiltInText { calibration, evaluation };
/// `path` empty: the built-in text, named "built-in calibration text" in results.
[[nodiscard]] Corpus load_text(const std::string& path, BuiltInText which, TextRule rule = TextRule::automatic);

} // namespace graticule
