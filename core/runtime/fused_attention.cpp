#include "core/runtime/fused_attention.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/base/cancel_point.h"

namespace graticule {
namespace {

at::Tensor in_one_call(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const FusedAttention& options) {
    const std::optional<at::Tensor> mask = options.mask.defined() ? std::optional(options.mask) : std::nullopt;
    return at::scaled_dot_product_attention(q, k, v, mask, 0, options.causal, options.scale, options.shared_heads);
}

/// Of a mask that may be one for all along it.
at::Tensor mask_part(const at::Tensor& mask, std::int64_t dimension, std::int64_t first, std::int64_t count) {
    const bool has = mask.defined() && mask.dim() + dimension >= 0 && mask.size(dimension) > 1;
    return has ? mask.narrow(dimension, first, count) : mask;
}

/// Queries from `first` on; of a text that sees what is before it, no keys behind the last of them.
at::Tensor of_queries(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const FusedAttention& options,
                      std::int64_t first, std::int64_t count) {
    FusedAttention part = options;
    part.mask = mask_part(options.mask, -2, first, count);
    std::int64_t keys = k.size(2);
    if (options.causal) {
        keys = first + count;
        const at::Tensor query = at::arange(first, keys, q.options().dtype(at::kLong)).unsqueeze(1);
        part.mask = at::arange(keys, query.options()).unsqueeze(0).le(query);
        part.causal = false;
    }
    return in_one_call(q.narrow(2, first, count), k.narrow(2, 0, keys), v.narrow(2, 0, keys), part);
}

} // namespace

at::Tensor fused_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const FusedAttention& options,
                           double most_work) {
    const std::int64_t heads = q.size(1), queries = q.size(2);
    const double of_query = 2.0 * static_cast<double>(q.size(0) * k.size(2) * q.size(3));
    const double of_head = of_query * static_cast<double>(queries);
    if (!q.is_cpu() || of_head * static_cast<double>(heads) <= most_work) return in_one_call(q, k, v, options);
    const auto at_once = std::max<std::int64_t>(1, static_cast<std::int64_t>(most_work / of_head));
    const auto rows = std::max<std::int64_t>(1, static_cast<std::int64_t>(most_work / of_query));
    std::vector<at::Tensor> outputs;
    for (std::int64_t head = 0; head < heads; head += at_once) {
        const std::int64_t count = std::min(at_once, heads - head);
        const auto of = [&](const at::Tensor& x) { return x.narrow(1, head, count); };
        FusedAttention part = options;
        part.mask = mask_part(options.mask, -3, head, count);
        std::vector<at::Tensor> pieces;
        for (std::int64_t first = 0; first < queries; first += rows) {
            cancel_point();
            const std::int64_t length = std::min(rows, queries - first);
            pieces.push_back(length == queries ? in_one_call(of(q), of(k), of(v), part)
                                               : of_queries(of(q), of(k), of(v), part, first, length));
        }
        outputs.push_back(pieces.size() == 1 ? pieces.front() : at::cat(pieces, 2));
    }
    return at::cat(outputs, 1);
}

} // namespace graticule
