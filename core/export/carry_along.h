// The files beside the weights that a client needs: tokenizer, generation defaults, chat template, licence.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace graticule {

/// Names of those that are in `model_folder`.
[[nodiscard]] std::vector<std::string> companion_files(const std::filesystem::path& model_folder);
/// Copies them from `model_folder`; returns the names.
std::vector<std::string> carry_along(const std::filesystem::path& model_folder, const std::filesystem::path& folder);

/// Licences and notices alone: for containers that hold the rest themselves.
void carry_licences(const std::filesystem::path& model_folder, const std::filesystem::path& folder);

[[nodiscard]] bool has_tokenizer_files(const std::filesystem::path& model_folder);

} // namespace graticule
