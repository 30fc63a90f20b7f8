// What a kernel throws. kernels/ knows no engine: core translates this into its own Error where it calls a back end.
//
//     throw KernelError(KernelError::Kind::invalid_argument, "group size 128 does not divide 2592 columns");
//
// The type has default visibility and nothing virtual of its own, so that one thrown inside the
// CUDA module is caught as the same type by the program that loaded it.
#pragma once

#include <stdexcept>
#include <string>

namespace graticule {

class __attribute__((visibility("default"))) KernelError : public std::runtime_error {
public:
    enum class Kind {
        invalid_argument, ///< the caller's views, layout, grid or options do not fit each other
        device,           ///< the device or its driver failed; the work of this call is lost
        out_of_memory,    ///< the device has no room for a workspace
    };

    KernelError(Kind kind, const std::string& message)
        : std::runtime_error(message)
        , kind_(kind) {}
    [[nodiscard]] Kind kind() const noexcept { return kind_; }

private:
    Kind kind_;
};

} // namespace graticule
