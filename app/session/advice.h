// What the session's figures suggest to change, worst first: each finding with its evidence and the recipe that follows
// from it. Nothing is computed that is not there already; what was not measured is not advised on.
#pragma once

#include <QtCore/QString>
#include <vector>

#include "app/session/session.h"

namespace graticule {

struct Advice {
    QString title;     ///< what was found: "Weights vanish in 16 linears"
    QString evidence;  ///< the figures behind it
    QString action;    ///< what the button says; also the name of the undoable step
    Recipe recipe;     ///< the recipe with it, which works
    double weight = 0; ///< share of the harm that it is about, 0 to 1: what the order goes by
};

/// By weight. A change that the recipe could not work with is left out.
[[nodiscard]] std::vector<Advice> advice_for(const Session& session);

/// The same scheme with weights of 8 bits per channel and no methods.
[[nodiscard]] SchemeChoice with_eight_bits(SchemeChoice choice);

} // namespace graticule
