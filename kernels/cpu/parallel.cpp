#include "kernels/cpu/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "kernels/cpu/workers.h"

namespace graticule::cpu {
namespace {

constexpr std::int64_t elements_per_band = std::int64_t{1} << 16;
constexpr std::int64_t elements_per_thread = std::int64_t{1} << 19; // of most loops about 0.3 ms

} // namespace

/// Loops that are bound by memory gain nothing beyond 16.
std::int64_t most_threads(BoundBy bound) {
    // Asked once: the system answers by reading a file, which takes longer than a small matrix.
    static const auto all = std::max<std::int64_t>(std::int64_t{std::thread::hardware_concurrency()}, 1);
    return bound == BoundBy::memory ? std::min<std::int64_t>(all, 16) : all;
}

std::int64_t band_rows(std::int64_t rows, std::int64_t columns, std::int64_t granule) {
    const std::int64_t wanted = std::max<std::int64_t>(1, elements_per_band / std::max<std::int64_t>(1, columns));
    return std::min(rows, (wanted + granule - 1) / granule * granule);
}

void for_each_band(std::int64_t bands, std::int64_t elements, const std::function<void(std::int64_t)>& work,
                   BoundBy bound) {
    const std::int64_t useful = std::min<std::int64_t>({bands, elements / elements_per_thread, most_threads(bound)});
    if (useful <= 1) {
        for (std::int64_t band = 0; band < bands; ++band) work(band);
        return;
    }
    std::atomic<std::int64_t> next{0};
    std::mutex failure_lock;
    std::exception_ptr failure;
    const auto take_bands = [&] {
        try {
            for (std::int64_t band = next++; band < bands; band = next++) work(band);
        } catch (...) {
            next = bands;
            const std::lock_guard lock(failure_lock);
            if (!failure) failure = std::current_exception();
        }
    };
    work_together(static_cast<int>(useful - 1), take_bands);
    if (failure) std::rethrow_exception(failure);
}

} // namespace graticule::cpu
