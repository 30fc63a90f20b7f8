#include "core/method/result_params.h"

#include <memory>
#include <span>
#include <utility>

namespace graticule {

PackedCodes to_host(const at::Tensor& codes, int bits) {
    const std::int64_t rows = codes.size(0), columns = codes.size(1);
    if (const std::int64_t in_a_byte = 8 / bits; 8 % bits == 0 && columns % in_a_byte == 0) {
        at::Tensor packed = codes.slice(1, 0, columns, in_a_byte).clone();
        for (std::int64_t i = 1; i < in_a_byte; ++i)
            packed.bitwise_or_(codes.slice(1, i, columns, in_a_byte).bitwise_left_shift(i * bits));
        auto host = std::make_shared<at::Tensor>(packed.cpu().contiguous());
        const std::span<const std::byte> bytes(static_cast<const std::byte*>(host->data_ptr()), host->nbytes());
        return {HostTensor{DType::u8, host->sizes().vec(), std::move(host), bytes}, columns, bits};
    }
    const at::Tensor host = codes.cpu().contiguous();
    return PackedCodes::pack({host.data_ptr<std::uint8_t>(), std::size_t(host.numel())}, rows, columns, bits);
}

QParams to_host(const solvers::BlockParams& params) {
    QParams host;
    host.layout = params.layout;
    host.scale = to_vector(params.scale.contiguous());
    host.zero = to_vector(params.zero.contiguous());
    host.coding = params.coding;
    if (params.coarse.defined())
        host.coarse = CoarseParams{params.coarse_layout, to_vector(params.coarse.contiguous())};
    return host;
}

at::Tensor to_torch(const PackedCodes& codes, const Device& device) {
    at::Tensor bytes = at::empty({codes.rows(), codes.columns()}, at::kByte);
    codes.unpack(0, codes.rows(), bytes.data_ptr<std::uint8_t>());
    return bytes.to(torch_device(device));
}

solvers::BlockParams to_torch(const QParams& params, at::IntArrayRef shape, const Device& device) {
    const auto of_blocks = [&](const std::vector<float>& values, const BlockLayout& layout) {
        return to_torch(values, {layout.blocks_down(shape[0]), layout.blocks_across(shape[1])}, device);
    };
    solvers::BlockParams restored{.layout = params.layout,
                                  .scale = of_blocks(params.scale, params.layout),
                                  .zero = of_blocks(params.zero, params.layout),
                                  .coding = params.coding};
    if (!params.coarse) return restored;
    restored.coarse_layout = params.coarse->layout;
    restored.coarse = of_blocks(params.coarse->scale, params.coarse->layout);
    return restored;
}

StaticScale static_scale(const Device& device, const TensorScheme& scheme, float minimum, float maximum) {
    const at::Tensor ends = at::tensor({minimum, maximum}, at::kFloat).view({1, 2}).to(torch_device(device));
    const solvers::BlockParams params = solvers::find_params(ends, solvers::input_quantizer(scheme), device);
    return {params.scale.item<float>(), params.zero.item<float>()};
}

} // namespace graticule
