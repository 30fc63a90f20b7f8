#include "core/runtime/gradients.h"

#include <utility>

namespace graticule {

namespace {
thread_local bool wanted = false;
} // namespace

GradientScope::GradientScope()
    : before_(std::exchange(wanted, true)) {}

GradientScope::~GradientScope() { wanted = before_; }

bool differentiating() { return wanted; }

} // namespace graticule
