#include "core/method/reach.h"

#include "core/method/fold.h"

namespace graticule {

const MethodRow* idle_transform(const Model& model, LayerId layer, const SchemeChoice& choice) {
    const auto transform = chosen<Transform>(choice);
    if (!transform) return nullptr;
    const FoldSite* site = fold_site_of(model, layer);
    const bool reached = site != nullptr && scale_fits(*site, model) &&
                         transform.method->applies(*site, complete_params(*transform.row, transform.params()));
    return reached ? nullptr : transform.row;
}

} // namespace graticule
