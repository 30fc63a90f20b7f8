#include "core/io/hub_cache.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/io/json_file.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> environment(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
}

fs::path expand_home(const std::string& text) {
    if (text == "~" || text.starts_with("~/"))
        if (const auto home = environment("HOME")) return fs::path(*home + text.substr(1));
    return text;
}

bool is_commit(std::string_view text) {
    return text.size() == 40 && std::all_of(text.begin(), text.end(),
                                            [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_repo_name(std::string_view part) {
    constexpr std::string_view punctuation = "_.-";
    return !part.empty() && part.size() <= 96 && std::all_of(part.begin(), part.end(), [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               punctuation.find(c) != std::string_view::npos;
    });
}

std::string trimmed(std::string text) {
    while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) != std::string_view::npos) text.pop_back();
    return text;
}

bool lies_within(const fs::path& inner, const fs::path& outer) {
    return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

} // namespace

fs::path hub_cache_folder() {
    if (const auto set = environment("HF_HUB_CACHE")) return expand_home(*set);
    if (const auto set = environment("HUGGINGFACE_HUB_CACHE")) return expand_home(*set);
    if (const auto set = environment("HF_HOME")) return expand_home(*set) / "hub";
    if (const auto set = environment("XDG_CACHE_HOME")) return expand_home(*set) / "huggingface" / "hub";
    return expand_home("~/.cache/huggingface/hub");
}

bool is_repo_id(const std::string& text) {
    if (text.find("--") != std::string::npos || text.find("..") != std::string::npos || text.ends_with(".git"))
        return false;
    const auto slash = text.find('/');
    if (slash == std::string::npos) return is_repo_name(text);
    return is_repo_name(std::string_view(text).substr(0, slash)) &&
           is_repo_name(std::string_view(text).substr(slash + 1));
}

std::optional<fs::path> find_in_hub_cache(const std::string& repo_id) {
    std::string name = "models--";
    for (const char c : repo_id) name += c == '/' ? std::string("--") : std::string(1, c);
    const fs::path folder = hub_cache_folder() / name;
    if (!is_hub_repo_folder(folder)) return std::nullopt;
    return folder;
}

bool is_hub_repo_folder(const fs::path& folder) { return fs::is_directory(folder / "snapshots"); }

fs::path hub_snapshot(const fs::path& repo_folder) {
    const fs::path reference = repo_folder / "refs" / "main";
    if (fs::exists(reference)) {
        const std::string commit = trimmed(read_text_file(reference, 4096));
        if (!is_commit(commit))
            throw Error(ErrorKind::bad_input, reference.string() + " does not hold a commit (40 hexadecimal digits)");
        const fs::path snapshot = repo_folder / "snapshots" / commit;
        if (!fs::is_directory(snapshot))
            throw Error(ErrorKind::bad_input, repo_folder.string() + ": refs/main names snapshot " + commit +
                                                  ", which is not there; the download is incomplete, repeat it");
        return snapshot;
    }
    std::vector<fs::path> snapshots;
    for (const auto& entry : fs::directory_iterator(repo_folder / "snapshots"))
        if (entry.is_directory() && is_commit(entry.path().filename().string())) snapshots.push_back(entry.path());
    if (snapshots.size() == 1) return snapshots.front();
    throw Error(ErrorKind::bad_input, repo_folder.string() + " has no refs/main and " +
                                          std::to_string(snapshots.size()) +
                                          " snapshots; open one of the folders below snapshots/");
}

void check_hub_link(const fs::path& file) {
    const fs::path snapshots = fs::absolute(file).lexically_normal().parent_path().parent_path();
    if (snapshots.filename() != "snapshots") return;
    const fs::path repo = fs::weakly_canonical(snapshots.parent_path());
    const fs::path target = fs::weakly_canonical(file);
    if (!lies_within(target, repo))
        throw Error(ErrorKind::bad_input, file.string() + " is a link to " + target.string() +
                                              ", outside its repository's folder " + repo.string() +
                                              "; it is not followed");
}

} // namespace graticule
