#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>

#include "core/base/error.h"
#include "core/export/bit_packing.h"
#include "core/export/compressed_tensors.h"
#include "core/export/ct_arguments.h"
#include "core/export/ct_config.h"
#include "core/io/checkpoint.h"

namespace graticule {
namespace {

template <class T>
std::vector<T> values_of(std::span<const std::byte> bytes) { // stored tensors need not be aligned
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
}

/// Two whole numbers, in whichever integer type.
std::vector<std::int64_t> whole_numbers(const HostTensor& tensor) {
    if (tensor.dtype == DType::i64) return values_of<std::int64_t>(tensor.bytes);
    if (tensor.dtype != DType::i32) return {};
    const auto narrow = values_of<std::int32_t>(tensor.bytes);
    return {narrow.begin(), narrow.end()};
}

/// E2M1 by code: a sign over eight magnitudes.
constexpr std::array<float, 16> fp4_values = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6, -0.0F, -0.5F, -1, -1.5F, -2, -3, -4, -6};

/// How the codes of a weight are stored.
struct Codes {
    enum class Kind : std::uint8_t {
        plain,   ///< one element each: I8 or 8-bit floats
        packed,  ///< `bits` each, in words of 32
        fp4,     ///< two E2M1 codes per byte, the even column in the low half
        rounded, ///< the weight itself in float, which clients round to `bits` as they compute
    };
    HostTensor stored;
    Kind kind = Kind::plain;
    int bits = 8;
};

/// How their scales are: one for a row, a block of rows or all, and for a block of columns.
struct Scales {
    HostTensor stored; ///< floats, or exponents of two as E8M0 in U8
    float divisor = 1; ///< NVFP4's global scale

    [[nodiscard]] std::int64_t down() const { return stored.shape.size() < 2 ? 1 : stored.shape[0]; }
    [[nodiscard]] std::int64_t across() const { return down() > 0 ? element_count(stored.shape) / down() : 0; }
    /// How many rows and columns share one; the last ones may be fewer.
    CtWeightArguments::Tile tile = {};
    [[nodiscard]] std::vector<float> rows(std::int64_t first, std::int64_t count) const {
        std::vector<float> values;
        if (stored.dtype == DType::u8) {
            const auto bytes = values_of<std::uint8_t>(stored.bytes.subspan(
                static_cast<std::size_t>(first * across()), static_cast<std::size_t>(count * across())));
            for (const std::uint8_t exponent : bytes)
                values.push_back(exponent == 255 ? NAN : std::ldexp(1.0F, int(exponent) - 127));
        } else {
            values = down() == 1 ? to_floats(stored) : to_floats(stored, first, count);
        }
        if (divisor != 1)
            for (float& value : values) value /= divisor;
        return values;
    }
};

/// Rows of a weight whose codes, scales and zero points are tensors of their own. Holds views of the file.
class ScaledRows final : public EncodedRows {
public:
    /// Zero points: as many as scales, one element each, or packed down the rows where the codes are packed; empty: as
    /// the kind of codes has it.
    ScaledRows(Codes codes, std::int64_t columns, Scales scales, std::optional<HostTensor> zero)
        : codes_(std::move(codes))
        , scales_(std::move(scales))
        , zero_(std::move(zero))
        , columns_(columns)
        , down_(scales_.down())
        , across_(scales_.across())
        , rows_of_a_scale_(scales_.tile.rows)
        , columns_of_a_scale_(scales_.tile.columns) {}

    void decode(std::int64_t first, std::int64_t count, float* out) const override {
        if (count == 0) return;
        const std::int64_t first_scale = first / rows_of_a_scale_;
        const std::int64_t scales = (first + count - 1) / rows_of_a_scale_ + 1 - first_scale;
        const std::vector<float> scale = scales_.rows(first_scale, scales);
        const std::vector<float> zero = zeros(first_scale, scales);
        decode_codes(first, count, out);
        const bool rounds = codes_.kind == Codes::Kind::rounded;
        const float least = -std::ldexp(1.0F, codes_.bits - 1), most = -least - 1;
        for (std::int64_t row = 0; row < count; ++row) {
            const std::int64_t cells = ((first + row) / rows_of_a_scale_ - first_scale) * across_;
            for (std::int64_t column = 0; column < columns_; ++column) {
                const auto cell = static_cast<std::size_t>(cells + column / columns_of_a_scale_);
                const float shift = zero.empty() ? 0.0F : zero[cell];
                float& value = out[row * columns_ + column];
                if (rounds) value = std::clamp(std::nearbyint(value / scale[cell] + shift), least, most);
                value = (value - shift) * scale[cell];
            }
        }
    }

private:
    [[nodiscard]] std::vector<float> zeros(std::int64_t first, std::int64_t count) const {
        const bool packed = codes_.kind == Codes::Kind::packed;
        if (!zero_ && !packed) return {};
        if (!zero_)
            return std::vector<float>(static_cast<std::size_t>(count * across_),
                                      static_cast<float>(1 << (codes_.bits - 1)));
        if (packed) {
            const auto fields =
                unpack_columns(values_of<std::uint32_t>(zero_->bytes), down_, across_, codes_.bits, first, count);
            return {fields.begin(), fields.end()};
        }
        if (zero_->dtype != DType::i8) { // a float zero beside FP8
            const std::vector<float> all = to_floats(*zero_);
            return {all.begin() + first * across_, all.begin() + (first + count) * across_};
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
        if (codes_.kind == Codes::Kind::packed) {
            std::vector<std::uint8_t> fields(static_cast<std::size_t>(count * columns_));
            unpack_rows(values_of<std::uint32_t>(bytes), count, columns_, codes_.bits, fields);
            std::copy(fields.begin(), fields.end(), out);
        } else if (codes_.kind == Codes::Kind::fp4) {
            for (const std::uint8_t pair : values_of<std::uint8_t>(bytes)) {
                *out++ = fp4_values[pair & 15];
                *out++ = fp4_values[pair >> 4];
            }
        } else if (stored.dtype == DType::i8) {
            const auto values = values_of<std::int8_t>(bytes);
            std::copy(values.begin(), values.end(), out);
        } else {
            to_floats(stored, first, count, out);
        }
    }

    Codes codes_;
    Scales scales_;
    std::optional<HostTensor> zero_;
    std::int64_t columns_, down_, across_, rows_of_a_scale_, columns_of_a_scale_;
};

/// The decoded view. What a tensor is follows from its type and the tensors stored beside it; the width of packed codes
/// from the config, because short rows of several widths are equally long.
class DecodedCheckpoint final : public Checkpoint {
public:
    DecodedCheckpoint(std::shared_ptr<const Checkpoint> stored, StoredQuantization quantization, CtArguments arguments)
        : stored_(std::move(stored))
        , quantization_(std::move(quantization))
        , arguments_(std::move(arguments)) {
        for (const std::string& name : stored_->tensor_names()) {
            if (std::none_of(parts.begin(), parts.end(), [&](const char* part) { return name.ends_with(part); }))
                names_.push_back(name);
            else if (name.ends_with(".weight_packed"))
                names_.push_back(name.substr(0, name.size() - std::strlen("_packed")));
        }
        known_.insert(names_.begin(), names_.end());
        std::size_t unused = 0;
        for (const std::string& name : stored_->tensor_names()) {
            if (!name.ends_with(zero_point)) continue;
            const std::string base = name.substr(0, name.size() - zero_point.size());
            if (has_codes(base) && !has_zero(base)) ++unused;
        }
        if (unused > 0)
            unused_zeros_ = std::to_string(unused) +
                            " tensors of zero points are not used: \"quantization_config\" calls their weights "
                            "symmetric, and transformers leaves them out, too";
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
    [[nodiscard]] std::vector<std::string> warnings() const override {
        std::vector<std::string> all = stored_->warnings();
        all.insert(all.end(), arguments_.warnings().begin(), arguments_.warnings().end());
        if (!unused_zeros_.empty()) all.push_back(unused_zeros_);
        return all;
    }

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
    static constexpr std::array parts = {".weight_packed",     ".weight_scale",        ".weight_shape",
                                         ".weight_zero_point", ".input_zero_point",    ".input_scale",
                                         ".weight_g_idx",      ".weight_global_scale", ".input_global_scale"};

    static constexpr std::string_view zero_point = ".weight_zero_point";

    [[noreturn]] void refuse(const std::string& name, const std::string& text) const {
        throw Error(ErrorKind::bad_input, stored_->file_of(name).string() + ": " + name + ": " + text);
    }

    /// Or its weight is rounded already, and what lies beside it is left over.
    [[nodiscard]] bool has_codes(const std::string& base) const {
        const std::string weight = base + ".weight";
        return !stored_->contains(weight) || row_of(stored_->tensor(weight).dtype).block_bytes == 1;
    }

    /// By the config, as transformers has it: what else is stored does not count.
    [[nodiscard]] bool has_zero(const std::string& base) const {
        const auto arguments = arguments_.of_module(base);
        return arguments ? !arguments->symmetric : stored_->contains(base + std::string(zero_point));
    }

    /// As the config says, and where it says nothing as the scales divide the weight.
    [[nodiscard]] CtWeightArguments::Tile tile_of(const std::string& base, std::int64_t rows, std::int64_t columns,
                                                  const Scales& scales) const {
        const std::int64_t down = scales.down(), across = scales.across();
        const std::string weight = "a weight of [" + std::to_string(rows) + ", " + std::to_string(columns) + "]";
        const auto arguments = arguments_.of_module(base);
        if (rows < 1 || columns < 1) refuse(base + ".weight_scale", "stands beside " + weight);
        if (!arguments) {
            if (down <= 0 || across <= 0 || rows % down != 0 || columns % across != 0)
                refuse(base + ".weight_scale", "shape " + to_text(scales.stored.shape) + " does not divide " + weight);
            return {rows / down, columns / across};
        }
        const CtWeightArguments::Tile tile{arguments->tile.rows > 0 ? arguments->tile.rows : rows,
                                           arguments->tile.columns > 0 ? arguments->tile.columns : columns};
        if (down != (rows + tile.rows - 1) / tile.rows || across != (columns + tile.columns - 1) / tile.columns)
            refuse(base + ".weight_scale", "shape " + to_text(scales.stored.shape) + " does not fit " + weight +
                                               ", whose group in config.json has " + arguments->tile_said +
                                               "; one of the two is wrong");
        return tile;
    }

    /// The codes and "type" of the module's group must be of one kind.
    void check_kind(const std::string& name, const std::string& base, bool floating) const {
        const auto arguments = arguments_.of_module(base);
        if (arguments && arguments->floating != floating)
            refuse(name, "holds " + std::string(floating ? "floating-point" : "integer") +
                             " codes, but \"type\" of its group in config.json is " +
                             (arguments->floating ? "float" : "int") + "; one of the two is wrong");
    }

    /// The weight of these codes, whose values come when they are looked at; what can be wrong with it is said now.
    [[nodiscard]] HostTensor scaled(const std::string& base, Codes codes, std::int64_t rows, std::int64_t columns,
                                    Scales scales) const {
        const std::int64_t down = scales.down(), across = scales.across();
        scales.tile = tile_of(base, rows, columns, scales);
        if (scales.stored.dtype != DType::u8) check_numbers(scales.stored);
        std::optional<HostTensor> zero;
        if (const std::string name = base + std::string(zero_point); stored_->contains(name)) {
            const HostTensor stored = stored_->tensor(name);
            check_zero(name, stored, codes, down, across);
            if (has_zero(base)) zero = stored;
        } else if (has_zero(base)) {
            refuse(name, "is missing, and config.json says that the weights are not symmetric; the checkpoint is "
                         "incomplete");
        }
        const std::span<const std::byte> bytes = codes.stored.bytes;
        auto encoded =
            std::make_shared<const ScaledRows>(std::move(codes), columns, std::move(scales), std::move(zero));
        return {DType::encoded, {rows, columns}, encoded, bytes, encoded};
    }

    /// Throws as decoding would.
    static void check_numbers(const HostTensor& tensor) { to_floats(tensor, 0, 0, nullptr); }

    void check_zero(const std::string& name, const HostTensor& zero, const Codes& codes, std::int64_t down,
                    std::int64_t across) const {
        if (codes.kind == Codes::Kind::packed) {
            if (zero.dtype == DType::i8)
                throw Error(ErrorKind::unsupported,
                            stored_->file_of(name).string() + ": " + name +
                                " is I8: zero points one byte each, as early versions of compressed-tensors wrote them "
                                "beside packed weights; current ones pack them in I32. Load the model with the version "
                                "that wrote it and save it with a current one");
            if (zero.dtype != DType::i32 || element_count(zero.shape) != packed_words(down, codes.bits) * across)
                refuse(name, "shape " + to_text(zero.shape) + " does not fit " + std::to_string(down) + " x " +
                                 std::to_string(across) + " scales");
            return;
        }
        if (zero.dtype != DType::i8 && row_of(zero.dtype).decode == nullptr)
            refuse(name, "is of type " + std::string(row_of(zero.dtype).name) + "; I8 or a float is expected");
        if (element_count(zero.shape) != down * across)
            refuse(name, "has " + std::to_string(element_count(zero.shape)) + " values, the scale has " +
                             std::to_string(down * across));
    }

    [[nodiscard]] HostTensor packed(const std::string& base) const {
        HostTensor words = stored_->tensor(base + ".weight_packed");
        if (words.dtype == DType::u8 && words.shape.size() == 2) return fp4(base, std::move(words));
        if (words.dtype != DType::i32 || words.shape.size() != 2)
            throw Error(ErrorKind::unsupported, base + ".weight_packed: packed weights of type " +
                                                    std::string(row_of(words.dtype).name) +
                                                    " are not read; integers packed in I32 and 4-bit floats in U8 are");
        const HostTensor shape_tensor = stored_->tensor(base + ".weight_shape");
        const auto shape = whole_numbers(shape_tensor);
        if (shape.size() != 2) refuse(base + ".weight_shape", "must be two whole numbers, I64 or I32");
        const std::int64_t rows = shape[0], columns = shape[1];
        if (rows != words.shape[0] || columns <= 0 || columns > words.shape[1] * 32)
            refuse(base + ".weight_shape",
                   "says " + to_text(shape) + ", which weight_packed of " + to_text(words.shape) + " cannot hold");
        const auto arguments = arguments_.of_module(base);
        if (arguments_.ignores(base))
            refuse(base + ".weight_packed", "is a packed weight, but \"ignore\" in config.json lists the module as not "
                                            "quantized; one of the two is wrong");
        check_kind(base + ".weight_packed", base, false);
        if (!arguments)
            refuse(base + ".weight_packed", "no group of \"config_groups\" in config.json takes this module, so its "
                                            "width is not known; add it to the targets of one");
        const int bits = arguments->bits;
        if (packed_words(columns, bits) != words.shape[1])
            refuse(base + ".weight_packed", to_text(words.shape) + " is not " + to_text(shape) + " in " +
                                                std::to_string(bits) + " bits, the num_bits of its group");
        return scaled(base, {std::move(words), Codes::Kind::packed, bits}, rows, columns,
                      {stored_->tensor(base + ".weight_scale")});
    }

    [[nodiscard]] HostTensor plain(const std::string& base) const {
        HostTensor weight = stored_->tensor(base + ".weight");
        const bool codes_stored = row_of(weight.dtype).block_bytes == 1;
        if (!codes_stored && arguments_.ignores(base)) return weight; // what lies beside it is left over
        if (weight.shape.size() != 2)
            refuse(base + ".weight", "has shape " + to_text(weight.shape) + " beside a scale; a matrix is expected");
        if (codes_stored) check_kind(base + ".weight", base, weight.dtype != DType::i8);
        if (weight.dtype != DType::i8) check_numbers(weight);
        Codes codes;
        if (!codes_stored) codes = {{}, Codes::Kind::rounded, rounded_bits(base)};
        const std::int64_t rows = weight.shape[0], columns = weight.shape[1];
        codes.stored = std::move(weight);
        return scaled(base, std::move(codes), rows, columns, {stored_->tensor(base + ".weight_scale")});
    }

    /// A weight in float beside a scale (quantization_status "frozen") is the weight itself.
    [[nodiscard]] int rounded_bits(const std::string& base) const {
        const auto arguments = arguments_.of_module(base);
        if (arguments && !arguments->floating) return arguments->bits;
        throw Error(ErrorKind::unsupported, stored_->file_of(base + ".weight").string() + ": " + base +
                                                ".weight is not quantized yet but has a scale, and " +
                                                (arguments ? "floating-point codes are not made here"
                                                           : "no group of \"config_groups\" says its num_bits") +
                                                "; save the model compressed");
    }

    /// NVFP4 and MXFP4: the scale is E4M3 over one global divisor, or a power of two as E8M0.
    [[nodiscard]] HostTensor fp4(const std::string& base, HostTensor bytes) const {
        const std::int64_t rows = bytes.shape[0], columns = 2 * bytes.shape[1];
        check_kind(base + ".weight_packed", base, true);
        Scales scales{stored_->tensor(base + ".weight_scale")};
        if (stored_->contains(base + ".weight_global_scale")) {
            const std::vector<float> global = to_floats(stored_->tensor(base + ".weight_global_scale"));
            if (global.size() != 1 || !(global.front() > 0))
                refuse(base + ".weight_global_scale", "must be one number above 0");
            scales.divisor = global.front();
        } else if (scales.stored.dtype != DType::u8) {
            refuse(base + ".weight_scale", "is of type " + std::string(row_of(scales.stored.dtype).name) +
                                               " without a weight_global_scale; NVFP4 has one, MXFP4 has U8 scales");
        }
        return scaled(base, {std::move(bytes), Codes::Kind::fp4, 4}, rows, columns, std::move(scales));
    }

    std::shared_ptr<const Checkpoint> stored_;
    StoredQuantization quantization_;
    CtArguments arguments_;
    std::vector<std::string> names_;
    std::set<std::string> known_;
    std::string unused_zeros_; ///< what is said of them
};

} // namespace

std::shared_ptr<const Checkpoint> decode_compressed_tensors(std::shared_ptr<const Checkpoint> checkpoint,
                                                            const nlohmann::json& quantization_config) {
    const nlohmann::json config = with_presets_written_out(quantization_config);
    StoredQuantization stored;
    const auto format = config.find("format");
    stored.format = "compressed-tensors " +
                    (format != config.end() && format->is_string() ? format->get<std::string>() : "of unnamed format");
    read_ct_inputs(config, stored);
    return std::make_shared<DecodedCheckpoint>(std::move(checkpoint), std::move(stored), CtArguments(config));
}

} // namespace graticule
