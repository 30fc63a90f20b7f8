// "Explain this number": the computation behind a figure of one layer, with this layer's own numbers.
#pragma once

#include <QtCore/QString>
#include <optional>

#include "app/session/session.h"

namespace graticule {

struct Explanation {
    QString title; ///< "layers.3.self_attn.v_proj: outlier ratio"
    QString lines; ///< plain text: definition, computation, basis
};
/// `column` of LayerTableModel. Absent: that column holds words, or the figure is not known yet.
[[nodiscard]] std::optional<Explanation> explain_figure(const Session& session, LayerId layer, int column);

} // namespace graticule
