// Lines from a stream of bytes, as they come. The descriptor stays the caller's.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace graticule {

class LineReader {
public:
    /// `name`: what messages call the stream.
    LineReader(int descriptor, std::size_t most_bytes, std::string name)
        : descriptor_(descriptor)
        , most_bytes_(most_bytes)
        , name_(std::move(name)) {}

    /// The next line without its end, waiting for it at most so long; nothing: there is none yet, or none any more.
    /// What stands behind the last line's end is no line. Throws Error{bad_input} for a line that is too long.
    [[nodiscard]] std::optional<std::string> next(std::chrono::milliseconds patience);
    [[nodiscard]] bool ended() const { return ended_; } ///< and every line has been handed out
    /// When bytes came last, also of a line that is not whole yet; the clock's zero: never.
    [[nodiscard]] std::chrono::steady_clock::time_point heard() const { return heard_; }
    void look_again() { ended_ = false; } ///< of a file that may have grown

private:
    int descriptor_;
    std::size_t most_bytes_;
    std::string name_;
    std::string bytes_;
    std::size_t searched_ = 0; ///< bytes in which there is no end of a line
    std::chrono::steady_clock::time_point heard_;
    bool ended_ = false;
};

} // namespace graticule
