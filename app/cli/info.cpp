// info: what a model is, what was taken from where, its sizes, where scales may be folded.
#include <CLI/CLI.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/io/checkpoint.h"
#include "core/model/family.h"

namespace graticule::cli {
namespace {

using nlohmann::json;

struct Args {
    ModelInput model;
    bool layers = false;
    bool hash = false; ///< computed where it is not known
};

std::string norm_text(const ModelConfig& config) {
    static constexpr const char* names[] = {"LayerNorm", "RMSNorm", "RMSNorm (1 + w)"};
    return std::string(names[static_cast<int>(config.norm)]) + (config.norm_after ? ", after the residual" : "");
}

std::string positions_text(const ModelConfig& config) {
    if (config.positions == PositionKind::alibi) return "ALiBi";
    const RopeConfig& rope = config.rope;
    static constexpr const char* names[] = {"learned",
                                            "rope",
                                            "rope, linear scaling",
                                            "rope, dynamic scaling",
                                            "rope, llama3 scaling",
                                            "rope, yarn scaling",
                                            "rope, longrope scaling"};
    std::string text = names[static_cast<int>(rope.type)];
    if (rope.type != RopeConfig::Type::none) text += ", theta " + significant(rope.theta, 8);
    return text;
}

json config_json(const ModelConfig& c) {
    static constexpr const char* activations[] = {"relu", "silu", "gelu_tanh", "gelu_erf"};
    return {{"model_type", c.model_type},
            {"hidden", c.hidden},
            {"mlp_hidden", c.mlp_hidden},
            {"blocks", c.blocks},
            {"heads", c.heads},
            {"kv_heads", c.kv_heads},
            {"head_dim", c.head_dim},
            {"vocabulary", c.vocabulary},
            {"max_positions", c.max_positions},
            {"norm", norm_text(c)},
            {"positions", positions_text(c)},
            {"activation", activations[static_cast<int>(c.activation)]},
            {"gated_mlp", c.gated_mlp},
            {"tied_head", c.tied_head},
            {"sliding_window", c.sliding_window ? json(*c.sliding_window) : json(nullptr)},
            {"stored_dtype", c.stored_dtype}};
}

json files_json(const Checkpoint& checkpoint) {
    json files = json::array();
    for (const auto& path : checkpoint.files()) {
        std::error_code ignored;
        files.push_back({{"path", path.string()}, {"bytes", std::filesystem::file_size(path, ignored)}});
    }
    return files;
}

json describe(const OpenedModel& opened, const std::optional<std::string>& hash) {
    const Model& model = *opened.model;
    json linears = json::array();
    for (const Linear& linear : model.linears())
        linears.push_back({{"name", linear.name},
                           {"short_name", linear.short_name},
                           {"role", to_text(linear.role)},
                           {"shape", linear.weight.shape},
                           {"dtype", row_of(linear.weight.dtype).name},
                           {"input_site", model.site(linear.site).name},
                           {"bytes", linear.stored_bytes}});
    json folds = json::array();
    for (const FoldSite& fold : model.fold_sites()) {
        json consumers = json::array();
        for (const LayerId id : fold.consumers) consumers.push_back(model.linear(id).short_name);
        folds.push_back({{"name", fold.name}, {"source", model.source_name(fold)}, {"into", consumers}});
    }
    json value = {{"name", model.name()},
                  {"path", model.parts().path.string()},
                  {"family", model.family().name},
                  {"config", config_json(model.config())},
                  {"parameters", model.parameter_count()},
                  {"linear_parameters", model.linear_parameter_count()},
                  {"tokenizer", opened.tokenizer ? json(opened.tokenizer->description()) : json(nullptr)},
                  {"tokenizer_problem", opened.tokenizer_problem},
                  {"stored_quantization", stored_json(model)},
                  {"hash", hash ? json(*hash) : json(nullptr)},
                  {"linears", linears},
                  {"fold_sites", folds},
                  {"warnings", model.parts().warnings}};
    if (const auto& checkpoint = model.parts().checkpoint) {
        value["container"] = checkpoint->container();
        value["files"] = files_json(*checkpoint);
    }
    return value;
}

std::string facts_text(const OpenedModel& opened, const std::optional<std::string>& hash) {
    const Model& model = *opened.model;
    const ModelConfig& c = model.config();
    Table facts({{"", Align::left}, {model.name(), Align::left}});
    const auto& checkpoint = model.parts().checkpoint;
    facts.add({"family", std::string(model.family().label) + " (model_type " + c.model_type + ")"});
    if (checkpoint) {
        facts.add({"container", checkpoint->container()});
        for (const auto& path : checkpoint->files()) {
            std::error_code unknown;
            const auto bytes = std::filesystem::file_size(path, unknown);
            facts.add({"  from", path.string() + (unknown ? "" : "  " + bytes_text(static_cast<std::int64_t>(bytes)))});
        }
    }
    facts.add({"tokenizer", opened.tokenizer ? opened.tokenizer->description() : "none: " + opened.tokenizer_problem});
    facts.add({"parameters", grouped(model.parameter_count()) + ", of them " + grouped(model.linear_parameter_count()) +
                                 " in " + std::to_string(model.linears().size()) + " decoder linears"});
    const auto stored = stored_quantization(model);
    facts.add({"stored as", stored ? stored->format + ", " + fixed(stored_bits_per_weight(model), 3) + " bits a weight"
                                   : c.stored_dtype});
    facts.add({"blocks", std::to_string(c.blocks) + " x width " + std::to_string(c.hidden) + ", MLP " +
                             std::to_string(c.mlp_hidden) + (c.gated_mlp ? " gated" : "")});
    facts.add({"attention", std::to_string(c.heads) + " heads of " + std::to_string(c.head_dim) + ", " +
                                std::to_string(c.kv_heads) + " key-value heads" +
                                (c.sliding_window ? ", window " + std::to_string(*c.sliding_window) : "")});
    facts.add({"positions", positions_text(c) + ", up to " + std::to_string(c.max_positions)});
    facts.add({"norm", norm_text(c) + ", epsilon " + significant(c.norm_epsilon, 3)});
    facts.add({"vocabulary", std::to_string(c.vocabulary) + (c.tied_head ? ", head tied to the embedding" : "")});
    facts.add({"hash", hash.value_or("not computed yet; --hash computes it")});
    return facts.text();
}

/// One row for linears that are alike in every block.
std::string kinds_text(const Model& model) {
    struct Kind {
        int count = 0;
        std::int64_t parameters = 0, bytes = 0;
    };
    std::vector<std::pair<std::string, std::string>> order;
    std::map<std::pair<std::string, std::string>, Kind> kinds;
    for (const Linear& linear : model.linears()) {
        const std::pair key{std::string(to_text(linear.role)), to_text(linear.weight.shape)};
        if (!kinds.contains(key)) order.push_back(key);
        Kind& kind = kinds[key];
        ++kind.count;
        kind.parameters += element_count(linear.weight.shape);
        kind.bytes += linear.stored_bytes;
    }
    Table table(
        {{"linears"}, {"shape"}, {"count", Align::right}, {"parameters", Align::right}, {"bytes", Align::right}});
    for (const auto& key : order) {
        const Kind& kind = kinds[key];
        table.add(
            {key.first, key.second, std::to_string(kind.count), grouped(kind.parameters), bytes_text(kind.bytes)});
    }
    return table.text();
}

std::string folds_text(const Model& model) {
    Table table({{"fold site"}, {"scale leaves"}, {"and enters"}});
    for (const FoldSite& fold : model.fold_sites()) {
        if (fold.block != BlockId{0}) continue; // every block has the same
        std::string into;
        for (const LayerId id : fold.consumers) into += (into.empty() ? "" : ", ") + model.linear(id).short_name;
        table.add({fold.name, model.source_name(fold), into});
    }
    return table.rows() == 0 ? "" : "\n" + table.text();
}

std::string layers_text(const Model& model) {
    Table table({{"layer"}, {"role"}, {"shape"}, {"type"}, {"input"}, {"bytes", Align::right}});
    for (const Linear& linear : model.linears())
        table.add({linear.short_name, std::string(to_text(linear.role)), to_text(linear.weight.shape),
                   std::string(row_of(linear.weight.dtype).name), model.site(linear.site).name,
                   bytes_text(linear.stored_bytes)});
    return table.text();
}

} // namespace

Action declare_info(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    options.add_flag("--layers", args->layers, "List every linear");
    options.add_flag("--hash", args->hash,
                     "Compute the SHA-256 of the model's files where it is not known: all are read");
    return [args](Console& console) {
        const OpenedModel opened = args->model.open(console);
        const Model& model = *opened.model;
        const auto hash = args->hash ? std::optional(model.hash(console.job())) : model.known_hash();
        if (console.json()) return console.print_json(describe(opened, hash));
        console.print(facts_text(opened, hash) + "\n" + (args->layers ? layers_text(model) : kinds_text(model)) +
                      folds_text(model) + stored_text(model));
    };
}

} // namespace graticule::cli
