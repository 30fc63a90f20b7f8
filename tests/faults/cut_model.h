// A shipped model cut down to its first blocks, the first of its rows and columns and the first of its tokens: nonsense
// as a model, but of the same form, and a job on it takes milliseconds where a campaign runs it ten thousand times.
#pragma once

#include <filesystem>
#include <string>

namespace graticule::faults {

/// Two blocks, a quarter of every width, 512 tokens, 128 positions. `sample`: "sample-opt", "sample-llama".
void cut_model(const std::string& sample, const std::filesystem::path& folder);

} // namespace graticule::faults
