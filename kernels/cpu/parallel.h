// Work split into bands whose number and size depend on the shape alone; threads take bands, results are merged in band
// order, so sums are the same bits however many threads there are.
#pragma once

#include <cstdint>
#include <functional>

namespace graticule::cpu {

/// Rows of one band: about 64 Ki elements, a multiple of `granule` rows.
[[nodiscard]] std::int64_t band_rows(std::int64_t rows, std::int64_t columns, std::int64_t granule);

/// Threads that for_each_band uses at most.
[[nodiscard]] std::int64_t most_threads();

/// Calls work(band) for every band, on several threads where `elements` in all make that worth it. The first exception
/// is passed on.
void for_each_band(std::int64_t bands, std::int64_t elements, const std::function<void(std::int64_t)>& work);

} // namespace graticule::cpu
