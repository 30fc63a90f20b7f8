#include "core/io/descriptor.h"

#include <cerrno>

namespace graticule {

namespace {
/// `write`: of what is left, at the place where it belongs.
template <class Write>
int write_pieces(std::span<const std::byte> bytes, const Write& write) {
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t wrote = write(bytes.subspan(done), done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return wrote < 0 ? errno : ENOSPC;
        done += static_cast<std::size_t>(wrote);
    }
    return 0;
}
} // namespace

int write_all(const Descriptor& file, std::span<const std::byte> bytes, std::uint64_t offset) {
    return write_pieces(bytes, [&](std::span<const std::byte> rest, std::size_t done) {
        return ::pwrite(file.get(), rest.data(), rest.size(), static_cast<off_t>(offset + done));
    });
}

int write_next(const Descriptor& file, std::span<const std::byte> bytes) {
    return write_pieces(bytes, [&](std::span<const std::byte> rest, std::size_t) {
        return ::write(file.get(), rest.data(), rest.size());
    });
}

} // namespace graticule
