// Counts of one call, kept apart for each band and added up in band order.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cpu/quantize_run.h"

namespace graticule::cpu {

class BandCounts {
public:
    BandCounts(QuantizeCounts* out, std::int64_t bands)
        : out_(out)
        , bands_(out == nullptr ? 0 : static_cast<std::size_t>(bands)) {}

    [[nodiscard]] QuantizeCounts* of(std::int64_t band) {
        return out_ == nullptr ? nullptr : &bands_[static_cast<std::size_t>(band)];
    }
    void finish() {
        if (out_ == nullptr) return;
        *out_ = QuantizeCounts{};
        for (const QuantizeCounts& part : bands_) add_counts(*out_, part);
    }

private:
    QuantizeCounts* out_;
    std::vector<QuantizeCounts> bands_;
};

} // namespace graticule::cpu
