// A Hugging Face checkpoint as its parts: configuration, safetensors headers (one file, or two with their index) and
// data; changed one by one and written as they then are, right or wrong.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/fuzz/structured/json_mutator.h"

namespace graticule::fuzz {

struct ModelFolder {
    struct Shard {
        std::string name;
        Json header; ///< {tensor: {dtype, shape, data_offsets}}
        std::string data;
        std::int64_t length_error = 0; ///< added to the header's length as it is said
    };
    Json config, index; ///< no index: null
    std::vector<Shard> shards;

    void mutate(Decisions& decide);
    void mutate_mildly(Decisions& decide);
    /// Over what an earlier one left there.
    void write(const std::filesystem::path& folder, Decisions& decide) const;
};

/// A model of width 8 that opens: "llama", "opt", "gpt2"; in one file, or with an index in two.
[[nodiscard]] ModelFolder tiny_model(const std::string& family, bool sharded);

} // namespace graticule::fuzz
