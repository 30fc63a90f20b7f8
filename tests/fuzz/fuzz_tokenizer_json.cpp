#include "core/io/text/tokenizer_json.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace graticule;
    const fuzz::Input input(data, size);
    return fuzz::run([&] {
        TokenizerConfig config;
        config.bos_token = "<s>";
        config.add_bos = true;
        const auto tokenizer = parse_tokenizer_json(input.text(), "fuzz.json", config);
        for (const char* text : {"", " ", "Hello  <s>wörld 12\n\t▁a", "a<x>b\xE2\x80\x83 hello hello 漢字 ½"}) {
            const auto ids = tokenizer->encode(text);
            (void)tokenizer->decode(ids);
        }
    });
}
