// The models that were opened before, newest first, kept in the settings.
#pragma once

#include <QtCore/QString>
#include <vector>

#include "widgets/panels/welcome_page.h"

class QSettings;

namespace graticule {

[[nodiscard]] std::vector<RecentModel> recent_models(QSettings& settings);
/// The models that ship with the program; empty when its resources are not there (opening one by name says why).
[[nodiscard]] std::vector<RecentModel> shipped_models();
void remember_model(QSettings& settings, const QString& path);
void forget_model(QSettings& settings, const QString& path);

} // namespace graticule
