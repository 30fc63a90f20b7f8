#include "core/engine/job_files.h"

#include <algorithm>
#include <string_view>
#include <sys/stat.h>
#include <system_error>

#include "core/base/error.h"
#include "core/export/carry_along.h"
#include "core/export/staged_dir.h"
#include "core/export/unplaced.h"
#include "core/io/before_output.h"
#include "core/io/checkpoint.h"
#include "core/model/model.h"

namespace graticule {

namespace fs = std::filesystem;

namespace {
/// A lone .gguf may lie in a folder of anything.
bool is_model_folder(const fs::path& folder) {
    std::error_code unknown;
    return fs::exists(folder / "config.json", unknown);
}

bool is_of_a_model(const std::string& name) {
    constexpr std::string_view endings[] = {".safetensors", ".gguf", ".bin", ".model", ".json", ".jinja"};
    return std::ranges::any_of(endings, [&](std::string_view ending) { return name.ends_with(ending); });
}

void tell_swept(const std::function<void(const std::string&)>& tell, const fs::path& gone) {
    if (tell) tell("note: " + gone.string() + " was left by a run that was killed, and is removed");
}
} // namespace

JobFiles::JobFiles(std::function<void(const std::string&)> tell)
    : tell_(std::move(tell)) {}

std::optional<JobFiles::Identity> JobFiles::identity_of(const fs::path& path) {
    struct stat found = {};
    if (::stat(path.c_str(), &found) != 0) return std::nullopt;
    return Identity{found.st_dev, found.st_ino};
}

bool JobFiles::lies_in(const Entry& file, const Entry& folder) {
    if (!folder.folder || !folder.identity) return false;
    for (fs::path above = file.path; above.has_relative_path(); above = above.parent_path())
        if (identity_of(above) == folder.identity) return true;
    return false;
}

bool JobFiles::same(const Entry& a, const Entry& b) {
    if (a.identity || b.identity) return a.identity == b.identity;
    return a.path == b.path;
}

void JobFiles::refuse(const Entry& output, const Entry& other, bool other_is_read) {
    const std::string relation = other_is_read ? " is read as " : " is written as ";
    throw Error(ErrorKind::usage, output.what + ": " + output.path.string() + (output.folder ? " holds what" : "") +
                                      relation + other.what + "; choose another place for the output");
}

void JobFiles::reads(const std::string& what, const fs::path& file) {
    const std::optional<Identity> identity = file.empty() ? std::nullopt : identity_of(file);
    if (!identity) return; // reading it will say so
    std::error_code unknown;
    if (!fs::is_regular_file(file, unknown)) return;
    inputs_.push_back({what, fs::canonical(file, unknown), identity});
    for (const Entry& output : outputs_)
        if (same(output, inputs_.back()) || lies_in(inputs_.back(), output)) refuse(output, inputs_.back(), true);
}

void JobFiles::reads_model(const Model& model) {
    const auto& checkpoint = model.parts().checkpoint;
    if (!checkpoint) return;
    model_ = checkpoint;
    for (const fs::path& file : checkpoint->files()) reads("the model", file);
    for (const std::string& name : companion_files(checkpoint->folder()))
        reads("the model", checkpoint->folder() / name);
    std::error_code unknown;
    if (!is_model_folder(checkpoint->folder())) return;
    for (const fs::directory_entry& entry : fs::directory_iterator(checkpoint->folder(), unknown))
        if (is_of_a_model(entry.path().filename().string())) reads("the model", entry.path());
    for (const Entry& output : outputs_) refuse_name_of(*checkpoint, output);
}

/// One that is not there is none of the model's files, and would be the next time that something loads it.
void JobFiles::refuse_name_of(const Checkpoint& model, const Entry& output) {
    const Entry folder{"the model", {}, identity_of(model.folder()), true};
    if (!output.folder && is_model_folder(model.folder()) && lies_in(output, folder) &&
        is_of_a_model(output.path.filename().string()))
        throw Error(ErrorKind::usage, output.what + ": " + output.path.string() +
                                          " lies in the model's own folder, under a name that loaders read; choose "
                                          "another place for the output");
}

void JobFiles::writes_to_stream(const std::string& what, int descriptor) {
    struct stat found = {};
    if (::fstat(descriptor, &found) != 0 || !S_ISREG(found.st_mode)) return;
    std::error_code unknown;
    const fs::path name = fs::read_symlink("/proc/self/fd/" + std::to_string(descriptor), unknown);
    add_output({what, name, Identity{found.st_dev, found.st_ino}});
}

void JobFiles::writes(const std::string& what, const fs::path& file, WritingOrder order) {
    if (file.empty()) return;
    const fs::path place = output_place(file);
    std::error_code unknown;
    const fs::file_status status = fs::status(place, unknown);
    const bool stays = !fs::exists(status) || fs::is_regular_file(status); // a device may be written to twice
    if (stays) add_output({what, place, identity_of(place)});
    check_output_file(file, order);
    tell_leftovers(place);
    if (!stays) return;
    claims_.emplace_back(place, Claim::Kind::file);
    check_room(place, 1, claims_.size()); // for all of them, now that each claim has a file of its own
}

void JobFiles::writes_folder(const std::string& what, const fs::path& folder) {
    const fs::path place = output_place(folder);
    add_output({what, place, identity_of(place), true});
    tell_leftovers(place);
    for (const fs::path& gone : sweep_unplaced(place)) tell_swept(tell_, gone);
    for (const fs::path& kept : kept_beside(place))
        if (tell_) tell_("note: " + kept.string() + " was kept by an earlier run; remove it when it is not needed");
    claims_.emplace_back(place, Claim::Kind::folder);
}

void JobFiles::add_output(Entry entry) {
    for (const Entry& input : inputs_)
        if (same(entry, input) || lies_in(input, entry)) refuse(entry, input, true);
    for (const Entry& output : outputs_)
        if (same(entry, output) || lies_in(output, entry) || lies_in(entry, output)) refuse(entry, output, false);
    if (model_) refuse_name_of(*model_, entry);
    outputs_.push_back(std::move(entry));
}

void JobFiles::tell_leftovers(const fs::path& place) {
    for (const fs::path& gone : sweep_leftovers(place.parent_path())) tell_swept(tell_, gone);
}

} // namespace graticule
