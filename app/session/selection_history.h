// Where somebody has been: selections of layers, to go back to and forward again.
#pragma once

#include <cstddef>
#include <vector>

#include "core/base/ids.h"

namespace graticule {

class SelectionHistory {
public:
    using Selection = std::vector<LayerId>;

    void clear() { *this = SelectionHistory(); }
    /// A selection that somebody made; what was forward of the place is dropped. The one that is shown is no step.
    void visit(const Selection& selection) {
        if (selection.empty() || (!visited_.empty() && visited_[at_] == selection)) return;
        if (!visited_.empty()) visited_.resize(at_ + 1);
        visited_.push_back(selection);
        if (visited_.size() > most) visited_.erase(visited_.begin());
        at_ = visited_.size() - 1;
    }
    [[nodiscard]] bool canGoBack() const { return at_ > 0; }
    [[nodiscard]] bool canGoForward() const { return at_ + 1 < visited_.size(); }
    /// The place to show now; only where there is one.
    const Selection& back() { return visited_[--at_]; }
    const Selection& forward() { return visited_[++at_]; }

private:
    static constexpr std::size_t most = 200;
    std::vector<Selection> visited_;
    std::size_t at_ = 0;
};

} // namespace graticule
