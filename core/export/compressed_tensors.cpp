#include "core/export/compressed_tensors.h"

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/export/bit_packing.h"
#include "core/export/checkpoint_writer.h"
#include "core/export/ct_config.h"
#include "core/export/stored_scales.h"
#include "core/io/checkpoint.h"

namespace graticule {
namespace {

std::vector<SafetensorsSpec> weight_specs(const std::string& name, const Linear& linear, const CtForm& form) {
    const std::int64_t out = linear.out_features(), in = linear.in_features();
    const CarrierPlan& carrier = form.carrier;
    const std::int64_t groups = carrier.group > 0 ? in / carrier.group : 1;
    std::vector<SafetensorsSpec> specs;
    if (carrier.fp4()) {
        const bool nvfp4 = carrier.encoding == CarrierPlan::Encoding::nvfp4;
        specs = {{name + ".weight_packed", DType::u8, {out, in / 2}},
                 {name + ".weight_scale", nvfp4 ? DType::f8_e4m3 : DType::u8, {out, groups}}};
        if (nvfp4) specs.push_back({name + ".weight_global_scale", DType::f32, {1}});
        return specs;
    }
    if (form.format == "pack-quantized") {
        specs.push_back({name + ".weight_packed", DType::i32, {out, packed_words(in, carrier.bits)}});
        specs.push_back({name + ".weight_shape", DType::i64, {2}});
        if (!carrier.symmetric)
            specs.push_back({name + ".weight_zero_point", DType::i32, {packed_words(out, carrier.bits), groups}});
    } else {
        const bool float8 = carrier.encoding == CarrierPlan::Encoding::float8;
        specs.push_back({name + ".weight", float8 ? DType::f8_e4m3 : DType::i8, {out, in}});
        if (!carrier.symmetric) specs.push_back({name + ".weight_zero_point", DType::i8, {out, groups}});
    }
    // Scales in float32: rounding them to the model's 16 bits would change every weight.
    specs.push_back({name + ".weight_scale", DType::f32, {out, groups}});
    if (form.input && !form.input->dynamic) {
        specs.push_back({name + ".input_scale", DType::f32, {1}});
        if (!form.input->symmetric) specs.push_back({name + ".input_zero_point", DType::i8, {1}});
    }
    return specs;
}

/// Unsigned fields as the signed bytes that int-quantized stores.
std::vector<std::int8_t> as_signed(const std::vector<std::uint8_t>& fields) {
    std::vector<std::int8_t> values(fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) values[i] = static_cast<std::int8_t>(fields[i] - 128);
    return values;
}

void append_inputs(const QuantizedLinear& linear, const Linear& shape, const CtForm& form,
                   std::vector<HostTensor>& tensors) {
    if (!form.input || form.input->dynamic) return;
    if (!linear.static_input)
        throw Error(ErrorKind::internal, shape.short_name + ": static activations without a scale");
    tensors.push_back(HostTensor::from_floats({linear.static_input->scale}, {1}));
    if (form.input->symmetric) return;
    const int middle = 1 << (form.input->format->bits - 1);
    const int zero = static_cast<int>(linear.static_input->zero) - middle;
    tensors.push_back(
        HostTensor::from_vector(std::vector<std::int8_t>{static_cast<std::int8_t>(zero)}, DType::i8, {1}));
}

/// Two E2M1 fields per byte, the even column in the low half; scales as E4M3 or as exponents.
std::vector<HostTensor> fp4_tensors(const CarriedWeight& weight, const CtForm& form, const std::string& layer) {
    const std::int64_t out = weight.rows, in = weight.columns, groups = std::ssize(weight.scale) / out;
    std::vector<std::uint8_t> bytes(weight.fields.size() / 2);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(weight.fields[2 * i] | (weight.fields[2 * i + 1] << 4));
    const bool nvfp4 = form.carrier.encoding == CarrierPlan::Encoding::nvfp4;
    std::vector<HostTensor> tensors;
    tensors.push_back(HostTensor::from_vector(std::move(bytes), DType::u8, {out, in / 2}));
    tensors.push_back(store_scales(weight.scale, nvfp4 ? Coding::e4m3 : Coding::e8m0, {out, groups}, layer));
    if (nvfp4) tensors.push_back(HostTensor::from_floats({1 / weight.tensor_scale}, {1}));
    return tensors;
}

std::vector<HostTensor> weight_tensors(const QuantizedLinear& linear, const Linear& shape, const CtForm& form) {
    const CarriedWeight weight = carry(linear, shape, form.carrier);
    const std::int64_t out = weight.rows, in = weight.columns, groups = std::ssize(weight.scale) / out;
    const int bits = form.carrier.bits;
    if (form.carrier.fp4()) return fp4_tensors(weight, form, shape.short_name);
    std::vector<HostTensor> tensors;
    if (form.format == "pack-quantized") {
        const std::int64_t width = packed_words(in, bits);
        std::vector<std::uint32_t> words(static_cast<std::size_t>(out * width));
        pack_rows(weight.fields, out, in, bits, words);
        tensors.push_back(HostTensor::from_vector(std::move(words), DType::i32, {out, width}));
        tensors.push_back(HostTensor::from_vector(std::vector<std::int64_t>{out, in}, DType::i64, {2}));
        if (!weight.zero.empty())
            tensors.push_back(HostTensor::from_vector(pack_columns(weight.zero, out, groups, bits), DType::i32,
                                                      {packed_words(out, bits), groups}));
    } else if (form.format == "float-quantized") {
        tensors.push_back(HostTensor::from_vector(weight.fields, DType::f8_e4m3, {out, in}));
    } else {
        tensors.push_back(HostTensor::from_vector(as_signed(weight.fields), DType::i8, {out, in}));
        if (!weight.zero.empty())
            tensors.push_back(HostTensor::from_vector(as_signed(weight.zero), DType::i8, {out, groups}));
    }
    tensors.push_back(HostTensor::from_floats(weight.scale, {out, groups}));
    append_inputs(linear, shape, form, tensors);
    return tensors;
}

} // namespace

Diagnostics check_compressed_tensors(const Model& model, const LayerChoices& choices, const ExportOptions& options) {
    return ct_check(model, choices, options);
}

std::optional<StoredLinear> stored_as_compressed_tensors(const Linear& linear, const SchemeChoice& choice) {
    const CtVerdict verdict = ct_verdict(choice);
    if (!verdict.problem.empty()) return std::nullopt;
    const CtForm& form = verdict.form;
    return StoredLinear{form.format,        form.carrier.bits,    form.carrier.symmetric,
                        form.carrier.group, linear.in_features(), form.input};
}

std::unique_ptr<ModelWriter> open_compressed_tensors(const QuantizedModel& heading, const LayerChoices& choices,
                                                     const std::filesystem::path& folder,
                                                     const ExportOptions& options) {
    const std::shared_ptr<const Model> model = heading.base;
    std::vector<std::optional<CtForm>> forms(choices.size());
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (!choices[i]) continue;
        const CtVerdict verdict = ct_verdict(*choices[i]);
        if (!verdict.problem.empty())
            throw Error(ErrorKind::unsupported, model->linears()[i].short_name + ": " + verdict.problem);
        forms[i] = verdict.form;
    }
    FolderLayout layout;
    layout.quantization_config = ct_quantization_config(*model, forms).dump();
    layout.unit_of = [model, forms = std::move(forms)](const Linear& shape) -> std::optional<LinearUnit> {
        const auto& form = forms[index_of(shape.id)];
        if (!form) return std::nullopt;
        return LinearUnit{
            weight_specs(client_name(*model, shape.name), shape, *form),
            [&shape, form = *form](const QuantizedLinear& linear) { return weight_tensors(linear, shape, form); }};
    };
    return open_folder(heading, std::move(layout), folder, options);
}

} // namespace graticule
