// SHA-256 of what results are made from, as lower-case hex.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace graticule {

class Sha256 {
public:
    Sha256();
    ~Sha256();
    void update(std::span<const std::byte> bytes);
    void update(std::string_view text) { update(std::as_bytes(std::span(text.data(), text.size()))); }
    [[nodiscard]] std::string hex(); ///< ends the computation

private:
    struct State;
    std::unique_ptr<State> state_;
};

[[nodiscard]] std::string sha256_hex(std::string_view text);

} // namespace graticule
