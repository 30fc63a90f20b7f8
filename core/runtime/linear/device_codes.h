// Codes of a weight on a device, packed as they are kept: two of 4 bits per byte.
#pragma once

#include "core/result/quantized_model.h"
#include "core/runtime/torch_bridge.h"
#include "kernels/api/gemm.h"

namespace graticule {

class ParameterLoader;

class DeviceCodes {
public:
    /// Error{internal} unless there is one code per weight of `linear`.
    DeviceCodes(const QuantizedLinear& quantized, const Linear& linear, ParameterLoader& loader);
    [[nodiscard]] at::Tensor unpacked() const; ///< (out, in), a byte per code
    /// For kernels that take them as they are: 1, 2, 4 or 8 bits.
    [[nodiscard]] PackedMatrix packed() const {
        return {codes_.data_ptr<std::uint8_t>(), codes_.size(0), columns_, bits_};
    }
    [[nodiscard]] std::int64_t device_bytes() const { return static_cast<std::int64_t>(codes_.nbytes()); }

private:
    at::Tensor codes_; ///< (out, bytes of a row) as in PackedCodes
    std::int64_t columns_;
    int bits_;
};

} // namespace graticule
