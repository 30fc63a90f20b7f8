// A text that grows token by token, its keys and values kept.
#include <array>

#include "core/runtime/model_runner_impl.h"

namespace graticule {

std::int64_t ModelRunner::Impl::cache_bytes(std::int64_t tokens) const {
    const ModelConfig& config = decoder.model().config();
    return 3 * tokens * std::ssize(kept) * config.kv_heads * config.head_dim *
           static_cast<std::int64_t>(c10::elementSize(decoder.type()));
}

at::Tensor ModelRunner::Impl::grow_once(Window text, std::optional<KeyValueCache>& cache, JobContext& ctx) {
    if (cache && !decoder.same_positions(cache->tokens(), std::ssize(text))) cache.emplace();
    const std::int64_t seen = cache ? cache->tokens() : 0;
    const Window rest = text.subspan(static_cast<std::size_t>(seen));
    at::Tensor hidden = decoder.embed(std::span(&rest, 1), seen);
    bool keeps = true;
    for (const Block& block : decoder.model().blocks()) {
        const BlockOperations& operations = next_block(block.id, true, true)->front();
        keeps = keeps && token_by_token(operations);
        hidden = decoder.forward(block.id, operations, hidden, nullptr, cache ? &*cache : nullptr);
        ctx.check_cancelled();
    }
    if (!keeps) cache.reset();
    return decoder.logits(hidden.narrow(1, hidden.size(1) - 1, 1)).flatten();
}

void ModelRunner::grow(std::vector<std::int32_t> text, std::int64_t length, JobContext& ctx, const NextToken& next) {
    impl_->check_one_side();
    translate_torch_errors("continuing a text on " + impl_->device.name(), [&] {
        const TorchScope scope(impl_->device);
        const std::vector<std::int32_t> grown(static_cast<std::size_t>(length)); // what there has to be memory for
        const Window row(grown);
        impl_->budget_memory(std::span(&row, 1));
        if (impl_->options.weight_budget < 0) impl_->weight_budget -= impl_->cache_bytes(length);
        static_cast<void>(impl_->wave_of(std::array{Impl::Part(&row, 1)}, ctx)); // decides how many blocks stay
        std::optional<KeyValueCache> cache(std::in_place);
        while (std::ssize(text) < length) {
            const at::Tensor logits = impl_->grow_once(text, cache, ctx);
            if (!all_finite(logits))
                impl_->refuse_overflow(0, text, "the logits behind token " + std::to_string(text.size()) + " are");
            impl_->decoder.verify_parameters();
            const auto token = next(to_host(logits));
            if (!token) break;
            text.push_back(*token);
        }
    });
}

} // namespace graticule
