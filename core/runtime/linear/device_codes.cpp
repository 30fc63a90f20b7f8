#include "core/runtime/linear/device_codes.h"

#include "core/base/error.h"
#include "core/runtime/parameter_loader.h"

namespace graticule {

DeviceCodes::DeviceCodes(const QuantizedLinear& quantized, const Linear& linear, ParameterLoader& loader)
    : columns_(linear.in_features())
    , bits_(quantized.codes.bits()) {
    const PackedCodes& codes = quantized.codes;
    GRATICULE_ASSERT(codes.rows() == linear.out_features() && codes.columns() == columns_, "one code per weight");
    if (8 % bits_ == 0) {
        codes_ = loader.upload(codes.bytes().bytes, codes.bytes().shape, at::kByte);
        return;
    }
    bits_ = 8; // codes across two bytes: a byte each is simpler to take apart
    codes_ = loader.upload(std::as_bytes(std::span<const std::uint8_t>(codes.unpack())), {codes.rows(), columns_},
                           at::kByte);
}

at::Tensor DeviceCodes::unpacked() const {
    if (bits_ == 8) return codes_;
    const std::int64_t in_a_byte = 8 / bits_, mask = (1 << bits_) - 1;
    at::Tensor codes = at::empty({codes_.size(0), codes_.size(1), in_a_byte}, codes_.options());
    for (std::int64_t i = 0; i < in_a_byte; ++i)
        codes.select(2, i).copy_(codes_.bitwise_right_shift(i * bits_).bitwise_and_(mask));
    return codes.view({codes_.size(0), -1}).slice(1, 0, columns_).contiguous();
}

} // namespace graticule
