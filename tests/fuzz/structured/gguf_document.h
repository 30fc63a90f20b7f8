// A GGUF file as its fields, to be changed one by one and written as they then are, right or wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/fuzz/structured/decisions.h"

namespace graticule::fuzz {

struct GgufDocument {
    struct Entry {
        std::string key;
        std::int32_t type = 0; ///< of the value; 9: an array of `item_type`
        std::int32_t item_type = 0;
        std::vector<std::string> items;     ///< raw bytes; one, or those of the array
        std::optional<std::uint64_t> count; ///< said instead of the true one
    };
    struct Tensor {
        std::string name;
        std::vector<std::uint64_t> extents; ///< innermost first
        std::int32_t type = 0;
        std::string bytes;
        std::optional<std::uint64_t> offset; ///< said instead of the right one
    };
    std::uint32_t version = 3;
    std::optional<std::uint64_t> tensor_count, entry_count;
    std::vector<Entry> entries;
    std::vector<Tensor> tensors;

    [[nodiscard]] std::string bytes() const;
    void mutate(Decisions& decide);
    void mutate_mildly(Decisions& decide);

    void number(const std::string& key, std::uint32_t value);
    void real(const std::string& key, float value);
    void text(const std::string& key, const std::string& value);
    void texts(const std::string& key, const std::vector<std::string>& values);
    void numbers(const std::string& key, const std::vector<std::int32_t>& values);
    void floats(const std::string& name, std::vector<std::uint64_t> extents); ///< a tensor of small numbers
};

/// A model of two blocks of width 8 that opens, with a tokenizer.
[[nodiscard]] GgufDocument tiny_gguf(const std::string& architecture);

} // namespace graticule::fuzz
