// The window that something on disk is of, known to others by a file that it holds for as long as it is there: what a
// killed one left is told from what another one is at.
#pragma once

#include <QtCore/QSet>
#include <QtCore/QString>
#include <mutex>
#include <optional>

#include "core/io/aside.h"

namespace graticule {

class WindowMark {
public:
    WindowMark();
    [[nodiscard]] const QString& name() const { return name_; }
    /// From now on there() finds it in this folder. Of any thread; what was held stays held. Throws Error{bad_input}.
    void hold(const QString& folder);
    /// Names of those that are there.
    [[nodiscard]] static QSet<QString> there(const QString& folder);

private:
    const QString name_;
    std::mutex mutex_;
    std::optional<Aside> held_;
};

} // namespace graticule
