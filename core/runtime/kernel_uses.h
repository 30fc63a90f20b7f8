// Which kernel multiplies which linears: of operations that were prepared, or of those that ran.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/model.h"
#include "core/result/evaluation.h"
#include "core/runtime/linear/linear_op.h"

namespace graticule {

class KernelUses {
public:
    /// What was prepared, whatever runs of it.
    void add(const PreparedLinear& prepared, const Linear& linear) {
        add(prepared.operation->kernel(), prepared.no_integers, linear);
    }
    void add(std::string_view kernel, const std::string& no_integers, const Linear& linear);
    [[nodiscard]] std::vector<KernelUse> list() const;

private:
    using Blocks = std::set<std::size_t>;
    struct Use {
        std::map<Role, Blocks> blocks;
        std::set<LayerId> linears;
    };
    std::map<std::pair<std::string, std::string>, Use> uses_; ///< by kernel and KernelUse::no_integers
    std::map<Role, Blocks> all_;
};

/// The operation, which from now on notes in `uses` on what it ran. `uses` outlives it; one thread runs what notes there.
[[nodiscard]] std::shared_ptr<const LinearOp> noted_op(PreparedLinear prepared, const Linear& linear, KernelUses& uses);

} // namespace graticule
