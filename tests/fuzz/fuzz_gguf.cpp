#include "core/io/gguf/gguf_checkpoint.h"
#include "core/io/gguf/gguf_file.h"
#include "core/io/tokenizer.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace graticule;
    const fuzz::Input input(data, size);
    return fuzz::run([&] {
        const auto file = GgufFile::from_bytes(input.bytes, input.owner, "fuzz.gguf");
        fuzz::run([&] {
            const auto tokenizer = make_gguf_checkpoint({file})->tokenizer();
            (void)tokenizer->decode(tokenizer->encode("Hello  <s>wörld 12\n\t▁a"));
        });
        const auto checkpoint = make_gguf_checkpoint({file});
        for (const std::string& name : checkpoint->tensor_names())
            fuzz::run([&] {
                const HostTensor tensor = checkpoint->tensor(name);
                if (row_of(tensor.dtype).decode != nullptr) (void)to_floats(tensor);
            });
    });
}
