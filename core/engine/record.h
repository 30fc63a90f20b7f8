// Results as bytes of this program on this machine, no format to exchange: what is kept beside a session to be read
// back instead of made again. Who keeps them puts version and hash around them (record_folder.h,
// quantization_journal.h).
//
//     RecordWriter write([&](std::span<const std::byte> bytes) { file.append(bytes); });
//     write(report, stats);
//     RecordReader read(source, bytes, path);
//     read(report, stats);                       // Error{bad_input} naming the file where they end too early
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/error.h"
#include "core/result/quantized_model.h"
#include "core/stats/activation_stats.h"

namespace graticule {

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

void members(auto& archive, Is<DiagonalMap> auto& of) { archive(of.scale, of.of_norm); }

void members(auto& archive, Is<HadamardMap> auto& of) { archive(of.block, of.folded); }

void members(auto& archive, Is<InputMap> auto& of) { archive(of.steps); }

void members(auto& archive, Is<QuantizedLinear> auto& of) {
    archive(of.layer, of.codes, of.params, of.input_map, of.static_input, of.static_operands, of.kept_channels,
            of.kept_columns, of.low_rank, of.report);
}

void members(auto& archive, Is<ChannelStats> auto& of) {
    archive(of.tokens, of.minimum, of.maximum, of.mean, of.m2, of.m3, of.m4);
}

void members(auto& archive, Is<Histogram> auto& of) { archive(of.negative, of.positive); }

void members(auto& archive, Is<BucketStats> auto& of) { archive(of.length, of.channels, of.histogram); }

void members(auto& archive, Is<SiteStats> auto& of) {
    archive(of.site, of.buckets, of.kept_rows, of.kept_tokens, of.token_absmax);
}

void members(auto& archive, Is<CalibrationSpec> auto& of) { archive(of.samples, of.length, of.pick, of.seed, of.text); }

void members(auto& archive, Is<Provenance> auto& of) {
    archive(of.model_hash, of.recipe_hash, of.recipe_line, of.data_hash, of.data_name, of.protocol, of.device, of.host,
            of.execution, of.backend, of.served_as, of.seed, of.product_tokens, of.versions);
}

void members(auto& archive, Is<ActivationStats> auto& of) {
    archive(of.spec, of.sites, of.samples, of.seconds, of.seconds_observing, of.provenance);
}

template <class T>
concept Plain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

class RecordWriter {
public:
    using Sink = std::function<void(std::span<const std::byte>)>;
    explicit RecordWriter(Sink sink)
        : sink_(std::move(sink)) {}
    template <class... Values>
    void operator()(const Values&... values) {
        (put(values), ...);
    }

private:
    template <class T>
    void put(const T& value) {
        if constexpr (Plain<T>)
            sink_(std::as_bytes(std::span(&value, 1)));
        else
            members(*this, value);
    }
    void put(std::span<const std::byte> bytes) {
        put(bytes.size());
        sink_(bytes);
    }
    template <class T>
    void put(const std::vector<T>& values) {
        if constexpr (Plain<T>) {
            put(std::as_bytes(std::span(values)));
        } else {
            put(values.size());
            for (const T& value : values) put(value);
        }
    }
    void put(const std::string& text) { put(std::as_bytes(std::span(text.data(), text.size()))); }
    template <class A, class B>
    void put(const std::pair<A, B>& pair) {
        (*this)(pair.first, pair.second);
    }
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
    template <class A, class B>
    void put(const std::variant<A, B>& value) {
        put(value.index() == 1);
        std::visit([&](const auto& held) { put(held); }, value);
    }
    void put(const HostTensor& tensor) { (*this)(tensor.dtype, tensor.shape, tensor.bytes); }
    void put(const PackedCodes& codes) { (*this)(codes.bytes(), codes.columns(), codes.bits()); }

    Sink sink_;
};

class RecordReader {
public:
    /// Fills the span with the next bytes.
    using Source = std::function<void(std::span<std::byte>)>;
    RecordReader(Source source, std::uint64_t bytes, std::string name)
        : source_(std::move(source))
        , left_(bytes)
        , name_(std::move(name)) {}
    [[nodiscard]] bool at_end() const { return left_ == 0; }
    template <class... Values>
    void operator()(Values&... values) {
        (get(values), ...);
    }
    [[noreturn]] void fail() const {
        throw Error(ErrorKind::bad_input, name_ + " holds no results of this program; remove it");
    }

private:
    void take(std::span<std::byte> to) {
        if (to.size() > left_) fail();
        source_(to);
        left_ -= to.size();
    }
    /// Of elements that take at least `least` bytes each: what cannot be there is no reason to ask for memory.
    [[nodiscard]] std::size_t count(std::size_t least) {
        std::size_t value = 0;
        get(value);
        if (value > left_ / least) fail();
        return value;
    }
    template <class T>
    void get(T& value) {
        if constexpr (std::is_same_v<T, bool>) { // any other byte is no bool
            std::uint8_t byte = 0;
            get(byte);
            value = byte != 0;
        } else if constexpr (Plain<T>) {
            take(std::as_writable_bytes(std::span(&value, 1)));
        } else {
            members(*this, value);
        }
    }
    template <class T>
    void get(std::vector<T>& values) {
        const std::size_t there = count(1);
        if constexpr (Plain<T>) {
            if (there % sizeof(T) != 0) fail();
            values.resize(there / sizeof(T));
            take(std::as_writable_bytes(std::span(values)));
        } else {
            values.clear();
            for (std::size_t i = 0; i < there; ++i) get(values.emplace_back());
        }
    }
    void get(std::string& text) {
        text.resize(count(1));
        take(std::as_writable_bytes(std::span(text.data(), text.size())));
    }
    template <class A, class B>
    void get(std::pair<A, B>& pair) {
        (*this)(pair.first, pair.second);
    }
    template <class T>
    void get(std::optional<T>& value) {
        bool there = false;
        get(there);
        if (there) get(value.emplace());
    }
    template <class A, class B>
    void get(std::variant<A, B>& value) {
        bool second = false;
        get(second);
        if (second)
            get(value.template emplace<B>());
        else
            get(value.template emplace<A>());
    }
    template <class Key, class T>
    void get(std::map<Key, T>& values) {
        for (std::size_t left = count(1); left > 0; --left) {
            Key key{};
            get(key);
            get(values[key]);
        }
    }
    void get(HostTensor& tensor) {
        (*this)(tensor.dtype, tensor.shape);
        auto bytes = std::make_shared<std::vector<std::byte>>(count(1));
        take(*bytes);
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

    Source source_;
    std::uint64_t left_;
    std::string name_;
};

} // namespace graticule
