#include "core/io/descriptor.h"

#include <cerrno>

namespace graticule {

int write_all(const Descriptor& file, std::span<const std::byte> bytes, std::uint64_t offset) {
    for (std::size_t done = 0; done < bytes.size();) {
        const std::span<const std::byte> rest = bytes.subspan(done);
        const ssize_t wrote = ::pwrite(file.get(), rest.data(), rest.size(), static_cast<off_t>(offset + done));
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return wrote < 0 ? errno : ENOSPC;
        done += static_cast<std::size_t>(wrote);
    }
    return 0;
}

} // namespace graticule
