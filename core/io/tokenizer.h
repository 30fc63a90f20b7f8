// Text to token ids and back.
//
//     auto tokenizer = open_tokenizer(*checkpoint);
//     std::vector<std::int32_t> ids = tokenizer->encode("Hello world");   // with BOS where the files ask for one
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graticule {

class Checkpoint;

/// Immutable; encode() and decode() may be called from several threads.
class Tokenizer {
public:
    virtual ~Tokenizer() = default;

    /// `text` must be UTF-8 (Error{bad_input} naming the first bad byte otherwise). Special tokens written out in it
    /// are recognised. `add_special`: adds what the model's files ask for around a text, BOS in most families.
    [[nodiscard]] virtual std::vector<std::int32_t> encode(std::string_view text, bool add_special = true) const = 0;
    /// Special tokens are left out; bytes that do not make up UTF-8 become U+FFFD.
    [[nodiscard]] virtual std::string decode(std::span<const std::int32_t> ids) const = 0;
    [[nodiscard]] virtual std::int64_t
    vocab_size() const = 0; ///< highest id + 1; a model's embedding may have more rows
    [[nodiscard]] virtual std::string
    token_text(std::int32_t id) const = 0; ///< as in the vocabulary; empty: no such token
    [[nodiscard]] virtual std::optional<std::int32_t> bos() const = 0;
    [[nodiscard]] virtual std::optional<std::int32_t> eos() const = 0;
    /// What its files leave open and was guessed, a sentence each with the way to set it.
    [[nodiscard]] virtual std::vector<std::string> notes() const { return {}; }
    [[nodiscard]] virtual std::string description() const = 0; ///< "byte-level BPE, 50257 tokens, from tokenizer.json"
};

[[nodiscard]] std::shared_ptr<const Tokenizer> open_tokenizer(const Checkpoint& checkpoint);
/// A folder (tokenizer.json, then tokenizer.model, then vocab.json + merges.txt) or one of these files.
[[nodiscard]] std::shared_ptr<const Tokenizer> open_tokenizer(const std::filesystem::path& path);

} // namespace graticule
