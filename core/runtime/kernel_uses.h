// Which kernel multiplies which kind of layer, gathered while operations are prepared.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/result/evaluation.h"
#include "core/runtime/linear/linear_op.h"

namespace graticule {

class KernelUses {
public:
    void add(const PreparedLinear& prepared, Role role) {
        roles_[{std::string(prepared.operation->kernel()), prepared.no_integers}].insert(role);
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

} // namespace graticule
