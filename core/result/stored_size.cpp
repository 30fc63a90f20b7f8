#include "core/result/stored_size.h"

#include <cmath>

namespace graticule {

namespace {

constexpr double kept_bits = 16;

} // namespace

StoredBits weight_bits(const Linear& linear, const std::optional<TensorScheme>& scheme, StoredParts parts) {
    if (!scheme) {
        const double plain = double(linear.stored_bytes) * 8;
        return {plain, plain};
    }
    const double rows = double(linear.out_features()), columns = double(linear.in_features());
    StoredBits bits = stored_bits(*scheme, linear.out_features(), linear.in_features());
    // Kept columns take the place of codes that are all zero and need not be stored.
    const double beside = rows * double(parts.kept_channels) * (kept_bits - scheme->format->bits) +
                          kept_bits * double(parts.rank) * (rows + columns);
    bits += {beside, beside};
    return bits;
}

std::int64_t weight_bytes(const Linear& linear, const std::optional<TensorScheme>& scheme, StoredParts parts) {
    return std::int64_t(std::ceil(weight_bits(linear, scheme, parts).actual / 8));
}

ModelSize size_of(const Model& model, const std::function<LinearForm(const Linear&)>& form_of, bool head_untied) {
    ModelSize size{{}, stored_bytes(model)};
    if (head_untied && !model.parts().head) size.bytes += std::int64_t(model.parts().embedding.bytes.size());
    for (const Linear& linear : model.linears()) {
        const LinearForm form = form_of(linear);
        size.bits_per_weight += weight_bits(linear, form.scheme, form.parts);
        size.bytes += weight_bytes(linear, form.scheme, form.parts) - linear.stored_bytes;
    }
    if (const double weights = linear_weights(model); weights > 0) {
        size.bits_per_weight.actual /= weights;
        size.bits_per_weight.ideal /= weights;
    }
    return size;
}

std::int64_t stored_bytes(const Model& model) {
    std::int64_t bytes = 0;
    for_each_tensor(model, [&](const ModelTensor& tensor) { bytes += tensor.stored_bytes; });
    return bytes;
}

double linear_weights(const Model& model) {
    double weights = 0;
    for (const Linear& linear : model.linears())
        weights += double(linear.out_features()) * double(linear.in_features());
    return weights;
}

std::int64_t bytes_beside_weights(const Model& model) {
    std::int64_t bytes = stored_bytes(model);
    for (const Linear& linear : model.linears()) bytes -= linear.stored_bytes;
    return bytes;
}

double stored_bits_per_weight(const Model& model) {
    double bits = 0;
    for (const Linear& linear : model.linears()) bits += double(linear.stored_bytes) * 8;
    const double weights = linear_weights(model);
    return weights > 0 ? bits / weights : 0;
}

} // namespace graticule
