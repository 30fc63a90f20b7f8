#include "core/engine/record_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include "core/base/cancel_point.h"
#include "core/base/hash.h"
#include "core/io/descriptor.h"
#include "core/io/output_file.h"

namespace graticule {

namespace {

namespace fs = std::filesystem;

constexpr const char* suffix = ".record";
constexpr std::uint64_t hash_bytes = 64; // SHA-256 in hex
constexpr std::size_t piece = std::size_t{1} << 20;

struct TooMuch {};

/// The bytes of an open file, front to back.
class FileBytes {
public:
    FileBytes(const Descriptor& file, std::uint64_t begin, std::uint64_t end)
        : file_(file)
        , at_(begin)
        , end_(end) {}

    void read(std::span<std::byte> to) {
        while (!to.empty()) {
            if (used_ == buffer_.size()) refill();
            const std::size_t part = std::min(to.size(), buffer_.size() - used_);
            std::memcpy(to.data(), buffer_.data() + used_, part);
            used_ += part;
            to = to.subspan(part);
        }
    }

private:
    void refill() {
        cancel_point();
        buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(piece, end_ - at_)));
        used_ = 0;
        std::size_t there = 0;
        while (there < buffer_.size()) {
            const ssize_t got =
                ::pread(file_.get(), buffer_.data() + there, buffer_.size() - there, static_cast<off_t>(at_ + there));
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) throw Error(ErrorKind::bad_input, "it ends too early");
            there += static_cast<std::size_t>(got);
        }
        at_ += there;
        if (there == 0) throw Error(ErrorKind::bad_input, "it ends too early");
    }

    const Descriptor& file_;
    std::uint64_t at_, end_;
    std::vector<std::byte> buffer_;
    std::size_t used_ = 0;
};

std::string text_of(FileBytes& bytes, std::uint64_t length) {
    std::string text(static_cast<std::size_t>(length), '\0');
    bytes.read(std::as_writable_bytes(std::span(text)));
    return text;
}

/// Of all before the hash at its end.
bool is_whole(const Descriptor& file, std::uint64_t size) {
    Sha256 hash;
    FileBytes content(file, 0, size - hash_bytes), end(file, size - hash_bytes, size);
    std::vector<std::byte> part;
    for (std::uint64_t left = size - hash_bytes; left > 0; left -= part.size()) {
        part.resize(static_cast<std::size_t>(std::min<std::uint64_t>(piece, left)));
        content.read(part);
        hash.update(part);
    }
    return text_of(end, hash_bytes) == hash.hex();
}

} // namespace

fs::path RecordFolder::file(const std::string& key) const {
    return folder_ / (sha256_hex(kind_ + "\n" + key).substr(0, 32) + suffix);
}

std::string RecordFolder::heading(const std::string& key) const { return "graticule " + kind_ + "\n" + key + "\n"; }

bool RecordFolder::has(const std::string& key) const {
    std::error_code unknown;
    return !folder_.empty() && fs::is_regular_file(file(key), unknown);
}

bool RecordFolder::keep(const std::string& key, const std::function<void(RecordWriter&)>& write, Origin origin) const {
    if (folder_.empty()) return false;
    std::error_code failed;
    fs::create_directories(folder_, failed);
    if (failed) throw_write_failure(folder_, "creating the folder", failed.value(), 0);
    (void)sweep_leftovers(folder_);
    const auto space = fs::space(folder_, failed);
    const std::uint64_t most = failed ? most_bytes_ / 2 : std::min<std::uint64_t>(most_bytes_, space.available) / 2;
    try {
        OutputFile out(file(key));
        Sha256 hash;
        std::uint64_t written = 0;
        std::vector<std::byte> buffer;
        const auto flush = [&] {
            written += buffer.size();
            if (written > most) throw TooMuch();
            hash.update(buffer);
            out.append(buffer);
            buffer.clear();
        };
        const auto put = [&](std::span<const std::byte> bytes) {
            for (std::size_t at = 0; at < bytes.size();) {
                const std::size_t part = std::min(bytes.size() - at, piece - buffer.size());
                buffer.insert(buffer.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                              bytes.begin() + static_cast<std::ptrdiff_t>(at + part));
                at += part;
                if (buffer.size() == piece) flush();
            }
        };
        const std::string head = heading(key);
        put(std::as_bytes(std::span(head)));
        RecordWriter writer(put);
        write(writer);
        flush();
        const std::string hex = hash.hex();
        out.append(std::as_bytes(std::span(hex)));
        out.commit(origin);
    } catch (const TooMuch&) {
        return false;
    }
    thin_out();
    return true;
}

bool RecordFolder::find(const std::string& key, const std::function<void(RecordReader&)>& read,
                        const std::function<void(const std::string&)>& tell) const {
    if (!has(key)) return false;
    const fs::path path = file(key);
    const auto damaged = [&](const std::string& why) {
        tell(path.string() + " is not used: " + why + "; it is made again");
        return false;
    };
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return damaged(std::strerror(errno));
    struct stat status = {};
    const std::string head = heading(key);
    if (::fstat(file.get(), &status) != 0) return damaged(std::strerror(errno));
    const auto size = static_cast<std::uint64_t>(status.st_size);
    try {
        if (size < head.size() + hash_bytes || !is_whole(file, size)) return damaged("it is damaged");
        FileBytes bytes(file, 0, size - hash_bytes);
        if (text_of(bytes, head.size()) != head) return damaged("it is of another version");
        RecordReader reader([&](std::span<std::byte> to) { bytes.read(to); }, size - hash_bytes - head.size(),
                            path.string());
        read(reader);
        if (!reader.at_end()) reader.fail();
    } catch (const Error& error) {
        return damaged(error.info().message);
    } catch (const std::bad_alloc&) {
        return damaged("there is no memory for it");
    }
    std::error_code ignored;
    fs::last_write_time(path, fs::file_time_type::clock::now(), ignored); // used now: others go first
    return true;
}

void RecordFolder::thin_out() const {
    struct Kept {
        fs::file_time_type used;
        std::uint64_t bytes = 0;
        fs::path path;
    };
    std::vector<Kept> all;
    std::uint64_t sum = 0;
    std::error_code failed;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_, failed)) {
        if (entry.path().extension() != suffix) continue;
        std::error_code unknown;
        all.push_back({entry.last_write_time(unknown), entry.file_size(unknown), entry.path()});
        if (unknown)
            all.pop_back(); // gone meanwhile
        else
            sum += all.back().bytes;
    }
    std::ranges::sort(all, {}, &Kept::used);
    for (const Kept& oldest : all) {
        if (sum <= most_bytes_) return;
        fs::remove(oldest.path, failed);
        sum -= oldest.bytes;
    }
}

std::string build_stamp() {
    std::error_code unknown;
    const auto built = fs::last_write_time("/proc/self/exe", unknown);
    return std::to_string(built.time_since_epoch().count());
}

} // namespace graticule
