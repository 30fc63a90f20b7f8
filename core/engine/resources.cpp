#include "core/engine/resources.h"

#include <cstdlib>
#include <system_error>

#include "core/base/error.h"

namespace graticule {
namespace {

std::filesystem::path program_folder() {
    std::error_code ignored;
    return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
}

bool holds_resources(const std::filesystem::path& folder) {
    std::error_code ignored;
    return std::filesystem::is_directory(folder / "samples", ignored);
}

std::vector<std::filesystem::path> candidates() {
    std::vector<std::filesystem::path> places;
    if (const char* set = std::getenv("GRATICULE_RESOURCES"); set && *set) places.emplace_back(set);
    const std::filesystem::path program = program_folder();
    places.push_back((program / "../share/graticule").lexically_normal());
    places.push_back((program / "../../resources").lexically_normal()); // build/bin/ and build/tests/ of a source tree
#ifdef GRATICULE_SOURCE_RESOURCES
    places.emplace_back(GRATICULE_SOURCE_RESOURCES); // a build folder elsewhere
#endif
    return places;
}

} // namespace

std::filesystem::path resource_folder() {
    std::string looked;
    for (const std::filesystem::path& place : candidates()) {
        if (holds_resources(place)) return place;
        looked += (looked.empty() ? "" : ", ") + place.string();
    }
    throw Error(ErrorKind::bad_input, "the sample models and texts were not found (looked in " + looked +
                                          "); set GRATICULE_RESOURCES to the folder that holds samples/");
}

std::vector<SampleModel> sample_models() {
    std::vector<SampleModel> samples;
    for (const char* name : {"sample-opt", "sample-llama"}) {
        const std::filesystem::path path = resource_folder() / "samples" / name;
        if (std::filesystem::is_directory(path)) samples.push_back({name, path});
    }
    return samples;
}

std::filesystem::path resolve_model_path(const std::string& name_or_path) {
    if (name_or_path != "sample-opt" && name_or_path != "sample-llama") return name_or_path;
    std::error_code ignored;
    if (std::filesystem::exists(name_or_path, ignored)) return name_or_path;
    return resource_folder() / "samples" / name_or_path;
}

Corpus load_text(const std::string& path, BuiltInText which, TextRule rule) {
    if (!path.empty()) return load_corpus(path, rule);
    const std::string word = which == BuiltInText::calibration ? "calibration" : "evaluation";
    const std::filesystem::path file = resource_folder() / "samples" / "text" / (word + ".txt");
    Corpus corpus = load_corpus(file, rule);
    corpus.name = "built-in " + word + " text";
    return corpus;
}

} // namespace graticule
