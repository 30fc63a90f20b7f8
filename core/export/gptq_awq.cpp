#include "core/export/gptq_awq.h"

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/export/bit_packing.h"
#include "core/export/carrier.h"
#include "core/export/carry_along.h"
#include "core/export/checkpoint_writer.h"
#include "core/export/ct_config.h"
#include "core/export/other_parts.h"

namespace graticule {
namespace {

enum class Layout : std::uint8_t { gptq, awq };

std::string name_of(Layout layout) { return layout == Layout::gptq ? "a GPTQ folder" : "an AWQ folder"; }

/// One for the whole folder: its config has no other.
struct Form {
    CarrierPlan carrier;
    std::string problem; ///< empty: it can be stored
};

Form form_of(const SchemeChoice& choice, Layout layout) {
    Form form;
    const std::string folder = name_of(layout);
    const QuantScheme& scheme = choice.scheme;
    if (scheme.query || scheme.key || scheme.value || scheme.probability)
        form.problem = "quantized attention operands (q= k= v= p=) have no form in " + folder + "; leave them out";
    else if (scheme.input)
        form.problem = "a=" + to_text(*scheme.input) + ": " + folder + " holds weights alone; leave a= out";
    else if (!scheme.weight)
        form.problem = "quantizes no weights";
    if (!form.problem.empty()) return form;
    const TensorScheme& weight = *scheme.weight;
    form.carrier = plan_carrier(choice, false);
    const int bits = form.carrier.bits;
    const bool width = bits == 4 || (layout == Layout::gptq && (bits == 2 || bits == 3 || bits == 8));
    if (weight.format->kind == FormatKind::floating || !width)
        form.problem = "w=" + to_text(weight) + ": " + folder + " holds integers of " +
                       (layout == Layout::gptq ? "2, 3, 4 or 8 bits; use one of them" : "4 bits; use int4") +
                       ", or the exporter compressed-tensors";
    else if (weight.levels.size() != 1 || weight.levels.front().coding != Coding::f16)
        form.problem = "w=" + to_text(weight) + ": " + folder +
                       " holds one float16 scale per group or channel; quantize with such scales, as in "
                       "w=int4/sym/g128:f16, so that what is exported is what was measured";
    return form;
}

std::string shape_problem(const Linear& linear, int bits, Layout layout) {
    // GPTQ packs codes along the inputs and zero points along the outputs, AWQ both along the outputs.
    const bool inputs_fit = layout == Layout::awq || linear.in_features() * bits % 32 == 0;
    if (linear.out_features() * bits % 32 == 0 && inputs_fit) return {};
    return "its " + std::to_string(linear.out_features()) + " x " + std::to_string(linear.in_features()) +
           " codes of " + std::to_string(bits) +
           " bits do not fill whole 32-bit words, which the layout wants; use the "
           "exporter compressed-tensors";
}

nlohmann::ordered_json quantization_config(const Model& model, const CarrierPlan& carrier, Layout layout) {
    using nlohmann::ordered_json;
    const std::vector<std::string> others = other_parts(model);
    if (layout == Layout::awq) {
        ordered_json left = ordered_json::array({"lm_head"});
        for (const std::string& part : others) left.push_back(part);
        return {{"quant_method", "awq"}, {"bits", carrier.bits}, {"group_size", carrier.group > 0 ? carrier.group : -1},
                {"zero_point", true},    {"version", "gemm"},    {"modules_to_not_convert", std::move(left)}};
    }
    ordered_json rules = ordered_json::object(); // GPTQModel's: a name that begins with "-:" is left as it is
    for (const std::string& part : others) rules["-:.*" + part + "\\..*"] = ordered_json::object();
    ordered_json config = {{"quant_method", "gptq"},
                           {"bits", carrier.bits},
                           {"group_size", carrier.group > 0 ? carrier.group : -1},
                           {"desc_act", false},
                           {"sym", carrier.symmetric},
                           {"lm_head", false},
                           {"static_groups", false},
                           {"true_sequential", true},
                           // The first format stores zero points less one, where a zero point of 0 wraps.
                           {"checkpoint_format", carrier.symmetric ? "gptq" : "gptq_v2"},
                           {"pack_dtype", "int32"},
                           {"meta", {{"quantizer", ordered_json::array({"graticule:" GRATICULE_VERSION})}}}};
    if (!rules.empty()) config["dynamic"] = std::move(rules);
    return config;
}

/// (rows, columns) to (columns, rows).
template <class T>
std::vector<T> turned(const std::vector<T>& values, std::int64_t rows, std::int64_t columns) {
    std::vector<T> out(values.size());
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < columns; ++c)
            out[static_cast<std::size_t>(c * rows + r)] = values[static_cast<std::size_t>(r * columns + c)];
    return out;
}

/// (rows, columns) to (rows, columns / 8): eight columns per word, in the order AWQ's kernels unpack them.
std::vector<std::uint32_t> pack_for_awq(const std::vector<std::uint8_t>& codes) {
    static constexpr std::array<std::size_t, 8> column_of_nibble = {0, 2, 4, 6, 1, 3, 5, 7};
    std::vector<std::uint32_t> words(codes.size() / 8);
    for (std::size_t word = 0; word < words.size(); ++word)
        for (std::size_t nibble = 0; nibble < 8; ++nibble)
            words[word] |= std::uint32_t{codes[8 * word + column_of_nibble[nibble]]} << (4 * nibble);
    return words;
}

std::vector<std::uint16_t> as_halves(const std::vector<float>& scales, const Linear& shape) {
    std::vector<std::uint16_t> halves;
    for (const float scale : scales) {
        halves.push_back(float_to_half(scale));
        if (half_to_float(halves.back()) != scale)
            throw Error(ErrorKind::unsupported, shape.short_name + ": a scale of " + std::to_string(scale) +
                                                    " is no float16, which the folder holds; use the exporter "
                                                    "compressed-tensors");
    }
    return halves;
}

LinearUnit unit_of(const Linear& shape, const std::string& name, const CarrierPlan& carrier, Layout layout) {
    const std::int64_t out = shape.out_features(), in = shape.in_features(),
                       groups = carrier.group > 0 ? in / carrier.group : 1;
    const int bits = carrier.bits;
    const bool awq = layout == Layout::awq;
    LinearUnit unit;
    unit.specs = {
        {name + ".qweight", DType::i32, awq ? Shape{in, packed_words(out, bits)} : Shape{packed_words(in, bits), out}},
        {name + ".qzeros", DType::i32, {groups, packed_words(out, bits)}},
        {name + ".scales", DType::f16, {groups, out}}};
    if (!awq) unit.specs.push_back({name + ".g_idx", DType::i32, {in}});
    unit.make = [&shape, carrier, layout, awq, specs = unit.specs, out, in, groups,
                 bits](const QuantizedLinear& linear) {
        const CarriedWeight weight = carry(linear, shape, carrier);
        const std::vector<std::uint8_t> codes = turned(weight.fields, out, in);
        std::vector<std::uint8_t> zeros(static_cast<std::size_t>(groups * out),
                                        static_cast<std::uint8_t>(1 << (bits - 1)));
        if (!carrier.symmetric) zeros = turned(weight.zero, out, groups);
        std::vector<std::uint32_t> words, zero_words;
        if (awq) {
            words = pack_for_awq(codes);
            zero_words = pack_for_awq(zeros);
        } else {
            words = pack_columns(codes, in, out, bits);
            if (carrier.symmetric) // GPTQ's first format stores them less one
                for (std::uint8_t& zero : zeros) --zero;
            zero_words.resize(static_cast<std::size_t>(groups * packed_words(out, bits)));
            pack_rows(zeros, groups, out, bits, zero_words);
        }
        std::vector<HostTensor> tensors;
        tensors.push_back(HostTensor::from_vector(std::move(words), DType::i32, specs[0].shape));
        tensors.push_back(HostTensor::from_vector(std::move(zero_words), DType::i32, specs[1].shape));
        tensors.push_back(
            HostTensor::from_vector(as_halves(turned(weight.scale, out, groups), shape), DType::f16, specs[2].shape));
        if (awq) return tensors;
        std::vector<std::int32_t> group_of;
        for (std::int64_t k = 0; k < in; ++k)
            group_of.push_back(static_cast<std::int32_t>(carrier.group > 0 ? k / carrier.group : 0));
        tensors.push_back(HostTensor::from_vector(std::move(group_of), DType::i32, specs[3].shape));
        return tensors;
    };
    return unit;
}

std::optional<StoredLinear> stored(const Linear& linear, const SchemeChoice& choice, Layout layout) {
    const Form form = form_of(choice, layout);
    if (!form.problem.empty()) return std::nullopt;
    return StoredLinear{layout == Layout::gptq ? "gptq" : "awq",
                        form.carrier.bits,
                        form.carrier.symmetric,
                        form.carrier.group,
                        linear.in_features(),
                        std::nullopt};
}

Diagnostics check(const Model& model, const LayerChoices& choices, Layout layout) {
    Diagnostics all;
    LayerProblems errors;
    std::optional<CarrierPlan> carrier;
    for (const Linear& linear : model.linears()) {
        const auto& choice = choices.at(index_of(linear.id));
        if (!choice) {
            errors.add("is left in float, and the layout has one scheme for all linears; give it the others', or use "
                       "the exporter compressed-tensors",
                       linear.short_name);
            continue;
        }
        if (const std::string problem = ct_storage_problem(model, linear); !problem.empty())
            errors.add(problem, linear.short_name);
        const Form form = form_of(*choice, layout);
        if (!form.problem.empty()) {
            errors.add(form.problem, linear.short_name);
            continue;
        }
        if (!carrier) carrier = form.carrier;
        if (!(*carrier == form.carrier))
            errors.add("has another scheme than the first linear, and the layout has one for all; use the exporter "
                       "compressed-tensors",
                       linear.short_name);
        if (const std::string problem = shape_problem(linear, form.carrier.bits, layout); !problem.empty())
            errors.add(problem, linear.short_name);
    }
    errors.report(Severity::error, all);
    if (!carrier) return all;
    if (!carrier->note.empty()) all.add(Severity::note, "", carrier->note);
    check_model_folder(model, all);
    check_config_for_others(model, all);
    return all;
}

std::unique_ptr<ModelWriter> open(const QuantizedModel& heading, const LayerChoices& choices,
                                  const std::filesystem::path& folder, const ExportOptions& options, Layout layout) {
    const std::shared_ptr<const Model> model = heading.base;
    std::optional<CarrierPlan> carrier;
    for (const Linear& shape : model->linears()) {
        const Form form = form_of(choices.at(index_of(shape.id)).value(), layout); // check() wants all of them
        if (!form.problem.empty()) throw Error(ErrorKind::unsupported, shape.short_name + ": " + form.problem);
        carrier = form.carrier;
    }
    const auto unit = [model, plan = carrier.value(), layout](const Linear& shape) -> std::optional<LinearUnit> {
        return unit_of(shape, client_name(*model, shape.name), plan, layout);
    };
    const nlohmann::ordered_json config = quantization_config(*model, carrier.value(), layout);
    FolderLayout files{unit, config.dump(), {}};
    if (layout == Layout::gptq) files.files.emplace("quantize_config.json", config.dump(2) + "\n"); // AutoGPTQ's
    return open_folder(heading, std::move(files), folder, options);
}

} // namespace

Diagnostics check_gptq(const Model& model, const LayerChoices& choices, const ExportOptions&) {
    return check(model, choices, Layout::gptq);
}
Diagnostics check_awq(const Model& model, const LayerChoices& choices, const ExportOptions&) {
    return check(model, choices, Layout::awq);
}
std::optional<StoredLinear> stored_as_gptq(const Linear& linear, const SchemeChoice& choice) {
    return stored(linear, choice, Layout::gptq);
}
std::optional<StoredLinear> stored_as_awq(const Linear& linear, const SchemeChoice& choice) {
    return stored(linear, choice, Layout::awq);
}
std::unique_ptr<ModelWriter> open_gptq(const QuantizedModel& heading, const LayerChoices& choices,
                                       const std::filesystem::path& folder, const ExportOptions& options) {
    return open(heading, choices, folder, options, Layout::gptq);
}
std::unique_ptr<ModelWriter> open_awq(const QuantizedModel& heading, const LayerChoices& choices,
                                      const std::filesystem::path& folder, const ExportOptions& options) {
    return open(heading, choices, folder, options, Layout::awq);
}

} // namespace graticule
