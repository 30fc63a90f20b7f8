#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/export/bit_packing.h"
#include "core/export/compressed_tensors.h"
#include "core/export/ct_config.h"
#include "core/io/checkpoint.h"
#include "core/io/json_file.h"

namespace graticule {
namespace {

template <class T>
std::vector<T> values_of(const HostTensor& tensor) { // stored tensors need not be aligned
    std::vector<T> values(tensor.bytes.size() / sizeof(T));
    std::memcpy(values.data(), tensor.bytes.data(), values.size() * sizeof(T));
    return values;
}

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

    /// Scale and zero point of each element: rows of the scale may stand for one row, a block of rows, or all.
    [[nodiscard]] HostTensor scaled(const std::string& base, std::vector<float> values, std::int64_t rows,
                                    std::int64_t columns, const HostTensor& scale_tensor,
                                    const std::vector<float>& zero) const {
        const std::vector<float> scale = to_floats(scale_tensor);
        const std::int64_t down = scale_tensor.shape.size() < 2 ? 1 : scale_tensor.shape[0];
        const std::int64_t across = down > 0 ? std::ssize(scale) / down : 0;
        if (down <= 0 || across <= 0 || rows % down != 0 || columns % across != 0)
            refuse(base + ".weight_scale", "shape " + to_text(scale_tensor.shape) + " does not divide a weight of [" +
                                               std::to_string(rows) + ", " + std::to_string(columns) + "]");
        if (!zero.empty() && zero.size() != scale.size())
            refuse(base + ".weight_zero_point",
                   "has " + std::to_string(zero.size()) + " values, the scale has " + std::to_string(scale.size()));
        for (std::int64_t row = 0; row < rows; ++row)
            for (std::int64_t column = 0; column < columns; ++column) {
                const auto cell = static_cast<std::size_t>(row / (rows / down) * across + column / (columns / across));
                float& value = values[static_cast<std::size_t>(row * columns + column)];
                value = (value - (zero.empty() ? 0.0F : zero[cell])) * scale[cell];
            }
        return HostTensor::from_floats(std::move(values), {rows, columns});
    }

    [[nodiscard]] HostTensor packed(const std::string& base) const {
        const HostTensor words = stored_->tensor(base + ".weight_packed");
        if (words.dtype != DType::i32 || words.shape.size() != 2)
            throw Error(ErrorKind::unsupported, base + ".weight_packed: packed weights of type " +
                                                    std::string(row_of(words.dtype).name) +
                                                    " (4-bit floats?) are not read; integers packed in I32 are");
        const HostTensor shape_tensor = stored_->tensor(base + ".weight_shape");
        if (shape_tensor.dtype != DType::i64 || element_count(shape_tensor.shape) != 2)
            refuse(base + ".weight_shape", "must be two I64 numbers");
        const auto shape = values_of<std::int64_t>(shape_tensor);
        const std::int64_t rows = shape[0], columns = shape[1];
        if (rows != words.shape[0] || columns <= 0 || columns > words.shape[1] * 32)
            refuse(base + ".weight_shape",
                   "says " + to_text(shape) + ", which weight_packed of " + to_text(words.shape) + " cannot hold");
        int bits = 1;
        while (bits <= 8 && packed_words(columns, bits) != words.shape[1]) ++bits;
        if (bits > 8)
            refuse(base + ".weight_packed",
                   to_text(words.shape) + " fits no width of 1 to 8 bits for " + to_text(shape));

        std::vector<std::uint8_t> fields(static_cast<std::size_t>(rows * columns));
        unpack_rows(values_of<std::uint32_t>(words), rows, columns, bits, fields);
        const float middle = static_cast<float>(1 << (bits - 1));
        const std::vector<float> values(fields.begin(), fields.end());
        const HostTensor scale = stored_->tensor(base + ".weight_scale");
        std::vector<float> zero(static_cast<std::size_t>(element_count(scale.shape)), middle);
        if (stored_->contains(base + ".weight_zero_point")) {
            const HostTensor packed_zero = stored_->tensor(base + ".weight_zero_point");
            const std::int64_t across = scale.shape.size() < 2 ? 1 : scale.shape[1];
            if (packed_zero.dtype != DType::i32 ||
                element_count(packed_zero.shape) != packed_words(rows, bits) * across)
                refuse(base + ".weight_zero_point",
                       "shape " + to_text(packed_zero.shape) + " does not fit the scale " + to_text(scale.shape));
            const auto zeros = unpack_columns(values_of<std::uint32_t>(packed_zero), rows, across, bits);
            zero.assign(zeros.begin(), zeros.end());
        }
        return scaled(base, values, rows, columns, scale, zero);
    }

    [[nodiscard]] HostTensor plain(const std::string& base) const {
        const HostTensor weight = stored_->tensor(base + ".weight");
        if (weight.shape.size() != 2)
            refuse(base + ".weight", "has shape " + to_text(weight.shape) + " beside a scale; a matrix is expected");
        std::vector<float> values, zero;
        if (weight.dtype == DType::i8) {
            const auto codes = values_of<std::int8_t>(weight);
            values.assign(codes.begin(), codes.end());
        } else {
            values = to_floats(weight);
        }
        if (stored_->contains(base + ".weight_zero_point")) {
            const auto codes = values_of<std::int8_t>(stored_->tensor(base + ".weight_zero_point"));
            zero.assign(codes.begin(), codes.end());
        }
        return scaled(base, std::move(values), weight.shape[0], weight.shape[1],
                      stored_->tensor(base + ".weight_scale"), zero);
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
