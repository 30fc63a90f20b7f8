// The session as small multiples: the input of every linear.
#pragma once

#include <QtCore/QString>

#include "app/session/session.h"
#include "widgets/models/multiples_model.h"

namespace graticule {

struct MultiplesShown {
    Multiples multiples;
    QString about; ///< what the cells show, in a sentence; empty: there are none
};
[[nodiscard]] MultiplesShown input_multiples(const Session& session);
/// The linear that stands for all that read the same input as this one.
[[nodiscard]] LayerId first_reader(const Session& session, LayerId layer);

} // namespace graticule
