// One line of the layer table: what is known about a linear now. Plain data, filled by the session as it becomes known.
#pragma once

#include <QtCore/QString>
#include <QtCore/QStringList>
#include <cstdint>
#include <optional>

#include "core/base/ids.h"

namespace graticule {

struct LayerRow {
    LayerId id{};
    int block = 0;
    QString kind; ///< "q", "down": what filters compare with kind=
    QString name; ///< "layers.3.self_attn.q_proj"
    QString leaf; ///< "q_proj"
    std::int64_t rows = 0, columns = 0;
    std::optional<double> absmax;            ///< of the input, over all calibration tokens
    std::optional<double> outlier_ratio;     ///< largest channel over the median channel
    std::optional<double> underflow_percent; ///< of the weights, under the layer's scheme
    std::optional<double> sqnr_db;           ///< of the output, under the layer's scheme
    std::optional<double> weight_sqnr_db;
    std::optional<double> input_underflow_percent; ///< of the inputs that are not zero
    std::optional<double> input_share_percent;     ///< of the output error, made by quantizing the input
    std::optional<double> bits;                    ///< stored per weight
    std::optional<double> damage;                  ///< predicted: nats per token, this linear alone under its scheme
    std::optional<double> damage_measured;
    bool estimated = false; ///< the two are of a what-if; false: measured by a run
    bool doubtful = false;  ///< of a method that had fewer rows than inputs to fit itself to
    QString basis;          ///< "measured", "estimated from 512 rows"; empty: nothing known
    QStringList schemes;    ///< "dINT4 channel / A8", then in ever fewer words: as many texts in every row
    QString scheme_line;    ///< the notation, for the tooltip
    bool edited = false;    ///< differs from the reference recipe
    bool ignored = false;
    std::int64_t bytes_before = 0, bytes_after = 0;
    bool operator==(const LayerRow&) const = default;
};

} // namespace graticule
