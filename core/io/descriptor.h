// An open file of the system, closed with the object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unistd.h>
#include <utility>

namespace graticule {

class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int value) ///< negative: none
        : value_(value) {}
    ~Descriptor() { (void)close(); }
    Descriptor(Descriptor&& other) noexcept
        : value_(std::exchange(other.value_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(value_, other.value_);
        return *this;
    }
    [[nodiscard]] int get() const { return value_; }
    [[nodiscard]] bool is_open() const { return value_ >= 0; }
    /// Now; 0 or what the system says, with errno: some file systems report a full disk only here.
    [[nodiscard]] int close() { return value_ < 0 ? 0 : ::close(std::exchange(value_, -1)); }

private:
    int value_ = -1;
};

/// All of `bytes`, from `offset` on. 0, or the errno of what failed; some of the bytes may be there then.
[[nodiscard]] int write_all(const Descriptor& file, std::span<const std::byte> bytes, std::uint64_t offset);
/// The same behind what was written last, also where a file has no places: a pipe, a terminal.
[[nodiscard]] int write_next(const Descriptor& file, std::span<const std::byte> bytes);

} // namespace graticule
