#include "core/export/qserve.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/export/carry_along.h"
#include "core/export/checkpoint_writer.h"
#include "core/export/ct_config.h"
#include "core/export/wrapped_checkpoint.h"

namespace graticule {
namespace {

constexpr std::int64_t group_size = 128, tile = 32, kernel_rows = 64;
constexpr int int8_reach = 127;

/// Where the kernel looks for one code: a byte of the whole tensor, and which half of it.
struct Place {
    std::size_t byte;
    bool high;
};
Place place_of(std::int64_t row, std::int64_t column, std::int64_t columns) {
    const std::int64_t r = row % tile, c = column % tile;
    const std::int64_t lane = r % 8, upper = r / 8 % 2, half = c / 16, quarter = c / 4 % 4, within = c % 4;
    const std::int64_t in_tile = (((lane * 4 + quarter) * 2 + half) * 2 + upper) * 4 + within;
    const std::int64_t tile_number = row / tile * (columns / tile) + column / tile;
    return {static_cast<std::size_t>(tile_number * (tile * tile / 2) + in_tile), r / 16 == 1};
}

/// Which of 32 outputs stands at place k of the scales and zeros of a group.
std::int64_t output_at(std::int64_t k) { return k / tile * tile + k % 4 * 8 + k % tile / 4; }

std::string scheme_problem(const SchemeChoice& choice) {
    const QuantScheme& scheme = choice.scheme;
    if (scheme.query || scheme.key || scheme.value || scheme.probability)
        return "quantized attention operands (q= k= v= p=) have no form in QServe's layout; leave them out";
    if (!scheme.weight) return "quantizes no weights";
    const TensorScheme& weight = *scheme.weight;
    if (!is_dual_grain(weight.levels) || weight.grain().group_size != group_size)
        return "w=" + to_text(weight) +
               ": QServe's layout holds the dual grain in groups of 128; use "
               "w=int4/asym/dual128:f16";
    if (weight.levels[1].coding == Coding::f32)
        return "w=" + to_text(weight) +
               ": QServe holds float16 scales of the outputs; quantize with such scales, "
               "w=int4/asym/dual128:f16, so that what is exported is what was measured";
    if (scheme.input && to_text(*scheme.input) != "int8/sym/token")
        return "a=" + to_text(*scheme.input) +
               ": QServe rounds inputs to int8 per token; use a=int8/sym/token, or "
               "leave a= out";
    return {};
}

std::string shape_problem(const Linear& linear) {
    if (linear.out_features() % kernel_rows == 0 && linear.in_features() % group_size == 0) return {};
    return "its " + std::to_string(linear.out_features()) + " outputs and " + std::to_string(linear.in_features()) +
           " input channels are no multiples of 64 and 128, which QServe's kernel wants; use the exporter packed, or "
           "compressed-tensors";
}

[[noreturn]] void does_not_fit(const Linear& shape, const std::string& what) {
    throw Error(ErrorKind::unsupported,
                shape.short_name + ": " + what + "; use the exporter packed, or compressed-tensors");
}

std::vector<HostTensor> tensors_of(const QuantizedLinear& linear, const Linear& shape) {
    const std::int64_t rows = shape.out_features(), columns = shape.in_features(), groups = columns / group_size;
    const QParams& params = linear.params;
    const std::vector<float> fine = fine_scales(params, columns);
    std::vector<std::uint8_t> codes = linear.codes.unpack();
    std::vector<std::uint16_t> channel_scales;
    for (const float scale : params.coarse->scale) {
        channel_scales.push_back(float_to_half(scale));
        if (half_to_float(channel_scales.back()) != scale)
            does_not_fit(shape, "a scale of " + std::to_string(scale) + " is no float16, which the layout holds");
    }
    std::vector<std::int8_t> group_scales(static_cast<std::size_t>(groups * rows));
    std::vector<std::uint8_t> group_zeros(group_scales.size());
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t group = 0; group < groups; ++group) {
            const auto block = static_cast<std::size_t>(row * groups + group);
            const int scale = static_cast<int>(fine[block]), zero = static_cast<int>(params.zero[block]);
            // The kernel multiplies four bytes at once, so code * scale must stay below 256. Codes and zero point move
            // down by what no legal code lies below (formats.md section 10.4).
            const int down = std::max(0, zero - int8_reach / scale);
            for (std::int64_t column = group * group_size; column < (group + 1) * group_size; ++column) {
                std::uint8_t& code = codes[static_cast<std::size_t>(row * columns + column)];
                const int value = (code - zero) * scale, moved = code - down;
                if (std::abs(value) > int8_reach || moved < 0 || moved > 15 || moved * scale > 255)
                    does_not_fit(shape, "a product of " + std::to_string(value) + " does not fit the kernel's bytes");
                code = static_cast<std::uint8_t>(moved);
            }
            group_scales[block] = static_cast<std::int8_t>(scale);
            group_zeros[block] = static_cast<std::uint8_t>(-(zero - down) * scale);
        }
    std::vector<std::int8_t> scales(group_scales.size());
    std::vector<std::uint8_t> zeros(group_zeros.size());
    for (std::int64_t group = 0; group < groups; ++group)
        for (std::int64_t k = 0; k < rows; ++k) {
            const auto from = static_cast<std::size_t>(output_at(k) * groups + group);
            scales[static_cast<std::size_t>(group * rows + k)] = group_scales[from];
            zeros[static_cast<std::size_t>(group * rows + k)] = group_zeros[from];
        }
    std::vector<HostTensor> tensors;
    tensors.push_back(HostTensor::from_vector(pack_qserve(codes, rows, columns), DType::i8, {rows, columns / 2}));
    tensors.push_back(HostTensor::from_vector(std::move(channel_scales), DType::f16, {rows}));
    tensors.push_back(HostTensor::from_vector(std::move(scales), DType::i8, {groups, rows}));
    tensors.push_back(HostTensor::from_vector(std::move(zeros), DType::i8, {groups, rows}));
    return tensors;
}

LinearUnit unit_of(const Linear& shape, const std::string& name) {
    const std::int64_t rows = shape.out_features(), columns = shape.in_features(), groups = columns / group_size;
    return {{{name + ".qweight", DType::i8, {rows, columns / 2}},
             {name + ".s1_scales", DType::f16, {rows}},
             {name + ".s2_scales", DType::i8, {groups, rows}},
             {name + ".s2_zeros", DType::i8, {groups, rows}}},
            [&shape](const QuantizedLinear& linear) { return tensors_of(linear, shape); }};
}

/// Rows of one weight: ((code * s2 + s2_zero) mod 256 as INT8) * s1, the kernel's arithmetic.
class TiledRows final : public EncodedRows {
public:
    TiledRows(HostTensor codes, const HostTensor& channel_scales, HostTensor scales, HostTensor zeros)
        : codes_(std::move(codes))
        , channel_scales_(to_floats(channel_scales))
        , scales_(std::move(scales))
        , zeros_(std::move(zeros))
        , rows_(codes_.shape[0])
        , columns_(2 * codes_.shape[1]) {
        place_.resize(static_cast<std::size_t>(rows_));
        for (std::int64_t k = 0; k < rows_; ++k) place_[static_cast<std::size_t>(output_at(k))] = k;
    }

    void decode(std::int64_t first, std::int64_t count, float* out) const override {
        for (std::int64_t row = first; row < first + count; ++row)
            for (std::int64_t column = 0; column < columns_; ++column) {
                const Place place = place_of(row, column, columns_);
                const int code = static_cast<int>(codes_.bytes[place.byte]) >> (place.high ? 4 : 0) & 15;
                const auto cell =
                    static_cast<std::size_t>(column / group_size * rows_ + place_[static_cast<std::size_t>(row)]);
                const int sum = code * static_cast<int>(scales_.bytes[cell]) + static_cast<int>(zeros_.bytes[cell]);
                *out++ = static_cast<float>(static_cast<std::int8_t>(static_cast<std::uint8_t>(sum))) *
                         channel_scales_[static_cast<std::size_t>(row)];
            }
    }

private:
    HostTensor codes_;
    std::vector<float> channel_scales_;
    HostTensor scales_, zeros_;
    std::int64_t rows_, columns_;
    std::vector<std::int64_t> place_; ///< of each output among the scales of a group
};

class QServeCheckpoint final : public WrappedCheckpoint {
public:
    explicit QServeCheckpoint(std::shared_ptr<const Checkpoint> checkpoint)
        : WrappedCheckpoint(std::move(checkpoint)) {
        for (const std::string& name : stored().tensor_names()) {
            const std::size_t dot = std::min(name.rfind('.'), name.size());
            const std::string base = name.substr(0, dot), part = name.substr(dot);
            if (part == ".qweight")
                names_.push_back(base + ".weight");
            else if (!stored().contains(base + ".qweight") || part == ".bias")
                names_.push_back(name);
        }
        known_.insert(names_.begin(), names_.end());
    }

    [[nodiscard]] std::vector<std::string> tensor_names() const override { return names_; }
    [[nodiscard]] bool contains(const std::string& name) const override { return known_.contains(name); }
    [[nodiscard]] std::string container() const override { return stored().container() + ", QServe decoded to f32"; }
    [[nodiscard]] std::optional<StoredQuantization> stored_quantization() const override {
        return StoredQuantization{"QServe W4A8 g128", true, "a=int8/sym/token"};
    }
    [[nodiscard]] std::filesystem::path file_of(const std::string& name) const override {
        return stored().file_of(is_packed(name) ? base_of(name) + ".qweight" : name);
    }
    [[nodiscard]] std::int64_t stored_bytes(const std::string& name) const override {
        if (!is_packed(name)) return stored().stored_bytes(name);
        std::int64_t bytes = 0;
        for (const char* part : {".qweight", ".s1_scales", ".s2_scales", ".s2_zeros"})
            bytes += stored().stored_bytes(base_of(name) + part);
        return bytes;
    }
    [[nodiscard]] HostTensor tensor(const std::string& name) const override {
        if (!is_packed(name)) return stored().tensor(name);
        const std::string base = base_of(name);
        HostTensor codes = stored().tensor(base + ".qweight");
        const bool fits =
            codes.shape.size() == 2 && codes.shape[0] % tile == 0 && codes.shape[1] % (group_size / 2) == 0;
        if (codes.dtype != DType::i8 || !fits)
            refuse(base + ".qweight", codes, "I8 in tiles of 32 rows and groups of 128 columns is expected");
        const std::int64_t rows = codes.shape[0], columns = 2 * codes.shape[1];
        const Shape groups = {columns / group_size, rows};
        if (stored().contains(base + ".s1_szeros"))
            throw Error(ErrorKind::unsupported, stored().file_of(base + ".qweight").string() + ": " + base +
                                                    ".s1_szeros: QServe's layout of one scale per channel is not "
                                                    "read; that of groups is");
        const HostTensor channels = expected(base + ".s1_scales", DType::f16, {rows});
        const HostTensor scales = expected(base + ".s2_scales", DType::i8, groups);
        const HostTensor zeros = expected(base + ".s2_zeros", DType::i8, groups);
        const std::span<const std::byte> bytes = codes.bytes;
        auto decoded = std::make_shared<const TiledRows>(std::move(codes), channels, scales, zeros);
        return {DType::encoded, {rows, columns}, decoded, bytes, decoded};
    }

private:
    [[noreturn]] void refuse(const std::string& name, const HostTensor& found, const std::string& wanted) const {
        throw Error(ErrorKind::bad_input, stored().file_of(name).string() + ": " + name + " is " +
                                              std::string(row_of(found.dtype).name) + " " + to_text(found.shape) +
                                              "; " + wanted);
    }
    [[nodiscard]] HostTensor expected(const std::string& name, DType type, const Shape& shape) const {
        HostTensor tensor = stored().tensor(name);
        if (tensor.dtype != type || tensor.shape != shape)
            refuse(name, tensor, std::string(row_of(type).name) + " " + to_text(shape) + " is expected");
        return tensor;
    }
    static std::string base_of(const std::string& name) { return name.substr(0, name.rfind('.')); }
    [[nodiscard]] bool is_packed(const std::string& name) const {
        return name.ends_with(".weight") && stored().contains(base_of(name) + ".qweight");
    }

    std::vector<std::string> names_;
    std::set<std::string> known_;
};

} // namespace

std::vector<std::uint8_t> pack_qserve(std::span<const std::uint8_t> codes, std::int64_t rows, std::int64_t columns) {
    std::vector<std::uint8_t> bytes(codes.size() / 2);
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t column = 0; column < columns; ++column) {
            const Place place = place_of(row, column, columns);
            const auto code = static_cast<unsigned>(codes[static_cast<std::size_t>(row * columns + column)]);
            bytes[place.byte] = static_cast<std::uint8_t>(bytes[place.byte] | code << (place.high ? 4 : 0));
        }
    return bytes;
}

Diagnostics check_qserve(const Model& model, const LayerChoices& choices, const ExportOptions&) {
    Diagnostics all;
    LayerProblems errors;
    bool inputs = false;
    for (const Linear& linear : model.linears()) {
        const auto& choice = choices.at(index_of(linear.id));
        if (!choice) {
            errors.add("is left in float, and the layout has one scheme for all linears; give it the others', or use "
                       "the exporter packed",
                       linear.short_name);
            continue;
        }
        inputs = inputs || choice->scheme.input.has_value();
        if (const std::string problem = ct_storage_problem(model, linear); !problem.empty())
            errors.add(problem, linear.short_name);
        if (const std::string problem = scheme_problem(*choice); !problem.empty())
            errors.add(problem, linear.short_name);
        else if (const std::string shape = shape_problem(linear); !shape.empty())
            errors.add(shape, linear.short_name);
    }
    errors.report(Severity::error, all);
    if (!inputs)
        all.add(Severity::warning, "",
                "QServe rounds inputs to int8 per token, and this recipe does not: measure with a=int8/sym/token");
    all.add(Severity::warning, "",
            "read by omniserve after conversion of its file format and by SGLang up to mid-2026 alone; transformers "
            "does not know the method and would load the model without these weights");
    check_model_folder(model, all);
    check_config_for_others(model, all);
    return all;
}

std::optional<StoredLinear> stored_as_qserve(const Linear& linear, const SchemeChoice& choice) {
    if (!scheme_problem(choice).empty() || !shape_problem(linear).empty()) return std::nullopt;
    return StoredLinear{"qserve", 4, false, group_size, linear.in_features(), choice.scheme.input};
}

std::unique_ptr<ModelWriter> open_qserve(const QuantizedModel& heading, const LayerChoices&,
                                         const std::filesystem::path& folder, const ExportOptions& options) {
    const std::shared_ptr<const Model> model = heading.base;
    FolderLayout layout;
    layout.unit_of = [model](const Linear& shape) { return unit_of(shape, client_name(*model, shape.name)); };
    layout.quantization_config =
        nlohmann::ordered_json({{"quant_method", "qoq"}, {"wbits", 4}, {"group_size", group_size}}).dump();
    return open_folder(heading, std::move(layout), folder, options);
}

std::shared_ptr<const Checkpoint> decode_qserve(std::shared_ptr<const Checkpoint> stored, const nlohmann::json&) {
    return std::make_shared<QServeCheckpoint>(std::move(stored));
}

} // namespace graticule
