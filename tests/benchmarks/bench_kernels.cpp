// Our CUDA operations against the same work written in eager PyTorch (ATen), on one device in one run.
//
//     bench_kernels [--conformance] [--runs N] [OUT.json]
//
// Each figure is the median of N timed runs (at least 5) after 2 untimed ones; a run is enough calls for about 20 ms,
// with one synchronization at its end, subject and rival in turn. Matrices are larger than the second-level cache, so
// nothing survives there from call to call. "GB/s" counts the bytes the work cannot avoid (input once, output once),
// for both sides alike.
// --conformance first proves the CUDA back end against the CPU one and stops with exit code 1 where they differ.
#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "kernels/api/backends.h"
#include "kernels/conformance/conformance.h"

namespace {

using graticule::Backend;
using graticule::BlockLayout;
using graticule::CodeGrid;
using graticule::MatrixView;
using graticule::QuantizeCounts;
using graticule::ScaleOptions;
using graticule::ScaleRule;

void synchronize() { c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).synchronizeDevice(0); }

struct Timing {
    double median_ms, lowest_ms, highest_ms;
};

double time_once(const std::function<void()>& work, int calls) {
    synchronize();
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) work();
    synchronize();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count() / calls;
}

Timing summary(std::vector<double> times) {
    std::sort(times.begin(), times.end());
    return {times[times.size() / 2], times.front(), times.back()};
}

struct Row {
    std::string work, shape;
    double bytes;
    Timing ours, torch;
};

/// Subject and rival in turn, so that a change of clock hits both.
Row compare(const std::string& work, const std::string& shape, double bytes, int runs,
            const std::function<void()>& ours, const std::function<void()>& torch) {
    const auto calls_for = [](const std::function<void()>& f) {
        time_once(f, 1);
        return std::clamp(static_cast<int>(20.0 / std::max(1e-3, time_once(f, 1))), 1, 200);
    };
    const int our_calls = calls_for(ours), torch_calls = calls_for(torch);
    std::vector<double> our_times, torch_times;
    for (int run = 0; run < runs; ++run) {
        our_times.push_back(time_once(ours, our_calls));
        torch_times.push_back(time_once(torch, torch_calls));
    }
    Row row{work, shape, bytes, summary(our_times), summary(torch_times)};
    std::printf("%-44s %-12s %8.3f ms (%.3f..%.3f) %6.0f GB/s   torch %8.3f ms (%.3f..%.3f) %6.0f GB/s   %5.2fx\n",
                work.c_str(), shape.c_str(), row.ours.median_ms, row.ours.lowest_ms, row.ours.highest_ms,
                bytes / row.ours.median_ms / 1e6, row.torch.median_ms, row.torch.lowest_ms, row.torch.highest_ms,
                bytes / row.torch.median_ms / 1e6, row.torch.median_ms / row.ours.median_ms);
    std::fflush(stdout);
    return row;
}

bool conforms(const Backend& cuda) {
    int cases = 0, failures = 0;
    for (const graticule::ConformanceResult& row :
         graticule::run_conformance(cuda, graticule::cpu_backend(), graticule::cuda_memory())) {
        cases += row.cases;
        failures += row.failures;
        if (row.failures > 0)
            std::printf("FAIL %s %s: %d of %d cases; first %s\n", row.operation.c_str(), row.format.c_str(),
                        row.failures, row.cases, row.first_failure.c_str());
    }
    std::printf("conformance: %d cases, %d failures\n", cases, failures);
    return failures == 0;
}

/// One matrix on the device with everything the operations need.
struct Bench {
    const Backend& cuda;
    int runs;
    std::int64_t rows, columns;
    at::Tensor x, out, codes, scale, zero;
    CodeGrid grid;
    BlockLayout layout;
    std::vector<Row>& results;

    Bench(const Backend& backend, int runs_, std::int64_t rows_, std::int64_t columns_, int bits,
          std::vector<Row>& results_)
        : cuda(backend)
        , runs(runs_)
        , rows(rows_)
        , columns(columns_)
        , layout{1, columns_}
        , results(results_) {
        const auto options = at::TensorOptions().device(at::kCUDA).dtype(at::kFloat);
        x = at::randn({rows, columns}, options);
        out = at::empty_like(x);
        codes = at::empty({rows, columns}, options.dtype(at::kByte));
        scale = at::empty({rows, 1}, options);
        zero = at::empty({rows, 1}, options);
        grid.levels = 1 << bits;
        cuda.find_scales(input(), layout, grid, {}, scale.data_ptr<float>(), zero.data_ptr<float>(), {});
    }

    [[nodiscard]] MatrixView<const float> input() const { return {x.const_data_ptr<float>(), rows, columns}; }
    [[nodiscard]] MatrixView<float> output() const { return {out.data_ptr<float>(), rows, columns}; }
    [[nodiscard]] MatrixView<std::uint8_t> code_view() const { return {codes.data_ptr<std::uint8_t>(), rows, columns}; }
    [[nodiscard]] double elements() const { return static_cast<double>(rows) * static_cast<double>(columns); }
    [[nodiscard]] std::string shape() const { return std::to_string(rows) + "x" + std::to_string(columns); }
    [[nodiscard]] at::Tensor torch_levels() const {
        return at::div(x, scale).round_().add_(zero).clamp_(0, grid.levels - 1);
    }
    void add(const std::string& work, double bytes_a_value, const std::function<void()>& ours,
             const std::function<void()>& torch) {
        results.push_back(compare(work, shape(), bytes_a_value * elements(), runs, ours, torch));
    }

    void scales() {
        add(
            "find_scales, row, asymmetric", 4,
            [&] { cuda.find_scales(input(), layout, grid, {}, scale.data_ptr<float>(), zero.data_ptr<float>(), {}); },
            [&] {
                const at::Tensor low = x.amin({1}, true).clamp_max_(0), high = x.amax({1}, true).clamp_min_(0);
                const at::Tensor s = at::sub(high, low).div_(grid.levels - 1);
                const at::Tensor z = at::neg(low).div_(s).round_();
            });
    }

    void quantize_and_back() {
        const float* s = scale.const_data_ptr<float>();
        const float* z = zero.const_data_ptr<float>();
        add(
            "quantize", 5, [&] { cuda.quantize(input(), layout, grid, s, z, code_view(), nullptr, {}); },
            [&] { const at::Tensor q = torch_levels().to(at::kByte); });
        const at::Tensor theirs = torch_levels().to(at::kByte);
        const auto differing = theirs.ne(codes).sum().item<std::int64_t>();
        if (differing != 0) std::printf("  note: %lld codes differ from torch's\n", static_cast<long long>(differing));
        add(
            "dequantize", 5, [&] { cuda.dequantize(code_view(), layout, grid, s, z, output(), {}); },
            [&] { const at::Tensor v = codes.to(at::kFloat).sub_(zero).mul_(scale); });
    }

    void fake_quantize() {
        const float* s = scale.const_data_ptr<float>();
        const float* z = zero.const_data_ptr<float>();
        QuantizeCounts counts;
        add(
            "fake_quantize", 8, [&] { cuda.fake_quantize(input(), layout, grid, s, z, output(), nullptr, {}); },
            [&] { const at::Tensor v = torch_levels().sub_(zero).mul_(scale); });
        add(
            "fake_quantize with error and counts", 8,
            [&] { cuda.fake_quantize(input(), layout, grid, s, z, output(), &counts, {}); },
            [&] {
                const at::Tensor steps = at::div(x, scale);
                const at::Tensor levels = at::round(steps).add_(zero).clamp_(0, grid.levels - 1);
                const at::Tensor v = at::sub(levels, zero).mul_(scale);
                const at::Tensor squared = at::sub(v, x).square_();
                const at::Tensor underflow = v.eq(0).logical_and_(x.ne(0));
                const at::Tensor clipped = at::add(steps, zero)
                                               .sub_(0.5F * static_cast<float>(grid.levels - 1))
                                               .abs_()
                                               .gt(0.5F * static_cast<float>(grid.levels));
                const at::Tensor results_there =
                    at::stack({squared.sum(at::kDouble), at::where(underflow, squared, 0).sum(at::kDouble),
                               at::where(clipped, squared, 0).sum(at::kDouble), x.square().sum(at::kDouble),
                               x.eq(0).sum().to(at::kDouble), underflow.sum().to(at::kDouble),
                               clipped.sum().to(at::kDouble), x.isfinite().sum().to(at::kDouble)});
                const at::Tensor used = at::bincount(levels.to(at::kByte).flatten(), {}, grid.levels);
                const at::Tensor host = at::cat({results_there, used.to(at::kDouble)}).cpu();
            });
    }

    void dynamic(std::int64_t group, const std::string& name) {
        const ScaleOptions options{ScaleRule::symmetric_absmax, 1.0F, 1e-5F};
        const float half = static_cast<float>(grid.levels / 2);
        add(
            "fake_quantize_dynamic, " + name, 8,
            [&, group] {
                cuda.fake_quantize_dynamic(input(), {1, group}, grid, options, output(), nullptr, nullptr, {});
            },
            [&, group] {
                const at::Tensor grouped = x.view({-1, group});
                const at::Tensor s = grouped.abs().amax({1}, true).clamp_min_(1e-5F).div_(half - 1);
                const at::Tensor v = at::div(grouped, s).round_().clamp_(-half, half - 1).mul_(s);
            });
    }

    /// No operation of torch is a Hadamard transform: beside it the copy of the same tensor.
    void hadamard() {
        for (const std::int64_t block : {64, 256})
            add(
                "hadamard " + std::to_string(block) + ", beside a copy", 8,
                [&, block] { cuda.hadamard(input(), block, output(), {}); }, [&] { out.copy_(x); });
    }

    /// Six segments, as samples of 2048 tokens have them; nothing comes back to the host on either side.
    void statistics() {
        const std::vector<std::int64_t> ends = {rows / 32, rows / 16, rows / 8, rows / 4, rows / 2, rows};
        const auto bytes = static_cast<std::int64_t>(graticule::SiteAccumulators::bytes(std::ssize(ends), columns));
        const at::Tensor memory = at::empty({bytes}, x.options().dtype(at::kByte));
        const graticule::SiteAccumulators sums(memory.data_ptr(), std::ssize(ends), columns);
        const std::vector<std::int64_t> nothing(ends.size());
        const graticule::ActivationBatch batch{x.data_ptr(), graticule::ValueType::f32, 1, rows, columns, columns};
        const auto work = static_cast<std::int64_t>(cuda.statistics_workspace_bytes(batch, ends));
        const at::Tensor workspace = at::empty({work}, x.options().dtype(at::kByte));
        add(
            "statistics and histograms of six segments", 4,
            [this, ends, nothing, batch, sums, memory, workspace] {
                cuda.accumulate_statistics(batch, ends, nothing, sums, workspace.data_ptr(), {});
            },
            [&] {
                const at::Tensor average = x.mean({0}, true);
                const at::Tensor d = at::sub(x, average);
                const at::Tensor d2 = d.square();
                const at::Tensor moments = at::stack({x.amin({0}), x.amax({0}), average.squeeze(0), d2.sum({0}),
                                                      d2.mul(d).sum({0}), d2.square().sum({0})});
                const at::Tensor bin =
                    x.abs().log2_().mul_(8).floor_().add_(321).clamp_(0, graticule::histogram_bins - 1);
                const at::Tensor slot = bin.add_(x.lt(0).to(at::kFloat).mul_(graticule::histogram_bins)).to(at::kInt);
                const at::Tensor histogram = at::bincount(slot.flatten(), {}, 2 * graticule::histogram_bins);
            });
    }
};

void write_json(const std::string& path, const std::vector<Row>& rows) {
    std::ofstream file(path);
    file << "[\n";
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto timing = [&](const Timing& t) {
            return "{\"median_ms\": " + std::to_string(t.median_ms) +
                   ", \"lowest_ms\": " + std::to_string(t.lowest_ms) +
                   ", \"highest_ms\": " + std::to_string(t.highest_ms) + "}";
        };
        file << "  {\"work\": \"" << rows[i].work << "\", \"shape\": \"" << rows[i].shape
             << "\", \"bytes\": " << std::to_string(rows[i].bytes) << ", \"graticule\": " << timing(rows[i].ours)
             << ", \"torch\": " << timing(rows[i].torch) << '}' << (i + 1 < rows.size() ? "," : "") << '\n';
    }
    file << "]\n";
    if (!file) std::fprintf(stderr, "bench_kernels: could not write %s\n", path.c_str());
}

} // namespace

int main(int argc, char** argv) {
    bool conformance = false;
    int runs = 9;
    std::string json;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--conformance") {
            conformance = true;
        } else if (argument == "--runs" && i + 1 < argc) {
            runs = std::max(5, std::atoi(argv[++i]));
        } else {
            json = argument;
        }
    }
    if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
        std::fprintf(stderr, "bench_kernels: %s; put LibTorch's lib folder on LD_LIBRARY_PATH\n", dlerror());
        return 5;
    }
    std::string why;
    const Backend* cuda = graticule::cuda_backend(why);
    if (cuda == nullptr || !(why = graticule::cuda_card_problem()).empty()) {
        std::fprintf(stderr, "bench_kernels: %s\n", why.c_str());
        return 5;
    }
    if (conformance && !conforms(*cuda)) return 1;
    const at::InferenceMode no_gradients;
    std::vector<Row> rows;
    for (const auto& [height, width] :
         {std::pair<std::int64_t, std::int64_t>{8192, 4096}, {2048, 11008}, {4096, 14336}}) {
        Bench bench(*cuda, runs, height, width, 4, rows);
        bench.scales();
        bench.quantize_and_back();
        bench.fake_quantize();
        bench.dynamic(128, "int4 groups of 128");
        bench.hadamard();
        bench.statistics();
        Bench tokens(*cuda, runs, height, width, 8, rows);
        tokens.dynamic(width, "int8 a token");
    }
    if (!json.empty()) write_json(json, rows);
    return 0;
}
