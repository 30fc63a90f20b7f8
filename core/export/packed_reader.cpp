#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/export/packed.h"
#include "core/export/packed_layout.h"
#include "core/export/stored_scales.h"
#include "core/export/wrapped_checkpoint.h"
#include "core/io/json_file.h"
#include "core/recipe/recipe.h"
#include "core/result/quantized_model.h"
#include "kernels/api/backends.h"

namespace graticule {
namespace {

using nlohmann::json;

/// Rows of one weight, decoded by the back end that defines what codes mean.
class PackedRows final : public EncodedRows {
public:
    /// What stands beside the codes.
    struct Beside {
        std::vector<std::int32_t> kept_channels;
        HostTensor kept_columns;
        std::optional<LowRank> low_rank;
    };
    PackedRows(TensorScheme scheme, HostTensor codes, std::int64_t columns, HostTensor scales,
               std::optional<HostTensor> coarse_scales, std::optional<HostTensor> zeros, Beside beside)
        : scheme_(std::move(scheme))
        , rows_(codes.rows())
        , columns_(columns)
        , codes_(std::move(codes), columns, scheme_.format->bits)
        , layout_(layout_of(scheme_.grain(), rows_, columns))
        , scales_(std::move(scales))
        , coarse_scales_(std::move(coarse_scales))
        , zeros_(std::move(zeros))
        , beside_(std::move(beside)) {}

    void decode(std::int64_t first, std::int64_t count, float* out) const override {
        if (count == 0) return;
        const std::int64_t across = layout_.blocks_across(columns_);
        const bool of_rows = layout_.rows_per_block == 1; // else of the whole tensor
        const std::int64_t first_block = of_rows ? first : 0, blocks = of_rows ? count : layout_.blocks_down(rows_);
        const BlockLayout layout{of_rows ? 1 : count, layout_.columns_per_block};
        const std::vector<float> scale = scales(first_block, blocks, across), zero = zeros(first_block, blocks, across);
        std::vector<std::uint8_t> codes(static_cast<std::size_t>(count * columns_));
        codes_.unpack(first, count, codes.data());
        cpu_backend().dequantize({codes.data(), count, columns_}, layout, scheme_.format->grid, scale.data(),
                                 zero.data(), {out, count, columns_}, {});
        Beside beside = beside_;
        if (!beside.kept_channels.empty()) beside.kept_columns = rows_of(beside.kept_columns, first, count);
        if (beside.low_rank) beside.low_rank->a = rows_of(beside.low_rank->a, first, count);
        put_beside(beside.kept_channels, beside.kept_columns, beside.low_rank, columns_,
                   {out, static_cast<std::size_t>(count * columns_)});
    }

private:
    static HostTensor rows_of(const HostTensor& tensor, std::int64_t first, std::int64_t count) {
        const auto row_bytes = tensor.bytes.size() / static_cast<std::size_t>(tensor.rows());
        HostTensor part = tensor;
        part.shape[0] = count;
        part.bytes = tensor.bytes.subspan(static_cast<std::size_t>(first) * row_bytes,
                                          static_cast<std::size_t>(count) * row_bytes);
        return part;
    }

    /// All levels multiplied, as they were when the weight was quantized.
    [[nodiscard]] std::vector<float> scales(std::int64_t first, std::int64_t count, std::int64_t across) const {
        std::vector<float> scale = load_scales(rows_of(scales_, first, count), scheme_.levels.front().coding);
        if (!coarse_scales_) return scale;
        const std::vector<float> coarse = load_scales(*coarse_scales_, scheme_.levels[1].coding);
        const BlockLayout above = layout_of(scheme_.levels[1].grain, rows_, columns_);
        for (std::size_t block = 0; block < scale.size(); ++block) {
            const std::int64_t row = (first + static_cast<std::int64_t>(block) / across) * layout_.rows_per_block;
            const std::int64_t column = static_cast<std::int64_t>(block) % across * layout_.columns_per_block;
            scale[block] *= coarse[static_cast<std::size_t>(
                (row / above.rows_per_block) * above.blocks_across(columns_) + column / above.columns_per_block)];
        }
        return scale;
    }

    [[nodiscard]] std::vector<float> zeros(std::int64_t first, std::int64_t count, std::int64_t across) const {
        const auto blocks = static_cast<std::size_t>(count * across);
        const bool lattice = scheme_.format->grid.shape == CodeGrid::Shape::lattice;
        if (!zeros_) return std::vector<float>(blocks, lattice ? float(scheme_.format->grid.levels / 2) : 0.0F);
        if (zeros_->dtype == DType::i8) return load_scales(rows_of(*zeros_, first, count), Coding::i8);
        std::vector<std::uint8_t> fields(blocks);
        PackedCodes(*zeros_, across, scheme_.format->bits).unpack(first, count, fields.data());
        return {fields.begin(), fields.end()};
    }

    TensorScheme scheme_;
    std::int64_t rows_, columns_;
    PackedCodes codes_;
    BlockLayout layout_;
    HostTensor scales_;
    std::optional<HostTensor> coarse_scales_, zeros_;
    Beside beside_;
};

class PackedCheckpoint final : public WrappedCheckpoint {
public:
    PackedCheckpoint(std::shared_ptr<const Checkpoint> checkpoint, const json& description)
        : WrappedCheckpoint(std::move(checkpoint)) {
        const json& version = description.at("version");
        if (version != packed_version && version != packed_codes_version)
            throw Error(ErrorKind::unsupported, "version " + version.dump() +
                                                    " of the container; this program reads versions up to " +
                                                    std::to_string(packed_version) + ", a newer one may read it");
        std::set<std::string> schemes;
        for (const auto& [name, linear] : description.at("linears").items()) {
            const Described described{
                linear.at("scheme").get<std::string>(),
                linear.at("shape").get<std::vector<std::int64_t>>(),
                {linear.value("kept_channels", std::int64_t{0}), linear.value("rank", std::int64_t{0})}};
            schemes.insert(described.scheme);
            weights_.emplace(name + ".weight", described);
        }
        for (const std::string& name : stored().tensor_names()) {
            const auto dot = name.rfind('.');
            const bool part = dot != std::string::npos && weights_.contains(name.substr(0, dot) + ".weight") &&
                              std::ranges::find(parts, name.substr(dot)) != parts.end();
            if (!part)
                names_.push_back(name);
            else if (name.ends_with(".codes"))
                names_.push_back(name.substr(0, dot) + ".weight");
        }
        quantization_.format = "graticule packed";
        for (const std::string& scheme : schemes) quantization_.format += " " + scheme;
        const json& inputs = description.at("inputs");
        quantization_.quantizes_inputs = inputs.at("quantized").get<bool>();
        quantization_.input_line = inputs.at("recipe").get<std::string>();
    }

    [[nodiscard]] std::vector<std::string> tensor_names() const override { return names_; }
    [[nodiscard]] bool contains(const std::string& name) const override {
        return weights_.contains(name) || stored().contains(name);
    }
    [[nodiscard]] HostTensor tensor(const std::string& name) const override {
        const auto found = weights_.find(name);
        if (found == weights_.end()) return stored().tensor(name);
        return weight(name.substr(0, name.rfind('.')), found->second);
    }
    [[nodiscard]] std::int64_t stored_bytes(const std::string& name) const override {
        if (!weights_.contains(name)) return stored().stored_bytes(name);
        const std::string base = name.substr(0, name.rfind('.'));
        std::int64_t bytes = 0;
        for (const std::string_view part : parts)
            if (const std::string tensor = base + std::string(part); stored().contains(tensor))
                bytes += stored().stored_bytes(tensor);
        return bytes;
    }
    [[nodiscard]] std::filesystem::path file_of(const std::string& name) const override {
        if (!weights_.contains(name)) return stored().file_of(name);
        return stored().file_of(name.substr(0, name.rfind('.')) + ".codes");
    }
    [[nodiscard]] std::optional<StoredQuantization> stored_quantization() const override { return quantization_; }
    [[nodiscard]] std::string container() const override { return stored().container() + ", packed, decoded to f32"; }

private:
    static constexpr std::array<std::string_view, 8> parts = {".codes",      ".scales",        ".coarse_scales",
                                                              ".zeros",      ".kept_channels", ".kept_columns",
                                                              ".low_rank_a", ".low_rank_b"};

    struct Described {
        std::string scheme;
        std::vector<std::int64_t> shape;
        StoredParts parts;
    };

    [[nodiscard]] HostTensor expected(const SafetensorsSpec& spec) const {
        HostTensor tensor = stored().tensor(spec.name);
        if (tensor.dtype != spec.dtype || tensor.shape != spec.shape)
            throw Error(ErrorKind::bad_input, spec.name + ": " + std::string(row_of(tensor.dtype).name) + " " +
                                                  to_text(tensor.shape) + ", the description asks for " +
                                                  std::string(row_of(spec.dtype).name) + " " + to_text(spec.shape));
        return tensor;
    }

    [[nodiscard]] PackedRows::Beside beside(const PackedSpecs& specs, std::int64_t columns) const {
        PackedRows::Beside beside;
        if (specs.kept_channels) {
            const HostTensor channels = expected(*specs.kept_channels);
            beside.kept_channels.resize(channels.bytes.size() / sizeof(std::int32_t));
            std::memcpy(beside.kept_channels.data(), channels.bytes.data(), channels.bytes.size());
            for (const std::int32_t channel : beside.kept_channels)
                if (channel < 0 || channel >= columns)
                    throw Error(ErrorKind::bad_input, specs.kept_channels->name + ": channel " +
                                                          std::to_string(channel) + " of " + std::to_string(columns));
            beside.kept_columns = expected(*specs.kept_columns);
        }
        if (specs.low_rank_a) beside.low_rank = LowRank{expected(*specs.low_rank_a), expected(*specs.low_rank_b)};
        return beside;
    }

    [[nodiscard]] HostTensor weight(const std::string& name, const Described& described) const {
        const std::vector<std::int64_t>& shape = described.shape;
        constexpr std::int64_t most = std::int64_t{1} << 24;
        if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > most || shape[1] > most)
            throw Error(ErrorKind::bad_input, name + ": a weight of shape " + to_text(shape));
        if (described.parts.kept_channels < 0 || described.parts.kept_channels > shape[1] || described.parts.rank < 0 ||
            described.parts.rank > most)
            throw Error(ErrorKind::bad_input, name + ": " + std::to_string(described.parts.kept_channels) +
                                                  " kept channels and a rank of " +
                                                  std::to_string(described.parts.rank));
        std::optional<TensorScheme> scheme;
        try {
            scheme = parse_scheme_line("w=" + described.scheme).scheme.weight;
        } catch (const Error& error) {
            throw Error(ErrorKind::unsupported, name + ": " + error.info().message);
        }
        if (const std::string problem = check_levels(scheme->levels, shape[1]); !problem.empty())
            throw Error(ErrorKind::bad_input, name + ": " + problem);
        const PackedSpecs specs = packed_specs(*scheme, shape[0], shape[1], described.parts, name);
        HostTensor codes = expected(specs.codes);
        const std::span<const std::byte> bytes = codes.bytes;
        HostTensor scales = expected(specs.scales);
        std::optional<HostTensor> coarse, zeros;
        if (specs.coarse_scales) coarse = expected(*specs.coarse_scales);
        if (specs.zeros) zeros = expected(*specs.zeros);
        auto rows =
            std::make_shared<const PackedRows>(std::move(*scheme), std::move(codes), shape[1], std::move(scales),
                                               std::move(coarse), std::move(zeros), beside(specs, shape[1]));
        return {DType::encoded, {shape[0], shape[1]}, rows, bytes, rows};
    }

    StoredQuantization quantization_;
    std::map<std::string, Described> weights_;
    std::vector<std::string> names_;
};

} // namespace

std::string packed_description(const Checkpoint& checkpoint) {
    for (const std::filesystem::path& file : checkpoint.files()) {
        const std::string name = file.filename().string();
        if (!name.starts_with(packed_stem) || !name.ends_with(".safetensors")) continue;
        const auto weights = SafetensorsFile::open(file);
        const auto& header = weights->metadata();
        if (const auto found = header.find(packed_header); found != header.end()) return found->second;
    }
    return {};
}

std::shared_ptr<const Checkpoint> decode_packed(std::shared_ptr<const Checkpoint> checkpoint,
                                                const std::string& description) {
    const std::string file = checkpoint->folder().string() + ": \"" + packed_header + "\" in the header of its weights";
    try {
        constexpr std::size_t most_bytes = std::size_t{64} << 20;
        const JsonDocument document(parse_json(description, file, {most_bytes}));
        return std::make_shared<PackedCheckpoint>(std::move(checkpoint), document.value());
    } catch (const json::exception& problem) {
        throw Error(ErrorKind::bad_input, file + ": " + problem.what());
    } catch (Error& error) {
        if (error.info().message.starts_with(file)) throw;
        throw Error(error.info().kind, file + ": " + error.info().message);
    }
}

} // namespace graticule
