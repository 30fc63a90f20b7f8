#include "core/io/safetensors_header.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/error.h"
#include "core/io/json_file.h"

namespace graticule {
namespace {

using nlohmann::json;

constexpr std::size_t max_tensors = 250'000; // the largest models have about 150,000 in all their shards
constexpr std::size_t max_metadata = 100'000;
constexpr std::size_t max_name_bytes = 512;
constexpr std::size_t max_dimensions = 8;
constexpr int max_depth = 128;
constexpr std::string_view metadata_key = "__metadata__";

struct FormatType {
    std::string_view name;
    std::uint64_t bits;
};

// Every element type of the format: a file with one we cannot hold is still valid, only that tensor cannot be read.
constexpr auto format_types = std::to_array<FormatType>({
    {"BOOL", 8},    {"U8", 8},      {"I8", 8},      {"U16", 16},        {"I16", 16},    {"F16", 16},
    {"BF16", 16},   {"U32", 32},    {"I32", 32},    {"F32", 32},        {"U64", 64},    {"I64", 64},
    {"F64", 64},    {"C64", 64},    {"F8_E4M3", 8}, {"F8_E5M2", 8},     {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4},      {"F8_E5M2FNUZ", 8},
});

std::optional<std::uint64_t> bits_of(std::string_view dtype_name) {
    for (const FormatType& type : format_types)
        if (type.name == dtype_name) return type.bits;
    return std::nullopt;
}

std::string list_text(const std::vector<std::uint64_t>& values) {
    std::string text;
    for (const std::uint64_t value : values) text += (text.empty() ? "" : ",") + std::to_string(value);
    return "[" + text + "]";
}

/// Every message starts with the file and, where there is one, the tensor.
class HeaderReader final : public nlohmann::json_sax<json> {
public:
    HeaderReader(const std::filesystem::path& path, std::uint64_t data_bytes)
        : path_(path)
        , data_bytes_(data_bytes) {}

    SafetensorsHeader take() {
        std::sort(header_.entries.begin(), header_.entries.end(),
                  [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
                      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
                  });
        header_.index.reserve(header_.entries.size());
        for (std::size_t i = 0; i < header_.entries.size(); ++i)
            if (!header_.index.emplace(header_.entries[i].name, i).second) fail_twice(header_.entries[i].name);
        check_contiguous();
        return std::move(header_);
    }

    bool null() override {
        if (where_ == Where::top && name_ == metadata_key) return true;
        return other_value("null");
    }
    bool boolean(bool value) override { return other_value(value ? "true" : "false"); }
    bool number_integer(number_integer_t value) override { return other_value(std::to_string(value)); }
    bool number_float(number_float_t, const string_t& text) override { return other_value(text); }
    bool number_unsigned(number_unsigned_t value) override {
        if (where_ == Where::shape) {
            if (shape_.size() == max_dimensions)
                fail(tensor() + "more than the " + std::to_string(max_dimensions) + " dimensions that are read");
            shape_.push_back(value);
        } else if (where_ == Where::offsets) {
            if (offsets_.size() == 2) fail(tensor() + "data_offsets is not a pair");
            offsets_.push_back(value);
        } else {
            return other_value(std::to_string(value));
        }
        return true;
    }
    bool string(string_t& value) override {
        if (where_ == Where::metadata) {
            if (header_.metadata.size() == max_metadata)
                fail("more than the " + std::to_string(max_metadata) + " entries of __metadata__ that are read");
            if (!header_.metadata.emplace(field_, std::move(value)).second) fail_twice(field_);
            return true;
        }
        if (where_ == Where::tensor && field_ == "dtype") {
            dtype_ = std::move(value);
            return true;
        }
        return other_value("\"" + value + "\"");
    }
    bool binary(binary_t&) override { return false; } // no such thing in JSON text

    bool key(string_t& value) override {
        if (where_ == Where::top) {
            name_ = std::move(value);
            if (name_ == metadata_key && std::exchange(has_metadata_, true)) fail_twice(name_);
            if (name_.size() > max_name_bytes)
                fail("a tensor name of " + std::to_string(name_.size()) + " bytes; at most " +
                     std::to_string(max_name_bytes) + " are read");
        } else if (where_ != Where::skipped) {
            field_ = std::move(value);
            if (where_ == Where::tensor && has(field_)) fail_twice(field_);
        }
        return true;
    }

    bool start_object(std::size_t) override {
        if (where_ == Where::outside) {
            where_ = Where::top;
        } else if (where_ == Where::top) {
            if (name_ == metadata_key) {
                where_ = Where::metadata;
            } else {
                if (header_.entries.size() == max_tensors)
                    fail("more than the " + std::to_string(max_tensors) +
                         " tensors that are read; split the model into shards");
                where_ = Where::tensor;
                dtype_.reset();
                shape_.clear();
                offsets_.clear();
                has_shape_ = has_offsets_ = false;
            }
        } else {
            open_other("an object");
        }
        return true;
    }
    bool end_object() override {
        if (where_ == Where::tensor) header_.entries.push_back(entry());
        return close();
    }
    bool start_array(std::size_t) override {
        if (where_ == Where::tensor && field_ == "shape") {
            where_ = Where::shape;
            has_shape_ = true;
        } else if (where_ == Where::tensor && field_ == "data_offsets") {
            where_ = Where::offsets;
            has_offsets_ = true;
        } else {
            open_other("an array");
        }
        return true;
    }
    bool end_array() override { return close(); }

    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
        fail_json(name_of_text(), position, error.what());
    }

    [[nodiscard]] std::string name_of_text() const { return path_.string() + ": header"; }

private:
    /// Inside which value the parser is; `skipped` is the value of a field that the format does not know.
    enum class Where { outside, top, metadata, tensor, shape, offsets, skipped };

    bool close() {
        switch (where_) {
        case Where::skipped:
            if (--skipped_depth_ == 0) where_ = Where::tensor;
            break;
        case Where::shape:
        case Where::offsets:
            where_ = Where::tensor;
            break;
        case Where::metadata:
        case Where::tensor:
            where_ = Where::top;
            break;
        case Where::top:
        case Where::outside:
            where_ = Where::outside;
        }
        return true;
    }

    /// A value where the format wants another kind of one, or one of a field that it does not know.
    bool other_value(const std::string& text) {
        switch (where_) {
        case Where::outside:
            fail("the header is not a JSON object");
        case Where::top:
            fail(name_ == metadata_key ? "__metadata__ is not an object" : tensor() + "its entry is not an object");
        case Where::metadata:
            fail("__metadata__: the value of \"" + field_ + "\" is not a string");
        case Where::shape:
            fail(tensor() + "shape: " + text + " is not a whole number from 0 up");
        case Where::offsets:
            fail(tensor() + "data_offsets: " + text + " is not a whole number from 0 up");
        case Where::tensor:
            if (field_ == "dtype") fail(tensor() + "dtype is not a string");
            if (field_ == "shape") fail(tensor() + "shape is not an array");
            if (field_ == "data_offsets") fail(tensor() + "data_offsets is not a pair");
            break;
        case Where::skipped:
            break;
        }
        return true;
    }
    void open_other(const std::string& text) {
        other_value(text); // does not come back where the format says what there must be
        where_ = Where::skipped;
        constexpr int above = 2; // the header and the tensor's entry
        if (++skipped_depth_ + above > max_depth)
            fail("nested deeper than the " + std::to_string(max_depth) + " levels that are read");
    }

    [[nodiscard]] bool has(const std::string& field) const {
        return (field == "dtype" && dtype_) || (field == "shape" && has_shape_) ||
               (field == "data_offsets" && has_offsets_);
    }

    [[nodiscard]] SafetensorsEntry entry() const {
        for (const char* field : {"dtype", "data_offsets", "shape"})
            if (!has(field)) fail(tensor() + "no " + field);
        SafetensorsEntry entry;
        entry.name = name_;
        entry.dtype_name = *dtype_;
        const auto bits = bits_of(entry.dtype_name);
        if (!bits) fail(tensor() + "unknown dtype \"" + entry.dtype_name + "\"");
        entry.dtype = dtype_from_safetensors(entry.dtype_name);
        if (offsets_.size() != 2) fail(tensor() + "data_offsets is not a pair");
        entry.begin = offsets_[0];
        entry.end = offsets_[1];
        if (entry.end < entry.begin || entry.end > data_bytes_)
            fail(tensor() + "data_offsets [" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) +
                 "] do not lie in the " + std::to_string(data_bytes_) +
                 " bytes of data; the file is truncated or damaged");
        const std::uint64_t needed = bytes_of_shape(*bits, entry.shape);
        if (needed != entry.end - entry.begin)
            fail(tensor() + entry.dtype_name + " " + to_text(entry.shape) + " takes " + std::to_string(needed) +
                 " bytes, but " + std::to_string(entry.end - entry.begin) + " are given to it");
        return entry;
    }

    std::uint64_t bytes_of_shape(std::uint64_t bits, Shape& shape) const {
        const auto overflows = [&] { fail(tensor() + "shape " + list_text(shape_) + " overflows"); };
        std::uint64_t total = 1;
        for (const std::uint64_t extent : shape_) { // left to right, as the reference: a zero ends the overflow
            if (extent > static_cast<std::uint64_t>(INT64_MAX)) overflows();
            if (__builtin_mul_overflow(total, extent, &total)) overflows();
            shape.push_back(static_cast<std::int64_t>(extent));
        }
        if (__builtin_mul_overflow(total, bits, &total)) overflows();
        if (total % 8 != 0) fail(tensor() + "its " + std::to_string(total) + " bits are not whole bytes");
        return total / 8;
    }

    void check_contiguous() const {
        std::uint64_t expected = 0;
        for (const SafetensorsEntry& entry : header_.entries) {
            if (entry.begin != expected)
                fail("tensor \"" + entry.name + "\" starts at byte " + std::to_string(entry.begin) + " of the data, " +
                     (entry.begin < expected ? "inside the tensor before it, which ends at "
                                             : "after a hole that starts at ") +
                     std::to_string(expected));
            expected = entry.end;
        }
        if (expected != data_bytes_)
            fail("the tensors end at byte " + std::to_string(expected) + " of the data, but the file goes on to " +
                 std::to_string(data_bytes_));
    }

    [[nodiscard]] std::string tensor() const { return "tensor \"" + name_ + "\": "; }
    [[noreturn]] void fail_twice(const std::string& key) const {
        fail("header: the key \"" + key + "\" occurs twice in one object");
    }
    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorKind::bad_input, path_.string() + ": " + what);
    }

    const std::filesystem::path& path_;
    const std::uint64_t data_bytes_;
    SafetensorsHeader header_;
    Where where_ = Where::outside;
    int skipped_depth_ = 0;
    bool has_metadata_ = false;
    std::string name_, field_; // keys of the header and of the object in it
    std::optional<std::string> dtype_;
    std::vector<std::uint64_t> shape_, offsets_;
    bool has_shape_ = false, has_offsets_ = false;
};

} // namespace

SafetensorsHeader read_safetensors_header(std::string_view text, const std::filesystem::path& file,
                                          std::uint64_t data_bytes) {
    HeaderReader reader(file, data_bytes);
    check_json_text(text, reader.name_of_text(), {max_safetensors_header_bytes, max_depth});
    json::sax_parse(text, &reader);
    return reader.take();
}

} // namespace graticule
