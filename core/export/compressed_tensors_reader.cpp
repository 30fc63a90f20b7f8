#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>

#include "core/base/error.h"
#include "core/export/bit_packing.h"
#include "core/export/compressed_tensors.h"
#include "core/export/ct_config.h"
#include "core/io/checkpoint.h"
#include "core/io/json_file.h"

namespace graticule {
namespace {

template <class T>
std::vector<T> values_of(std::span<const std::byte> bytes) { // stored tensors need not be aligned
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
}

/// Rows of a weight whose codes, scales and zero points are tensors of their own. Holds views of the file.
class ScaledRows final : public EncodedRows {
public:
    /// Plain codes (rows, columns), one element each, or words of packed ones.
    struct Codes {
        HostTensor stored;
        int packed_bits = 0; ///< 0: not packed
    };
    /// A scale is for one row, for a block of rows or for all, and for a block of columns. Zero points as many, stored
    /// one byte each or packed down the rows as the codes are; empty: as the codes' type has it.
    ScaledRows(Codes codes, std::int64_t rows, std::int64_t columns, HostTensor scale, std::optional<HostTensor> zero)
        : codes_(std::move(codes))
        , scale_(std::move(scale))
        , zero_(std::move(zero))
        , columns_(columns)
        , down_(scale_.shape.size() < 2 ? 1 : scale_.shape[0])
        , across_(element_count(scale_.shape) / down_)
        , rows_of_a_scale_(rows / down_)
        , columns_of_a_scale_(columns / across_) {}

    void decode(std::int64_t first, std::int64_t count, float* out) const override {
        if (count == 0) return;
        const std::int64_t first_scale = first / rows_of_a_scale_;
        const std::int64_t scales = (first + count - 1) / rows_of_a_scale_ + 1 - first_scale;
        const std::vector<float> scale = down_ == 1 ? to_floats(scale_) : to_floats(scale_, first_scale, scales);
        const std::vector<float> zero = zeros(first_scale, scales);
        decode_codes(first, count, out);
        for (std::int64_t row = 0; row < count; ++row) {
            const std::int64_t cells = ((first + row) / rows_of_a_scale_ - first_scale) * across_;
            for (std::int64_t column = 0; column < columns_; ++column) {
                const auto cell = static_cast<std::size_t>(cells + column / columns_of_a_scale_);
                float& value = out[row * columns_ + column];
                value = (value - (zero.empty() ? 0.0F : zero[cell])) * scale[cell];
            }
        }
    }

private:
    [[nodiscard]] std::vector<float> zeros(std::int64_t first, std::int64_t count) const {
        if (!zero_ && codes_.packed_bits == 0) return {};
        if (!zero_)
            return std::vector<float>(static_cast<std::size_t>(count * across_),
                                      static_cast<float>(1 << (codes_.packed_bits - 1)));
        if (codes_.packed_bits > 0) {
            const auto fields = unpack_columns(values_of<std::uint32_t>(zero_->bytes), down_, across_,
                                               codes_.packed_bits, first, count);
            return {fields.begin(), fields.end()};
        }
        const auto values = values_of<std::int8_t>(
            zero_->bytes.subspan(static_cast<std::size_t>(first * across_), static_cast<std::size_t>(count * across_)));
        return {values.begin(), values.end()};
    }

    void decode_codes(std::int64_t first, std::int64_t count, float* out) const {
        const HostTensor& stored = codes_.stored;
        const auto row_bytes = stored.bytes.size() / static_cast<std::size_t>(stored.rows());
        const auto bytes = stored.bytes.subspan(static_cast<std::size_t>(first) * row_bytes,
                                                static_cast<std::size_t>(count) * row_bytes);
        if (codes_.packed_bits > 0) {
            std::vector<std::uint8_t> fields(static_cast<std::size_t>(count * columns_));
            unpack_rows(values_of<std::uint32_t>(bytes), count, columns_, codes_.packed_bits, fields);
            std::copy(fields.begin(), fields.end(), out);
        } else if (stored.dtype == DType::i8) {
            const auto values = values_of<std::int8_t>(bytes);
            std::copy(values.begin(), values.end(), out);
        } else {
            to_floats(stored, first, count, out);
        }
    }

    Codes codes_;
    HostTensor scale_;
    std::optional<HostTensor> zero_;
    std::int64_t columns_, down_, across_, rows_of_a_scale_, columns_of_a_scale_;
};

/// The decoded view. What a tensor is follows from the tensors stored beside it, so the config's targets, which are
/// patterns over another program's module names, need not be understood: the width from the packed row's length, zero
/// points from their presence, groups from the scale's shape.
class DecodedCheckpoint final : public Checkpoint {
public:
    DecodedCheckpoint(std::shared_ptr<const Checkpoint> stored, StoredQuantization quantization)
        : stored_(std::move(stored))
        , quantization_(std::move(quantization)) {
        for (const std::string& name : stored_->tensor_names()) {
            if (std::none_of(parts.begin(), parts.end(), [&](const char* part) { return name.ends_with(part); }))
                names_.push_back(name);
            else if (name.ends_with(".weight_packed"))
                names_.push_back(name.substr(0, name.size() - std::strlen("_packed")));
        }
        known_.insert(names_.begin(), names_.end());
    }

    [[nodiscard]] std::vector<std::string> tensor_names() const override { return names_; }
    [[nodiscard]] bool contains(const std::string& name) const override { return known_.contains(name); }
    [[nodiscard]] const std::string& config_json() const override { return stored_->config_json(); }
    [[nodiscard]] std::filesystem::path folder() const override { return stored_->folder(); }
    [[nodiscard]] std::vector<std::filesystem::path> files() const override { return stored_->files(); }
    [[nodiscard]] std::string container() const override {
        return stored_->container() + ", " + quantization_.format + " decoded to f32";
    }
    [[nodiscard]] std::optional<StoredQuantization> stored_quantization() const override { return quantization_; }
    [[nodiscard]] std::filesystem::path file_of(const std::string& name) const override {
        return stored_->file_of(stored_->contains(name) ? name : name + "_packed");
    }
    [[nodiscard]] std::int64_t stored_bytes(const std::string& name) const override {
        std::int64_t bytes = stored_->contains(name) ? stored_->stored_bytes(name) : 0;
        if (!name.ends_with(".weight")) return bytes;
        const std::string base = name.substr(0, name.size() - std::strlen(".weight"));
        for (const char* part : parts)
            if (stored_->contains(base + part)) bytes += stored_->stored_bytes(base + part);
        return bytes;
    }
    [[nodiscard]] std::shared_ptr<const Tokenizer> tokenizer() const override { return stored_->tokenizer(); }

    [[nodiscard]] HostTensor tensor(const std::string& name) const override {
        if (!name.ends_with(".weight")) return stored_->tensor(name);
        const std::string base = name.substr(0, name.size() - std::strlen(".weight"));
        if (stored_->contains(base + ".weight_g_idx"))
            throw Error(ErrorKind::unsupported,
                        base + ".weight_g_idx: weights in activation order are not read; export with actorder=weight");
        if (stored_->contains(base + ".weight_packed")) return packed(base);
        if (stored_->contains(base + ".weight_scale")) return plain(base);
        return stored_->tensor(name);
    }

private:
    static constexpr std::array parts = {".weight_packed",    ".weight_scale", ".weight_shape", ".weight_zero_point",
                                         ".input_zero_point", ".input_scale",  ".weight_g_idx"};

    [[noreturn]] void refuse(const std::string& name, const std::string& text) const {
        throw Error(ErrorKind::bad_input, stored_->file_of(name).string() + ": " + name + ": " + text);
    }

    /// The weight of these codes, whose values come when they are looked at; what can be wrong with it is said now.
    [[nodiscard]] HostTensor scaled(const std::string& base, ScaledRows::Codes codes, std::int64_t rows,
                                    std::int64_t columns) const {
        HostTensor scale = stored_->tensor(base + ".weight_scale");
        const std::int64_t down = scale.shape.size() < 2 ? 1 : scale.shape[0];
        const std::int64_t scales = element_count(scale.shape), across = down > 0 ? scales / down : 0;
        if (down <= 0 || across <= 0 || rows % down != 0 || columns % across != 0)
            refuse(base + ".weight_scale", "shape " + to_text(scale.shape) + " does not divide a weight of [" +
                                               std::to_string(rows) + ", " + std::to_string(columns) + "]");
        check_numbers(scale);
        std::optional<HostTensor> zero;
        if (const std::string name = base + ".weight_zero_point"; stored_->contains(name)) {
            zero = stored_->tensor(name);
            check_zero(name, *zero, codes.packed_bits, down, across);
        }
        const std::span<const std::byte> bytes = codes.stored.bytes;
        auto encoded =
            std::make_shared<const ScaledRows>(std::move(codes), rows, columns, std::move(scale), std::move(zero));
        return {DType::encoded, {rows, columns}, encoded, bytes, encoded};
    }

    /// Throws as decoding would.
    static void check_numbers(const HostTensor& tensor) { to_floats(tensor, 0, 0, nullptr); }

    void check_zero(const std::string& name, const HostTensor& zero, int packed_bits, std::int64_t down,
                    std::int64_t across) const {
        if (packed_bits > 0) {
            if (zero.dtype != DType::i32 || element_count(zero.shape) != packed_words(down, packed_bits) * across)
                refuse(name, "shape " + to_text(zero.shape) + " does not fit " + std::to_string(down) + " x " +
                                 std::to_string(across) + " scales");
        } else if (std::ssize(zero.bytes) != down * across) {
            refuse(name, "has " + std::to_string(zero.bytes.size()) + " values, the scale has " +
                             std::to_string(down * across));
        }
    }

    [[nodiscard]] HostTensor packed(const std::string& base) const {
        HostTensor words = stored_->tensor(base + ".weight_packed");
        if (words.dtype != DType::i32 || words.shape.size() != 2)
            throw Error(ErrorKind::unsupported, base + ".weight_packed: packed weights of type " +
                                                    std::string(row_of(words.dtype).name) +
                                                    " (4-bit floats?) are not read; integers packed in I32 are");
        const HostTensor shape_tensor = stored_->tensor(base + ".weight_shape");
        if (shape_tensor.dtype != DType::i64 || element_count(shape_tensor.shape) != 2)
            refuse(base + ".weight_shape", "must be two I64 numbers");
        const auto shape = values_of<std::int64_t>(shape_tensor.bytes);
        const std::int64_t rows = shape[0], columns = shape[1];
        if (rows != words.shape[0] || columns <= 0 || columns > words.shape[1] * 32)
            refuse(base + ".weight_shape",
                   "says " + to_text(shape) + ", which weight_packed of " + to_text(words.shape) + " cannot hold");
        int bits = 1;
        while (bits <= 8 && packed_words(columns, bits) != words.shape[1]) ++bits;
        if (bits > 8)
            refuse(base + ".weight_packed",
                   to_text(words.shape) + " fits no width of 1 to 8 bits for " + to_text(shape));
        return scaled(base, {std::move(words), bits}, rows, columns);
    }

    [[nodiscard]] HostTensor plain(const std::string& base) const {
        HostTensor weight = stored_->tensor(base + ".weight");
        if (weight.shape.size() != 2)
            refuse(base + ".weight", "has shape " + to_text(weight.shape) + " beside a scale; a matrix is expected");
        if (weight.dtype != DType::i8) check_numbers(weight);
        const std::int64_t rows = weight.shape[0], columns = weight.shape[1];
        return scaled(base, {std::move(weight)}, rows, columns);
    }

    std::shared_ptr<const Checkpoint> stored_;
    StoredQuantization quantization_;
    std::vector<std::string> names_;
    std::set<std::string> known_;
};

} // namespace

std::shared_ptr<const Checkpoint> decode_compressed_tensors(std::shared_ptr<const Checkpoint> checkpoint) {
    const std::string file = (checkpoint->folder() / "config.json").string();
    const nlohmann::json config = parse_json(checkpoint->config_json(), file);
    const auto quantization = config.find("quantization_config");
    if (quantization == config.end() || !quantization->is_object()) return checkpoint;
    try {
        const std::string method = quantization->value("quant_method", std::string());
        if (method != "compressed-tensors")
            throw Error(ErrorKind::unsupported,
                        file + ": weights quantized by \"" + method +
                            "\" are not read; compressed-tensors is, and unquantized checkpoints");
        StoredQuantization stored;
        const auto format = quantization->find("format");
        stored.format =
            "compressed-tensors " +
            (format != quantization->end() && format->is_string() ? format->get<std::string>() : "of unnamed format");
        read_ct_inputs(*quantization, stored);
        return std::make_shared<DecodedCheckpoint>(std::move(checkpoint), std::move(stored));
    } catch (const nlohmann::json::exception& problem) {
        throw Error(ErrorKind::bad_input, file + ": \"quantization_config\": " + problem.what());
    }
}

std::shared_ptr<const Checkpoint> read_back_compressed_tensors(const std::filesystem::path& folder) {
    return decode_compressed_tensors(open_checkpoint(folder));
}

} // namespace graticule
