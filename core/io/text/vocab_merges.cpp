#include "core/io/text/vocab_merges.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/error.h"
#include "core/io/json_file.h"
#include "core/io/text/pipeline_tokenizer.h"
#include "core/io/text/tokenizer_config.h"
#include "core/io/text/utf8.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t max_file_bytes = std::size_t{256} << 20;
constexpr std::uint64_t max_id = 4'000'000;

[[noreturn]] void bad(const fs::path& file, const std::string& what) {
    throw Error(ErrorKind::bad_input, file.string() + ": " + what);
}

JsonDocument read_token_ids(const fs::path& file, std::uint64_t offset = 0) {
    JsonDocument owner(read_json_file(file, {max_file_bytes}));
    const json& document = owner.value();
    if (!document.is_object() || document.empty()) bad(file, "not an object of tokens and their ids");
    // Ids may have gaps, but a short list of huge ids must not become a long table of nothing. Added tokens follow a
    // vocabulary.
    const std::uint64_t largest = offset + std::min<std::uint64_t>(max_id, 4 * document.size() + 65536);
    for (const auto& [token, id] : document.items())
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= largest)
            bad(file, "token \"" + token + "\" has the id " + id.dump() + ", which is not a whole number below " +
                          std::to_string(largest));
    return owner;
}

std::vector<std::string> read_vocabulary(const fs::path& file) {
    std::vector<std::string> tokens;
    const JsonDocument vocabulary = read_token_ids(file);
    for (const auto& [token, id] : vocabulary.value().items()) {
        const auto index = id.get<std::size_t>();
        if (index >= tokens.size()) tokens.resize(index + 1);
        if (!tokens[index].empty())
            bad(file, "tokens \"" + tokens[index] + "\" and \"" + token + "\" have the same id " + id.dump());
        tokens[index] = token;
    }
    return tokens;
}

std::vector<std::pair<std::string, std::string>> read_merges(const fs::path& file) {
    const std::string text = read_text_file(file, max_file_bytes);
    require_utf8(text, file.string());
    std::vector<std::pair<std::string, std::string>> merges;
    std::size_t number = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        std::string_view line = std::string_view(text).substr(begin, end - begin);
        begin = end + 1;
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || (number == 1 && line.starts_with("#version"))) continue;
        const auto space = line.find(' ');
        if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
            bad(file, "line " + std::to_string(number) + " is not two tokens: \"" + std::string(line) + "\"");
        merges.emplace_back(line.substr(0, space), line.substr(space + 1));
    }
    return merges;
}

/// Special tokens are what the files name, and the usual names if they are in the vocabulary without a merge that makes
/// them.
std::vector<AddedToken> special_tokens(const SubwordModel& model, const TokenizerConfig& config) {
    std::vector<AddedToken> tokens;
    const auto add = [&](const std::string& content) {
        const auto id = model.id_of(content);
        const bool known =
            std::any_of(tokens.begin(), tokens.end(), [&](const AddedToken& t) { return t.content == content; });
        if (id && !known) tokens.push_back({content, *id, true});
    };
    for (const auto* token : {&config.bos_token, &config.eos_token, &config.unk_token, &config.pad_token})
        if (*token) add(**token);
    for (const char* usual : {"<|endoftext|>", "<s>", "<pad>", "</s>", "<unk>", "<mask>"}) {
        std::vector<std::int32_t> ids;
        model.encode(usual, ids);
        if (ids.size() != 1) add(usual);
    }
    return tokens;
}

void read_added_tokens(const fs::path& file, const SubwordModel& model, std::vector<AddedToken>& tokens) {
    if (!fs::exists(file)) return;
    const JsonDocument document = read_token_ids(file, model.tokens().size());
    for (const auto& [content, id] : document.value().items()) {
        const auto in_vocabulary = model.id_of(content);
        if (in_vocabulary && *in_vocabulary != id.get<std::int32_t>())
            bad(file, "token \"" + content + "\" has the id " + id.dump() + " here and " +
                          std::to_string(*in_vocabulary) + " in vocab.json");
        tokens.push_back({content, id.get<std::int32_t>()});
    }
}

} // namespace

std::shared_ptr<const Tokenizer> open_vocab_merges(const fs::path& folder) {
    const TokenizerConfig config = read_tokenizer_config(folder);
    BpeSpec spec;
    spec.tokens = read_vocabulary(folder / "vocab.json");
    spec.merges = read_merges(folder / "merges.txt");
    TokenizerParts parts;
    parts.model = make_bpe_model(std::move(spec), (folder / "merges.txt").string());
    parts.added = special_tokens(*parts.model, config);
    read_added_tokens(folder / "added_tokens.json", *parts.model, parts.added);
    parts.pre_tokenizers.push_back(
        byte_level(config.add_prefix_space.value_or(false), SplitPattern::known(patterns::gpt2, folder.string())));
    parts.decoders.push_back(decode_byte_level());

    const bool opt = config.model_type == "opt"; // its repositories say so in tokenizer_config.json only
    const auto id_of = [&](const std::optional<std::string>& token, const char* usual) {
        return parts.model->id_of(token ? *token : usual);
    };
    parts.bos = id_of(config.bos_token, opt ? "</s>" : "<|endoftext|>");
    parts.eos = id_of(config.eos_token, opt ? "</s>" : "<|endoftext|>");
    if (parts.bos && config.add_bos.value_or(opt)) parts.prefix = {*parts.bos};
    if (parts.eos && config.add_eos.value_or(false)) parts.suffix = {*parts.eos};
    parts.kind = "byte-level BPE";
    parts.origin = "vocab.json and merges.txt";
    parts.file = folder.string();
    return make_pipeline_tokenizer(std::move(parts));
}

} // namespace graticule
