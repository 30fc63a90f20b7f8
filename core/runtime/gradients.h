// Gradients through the forward pass. Everything else here runs in Torch's inference mode, whose tensors cannot take
// part in a backward pass: a GradientScope leaves that mode for its lifetime and this thread, and what is loaded,
// cached and computed inside may be differentiated. A Decoder lives inside one such scope or outside of all.
#pragma once

#include "core/runtime/torch_bridge.h"

namespace graticule {

class GradientScope {
public:
    GradientScope();
    ~GradientScope();
    GradientScope(const GradientScope&) = delete;
    GradientScope& operator=(const GradientScope&) = delete;

private:
    bool before_;
    c10::InferenceMode inference_{false};
};

/// Inside a GradientScope: operations that write into their arguments, or go around Torch's own, take another way.
[[nodiscard]] bool differentiating();

} // namespace graticule
