// A Hugging Face checkpoint as its parts: configuration, safetensors headers (one file, or two with their index) and
// data; changed one by one and written as they then are, right or wrong.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
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
    Json config;
    Json index;           ///< null: none
    Json quantize_config; ///< AutoGPTQ's file beside the configuration; null: none
    std::vector<Shard> shards;

    void mutate(Decisions& decide);
    void mutate_mildly(Decisions& decide);
    /// Over what an earlier one left there.
    void write(const std::filesystem::path& folder, Decisions& decide) const;

private:
    Json& config_to_change(Decisions& decide);
};

/// What streams do, without their cost: there are millions of these.
void put(const std::filesystem::path& file, std::string_view bytes);

/// A model of width 8 that opens: "llama", "opt", "gpt2"; in one file, or with an index in two.
[[nodiscard]] ModelFolder tiny_model(const std::string& family, bool sharded);
/// The same with linears of 4 bits: GPTQ, AWQ, AutoGPTQ with its own file, compressed-tensors.
[[nodiscard]] std::vector<ModelFolder> quantized_models();

} // namespace graticule::fuzz
