#include "core/runtime/kernel_uses.h"

#include <algorithm>
#include <iterator>

namespace graticule {

namespace {

/// "block 3", "blocks 0, 2, 4 to 7".
std::string blocks_text(const std::set<std::size_t>& blocks) {
    std::string text;
    for (auto first = blocks.begin(); first != blocks.end();) {
        auto last = first, behind = std::next(first);
        while (behind != blocks.end() && *behind == *last + 1) last = behind++;
        text += (text.empty() ? "" : ", ") + std::to_string(*first);
        if (last != first) text += (*last == *first + 1 ? ", " : " to ") + std::to_string(*last);
        first = behind;
    }
    return (blocks.size() == 1 ? "block " : "blocks ") + text;
}

/// Kinds with the same blocks together, in the order of the roles.
std::string where_text(const std::map<Role, std::set<std::size_t>>& blocks) {
    std::vector<std::pair<std::string, const std::set<std::size_t>*>> parts;
    for (const auto& [role, of] : blocks) {
        const auto same = std::ranges::find_if(parts, [&of = of](const auto& part) { return *part.second == of; });
        if (same == parts.end())
            parts.emplace_back(to_text(role), &of);
        else
            same->first += ", " + std::string(to_text(role));
    }
    std::string text;
    for (const auto& [roles, of] : parts) text += (text.empty() ? "" : ", and ") + roles + " of " + blocks_text(*of);
    return text;
}

class NotedOp final : public LinearOp {
public:
    NotedOp(PreparedLinear prepared, const Linear& linear, KernelUses& uses)
        : prepared_(std::move(prepared))
        , linear_(linear)
        , uses_(uses) {}

    [[nodiscard]] at::Tensor run(const SiteInput& x) const override {
        const std::string_view kernel = kernel_for(tokens_of(x));
        if (kernel.data() != noted_) { // mostly the one of the pass before
            uses_.add(kernel, prepared_.no_integers, linear_);
            noted_ = kernel.data();
        }
        return prepared_.operation->run(x);
    }
    [[nodiscard]] std::int64_t device_bytes() const override { return prepared_.operation->device_bytes(); }
    [[nodiscard]] std::string_view kernel() const override { return prepared_.operation->kernel(); }
    [[nodiscard]] std::string_view kernel_for(std::int64_t tokens) const override {
        return prepared_.operation->kernel_for(tokens);
    }
    [[nodiscard]] bool multiplies_integers() const override { return prepared_.operation->multiplies_integers(); }

private:
    PreparedLinear prepared_;
    const Linear& linear_; ///< of the model
    KernelUses& uses_;
    mutable const char* noted_ = nullptr; ///< where the name that was noted last stands
};

} // namespace

void KernelUses::add(std::string_view kernel, const std::string& no_integers, const Linear& linear) {
    Use& use = uses_[{std::string(kernel), no_integers}];
    use.linears.insert(linear.id);
    use.blocks[linear.role].insert(index_of(linear.block));
    all_[linear.role].insert(index_of(linear.block));
}

std::vector<KernelUse> KernelUses::list() const {
    std::vector<KernelUse> uses;
    for (const auto& [kernel, noted] : uses_) {
        KernelUse& use = uses.emplace_back(KernelUse{kernel.first, {}, kernel.second, std::ssize(noted.linears)});
        bool everywhere = true;
        for (const auto& [role, blocks] : noted.blocks) {
            use.layers.emplace_back(to_text(role));
            everywhere = everywhere && blocks == all_.at(role);
        }
        if (!everywhere) use.where = where_text(noted.blocks);
    }
    return uses;
}

std::shared_ptr<const LinearOp> noted_op(PreparedLinear prepared, const Linear& linear, KernelUses& uses) {
    return std::make_shared<NotedOp>(std::move(prepared), linear, uses);
}

} // namespace graticule
