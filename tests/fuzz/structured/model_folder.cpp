#include "tests/fuzz/structured/model_folder.h"

#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace graticule::fuzz {
namespace {

namespace fs = std::filesystem;

std::string safetensors(const ModelFolder::Shard& shard, Decisions& decide) {
    std::string header = written(shard.header, decide);
    header.append((8 - header.size() % 8) % 8, ' ');
    const std::uint64_t length = header.size() + static_cast<std::uint64_t>(shard.length_error);
    std::string bytes;
    for (int byte = 0; byte < 8; ++byte) bytes += static_cast<char>(length >> (8 * byte) & 0xff);
    return bytes + header + shard.data;
}

void add(ModelFolder::Shard& shard, const std::string& name, const char* dtype, const std::vector<std::int64_t>& shape,
         const std::string& bytes) {
    const std::size_t begin = shard.data.size();
    shard.data += bytes;
    shard.header[name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, shard.data.size()}}};
}

void add(ModelFolder::Shard& shard, const std::string& name, const std::vector<std::int64_t>& shape) {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    std::string bytes;
    for (std::int64_t i = 0; i < count; ++i) bytes += std::string("\x80\x3E", 2); // 0.25 in BF16
    add(shard, name, "BF16", shape, bytes);
}

/// What stands in the file for the weight (out, in) of a linear; quantized ones in groups of 8 inputs.
using StoredLinear = void (*)(ModelFolder::Shard& shard, const std::string& name, std::int64_t out, std::int64_t in);

void add_plain(ModelFolder::Shard& shard, const std::string& name, std::int64_t out, std::int64_t in) {
    add(shard, name + ".weight", {out, in});
}

std::string repeated(const char* bytes, std::size_t size, std::int64_t count) {
    std::string all;
    for (std::int64_t i = 0; i < count; ++i) all.append(bytes, size);
    return all;
}
std::string words(std::int64_t count) { return repeated("\x77\x56\x67\x78", 4, count); }
std::string halves(std::int64_t count) { return repeated("\x00\x34", 2, count); } // 0.25

void add_gptq(ModelFolder::Shard& shard, const std::string& name, std::int64_t out, std::int64_t in) {
    const std::int64_t groups = in / 8;
    add(shard, name + ".qweight", "I32", {in / 8, out}, words(in / 8 * out));
    add(shard, name + ".qzeros", "I32", {groups, out / 8}, words(groups * out / 8));
    add(shard, name + ".scales", "F16", {groups, out}, halves(groups * out));
    std::string group_of;
    for (std::int64_t i = 0; i < in; ++i) group_of += std::string{static_cast<char>(i / 8), 0, 0, 0};
    add(shard, name + ".g_idx", "I32", {in}, group_of);
}

void add_awq(ModelFolder::Shard& shard, const std::string& name, std::int64_t out, std::int64_t in) {
    const std::int64_t groups = in / 8;
    add(shard, name + ".qweight", "I32", {in, out / 8}, words(in * out / 8));
    add(shard, name + ".qzeros", "I32", {groups, out / 8}, words(groups * out / 8));
    add(shard, name + ".scales", "F16", {groups, out}, halves(groups * out));
}

void add_pack_quantized(ModelFolder::Shard& shard, const std::string& name, std::int64_t out, std::int64_t in) {
    const std::int64_t groups = in / 8;
    add(shard, name + ".weight_packed", "I32", {out, in / 8}, words(out * in / 8));
    add(shard, name + ".weight_scale", "F16", {out, groups}, halves(out * groups));
    add(shard, name + ".weight_zero_point", "I32", {out / 8, groups}, words(out / 8 * groups));
    add(shard, name + ".weight_shape", "I64", {2},
        std::string{static_cast<char>(out), 0, 0, 0, 0, 0, 0, 0, static_cast<char>(in), 0, 0, 0, 0, 0, 0, 0});
}

void add_llama(ModelFolder& model, ModelFolder::Shard& shard, StoredLinear add_linear, std::int64_t kv_heads) {
    model.config = {{"model_type", "llama"},
                    {"hidden_size", 8},
                    {"num_hidden_layers", 1},
                    {"num_attention_heads", 2},
                    {"num_key_value_heads", kv_heads},
                    {"intermediate_size", 16},
                    {"vocab_size", 34},
                    {"max_position_embeddings", 32},
                    {"rms_norm_eps", 1e-6},
                    {"rope_theta", 10000.0},
                    {"rope_scaling", {{"rope_type", "linear"}, {"factor", 2.0}}},
                    {"hidden_act", "silu"},
                    {"tie_word_embeddings", true},
                    {"bos_token_id", 1},
                    {"eos_token_id", 2}};
    add(shard, "model.embed_tokens.weight", {34, 8});
    add(shard, "model.norm.weight", {8});
    const std::string block = "model.layers.0.";
    for (const char* norm : {"input_layernorm", "post_attention_layernorm"}) add(shard, block + norm + ".weight", {8});
    add_linear(shard, block + "self_attn.q_proj", 8, 8);
    add_linear(shard, block + "self_attn.k_proj", 4 * kv_heads, 8);
    add_linear(shard, block + "self_attn.v_proj", 4 * kv_heads, 8);
    add_linear(shard, block + "self_attn.o_proj", 8, 8);
    add_linear(shard, block + "mlp.gate_proj", 16, 8);
    add_linear(shard, block + "mlp.up_proj", 16, 8);
    add_linear(shard, block + "mlp.down_proj", 8, 16);
}

void add_opt(ModelFolder& model, ModelFolder::Shard& shard) {
    model.config = {{"model_type", "opt"},
                    {"hidden_size", 8},
                    {"num_hidden_layers", 1},
                    {"num_attention_heads", 2},
                    {"ffn_dim", 16},
                    {"vocab_size", 34},
                    {"max_position_embeddings", 32},
                    {"word_embed_proj_dim", 8},
                    {"do_layer_norm_before", true},
                    {"activation_function", "relu"}};
    const std::string all = "model.decoder.", block = all + "layers.0.";
    add(shard, all + "embed_tokens.weight", {34, 8});
    add(shard, all + "embed_positions.weight", {34, 8});
    for (const std::string& norm :
         {all + "final_layer_norm", block + "self_attn_layer_norm", block + "final_layer_norm"})
        for (const char* part : {".weight", ".bias"}) add(shard, norm + part, {8});
    for (const char* name : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
        add(shard, block + "self_attn." + name + ".weight", {8, 8});
        add(shard, block + "self_attn." + name + ".bias", {8});
    }
    add(shard, block + "fc1.weight", {16, 8});
    add(shard, block + "fc1.bias", {16});
    add(shard, block + "fc2.weight", {8, 16});
    add(shard, block + "fc2.bias", {8});
}

void add_gpt2(ModelFolder& model, ModelFolder::Shard& shard) {
    model.config = {{"model_type", "gpt2"},
                    {"n_embd", 8},
                    {"n_layer", 1},
                    {"n_head", 2},
                    {"n_positions", 32},
                    {"vocab_size", 34},
                    {"activation_function", "gelu_new"}};
    const std::string all = "transformer.", block = all + "h.0.";
    add(shard, all + "wte.weight", {34, 8});
    add(shard, all + "wpe.weight", {32, 8});
    for (const std::string& norm : {all + "ln_f", block + "ln_1", block + "ln_2"})
        for (const char* part : {".weight", ".bias"}) add(shard, norm + part, {8});
    add(shard, block + "attn.c_attn.weight", {8, 24});
    add(shard, block + "attn.c_attn.bias", {24});
    add(shard, block + "attn.c_proj.weight", {8, 8});
    add(shard, block + "attn.c_proj.bias", {8});
    add(shard, block + "mlp.c_fc.weight", {8, 32});
    add(shard, block + "mlp.c_fc.bias", {32});
    add(shard, block + "mlp.c_proj.weight", {32, 8});
    add(shard, block + "mlp.c_proj.bias", {8});
}

/// The llama model with each of its linears stored so.
ModelFolder stored_as(StoredLinear add_linear, bool in_config, const Json& quantization) {
    ModelFolder model;
    model.shards.push_back({"model.safetensors", Json::object(), {}, 0});
    add_llama(model, model.shards.front(), add_linear, 2); // 8 outputs of each: whole words of 4 bits
    (in_config ? model.config["quantization_config"] : model.quantize_config) = quantization;
    return model;
}

void shard_in_two(ModelFolder& model) {
    ModelFolder::Shard whole = std::move(model.shards.front());
    model.shards = {{"model-00001-of-00002.safetensors", Json::object(), {}, 0},
                    {"model-00002-of-00002.safetensors", Json::object(), {}, 0}};
    Json map = Json::object();
    std::size_t number = 0;
    for (const auto& [name, entry] : whole.header.items()) {
        ModelFolder::Shard& shard = model.shards[number++ % 2];
        const auto begin = entry["data_offsets"][0].get<std::size_t>(),
                   end = entry["data_offsets"][1].get<std::size_t>();
        const std::size_t at = shard.data.size();
        shard.data += whole.data.substr(begin, end - begin);
        shard.header[name] = {
            {"dtype", entry["dtype"]}, {"shape", entry["shape"]}, {"data_offsets", {at, shard.data.size()}}};
        map[name] = shard.name;
    }
    model.index = {{"metadata", {{"total_size", whole.data.size()}}}, {"weight_map", std::move(map)}};
}

} // namespace

/// Every second time what it says of quantized weights, where there are any: the most of a configuration is not that.
Json& ModelFolder::config_to_change(Decisions& decide) {
    if (!quantize_config.is_null() && decide.one_in(2)) return quantize_config;
    if (const auto inside = config.find("quantization_config"); inside != config.end() && decide.one_in(2))
        return *inside;
    return config;
}

void ModelFolder::mutate_mildly(Decisions& decide) {
    Shard& shard = shards[decide.below(shards.size())];
    switch (decide.below(4)) {
    case 0:
        return fuzz::mutate_mildly(config_to_change(decide), decide);
    case 1:
        return fuzz::mutate_mildly(index.is_null() ? config : index, decide);
    case 2: // only the order: what it says of a tensor must fit the data
        if (!shard.header.empty()) rotate_members(shard.header, decide.below(shard.header.size()));
        return;
    default:
        if (!shard.data.empty()) shard.data[decide.below(shard.data.size())] = static_cast<char>(decide.below(256));
    }
}

void ModelFolder::mutate(Decisions& decide) {
    if (decide.mildly()) return mutate_mildly(decide);
    if (decide.one_in(2)) return fuzz::mutate(config_to_change(decide), decide);
    if (!index.is_null() && decide.one_in(4)) return fuzz::mutate(index, decide);
    Shard& shard = shards[decide.below(shards.size())];
    switch (decide.below(12)) {
    case 0:
        shard.length_error = decide.integer();
        return;
    case 1:
        shard.data.resize(decide.below(2 * shard.data.size() + 1));
        return;
    case 2:
    case 3:
    case 4:
    case 5:
        if (!shard.data.empty()) shard.data[decide.below(shard.data.size())] = static_cast<char>(decide.below(256));
        return;
    default:
        fuzz::mutate(shard.header, decide);
    }
}

void ModelFolder::write(const fs::path& folder, Decisions& decide) const {
    put(folder / "config.json", written(config, decide));
    for (const Shard& shard : shards) put(folder / shard.name, safetensors(shard, decide));
    if (!index.is_null()) put(folder / "model.safetensors.index.json", written(index, decide));
    if (!quantize_config.is_null()) put(folder / "quantize_config.json", written(quantize_config, decide));
}

void put(const fs::path& file, std::string_view bytes) {
    const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    [[maybe_unused]] const ssize_t written = ::write(out, bytes.data(), bytes.size());
    ::close(out);
}

ModelFolder tiny_model(const std::string& family, bool sharded) {
    ModelFolder model;
    model.shards.push_back({"model.safetensors", Json::object(), {}, 0});
    if (family == "llama") add_llama(model, model.shards.front(), add_plain, 1);
    if (family == "opt") add_opt(model, model.shards.front());
    if (family == "gpt2") add_gpt2(model, model.shards.front());
    if (sharded) shard_in_two(model);
    return model;
}

std::vector<ModelFolder> quantized_models() {
    const Json gptq = {{"quant_method", "gptq"},         {"bits", 4},   {"group_size", 8}, {"desc_act", true},
                       {"checkpoint_format", "gptq_v2"}, {"sym", false}};
    const Json awq = {
        {"quant_method", "awq"}, {"bits", 4}, {"group_size", 8}, {"version", "gemm"}, {"zero_point", true}};
    const Json beside = {{"quant_method", "gptq"},
                         {"bits", 4},
                         {"group_size", 8},
                         {"desc_act", false},
                         {"model_file_base_name", "model"}};
    const Json weights = {{"num_bits", 4},   {"type", "int"},        {"symmetric", false}, {"strategy", "group"},
                          {"group_size", 8}, {"observer", "minmax"}, {"dynamic", false}};
    const Json group = {{"targets", {"Linear"}}, {"weights", weights}, {"input_activations", nullptr}};
    const Json packed = {{"quant_method", "compressed-tensors"},
                         {"format", "pack-quantized"},
                         {"quantization_status", "compressed"},
                         {"config_groups", {{"group_0", group}}},
                         {"ignore", {"lm_head"}}};
    return {stored_as(add_gptq, true, gptq), stored_as(add_awq, true, awq), stored_as(add_gptq, false, beside),
            stored_as(add_pack_quantized, true, packed)};
}

} // namespace graticule::fuzz
