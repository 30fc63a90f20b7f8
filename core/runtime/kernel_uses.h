// Which kernel multiplies which kind of layer: of operations that were prepared, or of those that ran.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result/evaluation.h"
#include "core/runtime/linear/linear_op.h"

namespace graticule {

class KernelUses {
public:
    /// What was prepared, whatever runs of it.
    void add(const PreparedLinear& prepared, Role role) {
        add(prepared.operation->kernel(), prepared.no_integers, role);
    }
    void add(std::string_view kernel, const std::string& no_integers, Role role) {
        roles_[{std::string(kernel), no_integers}].insert(role);
    }
    [[nodiscard]] std::vector<KernelUse> list() const {
        std::vector<KernelUse> uses;
        for (const auto& [kernel, roles] : roles_) {
            KernelUse& use = uses.emplace_back(KernelUse{kernel.first, {}, kernel.second});
            for (const Role role : roles) use.layers.emplace_back(to_text(role));
        }
        return uses;
    }

private:
    std::map<std::pair<std::string, std::string>, std::set<Role>> roles_; ///< by kernel and KernelUse::no_integers
};

/// The operation, which from now on notes in `uses` on what it ran. `uses` outlives it; one thread runs what notes there.
[[nodiscard]] std::shared_ptr<const LinearOp> noted_op(PreparedLinear prepared, Role role, KernelUses& uses);

} // namespace graticule
