#include "core/io/text/sentencepiece_tokenizer.h"

#include <algorithm>
#include <sentencepiece_processor.h>
#include <utility>

#include "core/base/error.h"
#include "core/io/json_file.h"
#include "core/io/text/sentencepiece_parts.h"
#include "core/io/text/sentencepiece_spec.h"
#include "core/io/text/tokenizer_config.h"
#include "core/io/text/utf8.h"

namespace graticule {
namespace {

using sentencepiece::SentencePieceProcessor;

constexpr std::size_t max_model_bytes = std::size_t{256} << 20;

struct Around { ///< special tokens of a model and which of them go around a text
    std::optional<std::int32_t> bos, eos;
    std::vector<std::int32_t> prefix, suffix;
};

Around around_text(const SentencePieceProcessor& processor, const TokenizerConfig& config) {
    Around around;
    if (processor.bos_id() >= 0) around.bos = processor.bos_id();
    if (processor.eos_id() >= 0) around.eos = processor.eos_id();
    if (around.bos && config.add_bos.value_or(true)) around.prefix = {*around.bos};
    if (around.eos && config.add_eos.value_or(false)) around.suffix = {*around.eos};
    return around;
}

std::unique_ptr<SentencePieceProcessor> load(const std::string& serialized, const std::filesystem::path& file) {
    auto processor = std::make_unique<SentencePieceProcessor>();
    const auto status = processor->LoadFromSerializedProto(serialized);
    if (!status.ok())
        throw Error(ErrorKind::bad_input, file.string() + " is not a SentencePiece model: " + status.ToString());
    return processor;
}

class LibraryTokenizer final : public Tokenizer {
public:
    LibraryTokenizer(std::unique_ptr<SentencePieceProcessor> processor, Around around)
        : processor_(std::move(processor))
        , around_(std::move(around)) {
        std::vector<AddedToken> special;
        for (int id = 0; id < processor_->GetPieceSize(); ++id)
            if (processor_->IsControl(id) || processor_->IsUnknown(id))
                special.push_back({processor_->IdToPiece(id), id, true});
        special_ = AddedTokenMatcher(std::move(special));
    }

    std::vector<std::int32_t> encode(std::string_view text, bool add_special) const override {
        require_utf8(text, "the text to tokenize");
        std::vector<std::int32_t> ids;
        if (add_special) ids = around_.prefix;
        special_.split(
            text,
            [&](std::string_view piece, std::size_t) {
                std::vector<int> found;
                const auto status = processor_->Encode({piece.data(), piece.size()}, &found);
                if (!status.ok())
                    throw Error(ErrorKind::bad_input, "the text cannot be tokenized: " + status.ToString());
                ids.insert(ids.end(), found.begin(), found.end());
            },
            [&](std::int32_t id) { ids.push_back(id); });
        if (add_special) ids.insert(ids.end(), around_.suffix.begin(), around_.suffix.end());
        return ids;
    }

    std::string decode(std::span<const std::int32_t> ids) const override {
        std::vector<int> known; // the library aborts on ids outside the vocabulary
        for (const std::int32_t id : ids)
            if (id >= 0 && id < processor_->GetPieceSize()) known.push_back(id);
        std::string text;
        const auto status = processor_->Decode(known, &text);
        if (!status.ok()) throw Error(ErrorKind::bad_input, "the ids cannot be decoded: " + status.ToString());
        return text;
    }

    std::int64_t vocab_size() const override { return processor_->GetPieceSize(); }
    std::string token_text(std::int32_t id) const override {
        return id >= 0 && id < processor_->GetPieceSize() ? processor_->IdToPiece(id) : std::string();
    }
    std::optional<std::int32_t> bos() const override { return around_.bos; }
    std::optional<std::int32_t> eos() const override { return around_.eos; }
    std::string description() const override {
        return "SentencePiece, " + std::to_string(vocab_size()) + " tokens, from tokenizer.model";
    }

private:
    std::unique_ptr<SentencePieceProcessor> processor_;
    Around around_;
    AddedTokenMatcher special_;
};

PieceKind kind_of(const SentencePieceProcessor& processor, int id) {
    if (processor.IsUnknown(id)) return PieceKind::unknown;
    if (processor.IsControl(id)) return PieceKind::control;
    if (processor.IsByte(id)) return PieceKind::byte;
    if (processor.IsUnused(id)) return PieceKind::unused;
    return PieceKind::normal; // the library does not tell user-defined pieces apart; runs_here() does
}

/// User-defined pieces are cut out before everything else and cannot be seen through the library: they are the ones
/// with a score of 0 that are neither control nor byte nor the first normal piece.
bool runs_here(const SentencePieceSpec& spec, const SentencePieceProcessor& processor) {
    if (!spec.byte_pair_encoding || spec.rewrites_text || spec.remove_extra_white_space || !spec.escape_white_space)
        return false;
    int normal_with_zero = 0;
    for (int id = 0; id < processor.GetPieceSize(); ++id)
        if (kind_of(processor, id) == PieceKind::normal && processor.GetScore(id) == 0.0f) ++normal_with_zero;
    return normal_with_zero <= 1;
}

SentencePieceVocabulary vocabulary_of(const SentencePieceProcessor& processor, const SentencePieceSpec& spec) {
    SentencePieceVocabulary vocabulary;
    for (int id = 0; id < processor.GetPieceSize(); ++id) {
        vocabulary.pieces.push_back(processor.IdToPiece(id));
        vocabulary.scores.push_back(processor.GetScore(id));
        vocabulary.kinds.push_back(kind_of(processor, id));
    }
    vocabulary.unknown_id = std::max(processor.unk_id(), 0);
    vocabulary.add_space_prefix = spec.add_dummy_prefix;
    return vocabulary;
}

std::shared_ptr<const Tokenizer> fast_tokenizer(const SentencePieceProcessor& processor, const SentencePieceSpec& spec,
                                                Around around, const std::string& file) {
    TokenizerParts parts = sentencepiece_parts(vocabulary_of(processor, spec));
    parts.bos = around.bos;
    parts.eos = around.eos;
    parts.prefix = std::move(around.prefix);
    parts.suffix = std::move(around.suffix);
    parts.kind = "SentencePiece BPE";
    parts.origin = "tokenizer.model";
    parts.file = file;
    return make_pipeline_tokenizer(std::move(parts));
}

} // namespace

std::shared_ptr<const Tokenizer> open_sentencepiece(const std::filesystem::path& model_file) {
    const std::string serialized = read_text_file(model_file, max_model_bytes);
    auto processor = load(serialized, model_file);
    Around around = around_text(*processor, read_tokenizer_config(model_file.parent_path()));
    const SentencePieceSpec spec = read_sentencepiece_spec(serialized);
    if (runs_here(spec, *processor)) return fast_tokenizer(*processor, spec, std::move(around), model_file.string());
    return std::make_shared<LibraryTokenizer>(std::move(processor), std::move(around));
}

SentencePieceVocabulary read_sentencepiece_vocabulary(const std::filesystem::path& model_file) {
    const std::string serialized = read_text_file(model_file, max_model_bytes);
    const auto processor = load(serialized, model_file);
    const SentencePieceSpec spec = read_sentencepiece_spec(serialized);
    if (!spec.byte_pair_encoding || spec.rewrites_text || !spec.escape_white_space)
        throw Error(ErrorKind::unsupported,
                    model_file.string() + (spec.byte_pair_encoding
                                               ? " rewrites the text before it cuts it (normalizer_spec)"
                                               : " is no byte pair encoding (trainer_spec.model_type)"));
    SentencePieceVocabulary vocabulary = vocabulary_of(*processor, spec);
    for (const std::int32_t id : spec.user_defined)
        if (id < std::ssize(vocabulary.kinds)) vocabulary.kinds[std::size_t(id)] = PieceKind::user_defined;
    return vocabulary;
}

std::shared_ptr<const Tokenizer> open_sentencepiece_library(const std::filesystem::path& model_file) {
    auto processor = load(read_text_file(model_file, max_model_bytes), model_file);
    Around around = around_text(*processor, read_tokenizer_config(model_file.parent_path()));
    return std::make_shared<LibraryTokenizer>(std::move(processor), std::move(around));
}

} // namespace graticule
