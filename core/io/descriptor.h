// An open file of the system, closed with the object.
#pragma once

#include <unistd.h>
#include <utility>

namespace graticule {

class Descriptor {
public:
    explicit Descriptor(int value) ///< negative: none
        : value_(value) {}
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return value_; }
    [[nodiscard]] int release() { return std::exchange(value_, -1); }

private:
    int value_;
};

} // namespace graticule
