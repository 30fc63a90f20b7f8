// Results that are kept beside a session under a key that says of what they are, to be read back instead of made again:
// one file each, hashed as a whole. The folder has a bound; what was used longest ago goes first. A file that is
// damaged is as good as none, and it is told.
//
//     const RecordFolder kept(folder, "layers 1", std::uint64_t{64} << 20);
//     kept.keep(key, [&](RecordWriter& write) { write(reports); });
//     if (kept.find(key, [&](RecordReader& read) { read(reports); }, ctx.log)) ...
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "core/engine/record.h"
#include "core/io/output_file.h"

namespace graticule {

class RecordFolder {
public:
    RecordFolder() = default; ///< keeps nothing
    /// `kind`: what the files hold, with its version; a change of either makes the old ones worthless. Empty `folder`:
    /// nothing is kept.
    RecordFolder(std::filesystem::path folder, std::string kind, std::uint64_t most_bytes)
        : folder_(std::move(folder))
        , kind_(std::move(kind))
        , most_bytes_(most_bytes) {}

    /// Whether there is one, damaged or not.
    [[nodiscard]] bool has(const std::string& key) const;
    /// Written aside, then renamed; then what is too much goes. One that would take more than half of the folder's
    /// bound or of what is free on the disk is not kept. False: it was not. Throws Error{bad_input} naming the file.
    bool keep(const std::string& key, const std::function<void(RecordWriter&)>& write,
              Origin origin = Origin::mapped_files) const;
    /// Hands its content to `read`, if it is whole. False: there is none, or it is damaged, which `tell` is told.
    [[nodiscard]] bool find(const std::string& key, const std::function<void(RecordReader&)>& read,
                            const std::function<void(const std::string&)>& tell) const;

private:
    [[nodiscard]] std::filesystem::path file(const std::string& key) const;
    [[nodiscard]] std::string heading(const std::string& key) const;
    void thin_out() const;

    std::filesystem::path folder_;
    std::string kind_;
    std::uint64_t most_bytes_ = 0;
};

/// Of this build of the program: another one may compute other results under the same version.
[[nodiscard]] std::string build_stamp();

} // namespace graticule
