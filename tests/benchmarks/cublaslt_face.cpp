// cuBLASLt's int8 product with its heuristics, the strongest rival there is in the vendor's library: s8 x s8 -> s32,
// both operands as rows of k (TN), 64 MiB workspace, the best of eight proposals by time. For bench_gemm.py.
#include <cublasLt.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

struct Plan {
    cublasLtMatmulDesc_t operation = nullptr;
    cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr;
    cublasLtMatmulAlgo_t best{};
    void* workspace = nullptr;
};

constexpr std::size_t workspace_bytes = std::size_t{64} << 20;

cublasLtHandle_t handle() {
    static cublasLtHandle_t made = [] {
        cublasLtHandle_t h = nullptr;
        cublasLtCreate(&h);
        return h;
    }();
    return made;
}

cublasStatus_t multiply(const Plan& plan, const cublasLtMatmulAlgo_t& algorithm, const void* weight, const void* x,
                        void* y, cudaStream_t stream) {
    const std::int32_t one = 1, zero = 0;
    return cublasLtMatmul(handle(), plan.operation, &one, weight, plan.a, x, plan.b, &zero, y, plan.c, y, plan.c,
                          &algorithm, plan.workspace, workspace_bytes, stream);
}

} // namespace

extern "C" {

/// y (tokens, outputs) int32 = x (tokens, inputs) weight (outputs, inputs)^T; tries the proposals on these buffers.
/// Null where the library has none.
void* lt_int8_plan(std::int64_t tokens, std::int64_t outputs, std::int64_t inputs, const void* weight, const void* x,
                   void* y, void* stream_handle) {
    auto* stream = static_cast<cudaStream_t>(stream_handle);
    auto* plan = new Plan;
    const cublasOperation_t transposed = CUBLAS_OP_T;
    cublasLtMatmulDescCreate(&plan->operation, CUBLAS_COMPUTE_32I, CUDA_R_32I);
    cublasLtMatmulDescSetAttribute(plan->operation, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed);
    cublasLtMatrixLayoutCreate(&plan->a, CUDA_R_8I, static_cast<std::uint64_t>(inputs),
                               static_cast<std::uint64_t>(outputs), inputs);
    cublasLtMatrixLayoutCreate(&plan->b, CUDA_R_8I, static_cast<std::uint64_t>(inputs),
                               static_cast<std::uint64_t>(tokens), inputs);
    cublasLtMatrixLayoutCreate(&plan->c, CUDA_R_32I, static_cast<std::uint64_t>(outputs),
                               static_cast<std::uint64_t>(tokens), outputs);
    if (cudaMalloc(&plan->workspace, workspace_bytes) != cudaSuccess) return nullptr;
    cublasLtMatmulPreference_t preference = nullptr;
    cublasLtMatmulPreferenceCreate(&preference);
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace_bytes,
                                         sizeof workspace_bytes);
    cublasLtMatmulHeuristicResult_t found[8];
    int count = 0;
    cublasLtMatmulAlgoGetHeuristic(handle(), plan->operation, plan->a, plan->b, plan->c, plan->c, preference, 8, found,
                                   &count);
    cublasLtMatmulPreferenceDestroy(preference);
    cudaEvent_t begin = nullptr, end = nullptr;
    cudaEventCreate(&begin);
    cudaEventCreate(&end);
    float best = 1e30F;
    for (int i = 0; i < count; ++i) {
        if (multiply(*plan, found[i].algo, weight, x, y, stream) != CUBLAS_STATUS_SUCCESS) continue;
        std::vector<float> times;
        for (int repeat = 0; repeat < 5; ++repeat) {
            cudaEventRecord(begin, stream);
            for (int call = 0; call < 3; ++call) multiply(*plan, found[i].algo, weight, x, y, stream);
            cudaEventRecord(end, stream);
            cudaEventSynchronize(end);
            float milliseconds = 0;
            cudaEventElapsedTime(&milliseconds, begin, end);
            times.push_back(milliseconds);
        }
        std::sort(times.begin(), times.end());
        if (times[2] < best) {
            best = times[2];
            plan->best = found[i].algo;
        }
    }
    cudaEventDestroy(begin);
    cudaEventDestroy(end);
    if (best < 1e30F) return plan;
    cudaFree(plan->workspace);
    delete plan;
    return nullptr;
}

int lt_int8_run(void* plan_handle, const void* weight, const void* x, void* y, void* stream) {
    const Plan& plan = *static_cast<Plan*>(plan_handle);
    return multiply(plan, plan.best, weight, x, y, static_cast<cudaStream_t>(stream)) == CUBLAS_STATUS_SUCCESS ? 0 : -1;
}

void lt_int8_free(void* plan_handle) {
    auto* plan = static_cast<Plan*>(plan_handle);
    cublasLtMatrixLayoutDestroy(plan->a);
    cublasLtMatrixLayoutDestroy(plan->b);
    cublasLtMatrixLayoutDestroy(plan->c);
    cublasLtMatmulDescDestroy(plan->operation);
    cudaFree(plan->workspace);
    delete plan;
}

} // extern "C"
