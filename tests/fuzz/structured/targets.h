// What is fuzzed: each target makes a sound document, changes a few of its parts and reads it as the program does.
// Refusing is fine, by an Error that blames the file; anything else comes through as it was thrown.
#pragma once

#include <filesystem>
#include <span>

#include "tests/fuzz/structured/decisions.h"

namespace graticule::fuzz {

struct Target {
    const char* name;
    /// Whether the input got as far as a model that was built, a text that was encoded, a recipe, session or journal
    /// that was taken. The first choice is which document it is made from; without a second one it stays sound.
    /// `scratch` is a folder of this thread's own.
    bool (*run)(Decisions& decide, const std::filesystem::path& scratch);
};

/// GGUF, safetensors with configuration and index, quantized checkpoints, tokenizer.json, tasks, recipe: what needs no
/// window.
[[nodiscard]] std::span<const Target> engine_targets();
/// Session, journal and what is said to a worker and by it.
[[nodiscard]] std::span<const Target> window_targets();

} // namespace graticule::fuzz
