// The CUDA back end's face and the module's one exported function. Checks arguments on the host, then the operations of
// ops.h.
#include <cuda_runtime.h>

#include <cstdio>
#include <limits>
#include <string>

#include "kernels/api/argument_checks.h"
#include "kernels/api/cuda_module.h"
#include "kernels/api/kernel_error.h"
#include "kernels/cuda/device/check.h"
#include "kernels/cuda/device/recorded_work.h"
#include "kernels/cuda/gemm/products.h"
#include "kernels/cuda/ops.h"

namespace graticule {
namespace {

cudaStream_t stream_of(Stream stream) { return static_cast<cudaStream_t>(stream.handle); }

/// Whether there is work; rows must fit 31 bits, because the kernels divide row numbers in 32 bits.
bool has_work(std::int64_t rows, std::int64_t columns) {
    if (rows > std::numeric_limits<std::int32_t>::max())
        throw KernelError(KernelError::Kind::invalid_argument,
                          std::to_string(rows) +
                              " rows are more than the CUDA kernels take in one call; split the matrix");
    return rows > 0 && columns > 0;
}

class CudaBackend final : public Backend {
public:
    [[nodiscard]] std::string_view name() const override { return "cuda"; }

    void find_scales(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid, ScaleOptions options,
                     float* scale, float* zero, Stream stream) const override {
        check_find_scales(values, layout, grid, options, scale, zero);
        if (has_work(values.rows, values.columns))
            cuda::find_scales(values, layout, prepare_grid(grid), options, scale, zero, stream_of(stream));
    }

    void quantize(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid, const float* scale,
                  const float* zero, MatrixView<std::uint8_t> codes, QuantizeCounts* counts,
                  Stream stream) const override {
        check_quantize(values, layout, scale, zero, codes);
        if (counts != nullptr) *counts = {};
        if (has_work(values.rows, values.columns))
            cuda::quantize(values, layout, prepare_grid(grid), scale, zero, codes, counts, stream_of(stream));
    }

    void dequantize(MatrixView<const std::uint8_t> codes, BlockLayout layout, const CodeGrid& grid, const float* scale,
                    const float* zero, MatrixView<float> values, Stream stream) const override {
        check_dequantize(codes, layout, scale, zero, values);
        if (has_work(codes.rows, codes.columns))
            cuda::dequantize(codes, layout, prepare_grid(grid), scale, zero, values, stream_of(stream));
    }

    [[nodiscard]] WeightFigures count_codes(MatrixView<const float> values, MatrixView<const std::uint8_t> codes,
                                            BlockLayout layout, const CodeGrid& grid, const float* scale,
                                            const float* zero, Stream stream) const override {
        check_quantize(values, layout, scale, zero, codes);
        if (!has_work(values.rows, values.columns)) return {};
        return cuda::count_codes(values, codes, layout, prepare_grid(grid), scale, zero, stream_of(stream));
    }

    void fake_quantize(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid, const float* scale,
                       const float* zero, MatrixView<float> out, QuantizeCounts* counts, Stream stream) const override {
        check_fake_quantize(values, layout, scale, zero, out);
        if (counts != nullptr) *counts = {};
        if (has_work(values.rows, values.columns))
            cuda::fake_quantize(values, layout, prepare_grid(grid), scale, zero, out, counts, stream_of(stream));
    }

    [[nodiscard]] std::size_t dynamic_workspace_bytes(std::int64_t rows, std::int64_t columns,
                                                      BlockLayout layout) const override {
        return has_work(rows, columns) ? cuda::dynamic_workspace_bytes(rows, columns, layout) : 0;
    }
    void fake_quantize_dynamic(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid,
                               ScaleOptions options, MatrixView<float> out, QuantizeCounts* counts, void* workspace,
                               Stream stream) const override {
        check_fake_quantize_dynamic(values, layout, grid, options, out);
        if (counts != nullptr) *counts = {};
        if (has_work(values.rows, values.columns))
            cuda::fake_quantize_dynamic(values, layout, prepare_grid(grid), options, out, counts,
                                        static_cast<float*>(workspace), stream_of(stream));
    }

    [[nodiscard]] std::size_t statistics_workspace_bytes(const ActivationBatch& batch,
                                                         SegmentEnds ends) const override {
        check_statistics(batch, ends, {});
        return has_work(batch.samples * batch.length, batch.columns) ? cuda::statistics_workspace_bytes(batch, ends)
                                                                     : 0;
    }
    void accumulate_statistics(const ActivationBatch& batch, SegmentEnds ends,
                               std::span<const std::int64_t> rows_before, const SiteAccumulators& sums, void* workspace,
                               Stream stream) const override {
        check_statistics(batch, ends, rows_before);
        if (has_work(batch.samples * batch.length, batch.columns))
            cuda::accumulate_statistics(batch, ends, rows_before, sums, workspace, stream_of(stream));
    }

    void gptq_walk(const GptqWalk& walk, const CodeGrid& grid, Stream stream) const override {
        check_gptq_walk(walk);
        if (has_work(walk.weight.rows, walk.weight.columns))
            cuda::gptq_walk(walk, prepare_grid(grid), stream_of(stream));
    }

    void hadamard(MatrixView<const float> values, std::int64_t block, MatrixView<float> out,
                  Stream stream) const override {
        check_hadamard(values, block, out);
        if (has_work(values.rows, values.columns)) cuda::hadamard(values, block, out, stream_of(stream));
    }

    [[nodiscard]] std::unique_ptr<RecordedWork> record(Stream stream) const override {
        return cuda::record_work(stream_of(stream));
    }
};

class CudaMemory final : public DeviceMemory {
public:
    void* allocate(std::size_t bytes) override {
        void* pointer = nullptr;
        GRATICULE_CUDA_CHECK(cudaMalloc(&pointer, bytes == 0 ? 1 : bytes));
        return pointer;
    }
    void release(void* pointer) noexcept override { cudaFree(pointer); }
    void to_device(void* device, const void* host, std::size_t bytes) override {
        GRATICULE_CUDA_CHECK(cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice));
    }
    void to_host(void* host, const void* device, std::size_t bytes) override {
        GRATICULE_CUDA_CHECK(cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost));
    }
};

/// Empty where a kernel of this build runs on the current device.
std::string what_is_missing(int interface_version) {
    if (interface_version != cuda_module_interface_version)
        return "the CUDA module beside the program is of another build (interface " +
               std::to_string(cuda_module_interface_version) + ", the program's is " +
               std::to_string(interface_version) + "); install both from one package";
    int devices = 0;
    const cudaError_t status = cudaGetDeviceCount(&devices);
    if (status != cudaSuccess || devices == 0) {
        cudaGetLastError();
        return std::string("no CUDA device: ") +
               (status == cudaSuccess ? "the driver lists none" : cudaGetErrorString(status)) +
               "; a GPU of compute capability 8.0 or newer and a driver for CUDA 13 are needed";
    }
    return {};
}

} // namespace
} // namespace graticule

extern "C" __attribute__((visibility("default"))) bool
graticule_cuda_module(int interface_version, graticule::CudaModule* module, char* why, std::size_t why_bytes) noexcept {
    std::string missing;
    try {
        missing = graticule::what_is_missing(interface_version);
    } catch (const std::exception& error) {
        missing = error.what();
    }
    if (!missing.empty()) {
        std::snprintf(why, why_bytes, "%s", missing.c_str());
        return false;
    }
    static const graticule::CudaBackend backend;
    static graticule::CudaMemory memory;
    *module = {&backend, &memory, &graticule::cuda::gemms()};
    return true;
}
