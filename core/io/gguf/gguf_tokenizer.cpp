#include "core/io/gguf/gguf_tokenizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "core/base/error.h"
#include "core/base/word_list.h"
#include "core/io/text/pipeline_tokenizer.h"
#include "core/io/text/sentencepiece_parts.h"
#include "core/io/text/utf8.h"

namespace graticule {
namespace {

constexpr std::size_t max_tokens = 4'000'000;

/// One way to cut text, known in llama.cpp under several names.
struct PreTokenizerRow {
    std::string_view names; ///< of tokenizer.ggml.pre, separated by spaces
    std::array<const char*, 4> patterns;
    bool compose = false;       ///< the Hugging Face tokenizer normalizes to NFC
    bool ignore_merges = false; ///< a word that is a token is that token
    bool adds_bos = false;      ///< where the file does not say
};

constexpr auto pre_tokenizers = std::to_array<PreTokenizerRow>({
    {"gpt-2 gpt2 phi-2 mpt olmo jina-es jina-de gigachat jais", {patterns::gpt2}},
    // Published SmolLM tokenizers cut digits apart first, and so does llama.cpp. transformers' GGUF reader, whose token
    // counts ours are held against, does not; it shows only where several white-space characters precede a digit (8 of
    // 304,986 tokens of WikiText-2).
    {"smollm", {patterns::gpt2}},
    {"starcoder refact command-r codeshell exaone minerva-7b", {patterns::one_number, patterns::gpt2}},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral", {patterns::llama3}, false, true, true},
    {"smaug-bpe dbrx", {patterns::llama3}},
    {"qwen2 deepseek-r1-qwen megrez", {patterns::qwen2}, true},
    {"stablelm2 hunyuan", {patterns::qwen2}},
    {"tekken", {patterns::tekken}, false, true, true},
    {"gpt-4o llama4", {patterns::gpt4o}},
    {"bloom gpt3-finnish", {patterns::bloom}},
    {"falcon", {patterns::falcon_punctuation, patterns::gpt2, patterns::three_digits}},
    {"default", {patterns::default_punctuation, patterns::default_words, patterns::numbers, patterns::three_digits}},
});

/// "<0x0A>", upper case.
bool is_byte_token(std::string_view token) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    return token.size() == 6 && token.starts_with("<0x") && token.ends_with('>') &&
           token.substr(3, 2).find_first_not_of(digits) == std::string_view::npos;
}

class Reader {
public:
    explicit Reader(const GgufFile& file)
        : file_(file)
        , metadata_(file.metadata()) {}

    TokenizerParts read() {
        const auto model = metadata_.text("tokenizer.ggml.model");
        if (!model) bad("no tokenizer in the metadata (\"tokenizer.ggml.model\")");
        read_tokens();
        bool adds_bos = false;
        TokenizerParts parts;
        if (*model == "gpt2") {
            parts = byte_level_parts(adds_bos);
        } else if (*model == "llama") {
            parts = scored_parts();
            adds_bos = true;
        } else {
            unsupported("the tokenizer model \"" + *model +
                        "\" is not supported; gpt2 (byte-level BPE) and llama (SentencePiece) are");
        }
        parts.bos = token_id("bos_token_id");
        parts.eos = token_id("eos_token_id");
        if (parts.bos && metadata_.flag("tokenizer.ggml.add_bos_token").value_or(adds_bos)) parts.prefix = {*parts.bos};
        if (parts.eos && metadata_.flag("tokenizer.ggml.add_eos_token").value_or(false)) parts.suffix = {*parts.eos};
        if (parts.bos && !metadata_.contains("tokenizer.ggml.add_bos_token"))
            parts.notes.push_back(
                file_.path().string() +
                ": the metadata does not say whether a text begins with the BOS "
                "token (\"tokenizer.ggml.add_bos_token\"); " +
                (adds_bos ? "it does" : "it does not") +
                ", as llama.cpp has it for this kind of tokenizer. Set the key with gguf_new_metadata.py "
                "of llama.cpp");
        parts.origin = "GGUF metadata";
        parts.file = file_.path().string();
        return parts;
    }

private:
    [[noreturn]] void bad(const std::string& what) const {
        throw Error(ErrorKind::bad_input, file_.path().string() + ": " + what);
    }
    [[noreturn]] void unsupported(const std::string& what) const {
        throw Error(ErrorKind::unsupported, file_.path().string() + ": " + what);
    }

    void read_tokens() {
        auto tokens = metadata_.texts("tokenizer.ggml.tokens");
        if (!tokens || tokens->empty()) bad("no \"tokenizer.ggml.tokens\" in the metadata");
        if (tokens->size() > max_tokens)
            bad(std::to_string(tokens->size()) + " tokens; at most " + std::to_string(max_tokens) + " are read");
        tokens_ = std::move(*tokens);
        for (std::size_t id = 0; id < tokens_.size(); ++id)
            if (const auto offset = first_invalid_utf8(tokens_[id]))
                bad("token " + std::to_string(id) + " is not UTF-8 at byte " + std::to_string(*offset));
        kinds_.assign(tokens_.size(), PieceKind::normal);
        if (!metadata_.contains("tokenizer.ggml.token_type")) return;
        const auto types = metadata_.wholes("tokenizer.ggml.token_type");
        require_size(types->size(), "tokenizer.ggml.token_type");
        std::map<std::string_view, std::size_t> bytes;
        for (std::size_t id = 0; id < types->size(); ++id) {
            const std::int64_t type = (*types)[id];
            if (type < 0 || type > 6)
                bad("token " + std::to_string(id) + " has the unknown type " + std::to_string(type));
            kinds_[id] = type == 0 ? PieceKind::normal : static_cast<PieceKind>(type); // 0: not said
            if (kinds_[id] == PieceKind::byte && !is_byte_token(tokens_[id]))
                bad("token " + std::to_string(id) + ", \"" + tokens_[id] +
                    "\", is of the type byte but names none; <0x00> to <0xFF> do. Convert the model again");
            if (kinds_[id] != PieceKind::byte) continue;
            if (const auto [other, fresh] = bytes.emplace(tokens_[id], id); !fresh)
                bad("tokens " + std::to_string(other->second) + " and " + std::to_string(id) +
                    " both stand for the byte " + tokens_[id] + "; convert the model again");
        }
    }

    void require_size(std::size_t size, const std::string& key) const {
        if (size != tokens_.size())
            bad("\"" + key + "\" has " + std::to_string(size) + " entries for " + std::to_string(tokens_.size()) +
                " tokens");
    }

    std::optional<std::int32_t> token_id(const std::string& name) const {
        const auto id = metadata_.whole("tokenizer.ggml." + name);
        if (!id) return std::nullopt;
        if (*id >= tokens_.size())
            bad("tokenizer.ggml." + name + " is " + std::to_string(*id) + ", but there are " +
                std::to_string(tokens_.size()) + " tokens");
        return static_cast<std::int32_t>(*id);
    }

    const PreTokenizerRow& pre_tokenizer(std::vector<std::string>& notes) const {
        const auto stated = metadata_.text("tokenizer.ggml.pre");
        const std::string name = stated.value_or("default");
        if (!stated)
            notes.push_back(
                file_.path().string() +
                ": the metadata does not say how text is cut into words (\"tokenizer.ggml.pre\"); "
                "\"default\" is assumed, as llama.cpp does, and token ids are wrong if the model was trained "
                "otherwise. Set the key (llama-bpe for Llama 3, qwen2, ...): gguf_new_metadata.py of llama.cpp "
                "writes it, and so does converting the model again");
        for (const PreTokenizerRow& row : pre_tokenizers)
            if (lists(row.names, name)) return row;
        unsupported("the pre-tokenizer \"" + name +
                    "\" (tokenizer.ggml.pre) is not supported; the token ids would be wrong");
    }

    std::vector<std::pair<std::string, std::string>> merges() const {
        const auto list = metadata_.texts("tokenizer.ggml.merges");
        if (!list) bad("no \"tokenizer.ggml.merges\" in the metadata");
        std::vector<std::pair<std::string, std::string>> pairs;
        pairs.reserve(list->size());
        for (const std::string& merge : *list) {
            const auto space =
                merge.find(' ', 1); // a token may itself begin with a space in hand-made files, not consist of one
            if (space == std::string::npos || space + 1 >= merge.size())
                bad("merge \"" + merge + "\" is not two tokens");
            pairs.emplace_back(merge.substr(0, space), merge.substr(space + 1));
        }
        return pairs;
    }

    TokenizerParts byte_level_parts(bool& adds_bos) {
        TokenizerParts parts;
        const PreTokenizerRow& row = pre_tokenizer(parts.notes);
        adds_bos = row.adds_bos;
        for (std::size_t id = 0; id < tokens_.size(); ++id)
            if (kinds_[id] == PieceKind::control || kinds_[id] == PieceKind::user_defined ||
                kinds_[id] == PieceKind::unknown)
                parts.added.push_back(
                    {tokens_[id], static_cast<std::int32_t>(id), kinds_[id] != PieceKind::user_defined});
        BpeSpec spec;
        spec.merges = merges();
        spec.ignore_merges = row.ignore_merges;
        spec.tokens = std::move(tokens_);
        tokens_.assign(spec.tokens.size(), std::string()); // only the number is looked at from here on
        parts.model = make_bpe_model(std::move(spec), file_.path().string());
        if (row.compose) parts.normalizers.push_back(normalize_to(NormalForm::c));
        for (const char* pattern : row.patterns)
            if (pattern != nullptr)
                parts.pre_tokenizers.push_back(split_by_pattern(SplitPattern::known(pattern, file_.path().string()),
                                                                SplitBehavior::isolated, false));
        parts.pre_tokenizers.push_back(byte_level(false, nullptr));
        parts.decoders.push_back(decode_byte_level());
        parts.kind = "byte-level BPE";
        return parts;
    }

    TokenizerParts scored_parts() {
        auto scores = metadata_.reals("tokenizer.ggml.scores");
        if (!scores) bad("no \"tokenizer.ggml.scores\" in the metadata");
        require_size(scores->size(), "tokenizer.ggml.scores");
        for (std::size_t id = 0; id < scores->size(); ++id)
            if (std::isnan((*scores)[id])) bad("token " + std::to_string(id) + " has the score NaN");
        SentencePieceVocabulary vocabulary;
        vocabulary.scores = std::move(*scores);
        vocabulary.kinds = kinds_;
        vocabulary.unknown_id = token_id("unknown_token_id").value_or(0);
        vocabulary.add_space_prefix = metadata_.flag("tokenizer.ggml.add_space_prefix").value_or(true);
        vocabulary.pieces = tokens_;
        TokenizerParts parts = sentencepiece_parts(std::move(vocabulary));
        parts.kind = "SentencePiece BPE";
        return parts;
    }

    const GgufFile& file_;
    const GgufMetadata& metadata_;
    std::vector<std::string> tokens_;
    std::vector<PieceKind> kinds_;
};

} // namespace

std::vector<std::string> gguf_pre_tokenizers() {
    std::vector<std::string> names;
    for (const PreTokenizerRow& row : pre_tokenizers) names.emplace_back(row.names.substr(0, row.names.find(' ')));
    return names;
}

std::shared_ptr<const Tokenizer> gguf_tokenizer(const GgufFile& file) {
    return make_pipeline_tokenizer(Reader(file).read());
}

} // namespace graticule
