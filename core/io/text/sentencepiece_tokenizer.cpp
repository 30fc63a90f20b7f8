#include "core/io/text/sentencepiece_tokenizer.h"

#include <sentencepiece_processor.h>
#include <utility>

#include "core/base/error.h"
#include "core/io/json_file.h"
#include "core/io/text/tokenizer_config.h"
#include "core/io/text/utf8.h"

namespace graticule {
namespace {

constexpr std::size_t max_model_bytes = std::size_t{256} << 20;

class SentencePieceTokenizer final : public Tokenizer {
public:
    SentencePieceTokenizer(const std::filesystem::path& file, const TokenizerConfig& config) {
        const auto status = processor_.LoadFromSerializedProto(read_text_file(file, max_model_bytes));
        if (!status.ok())
            throw Error(ErrorKind::bad_input, file.string() + " is not a SentencePiece model: " + status.ToString());
        if (processor_.bos_id() >= 0) bos_ = processor_.bos_id();
        if (processor_.eos_id() >= 0) eos_ = processor_.eos_id();
        add_bos_ = bos_.has_value() && config.add_bos.value_or(true);
        add_eos_ = eos_.has_value() && config.add_eos.value_or(false);
    }

    std::vector<std::int32_t> encode(std::string_view text, bool add_special) const override {
        require_utf8(text, "the text to tokenize");
        std::vector<int> ids;
        const auto status = processor_.Encode({text.data(), text.size()}, &ids);
        if (!status.ok()) throw Error(ErrorKind::bad_input, "the text cannot be tokenized: " + status.ToString());
        if (add_special && add_bos_) ids.insert(ids.begin(), *bos_);
        if (add_special && add_eos_) ids.push_back(*eos_);
        return ids;
    }

    std::string decode(std::span<const std::int32_t> ids) const override {
        std::vector<int> known; // the library aborts on ids outside the vocabulary
        for (const std::int32_t id : ids)
            if (id >= 0 && id < processor_.GetPieceSize()) known.push_back(id);
        std::string text;
        const auto status = processor_.Decode(known, &text);
        if (!status.ok()) throw Error(ErrorKind::bad_input, "the ids cannot be decoded: " + status.ToString());
        return text;
    }

    std::int64_t vocab_size() const override { return processor_.GetPieceSize(); }
    std::string token_text(std::int32_t id) const override {
        return id >= 0 && id < processor_.GetPieceSize() ? processor_.IdToPiece(id) : std::string();
    }
    std::optional<std::int32_t> bos() const override { return bos_; }
    std::optional<std::int32_t> eos() const override { return eos_; }
    std::string description() const override {
        return "SentencePiece, " + std::to_string(vocab_size()) + " tokens, from tokenizer.model";
    }

private:
    sentencepiece::SentencePieceProcessor processor_;
    std::optional<std::int32_t> bos_, eos_;
    bool add_bos_ = false, add_eos_ = false;
};

} // namespace

std::shared_ptr<const Tokenizer> open_sentencepiece(const std::filesystem::path& model_file) {
    return std::make_shared<SentencePieceTokenizer>(model_file, read_tokenizer_config(model_file.parent_path()));
}

} // namespace graticule
