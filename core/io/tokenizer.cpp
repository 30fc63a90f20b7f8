#include "core/io/tokenizer.h"

#include "core/base/error.h"
#include "core/io/checkpoint.h"
#include "core/io/sentencepiece_tokenizer.h"

namespace graticule {

std::shared_ptr<const Tokenizer> open_tokenizer(const Checkpoint& checkpoint) { return checkpoint.tokenizer(); }

std::shared_ptr<const Tokenizer> open_tokenizer(const std::filesystem::path& path) {
    namespace fs = std::filesystem;
    if (!fs::is_directory(path)) return open_sentencepiece(path);
    if (fs::exists(path / "tokenizer.model")) return open_sentencepiece(path / "tokenizer.model");
    throw Error(ErrorKind::bad_input, path.string() + " has no tokenizer");
}

} // namespace graticule
