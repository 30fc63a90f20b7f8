// Per column minimum, maximum, mean and central moments, and the magnitude histogram, in one read of memory: 4 bytes a
// value.
//
//               128 columns (32 lanes x 4)
//   slab 0   [ warp 0: rows 0-7  ] [ warp 1: rows 8-15 ] ... [ warp 7 ]  then on by 64 rows
//   slab 1   [ ...                                                   ]   slabs x column groups = CTAs
//
// A thread owns 4 columns of its rows. It takes the mean of its first 8 rows as a pilot p and sums d, d^2, d^3, d^4 of
// d = x - p: float32 within 8 rows (32 values in registers, so their loads are all under way), float64 from there on.
// Sums about a pilot near the mean lose nothing to cancellation, and cost a few float64 operations per 8 values, which
// consumer cards can afford. Where float32 powers would overflow or vanish (|d| > 1e9 or < 1e-8) the 8 rows are summed
// in float64. Warps are joined in warp order, slabs in slab order (kernels/api/moments.h): same shape, same device,
// same bits.
//
// The histogram counts in shared memory. The bin within an octave comes from one 16-entry table (an interval of 1/16 of
// the mantissa holds at most one of the seven bounds) instead of seven comparisons; zeros, most of what a ReLU leaves,
// are counted in a register.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/api/histogram_bin.h"
#include "kernels/api/moments.h"
#include "kernels/cuda/device/check.h"
#include "kernels/cuda/device/counts.cuh"
#include "kernels/cuda/device/pack.cuh"
#include "kernels/cuda/device/workspace.h"
#include "kernels/cuda/ops.h"

namespace graticule::cuda {
namespace {

constexpr int warps = 8;
constexpr int run_rows = 8;
constexpr int counters = 2 * histogram_bins + 1; ///< non-negative, negative, NaN

/// What one slab found out about one column, and the final result of one column.
struct ColumnPart {
    float minimum, maximum;
    Moments moments;
    double count;
};
/// The final results, an array for each as the caller has them: (columns) each, one after the other.
struct ColumnResults {
    double *mean, *m2, *m3, *m4;
    float *minimum, *maximum;

    static constexpr std::size_t bytes_a_column = 4 * sizeof(double) + 2 * sizeof(float);
    ColumnResults(void* memory, std::size_t columns)
        : mean(static_cast<double*>(memory))
        , m2(mean + columns)
        , m3(m2 + columns)
        , m4(m3 + columns)
        , minimum(reinterpret_cast<float*>(m4 + columns))
        , maximum(minimum + columns) {}
};

/// add[i] for the interval i of 1/16 octave: (low 19 mantissa bits + add[i]) >> 19 is the eighth of the octave.
struct EighthTable {
    unsigned int add[16];
};

EighthTable eighth_table() {
    EighthTable table{};
    for (unsigned int i = 0; i < 16; ++i) {
        const auto eighth = [](unsigned int mantissa) {
            return static_cast<unsigned int>(histogram_bin((127U << 23) | mantissa) - histogram_bin(127U << 23));
        };
        const unsigned int first = i << 19;
        unsigned int bound = 0; // low bits from which on the next eighth holds; 2^19 where the interval has none
        unsigned int low = 0, high = 1U << 19;
        while (low < high) {
            const unsigned int middle = (low + high) / 2;
            if (eighth(first + middle) > eighth(first))
                high = middle;
            else
                low = middle + 1;
        }
        bound = low;
        table.add[i] = (eighth(first) << 19) + (1U << 19) - bound;
    }
    return table;
}

struct StatisticsArguments {
    const float* input;
    std::int64_t rows, columns, stride;
    std::int64_t slab_rows; ///< a multiple of warps * run_rows
    ColumnPart* parts;      ///< (slabs, columns)
    unsigned long long* histogram;
};

struct StatisticsShared {
    unsigned int counter[counters];
    unsigned int add[16];
    ColumnPart part[warps][32]; ///< of one of the four columns a lane owns
};

__device__ __forceinline__ void count_value(StatisticsShared& shared, float x, unsigned int& zeros) {
    const unsigned int bits = __float_as_uint(x);
    const unsigned int magnitude = bits & 0x7fffffffU;
    if (magnitude == 0) {
        ++zeros;
        return;
    }
    const int eighth = static_cast<int>(((magnitude & 0x7ffffU) + shared.add[(magnitude >> 19) & 15U]) >> 19);
    constexpr int first = 127 + histogram_first_exponent;
    static_assert(histogram_bins_per_octave == 8);
    const int bin = static_cast<int>(magnitude >> 23) * 8 + (1 - first * 8) + eighth;
    int slot = min(max(bin, 0), histogram_bins - 1) + (static_cast<int>(bits) < 0 ? histogram_bins : 0);
    slot = magnitude > 0x7f800000U ? 2 * histogram_bins : slot;
    atomicAdd(&shared.counter[slot], 1U);
}

template <int width>
class ColumnSums {
public:
    __device__ void start(const FloatPack<width> (&x)[run_rows], int rows) {
        const float share = 1.0F / static_cast<float>(rows);
#pragma unroll
        for (int i = 0; i < width; ++i) {
            pilot_[i] = 0;
#pragma unroll
            for (int r = 0; r < run_rows; ++r) pilot_[i] += r < rows ? x[r].at[i] * share : 0.0F;
            low_[i] = __int_as_float(0x7f800000);
            high_[i] = -low_[i];
        }
    }

    __device__ void add(const FloatPack<width> (&x)[run_rows], int rows) {
        count_ += rows;
#pragma unroll
        for (int i = 0; i < width; ++i) {
            float s1 = 0, s2 = 0, s3 = 0, s4 = 0, largest = 0;
#pragma unroll
            for (int r = 0; r < run_rows; ++r) {
                if (r >= rows) continue;
                const float d = x[r].at[i] - pilot_[i];
                const float d2 = d * d;
                s1 += d;
                s2 += d2;
                s3 = fmaf(d2, d, s3);
                s4 = fmaf(d2, d2, s4);
                largest = fmaxf(largest, fabsf(d));
                low_[i] = fminf(low_[i], x[r].at[i]);
                high_[i] = fmaxf(high_[i], x[r].at[i]);
            }
            if ((largest > 1e-8F && largest < 1e9F) || s1 == 0.0F && largest == 0.0F) {
                sum_[i][0] += s1;
                sum_[i][1] += s2;
                sum_[i][2] += s3;
                sum_[i][3] += s4;
            } else {
                add_in_float64(x, rows, i);
            }
        }
    }

    __device__ ColumnPart part(int i) const {
        const double n = static_cast<double>(count_);
        ColumnPart part{low_[i], high_[i], {}, n};
        if (count_ == 0) return part;
        const double a = sum_[i][0] / n; // mean of d; moments about it from the sums about the pilot
        const double s2 = sum_[i][1], s3 = sum_[i][2], s4 = sum_[i][3];
        part.moments.mean = static_cast<double>(pilot_[i]) + a;
        part.moments.m2 = s2 - n * a * a;
        part.moments.m3 = s3 - 3 * a * s2 + 2 * n * a * a * a;
        part.moments.m4 = s4 - 4 * a * s3 + 6 * a * a * s2 - 3 * n * a * a * a * a;
        return part;
    }

private:
    __device__ __forceinline__ void add_in_float64(const FloatPack<width> (&x)[run_rows], int rows, int i) {
#pragma unroll
        for (int r = 0; r < run_rows; ++r) {
            if (r >= rows) continue;
            const double d = static_cast<double>(x[r].at[i]) - static_cast<double>(pilot_[i]);
            sum_[i][0] += d;
            sum_[i][1] += d * d;
            sum_[i][2] += d * d * d;
            sum_[i][3] += d * d * (d * d);
        }
    }

    float pilot_[width], low_[width], high_[width];
    double sum_[width][4] = {};
    int count_ = 0;
};

__device__ __forceinline__ ColumnPart join(const ColumnPart& a, const ColumnPart& b) {
    if (b.count == 0) return a;
    if (a.count == 0) return b;
    return {fminf(a.minimum, b.minimum), fmaxf(a.maximum, b.maximum),
            join_moments(a.moments, a.count, b.moments, b.count), a.count + b.count};
}

template <int width>
__global__ void __launch_bounds__(warps * 32, 2)
    statistics_of_slabs(const __grid_constant__ StatisticsArguments a, const __grid_constant__ EighthTable eighths) {
    __shared__ StatisticsShared shared;
    for (int i = threadIdx.x; i < counters; i += warps * 32) shared.counter[i] = 0;
    if (threadIdx.x < 16) shared.add[threadIdx.x] = eighths.add[threadIdx.x];
    __syncthreads();

    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const std::int64_t column = (static_cast<std::int64_t>(blockIdx.x) * 32 + lane) * width;
    const std::int64_t first = blockIdx.y * a.slab_rows;
    const std::int64_t last = min(first + a.slab_rows, a.rows);
    ColumnSums<width> sums;
    unsigned int zeros = 0;
    if (column < a.columns) {
        const std::int64_t mine = first + warp * run_rows;
        for (std::int64_t row = mine; row < last; row += warps * run_rows) {
            const int rows = static_cast<int>(min(static_cast<std::int64_t>(run_rows), last - row));
            FloatPack<width> x[run_rows];
            const float* address = a.input + row * a.stride + column;
#pragma unroll
            for (int r = 0; r < run_rows; ++r)
                if (r < rows) x[r] = load_floats<width>(address + r * a.stride);
            if (row == mine) sums.start(x, rows);
            sums.add(x, rows);
#pragma unroll
            for (int r = 0; r < run_rows; ++r) {
                if (r >= rows) continue;
#pragma unroll
                for (int i = 0; i < width; ++i) count_value(shared, x[r].at[i], zeros);
            }
        }
    }
    zeros = __reduce_add_sync(0xffffffffU, zeros);
    if (lane == 0 && zeros != 0) atomicAdd(&shared.counter[0], zeros);
#pragma unroll
    for (int i = 0; i < width; ++i) { // one column of each lane at a time, over the warps
        shared.part[warp][lane] = sums.part(i);
        __syncthreads();
        if (warp == 0 && column < a.columns) {
            ColumnPart part = shared.part[0][lane];
            for (int w = 1; w < warps; ++w) part = join(part, shared.part[w][lane]);
            a.parts[blockIdx.y * a.columns + column + i] = part;
        }
        __syncthreads();
    }
    for (int i = threadIdx.x; i < 2 * histogram_bins; i += warps * 32)
        if (shared.counter[i] != 0) atomicAdd(&a.histogram[i], static_cast<unsigned long long>(shared.counter[i]));
}

/// One thread a column joins the slabs. A column that holds a value that is not finite has NaN in everything.
__global__ void join_slabs(const ColumnPart* parts, std::int64_t slabs, std::int64_t columns, ColumnResults results) {
    const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (column >= columns) return;
    ColumnPart part = parts[column];
    for (std::int64_t slab = 1; slab < slabs; ++slab) part = join(part, parts[slab * columns + column]);
    if (!isfinite(part.moments.mean)) {
        const double nan = __longlong_as_double(0x7ff8000000000000LL);
        part = {static_cast<float>(nan), static_cast<float>(nan), {nan, nan, nan, nan}, part.count};
    }
    results.mean[column] = part.moments.mean;
    results.m2[column] = part.moments.m2;
    results.m3[column] = part.moments.m3;
    results.m4[column] = part.moments.m4;
    results.minimum[column] = part.minimum;
    results.maximum[column] = part.maximum;
}

/// Slabs: enough CTAs for three rounds of two a multiprocessor, at least 64 rows and at most 4096 rows each.
std::int64_t rows_of_slab(std::int64_t rows, std::int64_t groups) {
    constexpr std::int64_t granule = warps * run_rows;
    const std::int64_t wanted = std::max<std::int64_t>(1, std::int64_t{6} * multiprocessors() / groups);
    const std::int64_t slab = std::min<std::int64_t>((rows + wanted - 1) / wanted, 4096);
    return (slab + granule - 1) / granule * granule;
}

} // namespace

void column_statistics(MatrixView<const float> values, ColumnStatistics out, std::int64_t* negative,
                       std::int64_t* positive, cudaStream_t stream) {
    const bool packed = packs_of(values, 4);
    const std::int64_t group = packed ? 128 : 32;
    const std::int64_t groups = (values.columns + group - 1) / group;
    const std::int64_t slab_rows = rows_of_slab(values.rows, groups);
    const std::int64_t slabs = (values.rows + slab_rows - 1) / slab_rows;
    const auto columns = static_cast<std::size_t>(values.columns);
    const std::size_t histogram_bytes = sizeof(unsigned long long) * 2 * histogram_bins;
    const std::size_t result_bytes = histogram_bytes + columns * ColumnResults::bytes_a_column; // a multiple of 8

    Workspace& workspace = current_workspace();
    const auto lock = workspace.lock();
    auto* memory = static_cast<unsigned char*>(
        workspace.device(result_bytes + static_cast<std::size_t>(slabs) * columns * sizeof(ColumnPart)));
    auto* histogram = reinterpret_cast<unsigned long long*>(memory);
    const ColumnResults results(memory + histogram_bytes, columns);
    auto* parts = reinterpret_cast<ColumnPart*>(memory + result_bytes);
    GRATICULE_CUDA_CHECK(cudaMemsetAsync(histogram, 0, histogram_bytes, stream));
    static const EighthTable eighths = eighth_table();
    const StatisticsArguments arguments{values.data, values.rows, values.columns, values.row_stride,
                                        slab_rows,   parts,       histogram};
    const dim3 grid(static_cast<unsigned int>(groups), static_cast<unsigned int>(slabs));
    if (packed)
        statistics_of_slabs<4><<<grid, warps * 32, 0, stream>>>(arguments, eighths);
    else
        statistics_of_slabs<1><<<grid, warps * 32, 0, stream>>>(arguments, eighths);
    GRATICULE_CUDA_CHECK(cudaGetLastError());
    join_slabs<<<static_cast<unsigned int>((values.columns + 127) / 128), 128, 0, stream>>>(parts, slabs,
                                                                                            values.columns, results);
    GRATICULE_CUDA_CHECK(cudaGetLastError());
    auto* host = static_cast<unsigned char*>(workspace.pinned(result_bytes));
    GRATICULE_CUDA_CHECK(cudaMemcpyAsync(host, memory, result_bytes, cudaMemcpyDeviceToHost, stream));
    GRATICULE_CUDA_CHECK(cudaStreamSynchronize(stream));

    const auto* counts = reinterpret_cast<const unsigned long long*>(host);
    for (int bin = 0; bin < histogram_bins; ++bin) {
        positive[bin] += static_cast<std::int64_t>(counts[bin]);
        negative[bin] += static_cast<std::int64_t>(counts[histogram_bins + bin]);
    }
    const ColumnResults found(host + histogram_bytes, columns);
    std::memcpy(out.mean, found.mean, columns * sizeof(double));
    std::memcpy(out.m2, found.m2, columns * sizeof(double));
    std::memcpy(out.m3, found.m3, columns * sizeof(double));
    std::memcpy(out.m4, found.m4, columns * sizeof(double));
    std::memcpy(out.minimum, found.minimum, columns * sizeof(float));
    std::memcpy(out.maximum, found.maximum, columns * sizeof(float));
}

} // namespace graticule::cuda
