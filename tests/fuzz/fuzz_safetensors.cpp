#include "core/io/safetensors.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace graticule;
    const fuzz::Input input(data, size);
    return fuzz::run([&] {
        const auto file = SafetensorsFile::from_bytes(input.bytes, input.owner, "fuzz.safetensors");
        for (const SafetensorsEntry& entry : file->entries())
            if (entry.dtype && row_of(*entry.dtype).decode != nullptr) (void)to_floats(file->tensor(entry.name));
    });
}
