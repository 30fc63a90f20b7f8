#include "core/engine/quantization_journal.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <span>
#include <sys/file.h>
#include <type_traits>
#include <unistd.h>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"

namespace graticule {

namespace {

template <class T, class Struct>
concept Is = std::is_same_v<std::remove_const_t<T>, Struct>;

// Which members a record holds, once for writing and reading. What a struct gains later belongs here as well.
void members(auto& archive, Is<QuantizeCounts> auto& of) {
    archive(of.total, of.zeros_in, of.underflow, of.clipped, of.not_finite, of.squared_error,
            of.squared_underflow_error, of.squared_clip_error, of.squared_value);
    for (auto& used : of.codes_used) archive(used);
}

void members(auto& archive, Is<ErrorSplit> auto& of) {
    archive(of.underflow, of.rounding, of.clipping, of.cross, of.total);
}

void members(auto& archive, Is<ErrorSources::Parts> auto& of) { archive(of.underflow, of.rounding, of.clipping); }

void members(auto& archive, Is<ErrorSources> auto& of) { archive(of.weight, of.input, of.cross, of.total); }

void members(auto& archive, Is<LayerReport> auto& of) {
    archive(of.layer, of.name, of.scheme_line, of.weight_mse, of.weight_sqnr_db, of.weight_counts,
            of.weight_underflow_percent, of.levels_unused, of.weight_output_error, of.input_mse,
            of.input_underflow_percent, of.output_error, of.output_mse, of.output_sqnr_db, of.rows_scored, of.estimated,
            of.rows_fitted, of.too_few_rows, of.search_loss, of.search_loss_before, of.not_measured, of.method_note,
            of.bytes_before, of.bytes_after, of.seconds);
}

void members(auto& archive, Is<BlockLayout> auto& of) { archive(of.rows_per_block, of.columns_per_block); }

void members(auto& archive, Is<ScaleCoding> auto& of) {
    archive(of.mantissa_bits, of.least_exponent, of.smallest, of.largest, of.shared_exponent);
}

void members(auto& archive, Is<CoarseParams> auto& of) { archive(of.layout, of.scale); }

void members(auto& archive, Is<QParams> auto& of) { archive(of.layout, of.scale, of.zero, of.coding, of.coarse); }

void members(auto& archive, Is<StaticScale> auto& of) { archive(of.scale, of.zero); }

void members(auto& archive, Is<LowRank> auto& of) { archive(of.a, of.b); }

void members(auto& archive, Is<QuantizedLinear> auto& of) {
    archive(of.layer, of.codes, of.params, of.static_input, of.static_operands, of.kept_channels, of.kept_columns,
            of.low_rank, of.report);
}

template <class T>
concept Plain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

class Writer {
public:
    explicit Writer(std::string& bytes)
        : bytes_(bytes) {}
    template <class... Values>
    void operator()(const Values&... values) {
        (put(values), ...);
    }

private:
    template <class T>
    void put(const T& value) {
        if constexpr (Plain<T>)
            bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
        else
            members(*this, value);
    }
    void put(std::span<const std::byte> bytes) {
        put(bytes.size());
        bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    template <Plain T>
    void put(const std::vector<T>& values) {
        put(std::as_bytes(std::span(values)));
    }
    void put(const std::string& text) { put(std::as_bytes(std::span(text.data(), text.size()))); }
    template <class T>
    void put(const std::optional<T>& value) {
        put(value.has_value());
        if (value) put(*value);
    }
    template <class Key, class T>
    void put(const std::map<Key, T>& values) {
        put(values.size());
        for (const auto& [key, value] : values) (*this)(key, value);
    }
    void put(const HostTensor& tensor) { (*this)(tensor.dtype, tensor.shape, tensor.bytes); }
    void put(const PackedCodes& codes) { (*this)(codes.bytes(), codes.columns(), codes.bits()); }

    std::string& bytes_;
};

class Reader {
public:
    Reader(std::string_view bytes, const std::filesystem::path& file)
        : left_(bytes)
        , file_(file) {}
    [[nodiscard]] bool at_end() const { return left_.empty(); }
    template <class... Values>
    void operator()(Values&... values) {
        (get(values), ...);
    }

private:
    [[nodiscard]] std::string_view take(std::size_t bytes) {
        if (bytes > left_.size())
            throw Error(ErrorKind::bad_input, file_.string() + " holds no layers of this program; remove it");
        const std::string_view taken = left_.substr(0, bytes);
        left_.remove_prefix(bytes);
        return taken;
    }
    [[nodiscard]] std::size_t count() {
        std::size_t value = 0;
        get(value);
        return value;
    }
    template <class T>
    void get(T& value) {
        if constexpr (Plain<T>)
            std::memcpy(&value, take(sizeof value).data(), sizeof value);
        else
            members(*this, value);
    }
    template <Plain T>
    void get(std::vector<T>& values) {
        const std::string_view bytes = take(count());
        values.resize(bytes.size() / sizeof(T));
        if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    }
    void get(std::string& text) { text = take(count()); }
    template <class T>
    void get(std::optional<T>& value) {
        bool there = false;
        get(there);
        if (there) get(value.emplace());
    }
    template <class Key, class T>
    void get(std::map<Key, T>& values) {
        for (std::size_t left = count(); left > 0; --left) {
            Key key{};
            get(key);
            get(values[key]);
        }
    }
    void get(HostTensor& tensor) {
        (*this)(tensor.dtype, tensor.shape);
        auto bytes = std::make_shared<std::vector<std::byte>>();
        get(*bytes);
        tensor.bytes = *bytes;
        tensor.owner = std::move(bytes);
    }
    void get(PackedCodes& codes) {
        HostTensor bytes;
        std::int64_t columns = 0;
        int bits = 0;
        (*this)(bytes, columns, bits);
        if (!bytes.empty()) codes = {std::move(bytes), columns, bits};
    }

    std::string_view left_;
    const std::filesystem::path& file_;
};

constexpr std::int64_t length_bytes = sizeof(std::int64_t), hash_bytes = 64; // SHA-256 in hex

[[noreturn]] void fail(const std::filesystem::path& file, const char* doing) {
    throw Error(ErrorKind::bad_input, file.string() + ": " + doing + " failed: " + std::strerror(errno));
}

} // namespace

QuantizationJournal::QuantizationJournal(std::filesystem::path file, const std::string& key)
    : file_(std::move(file))
    , descriptor_(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (!descriptor_.is_open()) fail(file_, "opening");
    if (::flock(descriptor_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        fail(file_, "taking it for this one");
    const std::string heading = "graticule quantization under way\n" + key + "\n";
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

std::map<LayerId, QuantizedLinear> QuantizationJournal::read(std::size_t index) const {
    const Record& record = records_.at(index);
    const std::string bytes = bytes_at(record.begin, record.bytes);
    Reader reader(bytes, file_);
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
    Writer write(next_);
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
