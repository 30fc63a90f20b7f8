#include "core/io/gguf/gguf_tokenizer_writer.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_map>

#include "core/base/error.h"
#include "core/io/gguf/gguf_tokenizer.h"
#include "core/io/json_file.h"
#include "core/io/text/sentencepiece_tokenizer.h"
#include "core/io/text/tokenizer_config.h"
#include "core/io/tokenizer.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t max_file_bytes = std::size_t{256} << 20;
constexpr const char* space_mark = "\xE2\x96\x81"; // "▁"

/// What the ways to cut text that llama.cpp knows differ in, and scripts, cases and signs of many kinds.
constexpr auto texts = std::to_array<const char*>({
    "Hello world, this is a test.",
    "I'm sure they're right: don't, we'll, it's; DON'T, We'Ve, 'tis",
    "3 33 333 3333 33333 333333 1,234,567.89 0x1F 2024-11-29",
    "a  b   c    d\tx\n\ny \n z\r\n\r\nw \t \n",
    "caf\xC3\xA9 cafe\xCC\x81 na\xC3\xAFve \xC3\x9C"
    "ber \xC2\xB2\xC2\xB3 \xE2\x85\xAB \xD9\xA1\xD9\xA2\xD9\xA3",
    "\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xB8\x96\xE7\x95\x8C \xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82 "
    "\xE3\x81\x93\xE3\x82\x93 \xF0\x9F\x9A\x80 (x) \xD8\xB9\xD8\xB1\xD8\xA8\xD9\x8A\xE0\xA5\xA4",
    "foo_bar->baz::qux(); if (a<=b) { return x/y//z; } // !!! ??? ... ,,, $+<=>^~|`",
    "HelloWORLDTest camelCase iPhone15Pro \xD0\x9F\xD1\x80\xD0\x98 ABCdef'LL ABC's",
    "wonderful! no?yes... one.two,three;four(five)six|seven",
});
/// Where SentencePiece and llama.cpp after it keep what the pre-tokenizer Metaspace drops.
constexpr auto leading_spaces = std::to_array<const char*>({"  a", " ", "   leading spaces"});

/// For a message; whole characters.
std::string cut_short(const std::string& text) {
    std::size_t end = std::min<std::size_t>(text.size(), 60);
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    return text.substr(0, end);
}

struct Vocabulary {
    std::vector<std::string> tokens;
    std::vector<std::int32_t> kinds; ///< PieceKind
    std::vector<float> scores;       ///< SentencePiece
    std::vector<std::string> merges; ///< byte-level BPE
    bool scored = false;
};

class Writer {
public:
    Writer(const Checkpoint& checkpoint, std::int64_t rows)
        : folder_(checkpoint.folder())
        , own_(open_tokenizer(checkpoint))
        , config_(read_tokenizer_config(folder_)) {
        if (own_->vocab_size() > rows)
            throw Error(ErrorKind::unsupported, folder_.string() + ": the tokenizer has " +
                                                    std::to_string(own_->vocab_size()) + " tokens and the embedding " +
                                                    std::to_string(rows) +
                                                    " rows; GGUF wants a row for each token, so take tokens out of "
                                                    "the tokenizer or add rows");
        read_tokens(rows);
        if (fs::exists(folder_ / "tokenizer.json"))
            read_json(folder_ / "tokenizer.json");
        else if (fs::exists(folder_ / "tokenizer.model"))
            read_model(folder_ / "tokenizer.model");
        else
            read_merges_file(folder_ / "merges.txt");
    }

    GgufTokenizerEntries write() {
        GgufTokenizerEntries result;
        const std::vector<std::string> probes = probe_texts();
        std::string differs;
        for (const std::string& variant : variants()) {
            GgufEntries entries = entries_of(variant);
            const auto again = opened(entries);
            const std::string difference = first_difference(*again, probes);
            if (!difference.empty()) {
                if (differs.empty()) differs = difference;
                continue;
            }
            if (vocabulary_.scored)
                for (const char* text : leading_spaces)
                    if (result.notes.empty() && again->encode(text) != own_->encode(text))
                        result.notes.push_back(
                            "texts that begin with spaces get other token ids in llama.cpp, which keeps them all, as "
                            "SentencePiece does");
            result.entries = std::move(entries);
            return result;
        }
        throw Error(ErrorKind::unsupported,
                    folder_.string() + ": no way of llama.cpp to cut text gives the ids of this tokenizer (for \"" +
                        differs + "\"); export the model for other programs: compressed-tensors keeps the tokenizer");
    }

private:
    void read_tokens(std::int64_t rows) {
        for (std::int64_t id = 0; id < rows; ++id) {
            vocabulary_.tokens.push_back(own_->token_text(static_cast<std::int32_t>(id)));
            const bool there = !vocabulary_.tokens.back().empty();
            if (!there) vocabulary_.tokens.back() = "[PAD" + std::to_string(id) + "]";
            vocabulary_.kinds.push_back(static_cast<std::int32_t>(there ? PieceKind::normal : PieceKind::unused));
            ids_.emplace(vocabulary_.tokens.back(), static_cast<std::int32_t>(id));
        }
    }

    std::optional<std::int32_t> id_of(const std::optional<std::string>& token) const {
        const auto found = token ? ids_.find(*token) : ids_.end();
        return found == ids_.end() ? std::nullopt : std::optional(found->second);
    }
    void set_kind(std::int32_t id, PieceKind kind) {
        if (id >= 0 && id < std::ssize(vocabulary_.kinds))
            vocabulary_.kinds[std::size_t(id)] = static_cast<std::int32_t>(kind);
    }

    void read_json(const fs::path& file) {
        const JsonDocument owner(read_json_file(file, {max_file_bytes}));
        const json& document = owner.value();
        const json& model = document.at("model");
        const bool byte_fallback = model.contains("byte_fallback") && model["byte_fallback"] == true;
        std::vector<std::pair<std::string, std::string>> merges;
        for (const json& merge : model.at("merges")) {
            if (merge.is_array()) {
                merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
                continue;
            }
            const auto text = merge.get<std::string>();
            merges.emplace_back(text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1));
        }
        if (byte_fallback && fs::exists(folder_ / "tokenizer.model"))
            read_model(folder_ / "tokenizer.model");
        else if (byte_fallback)
            scores_from(merges, model);
        else
            for (const auto& [left, right] : merges) vocabulary_.merges.push_back(left + " " + right);
        if (!document.contains("added_tokens")) return;
        for (const json& token : document["added_tokens"]) {
            const auto id = id_of(token.at("content").get<std::string>());
            if (!id || vocabulary_.kinds[std::size_t(*id)] == static_cast<std::int32_t>(PieceKind::unknown)) continue;
            const bool special = token.contains("special") && token["special"] == true;
            set_kind(*id, special ? PieceKind::control : PieceKind::user_defined);
        }
    }

    void read_model(const fs::path& file) {
        const SentencePieceVocabulary pieces = read_sentencepiece_vocabulary(file);
        vocabulary_.scored = true;
        vocabulary_.scores.assign(vocabulary_.tokens.size(), least_score);
        unknown_ = pieces.unknown_id;
        for (std::size_t id = 0; id < std::min(pieces.pieces.size(), vocabulary_.tokens.size()); ++id) {
            vocabulary_.scores[id] = pieces.scores[id];
            set_kind(static_cast<std::int32_t>(id), pieces.kinds[id]);
        }
    }

    /// A tokenizer.json keeps the order of merges and no scores. Where every way to make a token is listed at its
    /// place, as in files made from SentencePiece models, scores in that order mean the same.
    void scores_from(const std::vector<std::pair<std::string, std::string>>& merges, const json& model) {
        vocabulary_.scored = true;
        vocabulary_.scores.assign(vocabulary_.tokens.size(), least_score);
        for (std::size_t rank = merges.size(); rank-- > 0;)
            if (const auto id = id_of(merges[rank].first + merges[rank].second))
                vocabulary_.scores[std::size_t(*id)] = -static_cast<float>(rank + 1);
        for (int byte = 0; byte < 256; ++byte) {
            char text[8];
            std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(byte));
            if (const auto id = id_of(text)) set_kind(*id, PieceKind::byte);
        }
        const auto unknown = model.find("unk_token");
        if (unknown == model.end() || !unknown->is_string()) return;
        unknown_ = id_of(unknown->get<std::string>());
        if (unknown_) set_kind(*unknown_, PieceKind::unknown);
    }

    void read_merges_file(const fs::path& file) {
        const std::string text = read_text_file(file, max_file_bytes);
        for (std::size_t begin = 0; begin < text.size();) {
            const std::size_t end = std::min(text.find('\n', begin), text.size());
            std::string line = text.substr(begin, end - begin);
            if (line.ends_with('\r')) line.pop_back();
            if (!line.empty() && !(begin == 0 && line.starts_with("#version"))) vocabulary_.merges.push_back(line);
            begin = end + 1;
        }
        // What these files do not say: tokens that stand for themselves wherever they are written out.
        std::set<std::string> named = {"<|endoftext|>", "<s>", "<pad>", "</s>", "<unk>", "<mask>"};
        for (const auto* token : {&config_.bos_token, &config_.eos_token, &config_.unk_token, &config_.pad_token})
            if (*token) named.insert(**token);
        for (const std::string& token : named)
            if (const auto id = id_of(token); id && own_->encode(token, false) == std::vector{*id})
                set_kind(*id, PieceKind::control);
        if (!fs::exists(folder_ / "added_tokens.json")) return;
        const JsonDocument added(read_json_file(folder_ / "added_tokens.json", {max_file_bytes}));
        for (const auto& [token, number] : added.value().items())
            if (const auto id = id_of(token);
                id && vocabulary_.kinds[std::size_t(*id)] == static_cast<std::int32_t>(PieceKind::normal))
                set_kind(*id, PieceKind::user_defined);
    }

    /// Values to try: of tokenizer.ggml.pre, or whether a space goes before a text.
    [[nodiscard]] std::vector<std::string> variants() const {
        if (vocabulary_.scored) return {"space", ""};
        return gguf_pre_tokenizers();
    }

    GgufEntries entries_of(const std::string& variant) const {
        GgufEntries entries;
        entries.text("tokenizer.ggml.model", vocabulary_.scored ? "llama" : "gpt2");
        if (!vocabulary_.scored) entries.text("tokenizer.ggml.pre", variant);
        entries.texts("tokenizer.ggml.tokens", written_tokens());
        if (vocabulary_.scored) entries.reals("tokenizer.ggml.scores", vocabulary_.scores);
        entries.integers("tokenizer.ggml.token_type", vocabulary_.kinds);
        if (!vocabulary_.scored) entries.texts("tokenizer.ggml.merges", vocabulary_.merges);
        if (vocabulary_.scored) entries.flag("tokenizer.ggml.add_space_prefix", !variant.empty());
        special_entries(entries);
        if (const auto chat = chat_template()) entries.text("tokenizer.chat_template", *chat);
        return entries;
    }

    /// llama.cpp looks for these in the text as it is, where spaces are spaces.
    [[nodiscard]] std::vector<std::string> written_tokens() const {
        std::vector<std::string> tokens = vocabulary_.tokens;
        if (!vocabulary_.scored) return tokens;
        for (std::size_t id = 0; id < tokens.size(); ++id) {
            if (vocabulary_.kinds[id] != static_cast<std::int32_t>(PieceKind::user_defined)) continue;
            for (std::size_t at = 0; (at = tokens[id].find(space_mark, at)) != std::string::npos;)
                tokens[id].replace(at, std::string_view(space_mark).size(), " ");
        }
        return tokens;
    }

    void special_entries(GgufEntries& entries) const {
        const std::vector<std::int32_t> around = own_->encode("", true); // prefix and suffix, nothing between them
        std::optional<std::int32_t> bos = own_->bos(), eos = own_->eos();
        const bool only_eos = around.size() == 1 && eos && around[0] == *eos && bos != eos;
        const bool add_bos = !around.empty() && !only_eos, add_eos = around.size() == 2 || only_eos;
        if (around.size() > 2)
            throw Error(ErrorKind::unsupported, folder_.string() + ": the tokenizer puts " +
                                                    std::to_string(around.size()) +
                                                    " tokens around a text, and GGUF has one before it and one after "
                                                    "it; change the template in tokenizer.json");
        if (add_bos) bos = around.front();
        if (add_eos) eos = around.back();
        const auto id = [&](const char* key, std::optional<std::int32_t> value) {
            if (value) entries.u32("tokenizer.ggml." + std::string(key), static_cast<std::uint32_t>(*value));
        };
        id("bos_token_id", bos);
        id("eos_token_id", eos);
        const auto unknown = id_of(config_.unk_token);
        id("unknown_token_id", unknown ? unknown : unknown_);
        id("padding_token_id", id_of(config_.pad_token));
        entries.flag("tokenizer.ggml.add_bos_token", add_bos);
        entries.flag("tokenizer.ggml.add_eos_token", add_eos);
    }

    [[nodiscard]] std::optional<std::string> chat_template() const {
        if (fs::exists(folder_ / "chat_template.jinja"))
            return read_text_file(folder_ / "chat_template.jinja", max_file_bytes);
        if (!fs::exists(folder_ / "tokenizer_config.json")) return std::nullopt;
        const json config = read_json_file(folder_ / "tokenizer_config.json");
        const auto found = config.find("chat_template");
        if (found == config.end() || !found->is_string()) return std::nullopt;
        return found->get<std::string>();
    }

    static std::shared_ptr<const Tokenizer> opened(const GgufEntries& entries) {
        const auto bytes = std::make_shared<const std::string>(gguf_header(entries, {}));
        return gguf_tokenizer(*GgufFile::from_bytes(std::as_bytes(std::span(*bytes)), bytes, "the written metadata"));
    }

    /// The texts above, and what tokens of the vocabulary stand for, alone and several in a row.
    [[nodiscard]] std::vector<std::string> probe_texts() const {
        constexpr std::int64_t most = 2000, in_a_row = 16;
        std::vector<std::string> probes(texts.begin(), texts.end());
        const std::int64_t step = std::max<std::int64_t>(own_->vocab_size() / most, 1);
        std::vector<std::int32_t> row;
        for (std::int64_t id = 0; id < own_->vocab_size(); id += step) {
            const std::int32_t one[] = {static_cast<std::int32_t>(id)};
            probes.push_back(own_->decode(one));
            row.push_back(one[0]);
            if (std::ssize(row) < in_a_row) continue;
            probes.push_back(own_->decode(row));
            row.clear();
        }
        if (vocabulary_.scored) std::erase_if(probes, [](const std::string& probe) { return probe.starts_with(' '); });
        return probes;
    }

    [[nodiscard]] std::string first_difference(const Tokenizer& again, const std::vector<std::string>& probes) const {
        for (const std::string& probe : probes)
            if (again.encode(probe) != own_->encode(probe)) return cut_short(probe);
        return {};
    }

    static constexpr float least_score = -1e6F;

    fs::path folder_;
    std::shared_ptr<const Tokenizer> own_;
    TokenizerConfig config_;
    Vocabulary vocabulary_;
    std::unordered_map<std::string, std::int32_t> ids_;
    std::optional<std::int32_t> unknown_;
};

GgufTokenizerEntries copied(const GgufFile& file, std::int64_t rows) {
    const auto tokens = file.metadata().array_size("tokenizer.ggml.tokens");
    if (!tokens) throw Error(ErrorKind::bad_input, file.path().string() + ": no tokenizer in the metadata");
    if (static_cast<std::int64_t>(*tokens) != rows)
        throw Error(ErrorKind::unsupported, file.path().string() + ": " + std::to_string(*tokens) +
                                                " tokens for an embedding of " + std::to_string(rows) +
                                                " rows; convert the model again");
    GgufTokenizerEntries result;
    for (const std::string& key : file.metadata().keys())
        if (key.starts_with("tokenizer.")) result.entries.copy(key, file.metadata());
    return result;
}

} // namespace

GgufTokenizerEntries gguf_tokenizer_entries(const Checkpoint& checkpoint, std::int64_t rows) {
    if (checkpoint.container().starts_with("GGUF")) return copied(*GgufFile::open(checkpoint.files().front()), rows);
    try {
        return Writer(checkpoint, rows).write();
    } catch (const json::exception& problem) {
        throw Error(ErrorKind::bad_input, checkpoint.folder().string() + ": the tokenizer's files: " + problem.what());
    }
}

} // namespace graticule
