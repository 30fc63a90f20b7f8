// The Hugging Face cache on disk: models--org--name/{refs,snapshots,blobs}. Read only, never online.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace graticule {

/// $HF_HUB_CACHE, else $HUGGINGFACE_HUB_CACHE, else $HF_HOME/hub, else the default below the home folder.
[[nodiscard]] std::filesystem::path hub_cache_folder();

/// "org/name" or "name", as on the hub.
[[nodiscard]] bool is_repo_id(const std::string& text);

/// The model's folder in the cache, if it is there.
[[nodiscard]] std::optional<std::filesystem::path> find_in_hub_cache(const std::string& repo_id);

[[nodiscard]] bool is_hub_repo_folder(const std::filesystem::path& folder);

/// The snapshot that refs/main names; without that file, the only snapshot. Throws Error{bad_input} otherwise: never
/// "any" snapshot.
[[nodiscard]] std::filesystem::path hub_snapshot(const std::filesystem::path& repo_folder);

/// Throws Error{bad_input} when `file` in a snapshot is a link that leaves its repository's folder. Files elsewhere may
/// be any link.
void check_hub_link(const std::filesystem::path& file);

} // namespace graticule
