#include "core/io/hash_cache.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/io/json_file.h"
#include "core/io/output_file.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int entry_version = 1; // of the form of an entry; another one is computed again

/// As the XDG Base Directory Specification says: a relative path in the variable is ignored.
std::optional<fs::path> cache_folder() {
    const auto absolute = [](const char* variable) -> std::optional<fs::path> {
        const char* value = std::getenv(variable);
        if (value == nullptr || *value != '/') return std::nullopt;
        return fs::path(value);
    };
    if (const auto cache = absolute("XDG_CACHE_HOME")) return *cache / "graticule" / "hashes";
    if (const auto home = absolute("HOME")) return *home / ".cache" / "graticule" / "hashes";
    return std::nullopt;
}

std::string full_name(const fs::path& file) { return fs::absolute(file).lexically_normal().string(); }

std::optional<fs::path> entry_of(const std::string& name) {
    const auto folder = cache_folder();
    if (!folder) return std::nullopt;
    return *folder / (sha256_hex(name).substr(0, 32) + ".json");
}

json entry_json(const std::string& name, const FileStamp& stamp, const std::string& hash) {
    return {{"version", entry_version},         {"path", name},         {"bytes", stamp.bytes},
            {"modified_ns", stamp.modified_ns}, {"inode", stamp.inode}, {"sha256", hash}};
}

bool is_hash(const std::string& text) {
    return text.size() == 64 && std::all_of(text.begin(), text.end(),
                                            [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

} // namespace

std::optional<std::string> remembered_hash(const fs::path& file, const FileStamp& stamp) {
    const std::string name = full_name(file);
    const auto entry = entry_of(name);
    std::error_code unknown;
    if (!entry || !fs::is_regular_file(*entry, unknown)) return std::nullopt;
    try {
        const json there = read_json_file(*entry);
        const auto hash = there.at("sha256").get<std::string>();
        if (!is_hash(hash) || there != entry_json(name, stamp, hash)) return std::nullopt;
        return hash;
    } catch (const Error&) { // damaged: as if it were not there
        return std::nullopt;
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

void remember_hash(const fs::path& file, const FileStamp& stamp, const std::string& hash) {
    const std::string name = full_name(file);
    const auto entry = entry_of(name);
    if (!entry) return;
    std::error_code failed;
    fs::create_directories(entry->parent_path(), failed);
    if (failed) return;
    (void)sweep_leftovers(entry->parent_path());
    try {
        atomic_write_file(*entry, entry_json(name, stamp, hash).dump());
    } catch (const Error&) {
        return; // stated above
    } catch (const json::exception&) {
        return; // a path that is no UTF-8
    }
}

} // namespace graticule
