#include "core/engine/quantization_journal.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <span>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/engine/record.h"

namespace graticule {

namespace {

constexpr std::int64_t length_bytes = sizeof(std::int64_t), hash_bytes = 64; // SHA-256 in hex
const std::string first_line = "graticule quantization under way\n";

[[noreturn]] void fail(const std::filesystem::path& file, const char* doing) {
    throw Error(ErrorKind::bad_input, file.string() + ": " + doing + " failed: " + std::strerror(errno));
}

} // namespace

QuantizationJournal::QuantizationJournal(std::filesystem::path file, const std::string& key, const std::string& of)
    : file_(std::move(file))
    , descriptor_(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (!descriptor_.is_open()) fail(file_, "opening");
    if (::flock(descriptor_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        fail(file_, "taking it for this one");
    const std::string heading = first_line + key + '\n' + of + '\n';
    const bool ours = begins_with(heading);
    end_ = std::ssize(heading);
    if (ours) find_records();
    if (::ftruncate(descriptor_.get(), ours ? end_ : 0) != 0) fail(file_, "cutting");
    if (ours) return;
    end_ = 0;
    write(heading);
}

std::string QuantizationJournal::bytes_at(std::int64_t begin, std::int64_t bytes) const {
    std::string read(static_cast<std::size_t>(bytes), '\0');
    std::size_t there = 0;
    while (there < read.size()) {
        const ssize_t got = ::pread(descriptor_.get(), read.data() + there, read.size() - there,
                                    begin + static_cast<std::int64_t>(there));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        there += static_cast<std::size_t>(got);
    }
    read.resize(there);
    return read;
}

bool QuantizationJournal::begins_with(const std::string& heading) const {
    return bytes_at(0, std::ssize(heading)) == heading;
}

bool QuantizationJournal::is_whole(const Record& record) const {
    const std::string hash = bytes_at(record.begin + record.bytes, hash_bytes);
    return std::ssize(hash) == hash_bytes && sha256_hex(bytes_at(record.begin, record.bytes)) == hash;
}

void QuantizationJournal::find_records() {
    const std::int64_t size = ::lseek(descriptor_.get(), 0, SEEK_END);
    for (;;) {
        const std::string length = bytes_at(end_, length_bytes);
        if (std::ssize(length) < length_bytes) return;
        Record record{end_ + length_bytes, 0};
        std::memcpy(&record.bytes, length.data(), length.size());
        if (record.bytes < 0 || record.bytes > size - record.begin - hash_bytes || !is_whole(record)) return;
        records_.push_back(record);
        end_ = record.begin + record.bytes + hash_bytes;
    }
}

QuantizationJournal::Look QuantizationJournal::look(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::string first, key;
    Look found;
    if (!std::getline(in, first) || first + '\n' != first_line || !std::getline(in, key)) return {};
    if (!std::getline(in, found.of)) return {};
    std::error_code error;
    const auto size = static_cast<std::int64_t>(std::filesystem::file_size(file, error));
    while (!error) {
        std::int64_t bytes = 0;
        if (!in.read(reinterpret_cast<char*>(&bytes), sizeof bytes)) break;
        const auto at = static_cast<std::int64_t>(in.tellg());
        if (bytes < 0 || bytes > size - at - hash_bytes) break;
        in.seekg(at + bytes + hash_bytes);
        ++found.records;
    }
    return found;
}

std::map<LayerId, QuantizedLinear> QuantizationJournal::read(std::size_t index) const {
    const Record& record = records_.at(index);
    const std::string bytes = bytes_at(record.begin, record.bytes);
    std::size_t at = 0;
    RecordReader reader(
        [&](std::span<std::byte> to) {
            std::memcpy(to.data(), bytes.data() + at, to.size());
            at += to.size();
        },
        bytes.size(), file_.string());
    std::map<LayerId, QuantizedLinear> linears;
    while (!reader.at_end()) {
        QuantizedLinear linear;
        reader(linear);
        linears.emplace(linear.layer, std::move(linear));
    }
    return linears;
}

void QuantizationJournal::write(const std::string& bytes) {
    errno = write_all(descriptor_, std::as_bytes(std::span(bytes)), static_cast<std::uint64_t>(end_));
    if (errno != 0) fail(file_, "writing");
    end_ += std::ssize(bytes);
    if (::fdatasync(descriptor_.get()) != 0) fail(file_, "writing");
}

void QuantizationJournal::add(const QuantizedLinear& linear) {
    RecordWriter write([this](std::span<const std::byte> bytes) {
        next_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
    write(linear);
}

void QuantizationJournal::end_record() {
    const std::int64_t bytes = std::ssize(next_);
    const std::string length(reinterpret_cast<const char*>(&bytes), sizeof bytes);
    records_.push_back({end_ + length_bytes, bytes});
    write(length + next_ + sha256_hex(next_));
    next_.clear();
}

} // namespace graticule
