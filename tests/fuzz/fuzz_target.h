// What every fuzz target shares: bytes in a buffer of exactly their size, so that the sanitizer sees one read too many;
// and the rule that a file may be refused, but only by an Error that blames the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace graticule::fuzz {

struct Input {
    std::shared_ptr<const std::vector<std::byte>> owner;
    std::span<const std::byte> bytes;

    Input(const std::uint8_t* data, std::size_t size) {
        const auto* begin = reinterpret_cast<const std::byte*>(data);
        owner = std::make_shared<const std::vector<std::byte>>(begin, begin + size);
        bytes = *owner;
    }
    [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

template <class Read>
int run(Read read) {
    try {
        read();
    } catch (const Error& error) {
        if (error.info().kind == ErrorKind::internal) std::abort(); // a mistake of ours, not of the file
    }
    return 0;
}

} // namespace graticule::fuzz
