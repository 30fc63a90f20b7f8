#include "tests/faults/cut_model.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/io/safetensors.h"

namespace graticule::faults {
namespace {

namespace fs = std::filesystem;

constexpr int blocks = 2, tokens = 512, positions = 128;

using Json = nlohmann::ordered_json; // Qt's own drops a byte order mark, which is a token of sample-llama

Json read_json(const fs::path& file) {
    std::ifstream in(file);
    return Json::parse(in);
}

Json cut_config(Json config) {
    for (const char* width : {"hidden_size", "word_embed_proj_dim", "ffn_dim", "intermediate_size", "head_dim"})
        if (config.contains(width)) config[width] = config[width].get<int>() / 4;
    config["num_hidden_layers"] = blocks;
    config["vocab_size"] = tokens;
    config["max_position_embeddings"] = positions;
    return config;
}

Json cut_tokenizer(Json tokenizer) {
    Json vocabulary = Json::object(), merges = Json::array();
    for (const auto& [token, id] : tokenizer["model"]["vocab"].items())
        if (id.get<int>() < tokens) vocabulary[token] = id;
    for (const Json& merge : tokenizer["model"]["merges"]) {
        std::string joined;
        if (merge.is_array()) {
            joined = merge[0].get<std::string>() + merge[1].get<std::string>();
        } else {
            joined = merge.get<std::string>();
            joined.erase(joined.find(' '), 1);
        }
        if (vocabulary.contains(joined)) merges.push_back(merge);
    }
    tokenizer["model"]["vocab"] = std::move(vocabulary);
    tokenizer["model"]["merges"] = std::move(merges);
    return tokenizer;
}

bool belongs_to_a_cut_block(const std::string& name) {
    const auto at = name.find("layers.");
    return at != std::string::npos && std::stoi(name.substr(at + std::string("layers.").size())) >= blocks;
}

/// What is left of an extent; positions of OPT have two more rows than positions.
std::int64_t cut_extent(std::int64_t extent, std::int64_t vocabulary, std::int64_t all_positions) {
    if (extent == vocabulary) return tokens;
    if (extent >= all_positions) return positions + extent - all_positions;
    return extent / 4;
}

} // namespace

void cut_model(const std::string& sample, const fs::path& folder) {
    const fs::path from = fs::path(GRATICULE_SOURCE_DIR "/resources/samples") / sample;
    fs::create_directories(folder);
    const Json config = read_json(from / "config.json");
    const std::int64_t vocabulary = config["vocab_size"], all_positions = config["max_position_embeddings"];
    std::ofstream(folder / "config.json") << cut_config(config);
    std::ofstream(folder / "tokenizer.json") << cut_tokenizer(read_json(from / "tokenizer.json"));

    const auto file = SafetensorsFile::open(from / "model.safetensors");
    std::vector<SafetensorsSpec> specs;
    for (const SafetensorsEntry& entry : file->entries()) {
        if (belongs_to_a_cut_block(entry.name)) continue;
        SafetensorsSpec spec{entry.name, *entry.dtype, entry.shape};
        for (std::int64_t& extent : spec.shape) extent = cut_extent(extent, vocabulary, all_positions);
        specs.push_back(std::move(spec));
    }
    SafetensorsWriter writer(folder / "model.safetensors", specs);
    for (const SafetensorsSpec& spec : specs) {
        const HostTensor whole = file->tensor(spec.name);
        const auto element = whole.bytes.size() / static_cast<std::size_t>(element_count(whole.shape));
        const auto row = static_cast<std::size_t>(whole.columns()) * element; // a vector's elements are rows
        const auto kept = spec.shape.size() < 2 ? element : static_cast<std::size_t>(spec.shape[1]) * element;
        for (std::int64_t i = 0; i < spec.shape.front(); ++i)
            writer.write(spec.name, whole.bytes.subspan(static_cast<std::size_t>(i) * row, kept));
    }
    writer.finish();
}

} // namespace graticule::faults
