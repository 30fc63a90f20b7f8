// Items of a task in words: what was asked, what is right, what each side chose.
#pragma once

#include "app/session/session.h"
#include "widgets/panels/task_panel.h"

namespace graticule {

/// `norm`: what each chose by its scores per byte.
[[nodiscard]] ItemWords item_words(const TaskStudy& study, std::size_t item, bool norm);

} // namespace graticule
