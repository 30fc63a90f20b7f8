// The tensors that a file under way was declared to hold: where each lies and how much of it is there. What the writers
// of all containers share; private to them.
//
//     declared.add("lm_head.weight", 1024, 8192);
//     file.write_at(declared.place_for("lm_head.weight", bytes.size()), bytes);   // any order, whole or in pieces
//     declared.require_complete();
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace graticule {

class DeclaredTensors {
public:
    struct Place {
        std::uint64_t begin = 0; ///< from wherever the container counts
        std::uint64_t bytes = 0;
        std::uint64_t written = 0;
    };

    void add(const std::string& name, std::uint64_t begin, std::uint64_t bytes); ///< each name once
    [[nodiscard]] const Place& at(const std::string& name) const;                ///< of a declared one
    [[nodiscard]] std::uint64_t written(const std::string& name) const;          ///< 0 of one that is not declared
    /// Where the next `count` bytes of the tensor belong; from now on they count as written.
    [[nodiscard]] std::uint64_t place_for(const std::string& name, std::uint64_t count);
    /// The same for `count` bytes of its middle, whatever of it was written before; no byte twice.
    [[nodiscard]] std::uint64_t place_at(const std::string& name, std::uint64_t offset, std::uint64_t count);
    void require_complete() const; ///< throws Error{internal} naming one that is not

private:
    std::unordered_map<std::string, Place> places_;
};

} // namespace graticule
