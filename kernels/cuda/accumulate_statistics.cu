// Per segment and column minimum, maximum, mean and central moments, and the magnitude histograms, in one read of the
// batch: 4 or 2 bytes a value.
//
//                                       128 columns (32 lanes x 4)
//   rows of one segment,    slab 0   [ warp 0: 8 rows ] [ warp 1: 8 rows ] ... [ warp 7 ]  then on by 64 rows
//   sample after sample     slab 1   [ ...                                              ]
//                                     slabs of all segments x column groups = CTAs
//
// A slab lies in one segment; its rows are that segment's rows of all samples, so a run of 8 rows may go on in the next
// sample. A thread owns 4 columns of its rows. It takes the mean of its first 8 rows as a pilot p and sums d, d^2, d^3,
// d^4 of d = x - p: float32 within 8 rows (32 values in registers, so their loads are all under way), float64 from
// there on. Sums about a pilot near the mean lose nothing to cancellation, and cost a few float64 operations per 8
// values, which consumer cards can afford. Where float32 powers would overflow or vanish (|d| > 1e9 or < 1e-8) the 8
// rows are summed in float64. Warps are joined in warp order, slabs in slab order, calls in the order they come
// (kernels/api/moments.h): same shapes, same kind of device, same bits.
//
// The histogram counts in shared memory, in four copies that lanes take in turn: neighbouring channels are often alike,
// and lanes that count in one place wait for each other. The bin within an octave comes from one 16-entry table (an
// interval of 1/16 of the mantissa holds at most one of the seven bounds) instead of seven comparisons; zeros, most of
// what a ReLU leaves, are counted in a register.
#include <algorithm>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

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
constexpr int counter_copies = 4;
constexpr std::int64_t granule = warps * run_rows; ///< rows that a CTA reads at once

/// What one slab found out about one column.
struct ColumnPart {
    float minimum, maximum;
    Moments moments;
    double count;
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

/// Rows of one segment, sample after sample, and the slabs they are cut into.
struct Segment {
    std::int64_t begin, length; ///< positions in a sample
    std::int64_t rows_before;   ///< that the sums hold already
    int first_slab, slabs;
};

struct StatisticsArguments {
    const void* input;
    std::int64_t samples, length, columns, stride;
    std::int64_t slab_rows; ///< a multiple of `granule`
    ColumnPart* parts;      ///< (slabs of all segments, columns)
    unsigned long long* histogram;
    Segment segments[most_statistics_segments];
};

struct StatisticsShared {
    unsigned int counter[counter_copies][counters];
    unsigned int add[16];
    ColumnPart part[warps][32]; ///< of one of the columns a lane owns
};

template <class T>
__device__ __forceinline__ float as_float(T value) {
    return static_cast<float>(value);
}
template <>
__device__ __forceinline__ float as_float(__nv_bfloat16 value) {
    return __bfloat162float(value);
}
template <>
__device__ __forceinline__ float as_float(__half value) {
    return __half2float(value);
}

/// 1 or 4 neighbouring values of a row in one load.
template <class T, int width>
__device__ __forceinline__ FloatPack<width> load_values(const T* address) {
    struct alignas(sizeof(T) * width) Stored {
        T at[width];
    };
    const Stored stored = *reinterpret_cast<const Stored*>(address);
    FloatPack<width> values;
#pragma unroll
    for (int i = 0; i < width; ++i) values.at[i] = as_float(stored.at[i]);
    return values;
}

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
    atomicAdd(&shared.counter[threadIdx.x % counter_copies][slot], 1U);
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

template <class T, int width>
__global__ void __launch_bounds__(warps * 32, 2)
    statistics_of_slabs(const __grid_constant__ StatisticsArguments a, const __grid_constant__ EighthTable eighths) {
    __shared__ StatisticsShared shared;
    unsigned int* all_counters = &shared.counter[0][0];
    for (int i = threadIdx.x; i < counter_copies * counters; i += warps * 32) all_counters[i] = 0;
    if (threadIdx.x < 16) shared.add[threadIdx.x] = eighths.add[threadIdx.x];
    __syncthreads();

    const int slab = static_cast<int>(blockIdx.y);
    int segment_index = 0;
    while (slab >= a.segments[segment_index].first_slab + a.segments[segment_index].slabs) ++segment_index;
    const Segment segment = a.segments[segment_index];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const std::int64_t column = (static_cast<std::int64_t>(blockIdx.x) * 32 + lane) * width;
    // Numbers of rows within the segment; row v is position begin + v % length of sample v / length.
    const std::int64_t first = (slab - segment.first_slab) * a.slab_rows;
    const std::int64_t last = min(first + a.slab_rows, a.samples * segment.length);
    ColumnSums<width> sums;
    unsigned int zeros = 0;
    if (column < a.columns) {
        const std::int64_t mine = first + warp * run_rows;
        for (std::int64_t row = mine; row < last; row += granule) {
            const int rows = static_cast<int>(min(static_cast<std::int64_t>(run_rows), last - row));
            FloatPack<width> x[run_rows];
            // 32 bits: the face refuses batches of more rows.
            std::int64_t sample = static_cast<unsigned int>(row) / static_cast<unsigned int>(segment.length);
            std::int64_t position = row - sample * segment.length;
            const T* input = static_cast<const T*>(a.input) + column;
#pragma unroll
            for (int r = 0; r < run_rows; ++r) {
                if (r < rows)
                    x[r] = load_values<T, width>(input + (sample * a.length + segment.begin + position) * a.stride);
                if (++position == segment.length) {
                    position = 0;
                    ++sample;
                }
            }
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
    if (lane == 0 && zeros != 0) atomicAdd(&shared.counter[0][0], zeros);
#pragma unroll
    for (int i = 0; i < width; ++i) { // one column of each lane at a time, over the warps
        shared.part[warp][lane] = sums.part(i);
        __syncthreads();
        if (warp == 0 && column < a.columns) {
            ColumnPart part = shared.part[0][lane];
            for (int w = 1; w < warps; ++w) part = join(part, shared.part[w][lane]);
            a.parts[slab * a.columns + column + i] = part;
        }
        __syncthreads();
    }
    unsigned long long* histogram = a.histogram + segment_index * 2 * histogram_bins;
    for (int i = threadIdx.x; i < 2 * histogram_bins; i += warps * 32) {
        unsigned int count = 0;
        for (int copy = 0; copy < counter_copies; ++copy) count += shared.counter[copy][i];
        if (count != 0) atomicAdd(&histogram[i], static_cast<unsigned long long>(count));
    }
}

/// One thread per column and segment joins the slabs, and those to what the calls before gave. A column that holds a
/// value that is not finite has NaN in everything.
__global__ void join_slabs(const __grid_constant__ StatisticsArguments a, SiteAccumulators out) {
    const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (column >= a.columns) return;
    const Segment segment = a.segments[blockIdx.y];
    ColumnPart here{0, 0, {}, 0};
    for (int slab = segment.first_slab; slab < segment.first_slab + segment.slabs; ++slab)
        here = join(here, a.parts[slab * a.columns + column]);
    const std::int64_t at = blockIdx.y * a.columns + column;
    ColumnPart part{0, 0, {}, 0};
    if (segment.rows_before > 0)
        part = {out.minimum[at],
                out.maximum[at],
                {out.mean[at], out.m2[at], out.m3[at], out.m4[at]},
                static_cast<double>(segment.rows_before)};
    part = join(part, here);
    if (!isfinite(part.moments.mean)) {
        const double nan = __longlong_as_double(0x7ff8000000000000LL);
        part = {static_cast<float>(nan), static_cast<float>(nan), {nan, nan, nan, nan}, part.count};
    }
    out.mean[at] = part.moments.mean;
    out.m2[at] = part.moments.m2;
    out.m3[at] = part.moments.m3;
    out.m4[at] = part.moments.m4;
    out.minimum[at] = part.minimum;
    out.maximum[at] = part.maximum;
}

/// Whether every row starts and ends on a boundary of 4 values.
bool in_fours(const ActivationBatch& batch) {
    const std::uintptr_t pack = 4 * bytes_of(batch.type);
    return reinterpret_cast<std::uintptr_t>(batch.values) % pack == 0 && batch.row_stride % 4 == 0 &&
           batch.columns % 4 == 0;
}

std::int64_t column_groups(const ActivationBatch& batch) {
    const std::int64_t group = in_fours(batch) ? 128 : 32;
    return (batch.columns + group - 1) / group;
}

/// Enough CTAs for three rounds of two a multiprocessor, at least 64 and as a rule at most 4096 rows each; the grid
/// takes 65,535 of them down.
std::int64_t rows_of_slab(const ActivationBatch& batch) {
    const std::int64_t rows = batch.samples * batch.length;
    const std::int64_t wanted = std::max<std::int64_t>(1, std::int64_t{6} * multiprocessors() / column_groups(batch));
    const std::int64_t slab =
        std::max(std::min<std::int64_t>((rows + wanted - 1) / wanted, 4096), rows / std::int64_t{60'000});
    return (slab + granule - 1) / granule * granule;
}

/// All but the memory; returns the slabs of all segments.
std::int64_t plan(const ActivationBatch& batch, SegmentEnds ends, std::span<const std::int64_t> rows_before,
                  StatisticsArguments& a) {
    a.input = batch.values;
    a.samples = batch.samples;
    a.length = batch.length;
    a.columns = batch.columns;
    a.stride = batch.row_stride;
    a.slab_rows = rows_of_slab(batch);
    std::int64_t begin = 0, slabs = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
        const std::int64_t length = ends[i] - begin;
        const std::int64_t here = (batch.samples * length + a.slab_rows - 1) / a.slab_rows;
        a.segments[i] = {begin, length, rows_before.empty() ? 0 : rows_before[i], static_cast<int>(slabs),
                         static_cast<int>(here)};
        slabs += here;
        begin = ends[i];
    }
    return slabs;
}

template <class T>
void launch(const ActivationBatch& batch, const StatisticsArguments& arguments, std::int64_t slabs,
            cudaStream_t stream) {
    static const EighthTable eighths = eighth_table();
    const dim3 grid(static_cast<unsigned int>(column_groups(batch)), static_cast<unsigned int>(slabs));
    if (in_fours(batch))
        statistics_of_slabs<T, 4><<<grid, warps * 32, 0, stream>>>(arguments, eighths);
    else
        statistics_of_slabs<T, 1><<<grid, warps * 32, 0, stream>>>(arguments, eighths);
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

} // namespace

std::size_t statistics_workspace_bytes(const ActivationBatch& batch, SegmentEnds ends) {
    StatisticsArguments arguments{};
    return static_cast<std::size_t>(plan(batch, ends, {}, arguments) * batch.columns) * sizeof(ColumnPart);
}

void accumulate_statistics(const ActivationBatch& batch, SegmentEnds ends, std::span<const std::int64_t> rows_before,
                           const SiteAccumulators& out, void* workspace, cudaStream_t stream) {
    StatisticsArguments arguments{};
    const std::int64_t slabs = plan(batch, ends, rows_before, arguments);
    arguments.parts = static_cast<ColumnPart*>(workspace);
    arguments.histogram = reinterpret_cast<unsigned long long*>(out.histogram);
    constexpr std::size_t counts = 2 * histogram_bins;
    for (std::size_t i = 0; i < ends.size(); ++i)
        if (rows_before[i] == 0)
            GRATICULE_CUDA_CHECK(cudaMemsetAsync(out.histogram + i * counts, 0, counts * sizeof(std::int64_t), stream));
    if (batch.type == ValueType::bf16)
        launch<__nv_bfloat16>(batch, arguments, slabs, stream);
    else if (batch.type == ValueType::f16)
        launch<__half>(batch, arguments, slabs, stream);
    else
        launch<float>(batch, arguments, slabs, stream);
    const dim3 grid(static_cast<unsigned int>((batch.columns + 127) / 128), static_cast<unsigned int>(ends.size()));
    join_slabs<<<grid, 128, 0, stream>>>(arguments, out);
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

} // namespace graticule::cuda
