#include "tests/faults/cut_model.h"

#include <QtCore/QFile>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <algorithm>
#include <map>
#include <vector>

#include "core/io/safetensors.h"

namespace graticule::faults {
namespace {

namespace fs = std::filesystem;

constexpr int blocks = 2, tokens = 512, positions = 128;

QJsonObject read_object(const fs::path& file) {
    QFile in(QString::fromStdString(file.string()));
    if (!in.open(QIODevice::ReadOnly)) qFatal("%s cannot be read", file.c_str());
    return QJsonDocument::fromJson(in.readAll()).object();
}

void write_object(const fs::path& file, const QJsonObject& object) {
    QFile out(QString::fromStdString(file.string()));
    if (!out.open(QIODevice::WriteOnly)) qFatal("%s cannot be written", file.c_str());
    out.write(QJsonDocument(object).toJson());
}

QJsonObject cut_config(QJsonObject config) {
    for (const char* width : {"hidden_size", "word_embed_proj_dim", "ffn_dim", "intermediate_size", "head_dim"})
        if (config.contains(width)) config[width] = config[width].toInt() / 4;
    config["num_hidden_layers"] = blocks;
    config["vocab_size"] = tokens;
    config["max_position_embeddings"] = positions;
    return config;
}

QJsonObject cut_tokenizer(QJsonObject tokenizer) {
    QJsonObject model = tokenizer["model"].toObject(), vocabulary = model["vocab"].toObject();
    for (const QString& token : vocabulary.keys())
        if (vocabulary[token].toInt() >= tokens) vocabulary.remove(token);
    QJsonArray merges;
    for (const QJsonValue& merge : model["merges"].toArray()) {
        const QString left = merge.isArray() ? merge[0].toString() : merge.toString().section(' ', 0, 0);
        const QString right = merge.isArray() ? merge[1].toString() : merge.toString().section(' ', 1, 1);
        if (vocabulary.contains(left + right)) merges.append(merge);
    }
    model["vocab"] = vocabulary;
    model["merges"] = merges;
    tokenizer["model"] = model;
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
    const QJsonObject config = read_object(from / "config.json");
    write_object(folder / "config.json", cut_config(config));
    write_object(folder / "tokenizer.json", cut_tokenizer(read_object(from / "tokenizer.json")));

    const auto file = SafetensorsFile::open(from / "model.safetensors");
    std::vector<SafetensorsSpec> specs;
    for (const SafetensorsEntry& entry : file->entries()) {
        if (belongs_to_a_cut_block(entry.name)) continue;
        SafetensorsSpec spec{entry.name, *entry.dtype, entry.shape};
        for (std::int64_t& extent : spec.shape)
            extent = cut_extent(extent, config["vocab_size"].toInt(), config["max_position_embeddings"].toInt());
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
