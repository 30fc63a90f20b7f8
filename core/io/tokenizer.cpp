#include "core/io/tokenizer.h"

#include "core/base/error.h"
#include "core/io/checkpoint.h"
#include "core/io/text/sentencepiece_tokenizer.h"
#include "core/io/text/tokenizer_json.h"
#include "core/io/text/vocab_merges.h"

namespace graticule {

std::shared_ptr<const Tokenizer> open_tokenizer(const Checkpoint& checkpoint) { return checkpoint.tokenizer(); }

std::shared_ptr<const Tokenizer> open_tokenizer(const std::filesystem::path& path) {
    namespace fs = std::filesystem;
    if (!fs::exists(path)) throw Error(ErrorKind::bad_input, path.string() + ": no such file or folder");
    if (!fs::is_directory(path)) {
        const std::string name = path.filename().string();
        if (name == "vocab.json" || name == "merges.txt") return open_vocab_merges(path.parent_path());
        if (name.ends_with(".json")) return open_tokenizer_json(path);
        if (name.ends_with(".gguf")) return open_checkpoint(path)->tokenizer();
        return open_sentencepiece(path);
    }
    if (fs::exists(path / "tokenizer.json")) return open_tokenizer_json(path / "tokenizer.json");
    if (fs::exists(path / "tokenizer.model")) return open_sentencepiece(path / "tokenizer.model");
    if (fs::exists(path / "vocab.json") && fs::exists(path / "merges.txt")) return open_vocab_merges(path);
    throw Error(ErrorKind::bad_input,
                path.string() + " has no tokenizer: neither tokenizer.json nor tokenizer.model nor vocab.json with "
                                "merges.txt; copy the model's tokenizer files there");
}

} // namespace graticule
