#include "app/remote/line_reader.h"

#include <array>
#include <cerrno>
#include <poll.h>
#include <unistd.h>

#include "core/base/error.h"

namespace graticule {

std::optional<std::string> LineReader::next(std::chrono::milliseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (true) {
        if (const std::size_t end = bytes_.find('\n', searched_); end != std::string::npos) {
            std::string line = bytes_.substr(0, end);
            bytes_.erase(0, end + 1);
            searched_ = 0;
            return line;
        }
        searched_ = bytes_.size();
        if (bytes_.size() > most_bytes_)
            throw Error(ErrorKind::bad_input,
                        name_ + ": a line of more than the " + std::to_string(most_bytes_) + " bytes that are read");
        if (ended_) return std::nullopt;
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd wanted{descriptor_, POLLIN, 0};
        const int there = ::poll(&wanted, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
        if (there < 0 && errno == EINTR) continue;
        if (there <= 0) return std::nullopt;
        std::array<char, 65536> part;
        const ssize_t got = ::read(descriptor_, part.data(), part.size());
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) { // a connection that breaks is at its end
            ended_ = true;
            continue;
        }
        heard_ = std::chrono::steady_clock::now();
        bytes_.append(part.data(), static_cast<std::size_t>(got));
    }
}

} // namespace graticule
