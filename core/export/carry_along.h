// The files beside the weights that a client needs: tokenizer, generation defaults, chat template, licence.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/diagnostics.h"
#include "core/model/model.h"

namespace graticule {

/// Names of those that are in `model_folder`.
[[nodiscard]] std::vector<std::string> companion_files(const std::filesystem::path& model_folder);
/// Copies them from `model_folder`; returns the names.
std::vector<std::string> carry_along(const std::filesystem::path& model_folder, const std::filesystem::path& folder);

/// Licences and notices alone: for containers that hold the rest themselves.
void carry_licences(const std::filesystem::path& model_folder, const std::filesystem::path& folder);

[[nodiscard]] bool has_tokenizer_files(const std::filesystem::path& model_folder);

/// What the model's config.json says in words of our own (GGUF files, core/io/gguf/gguf_config.cpp), which other
/// programs pass over: errors with the way out.
void check_config_for_others(const Model& model, Diagnostics& found);

/// What is missing of the rest of a folder that takes everything but the linears from the model's own: its checkpoint
/// (an error), tokenizer files (a warning; `consequence` ends it).
void check_model_folder(const Model& model, Diagnostics& found, std::string_view consequence = "; clients need them");

} // namespace graticule
