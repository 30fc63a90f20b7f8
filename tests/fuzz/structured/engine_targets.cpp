#include <array>
#include <memory>
#include <vector>

#include "core/base/error.h"
#include "core/export/stored_weights.h"
#include "core/io/checkpoint.h"
#include "core/io/gguf/gguf_checkpoint.h"
#include "core/io/gguf/gguf_file.h"
#include "core/io/text/tokenizer_json.h"
#include "core/model/family.h"
#include "core/recipe/presets.h"
#include "core/recipe/recipe.h"
#include "tests/fuzz/structured/gguf_document.h"
#include "tests/fuzz/structured/json_mutator.h"
#include "tests/fuzz/structured/model_folder.h"
#include "tests/fuzz/structured/targets.h"
#include "tests/fuzz/structured/task_document.h"

namespace graticule::fuzz {
namespace {

namespace fs = std::filesystem;

/// One change as a rule: most inputs shall get through the first checks. None where nothing is left to decide by.
template <class Document>
void change_some(Document& document, Decisions& decide) {
    while (!decide.used_up()) {
        document.mutate(decide);
        if (!decide.one_in(3)) return;
    }
}

template <class Read>
bool reads(Read read) {
    try {
        read();
        return true;
    } catch (const Error& error) {
        if (error.info().kind == ErrorKind::internal) throw; // a mistake of ours, not of the file
        return false;
    }
}

void look_at(const Model& model) {
    for (const Linear& linear : model.linears()) {
        (void)to_floats(linear.weight);
        if (linear.bias) (void)to_floats(*linear.bias);
    }
    (void)to_floats(model.parts().embedding, 0, 1);
}

void encode_some(const Tokenizer& tokenizer) {
    for (const char* text : {"", "hello  <s> he", "a\xE2\x80\x83 \xC3\xA9 12\n\t"})
        (void)tokenizer.decode(tokenizer.encode(text));
}

bool run_gguf(Decisions& decide, const fs::path&) {
    static const std::vector<GgufDocument> seeds{tiny_gguf("llama"), tiny_gguf("qwen2")};
    GgufDocument document = seeds[decide.below(seeds.size())];
    change_some(document, decide);
    const auto bytes = std::make_shared<const std::string>(document.bytes());
    std::shared_ptr<const Checkpoint> checkpoint;
    const bool opened = reads([&] {
        const auto file = GgufFile::from_bytes(std::as_bytes(std::span(bytes->data(), bytes->size())), bytes, "f.gguf");
        checkpoint = make_gguf_checkpoint({file});
    });
    if (!opened) return false;
    const bool encoded = reads([&] { encode_some(*checkpoint->tokenizer()); });
    const bool built = reads([&] { look_at(*build_model(checkpoint, "fuzz")); });
    return encoded || built;
}

/// As the program opens a folder.
bool run_folder(const std::vector<ModelFolder>& seeds, Decisions& decide, const fs::path& scratch) {
    const std::size_t seed = decide.below(seeds.size());
    ModelFolder model = seeds[seed];
    change_some(model, decide);
    const fs::path folder = scratch / std::to_string(seed); // the same files each time
    fs::create_directories(folder);
    model.write(folder, decide);
    return reads([&] { look_at(*build_model(decode_stored_weights(open_checkpoint(folder)), "fuzz")); });
}

bool run_safetensors(Decisions& decide, const fs::path& scratch) {
    static const std::vector<ModelFolder> seeds{tiny_model("llama", false), tiny_model("opt", false),
                                                tiny_model("gpt2", false), tiny_model("llama", true)};
    return run_folder(seeds, decide, scratch / "safetensors");
}

bool run_quantized(Decisions& decide, const fs::path& scratch) {
    static const std::vector<ModelFolder> seeds = quantized_models();
    return run_folder(seeds, decide, scratch / "quantized");
}

bool run_task(Decisions& decide, const fs::path& scratch) {
    static const std::vector<TaskDocument> seeds = task_documents();
    TaskDocument document = seeds[decide.below(seeds.size())];
    change_some(document, decide);
    const TaskFiles files = document.write(scratch, decide);
    return reads([&] {
        const TaskSet set = load_task(*find_task(document.task), files);
        for (const TaskItem& item : set.items)
            if (item.choices.empty() || item.gold >= item.choices.size())
                throw Error(ErrorKind::internal, item.place + " has no right choice");
    });
}

struct JsonDocument {
    Json json;
    void mutate(Decisions& decide) { decide.mildly() ? mutate_mildly(json, decide) : fuzz::mutate(json, decide); }
};

std::vector<JsonDocument> tokenizer_seeds() {
    Json vocabulary = Json::object();
    int next = 0;
    for (int c = 33; c < 127; ++c) vocabulary[std::string(1, static_cast<char>(c))] = next++;
    for (const char* token : {"\xC4\xA0", "\xC4\x8A", "he", "ll", "\xE2\x96\x81", "<unk>"}) vocabulary[token] = next++;
    const Json model = {{"type", "BPE"},
                        {"unk_token", "<unk>"},
                        {"fuse_unk", true},
                        {"vocab", vocabulary},
                        {"merges", {"h e", {"l", "l"}}}};
    const Json added = {
        {{"id", next}, {"content", "<s>"}, {"special", true}},
        {{"id", next + 1}, {"content", "<x>"}, {"lstrip", true}, {"single_word", true}, {"normalized", true}}};
    const auto replace = [](const char* from, const char* to) {
        return Json{{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
    };
    Json byte_level = {
        {"version", "1.0"},
        {"added_tokens", added},
        {"pre_tokenizer",
         {{"type", "Sequence"},
          {"pretokenizers",
           {{{"type", "Digits"}, {"individual_digits", true}}, {{"type", "ByteLevel"}, {"add_prefix_space", false}}}}}},
        {"post_processor",
         {{"type", "TemplateProcessing"},
          {"single", {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}}},
          {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {next}}, {"tokens", {"<s>"}}}}}}}},
        {"decoder", {{"type", "ByteLevel"}}},
        {"model", model}};
    Json fallback = {
        {"added_tokens", added},
        {"normalizer",
         {{"type", "Sequence"},
          {"normalizers",
           {{{"type", "NFKC"}},
            {{"type", "Prepend"}, {"prepend", "\xE2\x96\x81"}},
            replace(" ", "\xE2\x96\x81"),
            {{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}}}}}},
        {"pre_tokenizer",
         {{"type", "Metaspace"}, {"replacement", "\xE2\x96\x81"}, {"prepend_scheme", "first"}, {"split", true}}},
        {"decoder",
         {{"type", "Sequence"},
          {"decoders",
           {replace("\xE2\x96\x81", " "),
            {{"type", "ByteFallback"}},
            {{"type", "Fuse"}},
            {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}}},
        {"model", model}};
    fallback["model"]["byte_fallback"] = true;
    return {{std::move(byte_level)}, {std::move(fallback)}};
}

bool run_tokenizer(Decisions& decide, const fs::path&) {
    static const std::vector<JsonDocument> seeds = tokenizer_seeds();
    JsonDocument document = seeds[decide.below(seeds.size())];
    change_some(document, decide);
    const std::string text = written(document.json, decide);
    return reads([&] {
        TokenizerConfig config;
        config.bos_token = "<s>";
        config.add_bos = true;
        encode_some(*parse_tokenizer_json(text, "tokenizer.json", config));
    });
}

bool run_recipe(Decisions& decide, const fs::path&) {
    static const std::vector<JsonDocument> seeds = [] {
        std::vector<JsonDocument> all;
        for (const Preset& preset : all_presets()) {
            Recipe recipe = recipe_of(preset);
            recipe.rules.push_back({"*.v_proj", false, parse_scheme_line("w=int8/sym/channel")});
            recipe.rules.push_back({"layers[.]0.*", true, parse_scheme_line("none")});
            recipe.ignore = {"*.fc2"};
            all.push_back({Json::parse(to_json(recipe))});
        }
        return all;
    }();
    JsonDocument document = seeds[decide.below(seeds.size())];
    change_some(document, decide);
    const std::string text = written(document.json, decide);
    return reads([&] {
        const Recipe recipe = parse_recipe(text);
        if (parse_recipe(to_json(recipe)) != recipe)
            throw Error(ErrorKind::internal, "a recipe changed on its way: " + text);
        (void)summary_line(recipe);
    });
}

} // namespace

std::span<const Target> engine_targets() {
    static constexpr std::array rows{
        Target{"gguf", run_gguf},
        Target{"safetensors, index and config", run_safetensors},
        Target{"GPTQ, AWQ, compressed-tensors", run_quantized},
        Target{"tokenizer.json", run_tokenizer},
        Target{"task", run_task},
        Target{"recipe", run_recipe},
    };
    return rows;
}

} // namespace graticule::fuzz
