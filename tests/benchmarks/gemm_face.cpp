// A C face of the tables of integer products, for bench_gemm.py and nobody else: the same functions the engine calls,
// with plain structures instead of C++ ones. Every function returns 0, or -1 and leaves a text for gemm_error().
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include "kernels/api/backends.h"
#include "kernels/conformance/gemm_conformance.h"
#include "kernels/conformance/row_coverage.h"

using namespace graticule;

namespace {

std::string last_error;

template <class Work>
int guarded(const Work& work) {
    try {
        work();
        return 0;
    } catch (const std::exception& error) {
        last_error = error.what();
        return -1;
    }
}

const GemmTable& table_of(int cuda) {
    if (cuda == 0) return cpu_gemms();
    std::string why;
    if (cuda_backend(why) == nullptr || !(why = cuda_card_problem()).empty()) throw std::runtime_error(why);
    return *cuda_gemms();
}

CodeGrid grid_of(int format) {
    CodeGrid grid;
    grid.levels = format == 0 ? 16 : format == 1 ? 14 : 256;
    if (format == 1) {
        grid.special_count = 2;
        grid.specials = {0.5F, -0.5F};
    }
    return grid;
}

} // namespace

extern "C" {

struct FaceProblem {
    std::int64_t tokens, outputs, inputs, group;
    std::int32_t format; ///< 0 INT4, 1 dINT4, 2 INT8
    std::int32_t grain;  ///< GemmGrain
    std::int32_t output; ///< ValueType
};

const char* gemm_error() { return last_error.c_str(); }
int gemm_row_count(int cuda) { return static_cast<int>(table_of(cuda).rows.size()); }
const char* gemm_row_name(int cuda, int row) { return table_of(cuda).rows[static_cast<std::size_t>(row)].name.data(); }
int gemm_row_layout(int cuda, int row) {
    return static_cast<int>(table_of(cuda).rows[static_cast<std::size_t>(row)].input_layout);
}

static GemmProblem problem_of(const FaceProblem& p, const CodeGrid& grid) {
    return {p.tokens,
            p.outputs,
            p.inputs,
            &grid,
            static_cast<GemmGrain>(p.grain),
            p.group,
            false,
            static_cast<ValueType>(p.output)};
}

/// 1 where the row takes the problem; 0 and a text where it does not.
int gemm_takes(int cuda, int row, const FaceProblem* p) {
    const CodeGrid grid = grid_of(p->format);
    const auto reason = table_of(cuda).rows[static_cast<std::size_t>(row)].refuses(problem_of(*p, grid));
    if (reason) last_error = *reason;
    return reason ? 0 : 1;
}
std::int64_t gemm_packed_bytes(int cuda, int row, const FaceProblem* p) {
    const CodeGrid grid = grid_of(p->format);
    return static_cast<std::int64_t>(
        table_of(cuda).rows[static_cast<std::size_t>(row)].packed_bytes(problem_of(*p, grid)));
}
std::int64_t gemm_workspace_bytes(int cuda, int row, const FaceProblem* p) {
    const CodeGrid grid = grid_of(p->format);
    return static_cast<std::int64_t>(
        table_of(cuda).rows[static_cast<std::size_t>(row)].workspace_bytes(problem_of(*p, grid)));
}
std::int64_t gemm_input_bytes(int layout, std::int64_t tokens, std::int64_t inputs) {
    return static_cast<std::int64_t>(quantized_input_bytes(static_cast<InputLayout>(layout), tokens, inputs));
}

int gemm_pack(int cuda, int row, const FaceProblem* p, const void* codes, const void* scale, const void* zero,
              const void* group_scale, void* packed, void* stream) {
    return guarded([&] {
        const CodeGrid grid = grid_of(p->format);
        GemmWeights weights;
        weights.codes = {static_cast<const std::uint8_t*>(codes), p->outputs, p->inputs};
        weights.scale = static_cast<const float*>(scale);
        weights.zero = static_cast<const float*>(zero);
        weights.group_scale = static_cast<const std::int8_t*>(group_scale);
        table_of(cuda).rows[static_cast<std::size_t>(row)].pack(problem_of(*p, grid), weights, packed, {stream});
    });
}

int gemm_run(int cuda, int row, const FaceProblem* p, const void* packed, const void* values, const void* scale,
             const void* row_sum, void* y, void* workspace, void* stream) {
    return guarded([&] {
        const CodeGrid grid = grid_of(p->format);
        const GemmInput input{static_cast<const std::int8_t*>(values), static_cast<const float*>(scale), nullptr,
                              static_cast<const std::int32_t*>(row_sum)};
        table_of(cuda).rows[static_cast<std::size_t>(row)].run(problem_of(*p, grid), packed, input, {y, p->outputs},
                                                               workspace, {stream});
    });
}

/// Symmetric per token, or with the one scale that lies at `fixed_scale`; `type` is a ValueType.
int gemm_quantize_rounded(int cuda, const void* values, int type, std::int64_t tokens, std::int64_t inputs, int layout,
                          float clip_ratio, const void* fixed_scale, void* out, void* scale, void* row_sum,
                          void* stream) {
    return guarded([&] {
        InputRounding rounding;
        rounding.options = {ScaleRule::symmetric_absmax, clip_ratio, 1e-5F};
        rounding.fixed_scale = static_cast<const float*>(fixed_scale);
        table_of(cuda).quantize_input(
            {values, static_cast<ValueType>(type), tokens, inputs, inputs}, rounding, static_cast<InputLayout>(layout),
            {static_cast<std::int8_t*>(out), static_cast<float*>(scale), nullptr, static_cast<std::int32_t*>(row_sum)},
            {stream});
    });
}

int gemm_quantize(int cuda, const void* values, int type, std::int64_t tokens, std::int64_t inputs, int layout,
                  void* out, void* scale, void* row_sum, void* stream) {
    return gemm_quantize_rounded(cuda, values, type, tokens, inputs, layout, 1.0F, nullptr, out, scale, row_sum,
                                 stream);
}

/// Weight-only products: the first row that takes the problem, -1 and a text where there is none.
int weight_only_row(int cuda, const FaceProblem* p) {
    const CodeGrid grid = grid_of(p->format);
    const auto& rows = table_of(cuda).weight_only;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto reason = rows[row].refuses(problem_of(*p, grid));
        if (!reason) return static_cast<int>(row);
        last_error = *reason;
    }
    return -1;
}
static const WeightOnlyRow& weight_only_at(int cuda, int row) {
    return table_of(cuda).weight_only[static_cast<std::size_t>(row)];
}
std::int64_t weight_only_packed_bytes(int cuda, int row, const FaceProblem* p) {
    const CodeGrid grid = grid_of(p->format);
    return static_cast<std::int64_t>(weight_only_at(cuda, row).packed_bytes(problem_of(*p, grid)));
}
std::int64_t weight_only_workspace_bytes(int cuda, int row, const FaceProblem* p) {
    const CodeGrid grid = grid_of(p->format);
    return static_cast<std::int64_t>(weight_only_at(cuda, row).workspace_bytes(problem_of(*p, grid)));
}
int weight_only_pack(int cuda, int row, const FaceProblem* p, const void* codes, const void* scale, const void* zero,
                     void* packed, void* stream) {
    return guarded([&] {
        const CodeGrid grid = grid_of(p->format);
        GemmWeights weights;
        weights.codes = {static_cast<const std::uint8_t*>(codes), p->outputs, p->inputs};
        weights.scale = static_cast<const float*>(scale);
        weights.zero = static_cast<const float*>(zero);
        weight_only_at(cuda, row).pack(problem_of(*p, grid), weights, packed, {stream});
    });
}
int weight_only_run(int cuda, int row, const FaceProblem* p, const void* packed, const void* x, void* y,
                    void* workspace, void* stream) {
    return guarded([&] {
        const CodeGrid grid = grid_of(p->format);
        weight_only_at(cuda, row).run(problem_of(*p, grid), packed,
                                      {x, static_cast<ValueType>(p->output), p->tokens, p->inputs, p->inputs},
                                      {y, p->outputs}, workspace, {stream});
    });
}
int weight_only_expand(int cuda, int row, const FaceProblem* p, const void* packed, void* values, void* stream) {
    return guarded([&] {
        const CodeGrid grid = grid_of(p->format);
        weight_only_at(cuda, row).expand(problem_of(*p, grid), packed, values, {stream});
    });
}

/// Symmetric per token, of values that are made on the way; `front` is an InputFront, types are ValueTypes.
int gemm_make_input(int cuda, int front, const void* values, int type, std::int64_t tokens, std::int64_t inputs,
                    const void* weight, const void* bias, const void* up, std::int64_t hadamard, int through,
                    int layout, void* out, void* scale, void* row_sum, void* stream) {
    return guarded([&] {
        InputRounding rounding;
        rounding.options = {ScaleRule::symmetric_absmax, 1.0F, 1e-5F};
        InputSource source{{values, static_cast<ValueType>(type), tokens, inputs, inputs}};
        source.front = static_cast<InputFront>(front);
        source.weight = static_cast<const float*>(weight);
        source.bias = static_cast<const float*>(bias);
        source.epsilon = 1e-5F;
        source.up = {up, static_cast<ValueType>(type), tokens, inputs, inputs};
        source.hadamard = hadamard;
        source.through = static_cast<ValueType>(through);
        table_of(cuda).quantize_input(
            source, rounding, static_cast<InputLayout>(layout),
            {static_cast<std::int8_t*>(out), static_cast<float*>(scale), nullptr, static_cast<std::int32_t*>(row_sum)},
            {stream});
    });
}

/// Prints the table of results and each row's cases; how many cases failed, and rows that had none of what they are there
/// for, or -1.
int gemm_conformance(int cuda, int quick) {
    int failures = 0, cases = 0;
    const int status = guarded([&] {
        const auto results = run_gemm_conformance(table_of(cuda), cuda != 0 ? cuda_memory() : host_memory(),
                                                  quick != 0 ? ConformanceDepth::quick : ConformanceDepth::full);
        for (const ConformanceResult& row : results) {
            std::printf("%-28s %-16s %4d cases %4d failed  %s\n", row.operation.c_str(), row.format.c_str(), row.cases,
                        row.failures, row.first_failure.c_str());
            std::fflush(stdout);
            failures += row.failures;
            cases += row.cases;
        }
        for (const RowCoverage& row : row_coverage(table_of(cuda), results)) {
            std::printf("%s%s\n", row.failed() ? "FAILED: " : "", row.text().c_str());
            failures += row.failed() ? 1 : 0;
        }
        std::printf("conformance: %d cases, %d failed\n", cases, failures);
    });
    return status == 0 ? failures : -1;
}

} // extern "C"
