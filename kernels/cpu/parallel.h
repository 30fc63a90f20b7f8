// Work split into bands whose number and size depend on the shape alone; threads take bands, results are merged in band
// order, so sums are the same bits however many threads there are.
#pragma once

#include <cstdint>
#include <functional>

namespace graticule::cpu {

/// Rows of one band: about 64 Ki elements, a multiple of `granule` rows.
[[nodiscard]] std::int64_t band_rows(std::int64_t rows, std::int64_t columns, std::int64_t granule);

/// What a loop waits for: memory, which some threads read as fast as all of them, or the processors themselves.
enum class BoundBy : std::uint8_t { memory, processors };

/// Threads that for_each_band uses at most.
[[nodiscard]] std::int64_t most_threads(BoundBy bound);

/// Calls work(band) for every band, on several threads where `elements` in all make that worth it. After an exception no
/// band is begun; the first is passed on. May be called from several threads, and from a band.
void for_each_band(std::int64_t bands, std::int64_t elements, const std::function<void(std::int64_t)>& work,
                   BoundBy bound = BoundBy::memory);

} // namespace graticule::cpu
