#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/export/bit_packing.h"
#include "core/export/compressed_tensors.h"
#include "core/export/ct_arguments.h"
#include "core/export/ct_config.h"
#include "core/export/gptq_awq_reader.h"
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

/// Two whole numbers, in whichever integer type.
std::vector<std::int64_t> whole_numbers(const HostTensor& tensor) {
    if (tensor.dtype == DType::i64) return values_of<std::int64_t>(tensor);
    if (tensor.dtype != DType::i32) return {};
    const auto narrow = values_of<std::int32_t>(tensor);
    return {narrow.begin(), narrow.end()};
}

/// E2M1 by code: a sign over eight magnitudes.
constexpr std::array<float, 16> fp4_values = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6, -0.0F, -0.5F, -1, -1.5F, -2, -3, -4, -6};

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
        if (words.dtype == DType::u8 && words.shape.size() == 2) return fp4(base, words);
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
        if (!arguments)
            refuse(base + ".weight_packed", "no group of \"config_groups\" in config.json takes this module, so its "
                                            "width is not known; add it to the targets of one");
        const int bits = arguments->bits;
        if (packed_words(columns, bits) != words.shape[1])
            refuse(base + ".weight_packed", to_text(words.shape) + " is not " + to_text(shape) + " in " +
                                                std::to_string(bits) + " bits, the num_bits of its group");

        std::vector<std::uint8_t> fields(static_cast<std::size_t>(rows * columns));
        unpack_rows(values_of<std::uint32_t>(words), rows, columns, bits, fields);
        const float middle = static_cast<float>(1 << (bits - 1));
        const std::vector<float> values(fields.begin(), fields.end());
        const HostTensor scale = stored_->tensor(base + ".weight_scale");
        std::vector<float> zero(static_cast<std::size_t>(element_count(scale.shape)), middle);
        if (stored_->contains(base + ".weight_zero_point")) {
            const HostTensor packed_zero = stored_->tensor(base + ".weight_zero_point");
            const std::int64_t across = scale.shape.size() < 2 ? 1 : scale.shape[1];
            if (packed_zero.dtype == DType::i8)
                throw Error(ErrorKind::unsupported,
                            stored_->file_of(base + ".weight_zero_point").string() + ": " + base +
                                ".weight_zero_point is I8: zero points one byte each, as early versions of "
                                "compressed-tensors wrote them beside packed weights; current ones pack them in I32. "
                                "Load the model with the version that wrote it and save it with a current one");
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
        if (const std::string name = base + ".weight_zero_point"; stored_->contains(name)) {
            const HostTensor stored_zero = stored_->tensor(name);
            if (stored_zero.dtype == DType::i8) {
                const auto codes = values_of<std::int8_t>(stored_zero);
                zero.assign(codes.begin(), codes.end());
            } else if (row_of(stored_zero.dtype).decode != nullptr) { // a float zero beside FP8
                zero = to_floats(stored_zero);
            } else {
                refuse(name,
                       "is of type " + std::string(row_of(stored_zero.dtype).name) + "; I8 or a float is expected");
            }
        }
        const HostTensor scale = stored_->tensor(base + ".weight_scale");
        const bool codes = weight.dtype == DType::i8 || row_of(weight.dtype).block_bytes == 1; // INT8, FP8
        if (!codes) round_to_codes(base, values, weight.shape, scale, zero);
        return scaled(base, std::move(values), weight.shape[0], weight.shape[1], scale, zero);
    }

    /// A weight in float beside a scale (quantization_status "frozen") is the weight itself: clients round it as they
    /// compute. Turns `values` into the codes.
    void round_to_codes(const std::string& base, std::vector<float>& values, const Shape& shape,
                        const HostTensor& scale_tensor, const std::vector<float>& zero) const {
        const auto arguments = arguments_.of_module(base);
        if (!arguments || arguments->floating)
            throw Error(ErrorKind::unsupported, stored_->file_of(base + ".weight").string() + ": " + base +
                                                    ".weight is not quantized yet but has a scale, and " +
                                                    (arguments ? "floating-point codes are not made here"
                                                               : "no group of \"config_groups\" says its num_bits") +
                                                    "; save the model compressed");
        const std::vector<float> scale = to_floats(scale_tensor);
        const std::int64_t down = scale_tensor.shape.size() < 2 ? 1 : scale_tensor.shape[0];
        const std::int64_t across = down > 0 ? std::ssize(scale) / down : 0;
        if (down <= 0 || across <= 0 || shape[0] % down != 0 || shape[1] % across != 0) return; // refused by scaled()
        const float least = -std::ldexp(1.0F, arguments->bits - 1), most = -least - 1;
        for (std::int64_t row = 0; row < shape[0]; ++row)
            for (std::int64_t column = 0; column < shape[1]; ++column) {
                const auto cell =
                    static_cast<std::size_t>(row / (shape[0] / down) * across + column / (shape[1] / across));
                float& value = values[static_cast<std::size_t>(row * shape[1] + column)];
                const float code = value / scale[cell] + (zero.empty() ? 0.0F : zero[std::min(cell, zero.size() - 1)]);
                value = std::clamp(std::nearbyint(code), least, most);
            }
    }

    /// NVFP4 and MXFP4: two E2M1 codes per byte, the even column in the low half. The scale is E4M3 over one global
    /// divisor, or a power of two as E8M0.
    [[nodiscard]] HostTensor fp4(const std::string& base, const HostTensor& bytes) const {
        const std::int64_t rows = bytes.shape[0], columns = 2 * bytes.shape[1];
        const HostTensor stored_scale = stored_->tensor(base + ".weight_scale");
        std::vector<float> scale;
        if (stored_scale.dtype == DType::u8) {
            for (const std::uint8_t exponent : values_of<std::uint8_t>(stored_scale))
                scale.push_back(exponent == 255 ? NAN : std::ldexp(1.0F, int(exponent) - 127));
        } else {
            scale = to_floats(stored_scale);
        }
        if (stored_->contains(base + ".weight_global_scale")) {
            const std::vector<float> global = to_floats(stored_->tensor(base + ".weight_global_scale"));
            if (global.size() != 1 || !(global.front() > 0))
                refuse(base + ".weight_global_scale", "must be one number above 0");
            for (float& value : scale) value /= global.front();
        } else if (stored_scale.dtype != DType::u8) {
            refuse(base + ".weight_scale", "is of type " + std::string(row_of(stored_scale.dtype).name) +
                                               " without a weight_global_scale; NVFP4 has one, MXFP4 has U8 scales");
        }
        std::vector<float> values;
        values.reserve(static_cast<std::size_t>(rows * columns));
        for (const std::uint8_t pair : values_of<std::uint8_t>(bytes)) {
            values.push_back(fp4_values[pair & 15]);
            values.push_back(fp4_values[pair >> 4]);
        }
        return scaled(base, std::move(values), rows, columns,
                      HostTensor::from_floats(std::move(scale), stored_scale.shape), {});
    }

    std::shared_ptr<const Checkpoint> stored_;
    StoredQuantization quantization_;
    CtArguments arguments_;
    std::vector<std::string> names_;
    std::set<std::string> known_;
};

} // namespace

std::shared_ptr<const Checkpoint> decode_compressed_tensors(std::shared_ptr<const Checkpoint> checkpoint) {
    const std::string file = (checkpoint->folder() / "config.json").string();
    const nlohmann::json config = parse_json(checkpoint->config_json(), file);
    if (config.contains("compression_config"))
        throw Error(ErrorKind::unsupported,
                    file + ": \"compression_config\" is how early versions of compressed-tensors said that weights are "
                           "quantized; load the model with the version that wrote it and save it with a current one, "
                           "which writes \"quantization_config\"");
    const auto quantization = config.find("quantization_config");
    if (quantization == config.end() || !quantization->is_object()) {
        const std::filesystem::path beside = checkpoint->folder() / "quantize_config.json"; // AutoGPTQ's own file
        const auto names = checkpoint->tensor_names();
        const bool packed = std::ranges::any_of(names, [](const auto& name) { return name.ends_with(".qweight"); });
        if (!packed || !std::filesystem::exists(beside)) return checkpoint;
        nlohmann::json said = read_json_file(beside);
        if (!said.is_object()) throw Error(ErrorKind::bad_input, beside.string() + ": not a JSON object");
        said["quant_method"] = said.value("quant_method", std::string("gptq"));
        try {
            return decode_gptq_awq(std::move(checkpoint), said);
        } catch (const Error& error) {
            throw Error(error.info().kind, beside.string() + ": " + error.info().message);
        }
    }
    try {
        const std::string method = quantization->value("quant_method", std::string());
        if (method == "gptq" || method == "awq") return decode_gptq_awq(std::move(checkpoint), *quantization);
        if (method == "bitsandbytes")
            throw Error(ErrorKind::unsupported,
                        file +
                            ": weights quantized by bitsandbytes (NF4, FP4 or LLM.int8) are not read; open the model "
                            "that they were made from, or save it dequantized: model.dequantize() in transformers");
        if (method != "compressed-tensors")
            throw Error(ErrorKind::unsupported, file + ": weights quantized by \"" + method +
                                                    "\" are not read; compressed-tensors, gptq, awq and unquantized "
                                                    "checkpoints are");
        StoredQuantization stored;
        const auto format = quantization->find("format");
        stored.format =
            "compressed-tensors " +
            (format != quantization->end() && format->is_string() ? format->get<std::string>() : "of unnamed format");
        read_ct_inputs(*quantization, stored);
        return std::make_shared<DecodedCheckpoint>(std::move(checkpoint), std::move(stored),
                                                   CtArguments(*quantization));
    } catch (Error& error) {
        if (error.info().message.starts_with(file)) throw;
        throw Error(error.info().kind, file + ": \"quantization_config\": " + error.info().message);
    } catch (const nlohmann::json::exception& problem) {
        throw Error(ErrorKind::bad_input, file + ": \"quantization_config\": " + problem.what());
    }
}

std::shared_ptr<const Checkpoint> read_back_compressed_tensors(const std::filesystem::path& folder) {
    return decode_compressed_tensors(open_checkpoint(folder));
}

} // namespace graticule
