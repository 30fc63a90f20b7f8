// Beside a model whose files were cut short another one is opened, perhaps the same, restored: what reads only files
// that it maps itself is not judged by those that were mapped before, and when it has taken their place they are given
// up.
#pragma once

#include <cstdint>

namespace graticule {

/// Which files are mapped so far.
enum class MappingMark : std::uint64_t {};
[[nodiscard]] MappingMark mapping_mark();

/// For as long as it lives, check_mappings() and verify_mappings() on this thread are of files mapped from now on.
class NewMappingsOnly {
public:
    NewMappingsOnly();
    ~NewMappingsOnly();
    NewMappingsOnly(const NewMappingsOnly&) = delete;
    NewMappingsOnly& operator=(const NewMappingsOnly&) = delete;

private:
    MappingMark before_;
};

/// Nobody's results come from files mapped before the mark any more, though some may still be mapped: no check is of
/// them.
void give_up_mappings(MappingMark mark);

} // namespace graticule
